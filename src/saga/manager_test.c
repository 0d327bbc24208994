/* manager_test.c - the manager, step by step: the rows of the list of situations
 * (docs/internals/saga.md) that need no simulated disk. The others are in
 * tests/crash/saga_seeds.c. */
#include <factum/saga_view.h>

#include "saga/manager_int.h"
#include "support/manager_drive.h"

#define ORDER "order-1"
#define SAGA "saga:shop-1"

#define SHOP(version)                                                                              \
    "saga: shop\nversion: " version "\nstart: Placed\nid: .id\nkeep: {id, cents}\n"                \
    "deadline: 9d\n"                                                                               \
    "defaults: {within: 30s, retry: {times: 3, from: 1s, to: 4s, jitter: none}}\n"                 \
    "steps:\n"                                                                                     \
    "  - reserve: {do: stock.Reserve, with: {id}, ok: Reserved, fail: SoldOut,\n"                  \
    "              undo: stock.Release, undo_with: {id}}\n"                                        \
    "  - charge: {do: bank.Charge, with: {id, cents}, ok: Paid, fail: Declined,\n"                 \
    "             undo: bank.Refund, undo_with: {id}}\n"                                           \
    "  - ship: {do: ship.Send, with: {id}, ok: Sent, fail: Refused, pivot: true, within: 48h,\n"   \
    "           on_timeout: ask}\n"                                                                \
    "  - mail: {do: mail.Write, with: {id}, ok: Written}\n"                                        \
    "undone: {do: shop.Reject, with: {id, reason: .failure.code}}\n"

static void start(struct drive *d)
{
    drive_append(d, ORDER, "Placed", "{\"id\":\"1\",\"cents\":5}", "");
    drive_run(d);
}

static void answer(struct drive *d, const char *command, const char *type)
{
    char id[128];
    (void)snprintf(id, sizeof id, "shop-1/%s", command);
    drive_answer(d, id, type, "{}");
    drive_run(d);
}

static factum_sagas_info counts(const struct drive *d)
{
    factum_sagas_info info = {.size = sizeof info};
    fct_manager_count(d->manager, &info);
    return info;
}

/* SG-02 */
TEST(a_start_event_that_comes_twice_starts_one_saga)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    start(&d);
    start(&d);
    assert_int_equal(drive_count(&d, SAGA, "SagaStarted"), 1);
    assert_int_equal(drive_count(&d, "command:stock-shop-1", "stock.Reserve"), 1);
    assert_int_equal(counts(&d).started_count, 1);
    assert_int_equal(counts(&d).duplicate_count, 1);
    drive_close(&d);
}

/* SG-04: the answer is in the log before the manager knows that its command is. */
TEST(an_answer_is_not_missed_however_soon_it_comes)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    drive_append(&d, ORDER, "Placed", "{\"id\":\"1\",\"cents\":5}", "");
    assert_true(drive_feed(&d));
    assert_int_equal(d.op_count, 1);
    drive_apply(&d);
    drive_answer(&d, "shop-1/reserve/do/1", "Reserved", "{}");
    assert_true(drive_feed(&d));
    drive_tell(&d);
    drive_run(&d);
    assert_int_equal(drive_count(&d, SAGA, "StepSucceeded"), 1);
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Charge"), 1);
    drive_close(&d);
}

/* SG-05 */
TEST(an_answer_before_its_saga_is_kept_for_it)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    answer(&d, "reserve/do/1", "Reserved");
    assert_int_equal(counts(&d).unmatched_count, 1);
    assert_int_equal(drive_count(&d, SAGA, "ReplyRecorded"), 1);
    start(&d);
    assert_int_equal(drive_count(&d, SAGA, "StepSucceeded"), 1);
    assert_int_equal(drive_count(&d, "command:stock-shop-1", "stock.Reserve"), 0);
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Charge"), 1);
    drive_close(&d);
}

/* SG-08 */
TEST(what_was_declined_is_not_refunded)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    start(&d);
    answer(&d, "reserve/do/1", "Reserved");
    answer(&d, "charge/do/1", "Declined");
    assert_int_equal(drive_count(&d, "command:stock-shop-1", "stock.Release"), 1);
    assert_int_equal(drive_count(&d, "command:shop-shop-1", "shop.Reject"), 0);
    answer(&d, "reserve/undo/1", "CommandSucceeded");
    assert_int_equal(drive_count(&d, "command:shop-shop-1", "shop.Reject"), 1);
    answer(&d, "undone/do/1", "CommandSucceeded");
    assert_int_equal(drive_count(&d, SAGA, "SagaUndone"), 1);
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Refund"), 0);
    drive_close(&d);
}

static void go_to_pivot(struct drive *d)
{
    start(d);
    answer(d, "reserve/do/1", "Reserved");
    answer(d, "charge/do/1", "Paid");
}

/* SG-10 */
TEST(a_silent_pivot_asks_and_undoes_nothing)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    go_to_pivot(&d);
    drive_wait(&d, INT64_C(200) * 3600 * DRIVE_SECOND);
    assert_int_equal(drive_count(&d, SAGA, "SagaStuck"), 1);
    assert_int_equal(counts(&d).stuck_count, 1);
    assert_int_equal(drive_count(&d, SAGA, "UndoStarted"), 0);
    assert_int_equal(drive_count(&d, SAGA, "SagaFailed"), 0);
    answer(&d, "ship/do/1", "Sent"); /* late, and it counts */
    assert_int_equal(drive_count(&d, "command:mail-shop-1", "mail.Write"), 1);
    drive_close(&d);
}

/* SG-14 */
TEST(a_deadline_while_it_compensates_changes_nothing)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    start(&d);
    answer(&d, "reserve/do/1", "Reserved");
    answer(&d, "charge/do/1", "Declined");
    for (int i = 1; i <= 3; i++) { /* the undo fails for good, so the state lasts */
        char command[64];
        (void)snprintf(command, sizeof command, "reserve/undo/%d", i);
        answer(&d, command, "CommandFailed");
        drive_wait(&d, 5 * DRIVE_SECOND);
    }
    assert_int_equal(drive_count(&d, SAGA, "SagaStuck"), 1);
    drive_wait(&d, INT64_C(10) * 86400 * DRIVE_SECOND);
    assert_true(drive_count(&d, SAGA, "TimerFired") >= 1);
    assert_int_equal(drive_count(&d, SAGA, "SagaFailed"), 1);
    assert_true(fct_manager_next(d.manager) == INT64_MAX);
    drive_close(&d);
}

/* SG-15, and SG-22: the saga's stream accepts one of two commits. */
TEST(of_two_concurrent_writers_one_decides_again)
{
    struct drive d;
    struct drive other = {.op_count = 0};
    (void)state;
    drive_open(&d, SHOP("1"));
    start(&d);
    other.store = d.store;
    other.now = d.now;
    drive_start(&other);
    other.place = d.place;
    drive_answer(&d, "shop-1/reserve/do/1", "Reserved", "{}");
    assert_true(drive_feed(&d));
    assert_true(drive_feed(&other));
    assert_int_equal(d.op_count, 1);
    assert_int_equal(other.op_count, 1);
    drive_apply(&d);
    drive_apply(&other);
    assert_int_equal(other.ops[0]->status, FACTUM_WRONG_REVISION);
    drive_tell(&other);
    drive_tell(&d);
    drive_run(&other);
    drive_run(&d);
    assert_int_equal(counts(&other).conflict_count, 1);
    assert_int_equal(drive_count(&d, SAGA, "StepSucceeded"), 1);
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Charge"), 1);
    drive_stop(&other);
    drive_close(&d);
}

/* SG-16 */
TEST(sagas_that_run_keep_the_version_that_they_began_with)
{
    static const char next[] = "saga: shop\nversion: 2\nstart: Placed\nid: .id\nkeep: {id}\n"
                               "steps:\n  - only: {do: stock.Only, with: {id}, ok: OnlyDone,\n"
                               "            pivot: true}\n";
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    start(&d);
    drive_deploy(&d, next);
    drive_run(&d);
    answer(&d, "reserve/do/1", "Reserved");
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Charge"), 1);
    drive_append(&d, "order-2", "Placed", "{\"id\":\"2\",\"cents\":5}", "");
    drive_run(&d);
    assert_int_equal(drive_count(&d, "command:stock-shop-2", "stock.Only"), 1);
    assert_int_equal(drive_count(&d, "command:stock-shop-2", "stock.Reserve"), 0);
    drive_close(&d);
}

TEST(a_listed_saga_whose_id_is_too_long_is_left_out)
{
    struct drive d;
    char id[2 * FACTUM_SAGA_ID_MAX];
    (void)state;
    memset(id, 'x', sizeof id);
    drive_open(&d, SHOP("1"));
    const factum_slice listed[] = {fct_slice(id, sizeof id), FCT_SLICE(""), fct_slice("a\0b", 3)};
    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++) {
        assert_ok(fct_manager_add_open(d.manager, FCT_SLICE("shop"), listed[i], d.now - 1, &d.err),
                  d.err);
    }
    assert_ok(fct_manager_tick(d.manager, d.now, &d.err), d.err);
    start(&d);
    assert_int_equal(drive_count(&d, "command:stock-shop-1", "stock.Reserve"), 1);
    drive_close(&d);
}

/* SG-20 */
TEST(timers_that_are_due_at_once_fire_some_at_a_time_and_new_work_continues)
{
    enum { SAGAS = 10000, A_SECOND = 1000 };
    struct drive d;
    char id[16];
    int seconds = 0;
    (void)state;
    drive_open(&d, SHOP("1"));
    for (int i = 0; i < SAGAS; i++) {
        (void)snprintf(id, sizeof id, "t%d", i);
        assert_ok(fct_manager_add_open(d.manager, FCT_SLICE("shop"), factum_slice_from(id),
                                       d.now - 1, &d.err),
                  d.err);
    }
    assert_ok(fct_manager_tick(d.manager, d.now, &d.err), d.err);
    assert_true(fct_manager_next(d.manager) > d.now);
    start(&d); /* in the same second */
    assert_int_equal(drive_count(&d, "command:stock-shop-1", "stock.Reserve"), 1);
    int64_t first_own = d.now + 30 * DRIVE_SECOND;
    for (seconds = 1; fct_manager_next(d.manager) < first_own && seconds < 60; seconds++) {
        d.now = fct_manager_next(d.manager);
        assert_ok(fct_manager_tick(d.manager, d.now, &d.err), d.err);
    }
    assert_int_equal(seconds, SAGAS / A_SECOND);
    drive_close(&d);
}

/* SG-24 */
TEST(a_command_that_cannot_be_built_is_not_sent_and_has_its_reason)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    drive_append(&d, ORDER, "Placed", "{\"id\":\"1\",\"cents\":null}", "");
    drive_run(&d);
    answer(&d, "reserve/do/1", "Reserved");
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Charge"), 0);
    assert_int_equal(drive_count(&d, SAGA, "SagaStuck"), 1);
    const char *stuck = drive_last(&d, SAGA, "SagaStuck");
    assert_non_null(strstr(stuck, "\"why\":\"blocked\""));
    assert_non_null(strstr(stuck, "cents: .cents finds nothing in {\\\"id\\\":\\\"1\\\""));
    drive_close(&d);
}

static void answer_of(struct drive *d, const char *saga, const char *command, const char *type)
{
    char id[128];
    (void)snprintf(id, sizeof id, "%s/%s", saga, command);
    drive_answer(d, id, type, "{}");
}

/* The only saga that the manager has in memory. */
static const struct fct_instance *only_instance(const struct drive *d)
{
    const struct fct_entries *entries = &d->manager->entries;
    assert_int_equal(entries->count, 1);
    assert_non_null(entries->most_used);
    return entries->most_used->instance;
}

/* SG-05 */
TEST(an_answer_whose_saga_never_comes_is_logged_once)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    answer(&d, "reserve/do/1", "Reserved");
    drive_wait(&d, INT64_C(6) * 86400 * DRIVE_SECOND);
    assert_int_equal(d.unmatched_count, 0);
    drive_wait(&d, INT64_C(2) * 86400 * DRIVE_SECOND);
    assert_int_equal(d.unmatched_count, 1);
    assert_int_equal(drive_count(&d, SAGA, "TimerFired"), 1);
    drive_wait(&d, INT64_C(30) * 86400 * DRIVE_SECOND);
    assert_int_equal(d.unmatched_count, 1);
    start(&d); /* the start counts also now */
    assert_int_equal(drive_count(&d, SAGA, "StepSucceeded"), 1);
    drive_close(&d);
}

/* SG-11 */
TEST(a_thousand_failures_after_the_pivot_raise_one_alarm_and_leave_a_bounded_history)
{
    enum { FAILURES = 1000, EVENTS_A_FAILURE = 5 };
    struct drive d;
    char command[64];
    (void)state;
    drive_open_on_disk(&d, SHOP("1"));
    go_to_pivot(&d);
    answer(&d, "ship/do/1", "Sent");
    uint64_t before = only_instance(&d)->revision;
    size_t kept = only_instance(&d)->kept.len;
    for (int i = 1; i <= FAILURES; i++) {
        (void)snprintf(command, sizeof command, "mail/do/%d", i);
        answer(&d, command, "CommandFailed");
        assert_int_equal(d.alarm_count, i < 3 ? 0 : 1); /* `times: 3` */
        drive_wait(&d, 5 * DRIVE_SECOND);
    }
    const struct fct_instance *instance = only_instance(&d);
    assert_int_equal(drive_count(&d, "command:mail-shop-1", "mail.Write"), FAILURES + 1);
    assert_int_equal(instance->state.steps[3].attempts, FAILURES);
    assert_true(instance->revision - before <= (uint64_t)FAILURES * EVENTS_A_FAILURE);
    assert_int_equal(instance->kept.len, kept);
    assert_int_equal(d.manager->entries.waiting_count, 0);
    assert_int_equal(drive_count(&d, SAGA, "SagaStuck"), 0);
    assert_int_equal(drive_count(&d, SAGA, "UndoStarted"), 0);
    answer(&d, "mail/do/1001", "Written");
    assert_int_equal(drive_count(&d, SAGA, "SagaDone"), 1);
    drive_close(&d);
}

#define PAIR                                                                                       \
    "saga: shop\nversion: 1\nstart: Placed\nid: .id\nkeep: {id}\nsteps:\n"                         \
    "  - reserve: {do: stock.Reserve, with: {id}, ok: Reserved, keep: {shelf},\n"                  \
    "              undo: stock.Release, undo_with: {id, shelf}}\n"                                 \
    "  - charge: {do: bank.Charge, with: {id, shelf}, ok: Paid, undo: bank.Refund,\n"              \
    "             undo_with: {id}}\n"

static factum_status cancel(struct drive *d, const uint64_t *revision)
{
    factum_saga_act_request request = {.size = sizeof request,
                                       .verb = FACTUM_SAGA_CANCEL,
                                       .saga_id = FCT_SLICE("shop-1"),
                                       .by = FCT_SLICE("ann"),
                                       .reason = FCT_SLICE("the customer has called")};
    request.revision_set = revision != NULL;
    request.revision = revision != NULL ? *revision : 0;
    return factum_saga_act(d->store, &request, NULL, &d->err);
}

/* The last step of a saga without a pivot is answered, and what follows waits to be committed. */
static void go_to_last_end(struct drive *d)
{
    drive_open(d, PAIR);
    start(d);
    drive_answer(d, "shop-1/reserve/do/1", "Reserved", "{\"shelf\":7}");
    drive_run(d);
    drive_answer(d, "shop-1/charge/do/1", "Paid", "{}");
    assert_true(drive_feed(d));
    assert_int_equal(d->op_count, 1);
}

/* SG-15 */
TEST(an_operator_who_cancels_first_wins_over_the_end_of_the_last_step)
{
    struct drive d;
    (void)state;
    go_to_last_end(&d);
    assert_ok(cancel(&d, NULL), d.err);
    drive_apply(&d);
    assert_int_equal(d.ops[0]->status, FACTUM_WRONG_REVISION);
    drive_tell(&d);
    drive_run(&d);
    assert_int_equal(counts(&d).conflict_count, 1);
    assert_int_equal(drive_count(&d, SAGA, "SagaCancelled"), 1);
    assert_int_equal(drive_count(&d, SAGA, "SagaDone"), 0);
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Refund"), 1);
    answer(&d, "charge/undo/1", "CommandSucceeded");
    answer(&d, "reserve/undo/1", "CommandSucceeded");
    assert_int_equal(drive_count(&d, SAGA, "SagaUndone"), 1);
    drive_close(&d);
}

/* SG-15 */
TEST(an_operator_who_cancels_too_late_gets_the_true_state)
{
    struct drive d;
    (void)state;
    go_to_last_end(&d);
    uint64_t seen = only_instance(&d)->revision;
    drive_apply(&d);
    assert_status(cancel(&d, &seen), FACTUM_WRONG_REVISION);
    assert_text(d.err, "it is done");
    assert_status(cancel(&d, NULL), FACTUM_CONDITION_FAILED);
    assert_text(d.err, "done");
    drive_tell(&d);
    drive_run(&d);
    assert_int_equal(counts(&d).conflict_count, 0);
    assert_int_equal(drive_count(&d, SAGA, "SagaDone"), 1);
    assert_int_equal(drive_count(&d, SAGA, "SagaCancelled"), 0);
    assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Refund"), 0);
    drive_close(&d);
}

/* Each of the sagas shop-1 to shop-|count| gets the answer. */
static void answer_all(struct drive *d, int count, const char *command, const char *type)
{
    char saga[32];
    for (int i = 1; i <= count; i++) {
        (void)snprintf(saga, sizeof saga, "shop-%d", i);
        answer_of(d, saga, command, type);
    }
    drive_settle(d); /* more than can be committed at once */
}

/* SG-16 */
TEST(a_thousand_that_run_finish_by_their_version_after_the_next_is_deployed)
{
    enum { SAGAS = 1000 };
    static const char next[] = "saga: shop\nversion: 4\nstart: Placed\nid: .id\nkeep: {id}\n"
                               "steps:\n  - only: {do: stock.Only, with: {id}, ok: OnlyDone,\n"
                               "            pivot: true}\n";
    struct drive d;
    char text[64];
    (void)state;
    drive_open_on_disk(&d, SHOP("3"));
    for (int i = 1; i <= SAGAS; i++) {
        (void)snprintf(text, sizeof text, "{\"id\":\"%d\",\"cents\":5}", i);
        drive_append(&d, ORDER, "Placed", text, "");
    }
    drive_settle(&d);
    drive_deploy(&d, next);
    answer_all(&d, SAGAS, "reserve/do/1", "Reserved");
    answer_all(&d, SAGAS, "charge/do/1", "Paid");
    answer_all(&d, SAGAS, "ship/do/1", "Sent");
    answer_all(&d, SAGAS, "mail/do/1", "Written");
    assert_int_equal(counts(&d).ended_count, SAGAS);
    for (int i = 1; i <= SAGAS; i++) {
        (void)snprintf(text, sizeof text, "saga:shop-%d", i);
        assert_int_equal(drive_count(&d, text, "SagaDone"), 1);
        assert_non_null(strstr(drive_last(&d, text, "SagaStarted"), "\"version\":3,"));
    }
    drive_append(&d, "order-new", "Placed", "{\"id\":\"new\",\"cents\":5}", "");
    drive_run(&d);
    assert_non_null(strstr(drive_last(&d, "saga:shop-new", "SagaStarted"), "\"version\":4,"));
    drive_close(&d);
}

/* SG-18: a missing value is reported by the command that needs it. */
TEST(an_answer_that_lacks_a_kept_value_is_named_by_the_command_that_needs_it)
{
    static const char *const shapes[] = {"{}", "{\"shelf\":null}", "{\"other\":[1]}"};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct drive d;
        drive_open(&d, PAIR);
        start(&d);
        drive_answer(&d, "shop-1/reserve/do/1", "Reserved", shapes[i]);
        drive_run(&d);
        assert_int_equal(drive_count(&d, "command:bank-shop-1", "bank.Charge"), 0);
        const char *stuck = drive_last(&d, SAGA, "SagaStuck");
        assert_non_null(strstr(stuck, "\"why\":\"blocked\""));
        assert_non_null(strstr(stuck, "shelf: .shelf finds nothing in "));
        drive_close(&d);
    }
}

/* SG-18 */
TEST(a_start_event_without_an_id_is_logged)
{
    static const char *const shapes[] = {"{\"cents\":5}", "{\"id\":null}", "{\"id\":{}}",
                                         "{\"id\":\"\"}", "[1]"};
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        d.bad[0] = '\0';
        drive_append(&d, ORDER, "Placed", shapes[i], "");
        drive_run(&d);
        assert_int_equal(counts(&d).bad_count, i + 1);
        assert_non_null(strstr(d.bad, "event Placed at position "));
        assert_non_null(strstr(d.bad, "saga shop finds no id in it by .id"));
    }
    assert_int_equal(counts(&d).started_count, 0);
    drive_close(&d);
}

/* ES-22 */
TEST(a_timer_that_was_due_while_nobody_ran_fires_once)
{
    struct drive d;
    (void)state;
    drive_open(&d, SHOP("1"));
    start(&d);
    drive_stop(&d);
    d.now += 60 * DRIVE_SECOND;
    drive_start(&d);
    drive_run(&d);
    assert_int_equal(drive_count(&d, SAGA, "TimerFired"), 0);
    assert_ok(fct_manager_tick(d.manager, d.now, &d.err), d.err);
    drive_run(&d);
    assert_ok(fct_manager_tick(d.manager, d.now, &d.err), d.err);
    drive_run(&d);
    assert_int_equal(drive_count(&d, SAGA, "TimerFired"), 1);
    assert_int_equal(drive_count(&d, "command:stock-shop-1", "stock.Release"), 1);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_start_event_that_comes_twice_starts_one_saga),
        CASE(an_answer_is_not_missed_however_soon_it_comes),
        CASE(an_answer_before_its_saga_is_kept_for_it),
        CASE(what_was_declined_is_not_refunded),
        CASE(a_silent_pivot_asks_and_undoes_nothing),
        CASE(a_deadline_while_it_compensates_changes_nothing),
        CASE(of_two_concurrent_writers_one_decides_again),
        CASE(sagas_that_run_keep_the_version_that_they_began_with),
        CASE(a_listed_saga_whose_id_is_too_long_is_left_out),
        CASE(timers_that_are_due_at_once_fire_some_at_a_time_and_new_work_continues),
        CASE(a_command_that_cannot_be_built_is_not_sent_and_has_its_reason),
        CASE(an_answer_whose_saga_never_comes_is_logged_once),
        CASE(a_thousand_failures_after_the_pivot_raise_one_alarm_and_leave_a_bounded_history),
        CASE(an_operator_who_cancels_first_wins_over_the_end_of_the_last_step),
        CASE(an_operator_who_cancels_too_late_gets_the_true_state),
        CASE(a_thousand_that_run_finish_by_their_version_after_the_next_is_deployed),
        CASE(an_answer_that_lacks_a_kept_value_is_named_by_the_command_that_needs_it),
        CASE(a_start_event_without_an_id_is_logged),
        CASE(a_timer_that_was_due_while_nobody_ran_fires_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
