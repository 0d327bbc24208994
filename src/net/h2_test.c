#include "support/test.h"

#include "support/h2_client.h"

static struct h2_server server;
static struct h2_client client;

static void start(enum h2_mode mode, uint32_t window)
{
    h2_server_init(&server, mode);
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    h2_client_start(&client, window);
}

/* Everything is freed, and each exchange was closed once. */
static void stop(void)
{
    fct_session_destroy(server.session);
    server.session = NULL;
    h2_client_finish(&client);
    for (size_t i = 0; i < server.call_count; i++) {
        assert_int_equal(server.calls[i].closed, 1);
    }
    assert_int_equal(server.fault.held, 0);
}

static void a_request_is_answered_with_its_body_and_a_trailer(void **state)
{
    (void)state;
    start(H2_ECHO, 0);
    struct h2_reply *reply = h2_request(&client, 100, false);
    h2_talk(&client, &server);
    assert_string_equal(reply->status, "200");
    assert_int_equal(reply->body_size, 100);
    assert_int_equal(reply->trailer_count, 1);
    assert_true(reply->closed);
    assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
    assert_int_equal(server.call_count, 1);
    assert_int_equal(server.calls[0].ended, 1);
    assert_int_equal(server.calls[0].closed, 1);
    assert_true(server.calls[0].complete);
    assert_int_equal(server.wants, 0);
    stop();
}

static void a_request_without_a_body_is_answered(void **state)
{
    (void)state;
    start(H2_ECHO, 0);
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    assert_string_equal(reply->status, "200");
    assert_int_equal(reply->body_size, 0);
    assert_int_equal(reply->trailer_count, 1);
    assert_true(server.calls[0].complete);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_with_its_body_and_a_trailer),
        cmocka_unit_test(a_request_without_a_body_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
