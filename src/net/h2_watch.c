/* h2_watch.c - counts what only a hostile or broken peer sends. Layer: net. See h2_int.h.
 *
 * nghttp2 answers PING and SETTINGS, and skips unknown and empty frames, without a limit. So this
 * file reads frame headers (RFC 9113, 4.1) before nghttp2 sees the bytes. Each glitch takes tokens
 * from a bucket that fills with time. Knows nothing of nghttp2 or of exchanges.
 *
 * Invariants (3: h2_watch_check).
 *  1. A peer that only reads what it asked for pays nothing: each 512 bytes sent pay for a
 *     WINDOW_UPDATE, and each frame of an answer for a PING (clients measure bandwidth by PING).
 *  2. Other WINDOW_UPDATE frames cost a 64th of a glitch.
 *  3. |tokens| is at most |tokens_max|, and |header_size| at most the size of a frame's header.
 */
#include "net/h2_int.h"

#include <string.h>

#include "core/check.h"

enum {
    H2_BYTES_PER_UPDATE = 512,
    H2_UPDATES_FREE_MAX = 1 << 20,
    H2_UPDATES_PER_GLITCH = 64,
    H2_FLAG_END_STREAM = 0x1,
    H2_FLAG_END_HEADERS = 0x4,
};

void fct_h2_watch_init(struct fct_h2_watch *watch, const struct fct_session_limits *limits)
{
    *watch = (struct fct_h2_watch){.preface_left = FCT_H2_PREFACE_SIZE, .is_pending = true};
    watch->tokens_max = (uint64_t)limits->glitches_burst * FCT_H2_GLITCH;
    watch->tokens = watch->tokens_max;
    watch->tokens_per_ms = (uint64_t)limits->glitches_per_second * (FCT_H2_GLITCH / 1000);
}

void fct_h2_watch_time(struct fct_h2_watch *watch, uint64_t now_ms)
{
    if (!watch->has_time) {
        watch->has_time = true;
        watch->pending_ms = now_ms;
    } else if (now_ms > watch->filled_ms && watch->tokens_per_ms > 0) {
        uint64_t missing = watch->tokens_max - watch->tokens;
        uint64_t elapsed = now_ms - watch->filled_ms;
        bool fills = elapsed >= missing / watch->tokens_per_ms + 1;
        watch->tokens += fills ? missing : elapsed * watch->tokens_per_ms;
        if (watch->tokens > watch->tokens_max) {
            watch->tokens = watch->tokens_max;
        }
    }
    if (now_ms > watch->filled_ms) {
        watch->filled_ms = now_ms;
    }
}

static bool h2_watch_pay(struct fct_h2_watch *watch, uint64_t tokens)
{
    if (watch->tokens < tokens) {
        watch->tokens = 0;
        return false;
    }
    watch->tokens -= tokens;
    return true;
}

bool fct_h2_watch_glitch(struct fct_h2_watch *watch)
{
    return h2_watch_pay(watch, FCT_H2_GLITCH);
}

void fct_h2_watch_sent(struct fct_h2_watch *watch, size_t size)
{
    watch->ping_free = true;
    watch->updates_free += size / H2_BYTES_PER_UPDATE + 1;
    if (watch->updates_free > H2_UPDATES_FREE_MAX) {
        watch->updates_free = H2_UPDATES_FREE_MAX;
    }
}

static bool h2_watch_ping(struct fct_h2_watch *watch)
{
    bool is_free = watch->ping_free;
    watch->ping_free = false;
    return is_free || fct_h2_watch_glitch(watch);
}

static bool h2_watch_update(struct fct_h2_watch *watch)
{
    if (watch->updates_free > 0) {
        watch->updates_free--;
        return true;
    }
    return h2_watch_pay(watch, FCT_H2_GLITCH / H2_UPDATES_PER_GLITCH);
}

/* The header of a frame is complete. */
static bool h2_watch_frame(struct fct_h2_watch *watch)
{
    const uint8_t *header = watch->header;
    size_t size = (size_t)header[0] << 16 | (size_t)header[1] << 8 | header[2];
    uint8_t flags = header[4];
    watch->payload_left = size;
    switch (header[3]) {
    case NGHTTP2_DATA:
        return size > 0 || (flags & H2_FLAG_END_STREAM) != 0 || fct_h2_watch_glitch(watch);
    case NGHTTP2_HEADERS:
        watch->head_open = true;
        return size > 0 || fct_h2_watch_glitch(watch);
    case NGHTTP2_RST_STREAM: /* counted where the stream is known */
        return true;
    case NGHTTP2_PING:
        return h2_watch_ping(watch);
    case NGHTTP2_WINDOW_UPDATE:
        return h2_watch_update(watch);
    default: /* SETTINGS, PRIORITY, CONTINUATION, GOAWAY, unknown frames */
        return fct_h2_watch_glitch(watch);
    }
}

/* A frame is complete. */
static void h2_watch_frame_end(struct fct_h2_watch *watch)
{
    uint8_t type = watch->header[3];
    bool is_head = type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION;
    if (is_head && (watch->header[4] & H2_FLAG_END_HEADERS) != 0) {
        watch->head_open = false;
    }
    watch->first_done = true;
    watch->header_size = 0;
}

static size_t h2_watch_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void h2_watch_check(const struct fct_h2_watch *watch)
{
    FCT_ASSERT(watch->tokens <= watch->tokens_max);
    FCT_ASSERT(watch->header_size <= FCT_H2_FRAME_HEADER_SIZE);
    FCT_ASSERT(watch->preface_left <= FCT_H2_PREFACE_SIZE);
}

/* Takes the preface, a part of a frame's header or a part of its payload from |bytes|. Returns
 * false after too many glitches. */
static bool h2_watch_step(struct fct_h2_watch *watch, factum_slice bytes, size_t *taken)
{
    if (watch->preface_left > 0) {
        *taken = h2_watch_min(watch->preface_left, bytes.len);
        watch->preface_left -= *taken;
        return true;
    }
    bool good = true;
    if (watch->header_size < FCT_H2_FRAME_HEADER_SIZE) {
        *taken = h2_watch_min(FCT_H2_FRAME_HEADER_SIZE - watch->header_size, bytes.len);
        memcpy(watch->header + watch->header_size, bytes.ptr, *taken);
        watch->header_size += *taken;
        if (watch->header_size < FCT_H2_FRAME_HEADER_SIZE) {
            return true;
        }
        good = h2_watch_frame(watch);
    } else {
        *taken = h2_watch_min(watch->payload_left, bytes.len);
        watch->payload_left -= *taken;
    }
    if (watch->payload_left == 0) {
        h2_watch_frame_end(watch);
    }
    return good;
}

bool fct_h2_watch_bytes(struct fct_h2_watch *watch, factum_slice bytes)
{
    bool was_pending = watch->is_pending;
    size_t at = 0;
    h2_watch_check(watch);
    while (at < bytes.len) {
        size_t taken = 0;
        factum_slice rest = {bytes.ptr + at, bytes.len - at};
        if (!h2_watch_step(watch, rest, &taken)) {
            return false;
        }
        at += taken;
        if (watch->first_done && watch->header_size == 0 && !watch->head_open) {
            was_pending = false; /* what is pending at the end began in these bytes */
        }
    }
    bool in_header = watch->header_size > 0 && watch->header_size < FCT_H2_FRAME_HEADER_SIZE;
    watch->is_pending = !watch->first_done || watch->head_open || in_header;
    if (watch->is_pending && !was_pending) {
        watch->pending_ms = watch->filled_ms;
    }
    h2_watch_check(watch);
    return true;
}
