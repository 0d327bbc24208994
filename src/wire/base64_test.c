/* base64_test.c - the vectors of RFC 4648, and what is no base64. */
#include "support/test.h"

#include "core/slice.h"
#include "wire/base64.h"

static factum_status decode(const char *text, enum fct_base64_padding padding, char *bytes)
{
    struct fct_base64_room room = {.bytes = (uint8_t *)bytes, .size = 15};
    factum_status status = fct_base64_decode(factum_slice_from(text), padding, &room);
    assert_true(room.len <= 15);
    bytes[room.len] = '\0';
    return status;
}

TEST(the_vectors_of_rfc_4648_work_both_ways)
{
    static const char *const vectors[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char text[16] = {0};
        char bytes[16];
        factum_slice plain = factum_slice_from(vectors[i][0]);
        assert_int_equal(fct_base64_text_size(plain.len), strlen(vectors[i][1]));
        fct_base64_encode(plain, text);
        assert_string_equal(text, vectors[i][1]);
        assert_status(decode(vectors[i][1], FCT_BASE64_PADDED, bytes), FACTUM_OK);
        assert_string_equal(bytes, vectors[i][0]);
        assert_status(decode(vectors[i][1], FCT_BASE64_PADDING_OPTIONAL, bytes), FACTUM_OK);
        assert_string_equal(bytes, vectors[i][0]);
        assert_status(decode(vectors[i][2], FCT_BASE64_PADDING_OPTIONAL, bytes), FACTUM_OK);
        assert_string_equal(bytes, vectors[i][0]);
        if (strcmp(vectors[i][1], vectors[i][2]) != 0) {
            assert_status(decode(vectors[i][2], FCT_BASE64_PADDED, bytes), FACTUM_INVALID);
        }
    }
}

TEST(every_byte_survives_at_every_place)
{
    for (unsigned value = 0; value < 256; value++) {
        for (size_t len = 1; len <= 6; len++) {
            uint8_t bytes[6];
            memset(bytes, (int)value, sizeof bytes);
            bytes[len / 2] = (uint8_t)(value ^ 0xa5u);
            char text[8];
            fct_base64_encode(fct_slice(bytes, len), text);
            uint8_t again[6];
            struct fct_base64_room room = {.bytes = again, .size = len};
            assert_status(fct_base64_decode(fct_slice(text, fct_base64_text_size(len)),
                                            FCT_BASE64_PADDED, &room),
                          FACTUM_OK);
            assert_int_equal(room.len, len);
            assert_memory_equal(again, bytes, len);
        }
    }
}

TEST(text_that_is_not_base64_is_refused)
{
    static const char *const bad[] = {
        "Z",        "Zg=",  "Zg===",    "=",        "==",      "===",   "====",  "Zm9v=", "Zm9v==",
        "Zm9v====", "Z===", "Zg==Zg==", "Zm=v",     "Zm9v\n",  " Zm9v", "Zm 9v", "Zm9-",  "Zm9_",
        "Zh==",     "Zm9=", "Zm8=\r\n", "Zm9v\xff", "Zm\x80v", "Zm9vY", "=Zm9",  "Z=m9",  "Zg=a",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char bytes[16];
        if (decode(bad[i], FCT_BASE64_PADDED, bytes) != FACTUM_INVALID ||
            decode(bad[i], FCT_BASE64_PADDING_OPTIONAL, bytes) != FACTUM_INVALID) {
            fail_msg("\"%s\" was accepted", bad[i]);
        }
    }
    struct fct_base64_room room = {.bytes = NULL, .size = 0};
    assert_status(fct_base64_decode(fct_slice("Zm\0v", 4), FCT_BASE64_PADDED, &room),
                  FACTUM_TOO_BIG); /* the room comes first */
    assert_status(fct_base64_decode(fct_slice("\0m9v", 4), FCT_BASE64_PADDED, &room),
                  FACTUM_INVALID);
}

TEST(bytes_that_do_not_fit_are_refused_and_none_is_written_past_the_end)
{
    for (size_t size = 0; size < 6; size++) {
        uint8_t bytes[8] = "\xee\xee\xee\xee\xee\xee\xee";
        struct fct_base64_room room = {.bytes = bytes, .size = size};
        assert_status(fct_base64_decode(FCT_SLICE("Zm9vYmFy"), FCT_BASE64_PADDED, &room),
                      FACTUM_TOO_BIG);
        assert_int_equal(bytes[size], 0xee);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_vectors_of_rfc_4648_work_both_ways),
        CASE(every_byte_survives_at_every_place),
        CASE(text_that_is_not_base64_is_refused),
        CASE(bytes_that_do_not_fit_are_refused_and_none_is_written_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
