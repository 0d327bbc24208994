/* routes_test.c - which sagas an event's type can concern. Layer: saga. */
#include "saga/routes.h"

#include "core/slice.h"
#include "support/test.h"

static struct factum_saga *load(const char *name, const char *host, const char *ok)
{
    char text[512];
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    (void)snprintf(text, sizeof text,
                   "saga: %s\nversion: 1\nhost: %s\nstart: Started\nid: .id\nkeep: {id}\nsteps:\n"
                   "- a: {do: x.Do, with: {id}, ok: %s, fail: [No, Never], pivot: true}\n",
                   name, host, ok);
    assert_ok(factum_saga_load(factum_slice_from(text), NULL, &saga, &err), err);
    return saga;
}

/* The routes of |type| itself, without those of other types with its hash. */
static size_t count(const struct fct_routes *routes, const char *type, bool start)
{
    const struct fct_route *first;
    size_t found = 0;
    size_t all = fct_routes_find(routes, factum_slice_from(type), &first);
    for (size_t i = 0; i < all; i++) {
        found += first[i].start == start && fct_slice_equal(first[i].type, factum_slice_from(type));
    }
    return found;
}

TEST(types_lead_to_the_sagas_of_a_host)
{
    struct fct_deployed items[] = {{load("one", "server", "Done"), 1},
                                   {load("two", "server", "Made"), 2},
                                   {load("three", "mine", "Done"), 3}};
    const struct fct_deployed_set set = {.mem = fct_mem_heap(), .items = items, .count = 3};
    struct fct_routes routes = {.count = 0};
    factum_error err;
    (void)state;
    assert_ok(fct_routes_build(&routes, &set, FCT_SLICE("server"), &err), err);
    assert_int_equal(count(&routes, "Started", true), 2);
    assert_int_equal(count(&routes, "Started", false), 0);
    assert_int_equal(count(&routes, "Done", false), 1);
    assert_int_equal(count(&routes, "Made", false), 1);
    assert_int_equal(count(&routes, "No", false), 2);
    assert_int_equal(count(&routes, "Never", false), 2);
    assert_int_equal(count(&routes, "Other", false), 0);
    assert_int_equal(count(&routes, "", false), 0);
    /* A second build gives other routes. */
    assert_ok(fct_routes_build(&routes, &set, FCT_SLICE("mine"), &err), err);
    assert_int_equal(count(&routes, "Started", true), 1);
    assert_int_equal(count(&routes, "Made", false), 0);
    assert_ok(fct_routes_build(&routes, &set, FCT_SLICE("nobody"), &err), err);
    assert_int_equal(count(&routes, "Started", true), 0);
    fct_routes_finish(&routes);
    for (size_t i = 0; i < 3; i++) {
        factum_saga_free(items[i].saga);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(types_lead_to_the_sagas_of_a_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
