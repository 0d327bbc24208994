/* h1_head.c - the head of a request over HTTP/1.1: from bytes to an exchange (RFC 9112, 3 to 6).
 * Layer: net. Knows nothing of answers and times.
 *
 * llhttp parses the head. This file refuses what llhttp accepts and a server must refuse. Where
 * this file looks at the same bytes as llhttp (the request line, the fields that frame a body),
 * both must agree.
 *
 * Invariants.
 *  1. The bytes have passed h1_check.h.
 *  2. A request is framed by at most one of content-length and transfer-encoding, given once.
 */
#include "net/h1_int.h"

#include <string.h>

#include "core/check.h"
#include "core/slice.h"

struct head_refusal {
    unsigned status;
    const char *reason;
};

static bool head_refuse(struct head_refusal *refusal, unsigned status, const char *reason)
{
    refusal->status = status;
    refusal->reason = reason;
    return false;
}

static uint8_t head_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

/* |lower| is in lower case. */
static bool head_equal(factum_slice text, factum_slice lower)
{
    for (size_t i = 0; i < text.len && text.len == lower.len; i++) {
        if (head_lower(text.ptr[i]) != lower.ptr[i]) {
            return false;
        }
    }
    return text.len == lower.len;
}

static factum_slice head_until(factum_slice text, const char *ends)
{
    size_t len = 0;
    while (len < text.len && (text.ptr[len] == 0 || strchr(ends, text.ptr[len]) == NULL)) {
        len++;
    }
    return fct_slice(text.ptr, len);
}

static factum_slice head_trim(factum_slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text = fct_slice_from(text, 1);
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* ---- llhttp ---------------------------------------------------------------------------------- */

/* Extends a span. The head is parsed in one piece: a gap would be our mistake. */
static int head_extend(factum_slice *text, const char *at, size_t len)
{
    const uint8_t *ptr = (const uint8_t *)at;
    if (text->len == 0) {
        *text = fct_slice(ptr, len);
        return 0;
    }
    if (ptr != text->ptr + text->len) {
        return len == 0 ? 0 : -1;
    }
    text->len += len;
    return 0;
}

static int head_on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct fct_h1 *h1 = parser->data;
    return head_extend(&h1->url, at, len);
}

/* Reads and drops trailers. */
static int head_on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct fct_h1 *h1 = parser->data;
    if (h1->head_complete) {
        return 0;
    }
    if (h1->field_count == h1->limits.field_count_max) {
        return -1;
    }
    return head_extend(&h1->fields[h1->field_count].name, at, len);
}

static int head_on_name_complete(llhttp_t *parser)
{
    struct fct_h1 *h1 = parser->data;
    if (!h1->head_complete) {
        h1->field_count++;
    }
    return 0;
}

static int head_on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct fct_h1 *h1 = parser->data;
    if (h1->head_complete) {
        return 0;
    }
    if (h1->field_count == 0) {
        return -1;
    }
    return head_extend(&h1->fields[h1->field_count - 1].value, at, len);
}

static int head_on_complete(llhttp_t *parser)
{
    struct fct_h1 *h1 = parser->data;
    h1->head_complete = true;
    parser->upgrade = 0; /* no upgrade is offered: the request is answered without one */
    return 0;
}

/* Checks the bytes between the data, then passes the data of the body on. */
static int head_on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct fct_h1 *h1 = parser->data;
    const uint8_t *ptr = (const uint8_t *)at;
    if (!h1->is_open) {
        return -1; /* data inside the head: the two parsers disagree */
    }
    if (h1->is_chunked) {
        size_t size = (size_t)(ptr - h1->framed);
        if (fct_h1_check_take(&h1->check, fct_slice(h1->framed, size)) < size) {
            return -1;
        }
        h1->framed = ptr + len;
        if (h1->check.place != FCT_H1_DATA) {
            return -1;
        }
    }
    h1->body_size += len;
    if (h1->is_aborted || h1->answer.progress == FCT_H1_FINISHED) {
        h1->drained += len;
        return 0;
    }
    h1->unreleased += len;
    h1->exchange.base.handler->body(&h1->exchange.base, fct_slice(ptr, len));
    return 0;
}

static int head_on_message_complete(llhttp_t *parser)
{
    struct fct_h1 *h1 = parser->data;
    h1->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t head_settings = {
    .on_url = head_on_url,
    .on_header_field = head_on_name,
    .on_header_field_complete = head_on_name_complete,
    .on_header_value = head_on_value,
    .on_headers_complete = head_on_complete,
    .on_body = head_on_body,
    .on_message_complete = head_on_message_complete,
};

/* ---- the request line ------------------------------------------------------------------------ */

static bool head_version(struct fct_h1 *h1, factum_slice text, struct head_refusal *refusal)
{
    if (text.len != 8 || !fct_slice_starts(text, FCT_SLICE("HTTP/")) || text.ptr[6] != '.') {
        return head_refuse(refusal, 400, "not a request line of HTTP/1.1");
    }
    if (text.ptr[5] != '1' || (text.ptr[7] != '0' && text.ptr[7] != '1')) {
        return head_refuse(refusal, 505, "not HTTP/1.1 or HTTP/1.0");
    }
    h1->is_http10 = text.ptr[7] == '0';
    return true;
}

/* RFC 9110, 4.2 and 7.2: host and port, nothing before or after. */
static bool head_is_authority(factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        bool is_alnum =
            (head_lower(byte) >= 'a' && head_lower(byte) <= 'z') || (byte >= '0' && byte <= '9');
        if (!is_alnum && (byte == 0 || strchr("-._~%!$&'()*+;=:[]", byte) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

/* Accepts origin form, absolute form with http or https, and "*" of OPTIONS (RFC 9112, 3.2). */
static bool head_target(struct fct_exchange *exchange, struct head_refusal *refusal)
{
    factum_slice target = exchange->target;
    if (memchr(target.ptr, '#', target.len) != NULL) {
        return head_refuse(refusal, 400, "a target with a fragment");
    }
    if (target.ptr[0] == '/') {
        return true;
    }
    if (fct_slice_equal(target, FCT_SLICE("*"))) {
        return fct_slice_equal(exchange->method, FCT_SLICE("OPTIONS")) ||
               head_refuse(refusal, 400, "the target * is for OPTIONS");
    }
    factum_slice scheme = head_until(target, ":");
    if (!head_equal(scheme, FCT_SLICE("http")) && !head_equal(scheme, FCT_SLICE("https"))) {
        return head_refuse(refusal, 400, "a target that is neither a path nor an http URI");
    }
    factum_slice rest = fct_slice_from(target, scheme.len);
    if (!fct_slice_starts(rest, FCT_SLICE("://"))) {
        return head_refuse(refusal, 400, "a target that is neither a path nor an http URI");
    }
    rest = fct_slice_from(rest, 3);
    exchange->authority = head_until(rest, "/?");
    rest = fct_slice_from(rest, exchange->authority.len);
    if (!head_is_authority(exchange->authority) || (rest.len > 0 && rest.ptr[0] != '/')) {
        return head_refuse(refusal, 400, "a target with a bad authority");
    }
    exchange->target = rest.len > 0 ? rest : FCT_SLICE("/");
    return true;
}

/* Sets method, target and is_http10; *line is the part of the head that llhttp gets. */
static bool head_request_line(struct fct_h1 *h1, struct head_refusal *refusal)
{
    struct fct_exchange *exchange = &h1->exchange.base;
    factum_slice line = fct_buf_slice(&h1->head);
    if (fct_slice_starts(line, FCT_SLICE("\r\n"))) {
        line = fct_slice_from(line, 2);
    }
    line = head_until(line, "\r");
    exchange->method = head_until(line, " ");
    h1->is_head = fct_slice_equal(exchange->method, FCT_SLICE("HEAD"));
    if (!fct_h1_is_token(exchange->method) || exchange->method.len == line.len) {
        return head_refuse(refusal, 400, "not a request line of HTTP/1.1");
    }
    line = fct_slice_from(line, exchange->method.len + 1);
    exchange->target = head_until(line, " ");
    if (exchange->target.len == 0 || exchange->target.len == line.len) {
        return head_refuse(refusal, 400, "not a request line of HTTP/1.1");
    }
    if (!head_version(h1, fct_slice_from(line, exchange->target.len + 1), refusal)) {
        return false;
    }
    if (fct_slice_equal(exchange->method, FCT_SLICE("CONNECT"))) {
        return head_refuse(refusal, 501, "this server is not a proxy");
    }
    return true;
}

/* ---- the fields ------------------------------------------------------------------------------ */

/* Changes names to lower case in place, and strips the space around values. */
static void head_normalize(struct fct_h1 *h1)
{
    for (size_t i = 0; i < h1->field_count; i++) {
        struct fct_field *field = &h1->fields[i];
        uint8_t *name = h1->head.ptr + (field->name.ptr - h1->head.ptr);
        for (size_t at = 0; at < field->name.len; at++) {
            name[at] = head_lower(name[at]);
        }
        field->value = head_trim(field->value);
    }
}

static size_t head_count(const struct fct_h1 *h1, factum_slice name)
{
    size_t count = 0;
    for (size_t i = 0; i < h1->field_count; i++) {
        count += fct_slice_equal(h1->fields[i].name, name) ? 1 : 0;
    }
    return count;
}

static bool head_host(struct fct_h1 *h1, struct head_refusal *refusal)
{
    struct fct_exchange *exchange = &h1->exchange.base;
    size_t count = head_count(h1, FCT_SLICE("host"));
    if (count > 1 || (count == 0 && !h1->is_http10)) {
        return head_refuse(refusal, 400, "exactly one Host field is required");
    }
    if (count == 1) {
        factum_slice host = fct_exchange_field(exchange, FCT_SLICE("host"));
        if (!head_is_authority(host)) {
            return head_refuse(refusal, 400, "the Host field is not a host and port");
        }
        if (exchange->authority.len == 0) {
            exchange->authority = host;
        }
    }
    return true;
}

static bool head_is_decimal(factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

/* RFC 9112, 6.1 to 6.3, and stricter: refuses whatever two recipients could read as two lengths. */
static bool head_framing(struct fct_h1 *h1, struct head_refusal *refusal)
{
    const struct fct_exchange *exchange = &h1->exchange.base;
    size_t codings = head_count(h1, FCT_SLICE("transfer-encoding"));
    size_t lengths = head_count(h1, FCT_SLICE("content-length"));
    if (codings + lengths > 1) {
        return head_refuse(refusal, 400, "the length of the body is given twice");
    }
    if (codings > 0 && h1->is_http10) {
        return head_refuse(refusal, 400, "HTTP/1.0 has no transfer codings");
    }
    if (codings > 0 && !head_equal(fct_exchange_field(exchange, FCT_SLICE("transfer-encoding")),
                                   FCT_SLICE("chunked"))) {
        return head_refuse(refusal, 501, "a transfer coding other than chunked");
    }
    if (lengths > 0 &&
        !head_is_decimal(fct_exchange_field(exchange, FCT_SLICE("content-length")))) {
        return head_refuse(refusal, 400, "the Content-Length field is not a number");
    }
    h1->is_chunked = (h1->parser.flags & F_CHUNKED) != 0;
    if (h1->is_chunked != (codings > 0) ||
        ((h1->parser.flags & F_CONTENT_LENGTH) != 0) != (lengths > 0)) {
        return head_refuse(refusal, 400, "the length of the body is not clear");
    }
    return true;
}

/* RFC 9110, 10.1.1: 100-continue is the only expectation, and HTTP/1.0 has none. */
static bool head_expectation(struct fct_h1 *h1, struct head_refusal *refusal)
{
    h1->expects_continue = false;
    for (size_t i = 0; i < h1->field_count && !h1->is_http10; i++) {
        if (!fct_slice_equal(h1->fields[i].name, FCT_SLICE("expect"))) {
            continue;
        }
        if (!head_equal(h1->fields[i].value, FCT_SLICE("100-continue"))) {
            return head_refuse(refusal, 417, "an expectation other than 100-continue");
        }
        h1->expects_continue = !h1->complete;
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool head_prepare(struct fct_h1 *h1, struct head_refusal *refusal)
{
    if (h1->fields == NULL) {
        h1->fields = fct_mem_zalloc(h1->mem, h1->limits.field_count_max, sizeof *h1->fields);
        if (h1->fields == NULL) {
            return head_refuse(refusal, 503, "out of memory");
        }
    }
    memset(h1->fields, 0, h1->limits.field_count_max * sizeof *h1->fields);
    h1->field_count = 0;
    h1->url = fct_slice(NULL, 0);
    h1->head_complete = false;
    h1->complete = false;
    h1->exchange.base.authority = fct_slice(NULL, 0);
    return true;
}

/* Parses the head with llhttp, which must read all of it, end where the check ended, and see the
 * same target and fields. */
static bool head_parse(struct fct_h1 *h1, struct head_refusal *refusal)
{
    const char *text = (const char *)h1->head.ptr;
    llhttp_init(&h1->parser, HTTP_REQUEST, &head_settings);
    h1->parser.data = h1;
    enum llhttp_errno error = llhttp_execute(&h1->parser, text, h1->head.len);
    if (error == HPE_INVALID_METHOD) {
        return head_refuse(refusal, 501, "an unknown method");
    }
    if (error == HPE_PAUSED && llhttp_get_error_pos(&h1->parser) == text + h1->head.len) {
        error = HPE_OK;
    }
    if (error != HPE_OK || !h1->head_complete || h1->field_count != h1->check.field_count) {
        return head_refuse(refusal, 400, "not a head of HTTP/1.1");
    }
    if (!fct_slice_equal(h1->url, h1->exchange.base.target) ||
        h1->parser.http_minor != (h1->is_http10 ? 0 : 1)) {
        return head_refuse(refusal, 400, "not a request line of HTTP/1.1");
    }
    return true;
}

bool fct_h1_read_head(struct fct_h1 *h1, unsigned *status, const char **reason)
{
    FCT_ASSERT(h1->check.place == FCT_H1_DONE);
    FCT_ASSERT(!h1->is_open);
    struct head_refusal refusal = {0};
    struct fct_exchange *exchange = &h1->exchange.base;
    bool ok =
        head_prepare(h1, &refusal) && head_request_line(h1, &refusal) && head_parse(h1, &refusal);
    if (ok) {
        head_normalize(h1);
        exchange->fields = h1->fields;
        exchange->field_count = h1->field_count;
        ok = head_framing(h1, &refusal) && head_target(exchange, &refusal) &&
             head_host(h1, &refusal) && head_expectation(h1, &refusal);
        h1->keep_alive = !h1->is_http10 && (h1->parser.flags & F_CONNECTION_CLOSE) == 0;
    }
    *status = refusal.status;
    *reason = refusal.reason;
    return ok;
}
