/* h1_answer.c - answers over HTTP/1.1: status line, fields, body, trailers (RFC 9112, 4 to 7).
 * Layer: net. Implements exchange.h. Knows nothing of reading and times.
 *
 * The head of an answer stays open, without its framing and its empty line, until the first byte of
 * the body, the end of the answer, or the next send. An answer that is complete by then gets a
 * content-length.
 *
 * Invariants.
 *  1. A failed call leaves |out| as it was.
 *  2. No bytes of a handler can end a line: names are tokens, values contain no control bytes.
 *  3. As many bytes follow as content-length announces, or the connection closes after them.
 */
#include "net/h1_int.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"

/* The status codes of the IANA registry that servers use. */
static const struct {
    unsigned status;
    const char *reason;
} answer_reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

/* Fields that only a session may write (RFC 9110, 7.6.1). */
static const char *const answer_hop_fields[] = {
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
};

/* Returns the reason phrase; empty, which the syntax allows, for a code that is not listed. */
static const char *answer_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof answer_reasons / sizeof answer_reasons[0]; i++) {
        if (answer_reasons[i].status == status) {
            return answer_reasons[i].reason;
        }
    }
    return "";
}

static struct fct_h1 *answer_h1(struct fct_exchange *exchange)
{
    return ((struct fct_h1_exchange *)exchange)->h1;
}

/* Only memory can run out: the maximum of |out| is not reached. */
static factum_status answer_add(struct fct_h1 *h1, const void *bytes, size_t size)
{
    factum_status status = fct_buf_add(&h1->out, bytes, size);
    return status == FACTUM_OK ? FACTUM_OK : FACTUM_NO_MEMORY;
}

static factum_status answer_add_text(struct fct_h1 *h1, const char *text)
{
    return answer_add(h1, text, strlen(text));
}

/* Ends each call that writes: truncates |out| to |len| if the call failed. */
static factum_status answer_wrote(struct fct_h1 *h1, factum_status status, size_t len)
{
    if (status != FACTUM_OK) {
        h1->out.len = len;
        return status;
    }
    if (h1->out.len >= h1->limits.write_buffer_max) {
        h1->is_full = true;
    }
    fct_h1_wake(h1);
    return FACTUM_OK;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static bool answer_is_hop_field(factum_slice name)
{
    for (size_t i = 0; i < sizeof answer_hop_fields / sizeof answer_hop_fields[0]; i++) {
        if (fct_slice_equal(name, factum_slice_from(answer_hop_fields[i]))) {
            return true;
        }
    }
    return false;
}

static bool answer_is_field(const struct fct_field *field)
{
    for (size_t i = 0; i < field->name.len; i++) {
        if (field->name.ptr[i] >= 'A' && field->name.ptr[i] <= 'Z') {
            return false; /* the names compared below are in lower case */
        }
    }
    return fct_h1_is_token(field->name) && fct_h1_is_value(field->value) &&
           !answer_is_hop_field(field->name);
}

static bool answer_is_length(const struct fct_field *field)
{
    return fct_slice_equal(field->name, FCT_SLICE("content-length"));
}

static bool answer_parse_length(factum_slice text, uint64_t *length)
{
    *length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || *length > (UINT64_MAX - 9) / 10) {
            return false;
        }
        *length = *length * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return text.len > 0;
}

static factum_status answer_add_field(struct fct_h1 *h1, const struct fct_field *field)
{
    factum_status status = answer_add(h1, field->name.ptr, field->name.len);
    if (status == FACTUM_OK) {
        status = answer_add(h1, ": ", 2);
    }
    if (status == FACTUM_OK) {
        status = answer_add(h1, field->value.ptr, field->value.len);
    }
    return status == FACTUM_OK ? answer_add(h1, "\r\n", 2) : status;
}

/* ---- the head -------------------------------------------------------------------------------- */

/* Ends the head. |framing| is that of the body that follows, if the handler gave no length; LENGTH
 * means an empty body. */
static factum_status answer_end_head(struct fct_h1 *h1, enum fct_h1_framing framing)
{
    struct fct_h1_answer *answer = &h1->answer;
    FCT_ASSERT(answer->progress == FCT_H1_BEGUN);
    bool is_open = answer->framing == FCT_H1_UNTIL_CLOSE; /* no content-length was given */
    bool keep_alive = h1->keep_alive;
    if (is_open && framing == FCT_H1_CHUNKED && h1->is_http10) {
        framing = FCT_H1_UNTIL_CLOSE;
    }
    if ((is_open && framing == FCT_H1_UNTIL_CLOSE) || h1->expects_continue) {
        keep_alive = false; /* without 100 Continue nobody knows whether the peer sends the body */
    }
    factum_status status = FACTUM_OK;
    if (is_open && framing == FCT_H1_CHUNKED) {
        status = answer_add_text(h1, "transfer-encoding: chunked\r\n");
    } else if (is_open && framing == FCT_H1_LENGTH) {
        status = answer_add_text(h1, "content-length: 0\r\n");
    }
    if (status == FACTUM_OK && !keep_alive) {
        status = answer_add_text(h1, "connection: close\r\n");
    }
    if (status == FACTUM_OK) {
        status = answer_add_text(h1, "\r\n");
    }
    if (status == FACTUM_OK) {
        answer->framing = is_open ? framing : answer->framing;
        answer->progress = FCT_H1_BODY;
        h1->keep_alive = keep_alive;
    }
    return status;
}

static factum_status answer_add_head(struct fct_h1 *h1, unsigned status_code,
                                     const struct fct_field *fields, size_t count)
{
    char line[80];
    int size =
        snprintf(line, sizeof line, "HTTP/1.1 %u %s\r\n", status_code, answer_reason(status_code));
    FCT_ASSERT(size > 0);
    FCT_ASSERT((size_t)size < sizeof line);
    factum_status status = answer_add(h1, line, (size_t)size);
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        if (status_code == 204 && answer_is_length(&fields[i])) {
            continue; /* RFC 9110, 8.6 */
        }
        status = answer_add_field(h1, &fields[i]);
    }
    return status;
}

static factum_status answer_respond(struct fct_exchange *exchange, unsigned status_code,
                                    const struct fct_field *fields, size_t count)
{
    struct fct_h1 *h1 = answer_h1(exchange);
    FCT_ASSERT(h1->is_open);
    FCT_ASSERT(status_code >= 200 && status_code <= 599);
    if (h1->is_aborted) {
        return FACTUM_CANCELLED;
    }
    FCT_ASSERT(h1->answer.progress == FCT_H1_NOT_BEGUN);
    struct fct_h1_answer answer = {.progress = FCT_H1_BEGUN, .framing = FCT_H1_UNTIL_CLOSE};
    for (size_t i = 0; i < count; i++) {
        if (!answer_is_field(&fields[i])) {
            return FACTUM_INVALID;
        }
        if (!answer_is_length(&fields[i])) {
            continue;
        }
        if (answer.framing == FCT_H1_LENGTH ||
            !answer_parse_length(fields[i].value, &answer.length_left)) {
            return FACTUM_INVALID;
        }
        answer.framing = FCT_H1_LENGTH;
    }
    if (h1->is_head || status_code == 204 || status_code == 304) {
        answer.framing = FCT_H1_NO_BODY;
    }
    answer.from = h1->out.len;
    factum_status status = answer_add_head(h1, status_code, fields, count);
    if (status == FACTUM_OK) {
        h1->answer = answer;
    }
    return answer_wrote(h1, status, answer.from);
}

factum_status fct_h1_answer_flush(struct fct_h1 *h1)
{
    if (!h1->is_open || h1->answer.progress != FCT_H1_BEGUN) {
        return FACTUM_OK;
    }
    size_t len = h1->out.len;
    factum_status status = answer_end_head(h1, FCT_H1_CHUNKED);
    if (status != FACTUM_OK) {
        h1->out.len = len;
    }
    return status;
}

/* ---- the body -------------------------------------------------------------------------------- */

static size_t answer_room(const struct fct_exchange *exchange)
{
    const struct fct_h1 *h1 = ((const struct fct_h1_exchange *)exchange)->h1;
    size_t max = h1->limits.write_buffer_max;
    return h1->is_aborted || h1->out.len >= max ? 0 : max - h1->out.len;
}

static factum_status answer_add_data(struct fct_h1 *h1, factum_slice bytes)
{
    if (h1->answer.framing != FCT_H1_CHUNKED) {
        return answer_add(h1, bytes.ptr, bytes.len);
    }
    char size[24];
    int len = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
    FCT_ASSERT(len > 0);
    FCT_ASSERT((size_t)len < sizeof size);
    factum_status status = answer_add(h1, size, (size_t)len);
    if (status == FACTUM_OK) {
        status = answer_add(h1, bytes.ptr, bytes.len);
    }
    return status == FACTUM_OK ? answer_add(h1, "\r\n", 2) : status;
}

static factum_status answer_write(struct fct_exchange *exchange, factum_slice bytes)
{
    struct fct_h1 *h1 = answer_h1(exchange);
    FCT_ASSERT(h1->is_open);
    if (h1->is_aborted) {
        return FACTUM_CANCELLED;
    }
    struct fct_h1_answer *answer = &h1->answer;
    FCT_ASSERT(answer->progress == FCT_H1_BEGUN || answer->progress == FCT_H1_BODY);
    if (bytes.len == 0 || answer->framing == FCT_H1_NO_BODY) {
        return FACTUM_OK; /* an empty chunk would end the body */
    }
    if (answer->framing == FCT_H1_LENGTH && bytes.len > answer->length_left) {
        return FACTUM_INVALID;
    }
    size_t len = h1->out.len;
    struct fct_h1_answer before = *answer;
    bool keep_alive = h1->keep_alive;
    factum_status status = FACTUM_OK;
    if (answer->progress == FCT_H1_BEGUN) {
        status = answer_end_head(h1, FCT_H1_CHUNKED);
    }
    if (status == FACTUM_OK) {
        status = answer_add_data(h1, bytes);
    }
    if (status != FACTUM_OK) {
        *answer = before;
        h1->keep_alive = keep_alive;
    } else if (answer->framing == FCT_H1_LENGTH) {
        answer->length_left -= bytes.len;
    }
    return answer_wrote(h1, status, len);
}

/* ---- the end --------------------------------------------------------------------------------- */

static factum_status answer_add_end(struct fct_h1 *h1, const struct fct_field *trailers,
                                    size_t count)
{
    factum_status status = FACTUM_OK;
    if (h1->answer.progress == FCT_H1_BEGUN) {
        h1->keep_alive = h1->keep_alive && fct_h1_may_drain(h1);
        bool is_chunked = count > 0 && !h1->is_http10;
        status = answer_end_head(h1, is_chunked ? FCT_H1_CHUNKED : FCT_H1_LENGTH);
    }
    if (status != FACTUM_OK || h1->answer.framing != FCT_H1_CHUNKED) {
        return status;
    }
    status = answer_add_text(h1, "0\r\n");
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = answer_add_field(h1, &trailers[i]);
    }
    return status == FACTUM_OK ? answer_add_text(h1, "\r\n") : status;
}

static factum_status answer_finish(struct fct_exchange *exchange, const struct fct_field *trailers,
                                   size_t count)
{
    struct fct_h1 *h1 = answer_h1(exchange);
    FCT_ASSERT(h1->is_open);
    if (h1->is_aborted) {
        return FACTUM_CANCELLED;
    }
    struct fct_h1_answer *answer = &h1->answer;
    FCT_ASSERT(answer->progress == FCT_H1_BEGUN || answer->progress == FCT_H1_BODY);
    for (size_t i = 0; i < count; i++) {
        if (!answer_is_field(&trailers[i]) || answer_is_length(&trailers[i])) {
            return FACTUM_INVALID;
        }
    }
    size_t len = h1->out.len;
    struct fct_h1_answer before = *answer;
    bool keep_alive = h1->keep_alive;
    factum_status status = answer_add_end(h1, trailers, count);
    if (status != FACTUM_OK) {
        *answer = before;
        h1->keep_alive = keep_alive;
    } else {
        answer->progress = FCT_H1_FINISHED;
        if (answer->framing == FCT_H1_LENGTH && answer->length_left > 0) {
            h1->keep_alive = false; /* the peer sees that bytes are missing */
        }
    }
    return answer_wrote(h1, status, len);
}

static void answer_release(struct fct_exchange *exchange, size_t size)
{
    struct fct_h1 *h1 = answer_h1(exchange);
    FCT_ASSERT(h1->is_open);
    FCT_ASSERT(size <= h1->unreleased);
    h1->unreleased -= size;
    if (h1->rest.len > 0) {
        fct_h1_wake(h1);
    }
}

static void answer_abort(struct fct_exchange *exchange, enum fct_abort why)
{
    struct fct_h1 *h1 = answer_h1(exchange);
    FCT_ASSERT(h1->is_open);
    if (!h1->is_aborted) {
        h1->is_aborted = true;
        h1->why = why;
        fct_h1_wake(h1);
    }
}

const struct fct_exchange_ops fct_h1_exchange_ops = {
    .respond = answer_respond,
    .room = answer_room,
    .write = answer_write,
    .finish = answer_finish,
    .release = answer_release,
    .abort = answer_abort,
};

void fct_h1_answer_refusal(struct fct_h1 *h1, unsigned status, const char *reason)
{
    char body[160];
    char text[384];
    int body_size =
        snprintf(body, sizeof body, "{\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\"}\n",
                 answer_reason(status), status, reason);
    FCT_ASSERT(body_size > 0);
    FCT_ASSERT((size_t)body_size < sizeof body);
    int size = snprintf(text, sizeof text,
                        "HTTP/1.1 %u %s\r\ncontent-type: application/problem+json\r\n"
                        "content-length: %d\r\nconnection: close\r\n\r\n%s",
                        status, answer_reason(status), body_size, h1->is_head ? "" : body);
    FCT_ASSERT(size > 0);
    FCT_ASSERT((size_t)size < sizeof text);
    size_t len = h1->out.len;
    if (answer_add(h1, text, (size_t)size) != FACTUM_OK) {
        h1->out.len = len; /* the connection closes without an answer */
    }
}
