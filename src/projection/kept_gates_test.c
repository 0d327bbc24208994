/* kept_gates_test.c - gates that stay open between queries: when they are used again, when not, and
 * how many are kept. Layer: projection. */
#include "projection/kept_gates.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/slice.h"
#include "projection/query_gate.h"
#include "support/test_store.h"

#define WAIT_MS 20000
#define ASKERS 4u
#define EVENTS 40u

static const char v1[] = "--@ projection paid version 1\n"
                         "--@ from category order\n"
                         "--@ tables\n"
                         "CREATE TABLE {{paid}} (id TEXT PRIMARY KEY, cents BIGINT NOT NULL);\n"
                         "--@ on OrderPaid\n"
                         "INSERT INTO {{paid}} VALUES (:event_id, :cents);\n";
static const char v2[] = "--@ projection paid version 2\n"
                         "--@ from category order\n"
                         "--@ tables\n"
                         "CREATE TABLE {{paid}} (id TEXT PRIMARY KEY, cents BIGINT NOT NULL);\n"
                         "--@ on OrderPaid\n"
                         "INSERT INTO {{paid}} VALUES (:event_id, 10 * :cents);\n";

struct world {
    char store_dir[SCRATCH_SIZE]; /* "": in memory */
    char dir[SCRATCH_SIZE];
    factum_store *store;
    factum_models *models;
    uint64_t place; /* of the last event */
};

static void deploy(struct world *world, const char *text)
{
    factum_error err;
    factum_projection *projection;
    factum_act_result done = {.size = sizeof done};
    assert_ok(factum_projection_load(factum_slice_from(text), NULL, &projection, &err), err);
    assert_ok(factum_projection_deploy(world->store, projection, NULL, &done, &err), err);
    factum_projection_free(projection);
    assert_ok(
        factum_models_act_wait(world->models, FCT_SLICE("paid"), done.revision, WAIT_MS, &err),
        err);
}

static void act(struct world *world, factum_projection_act what)
{
    factum_error err;
    factum_act_result done = {.size = sizeof done};
    const factum_act_request request = {
        .size = sizeof request, .act = what, .projection = FCT_SLICE("paid")};
    assert_ok(factum_projection_act_record(world->store, &request, &done, &err), err);
    assert_ok(
        factum_models_act_wait(world->models, FCT_SLICE("paid"), done.revision, WAIT_MS, &err),
        err);
}

static int open_world(void **state)
{
    factum_error err;
    factum_append_result result;
    static struct world only; /* one case at a time */
    struct world *world = &only;
    memset(world, 0, sizeof *world);
    assert_ok(test_store_open(&world->store, false, world->store_dir, NULL, &err), err);
    assert_true(scratch_make(world->dir));
    const factum_models_options options = {.size = sizeof options, .path = world->dir};
    assert_ok(factum_models_open(world->store, &options, &world->models, &err), err);
    deploy(world, v1);
    for (unsigned i = 0; i < EVENTS; i++) {
        const factum_new_event event = {.type = FCT_SLICE("OrderPaid"),
                                        .data = FCT_SLICE("{\"cents\":1}")};
        assert_ok(factum_append_stream(world->store, FCT_SLICE("order-1"), factum_any(), &event, 1,
                                       &result, &err),
                  err);
    }
    world->place = result.position;
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    factum_error err;
    struct world *world = *state;
    factum_models_close(world->models);
    assert_ok(test_store_close(world->store, world->store_dir, &err), err);
    assert_true(scratch_remove(world->dir));
    return 0;
}

static bool take_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    (void)names;
    return count == 1;
}

static bool take_row(void *data, const factum_value *values, size_t count)
{
    int64_t *number = data;
    assert_int_equal(count, 1);
    *number = values[0].integer;
    return true;
}

static factum_status ask(struct world *world, const char *sql, uint64_t rows_max, int64_t *number,
                         factum_error *err)
{
    const factum_rows rows = {number, take_columns, take_row};
    const factum_model_query query = {.size = sizeof query,
                                      .model = FCT_SLICE("paid"),
                                      .sql = factum_slice_from(sql),
                                      .wait_set = true,
                                      .wait = world->place,
                                      .wait_ms = WAIT_MS,
                                      .rows_max = rows_max};
    return factum_models_query(world->models, &query, &rows, NULL, err);
}

static void assert_sum(struct world *world, int64_t wanted)
{
    factum_error err;
    int64_t number = -1;
    assert_ok(ask(world, "SELECT sum(cents) FROM paid", 0, &number, &err), err);
    assert_int_equal(number, wanted);
}

/* The number of kept gates; *one is one of them. */
static unsigned count_kept(struct world *world, struct fct_query_gate **one)
{
    unsigned count = 0;
    fct_mutex_lock(&world->models->lock);
    for (unsigned i = 0; i < FCT_GATES_KEPT; i++) {
        if (world->models->gates[i].gate != NULL) {
            count++;
            *one = world->models->gates[i].gate;
        }
    }
    fct_mutex_unlock(&world->models->lock);
    return count;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void a_gate_is_used_again(void **state)
{
    factum_error err;
    int64_t number = 0;
    struct fct_query_gate *first = NULL;
    struct fct_query_gate *second = NULL;
    struct world *world = *state;
    assert_int_equal(count_kept(world, &first), 0);
    assert_sum(world, EVENTS);
    assert_int_equal(count_kept(world, &first), 1);
    assert_status(ask(world, "SELECT nothing FROM paid", 0, &number, &err), FACTUM_INVALID);
    assert_sum(world, EVENTS);
    assert_int_equal(count_kept(world, &second), 1);
    assert_ptr_equal(first, second);
}

static void a_gate_sees_what_was_applied_since(void **state)
{
    factum_error err;
    factum_append_result result;
    struct world *world = *state;
    const factum_new_event event = {.type = FCT_SLICE("OrderPaid"),
                                    .data = FCT_SLICE("{\"cents\":1000}")};
    assert_sum(world, EVENTS);
    assert_ok(factum_append_stream(world->store, FCT_SLICE("order-2"), factum_any(), &event, 1,
                                   &result, &err),
              err);
    world->place = result.position;
    assert_sum(world, EVENTS + 1000);
}

static void a_query_that_comes_to_a_limit_ends_its_gate(void **state)
{
    factum_error err;
    int64_t number = 0;
    struct fct_query_gate *kept = NULL;
    struct world *world = *state;
    assert_sum(world, EVENTS);
    assert_status(ask(world, "SELECT cents FROM paid", 1, &number, &err), FACTUM_TOO_BIG);
    assert_int_equal(count_kept(world, &kept), 0);
    assert_sum(world, EVENTS);
}

static void a_swap_drops_gates(void **state)
{
    struct fct_query_gate *kept = NULL;
    struct world *world = *state;
    assert_sum(world, EVENTS);
    deploy(world, v2);
    assert_sum(world, EVENTS);
    act(world, FACTUM_ACT_SWAP);
    assert_int_equal(count_kept(world, &kept), 0);
    assert_sum(world, EVENTS * 10);
    act(world, FACTUM_ACT_ROLLBACK);
    assert_int_equal(count_kept(world, &kept), 0);
    assert_sum(world, EVENTS);
}

static void a_gate_that_is_in_use_at_a_swap_is_not_kept(void **state)
{
    factum_error err;
    struct fct_kept_gate taken;
    struct fct_query_gate *kept = NULL;
    struct world *world = *state;
    struct fct_model *model = fct_models_find(world->models, FCT_SLICE("paid"));
    assert_ok(fct_kept_gate_take(world->models, model, &taken, &err), err);
    act(world, FACTUM_ACT_PAUSE);
    fct_kept_gate_give(world->models, &taken, FACTUM_OK);
    assert_int_equal(count_kept(world, &kept), 0);
    act(world, FACTUM_ACT_RESUME);
    assert_sum(world, EVENTS);
}

static void remove_file(const struct world *world)
{
    static const char *const endings[] = {".db-wal", ".db-shm", ".db"};
    for (unsigned i = 0; i < 3; i++) {
        char path[SCRATCH_SIZE + 32];
        (void)snprintf(path, sizeof path, "%s/paid%s", world->dir, endings[i]);
        (void)unlink(path);
    }
}

static void a_file_that_was_deleted_is_not_asked(void **state)
{
    factum_error err;
    struct fct_kept_gate taken;
    struct world *world = *state;
    struct fct_model *model = fct_models_find(world->models, FCT_SLICE("paid"));
    assert_sum(world, EVENTS);
    remove_file(world);
    factum_status status = fct_kept_gate_take(world->models, model, &taken, &err);
    /* The host may have rebuilt the file already. */
    assert_true(status == FACTUM_OK ? !fct_query_gate_has_moved(taken.gate) : taken.gate == NULL);
    fct_kept_gate_give(world->models, &taken, FACTUM_OK);
}

static void closing_leaves_no_wal(void **state)
{
    struct stat found;
    char path[SCRATCH_SIZE + 32];
    struct world *world = *state;
    assert_sum(world, EVENTS);
    factum_models_close(world->models);
    world->models = NULL;
    (void)snprintf(path, sizeof path, "%s/paid.db-wal", world->dir);
    assert_int_equal(stat(path, &found), -1);
}

struct asker {
    struct world *world;
    _Atomic bool *stop;
    uint64_t count;
    uint64_t wrong;
};

static void ask_away(void *data)
{
    struct asker *asker = data;
    while (!atomic_load(asker->stop)) {
        factum_error err;
        int64_t number = -1;
        factum_status status = ask(asker->world, "SELECT sum(cents) FROM paid", 0, &number, &err);
        asker->wrong += status != FACTUM_OK || (number != EVENTS && number != EVENTS * 10) ? 1 : 0;
        asker->count++;
    }
}

static void many_ask_while_builds_are_swapped(void **state)
{
    factum_error err;
    struct world *world = *state;
    struct asker askers[ASKERS];
    struct fct_thread threads[ASKERS];
    struct fct_query_gate *kept = NULL;
    _Atomic bool stop = false;
    assert_sum(world, EVENTS);
    deploy(world, v2);
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.world = world, .stop = &stop};
        assert_ok(fct_thread_start(&threads[i], "asker", ask_away, &askers[i], &err), err);
    }
    act(world, FACTUM_ACT_SWAP);
    for (unsigned i = 0; i < 4; i++) {
        act(world, FACTUM_ACT_ROLLBACK);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < ASKERS; i++) {
        fct_thread_join(&threads[i]);
        assert_int_equal(askers[i].wrong, 0);
    }
    assert_in_range(count_kept(world, &kept), 0, ASKERS);
    assert_sum(world, EVENTS * 10);
}

static void no_more_are_kept_than_there_is_room_for(void **state)
{
    factum_error err;
    struct fct_kept_gate taken[FCT_GATES_KEPT + 2];
    struct fct_query_gate *kept = NULL;
    struct world *world = *state;
    struct fct_model *model = fct_models_find(world->models, FCT_SLICE("paid"));
    for (unsigned i = 0; i < FCT_GATES_KEPT + 2; i++) {
        assert_ok(fct_kept_gate_take(world->models, model, &taken[i], &err), err);
    }
    for (unsigned i = 0; i < FCT_GATES_KEPT + 2; i++) {
        fct_kept_gate_give(world->models, &taken[i], FACTUM_OK);
    }
    assert_int_equal(count_kept(world, &kept), FCT_GATES_KEPT);
    assert_sum(world, EVENTS);
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_gate_is_used_again),
        IN_WORLD(a_gate_sees_what_was_applied_since),
        IN_WORLD(a_query_that_comes_to_a_limit_ends_its_gate),
        IN_WORLD(a_swap_drops_gates),
        IN_WORLD(a_gate_that_is_in_use_at_a_swap_is_not_kept),
        IN_WORLD(a_file_that_was_deleted_is_not_asked),
        IN_WORLD(closing_leaves_no_wal),
        IN_WORLD(many_ask_while_builds_are_swapped),
        IN_WORLD(no_more_are_kept_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
