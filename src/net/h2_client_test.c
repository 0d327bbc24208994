/* h2_client_test.c - calls over HTTP/2 to the server's own session, in memory. Layer: net. */
#include "support/test.h"

#include <limits.h>

#include "net/h2_client.h"
#include "support/h2_fixture.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

enum { CALLS_MAX = 64 };

struct seen {
    struct fct_client_call *call; /* NULL after closed */
    unsigned status;
    unsigned heads;
    unsigned closed;
    unsigned writable;
    enum fct_client_end how;
    size_t field_count;
    size_t body_size;
    size_t unreleased;
    char trailer[16];
};

static struct h2_server server;
static struct fct_h2_client *client;
static struct seen seen[CALLS_MAX];
static size_t seen_count;
static bool holds; /* nothing is released */
static bool cancels_in_data;
static unsigned client_wants;
static bool client_alive;

static void on_head(struct fct_client_call *call, unsigned status, const struct fct_field *fields,
                    size_t count)
{
    struct seen *it = call->data;
    assert_true(count == 0 || fields[0].name.len > 0);
    it->status = status;
    it->heads++;
    it->field_count = count;
}

static void on_data(struct fct_client_call *call, factum_slice bytes)
{
    struct seen *it = call->data;
    it->body_size += bytes.len;
    it->unreleased += bytes.len;
    if (cancels_in_data) {
        fct_client_cancel(call);
        return;
    }
    if (!holds) {
        it->unreleased -= bytes.len;
        fct_client_release(call, bytes.len);
    }
}

static void on_trailers(struct fct_client_call *call, const struct fct_field *fields, size_t count)
{
    struct seen *it = call->data;
    assert_int_equal(count, 1);
    (void)snprintf(it->trailer, sizeof it->trailer, "%.*s=%.*s", (int)fields[0].name.len,
                   (const char *)fields[0].name.ptr, (int)fields[0].value.len,
                   (const char *)fields[0].value.ptr);
}

static void on_writable(struct fct_client_call *call)
{
    struct seen *it = call->data;
    it->writable++;
}

static void on_closed(struct fct_client_call *call, enum fct_client_end how)
{
    struct seen *it = call->data;
    it->closed++;
    it->how = how;
    it->call = NULL;
}

static const struct fct_client_handler handler = {on_head, on_data, on_trailers, on_writable,
                                                  on_closed};

static void client_wants_send(void *data)
{
    (void)data;
    client_wants++;
}

static factum_status create(void)
{
    const struct fct_h2_client_options options = {
        .mem = &server.fault.mem,
        .authority = FCT_SLICE("localhost:2113"),
        .wants_send = client_wants_send,
    };
    return fct_h2_client_create(&options, &client, NULL);
}

static void begin(enum h2_mode mode)
{
    h2_server_init(&server, mode);
    memset(seen, 0, sizeof seen);
    seen_count = 0;
    holds = false;
    cancels_in_data = false;
    client_alive = true;
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    assert_int_equal(create(), FACTUM_OK);
}

static void stop(void)
{
    fct_h2_client_destroy(client);
    client = NULL;
    fct_session_destroy(server.session);
    server.session = NULL;
    for (size_t i = 0; i < seen_count; i++) {
        assert_int_equal(seen[i].closed, 1);
    }
    assert_int_equal(server.fault.held, 0);
}

/* NULL: it could not be started. */
static struct seen *start_call(void)
{
    const struct fct_field fields[] = {
        {FCT_SLICE("content-type"), FCT_SLICE("application/grpc")},
        {FCT_SLICE("te"), FCT_SLICE("trailers")},
    };
    assert_true(seen_count < CALLS_MAX);
    struct fct_client_call *call = NULL;
    factum_status status =
        fct_h2_client_start(client, FCT_SLICE("/a.Service/Call"), fields, 2, &call);
    if (status != FACTUM_OK) {
        return NULL;
    }
    struct seen *it = &seen[seen_count++];
    it->call = call;
    call->handler = &handler;
    call->data = it;
    return it;
}

/* Both sides exchange pieces of |piece| bytes, until neither has anything to send. */
static void talk_by(size_t piece)
{
    bool more = true;
    while (more) {
        const uint8_t *bytes = NULL;
        size_t size = fct_h2_client_send(client, &bytes);
        more = size > 0;
        if (size > 0) {
            (void)h2_server_feed(&server, fct_slice(bytes, size), piece);
        }
        size = fct_session_send(server.session, &bytes);
        more = more || size > 0;
        for (size_t at = 0; at < size && client_alive; at += piece) {
            size_t part = size - at < piece ? size - at : piece;
            client_alive = fct_h2_client_receive(client, fct_slice(bytes + at, part), 1000);
        }
    }
}

static void talk(void)
{
    talk_by(MIB);
}

static void write_zeros(struct seen *it, size_t size)
{
    static const uint8_t zeros[MIB];
    assert_int_equal(fct_client_write(it->call, fct_slice(zeros, size)), FACTUM_OK);
}

static void assert_complete(const struct seen *it, size_t body_size)
{
    assert_int_equal(it->status, 200);
    assert_int_equal(it->heads, 1);
    assert_int_equal(it->field_count, 1);
    assert_int_equal(it->body_size, body_size);
    assert_string_equal(it->trailer, "grpc-status=0");
    assert_int_equal(it->closed, 1);
    assert_int_equal(it->how, FCT_CLIENT_COMPLETE);
}

TEST(a_call_has_a_head_a_body_and_trailers_at_every_cut_of_the_bytes)
{
    const size_t pieces[] = {1, 2, 3, 7, 9, 10, 100, MIB};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        begin(H2_ECHO);
        struct seen *it = start_call();
        write_zeros(it, 300);
        fct_client_end(it->call);
        talk_by(pieces[i]);
        assert_complete(it, 300);
        assert_true(server.calls[0].complete);
        stop();
    }
}

TEST(many_calls_run_at_once)
{
    begin(H2_ECHO);
    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct seen *it = start_call();
        write_zeros(it, i * 100);
        fct_client_end(it->call);
    }
    talk();
    for (size_t i = 0; i < CALLS_MAX; i++) {
        assert_complete(&seen[i], i * 100);
    }
    stop();
}

TEST(an_open_call_is_answered_while_it_is_written)
{
    begin(H2_ECHO);
    struct seen *it = start_call();
    for (size_t i = 1; i <= 5; i++) {
        write_zeros(it, 10);
        talk();
        assert_int_equal(it->body_size, i * 10);
        assert_int_equal(it->closed, 0);
    }
    fct_client_end(it->call);
    talk();
    assert_complete(it, 50);
    stop();
}

TEST(an_answer_stops_at_the_window_until_bytes_are_released)
{
    begin(H2_FLOW);
    server.flow_size = 3 * MIB;
    holds = true;
    struct seen *it = start_call();
    fct_client_end(it->call);
    talk();
    assert_int_equal(it->body_size, MIB);
    struct seen *other = start_call(); /* which the first one does not hold up */
    holds = false;
    fct_client_end(other->call);
    talk();
    assert_complete(other, 3 * MIB);
    assert_int_equal(it->body_size, MIB);
    fct_client_release(it->call, it->unreleased);
    it->unreleased = 0;
    talk();
    assert_complete(it, 3 * MIB);
    stop();
}

TEST(a_request_stops_at_the_servers_window_and_its_writer_is_called)
{
    begin(H2_HOLD);
    struct seen *it = start_call();
    size_t room = fct_client_room(it->call);
    assert_int_equal(room, 256 * KIB);
    write_zeros(it, MIB);
    assert_int_equal(fct_client_room(it->call), 0);
    talk();
    assert_int_equal(it->writable, 1);
    write_zeros(it, MIB);
    talk();
    assert_int_equal(server.calls[0].body_size, MIB); /* its window */
    assert_int_equal(fct_client_room(it->call), 0);
    assert_int_equal(it->writable, 1);
    fct_exchange_release(server.calls[0].exchange, MIB);
    talk();
    assert_int_equal(server.calls[0].body_size, 2 * MIB);
    assert_int_equal(it->writable, 2);
    stop();
    assert_int_equal(it->how, FCT_CLIENT_LOST);
}

TEST(a_cancelled_call_is_closed_once_wherever_it_is)
{
    begin(H2_FLOW);
    server.flow_size = MIB;
    struct seen *unsent = start_call();
    fct_client_cancel(unsent->call);
    fct_client_cancel(unsent->call);
    talk();
    assert_int_equal(unsent->how, FCT_CLIENT_CANCELLED);
    cancels_in_data = true;
    struct seen *it = start_call();
    fct_client_end(it->call);
    talk();
    assert_int_equal(it->how, FCT_CLIENT_CANCELLED);
    assert_true(it->body_size > 0);
    assert_true(client_alive);
    assert_int_equal(h2_server_open_count(&server), 0);
    struct seen *last = start_call();
    cancels_in_data = false;
    fct_client_end(last->call);
    talk();
    assert_complete(last, MIB);
    stop();
}

TEST(a_call_that_the_server_aborts_is_reset)
{
    begin(H2_ECHO);
    server.abort_in = H2_IN_END;
    struct seen *it = start_call();
    fct_client_end(it->call);
    talk();
    assert_int_equal(it->closed, 1);
    assert_int_equal(it->how, FCT_CLIENT_RESET);
    stop();
}

TEST(after_goaway_no_call_is_started_and_those_under_way_end)
{
    begin(H2_ECHO);
    struct seen *it = start_call();
    talk();
    assert_true(fct_h2_client_can_start(client));
    fct_session_shut_down(server.session);
    struct seen *late = start_call(); /* the client does not know yet */
    fct_client_end(late->call);
    talk();
    assert_int_equal(late->how, FCT_CLIENT_REFUSED);
    assert_false(fct_h2_client_can_start(client));
    assert_null(start_call());
    fct_client_end(it->call);
    talk();
    assert_complete(it, 0);
    assert_true(fct_h2_client_is_finished(client));
    stop();
}

TEST(the_servers_limit_of_calls_is_kept)
{
    h2_server_init(&server, H2_SILENT);
    server.options.limits.exchanges_max = 2;
    memset(seen, 0, sizeof seen);
    seen_count = 0;
    client_alive = true;
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    assert_int_equal(create(), FACTUM_OK);
    talk();
    assert_non_null(start_call());
    talk();
    assert_non_null(start_call());
    talk();
    assert_false(fct_h2_client_can_start(client));
    fct_client_cancel(seen[0].call);
    talk();
    assert_true(fct_h2_client_can_start(client));
    stop();
}

TEST(a_silent_peer_is_pinged_and_then_given_up)
{
    begin(H2_SILENT);
    struct seen *it = start_call();
    talk(); /* at 1,000 ms */
    const uint8_t *bytes = NULL;
    assert_true(fct_h2_client_tick(client, 10999));
    assert_int_equal(fct_h2_client_send(client, &bytes), 0);
    assert_true(fct_h2_client_tick(client, 11000));
    assert_int_equal(fct_h2_client_send(client, &bytes), 17); /* PING */
    assert_int_equal(bytes[3], 6);
    assert_true(fct_h2_client_tick(client, 20999));
    assert_false(fct_h2_client_tick(client, 21000));
    assert_int_equal(it->closed, 0);
    stop();
    assert_int_equal(it->how, FCT_CLIENT_LOST);
}

TEST(a_peer_that_answers_a_ping_is_kept)
{
    begin(H2_SILENT);
    (void)start_call();
    talk();
    assert_true(fct_h2_client_tick(client, 11000));
    talk(); /* the answer comes, "at 1,000 ms" */
    assert_true(fct_h2_client_tick(client, 21000));
    assert_true(fct_h2_client_tick(client, 30999));
    stop();
}

TEST(bytes_that_are_not_http2_end_the_connection)
{
    static const char *const texts[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                        "\0\0\x05\x06\0\0\0\0\0abcde"};
    for (size_t i = 0; i < 2; i++) {
        begin(H2_SILENT);
        struct seen *it = start_call();
        const uint8_t *bytes = NULL;
        while (fct_h2_client_send(client, &bytes) > 0) {
        }
        bool alive = fct_h2_client_receive(client, fct_slice(texts[i], i == 0 ? 28 : 14), 1);
        while (fct_h2_client_send(client, &bytes) > 0) {
        }
        assert_true(!alive || fct_h2_client_is_finished(client));
        stop();
        assert_int_equal(it->how, FCT_CLIENT_LOST);
    }
}

/* Any bytes: nothing is read beyond them, and everything is freed. */
TEST(bytes_that_are_changed_do_no_harm)
{
    uint8_t copy[4096];
    begin(H2_ECHO);
    struct seen *it = start_call();
    write_zeros(it, 20);
    fct_client_end(it->call);
    const uint8_t *bytes = NULL;
    size_t size;
    size_t len = 0;
    while ((size = fct_h2_client_send(client, &bytes)) > 0) {
        (void)h2_server_feed(&server, fct_slice(bytes, size), MIB);
    }
    while ((size = fct_session_send(server.session, &bytes)) > 0) {
        assert_true(len + size <= sizeof copy);
        memcpy(copy + len, bytes, size);
        len += size;
    }
    stop();
    for (size_t at = 0; at < len; at++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            begin(H2_ECHO);
            (void)start_call();
            while (fct_h2_client_send(client, &bytes) > 0) {
            }
            copy[at] ^= (uint8_t)(1u << bit);
            client_alive = fct_h2_client_receive(client, fct_slice(copy, len), 1);
            while (fct_h2_client_send(client, &bytes) > 0) {
            }
            copy[at] ^= (uint8_t)(1u << bit);
            stop();
        }
    }
}

TEST(every_failed_allocation_leaves_nothing_behind)
{
    unsigned long failed = 1;
    for (unsigned long at = 0; failed > 0; at++) {
        h2_server_init(&server, H2_ECHO);
        memset(seen, 0, sizeof seen);
        seen_count = 0;
        client_alive = true;
        assert_int_equal(h2_server_start(&server), FACTUM_OK);
        server.fault.calls = 0;
        server.fault.fail_at = at;
        if (create() == FACTUM_OK) {
            struct seen *it = start_call();
            if (it != NULL && fct_client_write(it->call, FCT_SLICE("hello")) != FACTUM_OK) {
                fct_client_cancel(it->call);
            }
            if (it != NULL) {
                fct_client_end(it->call);
            }
            talk();
        }
        failed = server.fault.failed;
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_call_has_a_head_a_body_and_trailers_at_every_cut_of_the_bytes),
        CASE(many_calls_run_at_once),
        CASE(an_open_call_is_answered_while_it_is_written),
        CASE(an_answer_stops_at_the_window_until_bytes_are_released),
        CASE(a_request_stops_at_the_servers_window_and_its_writer_is_called),
        CASE(a_cancelled_call_is_closed_once_wherever_it_is),
        CASE(a_call_that_the_server_aborts_is_reset),
        CASE(after_goaway_no_call_is_started_and_those_under_way_end),
        CASE(the_servers_limit_of_calls_is_kept),
        CASE(a_silent_peer_is_pinged_and_then_given_up),
        CASE(a_peer_that_answers_a_ping_is_kept),
        CASE(bytes_that_are_not_http2_end_the_connection),
        CASE(bytes_that_are_changed_do_no_harm),
        CASE(every_failed_allocation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
