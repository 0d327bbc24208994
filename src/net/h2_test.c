/* h2_test.c - exchanges over HTTP/2 with a client that keeps the rules. Layer: net. */
#include "support/test.h"

#include <limits.h>

#include "support/h2_pair.h"

TEST(a_request_is_answered_with_its_body_and_a_trailer)
{
    begin(H2_ECHO, 0);
    struct h2_reply *reply = h2_request(&client, 100, false);
    h2_talk(&client, &server);
    assert_answered(reply, 100);
    assert_int_equal(server.call_count, 1);
    assert_int_equal(server.calls[0].ended, 1);
    assert_int_equal(server.calls[0].closed, 1);
    assert_true(server.calls[0].complete);
    assert_int_equal(server.wants, 0);
    stop();
}

TEST(a_body_larger_than_all_windows_passes_both_ways)
{
    begin(H2_ECHO, 0);
    struct h2_reply *reply = h2_request(&client, 20 * MIB, false);
    h2_talk(&client, &server);
    assert_answered(reply, 20 * MIB);
    assert_true(server.calls[0].complete);
    stop();
}

TEST(an_answer_may_have_neither_body_nor_trailers)
{
    begin(H2_SILENT, 0);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    struct fct_exchange *exchange = server.calls[0].exchange;
    assert_int_equal(fct_exchange_respond(exchange, 204, NULL, 0), FACTUM_OK);
    assert_int_equal(fct_exchange_finish(exchange, NULL, 0), FACTUM_OK);
    h2_talk(&client, &server);
    assert_string_equal(reply->status, "204");
    assert_int_equal(reply->trailer_count, 0);
    assert_true(reply->closed);
    assert_true(server.calls[0].complete);
    stop();
}

TEST(trailers_may_follow_a_body_that_was_sent_long_before)
{
    begin(H2_SILENT, 0);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    struct fct_exchange *exchange = server.calls[0].exchange;
    assert_int_equal(fct_exchange_respond(exchange, 200, NULL, 0), FACTUM_OK);
    h2_talk(&client, &server);
    assert_int_equal(fct_exchange_write(exchange, FCT_SLICE("hello")), FACTUM_OK);
    h2_talk(&client, &server);
    assert_int_equal(reply->body_size, 5);
    assert_false(reply->closed);
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    assert_answered(reply, 5);
    stop();
}

TEST(the_head_of_a_request_is_seen_as_sent)
{
    begin(H2_SILENT, 0);
    const nghttp2_nv fields[] = {h2_nv(":method", "GET"),  h2_nv(":scheme", "https"),
                                 h2_nv(":path", "/a?b=c"), h2_nv("host", "example.org"),
                                 h2_nv("empty", ""),       h2_nv("cookie", "a=1"),
                                 h2_nv("cookie", "b=2")};
    assert_int_equal(nghttp2_submit_request(client.session, NULL, fields, 7, NULL, NULL), 1);
    h2_talk(&client, &server);
    const struct fct_exchange *exchange = server.calls[0].exchange;
    assert_true(exchange->http2);
    assert_true(fct_slice_equal(exchange->method, FCT_SLICE("GET")));
    assert_true(fct_slice_equal(exchange->target, FCT_SLICE("/a?b=c")));
    assert_true(fct_slice_equal(exchange->authority, FCT_SLICE("example.org")));
    assert_int_equal(exchange->field_count, 4);
    assert_true(fct_slice_equal(exchange->fields[3].name, FCT_SLICE("cookie")));
    assert_true(fct_slice_equal(exchange->fields[3].value, FCT_SLICE("b=2")));
    assert_non_null(fct_exchange_field(exchange, FCT_SLICE("empty")).ptr);
    assert_null(fct_exchange_field(exchange, FCT_SLICE("absent")).ptr);
    assert_ptr_equal(exchange->peer, &server.peer);
    stop();
}

TEST(fields_that_cannot_be_sent_are_refused)
{
    begin(H2_SILENT, 0);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    struct fct_exchange *exchange = server.calls[0].exchange;
    const struct fct_field bad[] = {
        {FCT_SLICE("name"), FCT_SLICE("a\r\nb")}, {FCT_SLICE("Name"), FCT_SLICE("a")},
        {FCT_SLICE(":name"), FCT_SLICE("a")},     {FCT_SLICE(""), FCT_SLICE("a")},
        {FCT_SLICE("na me"), FCT_SLICE("a")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fct_exchange_respond(exchange, 200, &bad[i], 1), FACTUM_INVALID);
    }
    assert_int_equal(fct_exchange_respond(exchange, 200, NULL, 0), FACTUM_OK);
    assert_int_equal(fct_exchange_finish(exchange, bad, 1), FACTUM_INVALID);
    assert_int_equal(fct_exchange_finish(exchange, NULL, 0), FACTUM_OK);
    h2_talk(&client, &server);
    assert_true(reply->closed);
    stop();
}

TEST(an_answer_to_head_has_no_body)
{
    begin(H2_SILENT, 0);
    const nghttp2_nv fields[] = {h2_nv(":method", "HEAD"), h2_nv(":scheme", "http"),
                                 h2_nv(":path", "/"), h2_nv(":authority", "a")};
    struct h2_reply *reply = &client.replies[0];
    assert_int_equal(nghttp2_submit_request(client.session, NULL, fields, 4, NULL, reply), 1);
    h2_talk(&client, &server);
    const struct fct_field length = {FCT_SLICE("content-length"), FCT_SLICE("10")};
    assert_int_equal(fct_exchange_respond(server.calls[0].exchange, 200, &length, 1), FACTUM_OK);
    assert_int_equal(fct_exchange_finish(server.calls[0].exchange, NULL, 0), FACTUM_OK);
    h2_talk(&client, &server);
    assert_string_equal(reply->status, "200");
    assert_true(reply->closed);
    assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
    stop();
}

TEST(a_long_answer_header_goes_out_in_continuations)
{
    static char value[60 * 1000];
    begin(H2_SILENT, 0);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    memset(value, '\\', sizeof value); /* which Huffman's code does not shorten */
    struct fct_field field = {FCT_SLICE("long"), fct_slice(value, sizeof value)};
    assert_int_equal(fct_exchange_respond(server.calls[0].exchange, 200, &field, 1), FACTUM_OK);
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    assert_answered(reply, 0);
    assert_in_range(client.largest_send, 60 * 1000, 100 * KIB);
    stop();
}

TEST(an_answer_header_that_is_too_long_to_send_ends_the_exchange)
{
    static char value[100 * 1000];
    begin(H2_SILENT, 0);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    memset(value, 'v', sizeof value);
    struct fct_field field = {FCT_SLICE("long"), fct_slice(value, sizeof value)};
    assert_int_equal(fct_exchange_respond(server.calls[0].exchange, 200, &field, 1), FACTUM_OK);
    h2_talk(&client, &server);
    assert_int_equal(server.calls[0].closed, 1);
    assert_false(server.calls[0].complete);
    assert_true(reply->closed);
    assert_int_equal(reply->error_code, NGHTTP2_INTERNAL_ERROR);
    stop();
}

TEST(many_exchanges_run_at_once)
{
    begin(H2_ECHO, 0);
    h2_talk(&client, &server);
    for (int i = 0; i < 1000; i++) {
        (void)h2_request(&client, 3000, false);
    }
    h2_talk(&client, &server);
    assert_int_equal(server.call_count, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_answered(&client.replies[i], 3000);
        assert_true(server.calls[i].complete);
    }
    stop();
}

TEST(exchanges_beyond_the_maximum_wait_at_the_client)
{
    h2_server_init(&server, H2_SILENT);
    server.options.limits.exchanges_max = 3;
    start(H2_SILENT, 0);
    h2_talk(&client, &server);
    for (int i = 0; i < 5; i++) {
        (void)h2_request(&client, 0, false);
    }
    h2_talk(&client, &server);
    assert_int_equal(server.call_count, 3);
    fct_exchange_abort(server.calls[0].exchange, FCT_ABORT_CANCEL);
    h2_talk(&client, &server);
    assert_int_equal(server.call_count, 4);
    assert_int_equal(h2_server_open_count(&server), 3);
    stop();
}

TEST(a_peer_may_open_more_exchanges_once_it_is_trusted)
{
    h2_server_init(&server, H2_SILENT);
    server.options.limits.exchanges_max = 5;
    server.options.limits.exchanges_first_max = 3;
    start(H2_SILENT, 0);
    h2_talk(&client, &server);
    for (int i = 0; i < 8; i++) {
        (void)h2_request(&client, 0, false);
    }
    h2_talk(&client, &server);
    assert_int_equal(server.call_count, 3);
    for (int i = 0; i < 2; i++) { /* once is enough */
        fct_exchange_trust(server.calls[0].exchange);
        h2_talk(&client, &server);
        assert_int_equal(server.call_count, 5);
    }
    assert_int_equal(nghttp2_session_get_remote_settings(client.session,
                                                         NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
                     5);
    stop();
}

/* Flow control of answers. */

TEST(a_writer_stops_without_room_and_is_called_when_half_is_free)
{
    h2_server_init(&server, H2_FLOW);
    server.flow_size = 3 * MIB;
    start(H2_FLOW, 1000); /* the smallest windows take the longest way */
    client.holds = true;
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    assert_int_equal(reply->body_size, 1000);
    assert_int_equal(server.calls[0].waits, 1);
    assert_int_equal(server.calls[0].writable_count, 0);
    assert_in_range(server.calls[0].written, 256 * KIB, 256 * KIB + 1000);
    assert_int_equal(fct_exchange_room(server.calls[0].exchange) > 0, 1);
    client.holds = false;
    assert_int_equal(nghttp2_session_consume(client.session, reply->id, 1000), 0);
    h2_talk(&client, &server);
    assert_answered(reply, 3 * MIB);
    assert_in_range(server.calls[0].writable_count, 20, 30); /* once for each 128 KiB */
    assert_true(server.alive);
    stop();
}

TEST(a_fast_reader_gets_large_pieces)
{
    h2_server_init(&server, H2_FLOW);
    server.flow_size = 64 * MIB;
    server.message_size = 64 * KIB;
    start(H2_FLOW, 16 * MIB);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    assert_answered(reply, 64 * MIB);
    assert_in_range(client.largest_send, 64 * KIB, 100 * KIB);
    stop();
}

TEST(a_message_beyond_the_room_is_taken_whole_up_to_32_mib)
{
    static uint8_t big[20 * 1024 * 1024];
    begin(H2_SILENT, 0);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    struct fct_exchange *exchange = server.calls[0].exchange;
    assert_int_equal(fct_exchange_respond(exchange, 200, NULL, 0), FACTUM_OK);
    assert_int_equal(fct_exchange_write(exchange, fct_slice(big, sizeof big)), FACTUM_OK);
    assert_int_equal(fct_exchange_room(exchange), 0);
    assert_int_equal(fct_exchange_write(exchange, fct_slice(big, sizeof big)), FACTUM_TOO_BIG);
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    assert_answered(reply, sizeof big);
    stop();
}

TEST(answers_share_the_connection)
{
    h2_server_init(&server, H2_FLOW);
    server.flow_size = 4 * MIB;
    start(H2_FLOW, 256 * 1024);
    struct h2_reply *first = h2_request(&client, 0, false);
    struct h2_reply *second = h2_request(&client, 0, false);
    size_t apart = 0;
    while (h2_client_speak(&client, &server, MIB) || !first->closed || !second->closed) {
        const uint8_t *bytes = NULL;
        size_t size = fct_session_send(server.session, &bytes);
        assert_true(nghttp2_session_mem_recv(client.session, bytes, size) == (ssize_t)size);
        size_t a = first->body_size;
        size_t b = second->body_size;
        size_t distance = a > b ? a - b : b - a;
        apart = distance > apart ? distance : apart;
    }
    assert_answered(first, 4 * MIB);
    assert_answered(second, 4 * MIB);
    assert_in_range(apart, 0, 64 * KIB);
    stop();
}

/* Flow control of bodies. */

TEST(a_body_that_is_not_released_stops_at_its_window)
{
    begin(H2_HOLD, 0);
    struct h2_reply *reply = h2_request(&client, 5 * MIB, true);
    h2_talk(&client, &server);
    assert_int_equal(server.calls[0].body_size, MIB);
    fct_exchange_release(server.calls[0].exchange, 600 * KIB);
    assert_int_equal(server.wants, 1);
    h2_talk(&client, &server);
    assert_int_equal(server.calls[0].body_size, MIB + 600 * KIB);
    assert_int_equal(5 * MIB - reply->upload_left, MIB + 600 * KIB);
    stop();
}

TEST(all_bodies_together_stop_at_the_window_of_the_connection)
{
    begin(H2_HOLD, 0);
    for (int i = 0; i < 20; i++) {
        (void)h2_request(&client, MIB, true);
    }
    h2_talk(&client, &server);
    size_t sum = 0;
    for (size_t i = 0; i < server.call_count; i++) {
        sum += server.calls[i].body_size;
    }
    assert_int_equal(sum, 8 * MIB);
    stop();
}

/* Ends each way with |size| bytes unreleased, then checks that the window is whole. */
static void end_with_unreleased_bytes(unsigned way, size_t size)
{
    struct h2_reply *reply = h2_request(&client, size, way != 0);
    size_t number = server.call_count;
    if (way == 1) { /* reset while bytes are under way */
        h2_talk(&client, &server);
        assert_int_equal(nghttp2_submit_rst_stream(client.session, 0, reply->id, NGHTTP2_CANCEL),
                         0);
    } else if (way == 2) { /* aborted, and bytes follow that nobody wants */
        h2_talk(&client, &server);
        fct_exchange_abort(server.calls[number].exchange, FCT_ABORT_CANCEL);
        reply->upload_left = size;
        assert_int_equal(nghttp2_session_resume_data(client.session, reply->id), 0);
        (void)h2_client_speak(&client, &server, 10000);
    } else if (way == 3) { /* answered before the end */
        h2_talk(&client, &server);
        h2_end_answer(&server.calls[number]);
    } else if (way == 5) { /* answered, and bytes follow that nobody wants */
        h2_talk(&client, &server);
        h2_end_answer(&server.calls[number]);
        reply->upload_left = size;
        assert_int_equal(nghttp2_session_resume_data(client.session, reply->id), 0);
        (void)h2_client_speak(&client, &server, 10000);
    } else if (way == 4) { /* partly released, also after the abort */
        h2_talk(&client, &server);
        fct_exchange_release(server.calls[number].exchange, size / 3);
        fct_exchange_abort(server.calls[number].exchange, FCT_ABORT_PROTOCOL);
        fct_exchange_release(server.calls[number].exchange, size / 3);
    }
    h2_talk(&client, &server);
    tick();
    tick();
    assert_int_equal(server.calls[number].closed, 1);
    assert_true(reply->closed);
}

TEST(the_window_of_the_connection_never_leaks)
{
    h2_server_init(&server, H2_HOLD);
    server.options.limits.session_window = MIB;
    start(H2_HOLD, 0);
    for (unsigned i = 0; i < 600; i++) { /* 30 MB and more through 1 MiB */
        end_with_unreleased_bytes(i % 6, 50 * 1000);
        server.now_ms += 1000;
    }
    assert_true(server.alive);
    assert_in_range(nghttp2_session_get_remote_window_size(client.session), MIB / 2, MIB);
    server.mode = H2_ECHO;
    struct h2_reply *reply = h2_request(&client, 10 * MIB, false);
    h2_talk(&client, &server);
    assert_answered(reply, 10 * MIB);
    /* Nor did it grow. */
    server.mode = H2_HOLD;
    size_t first = server.call_count;
    size_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        (void)h2_request(&client, MIB, true);
        h2_talk(&client, &server);
        sum += server.calls[first + i].body_size;
    }
    assert_in_range(sum, MIB / 2, MIB);
    stop();
}

/* Ends. */

TEST(after_finish_a_handler_gets_neither_body_nor_end)
{
    begin(H2_HOLD, 0);
    struct h2_reply *reply = h2_request(&client, 10, true);
    h2_talk(&client, &server);
    h2_end_answer(&server.calls[0]);
    reply->upload_left = 3 * MIB; /* under way before the peer sees the end */
    reply->upload_open = false;
    assert_int_equal(nghttp2_session_resume_data(client.session, reply->id), 0);
    (void)h2_client_speak(&client, &server, MIB);
    h2_talk(&client, &server);
    assert_int_equal(server.calls[0].body_size, 10);
    assert_int_equal(server.calls[0].ended, 0);
    assert_int_equal(server.calls[0].closed, 1);
    assert_true(reply->closed);
    stop();
}

TEST(both_sides_may_end_in_either_order)
{
    begin(H2_SILENT, 0);
    struct h2_reply *reply = h2_request(&client, 10, true);
    h2_talk(&client, &server);
    assert_int_equal(fct_exchange_respond(server.calls[0].exchange, 200, NULL, 0), FACTUM_OK);
    h2_end_answer(&server.calls[0]);
    reply->upload_open = false; /* the peer ends before it sees the answer */
    assert_int_equal(nghttp2_session_resume_data(client.session, reply->id), 0);
    h2_talk(&client, &server);
    assert_answered(reply, 0);
    assert_int_equal(server.calls[0].ended, 0);
    assert_true(server.calls[0].complete);
    stop();
}

TEST(a_reset_by_the_peer_closes_the_exchange)
{
    begin(H2_HOLD, 0);
    struct h2_reply *reply = h2_request(&client, 10, true);
    h2_talk(&client, &server);
    assert_int_equal(nghttp2_submit_rst_stream(client.session, 0, reply->id, NGHTTP2_CANCEL), 0);
    h2_talk(&client, &server);
    assert_int_equal(server.calls[0].closed, 1);
    assert_false(server.calls[0].complete);
    stop();
}

/* Brings an exchange into state |step|; there are 7. */
static void bring_to(unsigned step, struct fct_exchange *exchange)
{
    if (step >= 2) {
        assert_int_equal(fct_exchange_respond(exchange, 200, NULL, 0), FACTUM_OK);
    }
    if (step == 3) {
        h2_talk(&client, &server);
    }
    if (step >= 4) {
        assert_int_equal(fct_exchange_write(exchange, FCT_SLICE("some bytes")), FACTUM_OK);
    }
    if (step == 5) {
        h2_talk(&client, &server);
    }
    if (step == 6) {
        assert_int_equal(fct_exchange_finish(exchange, NULL, 0), FACTUM_OK);
    }
}

TEST(an_abort_from_each_state_closes_once_and_not_at_once)
{
    for (unsigned step = 1; step <= 6; step++) {
        for (unsigned open = 0; open < 2; open++) {
            begin(H2_SILENT, 0);
            struct h2_reply *reply = h2_request(&client, open * 10, open == 1);
            h2_talk(&client, &server);
            struct fct_exchange *exchange = server.calls[0].exchange;
            bring_to(step, exchange);
            fct_exchange_abort(exchange, FCT_ABORT_CALM);
            fct_exchange_abort(exchange, FCT_ABORT_CANCEL);
            assert_int_equal(server.calls[0].closed, 0);
            assert_int_equal(server.wants > 0, 1);
            h2_talk(&client, &server);
            assert_int_equal(server.calls[0].closed, 1);
            assert_false(server.calls[0].complete);
            assert_true(reply->closed);
            assert_int_equal(reply->error_code, NGHTTP2_ENHANCE_YOUR_CALM);
            stop();
        }
    }
}

TEST(a_handler_may_abort_from_each_of_its_calls)
{
    for (unsigned place = H2_IN_BEGIN; place <= H2_IN_WRITABLE; place++) {
        h2_server_init(&server, place == H2_IN_WRITABLE ? H2_FLOW : H2_ECHO);
        server.abort_in = (enum h2_place)place;
        server.flow_size = MIB;
        start(server.mode, 0);
        struct h2_reply *reply = h2_request(&client, 100 * KIB, false);
        h2_talk(&client, &server);
        assert_int_equal(server.calls[0].closed, 1);
        assert_false(server.calls[0].complete);
        assert_int_equal(server.calls[0].ended, place >= H2_IN_END);
        assert_true(reply->closed);
        assert_int_equal(reply->error_code, NGHTTP2_INTERNAL_ERROR);
        stop();
    }
}

TEST(many_answers_share_one_bound)
{
    static const uint8_t bytes[200 * 1000];
    h2_server_init(&server, H2_FLOW);
    server.flow_size = MIB;
    start(H2_FLOW, 16 * 1024);
    client.holds = true;
    h2_talk(&client, &server);
    for (int i = 0; i < 1000; i++) {
        (void)h2_request(&client, 0, false);
    }
    h2_talk(&client, &server);
    size_t waiting = 0;
    for (size_t i = 0; i < server.call_count; i++) {
        waiting += server.calls[i].written;
    }
    assert_int_equal(server.call_count, 1000);
    /* 64 had all the room, the others 16 KiB, each with one message beyond it. */
    assert_in_range(waiting, 30 * MIB, 33 * MIB);
    client.holds = false;
    for (size_t i = 0; i < 1000; i++) {
        size_t got = client.replies[i].body_size;
        assert_int_equal(nghttp2_session_consume(client.session, client.replies[i].id, got), 0);
    }
    h2_talk(&client, &server);
    for (size_t i = 0; i < 1000; i++) {
        assert_answered(&client.replies[i], MIB);
    }
    /* Now the room is whole again, also after an abort with bytes that wait. */
    server.mode = H2_SILENT;
    client.holds = true;
    for (size_t i = 0; i < 200; i++) {
        (void)h2_request(&client, 0, false);
        h2_talk(&client, &server);
        struct fct_exchange *exchange = server.calls[server.call_count - 1].exchange;
        assert_int_equal(fct_exchange_room(exchange), 256 * KIB);
        assert_int_equal(fct_exchange_respond(exchange, 200, NULL, 0), FACTUM_OK);
        assert_int_equal(fct_exchange_write(exchange, fct_slice(bytes, sizeof bytes)), FACTUM_OK);
        fct_exchange_abort(exchange, FCT_ABORT_CANCEL);
    }
    stop();
}

TEST(big_messages_share_a_bound_beyond_which_nobody_has_room)
{
    h2_server_init(&server, H2_FLOW);
    server.flow_size = 2 * MIB;
    server.message_size = MIB;
    start(H2_FLOW, 16 * 1024);
    client.holds = true;
    h2_talk(&client, &server);
    for (int i = 0; i < 300; i++) {
        (void)h2_request(&client, 0, false);
    }
    h2_talk(&client, &server);
    size_t written = 0;
    size_t without = 0; /* have not even begun */
    for (size_t i = 0; i < server.call_count; i++) {
        written += server.calls[i].written;
        without += server.calls[i].written == 0 ? 1 : 0;
    }
    assert_int_equal(server.call_count, 300);
    assert_in_range(written, 64 * MIB, 67 * MIB); /* four times session_write_max */
    assert_in_range(without, 200, 290);
    client.holds = false; /* all of them are called again, and none is forgotten */
    for (size_t i = 0; i < 300; i++) {
        size_t got = client.replies[i].body_size;
        assert_int_equal(nghttp2_session_consume(client.session, client.replies[i].id, got), 0);
    }
    h2_talk(&client, &server);
    for (size_t i = 0; i < 300; i++) {
        assert_answered(&client.replies[i], 2 * MIB);
    }
    stop();
}

TEST(an_aborted_exchange_is_closed_by_receive_send_and_tick_alike)
{
    for (unsigned way = 0; way < 3; way++) {
        const uint8_t *bytes = NULL;
        begin(H2_SILENT, 0);
        (void)h2_request(&client, 0, false);
        h2_talk(&client, &server);
        struct fct_exchange *exchange = server.calls[0].exchange;
        fct_exchange_abort(exchange, FCT_ABORT_CANCEL);
        /* until then everything is taken, and there is no room */
        assert_int_equal(fct_exchange_room(exchange), 0);
        assert_int_equal(fct_exchange_respond(exchange, 200, NULL, 0), FACTUM_OK);
        assert_int_equal(fct_exchange_write(exchange, FCT_SLICE("a")), FACTUM_OK);
        assert_int_equal(fct_exchange_finish(exchange, NULL, 0), FACTUM_OK);
        if (way == 0) {
            assert_true(fct_session_receive(server.session, fct_slice(NULL, 0), 0));
        } else if (way == 1) {
            assert_true(fct_session_send(server.session, &bytes) > 0);
        } else {
            fct_session_tick(server.session, 0);
        }
        assert_int_equal(server.calls[0].closed, 1);
        stop();
    }
}

TEST(output_from_outside_is_announced_once_until_it_is_sent)
{
    begin(H2_SILENT, 0);
    (void)h2_request(&client, 0, false);
    h2_talk(&client, &server);
    assert_int_equal(server.wants, 0);
    struct fct_exchange *exchange = server.calls[0].exchange;
    assert_int_equal(fct_exchange_respond(exchange, 200, NULL, 0), FACTUM_OK);
    assert_int_equal(fct_exchange_write(exchange, FCT_SLICE("a")), FACTUM_OK);
    assert_int_equal(server.wants, 1);
    h2_talk(&client, &server);
    assert_int_equal(fct_exchange_write(exchange, FCT_SLICE("b")), FACTUM_OK);
    assert_int_equal(server.wants, 2);
    h2_talk(&client, &server);
    assert_int_equal(client.replies[0].body_size, 2);
    stop();
}

TEST(a_shut_down_lets_open_exchanges_end_and_takes_no_more)
{
    begin(H2_HOLD, 0);
    struct h2_reply *reply = h2_request(&client, 10, true);
    h2_talk(&client, &server);
    fct_session_shut_down(server.session);
    fct_session_shut_down(server.session);
    struct h2_reply *late = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    assert_true(client.goaway);
    assert_int_equal(client.goaway_code, NGHTTP2_NO_ERROR);
    assert_int_equal(server.call_count, 1);
    assert_true(late->closed);
    assert_int_equal(late->error_code, NGHTTP2_REFUSED_STREAM);
    assert_false(fct_session_is_finished(server.session));
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    assert_answered(reply, 0);
    assert_true(fct_session_is_finished(server.session));
    stop();
}

TEST(a_shut_down_without_exchanges_finishes_at_once)
{
    begin(H2_HOLD, 0);
    h2_talk(&client, &server);
    assert_false(fct_session_is_finished(server.session));
    fct_session_shut_down(server.session);
    assert_int_equal(server.wants, 1);
    h2_talk(&client, &server);
    assert_true(fct_session_is_finished(server.session));
    stop();
}

TEST(destroy_closes_what_is_open)
{
    begin(H2_HOLD, 0);
    for (int i = 0; i < 10; i++) {
        (void)h2_request(&client, 1000, true);
    }
    h2_talk(&client, &server);
    fct_exchange_abort(server.calls[3].exchange, FCT_ABORT_CANCEL);
    assert_int_equal(fct_exchange_write(server.calls[4].exchange, FCT_SLICE("a")), FACTUM_OK);
    h2_end_answer(&server.calls[5]);
    assert_int_equal(h2_server_open_count(&server), 10);
    stop();
}

/* Time. */

TEST(a_connection_without_exchanges_is_closed_when_idle)
{
    begin(H2_HOLD, 0);
    server.now_ms = 1000;
    (void)h2_request(&client, 10, true);
    h2_talk(&client, &server);
    fct_session_tick(server.session, 4000000); /* an open exchange may be silent for ever */
    assert_false(fct_session_is_finished(server.session));
    fct_exchange_abort(server.calls[0].exchange, FCT_ABORT_CANCEL);
    h2_talk(&client, &server);
    fct_session_tick(server.session, 4000001);
    fct_session_tick(server.session, 4000000 + 299999);
    assert_false(fct_session_is_finished(server.session));
    unsigned wants = server.wants;
    fct_session_tick(server.session, 4000001 + 300000);
    assert_int_equal(server.wants, wants + 1);
    assert_true(fct_session_is_finished(server.session));
    (void)h2_client_listen(&client, &server);
    assert_true(client.goaway);
    assert_int_equal(client.goaway_code, NGHTTP2_NO_ERROR);
    stop();
}

TEST(a_preface_that_does_not_come_ends_the_connection)
{
    begin(H2_HOLD, 0);
    fct_session_tick(server.session, 5000);
    assert_true(h2_server_feed(&server, FCT_SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 100));
    fct_session_tick(server.session, 14999);
    assert_false(fct_session_is_finished(server.session));
    fct_session_tick(server.session, 15000);
    assert_true(fct_session_is_finished(server.session));
    stop();
}

/* Allocation failures: the script runs with every k-th allocation failing. */

static void run_script(void)
{
    struct h2_reply *reply = h2_request(&client, 200 * KIB, false);
    (void)h2_request(&client, 10, true);
    h2_talk_by(&client, &server, 5000);
    if (server.call_count > 1 && server.calls[1].exchange != NULL) {
        fct_exchange_abort(server.calls[1].exchange, FCT_ABORT_CANCEL);
    }
    (void)h2_request(&client, 0, false);
    (void)nghttp2_submit_ping(client.session, 0, NULL);
    h2_talk(&client, &server);
    fct_session_shut_down(server.session);
    h2_talk(&client, &server);
    if (server.fault.failed == 0) {
        assert_answered(reply, 200 * KIB);
        assert_int_equal(server.call_count, 3);
    }
}

TEST(each_allocation_may_fail)
{
    for (int sticky = 0; sticky < 2; sticky++) {
        unsigned long k = 0;
        bool failed = true;
        while (failed) {
            h2_server_init(&server, H2_ECHO);
            server.fault.fail_at = k;
            server.fault.sticky = sticky;
            if (h2_server_start(&server) == FACTUM_OK) {
                h2_client_start(&client, 0);
                run_script();
                stop();
            }
            assert_int_equal(server.fault.held, 0);
            failed = server.fault.failed > 0;
            k++;
        }
        assert_in_range(k, 50, 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_is_answered_with_its_body_and_a_trailer),
        CASE(a_body_larger_than_all_windows_passes_both_ways),
        CASE(an_answer_may_have_neither_body_nor_trailers),
        CASE(trailers_may_follow_a_body_that_was_sent_long_before),
        CASE(the_head_of_a_request_is_seen_as_sent),
        CASE(fields_that_cannot_be_sent_are_refused),
        CASE(an_answer_to_head_has_no_body),
        CASE(a_long_answer_header_goes_out_in_continuations),
        CASE(an_answer_header_that_is_too_long_to_send_ends_the_exchange),
        CASE(many_exchanges_run_at_once),
        CASE(exchanges_beyond_the_maximum_wait_at_the_client),
        CASE(a_peer_may_open_more_exchanges_once_it_is_trusted),
        CASE(a_writer_stops_without_room_and_is_called_when_half_is_free),
        CASE(a_fast_reader_gets_large_pieces),
        CASE(a_message_beyond_the_room_is_taken_whole_up_to_32_mib),
        CASE(answers_share_the_connection),
        CASE(a_body_that_is_not_released_stops_at_its_window),
        CASE(all_bodies_together_stop_at_the_window_of_the_connection),
        CASE(the_window_of_the_connection_never_leaks),
        CASE(after_finish_a_handler_gets_neither_body_nor_end),
        CASE(both_sides_may_end_in_either_order),
        CASE(a_reset_by_the_peer_closes_the_exchange),
        CASE(an_abort_from_each_state_closes_once_and_not_at_once),
        CASE(a_handler_may_abort_from_each_of_its_calls),
        CASE(many_answers_share_one_bound),
        CASE(big_messages_share_a_bound_beyond_which_nobody_has_room),
        CASE(an_aborted_exchange_is_closed_by_receive_send_and_tick_alike),
        CASE(output_from_outside_is_announced_once_until_it_is_sent),
        CASE(a_shut_down_lets_open_exchanges_end_and_takes_no_more),
        CASE(a_shut_down_without_exchanges_finishes_at_once),
        CASE(destroy_closes_what_is_open),
        CASE(a_connection_without_exchanges_is_closed_when_idle),
        CASE(a_preface_that_does_not_come_ends_the_connection),
        CASE(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
