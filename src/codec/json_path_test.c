/* json_path_test.c - what paths find, and which texts are no paths. Layer: codec. */
#include "codec/json_path.h"

#include "core/slice.h"
#include "support/test.h"

static const char document[] =
    "{\"orderId\":\"o1\",\"address\":{\"city\":\"Bonn\",\"a b\":1,\"\\u00e9\":2},"
    "\"lines\":[{\"sku\":\"A\",\"n\":[1,2]},{\"n\":[]},7,{\"sku\":\"B\",\"n\":[3]}],"
    "\"empty\":[],\"null\":null,\"x-y\":true,\"$t\":4,\"m\":[[1,2],[],[3]]}";

/* All values that |path| gives, joined by blanks. */
static void assert_finds(const char *path, const char *wanted)
{
    factum_json_node nodes[128];
    factum_json json;
    factum_error err;
    struct fct_path compiled;
    struct fct_path_walk walk;
    char found[512] = "";
    size_t len = 0;
    assert_ok(factum_json_parse(factum_slice_from(document), NULL, nodes, 128, &json, &err), err);
    assert_ok(fct_path_compile(factum_slice_from(path), &compiled, &err), err);
    fct_path_begin(&walk, &compiled, &json, FACTUM_JSON_ROOT);
    for (uint32_t at; (at = fct_path_next(&walk)) != FACTUM_JSON_NONE;) {
        factum_slice raw = factum_json_raw(&json, at);
        assert_true(len + raw.len + 2 < sizeof found);
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%.*s", len > 0 ? " " : "",
                                (int)raw.len, (const char *)raw.ptr);
    }
    assert_int_equal(fct_path_next(&walk), FACTUM_JSON_NONE);
    assert_string_equal(found, wanted);
    uint32_t first = fct_path_find(&compiled, &json, FACTUM_JSON_ROOT);
    assert_int_equal(first == FACTUM_JSON_NONE, wanted[0] == '\0');
}

TEST(members_and_items_are_found)
{
    assert_finds(".", document);
    assert_finds(".orderId", "\"o1\"");
    assert_finds(".address.city", "\"Bonn\"");
    assert_finds(".address.\"a b\"", "1");
    assert_finds(".address.\"\\u00e9\"", "2");
    assert_finds(".address.\"\xc3\xa9\"", "2");
    assert_finds(".x-y", "true");
    assert_finds(".$t", "4");
    assert_finds(".null", "null");
    assert_finds(".lines[0].sku", "\"A\"");
    assert_finds(".lines[3].n[0]", "3");
    assert_finds(".m[0][1]", "2");
    assert_finds(".lines[4]", "");
    assert_finds(".lines[4294967294]", "");
    assert_finds(".orderId.x", "");
    assert_finds(".address[0]", "");
    assert_finds(".nothing.at.all[0]", "");
    assert_finds(".null.x", "");
}

TEST(a_fan_gives_each_item_in_order)
{
    assert_finds(".lines[].sku", "\"A\" \"B\"");
    assert_finds(".lines[].n[]", "1 2 3");
    assert_finds(".lines[].n[0]", "1 3");
    assert_finds(".m[][]", "1 2 3");
    assert_finds(".m[]", "[1,2] [] [3]");
    assert_finds(".empty[]", "");
    assert_finds(".lines[].nothing", "");
    assert_finds(".orderId[]", "");
    assert_finds(".m[][].x[]", "");
}

static void assert_refused(const char *path, factum_status status, const char *why)
{
    factum_error err;
    struct fct_path compiled;
    assert_status(fct_path_compile(factum_slice_from(path), &compiled, &err), status);
    assert_text(err, why);
}

TEST(a_path_can_be_followed_by_another)
{
    static struct fct_path path;
    static struct fct_path more;
    factum_error err;
    assert_ok(fct_path_compile(FCT_SLICE(".lines[]"), &path, &err), err);
    assert_ok(fct_path_compile(FCT_SLICE(".address.city"), &more, &err), err);
    assert_true(fct_path_add(&path, &more));
    assert_int_equal(path.count, 4);
    assert_true(path.fans_out);
    assert_memory_equal(path.names + path.steps[0].start, "lines", 5);
    assert_memory_equal(path.names + path.steps[3].start, "city", 4);
    while (path.count + 2 <= FCT_PATH_STEPS_MAX) {
        assert_true(fct_path_add(&path, &more));
    }
    assert_false(fct_path_add(&path, &more));
    assert_int_equal(path.count, FCT_PATH_STEPS_MAX);
}

TEST(invalid_paths_are_refused_with_the_place)
{
    assert_refused("", FACTUM_INVALID, "a path begins with a dot at byte 0");
    assert_refused("orderId", FACTUM_INVALID, "a path begins with a dot at byte 0");
    assert_refused(".a..b", FACTUM_INVALID, "path .a..b: a name is missing at byte 3");
    assert_refused(".a.", FACTUM_INVALID, "a name is missing at byte 3");
    assert_refused(".1", FACTUM_INVALID, "a name is missing");
    assert_refused(".a b", FACTUM_INVALID, "a dot or a bracket is needed at byte 2");
    assert_refused(".a[", FACTUM_INVALID, "in brackets is needed");
    assert_refused(".a[x]", FACTUM_INVALID, "in brackets is needed");
    assert_refused(".a[-1]", FACTUM_INVALID, "in brackets is needed");
    assert_refused(".a[01]", FACTUM_INVALID, "in brackets is needed");
    assert_refused(".a[4294967295]", FACTUM_INVALID, "in brackets is needed");
    assert_refused(".a[99999999999999999999999]", FACTUM_INVALID, "in brackets is needed");
    assert_refused(".\"a", FACTUM_INVALID, "closing quote");
    assert_refused(".\"\\", FACTUM_INVALID, "closing quote");
    assert_refused(".\"\\x\"", FACTUM_INVALID, "no JSON text");
    assert_refused(".\"\\ud800\"", FACTUM_INVALID, "no JSON text");
    assert_refused(".\"\xff\"", FACTUM_INVALID, "no JSON text");
    char longer[FCT_PATH_TEXT_MAX + 2];
    memset(longer, 'a', sizeof longer);
    longer[0] = '.';
    longer[FCT_PATH_TEXT_MAX + 1] = '\0';
    assert_refused(longer, FACTUM_TOO_BIG, "1024 bytes");
    longer[FCT_PATH_TEXT_MAX] = '\0';
    factum_error err;
    struct fct_path compiled;
    assert_ok(fct_path_compile(factum_slice_from(longer), &compiled, &err), err);
    char steps[2 * (FCT_PATH_STEPS_MAX + 1) + 1] = "";
    for (size_t i = 0; i <= FCT_PATH_STEPS_MAX; i++) {
        steps[2 * i] = '.';
        steps[2 * i + 1] = 'a';
    }
    assert_refused(steps, FACTUM_TOO_BIG, "32 steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(members_and_items_are_found),
        CASE(a_fan_gives_each_item_in_order),
        CASE(a_path_can_be_followed_by_another),
        CASE(invalid_paths_are_refused_with_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
