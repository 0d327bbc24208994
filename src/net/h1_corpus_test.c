/* h1_corpus_test.c - requests that two recipients could read in two ways, and their neighbours.
 * Layer: net. Each is fed whole, byte by byte and in two pieces at every place: the result is
 * the same. */
#include "support/h1_peer.h"

struct request {
    const char *bytes;
    size_t size;
    const char *outcome; /* statuses, and the state of the connection */
    const char *seen;    /* what the handler got to the end: "method target body\n" each */
};

#define REQUEST(bytes, outcome, seen)                                                              \
    {                                                                                              \
        "" bytes, sizeof(bytes) - 1, outcome, seen                                                 \
    }
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define TE "Transfer-Encoding: chunked\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
#define SAW_NEXT "GET /next \n"

static const struct request plain[] = {
    REQUEST(GET "\r\n", "200 open", "GET / \n"),
    REQUEST(GET "\r\n" NEXT, "200 200 open", "GET / \n" SAW_NEXT),
    REQUEST("\r\n" GET "\r\n", "200 open", "GET / \n"),
    REQUEST(GET "X:\r\nY: \t \r\nZ:a\r\n\r\n", "200 open", "GET / \n"),
    REQUEST(GET "X: a\tb \xe2\x82\xac\r\n\r\n", "200 open", "GET / \n"),
    REQUEST(POST "Content-Length: 3\r\n\r\nabc" NEXT, "200 200 open", "POST / abc\n" SAW_NEXT),
    REQUEST(POST "Content-Length:\t3 \r\n\r\nabc" NEXT, "200 200 open", "POST / abc\n" SAW_NEXT),
    REQUEST(POST "Content-Length: 0003\r\n\r\nabc" NEXT, "200 200 open", "POST / abc\n" SAW_NEXT),
    REQUEST(POST "Content-Length: 0\r\n\r\n" NEXT, "200 200 open", "POST / \n" SAW_NEXT),
    REQUEST(POST "\r\n" NEXT, "200 200 open", "POST / \n" SAW_NEXT),
    REQUEST(POST TE "\r\n3\r\nabc\r\n0\r\n\r\n" NEXT, "200 200 open", "POST / abc\n" SAW_NEXT),
    REQUEST(POST "Transfer-Encoding: ChunKed\r\n\r\n3\r\nabc\r\n00\r\n\r\n" NEXT, "200 200 open",
            "POST / abc\n" SAW_NEXT),
    REQUEST(POST TE "\r\n00003;a=\"b c\";d=e\r\nabc\r\nA\r\n0123456789\r\n0;x\r\n\r\n" NEXT,
            "200 200 open", "POST / abc0123456789\n" SAW_NEXT),
    REQUEST(POST TE "\r\n0\r\nX: a\r\nContent-Length: 9\r\nHost: b\r\n\r\n" NEXT, "200 200 open",
            "POST / \n" SAW_NEXT),
    REQUEST("GET /a?b=%20c HTTP/1.0\r\n\r\n", "200 closed", "GET /a?b=%20c \n"),
    REQUEST("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" NEXT, "200 closed", "GET / \n"),
    REQUEST("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", "200 closed", "POST / ab\n"),
    REQUEST(GET "Connection: close\r\n\r\n" NEXT, "200 closed", "GET / \n"),
    REQUEST(GET "Connection: x, Close\r\n\r\n" NEXT, "200 closed", "GET / \n"),
    REQUEST(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n" NEXT, "200 closed",
            "GET / \n"),
    REQUEST(GET "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n" NEXT, "200 200 open",
            "GET / \n" SAW_NEXT),
    REQUEST(GET "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nab" NEXT,
            "200 200 open", "GET / ab\n" SAW_NEXT),
    REQUEST("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "200 open", "OPTIONS * \n"),
    REQUEST("GET http://b/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "200 open", "GET /c?d \n"),
    REQUEST("GET HTTPS://b:1 HTTP/1.1\r\nHost: a\r\n\r\n", "200 open", "GET / \n"),
    REQUEST("GET / HTTP/1.1\r\nHost: [::1]:2113\r\n\r\n", "200 open", "GET / \n"),
    REQUEST("GET / HTTP/1.1\r\nHost: a\r\n", "open", ""),
    REQUEST(POST "Content-Length: 4\r\n\r\nabc", "open", ""),
    REQUEST(POST TE "\r\n3\r\nabc\r\n0\r\n", "open", ""),
};

static const struct request lengths[] = {
    REQUEST(POST "Content-Length: 3\r\n" TE "\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "Content-Length: 3\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 3, 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: +3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: -3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 0x3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 3 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 3.0\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: \"3\"\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length:\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 18446744073709551616\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length : 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length\t: 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length:\r\n 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Content-Length: 3\r\n 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST TE TE "\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: identity\r\n" TE "\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: identity\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 closed", ""),
    REQUEST(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "501 closed", ""),
    REQUEST(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: chunked\r\n \r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n0\r\n\r\n",
            "400 closed", ""),
    REQUEST(POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" NEXT,
            "200 200 open", "POST / 0\r\n\r\n\n" SAW_NEXT),
    REQUEST(POST "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST("POST / HTTP/1.0\r\nHost: a\r\n" TE "\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n" TE "\r\n0\r\n\r\n", "400 closed",
            ""),
};

static const struct request lines[] = {
    REQUEST("GET / HTTP/1.1\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\rHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost: a\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "400 closed", ""),
    REQUEST(GET "\n", "400 closed", ""),
    REQUEST(GET "\r\r\n", "400 closed", ""),
    REQUEST(GET "\rX: a\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X: a\n\n", "400 closed", ""),
    REQUEST(GET "X: a\r b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X: a\r\n b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X: a\r\n\tb\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\n\tX: a\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST(GET " \r\n\r\n", "400 closed", ""),
    REQUEST(GET ": a\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X a: b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X : b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X\t: b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X(: b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "\xc3\xa4: b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X\0: b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X: a\0b\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X: a\x01"
                "b\r\n\r\n",
            "400 closed", ""),
    REQUEST(GET "X: a\x1b[2J\r\n\r\n", "400 closed", ""),
    REQUEST(GET "X: a\x7f\r\n\r\n", "400 closed", ""),
    REQUEST("\n" GET "\r\n", "400 closed", ""),
    REQUEST("\r\n\r\n" GET "\r\n", "400 closed", ""),
    REQUEST("\r" GET "\r\n", "400 closed", ""),
    REQUEST(" " GET "\r\n", "400 closed", ""),
    REQUEST("\0" GET "\r\n", "400 closed", ""),
    REQUEST(GET "\r\n\r\n\r\n", "200 400 closed", "GET / \n"),
    REQUEST(GET "\r\nx" NEXT, "200 501 closed", "GET / \n"),
};

static const struct request chunks[] = {
    REQUEST(POST TE "\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\ng\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n-1\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n+3\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0x3\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n 3\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3 \r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\t\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3 ;a\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\rabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\r\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3;a\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3;a\rb\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3;a=\"b\nc\"\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3;a=\0\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\r\nabc0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\r\nabcd\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\r\nab\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\r\nabc\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\r\nabc\r0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n3\r\nabc\r\n\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\n\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\n\r\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\n X: a\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\nX: a\r\n b\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\nX: a\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\nX : a\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\n: a\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\nX\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\nX: \0\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 closed", ""),
    REQUEST(POST TE "\r\n0\r\nGET /admin HTTP/1.1\r\n\r\n", "400 closed", ""),
};

static const struct request targets[] = {
    REQUEST("GET / HTTP/1.1\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400 closed", ""),
    REQUEST("GET http://a/ HTTP/1.1\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400 closed", ""),
    REQUEST("GET /\r\n", "open", ""),
    REQUEST("GET /\r\n\r\n", "400 closed", ""),
    REQUEST("GET\r\n\r\n", "400 closed", ""),
    REQUEST("GET / \r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505 closed", ""),
    REQUEST("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505 closed", ""),
    REQUEST("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505 closed", ""),
    REQUEST("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 closed", ""),
    REQUEST("PRI * HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("PRI / HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("DESCRIBE / HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/11\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.10\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / http/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("SOURCE / ICE/1.0\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "501 closed", ""),
    REQUEST("GETX / HTTP/1.1\r\nHost: a\r\n\r\n", "501 closed", ""),
    REQUEST("get / HTTP/1.1\r\nHost: a\r\n\r\n", "501 closed", ""),
    REQUEST("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST(" / HTTP/1.1\r\nHost: a\r\n\r\n", "400 closed", ""),
    REQUEST(POST "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", "417 closed", ""),
    REQUEST("\x16\x03\x01\x02\x00\x01\x00\x01", "400 closed", ""),
};

/* Fed in two pieces, or byte by byte if |cut| is beyond the end. */
static void feed(struct h1_peer *p, const struct request *request, size_t cut)
{
    h1_peer_start(p, H1_ECHO);
    size_t at = 0;
    while (at < request->size) {
        size_t end = cut <= request->size ? cut : at + 1;
        end = at < end ? end : request->size;
        h1_peer_give(p, fct_slice(request->bytes + at, end - at));
        at = end;
    }
}

static void check(const struct request *request, size_t cut)
{
    struct h1_peer p;
    feed(&p, request, cut);
    if (strcmp(h1_peer_outcome(&p), request->outcome) != 0 ||
        !fct_slice_equal(fct_buf_slice(&p.log), factum_slice_from(request->seen))) {
        print_error("%s\ncut at %zu: %s, not %s; the handler saw\n%.*s", request->bytes, cut,
                    p.outcome, request->outcome, (int)p.log.len, (const char *)p.log.ptr);
        fail();
    }
    h1_peer_finish(&p);
}

static void check_all(const struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t cut = 0; cut <= requests[i].size + 1; cut++) {
            check(&requests[i], cut);
        }
    }
}

#define CHECK_ALL(table) check_all(table, sizeof table / sizeof table[0])

TEST(what_the_standard_allows_is_answered)
{
    CHECK_ALL(plain);
}

TEST(a_body_has_one_length_or_the_request_is_refused)
{
    CHECK_ALL(lengths);
}

TEST(lines_that_do_not_end_in_cr_lf_or_are_folded_are_refused)
{
    CHECK_ALL(lines);
}

TEST(chunks_are_framed_strictly)
{
    CHECK_ALL(chunks);
}

TEST(request_lines_targets_and_hosts_are_strict)
{
    CHECK_ALL(targets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_the_standard_allows_is_answered),
        CASE(a_body_has_one_length_or_the_request_is_refused),
        CASE(lines_that_do_not_end_in_cr_lf_or_are_folded_are_refused),
        CASE(chunks_are_framed_strictly),
        CASE(request_lines_targets_and_hosts_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
