/* h2_ends_test.c - answers over HTTP/2 that end before their request: the end of the answer waits
 * for the end of the request, and how long. Layer: net. */
#include "support/h2_pair.h"

#include "core/slice.h"

/* Begins, and sends a request of 10 bytes whose end does not come yet. */
static struct h2_reply *begin_request(uint32_t window)
{
    begin(H2_HOLD, window);
    struct h2_reply *reply = h2_request(&client, 10, true);
    h2_talk(&client, &server);
    return reply;
}

static void continue_request(struct h2_reply *reply, size_t more, bool stays_open)
{
    reply->upload_left = more;
    reply->upload_open = stays_open;
    assert_int_equal(nghttp2_session_resume_data(client.session, reply->id), 0);
    h2_talk(&client, &server);
}

static void write_answer(size_t size)
{
    static const uint8_t bytes[1000];
    assert_true(size <= sizeof bytes);
    assert_int_equal(fct_exchange_write(server.calls[0].exchange, fct_slice(bytes, size)),
                     FACTUM_OK);
}

TEST(an_answer_before_the_end_of_the_request_ends_the_exchange)
{
    struct h2_reply *reply = begin_request(0);
    assert_int_equal(server.calls[0].closed, 0);
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    tick();
    assert_int_equal(server.calls[0].closed, 0);
    assert_string_equal(reply->status, "200");
    assert_int_equal(reply->trailer_count, 0);
    tick();
    assert_answered(reply, 0);
    assert_int_equal(server.calls[0].closed, 1);
    assert_false(server.calls[0].complete);
    stop();
}

/* As clients do that send the end in a frame of its own. */
TEST(the_end_of_an_answer_waits_for_that_of_its_request)
{
    struct h2_reply *reply = begin_request(0);
    write_answer(6);
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    assert_int_equal(reply->body_size, 6);
    assert_false(reply->closed);
    continue_request(reply, 0, false);
    assert_answered(reply, 6);
    assert_int_equal(server.calls[0].closed, 1);
    assert_true(server.calls[0].complete);
    tick();
    tick();
    stop();
}

/* The trailers need no window. */
TEST(an_answer_that_fills_the_window_of_its_stream_ends)
{
    struct h2_reply *reply = begin_request(1000);
    client.holds = true;
    write_answer(1000);
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    assert_int_equal(reply->body_size, 1000);
    continue_request(reply, 0, false);
    assert_answered(reply, 1000);
    assert_true(server.calls[0].complete);
    stop();
}

/* Then nothing of an answer without trailers is left to wait. */
TEST(an_answer_without_trailers_that_fills_the_window_ends_at_once)
{
    struct h2_reply *reply = begin_request(1000);
    client.holds = true;
    write_answer(1000);
    assert_int_equal(fct_exchange_finish(server.calls[0].exchange, NULL, 0), FACTUM_OK);
    h2_talk(&client, &server);
    assert_int_equal(reply->body_size, 1000);
    assert_true(reply->closed);
    assert_int_equal(server.calls[0].closed, 1);
    stop();
}

TEST(an_end_does_not_wait_for_a_request_that_goes_on_and_on)
{
    struct h2_reply *reply = begin_request(0);
    h2_end_answer(&server.calls[0]);
    continue_request(reply, 60 * KIB, true);
    assert_int_equal(server.calls[0].closed, 0);
    continue_request(reply, 60 * KIB, true);
    assert_answered(reply, 0);
    assert_int_equal(server.calls[0].closed, 1);
    stop();
}

/* Without trailers the end is a DATA frame. */
TEST(an_answer_without_trailers_waits_too)
{
    for (size_t size = 0; size < 10; size += 6) {
        struct h2_reply *reply = begin_request(0);
        write_answer(size);
        assert_int_equal(fct_exchange_finish(server.calls[0].exchange, NULL, 0), FACTUM_OK);
        h2_talk(&client, &server);
        assert_int_equal(reply->body_size, size);
        assert_false(reply->closed);
        continue_request(reply, 0, false);
        assert_true(reply->closed);
        assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
        assert_true(server.calls[0].complete);
        stop();
    }
}

TEST(an_end_without_trailers_waits_for_two_ticks_or_a_shut_down)
{
    for (int shuts_down = 0; shuts_down < 2; shuts_down++) {
        struct h2_reply *reply = begin_request(0);
        assert_int_equal(fct_exchange_finish(server.calls[0].exchange, NULL, 0), FACTUM_OK);
        h2_talk(&client, &server);
        tick();
        assert_int_equal(server.calls[0].closed, 0);
        if (shuts_down == 1) {
            fct_session_shut_down(server.session);
            h2_talk(&client, &server);
        } else {
            tick();
        }
        assert_true(reply->closed);
        assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
        assert_int_equal(server.calls[0].closed, 1);
        stop();
    }
}

TEST(an_end_that_waits_may_be_reset_or_aborted)
{
    for (int way = 0; way < 3; way++) {
        struct h2_reply *reply = begin_request(0);
        h2_end_answer(&server.calls[0]);
        h2_talk(&client, &server);
        assert_int_equal(server.calls[0].closed, 0);
        if (way == 0) {
            assert_int_equal(
                nghttp2_submit_rst_stream(client.session, 0, reply->id, NGHTTP2_CANCEL), 0);
        } else if (way == 1) {
            fct_exchange_abort(server.calls[0].exchange, FCT_ABORT_CANCEL);
        }
        if (way < 2) { /* otherwise the session is destroyed */
            h2_talk(&client, &server);
            assert_int_equal(server.calls[0].closed, 1);
            tick();
            tick();
        }
        stop();
    }
}

TEST(an_answer_that_may_end_first_does)
{
    struct h2_reply *reply = begin_request(0);
    server.calls[0].exchange->ends_first = true;
    h2_end_answer(&server.calls[0]);
    h2_talk(&client, &server);
    assert_answered(reply, 0);
    assert_int_equal(server.calls[0].closed, 1);
    assert_false(server.calls[0].complete);
    stop();
}

TEST(a_shut_down_does_not_wait_for_a_request_that_is_answered)
{
    for (int answered_before = 0; answered_before < 2; answered_before++) {
        struct h2_reply *reply = begin_request(0);
        if (answered_before == 1) {
            h2_end_answer(&server.calls[0]);
            h2_talk(&client, &server);
            fct_session_shut_down(server.session);
        } else {
            fct_session_shut_down(server.session);
            h2_end_answer(&server.calls[0]);
        }
        h2_talk(&client, &server);
        assert_answered(reply, 0);
        assert_int_equal(server.calls[0].closed, 1);
        assert_true(fct_session_is_finished(server.session));
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_answer_before_the_end_of_the_request_ends_the_exchange),
        CASE(the_end_of_an_answer_waits_for_that_of_its_request),
        CASE(an_answer_that_fills_the_window_of_its_stream_ends),
        CASE(an_answer_without_trailers_that_fills_the_window_ends_at_once),
        CASE(an_end_does_not_wait_for_a_request_that_goes_on_and_on),
        CASE(an_answer_without_trailers_waits_too),
        CASE(an_end_without_trailers_waits_for_two_ticks_or_a_shut_down),
        CASE(an_end_that_waits_may_be_reset_or_aborted),
        CASE(an_answer_that_may_end_first_does),
        CASE(a_shut_down_does_not_wait_for_a_request_that_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
