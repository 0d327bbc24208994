/* h1_check_test.c - which bytes are allowed where in a head and between chunks. Layer: net. */
#include "net/h1_check.h"

#include "support/test.h"

#include "core/slice.h"

#define HEAD "GET / HTTP/1.1\r\nA: b\r\n\r\n"
#define CHUNKS "1;x\r\n\r\n0\r\nA: b\r\n\r\n" /* without the data */

/* Takes |text| with byte |at| replaced, from byte |from| on in one piece, before it byte by
 * byte. */
static bool accepts(const char *text, size_t at, uint8_t byte, bool chunks)
{
    uint8_t bytes[64];
    size_t size = strlen(text);
    struct fct_h1_check check;
    memcpy(bytes, text, size);
    bytes[at] = byte;
    if (chunks) {
        fct_h1_check_chunks(&check, 100, 10);
    } else {
        fct_h1_check_head(&check, 100, 10);
    }
    size_t used = fct_h1_check_take(&check, fct_slice(bytes, at));
    used += fct_h1_check_take(&check, fct_slice(bytes + at, size - at));
    assert_int_equal(check.status != 0, check.reason != NULL);
    assert_int_equal(check.place == FCT_H1_DONE && used < size, false);
    return check.place == FCT_H1_DONE && check.status == 0;
}

static bool is_token_byte(int byte)
{
    bool is_separator = byte != 0 && strchr("\"(),/:;<=>?@[\\]{}", byte) != NULL;
    return byte > 0x20 && byte < 0x7f && !is_separator;
}

static bool is_value_byte(int byte)
{
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

TEST(every_byte_is_allowed_or_refused_at_its_place)
{
    for (int byte = 0; byte < 256; byte++) {
        uint8_t b = (uint8_t)byte;
        const struct {
            size_t at;
            bool allowed;
        } head[] = {
            {4, byte >= 0x20 && byte < 0x7f}, /* the target */
            {14, byte == '\r'},               /* the end of a line ... */
            {15, byte == '\n'},               /* ... and its second byte */
            {16, is_token_byte(byte)},        /* a name */
            {17, byte == ':'},                /* after a name of one byte, if b is its end */
            {19, is_value_byte(byte)},        /* a value */
            {22, byte == '\r'},               /* the empty line */
            {23, byte == '\n'},
        };
        for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
            if ((i == 4 && is_token_byte(byte)) || (i == 1 && byte >= 0x20)) {
                continue; /* a longer name or line, which ends elsewhere */
            }
            assert_int_equal(accepts(HEAD, head[i].at, b, false), head[i].allowed);
        }
        assert_int_equal(accepts(CHUNKS, 2, b, true), is_value_byte(byte)); /* an extension */
        assert_int_equal(accepts(CHUNKS, 1, b, true), byte == ';');
        assert_int_equal(accepts(CHUNKS, 6, b, true), byte == '\n');
    }
}

TEST(tokens_and_values_are_those_of_the_standard)
{
    for (int byte = 0; byte < 256; byte++) {
        uint8_t b = (uint8_t)byte;
        assert_int_equal(fct_h1_is_token(fct_slice(&b, 1)), is_token_byte(byte));
        assert_int_equal(fct_h1_is_value(fct_slice(&b, 1)), is_value_byte(byte));
    }
    assert_false(fct_h1_is_token(FCT_SLICE("")));
    assert_true(fct_h1_is_value(FCT_SLICE("")));
    assert_false(fct_h1_is_token(FCT_SLICE("a b")));
    assert_false(fct_h1_is_value(FCT_SLICE("a\nb")));
}

TEST(the_check_ends_where_the_head_ends)
{
    struct fct_h1_check check;
    const factum_slice text = FCT_SLICE("\r\n" HEAD "GET");
    fct_h1_check_head(&check, sizeof HEAD - 1, 1);
    assert_int_equal(fct_h1_check_take(&check, text), text.len - 3);
    assert_int_equal(check.place, FCT_H1_DONE);
    assert_int_equal(check.size, sizeof HEAD - 1);
    assert_int_equal(check.field_count, 1);
    assert_int_equal(fct_h1_check_take(&check, FCT_SLICE("G")), 0);
    fct_h1_check_head(&check, sizeof HEAD - 2, 1);
    assert_int_equal(fct_h1_check_take(&check, text), text.len - 4);
    assert_int_equal(check.status, 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_byte_is_allowed_or_refused_at_its_place),
        CASE(tokens_and_values_are_those_of_the_standard),
        CASE(the_check_ends_where_the_head_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
