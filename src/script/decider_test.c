/* decider_test.c - deciders in Lua through factum_transact and folds, and files of tests. Layer:
 * script. */
#include <stdlib.h>

#include <factum/script.h>
#include <factum/testing.h>

#include "core/slice.h"
#include "os/thread.h"
#include "support/test.h"

static const char account[] =
    "initial = { balance = 0, seen = json.array() }\n"
    "function evolve(state, event)\n"
    "  if event.type == 'Deposited' then state.balance = state.balance + event.data.amount end\n"
    "  if event.type == 'Withdrawn' then state.balance = state.balance - event.data.amount end\n"
    "  state.seen[#state.seen + 1] = event.revision\n"
    "  return state\n"
    "end\n"
    "function decide(state, command)\n"
    "  local amount = command.data.amount\n"
    "  if command.name == 'Deposit' then\n"
    "    return { type = 'Deposited', data = { amount = amount, by = command.id } }\n"
    "  elseif command.name == 'Withdraw' then\n"
    "    if amount > state.balance then\n"
    "      return { reject = 'account.too_little', text = 'there is ' .. state.balance }\n"
    "    end\n"
    "    state.balance = -1000000\n"
    "    return { { type = 'Withdrawn', data = { amount = amount } }, { type = 'Noted' } }\n"
    "  elseif command.name == 'Nothing' then return {}\n"
    "  elseif command.name == 'Nil' then return nil\n"
    "  elseif command.name == 'Loop' then while true do end\n"
    "  elseif command.name == 'Fail' then error('no ' .. command.name)\n"
    "  elseif command.name == 'Strange' then return command.data.v\n"
    "  end\n"
    "end\n";

struct fixture {
    int64_t time; /* of the next command */
    factum_store *store;
    factum_script_decider *decider;
    factum_error err;
    factum_result result;
};

static factum_status open_script(const char *text, const char *name,
                                 factum_script_decider **decider, factum_error *err)
{
    factum_script script = {.size = sizeof script,
                            .text = factum_slice_from(text),
                            .name = "account.lua",
                            .cpu_ms_max = 5000}; /* a million steps are slow with a sanitizer */
    return factum_script_decider_open(&script, name, decider, err);
}

static void set_up(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof *f);
    f->time = 5;
    factum_lua_enable();
    assert_ok(factum_testing_open_memory(NULL, &f->store, &f->err), f->err);
    assert_ok(open_script(text, "account", &f->decider, &f->err), f->err);
}

static void tear_down(struct fixture *f)
{
    factum_script_decider_close(f->decider);
    assert_ok(factum_close(f->store, &f->err), f->err);
}

static factum_status send(struct fixture *f, const char *name, const char *data, const char *id)
{
    bool query = factum_script_has_query(f->decider);
    factum_script_command command = {
        .size = sizeof command,
        .decider = f->decider,
        .name = factum_slice_from(name),
        .id = FCT_SLICE("1"),
        .data = factum_slice_from(data),
        .time = f->time,
        .stream = FCT_SLICE("account-1"),
    };
    factum_transact_request request = {
        .size = sizeof request,
        .stream = query ? fct_slice(NULL, 0) : FCT_SLICE("account-1"),
        .command = &command,
        .command_id = factum_slice_from(id),
    };
    return factum_transact(f->store, factum_script_decider_get(f->decider), &request, &f->result,
                           &f->err);
}

static void state_is(struct fixture *f, const char *wanted)
{
    factum_fold *fold;
    factum_fold_info info = {.size = sizeof info};
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("account-1")};
    factum_slice json;
    assert_ok(factum_fold_create(factum_script_decider_get(f->decider), NULL, &fold, &f->err),
              f->err);
    factum_status status = factum_fold_read(fold, f->store, &request, &f->err);
    assert_true(status == FACTUM_OK || status == FACTUM_STREAM_NOT_FOUND);
    assert_ok(factum_fold_get(fold, &info, &f->err), f->err);
    assert_ok(factum_script_state_json(f->decider, info.state, &json, &f->err), f->err);
    assert_int_equal(json.len, strlen(wanted));
    assert_memory_equal(json.ptr, wanted, json.len);
    factum_fold_destroy(fold);
}

TEST(commands_are_decided_on_the_state)
{
    struct fixture f;
    set_up(&f, account);
    state_is(&f, "{\"balance\":0,\"seen\":[]}");
    assert_ok(send(&f, "Withdraw", "{\"amount\":1}", ""), f.err);
    assert_int_equal(f.result.verdict, FACTUM_REJECTED);
    assert_string_equal(f.result.code, "account.too_little");
    assert_string_equal(f.result.text, "there is 0");
    assert_ok(send(&f, "Deposit", "{\"amount\":10}", "k1"), f.err);
    assert_int_equal(f.result.verdict, FACTUM_ACCEPTED);
    assert_ok(send(&f, "Deposit", "{\"amount\":10}", "k1"), f.err);
    assert_true(f.result.already);
    assert_status(send(&f, "Deposit", "{\"amount\":11}", "k1"), FACTUM_KEY_CONFLICT);
    assert_ok(send(&f, "Withdraw", "{\"amount\":4}", ""), f.err);
    assert_int_equal(f.result.event_count, 2);
    assert_ok(send(&f, "Nothing", "", ""), f.err);
    assert_int_equal(f.result.verdict, FACTUM_NOOP);
    state_is(&f, "{\"balance\":6,\"seen\":[0,1,2]}");
    static const char wanted[] =
        "{\"stream\":\"account-1\",\"type\":\"Deposited\",\"data\":{\"amount\":10,\"by\":\"1\"}}\n"
        "{\"stream\":\"account-1\",\"type\":\"Withdrawn\",\"data\":{\"amount\":4}}\n"
        "{\"stream\":\"account-1\",\"type\":\"Noted\",\"data\":{}}\n";
    assert_ok(factum_testing_expect(f.store, "account-1", wanted, &f.err), f.err);
    tear_down(&f);
}

/* The script fails in |name|: nothing is written, and the message contains |why|. */
static void fails(struct fixture *f, const char *name, const char *data, factum_status status,
                  const char *why)
{
    uint64_t before;
    uint64_t after;
    assert_ok(factum_visible_place(f->store, &before, &f->err), f->err);
    assert_status(send(f, name, data, ""), status);
    assert_text(f->err, why);
    assert_ok(factum_visible_place(f->store, &after, &f->err), f->err);
    assert_int_equal(before, after);
}

TEST(a_script_that_fails_writes_nothing)
{
    struct fixture f;
    set_up(&f, account);
    fails(&f, "Fail", "{}", FACTUM_INVALID, "account.lua:21: no Fail");
    fails(&f, "Loop", "{}", FACTUM_TOO_BIG, "account.lua:20: stopped after 1,000,000 instructions");
    fails(&f, "Nil", "{}", FACTUM_INVALID, "decide returned nothing");
    fails(&f, "Withdraw", "{}", FACTUM_INVALID, "account.lua:13: attempt to compare");
    fails(&f, "Nothing", "{", FACTUM_INVALID, "the command's data: not valid JSON");
    fails(&f, "Strange", "{\"v\":5}", FACTUM_INVALID, "neither an event");
    fails(&f, "Strange", "{\"v\":[5]}", FACTUM_INVALID, "not an event in it");
    fails(&f, "Strange", "{\"v\":{\"typ\":\"A\"}}", FACTUM_INVALID, "what is \"typ\"?");
    fails(&f, "Strange", "{\"v\":{\"data\":{}}}", FACTUM_INVALID, "type is missing");
    fails(&f, "Strange", "{\"v\":{\"type\":5}}", FACTUM_INVALID, "type is missing or not a text");
    fails(&f, "Strange", "{\"v\":{\"type\":\"a\\u0000\"}}", FACTUM_INVALID, "character");
    fails(&f, "Strange", "{\"v\":{\"reject\":\"x\",\"type\":\"A\"}}", FACTUM_INVALID,
          "what is \"type\"?");
    fails(&f, "Strange", "{\"v\":{\"reject\":5}}", FACTUM_INVALID,
          "reject is missing or not a text");
    fails(&f, "Strange", "{\"v\":{\"type\":\"A\",\"tags\":\"x\"}}", FACTUM_INVALID,
          "tags are a list");
    fails(&f, "Strange", "{\"v\":{\"type\":\"A\",\"stream\":\"other-1\"}}", FACTUM_INVALID,
          "other-1");
    assert_ok(send(&f, "Deposit", "{\"amount\":1}", ""), f.err); /* and works after the failure */
    assert_ok(send(&f, "Deposit", "{\"amount\":\"x\"}", ""), f.err);
    fails(&f, "Deposit", "{\"amount\":1}", FACTUM_INVALID, "account.lua:3: attempt to perform");
    assert_text(f.err, "event Deposited, revision 1");
    tear_down(&f);
}

TEST(a_script_that_lacks_something_is_refused)
{
    factum_lua_enable();
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"", "there is no function evolve"},
        {"function evolve() end", "there is no function decide"},
        {"function evolve() end function decide() end", "there is no initial"},
        {"initial = function() end function evolve() end function decide() end", "not JSON"},
        {"initial = {} function evolve() end function decide() end query = 1",
         "query is not a function"},
        {"initial = = 1", "account.lua:1: unexpected symbol"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        factum_script_decider *decider = NULL;
        factum_error err;
        assert_status(open_script(cases[i].text, "account", &decider, &err), FACTUM_INVALID);
        assert_text(err, cases[i].why);
        assert_null(decider);
    }
}

static const char unique[] =
    "initial = { taken = false }\n"
    "function query(command) return { { tags = { 'email:' .. command.data.email } } } end\n"
    "function evolve(state, event) return { taken = true, who = event.metadata['$correlationId'],\n"
    "  at = event.time } end\n"
    "function decide(state, command)\n"
    "  if state.taken then return { reject = 'user.taken' } end\n"
    "  return { type = 'Registered', data = command.data, tags = { 'email:' .. command.data.email "
    "} }\n"
    "end\n";

TEST(a_query_makes_a_decision_unique)
{
    struct fixture f;
    set_up(&f, unique);
    assert_true(factum_script_has_query(f.decider));
    assert_ok(send(&f, "Register", "{\"email\":\"a@b\"}", ""), f.err);
    assert_int_equal(f.result.verdict, FACTUM_ACCEPTED);
    assert_ok(send(&f, "Register", "{\"email\":\"a@b\"}", ""), f.err);
    assert_int_equal(f.result.verdict, FACTUM_REJECTED);
    assert_ok(send(&f, "Register", "{\"email\":\"c@d\"}", ""), f.err);
    assert_int_equal(f.result.verdict, FACTUM_ACCEPTED);
    fails(&f, "Register", "{}", FACTUM_INVALID, "account.lua:2:");
    tear_down(&f);
}

/* ---- repeats over a query -------------------------------------------------------------------- */

#define REGISTER                                                                                   \
    "initial = {} function evolve(state, event) return { n = (state.n or 0) + 1 } end\n"           \
    "function decide(state, command)\n"                                                            \
    "  if state.n then return { reject = 'taken' } end\n"                                          \
    "  return { type = 'Registered', tags = { 'x', 'day:' .. command.time // 10 } }\n"             \
    "end\n"

static void use_script(struct fixture *f, const char *text)
{
    factum_script_decider_close(f->decider);
    assert_ok(open_script(text, "account", &f->decider, &f->err), f->err);
}

/* Sends the command of k1 again: its first answer is that of |position|. */
static void is_repeat(struct fixture *f, uint64_t position)
{
    assert_ok(send(f, "Register", "{}", "k1"), f->err);
    assert_true(f->result.already);
    assert_int_equal(f->result.verdict, FACTUM_ACCEPTED);
    assert_int_equal(f->result.position, position);
}

TEST(a_repeat_gets_its_answer_at_any_time_and_from_any_version)
{
    struct fixture f;
    set_up(&f, REGISTER "function query(c) return { { tags = { 'day:' .. c.time // 10 } } } end");
    assert_ok(send(&f, "Register", "{}", "k1"), f.err);
    assert_false(f.result.already);
    const uint64_t position = f.result.position;
    is_repeat(&f, position);
    f.time = 500; /* now the query is another one */
    is_repeat(&f, position);
    use_script(&f, REGISTER "function query(c) return { { types = { 'A' }, tags = { 'x' } } } end");
    is_repeat(&f, position);
    use_script(&f, REGISTER "function query(c) error('no query') end");
    is_repeat(&f, position);
    fails(&f, "Register", "{}", FACTUM_INVALID, "no query"); /* without an id the query runs */
    use_script(&f, REGISTER "function query(c) return { { tags = { 'x' } } } end");
    assert_status(send(&f, "Register", "{\"n\":1}", "k1"), FACTUM_KEY_CONFLICT);
    assert_status(send(&f, "Other", "{}", "k1"), FACTUM_KEY_CONFLICT);
    assert_ok(send(&f, "Register", "{}", "k2"), f.err);
    assert_int_equal(f.result.verdict, FACTUM_REJECTED);
    tear_down(&f);
}

/* ---- boxes that were used -------------------------------------------------------------------- */

static factum_status open_small(const char *text, factum_script_decider **decider,
                                factum_error *err)
{
    factum_script script = {.size = sizeof script,
                            .text = factum_slice_from(text),
                            .name = "account.lua",
                            .memory_max = (uint64_t)2 << 20,
                            .cpu_ms_max = 5000};
    return factum_script_decider_open(&script, "account", decider, err);
}

static factum_status send_to(struct fixture *f, const char *stream, const char *name)
{
    const factum_script_command command = {
        .size = sizeof command, .decider = f->decider, .name = factum_slice_from(name)};
    const factum_transact_request request = {
        .size = sizeof request, .stream = factum_slice_from(stream), .command = &command};
    return factum_transact(f->store, factum_script_decider_get(f->decider), &request, &f->result,
                           &f->err);
}

/* Creating a text of 0.8 MB needs 1.6 MB for a moment: 2 MiB have no room for another one. */
TEST(a_used_box_has_the_memory_of_a_fresh_one)
{
    struct fixture f;
    set_up(&f, account);
    factum_script_decider_close(f.decider);
    assert_ok(open_small("initial = {}\n"
                         "local function big() return ('0123456789'):rep(80000) end\n"
                         "function evolve(state, event) return { text = big() } end\n"
                         "function decide(state, command)\n"
                         "  if command.name == 'Think' and #big() == 0 then return nil end\n"
                         "  if command.name == 'Noop' then return {} end\n"
                         "  return { type = 'A' }\n"
                         "end\n",
                         &f.decider, &f.err),
              f.err);
    assert_ok(send_to(&f, "account-1", "Make"), f.err);
    assert_ok(send_to(&f, "account-1", "Noop"), f.err);  /* its box has had a state of 0.8 MB */
    assert_ok(send_to(&f, "account-2", "Think"), f.err); /* decides on initial */
    assert_ok(send_to(&f, "account-1", "Noop"), f.err);
    assert_ok(send_to(&f, "account-1", "Noop"), f.err); /* evolve creates the state again */
    assert_status(send_to(&f, "account-1", "Think"), FACTUM_TOO_BIG); /* the two together */
    assert_text(f.err, "stopped: more than 2,097,152 bytes of memory");
    assert_ok(send_to(&f, "account-3", "Think"), f.err);
    tear_down(&f);
}

TEST(data_of_too_many_values_names_the_limit)
{
    struct fixture f;
    static char data[1 << 20];
    set_up(&f, account);
    factum_script_decider_close(f.decider);
    assert_ok(open_small(account, &f.decider, &f.err), f.err);
    size_t len = (size_t)snprintf(data, sizeof data, "{\"v\":[0");
    while (len < sizeof data - 8) {
        len += (size_t)snprintf(data + len, sizeof data - len, ",0");
    }
    (void)snprintf(data + len, sizeof data - len, "]}");
    fails(&f, "Strange", data, FACTUM_TOO_BIG,
          "the command's data: JSON that needs more than 2,097,152 bytes of memory");
    assert_ok(send(&f, "Deposit", "{\"amount\":1}", ""), f.err);
    tear_down(&f);
}

/* 63 bytes, the last of which would be the first half of a character. */
TEST(a_code_is_not_cut_inside_a_character)
{
    struct fixture f;
    set_up(&f, "initial = {} function evolve(state) return state end\n"
               "function decide(state, command) return { reject = ('\xc3\xa4'):rep(100),\n"
               "  text = ('\xc3\xa4'):rep(1000) } end");
    assert_ok(send(&f, "Any", "{}", ""), f.err);
    assert_int_equal(f.result.verdict, FACTUM_REJECTED);
    assert_int_equal(strlen(f.result.code), 62);
    assert_true(fct_utf8_valid(factum_slice_from(f.result.code)));
    assert_int_equal(strlen(f.result.text), 254);
    assert_true(fct_utf8_valid(factum_slice_from(f.result.text)));
    tear_down(&f);
}

static void *deposit_often(struct fixture *f)
{
    for (int i = 0; i < 50; i++) {
        factum_status status = send(f, "Deposit", "{\"amount\":1}", "");
        if (status != FACTUM_OK && status != FACTUM_WRONG_REVISION) {
            return f;
        }
        i -= status == FACTUM_OK ? 0 : 1;
    }
    return NULL;
}

static void run_deposits(void *data)
{
    struct fixture *f = data;
    f->result.reserved[0] = deposit_often(f) == NULL ? 0 : 1;
}

TEST(threads_share_a_decider)
{
    struct fixture f;
    struct fixture each[4];
    struct fct_thread threads[4] = {{.started = false}};
    set_up(&f, account);
    for (size_t i = 0; i < 4; i++) {
        each[i] = f;
        assert_ok(fct_thread_start(&threads[i], "deposits", run_deposits, &each[i], &f.err), f.err);
    }
    for (size_t i = 0; i < 4; i++) {
        fct_thread_join(&threads[i]);
        assert_int_equal(each[i].result.reserved[0], 0);
    }
    uint64_t count;
    assert_ok(factum_count_events(f.store, FACTUM_SOURCE_STREAM, FCT_SLICE("account-1"), 0,
                                  UINT64_MAX, &count, &f.err),
              f.err);
    assert_int_equal(count, 200);
    tear_down(&f);
}

struct outcomes {
    int passed;
    int failed;
    char text[4096];
};

static void note_case(void *data, const factum_script_case *outcome)
{
    struct outcomes *to = data;
    to->passed += outcome->passed ? 1 : 0;
    to->failed += outcome->passed ? 0 : 1;
    size_t len = strlen(to->text);
    (void)snprintf(to->text + len, sizeof to->text - len, "%d %.*s\n%.*s", (int)outcome->line,
                   (int)outcome->name.len, (const char *)outcome->name.ptr, (int)outcome->text.len,
                   (const char *)outcome->text.ptr);
}

static factum_status run_file(struct fixture *f, const char *text, struct outcomes *to)
{
    factum_script tests = {
        .size = sizeof tests, .text = factum_slice_from(text), .name = "account_test.lua"};
    factum_script_cases cases = {to, note_case};
    memset(to, 0, sizeof *to);
    return factum_script_test(f->decider, &tests, &cases, &f->err);
}

TEST(files_of_tests_show_the_difference)
{
    struct fixture f;
    struct outcomes to;
    set_up(&f, account);
    static const char good[] =
        "local ten = { type = 'Deposited', data = { amount = 10 } }\n"
        "test('a deposit', { when = { name = 'Deposit', data = { amount = 5 }, id = '7' },\n"
        "  expect = { type = 'Deposited', data = { by = '7', amount = 5 } } })\n"
        "test('too little', { given = { ten }, when = { name = 'Withdraw', data = { amount = 11 } "
        "},\n"
        "  expect = { reject = 'account.too_little', text = 'there is 10' } })\n"
        "test('enough', { given = ten, when = { name = 'Withdraw', data = { amount = 10 } },\n"
        "  expect = { { type = 'Withdrawn' }, { type = 'Noted', data = {} } },\n"
        "  state = { balance = 0, seen = { 0, 1, 2 } } })\n"
        "test('nothing', { when = { name = 'Nothing' }, expect = {} })\n"
        "test('a fold', { given = { ten, ten }, state = { balance = 20, seen = { 0, 1 } } })\n";
    assert_ok(run_file(&f, good, &to), f.err);
    if (to.failed > 0) {
        print_error("%s\n", to.text);
    }
    assert_int_equal(to.passed, 5);
    assert_int_equal(to.failed, 0);
    static const char bad[] =
        "test('other data', { when = { name = 'Deposit', data = { amount = 5 } },\n"
        "  expect = { type = 'Deposited', data = { amount = 6 } } })\n"
        "test('no rejection', { when = { name = 'Deposit', data = { amount = 5 } },\n"
        "  expect = { reject = 'x' } })\n"
        "test('state', { state = { balance = 1 } })\n"
        "test('typo', { expct = 1 })\n"
        "test('fails', { when = { name = 'Fail' }, expect = {} })\n"
        "test('none', {})\n";
    assert_ok(run_file(&f, bad, &to), f.err);
    assert_int_equal(to.failed, 6);
    assert_non_null(strstr(to.text, "1 other data\nexpected:\n  Deposited {\"amount\":6}\n"
                                    "got:\n  Deposited {\"amount\":5,\"by\":\"1\"}\n"));
    assert_non_null(strstr(to.text, "3 no rejection\nexpected:\n  rejected: x\n"));
    assert_non_null(strstr(to.text, "got state:\n  {\"balance\":0,\"seen\":[]}"));
    assert_non_null(strstr(to.text, "what is expct?"));
    assert_non_null(strstr(to.text, "account.lua:21: no Fail"));
    assert_status(run_file(&f, "", &to), FACTUM_INVALID);
    assert_text(f.err, "account_test.lua: no test in it");
    assert_status(run_file(&f, "test('x')", &to), FACTUM_INVALID);
    assert_text(f.err, "account_test.lua:1:");
    tear_down(&f);
}

TEST(a_script_with_a_memory_of_its_own_is_found_out)
{
    struct fixture f;
    struct outcomes to;
    set_up(&f, "initial = {} local n = 0 function evolve(s) return s end\n"
               "function decide(s, c) n = n + 1 return { type = 'A', data = { n = n } } end");
    assert_ok(run_file(&f, "test('x', { when = { name = 'A' }, expect = { type = 'A' } })", &to),
              f.err);
    assert_int_equal(to.failed, 1);
    assert_non_null(strstr(to.text, "keeps something outside of its state"));
    tear_down(&f);
}

/* Must be the first test: no host is enabled yet. */
TEST(without_a_host_scripts_are_not_supported)
{
    factum_script_decider *decider;
    factum_error err;
    assert_status(open_script(account, "account", &decider, &err), FACTUM_UNSUPPORTED);
    assert_text(err, "factum_lua_enable()");
    assert_status(open_script(account, "", &decider, &err), FACTUM_INVALID);
    assert_null(factum_script_decider_get(NULL));
    assert_false(factum_script_has_query(NULL));
    factum_script_decider_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_a_host_scripts_are_not_supported),
        CASE(commands_are_decided_on_the_state),
        CASE(a_script_that_fails_writes_nothing),
        CASE(a_script_that_lacks_something_is_refused),
        CASE(a_query_makes_a_decision_unique),
        CASE(a_repeat_gets_its_answer_at_any_time_and_from_any_version),
        CASE(a_used_box_has_the_memory_of_a_fresh_one),
        CASE(data_of_too_many_values_names_the_limit),
        CASE(a_code_is_not_cut_inside_a_character),
        CASE(threads_share_a_decider),
        CASE(files_of_tests_show_the_difference),
        CASE(a_script_with_a_memory_of_its_own_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
