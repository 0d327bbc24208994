/* session_test.c - telling the protocols apart by their first bytes. Layer: net. */
#include "net/session.h"

#include "support/test.h"

#include "core/slice.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

TEST(the_preface_of_http2_is_known_once_it_is_complete)
{
    const factum_slice preface = FCT_SLICE(PREFACE);
    for (size_t len = 0; len < preface.len; len++) {
        assert_int_equal(fct_preface_of(fct_slice(preface.ptr, len)), FCT_PREFACE_UNDECIDED);
    }
    assert_int_equal(fct_preface_of(preface), FCT_PREFACE_HTTP2);
    assert_int_equal(fct_preface_of(FCT_SLICE(PREFACE "\0\0\0")), FCT_PREFACE_HTTP2);
}

TEST(a_request_line_is_http1_from_the_first_byte_that_differs)
{
    assert_int_equal(fct_preface_of(FCT_SLICE("G")), FCT_PREFACE_HTTP1);
    assert_int_equal(fct_preface_of(FCT_SLICE("P")), FCT_PREFACE_UNDECIDED);
    assert_int_equal(fct_preface_of(FCT_SLICE("PO")), FCT_PREFACE_HTTP1);
    assert_int_equal(fct_preface_of(FCT_SLICE("PR")), FCT_PREFACE_UNDECIDED);
    assert_int_equal(fct_preface_of(FCT_SLICE("PROPFIND / HTTP/1.1\r\n")), FCT_PREFACE_HTTP1);
}

TEST(each_damaged_byte_of_the_preface_makes_it_http1)
{
    for (size_t at = 0; at < sizeof PREFACE - 1; at++) {
        char bytes[sizeof PREFACE] = PREFACE;
        bytes[at] = (char)(bytes[at] ^ 0x20);
        assert_int_equal(fct_preface_of(fct_slice(bytes, sizeof PREFACE - 1)), FCT_PREFACE_HTTP1);
    }
}

TEST(a_tls_handshake_is_known_by_its_first_byte)
{
    assert_int_equal(fct_preface_of(FCT_SLICE("\x16")), FCT_PREFACE_TLS);
    assert_int_equal(fct_preface_of(FCT_SLICE("\x16\x03\x01")), FCT_PREFACE_TLS);
    assert_int_equal(fct_preface_of(FCT_SLICE("P\x16")), FCT_PREFACE_HTTP1);
}

TEST(destroy_accepts_null)
{
    fct_session_destroy(NULL);
    assert_int_equal(fct_preface_of((factum_slice){0}), FCT_PREFACE_UNDECIDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_preface_of_http2_is_known_once_it_is_complete),
        CASE(a_request_line_is_http1_from_the_first_byte_that_differs),
        CASE(each_damaged_byte_of_the_preface_makes_it_http1),
        CASE(a_tls_handshake_is_known_by_its_first_byte),
        CASE(destroy_accepts_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
