/* h2_fuzz.c - any bytes from the peer of an HTTP/2 session.
 *
 * The first four bytes choose: what the handler does (1), whether the preface of HTTP/2 comes first
 * (1), into which pieces the rest is cut, and which allocation fails (0: none). Between the pieces
 * the session sends, and time passes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "support/h2_fixture.h"

enum { CHOICES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_all(struct h2_server *server)
{
    const uint8_t *bytes = NULL;
    size_t size = fct_session_send(server->session, &bytes);
    while (size > 0) {
        FCT_ASSERT(size <= 128 * 1024);
        FCT_ASSERT(bytes[0] == 0); /* the length of a frame, below 64 KiB */
        size = fct_session_send(server->session, &bytes);
    }
}

static void begin(struct h2_server *server, const uint8_t *choices)
{
    const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    if ((choices[1] & 1) != 0) {
        (void)h2_server_feed(server, fct_slice(preface, sizeof preface), 100);
    }
    if ((choices[1] & 2) != 0) {
        fct_session_shut_down(server->session);
    }
}

static void run(struct h2_server *server, const uint8_t *choices, factum_slice bytes)
{
    size_t piece = choices[2] == 0 ? bytes.len + 1 : choices[2];
    begin(server, choices);
    for (size_t at = 0; at < bytes.len && server->alive; at += piece) {
        size_t size = bytes.len - at < piece ? bytes.len - at : piece;
        /* On the heap, so that reading past the end is noticed. */
        uint8_t *copy = malloc(size);
        FCT_ASSERT(copy != NULL);
        memcpy(copy, bytes.ptr + at, size);
        (void)h2_server_feed(server, fct_slice(copy, size), size);
        free(copy);
        if (at % 3 != 0) {
            send_all(server);
        }
        server->now_ms += 7;
        if (at % 5 == 0) {
            fct_session_tick(server->session, server->now_ms);
        }
        if (server->call_count > 0) { /* from outside */
            struct h2_call *call = &server->calls[at % server->call_count];
            if (call->exchange != NULL && call->unreleased > 0 && !call->failed) {
                fct_exchange_release(call->exchange, call->unreleased);
                call->unreleased = 0;
            }
        }
    }
    send_all(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h2_server server;
    if (size < CHOICES || size > 64 * 1024) {
        return 0;
    }
    h2_server_init(&server, (enum h2_mode)(data[0] % 4));
    server.abort_in = (enum h2_place)(data[0] / 4 % 5);
    server.flow_size = 100 * 1000;
    server.options.limits.exchanges_max = 20;
    server.options.limits.write_buffer_max = 20 * 1000;
    server.options.limits.body_window = 70 * 1000;
    server.options.limits.glitches_burst = 1000;
    if (data[3] > 0) {
        server.fault.fail_at = data[3];
        server.fault.sticky = data[0] >= 128;
    }
    if (h2_server_start(&server) == FACTUM_OK) {
        run(&server, data, fct_slice(data + CHOICES, size - CHOICES));
        fct_session_destroy(server.session);
    }
    FCT_ASSERT(server.fault.held == 0);
    for (size_t i = 0; i < server.call_count; i++) {
        FCT_ASSERT(server.calls[i].closed == 1);
    }
    return 0;
}
