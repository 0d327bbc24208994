/* facts_test.c - appends of one group see each other. Each test also runs with hashes of a few
 * bits, so that names and keys collide. */
#include "support/test.h"

#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local.h"
#include "engine_local/local_int.h"
#include "sim/sim_disk.h"

enum { REQUESTS_MAX = 4 };

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_engine engine;
    factum_error err;
    /* the group */
    factum_append_op ops[REQUESTS_MAX];
    factum_append_request appends[REQUESTS_MAX];
    factum_new_event events[REQUESTS_MAX];
    factum_expectation expectations[REQUESTS_MAX];
    size_t count;
    bool os_only; /* the group asks for no sync */
    bool loses;   /* closing reports that appends may be lost */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    const uint64_t *hash_mask = *state;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    assert_non_null(fixture.disk);
    struct fct_local_options options = {
        .os = fct_sim_disk_os(fixture.disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 64 << 10,
        .hash_mask = *hash_mask,
    };
    assert_ok(fct_engine_local_open(&fixture.engine, &options, &fixture.err), fixture.err);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_status(fct_engine_close(&f->engine, &f->err), f->loses ? FACTUM_FAILED : FACTUM_OK);
    fct_sim_disk_destroy(f->disk);
    return 0;
}

/* Adds an append to the group: an event of |type| whose id has |id| as its first byte. */
static factum_append_request *joins(struct fixture *f, const char *stream, factum_expected expected,
                                    const char *type, uint8_t id)
{
    size_t i = f->count++;
    assert_true(i < REQUESTS_MAX);
    f->events[i] = (factum_new_event){.stream = factum_slice_from(stream),
                                      .type = factum_slice_from(type),
                                      .data = FCT_SLICE("{}")};
    f->events[i].id.bytes[0] = id;
    f->expectations[i] = (factum_expectation){f->events[i].stream, expected};
    f->appends[i] = (factum_append_request){
        .size = sizeof f->appends[i],
        .events = &f->events[i],
        .event_count = 1,
        .expectations = &f->expectations[i],
        .expectation_count = 1,
    };
    return &f->appends[i];
}

/* Does the group's work, as its leader would. */
static void work(struct fixture *f)
{
    struct fct_group_member *next = NULL;
    for (size_t i = f->count; i-- > 0;) {
        factum_append_op *op = &f->ops[i];
        f->appends[i].durability = f->os_only ? FACTUM_DURABILITY_OS : FACTUM_DURABILITY_SYNC;
        *op = (factum_append_op){.size = sizeof *op, .request = &f->appends[i]};
        memcpy(&op->internal[FCT_OP_REQUEST_WORD], &f->appends[i], sizeof f->appends[i]);
        fct_local_prepare(f->engine.self, op, NULL);
        fct_commit_op_of(op)->member.next = next;
        next = &fct_commit_op_of(op)->member;
    }
    fct_commit_work(f->engine.self, next);
    f->count = 0;
}

#define assert_outcome(f, i, expected)                                                             \
    do {                                                                                           \
        fct_decide_say(&(f)->ops[i]);                                                              \
        (f)->err = (f)->ops[i].err;                                                                \
        assert_status((f)->ops[i].status, expected);                                               \
    } while (0)

static const char *types_of(struct fixture *f, const char *stream)
{
    static char text[256];
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    size_t used = 0;
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    text[0] = '\0';
    status = fct_engine_read(&f->engine, &request, false, &reader, &f->err);
    if (status != FACTUM_OK) {
        return factum_status_name(status);
    }
    while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%llu:%.*s", used == 0 ? "" : " ",
                             (unsigned long long)event.revision, FCT_FMT(event.type));
    }
    assert_status(status, FACTUM_DONE);
    fct_reader_close(reader);
    return text;
}

TEST(of_two_appends_that_forbid_each_other_one_is_written)
{
    struct fixture *f = *state;
    factum_slice tag = FCT_SLICE("seat:1");
    factum_query_item item = {.tags = &tag, .tag_count = 1};
    factum_append_condition condition = {.query = {&item, 1}};
    for (uint8_t i = 0; i < 3; i++) {
        joins(f, i == 0 ? "a-1" : "b-1", factum_any(), "Taken", (uint8_t)(i + 1))->condition =
            &condition;
        f->events[i].tags = &tag;
        f->events[i].tag_count = 1;
    }
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    for (size_t i = 1; i < 3; i++) {
        assert_outcome(f, i, FACTUM_CONDITION_FAILED);
        assert_text(f->err, "fits the append condition");
        assert_int_equal(f->ops[i].result.conflict_position, f->ops[0].result.position);
    }
    assert_string_equal(types_of(f, "b-1"), "STREAM_NOT_FOUND");
}

TEST(a_condition_after_the_other_lets_both_through)
{
    struct fixture *f = *state;
    factum_slice type = FCT_SLICE("Taken");
    factum_query_item item = {.types = &type, .type_count = 1};
    factum_append_condition late = {.query = {&item, 1}, .after = UINT64_MAX};
    joins(f, "a-1", factum_any(), "Taken", 1);
    joins(f, "b-1", factum_any(), "Taken", 2)->condition = &late;
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    assert_outcome(f, 1, FACTUM_OK);
}

TEST(a_key_is_known_to_the_next_of_the_group)
{
    struct fixture *f = *state;
    for (uint8_t i = 0; i < 3; i++) {
        joins(f, "a-1", factum_any(), i < 2 ? "A" : "B", (uint8_t)(i + 1))->idempotency_key =
            FCT_SLICE("key");
    }
    joins(f, "a-1", factum_any(), "C", 9)->idempotency_key = FCT_SLICE("other key");
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    assert_outcome(f, 1, FACTUM_OK);
    assert_true(f->ops[1].result.already);
    assert_int_equal(f->ops[1].result.position, f->ops[0].result.position);
    assert_outcome(f, 2, FACTUM_KEY_CONFLICT);
    assert_text(f->err, "idempotency key key was used for an append with other content");
    assert_outcome(f, 3, FACTUM_OK);
    assert_false(f->ops[3].result.already);
    assert_string_equal(types_of(f, "a-1"), "0:A 1:C");
}

TEST(an_id_is_known_to_the_next_of_the_group)
{
    struct fixture *f = *state;
    joins(f, "a-1", factum_any(), "A", 1);
    joins(f, "a-1", factum_any(), "A", 1);
    joins(f, "a-1", factum_no_stream(), "A", 1);
    joins(f, "b-1", factum_any(), "A", 1);
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    assert_false(f->ops[0].result.already);
    assert_outcome(f, 1, FACTUM_OK);
    assert_true(f->ops[1].result.already);
    assert_outcome(f, 2, FACTUM_OK);
    assert_true(f->ops[2].result.already);
    assert_outcome(f, 3, FACTUM_OK);
    assert_false(f->ops[3].result.already);
    assert_string_equal(types_of(f, "a-1"), "0:A");
}

TEST(revisions_follow_each_other_and_a_refusal_changes_nothing)
{
    struct fixture *f = *state;
    joins(f, "a-1", factum_no_stream(), "A", 1);
    joins(f, "a-1", factum_no_stream(), "B", 2);
    joins(f, "a-1", factum_at(0), "C", 3);
    joins(f, "a-1", factum_at(7), "D", 4);
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    assert_outcome(f, 1, FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 is at revision 0, but it should not exist");
    assert_outcome(f, 2, FACTUM_OK);
    assert_outcome(f, 3, FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 is at revision 1, not 7");
    joins(f, "a-1", factum_at(9), "E", 5);
    work(f);
    assert_outcome(f, 0, FACTUM_WRONG_REVISION);
    joins(f, "a-1", factum_at(1), "F", 6);
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    assert_string_equal(types_of(f, "a-1"), "0:A 1:C 2:F");
}

TEST(a_deletion_holds_for_the_next_of_the_group)
{
    struct fixture *f = *state;
    factum_slice type = FCT_SLICE("$metadata");
    factum_query_item item = {.types = &type, .type_count = 1};
    joins(f, "a-1", factum_any(), "A", 1);
    joins(f, "$$a-1", factum_any(), "$metadata", 2);
    f->events[1].data = FCT_SLICE("{\"$tb\":9223372036854775807}");
    joins(f, "a-1", factum_no_stream(), "B", 3);
    work(f);
    for (size_t i = 0; i < 3; i++) {
        assert_outcome(f, i, FACTUM_OK);
    }
    factum_append_condition condition = {.query = {&item, 1}, .after = f->ops[2].result.position};
    assert_int_equal(f->ops[2].result.revision, 1);
    assert_string_equal(types_of(f, "a-1"), "1:B");
    joins(f, "$$a-1", factum_any(), "$metadata", 4);
    f->events[0].data = FCT_SLICE("{\"$tb\":9223372036854775807}");
    work(f);
    condition.after = f->ops[0].result.position;
    joins(f, "a-1", factum_any(), "C", 5);
    /* Its metadata is of this batch. */
    joins(f, "c-1", factum_any(), "X", 6)->condition = &condition;
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    assert_outcome(f, 1, FACTUM_CONDITION_FAILED);
    assert_string_equal(types_of(f, "a-1"), "2:C");
}

TEST(a_tombstone_holds_for_the_next_of_the_group)
{
    struct fixture *f = *state;
    joins(f, "a-1", factum_any(), "A", 1);
    joins(f, "a-1", factum_at(0), "$streamDeleted", 2);
    joins(f, "a-1", factum_any(), "B", 3);
    joins(f, "b-1", factum_any(), "B", 4);
    work(f);
    assert_outcome(f, 1, FACTUM_OK);
    assert_int_equal(f->ops[1].result.revision, FACTUM_REVISION_TOMBSTONE);
    assert_outcome(f, 2, FACTUM_STREAM_DELETED);
    assert_text(f->err, "stream a-1 is deleted for ever");
    assert_outcome(f, 3, FACTUM_OK);
    assert_string_equal(types_of(f, "a-1"), "STREAM_DELETED");
}

/* A second sync proves nothing about bytes that the first one failed to write (rule R9). */
TEST(a_retry_beside_a_failed_sync_is_not_acknowledged)
{
    struct fixture *f = *state;
    f->os_only = true;
    joins(f, "a-1", factum_any(), "A", 1);
    work(f);
    assert_outcome(f, 0, FACTUM_OK);
    f->os_only = false;
    f->loses = true;
    joins(f, "b-1", factum_any(), "B", 2);
    joins(f, "a-1", factum_any(), "A", 1);
    fct_sim_disk_lose_sync(f->disk, fct_sim_disk_calls(f->disk));
    work(f);
    assert_outcome(f, 0, FACTUM_UNKNOWN_OUTCOME);
    assert_outcome(f, 1, FACTUM_FAILED);
}

int main(void)
{
    static uint64_t masks[] = {0, 1};
#define BOTH(name)                                                                                 \
    cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &masks[0]),                  \
        cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &masks[1])
    const struct CMUnitTest tests[] = {
        BOTH(of_two_appends_that_forbid_each_other_one_is_written),
        BOTH(a_condition_after_the_other_lets_both_through),
        BOTH(a_key_is_known_to_the_next_of_the_group),
        BOTH(an_id_is_known_to_the_next_of_the_group),
        BOTH(revisions_follow_each_other_and_a_refusal_changes_nothing),
        BOTH(a_deletion_holds_for_the_next_of_the_group),
        BOTH(a_tombstone_holds_for_the_next_of_the_group),
        BOTH(a_retry_beside_a_failed_sync_is_not_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
