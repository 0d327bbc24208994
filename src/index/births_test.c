/* births_test.c - lists of births: where names appeared for the first time. Layer: index. */
#include "support/index_fixture.h"

#include "index/births.h"
#include "index/scan.h"

/* One event with a stream, a category, a type and two tags; a name is a number, 0: none. */
struct event {
    unsigned stream;
    unsigned category;
    unsigned type;
    unsigned tags[2];
    enum fct_index_birth birth; /* of the stream */
};

static size_t entries_of(struct fixture *f, const struct event *event, uint64_t position,
                         struct fct_index_entry entries[5])
{
    const unsigned names[] = {event->stream, event->category, event->type, event->tags[0],
                              event->tags[1]};
    const enum fct_index_kind kinds[] = {FCT_INDEX_STREAM, FCT_INDEX_CATEGORY, FCT_INDEX_TYPE,
                                         FCT_INDEX_TAG, FCT_INDEX_TAG};
    size_t count = 0;
    for (size_t i = 0; i < 5; i++) {
        if (names[i] != 0) {
            entries[count++] = (struct fct_index_entry){
                .key = model_key(f->index, kinds[i], names[i]),
                .position = position,
                .birth = i == 0 ? event->birth : FCT_BIRTH_ASK,
            };
        }
    }
    return count;
}

static void add(struct fixture *f, uint64_t position, struct event event)
{
    struct fct_index_entry entries[5];
    size_t count = entries_of(f, &event, position, entries);
    assert_ok(fct_index_reserve(f->index, count, &f->err), f->err);
    fct_index_add(f->index, entries, count);
    fct_index_show(f->index, (struct fct_index_point){.position = position + 4});
}

/* The list of |key|, as text: "8 16". */
static const char *listed(struct fixture *f, struct fct_index_key key)
{
    static char text[200];
    struct fct_postings postings;
    uint64_t position;
    size_t used = 0;
    text[0] = '\0';
    fct_postings_init(&postings, f->index, &key);
    while (fct_postings_next(&postings, &position, &f->err) == FACTUM_OK) {
        used += (size_t)snprintf(text + used, sizeof text - used, used == 0 ? "%llu" : " %llu",
                                 (unsigned long long)position);
    }
    return text;
}

static const char *births(struct fixture *f, enum fct_index_kind kind)
{
    return listed(f, fct_index_births_key(kind));
}

static const char *births_in(struct fixture *f, unsigned category)
{
    struct fct_index_key key = model_key(f->index, FCT_INDEX_CATEGORY, category);
    return listed(f, fct_index_category_births_key(&key));
}

TEST(the_first_posting_of_each_name_is_a_birth)
{
    struct fixture *f = *state;
    open_index(f);
    add(f, 8, (struct event){1, 1, 1, {0}, FCT_BIRTH_ASK});
    add(f, 16, (struct event){1, 1, 2, {0}, FCT_BIRTH_ASK});
    add(f, 24, (struct event){2, 2, 2, {0}, FCT_BIRTH_ASK});
    add(f, 32, (struct event){1, 1, 1, {0}, FCT_BIRTH_ASK});
    assert_string_equal(births(f, FCT_INDEX_STREAM), "8 24");
    assert_string_equal(births(f, FCT_INDEX_CATEGORY), "8 24");
    assert_string_equal(births(f, FCT_INDEX_TYPE), "8 16");
    assert_string_equal(births(f, FCT_INDEX_TAG), "");
}

TEST(a_name_that_is_on_disk_or_on_its_way_there_is_not_born_again)
{
    struct fixture *f = *state;
    open_index(f);
    add(f, 8, (struct event){1, 0, 1, {1}, FCT_BIRTH_ASK});
    flush(f);
    add(f, 16, (struct event){2, 0, 2, {2}, FCT_BIRTH_ASK});
    assert_ok(fct_index_seal(f->index, &f->err), f->err);
    add(f, 24, (struct event){1, 0, 2, {2, 1}, FCT_BIRTH_ASK});
    add(f, 32, (struct event){2, 0, 3, {1}, FCT_BIRTH_ASK});
    assert_string_equal(births(f, FCT_INDEX_STREAM), "8 16");
    assert_string_equal(births(f, FCT_INDEX_TYPE), "8 16 32");
    assert_string_equal(births(f, FCT_INDEX_TAG), "8 16");
    assert_int_equal(stats_of(f).doubtful_births, 0);
}

TEST(what_the_adder_knows_is_not_looked_up)
{
    struct fixture *f = *state;
    open_index(f);
    add(f, 8, (struct event){1, 0, 0, {0}, FCT_BIRTH_YES});
    add(f, 16, (struct event){2, 0, 0, {0}, FCT_BIRTH_NO});
    add(f, 24, (struct event){1, 0, 0, {0}, FCT_BIRTH_YES}); /* a name with the same hash */
    assert_string_equal(births(f, FCT_INDEX_STREAM), "8 24");
}

TEST(a_stream_is_also_in_the_list_of_its_category)
{
    struct fixture *f = *state;
    open_index(f);
    add(f, 8, (struct event){1, 7, 1, {0}, FCT_BIRTH_YES});
    add(f, 16, (struct event){2, 8, 1, {0}, FCT_BIRTH_YES});
    add(f, 24, (struct event){1, 7, 1, {0}, FCT_BIRTH_NO});
    flush(f);
    add(f, 32, (struct event){3, 7, 1, {0}, FCT_BIRTH_ASK});
    add(f, 40, (struct event){4, 0, 1, {0}, FCT_BIRTH_YES});
    assert_string_equal(births(f, FCT_INDEX_STREAM), "8 16 32 40");
    assert_string_equal(births_in(f, 7), "8 32");
    assert_string_equal(births_in(f, 8), "16");
    assert_string_equal(births(f, FCT_INDEX_CATEGORY), "8 16");
}

TEST(tags_that_are_born_together_are_one_birth)
{
    struct fixture *f = *state;
    open_index(f);
    add(f, 8, (struct event){1, 0, 0, {1, 2}, FCT_BIRTH_YES});
    add(f, 16, (struct event){1, 0, 0, {1, 3}, FCT_BIRTH_NO});
    assert_string_equal(births(f, FCT_INDEX_TAG), "8 16");
}

TEST(births_are_hidden_until_what_was_added_is_shown)
{
    struct fixture *f = *state;
    struct fct_index_entry entries[5];
    struct event event = {1, 1, 1, {1}, FCT_BIRTH_YES};
    open_index(f);
    size_t count = entries_of(f, &event, 8, entries);
    assert_ok(fct_index_reserve(f->index, count, &f->err), f->err);
    fct_index_add(f->index, entries, count);
    assert_string_equal(births(f, FCT_INDEX_STREAM), "");
    assert_string_equal(births_in(f, 1), "");
    fct_index_show(f->index, (struct fct_index_point){.position = 12});
    assert_string_equal(births(f, FCT_INDEX_STREAM), "8");
    assert_string_equal(births_in(f, 1), "8");
}

TEST(what_was_reserved_is_enough_if_everything_is_born)
{
    struct fixture *f = *state;
    enum { STREAMS = 3000 };
    struct fct_index_entry *entries = test_calloc((size_t)2 * STREAMS, sizeof *entries);
    uint64_t count;
    struct fct_index_key key = fct_index_births_key(FCT_INDEX_STREAM);
    f->options.memtable_size_max = (size_t)64 << 20;
    open_index(f);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < STREAMS; i++) {
            struct event event = {
                1 + round * STREAMS + i, 1 + round * STREAMS + i, 0, {0}, FCT_BIRTH_ASK};
            uint64_t position = ((uint64_t)round * STREAMS + i + 1) << 30; /* big differences */
            (void)entries_of(f, &event, position, entries + (size_t)2 * i);
        }
        assert_ok(fct_index_reserve(f->index, (size_t)2 * STREAMS, &f->err), f->err);
        unsigned long calls = atomic_load(&f->mem.calls);
        fct_index_add(f->index, entries, (size_t)2 * STREAMS);
        assert_int_equal(atomic_load(&f->mem.calls), calls);
        fct_index_show(f->index, (struct fct_index_point){
                                     .position = ((uint64_t)(round + 1) * STREAMS << 30) + 4});
    }
    assert_ok(fct_index_find(f->index, &key, &count, NULL, NULL, &f->err), f->err);
    assert_int_equal(count, 3 * STREAMS);
    assert_string_equal(births_in(f, 2), "2147483648");
    test_free(entries);
}

/* The whole lists as numbers, to be compared. */
static uint64_t fingerprint(struct fixture *f)
{
    uint64_t sum = 0;
    for (int kind = 1; kind <= MODEL_KINDS; kind++) {
        struct fct_index_key key = fct_index_births_key((enum fct_index_kind)kind);
        struct fct_postings postings;
        uint64_t position;
        fct_postings_init(&postings, f->index, &key);
        while (fct_postings_next(&postings, &position, &f->err) == FACTUM_OK) {
            sum = sum * 31 + position;
        }
    }
    return sum;
}

TEST(a_range_that_was_lost_has_the_same_births_after_it_is_rebuilt)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    uint64_t before = fingerprint(f);
    for (uint64_t number = 1; number <= 3; number++) {
        uint64_t size;
        reopen(f);
        run_bytes(f, number, &size)[10] ^= 1;
        assert_status(fct_index_verify(f->index, NULL, &f->err), FACTUM_CORRUPT);
        assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
        assert_true(fingerprint(f) == before);
    }
    assert_int_equal(stats_of(f).doubtful_births, 0);
    check(f);
}

TEST(ranges_that_were_lost_are_rebuilt_in_the_order_of_the_log)
{
    struct fixture *f = *state;
    uint64_t from;
    uint64_t to;
    uint64_t size;
    open_index(f);
    make_runs(f, 3);
    uint64_t before = fingerprint(f);
    reopen(f);
    run_bytes(f, 3, &size)[10] ^= 1;
    assert_status(fct_index_verify(f->index, NULL, &f->err), FACTUM_CORRUPT);
    run_bytes(f, 1, &size)[10] ^= 1;
    assert_status(fct_index_verify(f->index, NULL, &f->err), FACTUM_CORRUPT);
    assert_true(fct_index_missing(f->index, &from, &to));
    assert_int_equal(from, 0);
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    assert_true(fingerprint(f) == before);
    assert_int_equal(stats_of(f).doubtful_births, 0);
}

TEST(a_birth_that_a_damaged_run_leaves_in_doubt_is_reported)
{
    struct fixture *f = *state;
    uint64_t size;
    open_index(f);
    add(f, 8, (struct event){1, 0, 1, {0}, FCT_BIRTH_YES});
    flush(f);
    close_index(f);
    open_index(f);
    uint8_t *bytes = run_bytes(f, 1, &size);
    memset(bytes, 0xff, (size_t)size - FCT_RUN_FOOTER_SIZE);
    add(f, 16, (struct event){2, 0, 1, {0}, FCT_BIRTH_YES});
    assert_int_equal(stats_of(f).doubtful_births, 1);
    flush(f);
    assert_int_equal(stats_of(f).doubtful_births, 1);
    close_index(f);
    open_index(f);
    assert_int_equal(stats_of(f).doubtful_births, 1);
    struct fct_index_key key = fct_index_births_key(FCT_INDEX_TYPE);
    assert_status(find(f, &key), FACTUM_CORRUPT);
    struct fct_index_entry entries[5];
    struct event event = {1, 0, 1, {0}, FCT_BIRTH_YES};
    assert_ok(fct_index_rebuild_begin(f->index, 0, 12, &f->err), f->err);
    size_t count = entries_of(f, &event, 8, entries);
    assert_ok(fct_index_rebuild_add(f->index, entries, count, &f->err), f->err);
    assert_ok(fct_index_rebuild_end(f->index, 12, &f->err), f->err);
    assert_string_equal(births(f, FCT_INDEX_TYPE), "8 16");
}

/* The second tag of the last event is the only entry of the second step: it is no birth of its own,
 * but it is doubtful. */
TEST(a_doubt_in_the_last_step_is_counted)
{
    enum { EVENTS = 13 };
    struct fixture *f = *state;
    uint64_t size;
    open_index(f);
    add(f, 8, (struct event){1, 0, 1, {0}, FCT_BIRTH_YES});
    flush(f);
    close_index(f);
    open_index(f);
    uint8_t *bytes = run_bytes(f, 1, &size);
    memset(bytes, 0xff, (size_t)size - FCT_RUN_FOOTER_SIZE);
    add(f, 16, (struct event){2, 0, 1, {0}, FCT_BIRTH_YES}); /* finds the damage */
    uint64_t doubtful = stats_of(f).doubtful_births;
    struct fct_index_entry entries[5 * EVENTS];
    static_assert(5 * EVENTS == FCT_BIRTHS_STEP + 1, "one entry is in the second step");
    size_t count = 0;
    for (unsigned i = 0; i < EVENTS; i++) {
        struct event event = {10 + i, 10 + i, 10 + i, {100 + 2 * i, 101 + 2 * i}, FCT_BIRTH_YES};
        count += entries_of(f, &event, 24 + 8 * (uint64_t)i, entries + count);
    }
    assert_int_equal(count, 5 * EVENTS);
    assert_ok(fct_index_reserve(f->index, count, &f->err), f->err);
    fct_index_add(f->index, entries, count);
    fct_index_show(f->index, (struct fct_index_point){.position = 24 + 8 * EVENTS});
    assert_int_equal(stats_of(f).doubtful_births, doubtful + 4 * EVENTS); /* all but the streams */
}

TEST(births_survive_flushes_merges_openings_and_losses)
{
    struct fixture *f = *state;
    open_index(f);
    for (int round = 0; round < 12; round++) {
        uint64_t size;
        make_runs(f, 2);
        assert_ok(fct_index_settle(f->index, &f->err), f->err);
        grow(f, 3);
        check(f);
        reopen(f);
        run_bytes(f, f->index->version->runs[0]->info.number, &size)[20] ^= 1;
        assert_status(fct_index_verify(f->index, NULL, &f->err), FACTUM_CORRUPT);
        assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
        check(f);
    }
    assert_int_equal(stats_of(f).doubtful_births, 0);
}

TEST(postings_between_two_positions_are_counted_without_a_walk)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    grow(f, 10);
    struct fct_index_key key = model_key(f->index, FCT_INDEX_TYPE, 0);
    const struct model_list *list = &f->model.lists[FCT_INDEX_TYPE - 1][0];
    const size_t count = list->count;
    assert_true(count > 100);
    uint64_t between;
    const struct {
        uint64_t after;
        uint64_t upto;
        uint64_t expected;
    } cases[] = {
        {0, UINT64_MAX, count},
        {0, list->positions[count - 1], count},
        {list->positions[0], list->positions[count - 1], count - 1},
        {list->positions[0], UINT64_MAX, count - 1},
        {list->positions[9], list->positions[count - 20], count - 29},
        {list->positions[9] - 4, list->positions[9] + 4, 1},
        {list->positions[9], list->positions[9], 0},
        {list->positions[9], list->positions[2], 0},
        {list->positions[count - 1], UINT64_MAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(fct_index_count_between(f->index, &key, cases[i].after, cases[i].upto, &between,
                                          &f->err),
                  f->err);
        assert_int_equal(between, cases[i].expected);
    }
    uint64_t blocks = stats_of(f).blocks_read;
    assert_ok(
        fct_index_count_between(f->index, &key, 0, list->positions[count / 2], &between, &f->err),
        f->err);
    assert_true(stats_of(f).blocks_read - blocks <= 2 * stats_of(f).runs);
    struct fct_index_key none = key_of(f, 999);
    assert_ok(fct_index_count_between(f->index, &none, 0, UINT64_MAX, &between, &f->err), f->err);
    assert_int_equal(between, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(the_first_posting_of_each_name_is_a_birth),
        FIXTURE_CASE(a_name_that_is_on_disk_or_on_its_way_there_is_not_born_again),
        FIXTURE_CASE(what_the_adder_knows_is_not_looked_up),
        FIXTURE_CASE(a_stream_is_also_in_the_list_of_its_category),
        FIXTURE_CASE(tags_that_are_born_together_are_one_birth),
        FIXTURE_CASE(births_are_hidden_until_what_was_added_is_shown),
        FIXTURE_CASE(what_was_reserved_is_enough_if_everything_is_born),
        FIXTURE_CASE(a_range_that_was_lost_has_the_same_births_after_it_is_rebuilt),
        FIXTURE_CASE(ranges_that_were_lost_are_rebuilt_in_the_order_of_the_log),
        FIXTURE_CASE(a_birth_that_a_damaged_run_leaves_in_doubt_is_reported),
        FIXTURE_CASE(a_doubt_in_the_last_step_is_counted),
        FIXTURE_CASE(births_survive_flushes_merges_openings_and_losses),
        FIXTURE_CASE(postings_between_two_positions_are_counted_without_a_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
