/* printer.c - see printer.h. Layer: decider.
 *
 * Knows how JSON texts and numbers look, not what an object or an array is: that is its user's, who
 * prints braces and commas himself.
 */
#include "decider/printer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define PRINT_CAPACITY_FIRST 256

void fct_printer_init(struct factum_printer *out, struct factum_arena *arena)
{
    *out = (struct factum_printer){.arena = arena};
}

factum_status fct_printer_end(const struct factum_printer *out, const char *what,
                              factum_slice *text, factum_error *err)
{
    factum_status status = fct_arena_status(out->arena, what, err);
    if (status == FACTUM_OK && out->not_text) {
        status = fct_fail(err, FACTUM_INVALID, "%s has a text that is not UTF-8", what);
    }
    if (status == FACTUM_OK && out->failure.status != FACTUM_OK) {
        status =
            fct_fail(err, out->failure.status, "%s cannot be printed: %s", what, out->failure.text);
    }
    if (status == FACTUM_OK) {
        *text = fct_slice(out->ptr, out->len);
    }
    return status;
}

/* The old bytes stay in the arena, unused: at most as many again. */
static bool make_room(struct factum_printer *out, size_t more)
{
    if (more <= out->capacity - out->len) {
        return true;
    }
    size_t capacity = out->capacity == 0 ? PRINT_CAPACITY_FIRST : out->capacity * 2;
    if (capacity - out->len < more) {
        capacity = out->len + more;
    }
    uint8_t *ptr = factum_arena_alloc(out->arena, capacity);
    if (ptr == NULL) {
        return false;
    }
    if (out->len > 0) {
        memcpy(ptr, out->ptr, out->len);
    }
    out->ptr = ptr;
    out->capacity = capacity;
    return true;
}

static void put(struct factum_printer *out, const void *bytes, size_t len)
{
    if (len > 0 && len <= SIZE_MAX / 4 && make_room(out, len)) {
        memcpy(out->ptr + out->len, bytes, len);
        out->len += len;
    }
}

void factum_print_type(factum_printer *out, const char *type)
{
    out->type = factum_slice_from(type);
}

void factum_print_raw(factum_printer *out, const char *text)
{
    put(out, text, strlen(text));
}

void factum_print_json(factum_printer *out, factum_slice json)
{
    put(out, json.ptr, json.len);
}

static void put_escaped(struct factum_printer *out, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "\b\f\n\r\t";
    static const char letters[] = "bfnrt";
    const char *name = c == 0 ? NULL : strchr(names, c);
    if (c == '"' || c == '\\') {
        const char escaped[2] = {'\\', (char)c};
        put(out, escaped, sizeof escaped);
    } else if (name != NULL) {
        const char escaped[2] = {'\\', letters[name - names]};
        put(out, escaped, sizeof escaped);
    } else {
        const char escaped[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        put(out, escaped, sizeof escaped);
    }
}

void factum_print_text(factum_printer *out, factum_slice text)
{
    if (!fct_utf8_valid(text)) {
        out->not_text = true;
        return;
    }
    put(out, "\"", 1);
    size_t plain = 0; /* where the bytes begin that stand for themselves */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            put(out, text.ptr + plain, i - plain);
            put_escaped(out, c);
            plain = i + 1;
        }
    }
    if (text.len > plain) {
        put(out, text.ptr + plain, text.len - plain);
    }
    put(out, "\"", 1);
}

void factum_print_int64(factum_printer *out, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, number);
    put(out, digits, (size_t)len);
}

void factum_print_bool(factum_printer *out, bool value)
{
    factum_print_raw(out, value ? "true" : "false");
}

/* ---- generated events ------------------------------------------------------------------------ */

static factum_status put_written(void *data, factum_slice bytes)
{
    struct factum_printer *out = data;
    put(out, bytes.ptr, bytes.len);
    return FACTUM_OK; /* the arena remembers that it was full */
}

void factum_print_generated(factum_printer *out, factum_slice type, factum_json_writer *to,
                            uint8_t *buffer, size_t size)
{
    out->type = type;
    factum_json_writer_to(to, buffer, size, put_written, out);
}

void factum_print_generated_end(factum_printer *out, factum_json_writer *to)
{
    factum_status status = factum_json_writer_finish(to, &out->failure);
    FCT_ASSERT(status == FACTUM_OK || out->failure.status == status);
}

factum_status factum_generated_tape(factum_slice data, factum_arena *arena, factum_json_node *few,
                                    size_t few_count, factum_json *json, factum_error *err)
{
    factum_status status = factum_json_parse(data, NULL, few, few_count, json, err);
    if (status != FACTUM_TOO_BIG) {
        return status;
    }
    size_t count = factum_json_nodes_max(data.len);
    factum_json_node *nodes = factum_arena_alloc(arena, count * sizeof *nodes);
    return nodes == NULL ? fct_arena_status(arena, "the event", err)
                         : factum_json_parse(data, NULL, nodes, count, json, err);
}
