/* json.c - JSON text as a whole: see json.h. Layer: codec. */
#include "codec/json.h"

#include "codec/json_number.h"
#include "codec/json_scan.h"
#include "core/error.h"

/* The kind of a valid value that starts with |c|. */
static factum_json_kind kind_of(uint8_t c)
{
    switch (c) {
    case '{':
        return FACTUM_JSON_OBJECT;
    case '[':
        return FACTUM_JSON_ARRAY;
    case '"':
        return FACTUM_JSON_TEXT;
    case 't':
        return FACTUM_JSON_TRUE;
    case 'f':
        return FACTUM_JSON_FALSE;
    case 'n':
        return FACTUM_JSON_NULL;
    default:
        return FACTUM_JSON_NUMBER;
    }
}

static factum_status scan_whole(struct fct_json_scan *scan, struct fct_json *value,
                                struct fct_json_fault *fault)
{
    struct fct_json_fault unused;
    scan->depth_max = FCT_JSON_DEPTH_MAX;
    scan->depth_said = FCT_JSON_DEPTH_MAX;
    factum_status status = fct_json_scan(scan, fault == NULL ? &unused : fault);
    if (status == FACTUM_OK) {
        *value = (struct fct_json){scan->value, kind_of(scan->value.ptr[0])};
    }
    return status;
}

factum_status fct_json_parse(factum_slice text, struct fct_json *value,
                             struct fct_json_fault *fault)
{
    struct fct_json_scan scan = {.text = text};
    return scan_whole(&scan, value, fault);
}

factum_status fct_json_check(factum_slice text, struct fct_json *value, factum_error *err)
{
    struct fct_json_fault fault;
    return fct_json_parse(text, value, &fault) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "not valid JSON: %s at byte %zu", fault.reason,
                          fault.at);
}

/* ---- some members ---------------------------------------------------------------------------- */

struct pick {
    struct fct_json_member *members;
    size_t count;
};

/* Compares those members of the object that are on the tape now. */
static void pick_from(void *data, const factum_json *part)
{
    const struct pick *pick = data;
    if (factum_json_kind_of(part, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return;
    }
    for (uint32_t name = 1; name + 1 < part->count; name += 2) {
        for (size_t i = 0; i < pick->count; i++) {
            struct fct_json_member *member = &pick->members[i];
            if (factum_json_text_is(part, name, member->name)) {
                member->found = true;
                member->value = (struct fct_json){factum_json_raw(part, name + 1),
                                                  factum_json_kind_of(part, name + 1)};
            }
        }
    }
}

factum_status fct_json_pick(factum_slice text, struct fct_json *value,
                            struct fct_json_member *members, size_t count,
                            struct fct_json_fault *fault)
{
    factum_json_node nodes[33]; /* the object, and 16 members at a time */
    struct pick pick = {members, count};
    struct fct_json_scan scan = {.text = text,
                                 .duplicates = true,
                                 .nodes = nodes,
                                 .capacity = sizeof nodes / sizeof nodes[0],
                                 .levels = 1,
                                 .take = pick_from,
                                 .data = &pick};
    for (size_t i = 0; i < count; i++) {
        members[i].found = false;
    }
    return scan_whole(&scan, value, fault);
}

/* ---- numbers --------------------------------------------------------------------------------- */

factum_status fct_json_int64(const struct fct_json *value, int64_t *number)
{
    return value->kind == FACTUM_JSON_NUMBER ? fct_json_number_int64(value->raw, number)
                                             : FACTUM_INVALID;
}
