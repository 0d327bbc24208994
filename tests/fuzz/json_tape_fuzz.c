/* json_tape_fuzz.c - any bytes onto a JSON tape.
 *
 * 1. The tape and the check without a tape accept and refuse the same, with the same text.
 * 2. Nodes nest: the children of a container fill it, and each value lies within its parent.
 * 3. Each value alone is the same value. It equals itself, and each number is in order with itself.
 * 4. Members are refused as duplicates if and only if two names of an object mean the same.
 */
#include <string.h>

#include <factum/json.h>

#include "codec/json.h"
#include "codec/json_text.h"
#include "core/check.h"
#include "core/slice.h"

#define SIZE_MAX_HERE 4096 /* each value is parsed again */
#define NODES (SIZE_MAX_HERE / 2 + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static factum_json_node nodes[NODES];
static factum_json_node nodes_again[NODES];

static const factum_json_options twice = {.size = sizeof twice, .duplicates = true};

/* Walks the children of |value| in order; true if two names mean the same. */
static bool check_children(const factum_json *json, uint32_t value)
{
    bool object = json->nodes[value].kind == FACTUM_JSON_OBJECT;
    factum_slice raw = factum_json_raw(json, value);
    uint32_t expected = value + 1;
    bool same = false;
    for (uint32_t at = factum_json_first(json, value); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, value, at)) {
        FCT_ASSERT(at == expected);
        FCT_ASSERT(((json->nodes[at].flags & FACTUM_JSON_NAME) != 0) == object);
        factum_slice part = factum_json_raw(json, object ? at + 1 : at);
        FCT_ASSERT(part.ptr > raw.ptr);
        FCT_ASSERT(part.ptr + part.len < raw.ptr + raw.len);
        for (uint32_t other = value + 1; object && other < at;
             other = json->nodes[other + 1].next) {
            same = same || fct_json_text_compare(factum_json_inside(json, other),
                                                 factum_json_inside(json, at)) == 0;
        }
        expected = json->nodes[object ? at + 1 : at].next;
    }
    FCT_ASSERT(expected == json->nodes[value].next);
    return same;
}

static void check_number(const factum_json *json, uint32_t value)
{
    int64_t number = 0;
    uint64_t without_sign = 0;
    double rounded = 0;
    bool whole = factum_json_is_whole(json, value);
    factum_slice raw = factum_json_raw(json, value);
    FCT_ASSERT(factum_json_compare_numbers(raw, raw) == 0);
    if (factum_json_to_int64(json, value, &number) == FACTUM_OK) {
        FCT_ASSERT(whole);
        bool also = factum_json_to_uint64(json, value, &without_sign) == FACTUM_OK;
        FCT_ASSERT(also == (number >= 0));
        FCT_ASSERT(!also || without_sign == (uint64_t)number);
        FCT_ASSERT(factum_json_to_double(json, value, &rounded) == FACTUM_OK);
        FCT_ASSERT(rounded == (double)number);
    } else if (factum_json_to_uint64(json, value, &without_sign) == FACTUM_OK) {
        FCT_ASSERT(whole);
        FCT_ASSERT(without_sign > INT64_MAX);
    }
}

static void check_text(const factum_json *json, uint32_t value)
{
    static char plain[SIZE_MAX_HERE];
    size_t len = 0;
    if (factum_json_unescape(json, value, plain, sizeof plain, &len) == FACTUM_OK) {
        FCT_ASSERT(len <= json->nodes[value].len);
        FCT_ASSERT(fct_utf8_valid(fct_slice(plain, len)));
        FCT_ASSERT(factum_json_text_is(json, value, fct_slice(plain, len)));
    }
}

static void check_again(const factum_json *json, uint32_t value)
{
    factum_json again;
    bool same = false;
    factum_slice raw = factum_json_raw(json, value);
    FCT_ASSERT(factum_json_parse(raw, &twice, nodes_again, NODES, &again, NULL) == FACTUM_OK);
    FCT_ASSERT(again.count == json->nodes[value].next - value);
    FCT_ASSERT(fct_slice_equal(factum_json_raw(&again, 0), raw));
    FCT_ASSERT(factum_json_equal(json, value, &again, 0, &same) == FACTUM_OK);
    FCT_ASSERT(same);
}

/* True if some object has a member twice. */
static bool check_tape(const factum_json *json)
{
    bool same = false;
    char pointer[64];
    FCT_ASSERT(json->nodes[0].next == json->count);
    for (uint32_t at = 0; at < json->count; at++) {
        const factum_json_node *node = factum_json_at(json, at);
        FCT_ASSERT(node->next > at);
        FCT_ASSERT(node->next <= json->count);
        (void)factum_json_pointer(json, at, pointer, sizeof pointer);
        FCT_ASSERT(fct_utf8_valid(factum_slice_from(pointer)));
        if (node->kind == FACTUM_JSON_TEXT) {
            check_text(json, at);
        }
        if ((node->flags & FACTUM_JSON_NAME) != 0) {
            FCT_ASSERT(node->next == at + 1);
            continue;
        }
        if (node->kind == FACTUM_JSON_NUMBER) {
            check_number(json, at);
        }
        same = check_children(json, at) || same;
        check_again(json, at);
    }
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    factum_json json;
    factum_error err = {.text = ""};
    factum_error said = {.text = ""};
    struct fct_json value;
    factum_slice text = fct_slice(data, size);
    if (size > SIZE_MAX_HERE) {
        return 0;
    }
    factum_status checked = fct_json_check(text, &value, &said);
    factum_status status = factum_json_parse(text, &twice, nodes, NODES, &json, &err);
    FCT_ASSERT(status == checked);
    FCT_ASSERT(strcmp(err.text, said.text) == 0);
    if (status != FACTUM_OK) {
        FCT_ASSERT(status == FACTUM_INVALID);
        return 0;
    }
    FCT_ASSERT(fct_slice_equal(factum_json_raw(&json, FACTUM_JSON_ROOT), value.raw));
    bool same = check_tape(&json);
    status = factum_json_parse(text, NULL, nodes, NODES, &json, &err);
    FCT_ASSERT(status == (same ? FACTUM_INVALID : FACTUM_OK));
    if (!same) {
        FCT_ASSERT(!check_tape(&json));
    }
    return 0;
}
