/* json_tape.c - the tape of a JSON text (factum/json.h), and what is read from it. Layer: codec. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/json.h>

#include "codec/json_number.h"
#include "codec/json_scan.h"
#include "codec/json_text.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"

/* ---- parsing --------------------------------------------------------------------------------- */

size_t factum_json_nodes_max(size_t len)
{
    /* Each value has a byte of its own and another one after it, except the last: [1,1]. */
    return len / 2 + 1;
}

static factum_status take_options(const factum_json_options *given, factum_json_options *options,
                                  factum_error *err)
{
    *options = (factum_json_options){.size = sizeof *options};
    if (given != NULL) {
        factum_status status =
            fct_sized_read(options, sizeof *options, given, "parse JSON: the options", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    if (options->depth_max > FACTUM_JSON_DEPTH_LIMIT) {
        return fct_fail(err, FACTUM_INVALID, "parse JSON: a depth of %" PRIu32 ": at most %d",
                        options->depth_max, FACTUM_JSON_DEPTH_LIMIT);
    }
    if (options->depth_max == 0) {
        options->depth_max = FACTUM_JSON_DEPTH_MAX;
    }
    return FACTUM_OK;
}

factum_status factum_json_parse(factum_slice text, const factum_json_options *options,
                                factum_json_node *nodes, size_t capacity, factum_json *json,
                                factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_json_fault fault;
    factum_json_options full;
    factum_status status = take_options(options, &full, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (nodes == NULL || json == NULL || (text.ptr == NULL && text.len > 0)) {
        return fct_fail(err, FACTUM_INVALID, "parse JSON: the text, nodes or tape is NULL");
    }
    struct fct_json_scan scan = {.text = text,
                                 .depth_max = full.depth_max,
                                 .depth_said = full.depth_max,
                                 .duplicates = full.duplicates,
                                 .nodes = nodes,
                                 .capacity = capacity};
    status = fct_json_scan(&scan, &fault);
    if (status == FACTUM_TOO_BIG) {
        return fct_fail(err, status, "JSON of %zu bytes needs more than %zu nodes", text.len,
                        capacity);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "%s%s at byte %zu",
                        fault.duplicate ? "" : "not valid JSON: ", fault.reason, fault.at);
    }
    *json = (factum_json){.text = text, .nodes = nodes, .count = scan.count};
    return FACTUM_OK;
}

/* ---- items and members ----------------------------------------------------------------------- */

uint32_t factum_json_count(const factum_json *json, uint32_t container)
{
    uint32_t count = 0;
    for (uint32_t at = factum_json_first(json, container); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, container, at)) {
        count++;
    }
    return count;
}

static bool text_is(const factum_json *json, uint32_t value, factum_slice text)
{
    factum_slice inside = factum_json_inside(json, value);
    if (!factum_json_is_escaped(json, value)) {
        return fct_slice_equal(inside, text);
    }
    return inside.len > text.len && fct_json_text_is(inside, text);
}

uint32_t factum_json_find(const factum_json *json, uint32_t object, factum_slice name)
{
    const factum_json_node *nodes = json->nodes;
    uint32_t found = FACTUM_JSON_NONE;
    if (nodes[object].kind != FACTUM_JSON_OBJECT) {
        return found;
    }
    bool unique = (nodes[object].flags & FACTUM_JSON_UNIQUE) != 0;
    uint32_t end = nodes[object].next;
    for (uint32_t at = object + 1; at < end; at = nodes[at + 1].next) {
        if (text_is(json, at, name)) {
            found = at + 1;
            if (unique) {
                break;
            }
        }
    }
    return found;
}

/* ---- pointers -------------------------------------------------------------------------------- */

struct pointer {
    char *buffer;
    size_t size;
    size_t used;
    bool full;
};

static void pointer_put(struct pointer *pointer, int byte)
{
    if (pointer->used + 1 < pointer->size) {
        pointer->buffer[pointer->used++] = (char)byte;
    } else {
        pointer->full = true;
    }
}

static void pointer_put_text(struct pointer *pointer, const char *text)
{
    for (; *text != '\0'; text++) {
        pointer_put(pointer, *text);
    }
}

static void pointer_put_name(struct pointer *pointer, factum_slice inside)
{
    struct fct_json_meaning meaning = fct_json_meaning(inside);
    pointer_put(pointer, '/');
    for (int byte = fct_json_meaning_next(&meaning); byte >= 0 && !pointer->full;
         byte = fct_json_meaning_next(&meaning)) {
        if (byte == '~' || byte == '/') {
            pointer_put_text(pointer, byte == '~' ? "~0" : "~1");
        } else if (byte == 0xed && meaning.left == 2 && meaning.bytes[2] >= 0xa0) {
            pointer_put_text(pointer, "\xef\xbf\xbd"); /* a lone surrogate */
            meaning.left = 0;
        } else {
            pointer_put(pointer, byte);
        }
    }
}

/* The item or name of |container| that is |value| or contains it, and its number. */
static uint32_t child_with(const factum_json *json, uint32_t container, uint32_t value,
                           uint32_t *number)
{
    uint32_t at = container + 1;
    uint32_t next = factum_json_next(json, container, at);
    for (*number = 0; next <= value; ++*number) { /* NONE is above all */
        at = next;
        next = factum_json_next(json, container, at);
    }
    return at;
}

factum_status factum_json_pointer(const factum_json *json, uint32_t value, char *buffer,
                                  size_t size)
{
    if (buffer == NULL || size == 0 || value >= json->count) {
        return FACTUM_INVALID;
    }
    struct pointer pointer = {.buffer = buffer, .size = size};
    uint32_t at = FACTUM_JSON_ROOT;
    while (at < value && !pointer.full) {
        uint32_t number;
        uint32_t child = child_with(json, at, value, &number);
        if (json->nodes[at].kind == FACTUM_JSON_OBJECT) {
            pointer_put_name(&pointer, factum_json_inside(json, child));
            at = child + 1; /* the value of a member, also if |value| is its name */
        } else {
            char text[16];
            (void)snprintf(text, sizeof text, "/%" PRIu32, number);
            pointer_put_text(&pointer, text);
            at = child;
        }
    }
    size_t len = fct_utf8_prefix(fct_slice(buffer, pointer.used));
    buffer[len] = '\0';
    return pointer.full ? FACTUM_TOO_BIG : FACTUM_OK;
}

/* ---- texts and numbers ----------------------------------------------------------------------- */

factum_status factum_json_unescape(const factum_json *json, uint32_t value, char *buffer,
                                   size_t size, size_t *len)
{
    if (json->nodes[value].kind != FACTUM_JSON_TEXT) {
        return FACTUM_INVALID;
    }
    return fct_json_unescape(factum_json_raw(json, value), buffer, size, len);
}

bool factum_json_text_is(const factum_json *json, uint32_t value, factum_slice text)
{
    return json->nodes[value].kind == FACTUM_JSON_TEXT && text_is(json, value, text);
}

static bool is_number(const factum_json *json, uint32_t value)
{
    return json->nodes[value].kind == FACTUM_JSON_NUMBER;
}

factum_status factum_json_to_int64(const factum_json *json, uint32_t value, int64_t *number)
{
    return is_number(json, value) ? fct_json_number_int64(factum_json_raw(json, value), number)
                                  : FACTUM_INVALID;
}

factum_status factum_json_to_uint64(const factum_json *json, uint32_t value, uint64_t *number)
{
    return is_number(json, value) ? fct_json_number_uint64(factum_json_raw(json, value), number)
                                  : FACTUM_INVALID;
}

factum_status factum_json_to_double(const factum_json *json, uint32_t value, double *number)
{
    return is_number(json, value) ? fct_json_number_double(factum_json_raw(json, value), number)
                                  : FACTUM_INVALID;
}

bool factum_json_is_whole(const factum_json *json, uint32_t value)
{
    return is_number(json, value) && fct_json_number_whole(factum_json_raw(json, value));
}
