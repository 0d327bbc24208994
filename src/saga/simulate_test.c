/* simulate_test.c - the real manager plays what the checker prints; scripts, and faults in them.
 * Layer: saga. Runs by seed are in tests/crash/saga_seeds.c. */
#include "saga/simulate.h"

#include "core/arena.h"
#include "saga/definition.h"
#include "support/test.h"

static const char shop[] =
    "saga: shop\nversion: 1\nstart: Placed\nid: .id\nkeep: {id, cents}\n"
    "defaults: {within: 30s, retry: {times: 3, from: 1s, to: 4s, jitter: none}}\n"
    "steps:\n"
    "  - reserve: {do: stock.Reserve, with: {id}, ok: Reserved, fail: SoldOut,\n"
    "              undo: stock.Release, undo_with: {id}}\n"
    "  - charge: {do: bank.Charge, with: {id, cents}, ok: Paid, fail: Declined,\n"
    "             undo: bank.Refund, undo_with: {id}}\n"
    "  - ship: {do: ship.Send, with: {id}, ok: Sent, fail: Refused, pivot: true,\n"
    "           on_timeout: ask}\n"
    "undone: {do: shop.Reject, with: {id}}\n";

static factum_saga *load(void)
{
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    assert_ok(factum_saga_load(factum_slice_from(shop), NULL, &saga, &err), err);
    return saga;
}

/* ---- what the checker finds ------------------------------------------------------------------ */

/* The silent pivot is given up, although it has no undo: no file with that would load. */
static void give_up_pivot(struct factum_saga *saga)
{
    saga->plan.steps[2].on_timeout = FCT_TIMEOUT_COMPENSATE;
}

/* A silent step counts as failed, although it may have happened. */
static void forget_silent_step(struct factum_saga *saga)
{
    saga->plan.steps[1].on_timeout = FCT_TIMEOUT_FAIL;
}

/* The report of the checker, whose script breaks a rule that begins with |rule|. */
static factum_saga_report check_wrong(const factum_saga *saga, const char *rule)
{
    factum_saga_report report = {.size = sizeof report};
    factum_error err;
    assert_ok(factum_saga_check(saga, NULL, NULL, &report, &err), err);
    assert_false(report.sound);
    assert_memory_equal(report.broken_rule, rule, strlen(rule));
    return report;
}

/* The rule that a run of |text| breaks; "" if none. |alter|, which may be NULL, alters the
 * definitions before. */
static void play(factum_saga *saga, const char *text, void (*alter)(struct factum_saga *),
                 char broken[512])
{
    struct fct_saga_script script;
    struct fct_sim_report report;
    factum_arena arena;
    factum_error err;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    assert_ok(fct_script_read(saga, factum_slice_from(text), "s", &arena, &script, &err), err);
    assert_true(script.run_count > 0);
    const struct fct_sim_options options = {.mem = fct_mem_heap(),
                                            .seed = 1,
                                            .saga = saga,
                                            .script = &script,
                                            .faults = {.crash_mode = -1, .sagas = 1},
                                            .alter = alter};
    assert_ok(fct_saga_simulate(&options, &report, &err), err);
    (void)snprintf(broken, 512, "%s", report.broken);
    fct_sim_report_finish(&report);
    factum_arena_finish(&arena);
}

TEST(the_run_that_the_checker_prints_breaks_the_same_rule_when_it_is_played)
{
    factum_saga *saga = load();
    char broken[512];
    (void)state;
    give_up_pivot(saga);
    factum_saga_report report = check_wrong(saga, "S3 ");
    play(saga, report.script, give_up_pivot, broken);
    assert_string_equal(broken, "S3 the saga is undone, and the effect of ship is left");
    /* The definition is at fault, and not the run. */
    play(saga, report.script, NULL, broken);
    assert_string_equal(broken, "");
    factum_saga_report_free(&report);
    factum_saga_free(saga);
}

TEST(an_effect_that_the_saga_has_forgotten_is_found_by_both)
{
    factum_saga *saga = load();
    char broken[512];
    (void)state;
    forget_silent_step(saga);
    factum_saga_report report = check_wrong(saga, "S2 ");
    play(saga, report.script, forget_silent_step, broken);
    assert_string_equal(broken, "S3 the saga is undone, and the effect of charge is left");
    play(saga, report.script, NULL, broken);
    assert_string_equal(broken, "");
    factum_saga_report_free(&report);
    factum_saga_free(saga);
}

/* ---- scripts --------------------------------------------------------------------------------- */

static factum_saga_simulated simulate(const char *script)
{
    factum_saga *saga = load();
    const factum_saga_simulation simulation = {
        .size = sizeof simulation, .seed = 1, .script = factum_slice_from(script)};
    factum_saga_simulated report = {.size = sizeof report};
    factum_error err;
    assert_ok(factum_saga_simulate(saga, &simulation, &report, &err), err);
    factum_saga_free(saga);
    return report;
}

TEST(a_script_has_answers_and_expectations)
{
    factum_saga_simulated report =
        simulate("given: [Placed: {id: \"42\", cents: 5}]\n"
                 "script:\n"
                 "  bank.Charge: {reply: Declined, data: {code: card.limit}, duplicate: 2}\n"
                 "  stock.Release: {fail: 1}\n"
                 "then:\n"
                 "  commands: [stock.Reserve, stock.Release, stock.Release, shop.Reject]\n"
                 "  status: undone\n");
    assert_string_equal(report.broken, "");
    assert_true(report.passed);
    assert_int_equal(report.status, FACTUM_SAGA_UNDONE);
    assert_int_equal(report.duplicate_count, 2);
    assert_int_equal(report.run_count, 1);
    assert_string_equal(report.commands,
                        "stock.Reserve\nbank.Charge\nstock.Release\nstock.Release\nshop.Reject\n");
    factum_saga_simulated_free(&report);
}

TEST(an_unmet_expectation_of_a_script_is_reported)
{
    static const struct {
        const char *then;
        const char *broken;
    } cases[] = {
        {"{status: undone}", "then: saga 1 is done, not undone"},
        {"{commands: [bank.Refund]}", "then: bank.Refund was effective 0 times, not 1"},
        {"{commands: [bank.Charge, stock.Reserve]}",
         "then: stock.Reserve was effective, but earlier"},
        {"{commands: [ship.Send, ship.Send]}", "then: ship.Send was effective 1 times, not 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char script[256];
        (void)snprintf(script, sizeof script, "given: [Placed: {id: \"1\", cents: 5}]\nthen: %s\n",
                       cases[i].then);
        factum_saga_simulated report = simulate(script);
        assert_false(report.passed);
        assert_string_equal(report.broken, cases[i].broken);
        factum_saga_simulated_free(&report);
    }
}

TEST(a_crash_at_every_write_is_a_run_for_each)
{
    factum_saga_simulated report =
        simulate("given: [Placed: {}]\nscript: {faults: {crash: every-write}}\n"
                 "then: {status: done}\n");
    assert_string_equal(report.broken, "");
    assert_true(report.run_count > 20);
    assert_true(report.crash_count > 20);
    factum_saga_simulated_free(&report);
}

TEST(a_wrong_script_is_refused_at_its_place)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"[]", "s:1:1: a script is a mapping"},
        {"given: [Placed: {id: \"1\"}]\nwhen: 3\n", "s:2:1: a script has given, script, then"},
        {"given: []\n", "s:1:8: given is a list of 1 to 4 events"},
        {"given: [Other: {}]\n", "s:1:9: the saga starts with Placed"},
        {"given: [Placed: 5]\n", "s:1:17: the data of an event is a mapping"},
        {"script:\n  bank.Charg: {}\n", "s:2:3: the saga has no command \"bank.Charg\""},
        {"script: {bank.Charge: {replies: Paid}}\n", "s:1:24: an answer has reply, data, silent"},
        {"script: {bank.Charge: {duplicate: 17}}\n", "s:1:35: write a whole number, 16 at most"},
        {"script: {bank.Charge: {silent: yes}}\n", "s:1:32: write true or false"},
        {"faults: {crash: sometimes}\n", "s:1:17: crash is none, drawn or every-write"},
        {"faults: {clock: [24]}\n", "s:1:18: write a jump of the clock"},
        {"then: {status: fine}\n", "s:1:16: status is done, undone, stuck"},
        {"then: {commands: [bank.Pay]}\n", "s:1:19: the saga does not send this command"},
        {"run:\n  - {handle: charge/do}\n", "s:2:14: a command is STEP/do/NUMBER"},
        {"run:\n  - {timer: pay}\n", "s:2:13: the saga does not have this step"},
        {"run:\n  - {act: sing}\n", "s:2:11: an act is retry, skip, undo or cancel"},
        {"run: [{}]\n", "s:1:7: what happens is start, handle"},
        {"saga: other\n", "s:1:7: the script is for another saga"},
        {"given: [\n", "s:2:1: "},
    };
    factum_saga *saga = load();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const factum_saga_simulation simulation = {.size = sizeof simulation,
                                                   .script = factum_slice_from(cases[i].text),
                                                   .script_name = "s"};
        factum_saga_simulated report = {.size = sizeof report};
        factum_error err = {.text = ""};
        assert_status(factum_saga_simulate(saga, &simulation, &report, &err), FACTUM_INVALID);
        if (strncmp(err.text, cases[i].why, strlen(cases[i].why)) != 0) {
            print_error("\"%s\", not \"%s\"\n", err.text, cases[i].why);
            fail();
        }
    }
    factum_saga_free(saga);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_run_that_the_checker_prints_breaks_the_same_rule_when_it_is_played),
        CASE(an_effect_that_the_saga_has_forgotten_is_found_by_both),
        CASE(a_script_has_answers_and_expectations),
        CASE(an_unmet_expectation_of_a_script_is_reported),
        CASE(a_crash_at_every_write_is_a_run_for_each),
        CASE(a_wrong_script_is_refused_at_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
