/* http_query.c - see http_call.h: members of the query and header fields. Layer: server. */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_call.h"
#include "wire/media.h"

factum_slice fct_http_text(const struct fct_http_call *call, const char *name)
{
    const struct fct_url_member *member = fct_url_member(&call->url, name);
    if (member == NULL) {
        return fct_slice(NULL, 0);
    }
    return member->value.ptr != NULL ? member->value : fct_slice("", 0);
}

factum_status fct_http_flag(const struct fct_http_call *call, const char *name, bool *flag,
                            factum_error *err)
{
    const struct fct_url_member *member = fct_url_member(&call->url, name);
    *flag = member != NULL;
    if (member == NULL || !member->has_value || fct_slice_equal(member->value, FCT_SLICE("true"))) {
        return FACTUM_OK;
    }
    *flag = false;
    return fct_slice_equal(member->value, FCT_SLICE("false"))
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "\"%s\" is true or false, not \"%.*s\"", name,
                          FCT_FMT(member->value));
}

factum_status fct_http_digits(factum_slice text, uint64_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return FACTUM_INVALID;
        }
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return FACTUM_INVALID;
        }
        value = value * 10 + digit;
    }
    if (text.len == 0) {
        return FACTUM_INVALID;
    }
    *number = value;
    return FACTUM_OK;
}

factum_status fct_http_number(const struct fct_http_call *call, const char *name, uint64_t *number,
                              factum_error *err)
{
    factum_slice text = fct_http_text(call, name);
    if (text.ptr == NULL || fct_http_digits(text, number) == FACTUM_OK) {
        return FACTUM_OK;
    }
    return fct_fail(err, FACTUM_INVALID, "\"%s\" is a whole number, not \"%.*s\"", name,
                    FCT_FMT(text));
}

factum_status fct_http_limit(const struct fct_http_call *call, uint64_t *limit, factum_error *err)
{
    factum_status status = fct_http_number(call, "limit", limit, err);
    bool given = fct_http_text(call, "limit").ptr != NULL;
    if (status == FACTUM_OK && given && (*limit == 0 || *limit > FCT_HTTP_LIMIT_MAX)) {
        return fct_fail(err, FACTUM_INVALID, "\"limit\" is 1 to %d, not %llu", FCT_HTTP_LIMIT_MAX,
                        (unsigned long long)*limit);
    }
    return status;
}

factum_status fct_http_after(const struct fct_http_call *call, uint64_t *place, bool *given,
                             factum_error *err)
{
    factum_slice token = fct_http_text(call, "after");
    *given = token.ptr != NULL;
    return *given ? factum_token_parse(call->server->store, token, place, err) : FACTUM_OK;
}

/* ---- the expected state of a stream ---------------------------------------------------------- */

factum_status fct_http_expected_word(factum_slice word, const char *name, factum_expected *expected,
                                     factum_error *err)
{
    uint64_t revision = 0;
    if (fct_slice_equal(word, FCT_SLICE("any"))) {
        *expected = factum_any();
    } else if (fct_slice_equal(word, FCT_SLICE("no-stream"))) {
        *expected = factum_no_stream();
    } else if (fct_slice_equal(word, FCT_SLICE("exists"))) {
        *expected = factum_stream_exists();
    } else if (fct_http_digits(word, &revision) == FACTUM_OK) {
        *expected = factum_at(revision);
    } else {
        return fct_fail(err, FACTUM_INVALID,
                        "%s takes any, no-stream, exists or a revision, not \"%.*s\"", name,
                        FCT_FMT(word));
    }
    return FACTUM_OK;
}

/* If-Match: "N" or *. A list of tags, or a weak tag, has no meaning for a revision. */
static factum_status read_if_match(factum_slice field, factum_expected *expected, factum_error *err)
{
    uint64_t revision = 0;
    bool quoted = field.len > 2 && field.ptr[0] == '"' && field.ptr[field.len - 1] == '"';
    if (fct_slice_equal(field, FCT_SLICE("*"))) {
        *expected = factum_stream_exists();
    } else if (quoted &&
               fct_http_digits(fct_slice(field.ptr + 1, field.len - 2), &revision) == FACTUM_OK) {
        *expected = factum_at(revision);
    } else {
        return fct_fail(err, FACTUM_INVALID,
                        "If-Match takes the stream's last revision in quotes (\"5\") or *, not "
                        "%.*s",
                        FCT_FMT(field));
    }
    return FACTUM_OK;
}

factum_status fct_http_expected(const struct fct_http_call *call, factum_expected *expected,
                                bool *by_field, factum_error *err)
{
    factum_slice match = fct_exchange_field(call->exchange, FCT_SLICE("if-match"));
    factum_slice none = fct_exchange_field(call->exchange, FCT_SLICE("if-none-match"));
    factum_slice word = fct_http_text(call, "expected");
    factum_status status = FACTUM_OK;
    *expected = factum_any();
    *by_field = match.ptr != NULL || none.ptr != NULL;
    if (match.ptr != NULL && none.ptr != NULL) {
        return fct_fail(err, FACTUM_INVALID, "If-Match and If-None-Match exclude each other");
    }
    if (match.ptr != NULL) {
        status = read_if_match(match, expected, err);
    } else if (none.ptr != NULL && fct_slice_equal(none, FCT_SLICE("*"))) {
        *expected = factum_no_stream();
    } else if (none.ptr != NULL) {
        status = fct_fail(err, FACTUM_INVALID,
                          "If-None-Match takes * here (no stream yet), not %.*s", FCT_FMT(none));
    }
    if (status != FACTUM_OK || word.ptr == NULL) {
        return status;
    }
    factum_expected before = *expected;
    status = fct_http_expected_word(word, "\"expected\"", expected, err);
    bool differ = before.kind != expected->kind || before.revision != expected->revision;
    return status == FACTUM_OK && *by_field && differ
               ? fct_fail(err, FACTUM_INVALID,
                          "\"expected\" contradicts If-Match or If-None-Match: leave one out")
               : status;
}

/* ---- the fields of a body -------------------------------------------------------------------- */

bool fct_http_has_json(struct fct_http_call *call, const char *detail)
{
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-type"));
    if (fct_media_is_json(fct_media_type(field)) && !fct_media_is_foreign(field)) {
        return true;
    }
    fct_http_refuse(call, &(struct fct_http_refusal){
                              .code = FACTUM_UNSUPPORTED, .status = 415, .detail = detail});
    return false;
}

/* Follows draft-ietf-httpapi-idempotency-key-header. */
factum_status fct_http_key(struct fct_http_call *call, factum_slice *key, factum_error *err)
{
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("idempotency-key"));
    if (field.ptr == NULL) {
        return FACTUM_OK;
    }
    if (field.len > 1 && field.ptr[0] == '"' && field.ptr[field.len - 1] == '"') {
        field = fct_slice(field.ptr + 1, field.len - 2);
    }
    if (field.len == 0 || field.len > FACTUM_NAME_SIZE_MAX || !fct_utf8_valid(field)) {
        return fct_fail(err, FACTUM_INVALID, "Idempotency-Key is a text of 1 to %d bytes",
                        FACTUM_NAME_SIZE_MAX);
    }
    if (key->len > 0 && !fct_slice_equal(*key, field)) {
        return fct_fail(err, FACTUM_INVALID,
                        "Idempotency-Key and \"key\" differ: leave one of them out");
    }
    *key = field; /* |field| lasts as long as the exchange */
    return fct_http_copy(call, field, key) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
}
