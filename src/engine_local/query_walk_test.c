/* query_walk_test.c - reads of queries and filters against a walk over everything: random
 * events, random queries, both directions, from any place, over many runs and a memtable. */
#include "support/test.h"

#include "core/error.h"
#include "core/random.h"
#include "core/slice.h"
#include "engine/query.h"
#include "engine_local/local.h"
#include "engine_local/local_int.h"
#include "engine_local/query_walk.h"
#include "sim/sim_disk.h"

enum {
    EVENTS = 3000,
    TYPES = 5,
    TAGS = 40, /* tag i is on one event in i + 2: some lists are much longer than others */
    QUERIES = 120,
    PAIRS = 20000,
    NAMES_MAX = 4
};

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_engine engine;
    struct fct_random random;
    factum_error err;
    uint64_t positions[EVENTS * 2]; /* of the events that fit, by a walk over everything */
    size_t count;
};

static factum_slice type_name(uint64_t i)
{
    static const char *const names[TYPES] = {"Placed", "Paid", "Shipped", "Lost", "Returned"};
    return factum_slice_from(names[i % TYPES]);
}

static factum_slice tag_name(uint64_t i)
{
    static char names[TAGS + 1][8];
    (void)snprintf(names[i], sizeof names[i], "t:%d", (int)i);
    return factum_slice_from(names[i]);
}

static void append_random(struct fixture *f)
{
    char stream[32];
    factum_slice tags[TAGS];
    factum_new_event event = {.tags = tags};
    (void)snprintf(stream, sizeof stream, "%s-%d",
                   fct_random_below(&f->random, 10) == 0 ? "rare" : "common",
                   (int)fct_random_below(&f->random, 50));
    event.stream = factum_slice_from(stream);
    event.type = type_name(
        fct_random_below(&f->random, TYPES * 2) < TYPES ? 0 : fct_random_below(&f->random, TYPES));
    for (uint64_t i = 0; i < TAGS && event.tag_count < FACTUM_TAGS_MAX; i++) {
        if (fct_random_below(&f->random, i * i + 2) == 0) {
            tags[event.tag_count++] = tag_name(i);
        }
    }
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .durability = FACTUM_DURABILITY_OS,
    };
    assert_ok(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), f->err);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    const uint64_t *hash_mask = *state;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, true), .random = {7}};
    struct fct_local_options options = {
        .os = fct_sim_disk_os(fixture.disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .memtable_span_max = 64 << 10,
        .hash_mask = *hash_mask,
    };
    assert_ok(fct_engine_local_open(&fixture.engine, &options, &fixture.err), fixture.err);
    for (int i = 0; i < EVENTS; i++) {
        append_random(&fixture);
    }
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
    fct_sim_disk_destroy(f->disk);
    return 0;
}

/* Items with random names, also names that no event has. */
struct random_query {
    factum_query query;
    factum_query_item items[3];
    factum_slice types[3][NAMES_MAX];
    factum_slice tags[3][NAMES_MAX];
};

static void make_query(struct fixture *f, struct random_query *made)
{
    made->query = (factum_query){made->items, 1 + fct_random_below(&f->random, 3)};
    for (size_t i = 0; i < made->query.item_count; i++) {
        factum_query_item *item = &made->items[i];
        *item = (factum_query_item){.types = made->types[i], .tags = made->tags[i]};
        item->type_count = fct_random_below(&f->random, 4);
        item->tag_count = fct_random_below(&f->random, 4);
        if (item->type_count + item->tag_count == 0) {
            item->tag_count = 1;
        }
        for (size_t j = 0; j < item->type_count; j++) {
            made->types[i][j] = type_name(fct_random_below(&f->random, TYPES));
        }
        for (size_t j = 0; j < item->tag_count; j++) {
            made->tags[i][j] = tag_name(fct_random_below(&f->random, TAGS + 1));
        }
    }
}

/* Finds all events that fit, by looking at every event. */
static void find_all(struct fixture *f, const factum_query *query, const factum_filter *filter)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    const factum_read_request all = {.size = sizeof all};
    f->count = 0;
    assert_ok(fct_engine_read(&f->engine, &all, false, &reader, &f->err), f->err);
    while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
        bool fits = query == NULL || fct_query_fits(query, event.type, event.tags, event.tag_count);
        if (fits && fct_filter_passes(filter, event.stream, event.type)) {
            f->positions[f->count++] = event.position;
        }
    }
    assert_status(status, FACTUM_DONE);
    fct_reader_close(reader);
}

/* The read gives exactly positions[from] to positions[to - 1], in its direction. */
static void assert_gives(struct fixture *f, const factum_read_request *request, size_t from,
                         size_t to)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    assert_ok(fct_engine_read(&f->engine, request, false, &reader, &f->err), f->err);
    while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
        assert_true(from < to);
        assert_int_equal(event.position,
                         request->backwards ? f->positions[--to] : f->positions[from++]);
    }
    assert_status(status, FACTUM_DONE);
    assert_int_equal(from, to);
    fct_reader_close(reader);
}

/* The first event after |place| that fits. */
static size_t after_place(const struct fixture *f, uint64_t place)
{
    size_t i = 0;
    while (i < f->count && f->positions[i] <= place) {
        i++;
    }
    return i;
}

static void assert_reads(struct fixture *f, factum_read_request request)
{
    assert_gives(f, &request, 0, f->count);
    request.from = FACTUM_FROM_AFTER;
    for (int i = 0; i < 3; i++) {
        uint64_t place = 0;
        assert_ok(fct_engine_place(&f->engine, &place, &f->err), f->err);
        request.from_value = fct_random_below(&f->random, place + 100);
        size_t edge = after_place(f, request.from_value);
        request.backwards = false;
        assert_gives(f, &request, edge, f->count);
        request.backwards = true;
        assert_gives(f, &request, 0, edge);
    }
    request.from = FACTUM_FROM_START;
    assert_gives(f, &request, 0, f->count);
}

TEST(a_query_gives_what_a_walk_over_everything_finds)
{
    struct fixture *f = *state;
    size_t found = 0;
    for (int i = 0; i < QUERIES; i++) {
        struct random_query made;
        make_query(f, &made);
        find_all(f, &made.query, NULL);
        found += f->count;
        assert_reads(f, (factum_read_request){.size = sizeof(factum_read_request),
                                              .source = FACTUM_SOURCE_QUERY,
                                              .query = &made.query});
    }
    assert_true(found > QUERIES);
}

TEST(a_filter_gives_what_a_walk_over_everything_finds)
{
    struct fixture *f = *state;
    static const char *const prefixes[] = {"common-1", "common-", "rare-", "r", "none-", "rare-4"};
    for (int i = 0; i < QUERIES / 2; i++) {
        factum_slice types[2] = {type_name(fct_random_below(&f->random, TYPES)),
                                 type_name(fct_random_below(&f->random, TYPES))};
        factum_slice streams[2] = {factum_slice_from(prefixes[fct_random_below(&f->random, 6)]),
                                   factum_slice_from(prefixes[fct_random_below(&f->random, 6)])};
        factum_slice type_prefix = FCT_SLICE("S");
        const factum_filter filter = {
            .size = sizeof filter,
            .types = types,
            .type_count = fct_random_below(&f->random, 3),
            .stream_prefixes = streams,
            .stream_prefix_count = fct_random_below(&f->random, 3),
            .type_prefixes = &type_prefix,
            .type_prefix_count = fct_random_below(&f->random, 4) == 0 ? 1 : 0,
        };
        find_all(f, NULL, &filter);
        assert_reads(f,
                     (factum_read_request){.size = sizeof(factum_read_request), .filter = &filter});
    }
}

TEST(the_first_event_after_a_place_is_found_or_does_not_exist)
{
    struct fixture *f = *state;
    for (int i = 0; i < QUERIES; i++) {
        struct random_query made;
        make_query(f, &made);
        find_all(f, &made.query, NULL);
        uint64_t place = 0;
        uint64_t position = 0;
        assert_ok(fct_engine_place(&f->engine, &place, &f->err), f->err);
        uint64_t after = fct_random_below(&f->random, place + 100);
        size_t edge = after_place(f, after);
        factum_status status =
            fct_query_first_after(f->engine.self, &made.query, after, &position, &f->err);
        assert_status(status, edge < f->count ? FACTUM_OK : FACTUM_DONE);
        if (edge < f->count) {
            assert_int_equal(position, f->positions[edge]);
        }
    }
}

TEST(a_follower_of_a_query_gets_later_events)
{
    struct fixture *f = *state;
    factum_slice tag = tag_name(0);
    const factum_query_item item = {.tags = &tag, .tag_count = 1};
    const factum_query query = {&item, 1};
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_QUERY,
                                         .from = FACTUM_FROM_END,
                                         .query = &query};
    struct fct_reader *reader;
    factum_event event;
    uint64_t place = 0;
    assert_ok(fct_engine_read(&f->engine, &request, true, &reader, &f->err), f->err);
    assert_ok(fct_engine_place(&f->engine, &place, &f->err), f->err);
    assert_int_equal(reader->place, place);
    for (int round = 0; round < 30; round++) {
        assert_status(fct_reader_next(reader, &event, &f->err), FACTUM_DONE);
        append_random(f);
        append_random(f);
        find_all(f, &query, NULL);
        assert_ok(fct_reader_extend(reader, &f->err), f->err);
        for (size_t i = after_place(f, place); i < f->count; i++) {
            assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
            assert_int_equal(event.position, f->positions[i]);
            place = event.position;
        }
    }
    fct_reader_close(reader);
}

/* Appends pairs: one event of each of two types, both with the tag. */
static void append_pairs(void *data)
{
    factum_error ignored;
    struct fixture *f = data;
    factum_slice tag = FCT_SLICE("pair");
    factum_new_event events[2] = {
        {.stream = FCT_SLICE("p-1"), .type = FCT_SLICE("Left"), .tags = &tag, .tag_count = 1},
        {.stream = FCT_SLICE("p-1"), .type = FCT_SLICE("Right"), .tags = &tag, .tag_count = 1},
    };
    const factum_expectation expectation = {FCT_SLICE("p-1"), factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = 2,
        .expectations = &expectation,
        .expectation_count = 1,
        .durability = FACTUM_DURABILITY_OS,
    };
    for (int i = 0; i < PAIRS; i++) {
        factum_status status = fct_engine_append(&f->engine, &request, NULL, NULL, &ignored);
        (void)status; /* the follower notices missing events */
    }
}

/* While it reads, the list of one type may have a commit that the other list does not have yet. */
TEST(a_follower_of_two_types_loses_nothing_beside_a_writer)
{
    struct fixture *f = *state;
    factum_slice tag = FCT_SLICE("pair");
    const factum_slice types[2] = {FCT_SLICE("Left"), FCT_SLICE("Right")};
    const factum_query_item item = {.types = types, .type_count = 2, .tags = &tag, .tag_count = 1};
    const factum_query query = {&item, 1};
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_QUERY, .query = &query};
    struct fct_reader *reader;
    struct fct_thread writer = {.started = false};
    factum_event event;
    assert_ok(fct_engine_read(&f->engine, &request, true, &reader, &f->err), f->err);
    assert_ok(fct_thread_start(&writer, "writer", append_pairs, f, &f->err), f->err);
    for (uint64_t given = 0; given < 2 * PAIRS;) {
        factum_status status = fct_reader_next(reader, &event, &f->err);
        if (status == FACTUM_OK) {
            assert_true(fct_slice_equal(event.type, types[given % 2]));
            assert_int_equal(event.revision, given);
            given++;
        } else {
            assert_status(status, FACTUM_DONE);
            assert_ok(fct_reader_extend(reader, &f->err), f->err);
        }
    }
    fct_thread_join(&writer);
    fct_reader_close(reader);
}

int main(void)
{
    static uint64_t masks[] = {0, 3};
#define BOTH(name)                                                                                 \
    cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &masks[0]),                  \
        cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &masks[1])
    const struct CMUnitTest tests[] = {
        BOTH(a_query_gives_what_a_walk_over_everything_finds),
        BOTH(a_filter_gives_what_a_walk_over_everything_finds),
        BOTH(the_first_event_after_a_place_is_found_or_does_not_exist),
        BOTH(a_follower_of_a_query_gets_later_events),
        BOTH(a_follower_of_two_types_loses_nothing_beside_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
