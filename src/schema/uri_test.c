/* uri_test.c - references against the examples of RFC 3986, section 5.4. Layer: schema. */
#include "schema/uri.h"

#include "core/slice.h"
#include "support/test.h"

struct reference {
    const char *base, *text, *wanted;
};

TEST(references_are_resolved_as_in_the_rfc)
{
    static const char base[] = "http://a/b/c/d;p?q";
    static const struct reference cases[] = {
        {base, "g:h", "g:h"},
        {base, "g", "http://a/b/c/g"},
        {base, "./g", "http://a/b/c/g"},
        {base, "g/", "http://a/b/c/g/"},
        {base, "/g", "http://a/g"},
        {base, "//g", "http://g"},
        {base, "?y", "http://a/b/c/d;p?y"},
        {base, "g?y", "http://a/b/c/g?y"},
        {base, "#s", "http://a/b/c/d;p?q"},
        {base, "g#s", "http://a/b/c/g"},
        {base, ";x", "http://a/b/c/;x"},
        {base, "", "http://a/b/c/d;p?q"},
        {base, ".", "http://a/b/c/"},
        {base, "..", "http://a/b/"},
        {base, "../..", "http://a/"},
        {base, "../../g", "http://a/g"},
        {base, "../../../g", "http://a/g"},
        {base, "/./g", "http://a/g"},
        {base, "/../g", "http://a/g"},
        {base, "g.", "http://a/b/c/g."},
        {base, "..g", "http://a/b/c/..g"},
        {base, "./g/.", "http://a/b/c/g/"},
        {base, "g/../h", "http://a/b/c/h"},
        {base, "g?y/../x", "http://a/b/c/g?y/../x"},
        {"", "a.json", "a.json"},
        {"", "", ""},
        {"dir/a.json", "b.json", "dir/b.json"},
        {"http://a", "b", "http://a/b"},
        {"urn:x:y", "#z", "urn:x:y"},
        {"urn:x:y", "urn:x:z", "urn:x:z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_buf to;
        fct_buf_init(&to, fct_mem_heap(), 1000);
        assert_int_equal(fct_uri_resolve(&to, factum_slice_from(cases[i].base),
                                         factum_slice_from(cases[i].text)),
                         FACTUM_OK);
        if (!fct_slice_equal(fct_buf_slice(&to), factum_slice_from(cases[i].wanted))) {
            print_error("%s seen from %s: %.*s\n", cases[i].text, cases[i].base, (int)to.len,
                        (const char *)to.ptr);
            fail();
        }
        fct_buf_finish(&to);
    }
}

TEST(a_uri_over_the_maximum_is_refused)
{
    struct fct_buf to;
    fct_buf_init(&to, fct_mem_heap(), 8);
    assert_int_equal(fct_uri_resolve(&to, FCT_SLICE("http://a/"), FCT_SLICE("long")),
                     FACTUM_TOO_BIG);
    fct_buf_finish(&to);
}

TEST(escapes_are_decoded_in_place)
{
    uint8_t text[] = "a%20b%zz%2Fc%4";
    size_t len = fct_uri_decode(text, sizeof text - 1);
    assert_true(fct_slice_equal(fct_slice(text, len), FCT_SLICE("a b%zz/c%4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(references_are_resolved_as_in_the_rfc),
        CASE(a_uri_over_the_maximum_is_refused),
        CASE(escapes_are_decoded_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
