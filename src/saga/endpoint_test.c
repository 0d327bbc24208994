/* endpoint_test.c - the rules of deliveries, without a socket: addresses, the list of allowed
 * places, URLs, signatures, answers, Retry-After, pauses. */
#include "support/test.h"

#include "core/arena.h"
#include "core/mem.h"
#include "core/slice.h"
#include "saga/endpoint_message.h"
#include "saga/endpoint_url.h"

#define SECOND INT64_C(1000000000)

/* ---- addresses ------------------------------------------------------------------------------- */

struct address_case {
    uint8_t bytes[16];
    uint8_t len;
    enum fct_address_class class_;
};

TEST(addresses_that_are_no_public_hosts_are_classified)
{
    static const struct address_case cases[] = {
        {{8, 8, 8, 8}, 4, FCT_ADDRESS_PUBLIC},
        {{9, 255, 255, 255}, 4, FCT_ADDRESS_PUBLIC},
        {{172, 32, 0, 1}, 4, FCT_ADDRESS_PUBLIC},
        {{100, 128, 0, 1}, 4, FCT_ADDRESS_PUBLIC},
        {{0, 0, 0, 0}, 4, FCT_ADDRESS_RESERVED},
        {{127, 0, 0, 1}, 4, FCT_ADDRESS_LOOPBACK},
        {{127, 255, 255, 254}, 4, FCT_ADDRESS_LOOPBACK},
        {{10, 1, 2, 3}, 4, FCT_ADDRESS_PRIVATE},
        {{172, 16, 0, 1}, 4, FCT_ADDRESS_PRIVATE},
        {{172, 31, 255, 255}, 4, FCT_ADDRESS_PRIVATE},
        {{192, 168, 0, 1}, 4, FCT_ADDRESS_PRIVATE},
        {{100, 64, 0, 1}, 4, FCT_ADDRESS_PRIVATE},
        {{100, 100, 100, 200}, 4, FCT_ADDRESS_RESERVED},
        {{169, 254, 169, 254}, 4, FCT_ADDRESS_RESERVED},
        {{168, 63, 129, 16}, 4, FCT_ADDRESS_RESERVED},
        {{224, 0, 0, 1}, 4, FCT_ADDRESS_RESERVED},
        {{255, 255, 255, 255}, 4, FCT_ADDRESS_RESERVED},
        {{0}, 16, FCT_ADDRESS_RESERVED},
        {{[15] = 1}, 16, FCT_ADDRESS_LOOPBACK},
        {{[12] = 127, 0, 0, 1}, 16, FCT_ADDRESS_RESERVED}, /* ::127.0.0.1 */
        {{[10] = 0xff, 0xff, 127, 0, 0, 1}, 16, FCT_ADDRESS_LOOPBACK},
        {{[10] = 0xff, 0xff, 169, 254, 169, 254}, 16, FCT_ADDRESS_RESERVED},
        {{[10] = 0xff, 0xff, 8, 8, 8, 8}, 16, FCT_ADDRESS_PUBLIC},
        {{0x00, 0x64, 0xff, 0x9b, [12] = 10, 0, 0, 1}, 16, FCT_ADDRESS_PRIVATE},
        {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01, [12] = 8, 8, 8, 8}, 16, FCT_ADDRESS_RESERVED},
        {{0x20, 0x02, 192, 168, 0, 1}, 16, FCT_ADDRESS_PRIVATE},
        {{0x20, 0x01, 0x00, 0x00, 1}, 16, FCT_ADDRESS_RESERVED},
        {{0x20, 0x01, 0x0d, 0xb8}, 16, FCT_ADDRESS_RESERVED},
        {{0xfe, 0x80, [15] = 1}, 16, FCT_ADDRESS_RESERVED},
        {{0xfc, 0x01}, 16, FCT_ADDRESS_PRIVATE},
        {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 16, FCT_ADDRESS_RESERVED},
        {{0xff, 0x02, [15] = 1}, 16, FCT_ADDRESS_RESERVED},
        {{0x2a, 0x00, 0x14, 0x50}, 16, FCT_ADDRESS_PUBLIC},
        {{8, 8, 8, 8}, 5, FCT_ADDRESS_RESERVED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum fct_address_class class_ = fct_address_classify(cases[i].bytes, cases[i].len);
        if (class_ != cases[i].class_) {
            print_error("case %zu: %s, not %s\n", i, fct_address_class_name(class_),
                        fct_address_class_name(cases[i].class_));
            fail();
        }
    }
}

/* ---- what may be called ---------------------------------------------------------------------- */

static bool allowed(const char *pattern, const char *url)
{
    factum_error err;
    struct fct_endpoint_url read;
    factum_slice patterns[] = {factum_slice_from(pattern)};
    assert_true(fct_endpoint_pattern_valid(patterns[0]));
    assert_ok(fct_endpoint_url_read(factum_slice_from(url), &read, &err), err);
    return fct_endpoint_allowed(patterns, 1, &read.place);
}

TEST(only_what_is_listed_may_be_called)
{
    assert_true(allowed("a.example.com", "https://a.example.com/x"));
    assert_true(allowed("A.example.com", "http://a.EXAMPLE.com"));
    assert_true(allowed("a.example.com", "https://a.example.com.:443/x"));
    assert_false(allowed("a.example.com", "https://a.example.com:8443/x"));
    assert_false(allowed("a.example.com", "https://a.example.com:80/x"));
    assert_false(allowed("a.example.com", "https://b.example.com/x"));
    assert_false(allowed("a.example.com", "https://a.example.com.evil.org/"));
    assert_true(allowed("a.example.com:8443", "https://a.example.com:8443/x"));
    assert_false(allowed("a.example.com:8443", "https://a.example.com/x"));
    assert_true(allowed("*.example.com", "https://a.b.example.com/"));
    assert_false(allowed("*.example.com", "https://example.com/"));
    assert_false(allowed("*.example.com", "https://evilexample.com/"));
    assert_true(allowed("127.0.0.1:80", "http://127.0.0.1/"));
    assert_true(allowed("127.0.0.1:80", "http://2130706433/")); /* the decoded address is compared
                                                                 */
    assert_true(allowed("127.0.0.1:80", "http://127.1/"));
    assert_true(allowed("[::1]:8080", "http://[::1]:8080/"));
    assert_false(fct_endpoint_allowed(NULL, 0, &(struct fct_endpoint_place){.port = 80}));
}

TEST(a_pattern_that_means_everything_is_refused)
{
    static const char *const bad[] = {
        "",   "*",    "*.com",  "a*.example.com", "a:0",     "a:65536",     "a:http",
        "a:", "[::1", "[::1]x", "http://a.com",   "u@a.com", "*.*.com.org", "a b"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (fct_endpoint_pattern_valid(factum_slice_from(bad[i]))) {
            print_error("%s is accepted\n", bad[i]);
            fail();
        }
    }
}

TEST(a_url_with_more_in_it_than_a_place_is_refused)
{
    static const char *const bad[] = {
        "",
        "ftp://a.com/",
        "file:///etc/passwd",
        "gopher://a.com/",
        "a.com",
        "//a.com/",
        "http://user@a.com/",
        "http://user:secret@a.com/",
        "http://:secret@a.com/",
        "http://a.com/#part",
        "http://a.com/ x",
        "http://a.com/\r\nX-Evil: 1",
        "http://a.com\\@b.com/",
        "http://a.com:99999/",
        "http://\xc3\xa4.com/",
    };
    factum_error err;
    struct fct_endpoint_url url;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (fct_endpoint_url_read(factum_slice_from(bad[i]), &url, &err) != FACTUM_INVALID) {
            print_error("%s is accepted\n", bad[i]);
            fail();
        }
    }
}

/* ---- what is sent ---------------------------------------------------------------------------- */

TEST(a_signature_is_the_hmac_of_time_and_body)
{
    char text[FCT_ENDPOINT_SIGNATURE_SIZE];
    factum_error err;
    (void)state;
    /* printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef */
    assert_ok(fct_endpoint_sign(FCT_SLICE("0123456789abcdef"), 1700000000, FCT_SLICE("{\"a\":1}"),
                                text, &err),
              err);
    assert_string_equal(
        text, "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23");
}

TEST(a_header_value_cannot_hold_another_header)
{
    factum_arena arena;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 16);
    assert_string_equal(
        fct_endpoint_header_value(FCT_SLICE("saga:a-1\r\nX: y\0%\"\xc3\xa4/do/1"), &arena),
        "saga:a-1%0D%0AX:%20y%00%25%22%C3%A4/do/1");
    factum_arena_finish(&arena);
}

TEST(a_command_is_sent_as_a_cloud_event)
{
    static const char metadata[] =
        "{\"$commandId\":\"saga:o-1/reserve/undo/1\",\"$sagaId\":\"o-1\",\"$correlationId\":\"c\","
        "\"$causationId\":\"e\",\"$undoes\":\"saga:o-1/reserve/do/1\","
        "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"}";
    const factum_event event = {.stream = FCT_SLICE("command:stock-o-1"),
                                .type = FCT_SLICE("stock.ReleaseStock"),
                                .data = FCT_SLICE(" {\"q\": 1.0} "),
                                .metadata = factum_slice_from(metadata),
                                .created = 1700000000 * SECOND};
    factum_slice body;
    factum_arena arena;
    factum_error err;
    struct fct_command_meta meta;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 16);
    factum_slice service = fct_command_service(event.stream);
    assert_true(fct_slice_equal(service, FCT_SLICE("stock")));
    assert_int_equal(fct_command_service(FCT_SLICE("command:stock")).len, 0);
    assert_int_equal(fct_command_service(FCT_SLICE("saga:o-1")).len, 0);
    assert_ok(fct_command_meta_read(&event, service, &arena, &meta, &err), err);
    assert_ok(fct_command_body(&event, service, &meta, &arena, &body, &err), err);
    static const char expected[] =
        "{\"specversion\":\"1.0\",\"id\":\"saga:o-1/reserve/undo/1\","
        "\"source\":\"/factum/command/stock\",\"type\":\"stock.ReleaseStock\",\"subject\":\"o-1\","
        "\"time\":\"2023-11-14T22:13:20Z\",\"datacontenttype\":\"application/json\","
        "\"correlationid\":\"c\",\"causationid\":\"e\","
        "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
        "\"undoes\":\"saga:o-1/reserve/do/1\",\"data\":{\"q\": 1.0}}";
    assert_int_equal(body.len, sizeof expected - 1);
    assert_memory_equal(body.ptr, expected, body.len);
    factum_arena_finish(&arena);
}

TEST(a_command_under_the_ids_of_another_saga_is_not_delivered)
{
    static const char *const wrong[] = {
        "{\"$sagaId\":\"o-1\"}",
        "{\"$commandId\":\"saga:o-2/s/do/1\",\"$sagaId\":\"o-1\"}",
        "{\"$commandId\":\"saga:o-2/s/do/1\",\"$sagaId\":\"o-2\"}",
        "{\"$commandId\":\"saga:o-1/s/undo/1\",\"$sagaId\":\"o-1\"}",
        ("{\"$commandId\":\"saga:o-1/s/undo/1\",\"$sagaId\":\"o-1\","
         "\"$undoes\":\"saga:o-2/s/do/1\"}"),
    };
    factum_arena arena;
    factum_error err;
    struct fct_command_meta meta;
    factum_event event = {.stream = FCT_SLICE("command:stock-o-1"), .type = FCT_SLICE("stock.A")};
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 16);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        event.metadata = factum_slice_from(wrong[i]);
        assert_int_equal(fct_command_meta_read(&event, FCT_SLICE("stock"), &arena, &meta, &err),
                         FACTUM_INVALID);
    }
    event.type = FCT_SLICE("Reserved");
    assert_int_equal(fct_command_meta_read(&event, FCT_SLICE("stock"), &arena, &meta, &err),
                     FACTUM_NOT_FOUND);
    event.type = FCT_SLICE("stock.A");
    event.metadata =
        FCT_SLICE("{\"$commandId\":\"saga:o-1/s/do/1\",\"$sagaId\":\"o-1\",\"$attempt\":2}");
    assert_ok(fct_command_meta_read(&event, FCT_SLICE("stock"), &arena, &meta, &err), err);
    assert_int_equal(meta.attempt, 2);
    factum_arena_finish(&arena);
}

/* ---- answers --------------------------------------------------------------------------------- */

struct judged {
    factum_arena arena;
    struct fct_judgement is;
};

static void judge(struct judged *judged, long status, const char *body)
{
    factum_error err;
    const struct fct_http_reply answer = {.status = status, .body = factum_slice_from(body)};
    fct_arena_init(&judged->arena, fct_mem_heap(), 1 << 20);
    assert_ok(fct_http_reply_judge(&answer, 0, &judged->arena, &judged->is, &err), err);
}

static enum fct_answer_verdict verdict(long status, const char *body)
{
    struct judged judged;
    judge(&judged, status, body);
    factum_arena_finish(&judged.arena);
    return judged.is.verdict;
}

TEST(an_answer_with_a_type_is_a_reply)
{
    struct judged judged;
    (void)state;
    judge(&judged, 200,
          " {\"type\":\"Stock\\u0052eserved\",\"data\":{\"n\": 1.50},\"stream\":\"stock-1\"}\n");
    assert_int_equal(judged.is.verdict, FCT_VERDICT_REPLY);
    assert_true(fct_slice_equal(judged.is.type, FCT_SLICE("StockReserved")));
    assert_true(fct_slice_equal(judged.is.data, FCT_SLICE("{\"n\": 1.50}")));
    assert_true(fct_slice_equal(judged.is.stream, FCT_SLICE("stock-1")));
    factum_arena_finish(&judged.arena);
    judge(&judged, 201, "{\"type\":\"A\"}");
    assert_int_equal(judged.is.verdict, FCT_VERDICT_REPLY);
    assert_true(fct_slice_equal(judged.is.data, FCT_SLICE("{}")));
    assert_int_equal(judged.is.stream.len, 0);
    factum_arena_finish(&judged.arena);
}

TEST(an_answer_without_a_body_means_later)
{
    assert_int_equal(verdict(202, "{\"type\":\"A\"}"), FCT_VERDICT_TAKEN);
    assert_int_equal(verdict(204, ""), FCT_VERDICT_TAKEN);
    assert_int_equal(verdict(200, " \r\n"), FCT_VERDICT_TAKEN);
}

TEST(an_invalid_answer_is_parked)
{
    static const char *const bad[] = {
        "x",
        "{",
        "[]",
        "{}",
        "\"A\"",
        "{\"type\":1}",
        "{\"type\":\"\"}",
        "{\"type\":\"\\ud800\"}",
        "{\"type\":\"$metadata\"}",
        "{\"type\":\"CommandCancelled\"}",
        "{\"type\":\"A\",\"stream\":1}",
        "{\"type\":\"A\",\"stream\":\"\"}",
        "{\"type\":\"A\",\"stream\":\"$settings\"}",
        "{\"type\":\"A\",\"stream\":\"$$stock-1\"}",
        "{\"type\":\"A\",\"stream\":\"saga:o-1\"}",
        "{\"type\":\"A\",\"stream\":\"command:pay-o-1\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct judged judged;
        judge(&judged, 200, bad[i]);
        if (judged.is.verdict != FCT_VERDICT_PARK || judged.is.why[0] == '\0' || judged.is.undone) {
            print_error("%s is not parked as perhaps done\n", bad[i]);
            fail();
        }
        factum_arena_finish(&judged.arena);
    }
}

TEST(a_refusal_with_a_code_is_a_failure_of_the_command)
{
    struct judged judged;
    (void)state;
    judge(&judged, 409, "{\"code\":\"out_of_stock\",\"text\":\"none left\",\"more\":1}");
    assert_int_equal(judged.is.verdict, FCT_VERDICT_FAILED);
    assert_true(fct_slice_equal(judged.is.type, FCT_SLICE("CommandFailed")));
    assert_true(fct_slice_equal(judged.is.data,
                                FCT_SLICE("{\"code\":\"out_of_stock\",\"text\":\"none left\"}")));
    factum_arena_finish(&judged.arena);
    assert_int_equal(verdict(422, "{\"code\":\"bad\"}"), FCT_VERDICT_FAILED);
    assert_int_equal(verdict(422, "{\"detail\":\"x\"}"), FCT_VERDICT_PARK);
    assert_int_equal(verdict(409, ""), FCT_VERDICT_PARK);
    assert_int_equal(verdict(409, "{\"code\":7}"), FCT_VERDICT_PARK);
}

TEST(each_status_has_its_verdict)
{
    static const struct {
        long status;
        enum fct_answer_verdict verdict;
        bool undone;
    } cases[] = {
        {100, FCT_VERDICT_PARK, false},   {301, FCT_VERDICT_PARK, true},
        {302, FCT_VERDICT_PARK, true},    {307, FCT_VERDICT_PARK, true},
        {400, FCT_VERDICT_PARK, true},    {401, FCT_VERDICT_PARK, true},
        {404, FCT_VERDICT_PARK, true},    {408, FCT_VERDICT_RETRY, true},
        {410, FCT_VERDICT_DISABLE, true}, {425, FCT_VERDICT_RETRY, true},
        {429, FCT_VERDICT_RETRY, true},   {500, FCT_VERDICT_RETRY, false},
        {503, FCT_VERDICT_RETRY, false},  {599, FCT_VERDICT_RETRY, false},
        {999, FCT_VERDICT_PARK, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct judged judged;
        judge(&judged, cases[i].status, "{}");
        if (judged.is.verdict != cases[i].verdict || judged.is.undone != cases[i].undone) {
            print_error("status %ld: verdict %d\n", cases[i].status, (int)judged.is.verdict);
            fail();
        }
        factum_arena_finish(&judged.arena);
    }
}

TEST(silence_is_tried_again_and_is_undone_only_if_nothing_was_sent)
{
    factum_arena arena;
    factum_error err;
    struct fct_judgement is;
    struct fct_http_reply answer = {.problem = "no route"};
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 16);
    assert_ok(fct_http_reply_judge(&answer, 0, &arena, &is, &err), err);
    assert_int_equal(is.verdict, FCT_VERDICT_RETRY);
    assert_false(is.undone);
    assert_string_equal(is.why, "no route");
    answer.not_reached = true;
    assert_ok(fct_http_reply_judge(&answer, 0, &arena, &is, &err), err);
    assert_true(is.undone);
    factum_arena_finish(&arena);
}

TEST(a_redirect_names_where_to_without_control_bytes)
{
    factum_arena arena;
    factum_error err;
    struct fct_judgement is;
    const struct fct_http_reply answer = {.status = 302,
                                          .location = FCT_SLICE("http://x/\x1b[31m")};
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 16);
    assert_ok(fct_http_reply_judge(&answer, 0, &arena, &is, &err), err);
    assert_non_null(strstr(is.why, "http://x/?[31m"));
    factum_arena_finish(&arena);
}

/* ---- waiting --------------------------------------------------------------------------------- */

TEST(retry_after_is_seconds_or_a_date_and_has_an_end)
{
    static const struct {
        const char *value;
        int64_t seconds;
    } cases[] = {
        {"120", 120},
        {" 7 ", 7},
        {"0", 0},
        {"", 0},
        {"-5", 0},
        {"1.5", 0},
        {"1e3", 0},
        {"99999999999999999999999999", 86400},
        {"86401", 86400},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 37},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 37},
        {"Sun Nov  6 08:49:37 1994", 37},
        {"Sun, 06 Nov 1994 08:48:59 GMT", 0}, /* it is over */
        {"Sun, 06 Nov 2094 08:49:37 GMT", 86400},
        {"Sun, 06 Nov 1994 08:49:37 CET", 0},
        {"Sun, 31 Feb 1995 08:49:37 GMT", 0},
        {"Sun, 06 Foo 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 25:49:37 GMT", 0},
        {"soon", 0},
    };
    int64_t now;
    (void)state;
    assert_int_equal(factum_time_parse(FCT_SLICE("1994-11-06T08:49:00Z"), &now), FACTUM_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t wait = fct_retry_after(factum_slice_from(cases[i].value), now);
        if (wait != cases[i].seconds * SECOND) {
            print_error("%s: %lld\n", cases[i].value, (long long)wait);
            fail();
        }
    }
}

TEST(pauses_double_to_their_limit_and_are_spread)
{
    struct fct_random random = {7};
    int64_t most[12] = {0};
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        for (uint64_t attempts = 1; attempts <= 12; attempts++) {
            int64_t pause = fct_retry_pause(attempts, SECOND / 2, 300 * SECOND, &random);
            assert_true(pause > 0);
            most[attempts - 1] = pause > most[attempts - 1] ? pause : most[attempts - 1];
        }
    }
    for (unsigned i = 0; i < 12; i++) {
        int64_t limit = i < 10 ? SECOND / 2 << i : 300 * SECOND;
        limit = limit > 300 * SECOND ? 300 * SECOND : limit;
        assert_true(most[i] <= limit && most[i] > limit / 10 * 9);
    }
    assert_true(fct_retry_pause(UINT64_MAX, SECOND / 2, 300 * SECOND, &random) <= 300 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(addresses_that_are_no_public_hosts_are_classified),
        CASE(only_what_is_listed_may_be_called),
        CASE(a_pattern_that_means_everything_is_refused),
        CASE(a_url_with_more_in_it_than_a_place_is_refused),
        CASE(a_signature_is_the_hmac_of_time_and_body),
        CASE(a_header_value_cannot_hold_another_header),
        CASE(a_command_is_sent_as_a_cloud_event),
        CASE(a_command_under_the_ids_of_another_saga_is_not_delivered),
        CASE(an_answer_with_a_type_is_a_reply),
        CASE(an_answer_without_a_body_means_later),
        CASE(an_invalid_answer_is_parked),
        CASE(a_refusal_with_a_code_is_a_failure_of_the_command),
        CASE(each_status_has_its_verdict),
        CASE(silence_is_tried_again_and_is_undone_only_if_nothing_was_sent),
        CASE(a_redirect_names_where_to_without_control_bytes),
        CASE(retry_after_is_seconds_or_a_date_and_has_an_end),
        CASE(pauses_double_to_their_limit_and_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
