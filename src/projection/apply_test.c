/* apply_test.c - the state after batches, over a target in memory whose rollbacks are copies.
 * Layer: projection. */
#include "projection/apply.h"

#include "core/slice.h"
#include "support/test.h"

#define EVENTS_MAX 1024u
#define SAVES_MAX 4u

/* The state that a transaction changes. */
struct table {
    uint64_t applied[EVENTS_MAX];
    size_t applied_count;
    struct fct_parked_row parked[EVENTS_MAX];
    size_t parked_count;
    struct fct_checkpoint at;
};

struct fake {
    struct fct_target target;
    struct table now;
    struct table committed;
    struct table saved[SAVES_MAX];
    bool open;
    char texts[EVENTS_MAX][96]; /* reasons of parked rows, by position */
    bool bad[EVENTS_MAX];       /* events that fail, by position */
    factum_status broken;       /* the failure of every apply, unless OK */
    uint64_t attempts;
};

static struct fake *fake_of(struct fct_target *target)
{
    return (struct fake *)target;
}

static factum_status fake_take_over(struct fct_target *target, struct fct_checkpoint *checkpoint,
                                    factum_error *err)
{
    (void)err;
    fake_of(target)->committed.at.epoch++;
    fake_of(target)->now = fake_of(target)->committed;
    *checkpoint = fake_of(target)->committed.at;
    return FACTUM_OK;
}

static factum_status fake_begin(struct fct_target *target, const struct fct_checkpoint *from,
                                const struct fct_checkpoint *to, factum_error *err)
{
    struct fake *fake = fake_of(target);
    assert_false(fake->open);
    if (fake->committed.at.position != from->position || fake->committed.at.epoch != from->epoch) {
        if (err != NULL) {
            err->status = FACTUM_DENIED;
            (void)snprintf(err->text, sizeof err->text, "fenced");
        }
        return FACTUM_DENIED;
    }
    fake->open = true;
    fake->now = fake->committed;
    fake->now.at = *to;
    fake->now.at.epoch = from->epoch;
    return FACTUM_OK;
}

static factum_status fake_set(struct fct_target *target, const struct fct_checkpoint *to,
                              factum_error *err)
{
    (void)err;
    fake_of(target)->now.at = *to;
    return FACTUM_OK;
}

static factum_status fake_commit(struct fct_target *target, factum_error *err)
{
    (void)err;
    assert_true(fake_of(target)->open);
    fake_of(target)->open = false;
    fake_of(target)->committed = fake_of(target)->now;
    return FACTUM_OK;
}

static void fake_rollback(struct fct_target *target)
{
    fake_of(target)->open = false;
    fake_of(target)->now = fake_of(target)->committed;
}

static factum_status fake_save(struct fct_target *target, unsigned depth, factum_error *err)
{
    (void)err;
    assert_true(depth < SAVES_MAX);
    fake_of(target)->saved[depth] = fake_of(target)->now;
    return FACTUM_OK;
}

static factum_status fake_release(struct fct_target *target, unsigned depth, factum_error *err)
{
    (void)target;
    (void)depth;
    (void)err;
    return FACTUM_OK;
}

static factum_status fake_back(struct fct_target *target, unsigned depth, factum_error *err)
{
    (void)err;
    fake_of(target)->now = fake_of(target)->saved[depth];
    return FACTUM_OK;
}

static factum_status fake_apply(struct fct_target *target, const struct fct_bound_event *event,
                                factum_error *err)
{
    struct fake *fake = fake_of(target);
    assert_true(fake->open);
    fake->attempts++;
    if (fake->broken != FACTUM_OK || fake->bad[event->position]) {
        err->status = fake->broken != FACTUM_OK ? fake->broken : FACTUM_INVALID;
        (void)snprintf(err->text, sizeof err->text, "event %d is bad", (int)event->position);
        return err->status;
    }
    fake->now.applied[fake->now.applied_count++] = event->position;
    return FACTUM_OK;
}

static factum_status fake_read(struct fct_target *target, const factum_slice *key, uint64_t after,
                               size_t max, factum_arena *arena, struct fct_parked_row **rows,
                               size_t *count, factum_error *err)
{
    struct fake *fake = fake_of(target);
    const struct table *table = fake->open ? &fake->now : &fake->committed;
    (void)err;
    *rows = factum_arena_alloc(arena, max * sizeof **rows);
    *count = 0;
    for (size_t i = 0; i < table->parked_count && *count < max; i++) {
        const struct fct_parked_row *row = &table->parked[i];
        if (row->position > after && (key == NULL || fct_slice_equal(row->key, *key))) {
            (*rows)[(*count)++] = *row;
        }
    }
    return FACTUM_OK;
}

static factum_status fake_park(struct fct_target *target, const struct fct_parked_row *row,
                               factum_error *err)
{
    struct fake *fake = fake_of(target);
    struct table *table = &fake->now;
    size_t at = table->parked_count;
    (void)err;
    assert_true(fake->open);
    while (at > 0 && table->parked[at - 1].position > row->position) {
        table->parked[at] = table->parked[at - 1];
        at--;
    }
    (void)snprintf(fake->texts[row->position], sizeof fake->texts[0], "%.*s", (int)row->reason.len,
                   (const char *)row->reason.ptr);
    table->parked[at] = *row;
    table->parked[at].reason = factum_slice_from(fake->texts[row->position]);
    table->parked_count++;
    return FACTUM_OK;
}

static void take_out(struct table *table, size_t at)
{
    table->parked_count--;
    memmove(table->parked + at, table->parked + at + 1,
            (table->parked_count - at) * sizeof table->parked[0]);
}

static factum_status fake_unpark(struct fct_target *target, uint64_t position, factum_error *err)
{
    struct table *table = &fake_of(target)->now;
    (void)err;
    for (size_t i = 0; i < table->parked_count; i++) {
        if (table->parked[i].position == position) {
            take_out(table, i);
            return FACTUM_OK;
        }
    }
    fail_msg("nothing is parked at %d", (int)position);
    return FACTUM_NOT_FOUND;
}

static factum_status fake_unpark_after(struct fct_target *target, uint64_t position,
                                       factum_error *err)
{
    struct table *table = &fake_of(target)->now;
    (void)err;
    for (size_t i = table->parked_count; i-- > 0;) {
        if (table->parked[i].position > position) {
            take_out(table, i);
        }
    }
    return FACTUM_OK;
}

static const struct fct_target_ops fake_ops = {
    .take_over = fake_take_over,
    .begin = fake_begin,
    .set_checkpoint = fake_set,
    .commit = fake_commit,
    .rollback = fake_rollback,
    .save = fake_save,
    .release = fake_release,
    .back_to = fake_back,
    .apply = fake_apply,
    .parked_read = fake_read,
    .park = fake_park,
    .unpark = fake_unpark,
    .unpark_after = fake_unpark_after,
};

/* ---- events ---------------------------------------------------------------------------------- */

static const struct fct_bound one_row = {.row_count = 1};

static struct fct_bound_event event_at(uint64_t position, const char *key)
{
    return (struct fct_bound_event){.position = position,
                                    .created = (int64_t)position,
                                    .key = factum_slice_from(key),
                                    .type = FCT_SLICE("T"),
                                    .bound = &one_row,
                                    .bound_count = 1};
}

static const struct fct_apply_limits limits = {
    .retries = 2, .retry_within = INT64_MAX, .parked_keys_max = 64, .parked_events_max = 8};

static struct fake fake;
static struct fct_applier applier;

static void begin(const struct fct_apply_limits *given)
{
    factum_error err;
    memset(&fake, 0, sizeof fake);
    fake.target.ops = &fake_ops;
    assert_ok(fct_applier_begin(&applier, &fake.target, given, &err), err);
}

/* Events |first| to |last|, whose keys are |keys| keys in turn. */
static factum_status apply(uint64_t first, uint64_t last, unsigned keys, factum_error *err)
{
    static const char names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static char texts[sizeof names][2];
    struct fct_bound_event events[EVENTS_MAX];
    size_t count = 0;
    for (uint64_t at = first; at <= last; at++) {
        char *key = texts[at % keys];
        key[0] = names[at % keys];
        events[count++] = event_at(at, key);
    }
    const struct fct_checkpoint to = {.position = last};
    return fct_apply_batch(&applier, events, count, &to, 1000, err);
}

static void assert_state(size_t applied, size_t parked, uint64_t position)
{
    assert_int_equal(fake.committed.applied_count, applied);
    assert_int_equal(fake.committed.at.event_count, applied);
    assert_int_equal(fake.committed.parked_count, parked);
    assert_int_equal(fake.committed.at.position, position);
    assert_int_equal(applier.at.position, position);
    if (applier.parked_known) {
        assert_int_equal(applier.parked.event_count, parked);
    }
    assert_false(fake.open);
}

static factum_status load_again(void *data, uint64_t position, factum_arena *arena,
                                struct fct_bound_event *event, factum_error *err)
{
    (void)data;
    (void)arena;
    (void)err;
    *event = event_at(position, "");
    return FACTUM_OK;
}

static const struct fct_parked_source source = {NULL, load_again};

/* ---- cases ----------------------------------------------------------------------------------- */

TEST(a_batch_counts_as_a_whole)
{
    factum_error err;
    (void)state;
    begin(&limits);
    assert_ok(apply(1, 100, 7, &err), err);
    assert_state(100, 0, 100);
    assert_ok(apply(101, 101, 1, &err), err);
    assert_state(101, 0, 101);
    assert_int_equal(fake.attempts, 101);
    fct_applier_finish(&applier);
}

TEST(a_bad_event_parks_its_key_and_nothing_else)
{
    factum_error err;
    (void)state;
    begin(&limits);
    fake.bad[250] = true; /* of key 0: 250, 300, 350, 400, 450 and 500 wait */
    assert_ok(apply(1, 500, 50, &err), err);
    assert_state(494, 6, 500);
    assert_true(fake.attempts <= 500 + 250);
    assert_string_equal(fake.texts[250], "event 250 is bad");
    assert_string_equal(fake.texts[300], "");
    assert_int_equal(fake.committed.parked[0].attempts, 1);
    for (size_t i = 1; i < fake.committed.applied_count; i++) {
        assert_true(fake.committed.applied[i - 1] < fake.committed.applied[i]);
    }
    fct_applier_finish(&applier);
}

TEST(a_key_is_drained_in_its_order)
{
    factum_error err;
    int64_t next;
    (void)state;
    begin(&limits);
    fake.bad[2] = true;
    fake.bad[8] = true;
    assert_ok(apply(1, 10, 2, &err), err); /* 2, 4, 6, 8, 10 are parked */
    assert_state(5, 5, 10);
    assert_ok(fct_apply_retry(&applier, NULL, false, &source, 1000, &next, &err), err);
    assert_state(5, 5, 10); /* not due */
    assert_true(next > 1000);
    fake.bad[2] = false;
    assert_ok(fct_apply_retry(&applier, NULL, false, &source, next, &next, &err), err);
    assert_state(8, 2, 10); /* 8 has failed: it and 10 stay */
    assert_int_equal(fake.committed.applied[7], 6);
    assert_int_equal(fake.committed.parked[0].position, 8);
    assert_string_equal(fake.texts[8], "event 8 is bad");
    fake.bad[8] = false;
    const factum_slice key = FCT_SLICE("A");
    assert_ok(fct_apply_retry(&applier, &key, true, &source, next, &next, &err), err);
    assert_state(10, 0, 10);
    assert_int_equal(next, 0);
    fct_applier_finish(&applier);
}

TEST(attempts_end_and_an_operator_skips)
{
    factum_error err;
    int64_t next = 1000;
    (void)state;
    begin(&limits);
    fake.bad[2] = true;
    assert_ok(apply(1, 6, 2, &err), err);
    for (int i = 0; i < 2; i++) {
        int64_t now = fct_parked_set_due(&applier.parked);
        assert_ok(fct_apply_retry(&applier, NULL, false, &source, now, &next, &err), err);
    }
    assert_int_equal(next, 0); /* the first attempt and two more */
    assert_int_equal(fake.committed.parked[0].attempts, 3);
    assert_ok(fct_apply_skip(&applier, 7, 5000, &err), err); /* before the event was read */
    assert_state(3, 3, 6);
    assert_ok(fct_apply_skip(&applier, 2, 5000, &err), err);
    assert_state(3, 2, 6);
    assert_int_equal(fct_parked_set_due(&applier.parked), 5000);
    assert_ok(fct_apply_retry(&applier, NULL, false, &source, 5000, &next, &err), err);
    assert_state(5, 0, 6);
    fake.bad[7] = true;
    fake.bad[8] = true;
    assert_ok(apply(7, 8, 2, &err), err); /* 7 is left out, 8 is parked */
    assert_int_equal(fake.committed.parked_count, 1);
    assert_int_equal(fake.committed.parked[0].position, 8);
    fct_applier_finish(&applier);
}

TEST(a_broken_database_parks_nothing)
{
    factum_error err;
    (void)state;
    begin(&limits);
    assert_ok(apply(1, 5, 5, &err), err);
    fake.broken = FACTUM_FAILED;
    assert_status(apply(6, 50, 50, &err), FACTUM_FAILED);
    assert_state(5, 0, 5);
    fake.broken = FACTUM_BUSY;
    assert_status(apply(6, 50, 50, &err), FACTUM_BUSY);
    fake.broken = FACTUM_OK;
    assert_ok(apply(6, 50, 50, &err), err);
    assert_state(50, 0, 50);
    fct_applier_finish(&applier);
}

TEST(a_wrong_definition_parks_nothing)
{
    factum_error err;
    (void)state;
    begin(&limits);
    assert_ok(apply(1, 5, 50, &err), err);
    memset(fake.bad, 1, sizeof fake.bad);
    assert_status(apply(6, 50, 50, &err), FACTUM_FAILED);
    assert_text(err, "16 events in a row");
    assert_text(err, "event 21 is bad");
    assert_state(5, 0, 5);
    fct_applier_finish(&applier);
}

TEST(failures_in_a_row_count_over_batches)
{
    factum_error err;
    (void)state;
    begin(&limits);
    memset(fake.bad + 6, 1, sizeof fake.bad - 6);
    assert_ok(apply(1, 15, 50, &err), err); /* 5 are applied, then 10 fail */
    assert_state(5, 10, 15);
    assert_ok(apply(16, 18, 50, &err), err);
    assert_state(5, 13, 18);
    assert_status(apply(19, 30, 50, &err), FACTUM_FAILED);
    assert_state(5, 0, 5); /* as before the first of them: 1 to 5 are still applied once */
    memset(fake.bad, 0, sizeof fake.bad);
    assert_ok(apply(6, 50, 50, &err), err);
    assert_state(50, 0, 50);
    fct_applier_finish(&applier);
}

TEST(what_was_retried_is_not_applied_again)
{
    factum_error err;
    int64_t next;
    const factum_slice key = FCT_SLICE("G");
    (void)state;
    begin(&limits);
    memset(fake.bad + 6, 1, sizeof fake.bad - 6);
    assert_ok(apply(1, 15, 50, &err), err); /* 5 are applied, then 10 fail */
    fake.bad[6] = false;
    assert_ok(fct_apply_retry(&applier, &key, true, &source, 1000, &next, &err), err);
    assert_state(6, 9, 15);
    assert_ok(apply(16, 25, 50, &err), err); /* 10 more in a row, but one was applied in between */
    assert_state(6, 19, 25);
    fct_applier_finish(&applier);
}

TEST(successes_keep_the_breaker_from_opening)
{
    factum_error err;
    (void)state;
    begin(&limits);
    for (size_t i = 0; i < 100; i += 2) {
        fake.bad[i] = true;
    }
    struct fct_apply_limits many = limits;
    many.parked_events_max = 1000;
    applier.limits = many;
    assert_ok(apply(1, 100, 52, &err), err);
    assert_int_equal(fake.committed.at.position, 100);
    assert_true(fake.committed.parked_count >= 49);
    fct_applier_finish(&applier);
}

TEST(limits_stop_and_drop_nothing)
{
    factum_error err;
    (void)state;
    begin(&limits);
    fake.bad[1] = true; /* 8 of key B may wait: 1, 3 ... 15 */
    assert_ok(apply(1, 16, 2, &err), err);
    assert_state(8, 8, 16);
    assert_status(apply(17, 18, 2, &err), FACTUM_TOO_BIG);
    assert_text(err, "8 events of the key B are parked, and no more may be: look at them");
    assert_state(8, 8, 16);
    applier.limits.parked_keys_max = 1;
    fake.bad[18] = true;
    assert_status(apply(18, 18, 2, &err), FACTUM_TOO_BIG);
    assert_text(err, "1 key has parked events, and no more may: look at it with");
    assert_state(8, 8, 16);
    fct_applier_finish(&applier);
}

TEST(a_fenced_runner_changes_nothing)
{
    factum_error err;
    struct fct_applier other;
    (void)state;
    begin(&limits);
    assert_ok(apply(1, 5, 5, &err), err);
    assert_ok(fct_applier_begin(&other, &fake.target, &limits, &err), err);
    assert_status(apply(6, 7, 5, &err), FACTUM_DENIED);
    assert_int_equal(fake.attempts, 5);
    assert_status(fct_apply_skip(&applier, 1, 1, &err), FACTUM_DENIED);
    fct_applier_finish(&other);
    fct_applier_finish(&applier);
}

TEST(trouble_in_the_event_parks_it)
{
    factum_error err;
    (void)state;
    begin(&limits);
    struct fct_bound_event events[] = {event_at(1, "A"), event_at(2, "B")};
    events[0].trouble = "/qty: too large";
    const struct fct_checkpoint to = {.position = 2};
    assert_ok(fct_apply_batch(&applier, events, 2, &to, 1, &err), err);
    assert_state(1, 1, 2);
    assert_string_equal(fake.texts[1], "/qty: too large");
    fct_applier_finish(&applier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_batch_counts_as_a_whole),
        CASE(a_bad_event_parks_its_key_and_nothing_else),
        CASE(a_key_is_drained_in_its_order),
        CASE(attempts_end_and_an_operator_skips),
        CASE(a_broken_database_parks_nothing),
        CASE(a_wrong_definition_parks_nothing),
        CASE(failures_in_a_row_count_over_batches),
        CASE(what_was_retried_is_not_applied_again),
        CASE(successes_keep_the_breaker_from_opening),
        CASE(limits_stop_and_drop_nothing),
        CASE(a_fenced_runner_changes_nothing),
        CASE(trouble_in_the_event_parks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
