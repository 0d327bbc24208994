/* json.c - see json.h. Layer: codec.
 *
 * The steps over members and items trust what fct_json_scan has checked, and only look for ends.
 */
#include "codec/json.h"

#include <assert.h>
#include <string.h>

#include "codec/json_number.h"
#include "codec/json_scan.h"
#include "core/error.h"
#include "core/slice.h"

static_assert(FCT_JSON_DEPTH_MAX + FCT_JSON_DOCUMENT_DEPTH <= FACTUM_JSON_DEPTH_LIMIT,
              "the scanner goes as deep");

struct step {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
};

static void step_space(struct step *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

static enum fct_json_type type_of(uint8_t c)
{
    switch (c) {
    case '{':
        return FCT_JSON_OBJECT;
    case '[':
        return FCT_JSON_ARRAY;
    case '"':
        return FCT_JSON_TEXT;
    case 't':
    case 'f':
        return FCT_JSON_BOOL;
    case 'n':
        return FCT_JSON_NULL;
    default:
        return FCT_JSON_NUMBER;
    }
}

static factum_status parse(factum_slice text, unsigned depth_max, struct fct_json *value,
                           struct fct_json_fault *fault)
{
    struct fct_json_fault unused;
    struct fct_json_scan scan = {
        .text = text, .depth_max = depth_max, .depth_said = FCT_JSON_DEPTH_MAX};
    factum_status status = fct_json_scan(&scan, fault == NULL ? &unused : fault);
    if (status == FACTUM_OK) {
        value->raw = scan.value;
        value->type = type_of(scan.value.ptr[0]);
    }
    return status;
}

factum_status fct_json_parse(factum_slice text, struct fct_json *value,
                             struct fct_json_fault *fault)
{
    return parse(text, FCT_JSON_DEPTH_MAX, value, fault);
}

factum_status fct_json_parse_line(factum_slice text, struct fct_json *value,
                                  struct fct_json_fault *fault)
{
    return parse(text, FCT_JSON_DEPTH_MAX + 1, value, fault);
}

factum_status fct_json_parse_document(factum_slice text, struct fct_json *value,
                                      struct fct_json_fault *fault)
{
    return parse(text, FCT_JSON_DEPTH_MAX + FCT_JSON_DOCUMENT_DEPTH, value, fault);
}

factum_status fct_json_check(factum_slice text, struct fct_json *value, factum_error *err)
{
    struct fct_json_fault fault;
    return fct_json_parse(text, value, &fault) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "not valid JSON: %s at byte %zu", fault.reason,
                          fault.at);
}

/* ---- stepping through what was checked ------------------------------------------------------- */

/* The end of the value at |at|; brackets inside texts are stepped over. */
static const uint8_t *value_end(const uint8_t *at, const uint8_t *end)
{
    int depth = 0;
    for (; at < end; at++) {
        uint8_t c = *at;
        if (c == '"') {
            for (at++; at < end && *at != '"'; at++) {
                at += *at == '\\' ? 1 : 0;
            }
            if (depth == 0) {
                return at + 1;
            }
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return at;
            }
            if (--depth == 0) {
                return at + 1;
            }
        } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            return at;
        }
    }
    return at;
}

/* Moves to the next member or item; false at the closing bracket. */
static bool next_place(struct step *scan)
{
    step_space(scan);
    if (scan->at < scan->end && *scan->at == ',') {
        scan->at++;
        step_space(scan);
    }
    return scan->at + 1 < scan->end;
}

static void take_value(struct step *scan, struct fct_json *value)
{
    step_space(scan);
    const uint8_t *end = value_end(scan->at, scan->end);
    value->raw = fct_slice(scan->at, (size_t)(end - scan->at));
    value->type = type_of(*scan->at);
    scan->at = end;
}

static struct step inside(const struct fct_json *container, size_t offset)
{
    const uint8_t *start = container->raw.ptr;
    return (struct step){.start = start,
                         .at = start + (offset == 0 ? 1 : offset),
                         .end = start + container->raw.len};
}

bool fct_json_member_next(const struct fct_json *object, size_t *offset, factum_slice *name,
                          struct fct_json *value)
{
    struct step scan = inside(object, *offset);
    if (object->type != FCT_JSON_OBJECT || !next_place(&scan)) {
        return false;
    }
    struct fct_json key;
    take_value(&scan, &key);
    *name = fct_slice(key.raw.ptr + 1, key.raw.len - 2);
    step_space(&scan);
    scan.at++; /* the colon */
    take_value(&scan, value);
    *offset = (size_t)(scan.at - scan.start);
    return true;
}

bool fct_json_item_next(const struct fct_json *array, size_t *offset, struct fct_json *value)
{
    struct step scan = inside(array, *offset);
    if (array->type != FCT_JSON_ARRAY || !next_place(&scan)) {
        return false;
    }
    take_value(&scan, value);
    *offset = (size_t)(scan.at - scan.start);
    return true;
}

bool fct_json_member(const struct fct_json *object, factum_slice name, struct fct_json *value)
{
    size_t offset = 0;
    factum_slice found;
    struct fct_json candidate;
    bool any = false;
    while (fct_json_member_next(object, &offset, &found, &candidate)) {
        bool same = fct_slice_equal(found, name);
        if (!same && found.len > name.len && memchr(found.ptr, '\\', found.len) != NULL) {
            char plain[256];
            size_t len;
            same = fct_json_unescape(found, plain, sizeof plain, &len) == FACTUM_OK &&
                   fct_slice_equal(fct_slice(plain, len), name);
        }
        if (same) {
            *value = candidate;
            any = true;
        }
    }
    return any;
}

/* ---- numbers --------------------------------------------------------------------------------- */

factum_status fct_json_int64(const struct fct_json *value, int64_t *number)
{
    return value->type == FCT_JSON_NUMBER ? fct_json_number_int64(value->raw, number)
                                          : FACTUM_INVALID;
}
