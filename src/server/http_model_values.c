/* http_model_values.c - values of rows as JSON. Layer: server.
 *
 * Integers have all their digits, reals read back as the same number, bytes are base64. JSON cannot
 * tell bytes from a text: "typed" values are {"bytes": BASE64}.
 */
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/http_models.h"
#include "wire/base64.h"
#include "wire/json_out.h"

static factum_status put_bytes(struct fct_buf *out, factum_slice bytes)
{
    size_t size = fct_base64_text_size(bytes.len);
    factum_status status = fct_buf_reserve(out, size + 2);
    if (status == FACTUM_OK) {
        out->ptr[out->len] = '"';
        fct_base64_encode(bytes, (char *)out->ptr + out->len + 1);
        out->ptr[out->len + 1 + size] = '"';
        out->len += size + 2;
    }
    return status;
}

/* Writes the shortest form that reads back as the same number, with a point or an exponent, which
 * tells it from an integer. */
static factum_status put_real(struct fct_buf *out, double number)
{
    char text[40];
    bool plain = true;
    if (!(number <= DBL_MAX && number >= -DBL_MAX)) {
        return fct_buf_add_text(out, number > 0 ? "9e999" : "-9e999"); /* like SQLite's JSON */
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    for (char *at = text; *at != '\0'; at++) {
        bool part = (*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == 'e';
        if (!part) {
            *at = '.'; /* replaces the point of any locale */
        }
        plain = plain && *at != '.' && *at != 'e';
    }
    factum_status status = fct_buf_add_text(out, text);
    return status == FACTUM_OK && plain ? fct_buf_add_text(out, ".0") : status;
}

/* Adds {"bytes":"..."}, which readers can tell from a text. */
static factum_status put_marked(struct fct_buf *out, factum_slice bytes)
{
    factum_status status = fct_buf_add_text(out, "{\"bytes\":");
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_bytes(out, bytes);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

factum_status fct_http_model_put_value(struct fct_buf *out, const factum_value *value, bool typed)
{
    switch (value->kind) {
    case FACTUM_VALUE_INTEGER:
        return fct_buf_printf(out, "%" PRId64, value->integer);
    case FACTUM_VALUE_REAL:
        return put_real(out, value->real);
    case FACTUM_VALUE_TEXT:
        return fct_json_out_text(out, value->bytes);
    case FACTUM_VALUE_BYTES:
        return typed ? put_marked(out, value->bytes) : put_bytes(out, value->bytes);
    case FACTUM_VALUE_NULL:
        break;
    }
    return fct_buf_add_text(out, "null");
}

factum_status fct_http_model_put_values(struct fct_buf *out, const factum_value *values,
                                        size_t count, bool typed)
{
    factum_status status = fct_buf_add_text(out, "[");
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = i > 0 ? fct_buf_add_text(out, ",") : FACTUM_OK;
        if (status == FACTUM_OK) {
            status = fct_http_model_put_value(out, &values[i], typed);
        }
    }
    return status == FACTUM_OK ? fct_buf_add_text(out, "]") : status;
}

factum_status fct_http_model_put_names(struct fct_buf *out, const factum_slice *names, size_t count)
{
    factum_status status = fct_buf_add_text(out, "[");
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = fct_http_put(out, i > 0 ? "," : "", names[i]);
    }
    return status == FACTUM_OK ? fct_buf_add_text(out, "]") : status;
}
