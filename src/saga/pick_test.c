/* pick_test.c - `with` and `keep`: objects built from the values at paths. Layer: saga. */
#include "saga/pick.h"

#include "core/arena.h"
#include "core/slice.h"
#include "support/test.h"

/* A saga whose step has a command with the data |with|. */
static factum_saga *load_with(const char *with)
{
    char text[512];
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    (void)snprintf(text, sizeof text,
                   "saga: s\nversion: 1\nstart: Started\nid: .id\nkeep: {id, n, deep, list}\n"
                   "steps:\n- a:\n    do: x.Do\n    ok: Ok\n    pivot: true\n    with: %s\n",
                   with);
    assert_ok(factum_saga_load(factum_slice_from(text), NULL, &saga, &err), err);
    return saga;
}

static factum_status pick(const char *with, const char *from, bool missing, char made[256],
                          factum_error *err)
{
    factum_saga *saga = load_with(with);
    factum_arena arena;
    factum_json json;
    factum_json_writer to;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    assert_ok(fct_pick_parse(factum_slice_from(from), &arena, &json, err), *err);
    factum_json_writer_in(&to, &arena);
    factum_json_put_object(&to);
    factum_status status = fct_pick_write(&saga->slots[0].action.with, &json, missing, &to, err);
    if (status == FACTUM_OK) {
        factum_json_put_end(&to);
        assert_ok(factum_json_writer_finish(&to, err), *err);
        (void)snprintf(made, 256, "%.*s", (int)to.used, (const char *)to.buffer);
    }
    factum_arena_finish(&arena);
    factum_saga_free(saga);
    return status;
}

TEST(an_object_is_made_of_paths_and_literals)
{
    static const struct {
        const char *with;
        const char *from;
        const char *made;
    } cases[] = {
        {"{id, n}", "{\"n\":1.50,\"id\":\"a\\n\",\"x\":2}", "{\"id\":\"a\\n\",\"n\":1.50}"},
        {"{city: .deep.city}", "{\"deep\":{\"city\":{\"a\":[1]}}}", "{\"city\":{\"a\":[1]}}"},
        {"\n      one: .list[0]", "{\"list\":[7,8]}", "{\"one\":7}"},
        {"\n      all: .list[].k", "{\"list\":[{\"k\":1},{},{\"k\":2}]}", "{\"all\":[1,2]}"},
        {"\n      all: .list[].k", "{\"list\":[]}", "{\"all\":[]}"},
        {"{c: \"EUR\", id}", "{\"id\":false}", "{\"c\":\"EUR\",\"id\":false}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char made[256];
        factum_error err = {.text = ""};
        assert_ok(pick(cases[i].with, cases[i].from, false, made, &err), err);
        assert_string_equal(made, cases[i].made);
    }
}

TEST(what_is_not_found_is_named_or_left_out)
{
    static const struct {
        const char *from;
        const char *why;
    } cases[] = {
        {"{\"id\":\"1\"}", "n: .n finds nothing in {\"id\":\"1\"}"},
        {"{\"id\":\"1\",\"n\":null}", "n: .n finds null in {\"id\":\"1\",\"n\":null}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char made[256];
        factum_error err = {.text = ""};
        assert_status(pick("{id, n}", cases[i].from, false, made, &err), FACTUM_INVALID);
        assert_string_equal(err.text, cases[i].why);
        assert_ok(pick("{id, n}", cases[i].from, true, made, &err), err);
        assert_string_equal(made, "{\"id\":\"1\"}");
    }
}

TEST(of_two_members_of_one_name_the_newer_stays)
{
    static const struct {
        const char *base;
        const char *more;
        const char *merged;
    } cases[] = {
        {"", "{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":1}", "", "{\"a\":1}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":{\"c\":3},\"d\":4}", "{\"a\":1,\"b\":{\"c\":3},\"d\":4}"},
        {"{\"a\":1}", "{}", "{\"a\":1}"},
        {"{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"b\":2,\"a\":null}"},
    };
    factum_arena arena;
    factum_error err = {.text = ""};
    factum_slice merged;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(fct_pick_merge(factum_slice_from(cases[i].base), factum_slice_from(cases[i].more),
                                 &arena, &merged, &err),
                  err);
        assert_true(fct_slice_equal(merged, factum_slice_from(cases[i].merged)));
    }
    assert_status(fct_pick_merge(FCT_SLICE("[1]"), FCT_SLICE("{}"), &arena, &merged, &err),
                  FACTUM_INVALID);
    factum_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_object_is_made_of_paths_and_literals),
        CASE(what_is_not_found_is_named_or_left_out),
        CASE(of_two_members_of_one_name_the_newer_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
