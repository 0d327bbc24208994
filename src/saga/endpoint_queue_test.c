/* endpoint_queue_test.c - endpoints.db: what operators see of a missing file, broken events in a
 * good file and good events in a damaged one, how long rows stay, and which are due. Layer:
 * saga. */
#include <unistd.h>

#include "core/arena.h"
#include "core/mem.h"
#include "core/slice.h"
#include "saga/endpoint_queue.h"
#include "support/test_store.h"

#define DAY (INT64_C(86400) * 1000000000)
#define BORN UINT64_C(100)
#define BIG ((size_t)2 << 20) /* more than the memory for one event */

struct world {
    char dir[SCRATCH_SIZE];
    char file[SCRATCH_SIZE + 32];
    struct fct_queue queue;
};

static int set_up(void **state)
{
    static struct world only; /* one case at a time */
    struct world *world = &only;
    memset(world, 0, sizeof *world);
    assert_true(scratch_make(world->dir));
    (void)snprintf(world->file, sizeof world->file, "%s/" FCT_QUEUE_FILE, world->dir);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    fct_queue_close(&world->queue);
    assert_true(scratch_remove(world->dir));
    return 0;
}

static void open_queue(struct world *world)
{
    factum_error err;
    assert_ok(fct_queue_open(&world->queue, world->dir, BORN, &err), err);
}

static factum_status give_event(struct world *world, const char *type, const char *data,
                                int64_t created, factum_error *err)
{
    const factum_event event = {.stream = FCT_SLICE("$definition:endpoint-stock"),
                                .type = factum_slice_from(type),
                                .data = factum_slice_from(data),
                                .created = created};
    return fct_queue_endpoint_event(&world->queue, &event, err);
}

static void deploy(struct world *world)
{
    factum_error err;
    assert_ok(give_event(world, "$EndpointDeployed",
                         "{\"service\":\"stock\",\"url\":\"http://a.example.com/\","
                         "\"timeoutMs\":1000,\"parallel\":1}",
                         DAY, &err),
              err);
}

static void add_command(struct world *world, uint64_t position, const char *id)
{
    factum_error err;
    const struct fct_queue_row row = {.position = position,
                                      .command_id = factum_slice_from(id),
                                      .key = FCT_SLICE("command:stock-o-1"),
                                      .service = FCT_SLICE("stock")};
    assert_ok(fct_queue_add(&world->queue, &row, &err), err);
}

static struct fct_queue_row row_of(struct world *world, const char *id)
{
    factum_error err;
    struct fct_queue_row row;
    assert_ok(fct_queue_find(&world->queue, factum_slice_from(id), &row, &err), err);
    return row;
}

/* ---- opening --------------------------------------------------------------------------------- */

TEST(only_a_host_creates_the_file)
{
    struct world *world = *state;
    struct fct_queue other;
    factum_error err;
    assert_status(fct_queue_open_existing(&other, world->dir, &err), FACTUM_NOT_FOUND);
    assert_int_not_equal(access(world->file, F_OK), 0);
    open_queue(world);
    deploy(world);
    add_command(world, BORN, "saga:o-1/a/do/1");
    add_command(world, BORN + 1, "saga:o-1/b/do/1");
    assert_ok(fct_queue_open_existing(&other, world->dir, &err), err);
    assert_ok(
        fct_queue_find(&other, FCT_SLICE("saga:o-1/a/do/1"), &(struct fct_queue_row){0}, &err),
        err);
    fct_queue_close(&other);
    /* An earlier file may have delivered what is at or before its birth. */
    assert_true(row_of(world, "saga:o-1/a/do/1").maybe);
    assert_false(row_of(world, "saga:o-1/b/do/1").maybe);
}

static bool list_nothing(void *data, const factum_endpoint_parked *parked)
{
    (void)data;
    (void)parked;
    fail();
    return false;
}

static bool no_status(void *data, const factum_endpoint_status *status)
{
    (void)data;
    (void)status;
    fail();
    return false;
}

/* A file of their own would not know that commands may have been delivered: an undo would then
 * cancel a do that was done. */
TEST(operators_do_not_create_a_file_that_was_deleted)
{
    struct world *world = *state;
    factum_error err;
    factum_store *store;
    factum_endpoints *endpoints;
    uint64_t count = 7;
    const factum_endpoints_options options = {
        .size = sizeof options, .path = world->dir, .no_run = true};
    const factum_endpoint_parked_each each = {NULL, list_nothing};
    const factum_endpoint_status_each statuses = {NULL, no_status};
    assert_ok(factum_testing_open_memory(NULL, &store, &err), err);
    assert_ok(factum_endpoints_open(store, &options, &endpoints, &err), err);
    assert_int_equal(unlink(world->file), 0);
    assert_ok(factum_endpoints_status(endpoints, &statuses, &err), err);
    assert_ok(factum_endpoints_parked(endpoints, FCT_SLICE(""), FCT_SLICE(""), &each, &err), err);
    assert_ok(factum_endpoints_retry(endpoints, FCT_SLICE(""), FCT_SLICE(""), &count, &err), err);
    assert_int_equal(count, 0);
    assert_status(factum_endpoints_skip(endpoints, 1, FCT_SLICE("why"), &err), FACTUM_NOT_FOUND);
    assert_int_not_equal(access(world->file, F_OK), 0);
    factum_endpoints_close(endpoints);
    assert_ok(factum_close(store, &err), err);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Overwrites everything after the first page, which has the tables' definitions. */
static void damage(const struct world *world)
{
    uint8_t bytes[4096];
    FILE *file = fopen(world->file, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size > (long)sizeof bytes);
    memset(bytes, 0xff, sizeof bytes);
    for (long at = (long)sizeof bytes; at < size; at += (long)sizeof bytes) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    }
    assert_int_equal(fclose(file), 0);
}

/* The host skips what is INVALID for ever, and waits for the repair of what is CORRUPT. */
TEST(a_broken_event_and_a_damaged_file_have_different_statuses)
{
    struct world *world = *state;
    factum_error err;
    char *big = fct_mem_alloc(fct_mem_heap(), BIG + 64);
    assert_non_null(big);
    open_queue(world);
    assert_status(give_event(world, "$EndpointMoved", "{}", DAY, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "endpoint: the event $EndpointMoved in "
                                  "$definition:endpoint-stock at position 0 is broken");
    assert_status(give_event(world, "$EndpointDeployed", "{", DAY, &err), FACTUM_INVALID);
    int head = snprintf(big, BIG, "{\"url\":\"http://a/");
    memset(big + head, 'x', BIG);
    memcpy(big + head + BIG, "\"}", 3);
    assert_status(give_event(world, "$EndpointDeployed", big, DAY, &err), FACTUM_INVALID);
    fct_mem_free(fct_mem_heap(), big);
    deploy(world);
    fct_queue_close(&world->queue);
    damage(world);
    open_queue(world);
    assert_status(give_event(world, "$EndpointDisabled", "{}", DAY, &err), FACTUM_CORRUPT);
}

/* ---- rows ------------------------------------------------------------------------------------ */

TEST(rows_of_a_removed_endpoint_stay_as_long_as_others)
{
    struct world *world = *state;
    factum_error err;
    open_queue(world);
    deploy(world);
    add_command(world, BORN + 1, "saga:o-1/a/do/1");
    assert_ok(give_event(world, "$EndpointRemoved", "{}", 50 * DAY, &err), err);
    struct fct_queue_row row = row_of(world, "saga:o-1/a/do/1");
    assert_int_equal(row.state, FCT_COMMAND_TAKEN);
    assert_int_equal(row.next, 50 * DAY);
    assert_ok(fct_queue_drop(&world->queue, 50 * DAY, &err), err);
    (void)row_of(world, "saga:o-1/a/do/1");
    /* Sent again after a new deployment, it is due at once. */
    deploy(world);
    add_command(world, BORN + 2, "saga:o-1/a/do/1");
    row = row_of(world, "saga:o-1/a/do/1");
    assert_int_equal(row.state, FCT_COMMAND_WAITING);
    assert_int_equal(row.next, 0);
    assert_ok(give_event(world, "$EndpointRemoved", "{}", 51 * DAY, &err), err);
    assert_ok(fct_queue_drop(&world->queue, 51 * DAY + 1, &err), err);
    assert_status(fct_queue_find(&world->queue, FCT_SLICE("saga:o-1/a/do/1"), &row, &err),
                  FACTUM_NOT_FOUND);
}

TEST(a_call_that_ends_late_does_not_bring_its_row_back)
{
    struct world *world = *state;
    factum_error err;
    open_queue(world);
    deploy(world);
    add_command(world, BORN + 1, "saga:o-1/a/do/1");
    struct fct_queue_row row = row_of(world, "saga:o-1/a/do/1");
    row.state = FCT_COMMAND_SENDING;
    assert_ok(fct_queue_update(&world->queue, &row, &err), err);
    assert_ok(give_event(world, "$EndpointRemoved", "{}", 50 * DAY, &err), err);
    row.state = FCT_COMMAND_WAITING; /* the call has failed: again after a pause */
    assert_ok(fct_queue_update(&world->queue, &row, &err), err);
    assert_int_equal(row_of(world, "saga:o-1/a/do/1").state, FCT_COMMAND_TAKEN);
    row.state = FCT_COMMAND_OVER; /* the call was answered */
    assert_ok(fct_queue_update(&world->queue, &row, &err), err);
    assert_int_equal(row_of(world, "saga:o-1/a/do/1").state, FCT_COMMAND_OVER);
    row.state = FCT_COMMAND_PARKED;
    assert_ok(fct_queue_update(&world->queue, &row, &err), err);
    assert_int_equal(row_of(world, "saga:o-1/a/do/1").state, FCT_COMMAND_OVER);
}

/* ---- which row is due ------------------------------------------------------------------------ */

static void set_state(struct world *world, const char *id, enum fct_command_state to)
{
    factum_error err;
    struct fct_queue_row row = row_of(world, id);
    row.state = to;
    assert_ok(fct_queue_update(&world->queue, &row, &err), err);
}

/* The position of the row that is due; 0: none. */
static uint64_t due_row(struct world *world)
{
    factum_error err;
    factum_arena arena;
    struct fct_queue_row row;
    int64_t due = INT64_MAX;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 16);
    factum_status status =
        fct_queue_next(&world->queue, FCT_SLICE("stock"), DAY, &arena, &row, &due, &err);
    assert_true(status == FACTUM_OK || status == FACTUM_DONE);
    factum_arena_finish(&arena);
    return status == FACTUM_OK ? row.position : 0;
}

TEST(a_row_is_due_if_no_earlier_one_of_its_key_is_open)
{
    struct world *world = *state;
    factum_error err;
    const struct fct_queue_row undo = {.position = 203,
                                       .command_id = FCT_SLICE("saga:o-1/a/undo/1"),
                                       .key = FCT_SLICE("command:stock-o-1"),
                                       .service = FCT_SLICE("stock"),
                                       .undoes = FCT_SLICE("saga:o-1/a/do/1")};
    open_queue(world);
    deploy(world);
    add_command(world, 201, "saga:o-1/a/do/1");
    add_command(world, 202, "saga:o-1/b/do/1");
    assert_int_equal(due_row(world), 201);
    set_state(world, "saga:o-1/a/do/1", FCT_COMMAND_SENDING);
    assert_int_equal(due_row(world), 0);
    set_state(world, "saga:o-1/a/do/1", FCT_COMMAND_PARKED);
    assert_int_equal(due_row(world), 0);
    set_state(world, "saga:o-1/a/do/1", FCT_COMMAND_TAKEN);
    assert_int_equal(due_row(world), 202);
    set_state(world, "saga:o-1/b/do/1", FCT_COMMAND_OVER);
    /* A do whose undo waits is not sent any more, and delays the undo only during a call. */
    assert_ok(fct_queue_add(&world->queue, &undo, &err), err);
    add_command(world, 204, "saga:o-1/a/do/1"); /* sent again */
    assert_int_equal(due_row(world), 203);
    set_state(world, "saga:o-1/a/do/1", FCT_COMMAND_SENDING);
    assert_int_equal(due_row(world), 0);
    set_state(world, "saga:o-1/a/do/1", FCT_COMMAND_PARKED);
    assert_int_equal(due_row(world), 203);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(only_a_host_creates_the_file),
        FIXTURE_CASE(operators_do_not_create_a_file_that_was_deleted),
        FIXTURE_CASE(a_broken_event_and_a_damaged_file_have_different_statuses),
        FIXTURE_CASE(rows_of_a_removed_endpoint_stay_as_long_as_others),
        FIXTURE_CASE(a_call_that_ends_late_does_not_bring_its_row_back),
        FIXTURE_CASE(a_row_is_due_if_no_earlier_one_of_its_key_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
