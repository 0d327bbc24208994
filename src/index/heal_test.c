/* heal_test.c - readers of the index that meet damage and have it healed. Layer: index. */
#include "core/error.h"
#include "support/index_fixture.h"

struct healing {
    struct fixture *f;
    int calls;
    bool fails;
};

static factum_status heal(void *data, factum_error *err)
{
    struct healing *healing = data;
    healing->calls++;
    if (healing->fails) {
        return fct_fail(err, FACTUM_IO, "the log cannot be read");
    }
    return model_rebuild_missing(&healing->f->model, healing->f->index, err);
}

static void open_with_healer(struct fixture *f, struct healing *healing)
{
    *healing = (struct healing){.f = f};
    f->options.healer = (struct fct_index_healer){healing, heal};
    open_index(f);
    make_runs(f, 3);
}

/* A bit of the first page of run |number|, which the index has not used since it was opened. */
static void damage(struct fixture *f, uint64_t number)
{
    uint64_t size;
    reopen(f);
    run_bytes(f, number, &size)[10] ^= 1;
}

TEST(every_reader_has_the_damage_that_it_meets_healed)
{
    struct fixture *f = *state;
    struct healing healing;
    open_with_healer(f, &healing);
    damage(f, 2);
    check(f);
    assert_int_equal(healing.calls, 1);
    assert_int_equal(stats_of(f).runs, 3);
}

TEST(several_damaged_runs_are_healed_within_one_call)
{
    struct fixture *f = *state;
    struct healing healing;
    uint64_t size;
    open_with_healer(f, &healing);
    damage(f, 1);
    run_bytes(f, 2, &size)[10] ^= 1;
    run_bytes(f, 3, &size)[10] ^= 1;
    struct fct_index_key key = key_of(f, 0);
    assert_status(find(f, &key), FACTUM_OK);
    assert_int_equal(healing.calls, 3);
    check(f);
}

TEST(a_cursor_continues_at_its_ordinal_after_the_damage_is_healed)
{
    struct fixture *f = *state;
    struct healing healing;
    struct fct_postings postings;
    uint64_t position;
    open_with_healer(f, &healing);
    damage(f, 3);
    struct fct_index_key key = model_key(f->index, FCT_INDEX_TYPE, 0);
    const struct model_list *list = &f->model.lists[FCT_INDEX_TYPE - 1][0];
    fct_postings_init(&postings, f->index, &key);
    size_t at = 0;
    while (fct_postings_next(&postings, &position, &f->err) == FACTUM_OK) {
        assert_true(at < list->count);
        assert_int_equal(position, list->positions[at++]);
    }
    assert_int_equal(at, list->count);
    assert_int_equal(healing.calls, 1);
}

TEST(a_walk_over_keys_continues_after_its_last_one_when_damage_is_healed)
{
    struct fixture *f = *state;
    struct healing healing;
    struct fct_index_keys *keys;
    struct fct_index_key key;
    struct fct_index_key last = {.kind = FCT_INDEX_STREAM};
    uint64_t figures[3];
    size_t count = 0;
    open_with_healer(f, &healing);
    assert_ok(fct_index_keys_open(f->index, FCT_INDEX_STREAM, &keys, &f->err), f->err);
    while (fct_index_keys_next(keys, &key, &figures[0], &figures[1], &figures[2], &f->err) ==
           FACTUM_OK) {
        if (count++ == 3) { /* as if another reader had met it */
            struct fct_version *version = fct_version_pin(f->index);
            uint64_t size;
            memset(run_bytes(f, 1, &size) + 4090, 0, 2); /* a block without entries */
            atomic_store(&version->runs[0]->verified[0], 0);
            fct_version_unpin(f->index, version);
        }
        assert_true(count == 1 || fct_index_key_compare(&last, &key) < 0);
        model_check_listed(&f->model, f->index, &key, figures);
        last = key;
    }
    fct_index_keys_close(keys);
    assert_int_equal(count, model_names(&f->model, FCT_INDEX_STREAM));
    assert_int_equal(healing.calls, 1);
}

TEST(what_cannot_be_healed_is_corrupt_with_the_reason)
{
    struct fixture *f = *state;
    struct healing healing;
    open_with_healer(f, &healing);
    damage(f, 2);
    healing.fails = true;
    struct fct_index_key key = key_of(f, 0);
    assert_status(find(f, &key), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "a part of the index is damaged and cannot be rebuilt: the "
                                     "log cannot be read");
    assert_int_equal(healing.calls, 1);
    healing.fails = false;
    check(f);
}

static factum_status heal_nothing(void *data, factum_error *err)
{
    int *calls = data;
    (void)err;
    ++*calls;
    return FACTUM_OK;
}

TEST(healing_that_does_not_help_is_given_up_after_some_tries)
{
    struct fixture *f = *state;
    struct healing healing;
    int calls = 0;
    open_with_healer(f, &healing);
    f->options.healer = (struct fct_index_healer){&calls, heal_nothing};
    damage(f, 2);
    struct fct_index_key key = key_of(f, 0);
    assert_status(find(f, &key), FACTUM_CORRUPT);
    assert_int_equal(calls, FCT_HEALS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(every_reader_has_the_damage_that_it_meets_healed),
        FIXTURE_CASE(several_damaged_runs_are_healed_within_one_call),
        FIXTURE_CASE(a_cursor_continues_at_its_ordinal_after_the_damage_is_healed),
        FIXTURE_CASE(a_walk_over_keys_continues_after_its_last_one_when_damage_is_healed),
        FIXTURE_CASE(what_cannot_be_healed_is_corrupt_with_the_reason),
        FIXTURE_CASE(healing_that_does_not_help_is_given_up_after_some_tries),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
