/* http_wait.c - read your own writes: ?wait=TOKEN with Prefer: wait=N (RFC 7240, 4.3).
 * Layer: server.
 *
 * A read with ?wait runs once everything at or before the token is visible. Events of an append are
 * visible when it is answered, so a call hardly ever waits; it polls every LOOK_MS.
 */
#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"

#define LOOK_MS 20
#define WAIT_S_DEFAULT 10
#define WAIT_S_MAX 60

struct waiting {
    struct fct_http_call *call;
    struct fct_timer timer;
    uint64_t place;
    uint64_t until_ms;
    uint64_t seconds;
};

static bool wait_closed(struct fct_http_call *call)
{
    struct waiting *waiting = call->state;
    fct_timer_stop(&waiting->timer);
    return false;
}

static const struct fct_http_work wait_work = {NULL, wait_closed};

/* "respond-async, wait=10": returns the number; the default without one, at most the maximum. */
static uint64_t preferred_seconds(factum_slice prefer)
{
    const factum_slice word = FCT_SLICE("wait=");
    for (size_t i = 0; i + word.len < prefer.len; i++) {
        bool begins = i == 0 || prefer.ptr[i - 1] == ' ' || prefer.ptr[i - 1] == ',' ||
                      prefer.ptr[i - 1] == ';';
        if (!begins || !fct_slice_starts(fct_slice_from(prefer, i), word)) {
            continue;
        }
        factum_slice rest = fct_slice_from(prefer, i + word.len);
        size_t len = 0;
        uint64_t seconds = WAIT_S_DEFAULT;
        while (len < rest.len && rest.ptr[len] >= '0' && rest.ptr[len] <= '9') {
            len++;
        }
        if (len > 0 && fct_http_digits(fct_slice(rest.ptr, len), &seconds) != FACTUM_OK) {
            seconds = WAIT_S_MAX;
        }
        return seconds < WAIT_S_MAX ? seconds : WAIT_S_MAX;
    }
    return WAIT_S_DEFAULT;
}

static void look_again(struct waiting *waiting)
{
    struct fct_http_call *call = waiting->call;
    uint64_t place = 0;
    factum_error err;
    factum_status status = factum_visible_place(call->server->store, &place, &err);
    uint64_t now = fct_loop_now_ms(call->server->loop);
    bool stopping = call->server->stopping;
    if (status == FACTUM_OK && place < waiting->place && now < waiting->until_ms && !stopping) {
        return;
    }
    fct_timer_stop(&waiting->timer);
    call->work = NULL;
    call->state = NULL;
    if (status == FACTUM_OK && stopping) {
        status = fct_fail(&err, FACTUM_BUSY, "the server is shutting down");
    } else if (status == FACTUM_OK && place < waiting->place) {
        status = fct_fail(&err, FACTUM_EXPIRED, "the store has not come to the token within %llu s",
                          (unsigned long long)waiting->seconds);
    }
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    call->route->run(call);
}

static void on_look(struct fct_timer *timer)
{
    look_again(FCT_CONTAINER_OF(timer, struct waiting, timer));
}

static factum_status begin_wait(struct fct_http_call *call, factum_slice token, factum_error *err)
{
    uint64_t place = 0;
    factum_status status = factum_token_parse(call->server->store, token, &place, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "\"wait\"");
    }
    struct waiting *waiting = fct_http_take(call, sizeof *waiting);
    if (waiting == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    waiting->call = call;
    waiting->place = place;
    waiting->seconds = preferred_seconds(fct_exchange_field(call->exchange, FCT_SLICE("prefer")));
    waiting->until_ms = fct_loop_now_ms(call->server->loop) + waiting->seconds * 1000;
    waiting->timer.run = on_look;
    call->state = waiting;
    call->work = &wait_work;
    fct_timer_start(call->server->loop, &waiting->timer, LOOK_MS, LOOK_MS);
    look_again(waiting);
    return FACTUM_OK;
}

void fct_http_wait_and_run(struct fct_http_call *call)
{
    factum_error err;
    factum_slice token = fct_http_text(call, "wait");
    if (token.ptr == NULL) {
        call->route->run(call);
        return;
    }
    factum_status status = begin_wait(call, token, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
    }
}
