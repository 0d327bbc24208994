/* deploy_cases.c - deployed deciders (deploy.h) and blame, on every kind of store. Run by
 * decider_test.c. The list is empty in a build without Lua. */
#include "fixture.h"

#ifdef FCT_WITH_LUA
#include <factum/deploy.h>

#define COUNTER_LUA                                                                                \
    "initial = { sum = 0 }\n"                                                                      \
    "function evolve(state, event) state.sum = state.sum + event.data.n return state end\n"        \
    "function decide(state, command) return { type = 'Added', data = { n = 1 } } end\n"
#define ACCOUNT FCT_SLICE("account")

static factum_status deploy(struct fixture *f, const char *text, factum_deployment *done)
{
    *done = (factum_deployment){.size = sizeof *done};
    factum_lua_enable();
    return factum_decider_deploy(f->store, ACCOUNT, factum_slice_from(text), NULL, done, &f->err);
}

static void append_definition(struct fixture *f, const char *type, const char *data)
{
    const factum_new_event event = {.stream = FCT_SLICE("$definition:decider-account"),
                                    .type = factum_slice_from(type),
                                    .data = factum_slice_from(data)};
    const factum_expectation any = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &any,
                                           .expectation_count = 1,
                                           .system = true};
    OK(factum_append(f->store, &request, NULL, NULL, &f->err));
}

TEST(what_is_deployed_is_found_with_its_history)
{
    struct fixture *f = *state;
    factum_deployment done;
    factum_deployed *found;
    const uint64_t first = 0;
    const uint64_t third = 2;
    OK(deploy(f, COUNTER_LUA, &done));
    assert_int_equal(done.revision, 0);
    assert_false(done.already);
    const factum_deploy_options options = {
        .size = sizeof options, .by = FCT_SLICE("ann"), .why = FCT_SLICE("a \"better\" one\n")};
    OK(factum_decider_deploy(f->store, ACCOUNT, FCT_SLICE(COUNTER_LUA "-- 2\n"), &options, &done,
                             &f->err));
    assert_int_equal(done.revision, 1);
    OK(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err));
    assert_true(fct_slice_equal(found->text, FCT_SLICE(COUNTER_LUA "-- 2\n")));
    assert_true(fct_slice_equal(found->hash, factum_slice_from(done.hash)));
    assert_true(fct_slice_equal(found->by, options.by));
    assert_true(fct_slice_equal(found->why, options.why));
    assert_true(fct_slice_equal(found->category, ACCOUNT));
    assert_int_equal(found->revision, 1);
    assert_int_equal(found->position, done.position);
    factum_deployed_free(found);
    OK(factum_decider_find(f->store, ACCOUNT, &first, &found, &f->err));
    assert_true(fct_slice_equal(found->text, FCT_SLICE(COUNTER_LUA)));
    assert_int_equal(found->why.len, 0);
    factum_deployed_free(found);
    assert_status(factum_decider_find(f->store, ACCOUNT, &third, &found, &f->err),
                  FACTUM_NOT_FOUND);
    assert_text(f->err, "has no revision 2");
    assert_null(found);
}

TEST(the_same_text_again_changes_nothing)
{
    struct fixture *f = *state;
    factum_deployment done;
    OK(deploy(f, COUNTER_LUA, &done));
    const factum_deployment first = done;
    OK(deploy(f, COUNTER_LUA, &done));
    assert_true(done.already);
    assert_int_equal(done.revision, 0);
    assert_int_equal(done.position, first.position);
    assert_string_equal(done.hash, first.hash);
    OK(deploy(f, COUNTER_LUA "--\n", &done));
    OK(deploy(f, COUNTER_LUA, &done)); /* an earlier text is a new revision */
    assert_false(done.already);
    assert_int_equal(done.revision, 2);
}

TEST(a_script_that_does_not_open_is_not_deployed)
{
    struct fixture *f = *state;
    factum_deployment done;
    factum_deployed *found;
    assert_status(deploy(f, "initial = = 1", &done), FACTUM_INVALID);
    assert_text(f->err, "account.lua:1: ");
    const factum_deploy_options options = {.size = sizeof options, .name = "mine.lua"};
    assert_status(
        factum_decider_deploy(f->store, ACCOUNT, FCT_SLICE("\n\nx ="), &options, NULL, &f->err),
        FACTUM_INVALID);
    assert_text(f->err, "mine.lua:3: ");
    assert_status(deploy(f, "while true do end", &done), FACTUM_TOO_BIG);
    assert_status(deploy(f, "initial = {}", &done), FACTUM_INVALID);
    assert_status(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err), FACTUM_NOT_FOUND);
    assert_text(f->err, "no decider is deployed for the category account: deploy one");
}

TEST(names_that_are_no_category_are_refused)
{
    struct fixture *f = *state;
    factum_deployed *found;
    static const char *const names[] = {"", "a-b", "-", "$x", "$definition:decider", "\xff"};
    factum_lua_enable();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        factum_slice name = factum_slice_from(names[i]);
        assert_status(
            factum_decider_deploy(f->store, name, FCT_SLICE(COUNTER_LUA), NULL, NULL, &f->err),
            FACTUM_INVALID);
        assert_status(factum_decider_find(f->store, name, NULL, &found, &f->err), FACTUM_INVALID);
    }
}

TEST(an_expectation_that_does_not_hold_refuses)
{
    struct fixture *f = *state;
    factum_deployment done;
    OK(deploy(f, COUNTER_LUA, &done));
    factum_deploy_options options = {.size = sizeof options, .expected = factum_no_stream()};
    assert_status(factum_decider_deploy(f->store, ACCOUNT, FCT_SLICE(COUNTER_LUA "-- 2\n"),
                                        &options, &done, &f->err),
                  FACTUM_WRONG_REVISION);
    assert_text(f->err, "another caller has just deployed the decider");
    options.expected = factum_at(0);
    OK(factum_decider_deploy(f->store, ACCOUNT, FCT_SLICE(COUNTER_LUA "-- 2\n"), &options, &done,
                             &f->err));
    options.expected = factum_no_stream(); /* sent again after the first try was written */
    OK(factum_decider_deploy(f->store, ACCOUNT, FCT_SLICE(COUNTER_LUA "-- 2\n"), &options, &done,
                             &f->err));
    assert_true(done.already);
}

TEST(a_deleted_definition_does_not_exist_and_can_be_deployed_again)
{
    struct fixture *f = *state;
    factum_deployment done;
    factum_deployed *found;
    OK(deploy(f, COUNTER_LUA, &done));
    OK(factum_delete(f->store, FCT_SLICE("$definition:decider-account"), factum_any(), NULL,
                     &f->err));
    assert_status(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err), FACTUM_NOT_FOUND);
    OK(deploy(f, COUNTER_LUA, &done));
    assert_false(done.already);
    OK(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err));
    assert_int_equal(found->revision, done.revision);
    factum_deployed_free(found);
}

TEST(an_invalid_definition_is_refused_and_replaced_by_the_next)
{
    struct fixture *f = *state;
    static const char *const datas[] = {
        "",
        "7",
        "{}",
        "{\"category\":\"account\",\"language\":\"lua\",\"hash\":\"00\",\"text\":\"x\"}",
        "{\"category\":\"order\",\"language\":\"lua\",\"hash\":\"00\",\"text\":\"x\"}",
        "{\"category\":\"account\",\"language\":\"c\",\"hash\":\"00\",\"text\":\"x\"}",
        "{\"category\":\"account\",\"language\":\"lua\",\"hash\":[],\"text\":\"\\ud800\"}",
    };
    factum_deployment done;
    factum_deployed *found;
    for (size_t i = 0; i < sizeof datas / sizeof datas[0]; i++) {
        append_definition(f, "$DeciderDeployed", datas[i]);
        assert_status(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err),
                      FACTUM_INVALID);
        assert_text(f->err, " is not a deployed decider: ");
        assert_null(found);
    }
    append_definition(f, "Other", "{}");
    assert_status(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err), FACTUM_INVALID);
    OK(deploy(f, COUNTER_LUA, &done));
    OK(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err));
    factum_deployed_free(found);
}

struct listed {
    char text[256];
    bool stop;
};

static bool list_one(void *data, const factum_deployed *deployed)
{
    struct listed *listed = data;
    size_t len = strlen(listed->text);
    (void)snprintf(listed->text + len, sizeof listed->text - len, "%.*s %d; ",
                   (int)deployed->category.len, (const char *)deployed->category.ptr,
                   (int)deployed->revision);
    return !listed->stop;
}

TEST(the_list_has_the_newest_of_each)
{
    struct fixture *f = *state;
    factum_deployment done;
    struct listed listed = {.stop = false};
    const factum_deployed_each each = {&listed, list_one};
    OK(factum_decider_list(f->store, &each, &f->err));
    assert_string_equal(listed.text, "");
    OK(deploy(f, COUNTER_LUA, &done));
    OK(factum_decider_deploy(f->store, FCT_SLICE("order"), FCT_SLICE(COUNTER_LUA), NULL, NULL,
                             &f->err));
    OK(deploy(f, COUNTER_LUA "-- 2\n", &done));
    OK(factum_decider_list(f->store, &each, &f->err));
    assert_string_equal(listed.text, "account 1; order 0; ");
    listed = (struct listed){.stop = true};
    assert_status(factum_decider_list(f->store, &each, &f->err), FACTUM_CANCELLED);
    assert_string_equal(listed.text, "account 1; ");
}

TEST(a_deployed_decider_decides)
{
    struct fixture *f = *state;
    factum_deployment done;
    factum_deployed *found;
    factum_script_decider *decider;
    OK(deploy(f, COUNTER_LUA, &done));
    OK(factum_decider_find(f->store, ACCOUNT, NULL, &found, &f->err));
    OK(factum_deployed_open(found, &decider, &f->err));
    factum_deployed_free(found);
    const factum_script_command command = {
        .size = sizeof command, .decider = decider, .name = FCT_SLICE("Add")};
    const factum_transact_request request = {
        .size = sizeof request, .stream = FCT_SLICE("account-1"), .command = &command};
    for (int i = 0; i < 2; i++) {
        OK(factum_transact(f->store, factum_script_decider_get(decider), &request, &f->result,
                           &f->err));
    }
    assert_string_equal(stream_text(f, "account-1"), "Added {\"n\":1}; Added {\"n\":1}");
    factum_script_decider_close(decider);
}

/* ---- two at once ----------------------------------------------------------------------------- */

struct rival_deployer {
    factum_store *store;
    const char *text;
    factum_deployment done;
    factum_status status;
    struct fct_thread thread;
};

static void run_rival(void *data)
{
    struct rival_deployer *rival = data;
    rival->done = (factum_deployment){.size = sizeof rival->done};
    rival->status = factum_decider_deploy(rival->store, ACCOUNT, factum_slice_from(rival->text),
                                          NULL, &rival->done, NULL);
}

TEST(of_rivals_each_is_written_or_refused_and_equal_ones_agree)
{
    struct fixture *f = *state;
    static const char *const texts[] = {COUNTER_LUA, COUNTER_LUA, COUNTER_LUA "-- 2\n",
                                        COUNTER_LUA "-- 2\n"};
    struct rival_deployer rivals[4];
    factum_lua_enable();
    for (size_t i = 0; i < 4; i++) {
        rivals[i] = (struct rival_deployer){.store = f->store, .text = texts[i]};
        OK(fct_thread_start(&rivals[i].thread, "rival", run_rival, &rivals[i], &f->err));
    }
    uint64_t written = 0;
    uint64_t refused = 0;
    for (size_t i = 0; i < 4; i++) {
        fct_thread_join(&rivals[i].thread);
        written += rivals[i].status == FACTUM_OK && !rivals[i].done.already ? 1 : 0;
        refused += rivals[i].status == FACTUM_WRONG_REVISION ? 1 : 0;
        assert_true(rivals[i].status == FACTUM_OK || rivals[i].status == FACTUM_WRONG_REVISION);
    }
    factum_stream_info info = {.size = sizeof info};
    OK(factum_stream_info_get(f->store, FCT_SLICE("$definition:decider-account"), &info, &f->err));
    assert_true(written >= 1);
    assert_true(refused <= 3);
    assert_int_equal(info.last_revision + 1, written);
}

/* ---- blame ----------------------------------------------------------------------------------- */

static void take_state(struct fixture *f, factum_blame *blame, const char *state, uint64_t revision)
{
    const factum_event event = {.type = FCT_SLICE("Changed"), .revision = revision};
    OK(factum_blame_take(blame, factum_slice_from(state), revision == 0 ? NULL : &event, &f->err));
}

/* "path=value@revision; ..." */
static const char *blame_text(const factum_blame *blame)
{
    static char text[512];
    factum_blamed value = {.size = sizeof value};
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; factum_blame_at(blame, i, &value, NULL) == FACTUM_OK; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s=%.*s@%d; ",
                                (int)value.path.len, (const char *)value.path.ptr,
                                (int)value.value.len, (const char *)value.value.ptr,
                                value.initial ? -1 : (int)value.revision);
    }
    return text;
}

TEST(blame_names_the_event_that_changed_a_value_last)
{
    struct fixture *f = *state;
    factum_blame *blame;
    OK(factum_blame_create(0, &blame, &f->err));
    assert_string_equal(blame_text(blame), "");
    take_state(f, blame, "{\"z\":1,\"a\":[]}", 0);
    assert_string_equal(blame_text(blame), ".z=1@-1; .a=[]@-1; ");
    take_state(f, blame, "{\"z\":1,\"a\":[{\"x y\":2}]}", 1);
    assert_string_equal(blame_text(blame), ".z=1@-1; .a[0].\"x y\"=2@1; ");
    take_state(f, blame, "{\"z\":2,\"a\":[{\"x y\":2},3]}", 2);
    assert_string_equal(blame_text(blame), ".z=2@2; .a[0].\"x y\"=2@1; .a[1]=3@2; ");
    assert_status(factum_blame_take(blame, FCT_SLICE("{"), NULL, &f->err), FACTUM_INVALID);
    assert_string_equal(blame_text(blame), ".z=2@2; .a[0].\"x y\"=2@1; .a[1]=3@2; ");
    take_state(f, blame, "7", 3);
    assert_string_equal(blame_text(blame), ".=7@3; ");
    factum_blame_destroy(blame);
    factum_blame_destroy(NULL);
}

TEST(blame_keeps_only_the_events_that_a_value_names)
{
    struct fixture *f = *state;
    factum_blame *blame;
    char type[1024];
    char state_text[64];
    memset(type, 'T', sizeof type);
    OK(factum_blame_create(16384, &blame, &f->err)); /* the 1000 types alone take a megabyte */
    take_state(f, blame, "{\"n\":0,\"stays\":true}", 0);
    for (int i = 1; i <= 1000; i++) {
        const factum_event event = {.type = {(const uint8_t *)type, sizeof type},
                                    .revision = (uint64_t)i};
        (void)snprintf(state_text, sizeof state_text, "{\"n\":%d,\"stays\":true}", i);
        OK(factum_blame_take(blame, factum_slice_from(state_text), &event, &f->err));
    }
    assert_string_equal(blame_text(blame), ".n=1000@1000; .stays=true@-1; ");
    factum_blamed value = {.size = sizeof value};
    OK(factum_blame_at(blame, 0, &value, &f->err));
    assert_int_equal(value.type.len, sizeof type);
    assert_memory_equal(value.type.ptr, type, sizeof type);
    factum_blame_destroy(blame);
}

/* It is refused, and nothing has changed. */
static void refuses_state(struct fixture *f, factum_blame *blame, factum_slice text)
{
    const factum_event event = {.type = FCT_SLICE("Changed"), .revision = 9};
    assert_status(factum_blame_take(blame, text, &event, &f->err), FACTUM_TOO_BIG);
    assert_text(f->err, "need more than 65536 bytes");
    assert_string_equal(blame_text(blame), ".a=1@2; ");
}

TEST(blame_has_a_maximum_and_names_it)
{
    struct fixture *f = *state;
    static char text[65536];
    factum_blame *blame;
    OK(factum_blame_create(65536, &blame, &f->err));
    take_state(f, blame, "{}", 0);
    take_state(f, blame, "{\"a\":1}", 2);
    size_t len = (size_t)snprintf(text, sizeof text, "[0");
    while (len < sizeof text - 3) { /* too many nodes */
        len += (size_t)snprintf(text + len, sizeof text - len, ",0");
    }
    text[len++] = ']';
    refuses_state(f, blame, fct_slice(text, len));
    len = (size_t)snprintf(text, sizeof text, "[{\"");
    memset(text + len, 'n', 3000);
    len += 3000;
    len += (size_t)snprintf(text + len, sizeof text - len, "\":[0");
    for (int i = 0; i < 40; i++) { /* few nodes, with long paths */
        len += (size_t)snprintf(text + len, sizeof text - len, ",0");
    }
    len += (size_t)snprintf(text + len, sizeof text - len, "]}]");
    refuses_state(f, blame, fct_slice(text, len));
    len = 0;
    text[len++] = '"';
    memset(text + len, 't', 65000); /* one long value */
    len += 65000;
    text[len++] = '"';
    refuses_state(f, blame, fct_slice(text, len));
    take_state(f, blame, "{\"a\":1,\"b\":2}", 3);
    assert_string_equal(blame_text(blame), ".a=1@2; .b=2@3; ");
    assert_status(factum_blame_take(NULL, FCT_SLICE("{}"), NULL, &f->err), FACTUM_INVALID);
    factum_blame_destroy(blame);
}

const struct CMUnitTest deploy_cases[] = {
    FIXTURE_CASE(what_is_deployed_is_found_with_its_history),
    FIXTURE_CASE(the_same_text_again_changes_nothing),
    FIXTURE_CASE(a_script_that_does_not_open_is_not_deployed),
    FIXTURE_CASE(names_that_are_no_category_are_refused),
    FIXTURE_CASE(an_expectation_that_does_not_hold_refuses),
    FIXTURE_CASE(a_deleted_definition_does_not_exist_and_can_be_deployed_again),
    FIXTURE_CASE(an_invalid_definition_is_refused_and_replaced_by_the_next),
    FIXTURE_CASE(the_list_has_the_newest_of_each),
    FIXTURE_CASE(a_deployed_decider_decides),
    FIXTURE_CASE(of_rivals_each_is_written_or_refused_and_equal_ones_agree),
    FIXTURE_CASE(blame_names_the_event_that_changed_a_value_last),
    FIXTURE_CASE(blame_keeps_only_the_events_that_a_value_names),
    FIXTURE_CASE(blame_has_a_maximum_and_names_it),
};
const size_t deploy_case_count = sizeof deploy_cases / sizeof deploy_cases[0];
#endif
