/* infer_test.c - the schema inferred from values. */
#include "schema/infer.h"

#include "support/test.h"

#include "core/slice.h"

static void see(struct fct_infer *infer, const char *text)
{
    factum_json_node nodes[256];
    factum_json json;
    factum_error err;
    assert_ok(factum_json_parse(factum_slice_from(text), NULL, nodes, 256, &json, &err), err);
    fct_infer_see(infer, &json);
}

static const char *written(const struct fct_infer *infer)
{
    static char text[4096];
    struct fct_buf buf;
    factum_error err;
    fct_buf_init(&buf, fct_mem_heap(), sizeof text - 1);
    assert_ok(fct_infer_write(infer, FCT_SLICE("T"), &buf, &err), err);
    memcpy(text, buf.ptr, buf.len);
    text[buf.len] = '\0';
    fct_buf_finish(&buf);
    return text;
}

#define HEAD                                                                                       \
    "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"T\""

TEST(members_that_were_always_there_are_required)
{
    struct fct_infer *infer = fct_infer_create(fct_mem_heap());
    (void)state;
    see(infer, "{\"a\":1,\"b\":\"x\",\"c\":[{\"d\":1.5},{\"d\":2}]}");
    see(infer, "{\"a\":2,\"c\":[],\"e\":null}");
    see(infer, "{\"a\":3,\"c\":[{\"d\":\"z\",\"f\":true}],\"e\":false}");
    assert_string_equal(written(infer), HEAD ",\n"
                                             "  \"type\": \"object\",\n"
                                             "  \"required\": [\"a\", \"c\"],\n"
                                             "  \"properties\": {\n"
                                             "    \"a\": {\n"
                                             "      \"type\": \"integer\"\n"
                                             "    },\n"
                                             "    \"b\": {\n"
                                             "      \"type\": \"string\"\n"
                                             "    },\n"
                                             "    \"c\": {\n"
                                             "      \"type\": \"array\",\n"
                                             "      \"items\": {\n"
                                             "        \"type\": \"object\",\n"
                                             "        \"required\": [\"d\"],\n"
                                             "        \"properties\": {\n"
                                             "          \"d\": {\n"
                                             "            \"type\": [\"number\", \"string\"]\n"
                                             "          },\n"
                                             "          \"f\": {\n"
                                             "            \"type\": \"boolean\"\n"
                                             "          }\n"
                                             "        }\n"
                                             "      }\n"
                                             "    },\n"
                                             "    \"e\": {\n"
                                             "      \"type\": [\"null\", \"boolean\"]\n"
                                             "    }\n"
                                             "  }\n"
                                             "}\n");
    fct_infer_destroy(infer);
}

TEST(few_texts_are_an_enum_and_many_are_not)
{
    struct fct_infer *few = fct_infer_create(fct_mem_heap());
    struct fct_infer *many = fct_infer_create(fct_mem_heap());
    char text[32];
    (void)state;
    for (int i = 0; i < 30; i++) {
        see(few, i % 2 == 0 ? "\"EUR\"" : "\"USD\"");
        (void)snprintf(text, sizeof text, "\"%d\"", i);
        see(many, text);
    }
    assert_string_equal(written(few),
                        HEAD ",\n  \"type\": \"string\",\n  \"enum\": [\"EUR\", \"USD\"]\n}\n");
    assert_string_equal(written(many), HEAD ",\n  \"type\": \"string\"\n}\n");
    fct_infer_destroy(few);
    fct_infer_destroy(many);
}

TEST(places_are_bounded)
{
    struct fct_infer *infer = fct_infer_create(fct_mem_heap());
    char text[64];
    (void)state;
    for (unsigned i = 0; i < 2 * FCT_INFER_PLACES_MAX; i++) {
        (void)snprintf(text, sizeof text, "{\"m%u\":1}", i);
        see(infer, text);
    }
    struct fct_buf buf;
    factum_error err;
    fct_buf_init(&buf, fct_mem_heap(), 1 << 20);
    assert_ok(fct_infer_write(infer, FCT_SLICE("T"), &buf, &err), err);
    fct_buf_finish(&buf);
    fct_infer_destroy(infer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(members_that_were_always_there_are_required),
        CASE(few_texts_are_an_enum_and_many_are_not),
        CASE(places_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
