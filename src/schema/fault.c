/* fault.c - faults in words, with their places. Layer: schema.
 *
 * Nothing here runs while values are valid: places are found by walking the tape again. These walks
 * count as steps of the check. Over the limit no more faults are collected, and the verdict stays.
 * Control characters of the data never reach a message.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "schema/run_int.h"
#include "schema/value.h"

#define TEXT_SIZE 768
#define SUBJECT_SIZE 160
#define POINTER_SIZE_MAX ((size_t)64 << 10)

/* ---- values and names ------------------------------------------------------------------------ */

/* The first |most| bytes, or fewer so that no character is divided. */
static factum_slice shorten(factum_slice text, size_t most, bool *cut)
{
    *cut = text.len > most;
    while (text.len > most || (*cut && text.len > 0 && (text.ptr[text.len] & 0xc0) == 0x80)) {
        text.len--;
    }
    return text;
}

void fct_fault_show(const factum_json *json, uint32_t node, char shown[FCT_SHOWN_SIZE])
{
    static const char *const words[] = {
        [FACTUM_JSON_NULL] = "null",        [FACTUM_JSON_FALSE] = "false",
        [FACTUM_JSON_TRUE] = "true",        [FACTUM_JSON_ARRAY] = "an array",
        [FACTUM_JSON_OBJECT] = "an object",
    };
    uint8_t kind = json->nodes[node].kind;
    bool cut;
    factum_slice raw = shorten(fct_value_raw(json, node), 60, &cut);
    const char *more = cut ? "..." : "";
    const char *quote = kind == FACTUM_JSON_TEXT ? "\"" : "";
    if (kind != FACTUM_JSON_TEXT && kind != FACTUM_JSON_NUMBER) {
        (void)snprintf(shown, FCT_SHOWN_SIZE, "%s", words[kind]);
        return;
    }
    (void)snprintf(shown, FCT_SHOWN_SIZE, "%s%.*s%s%s", quote, (int)raw.len, (const char *)raw.ptr,
                   more, quote);
}

/* The child of |container| that contains |node|, and its number. A name belongs to its member. */
static uint32_t step_to(const factum_json *json, uint32_t container, uint32_t node, uint32_t *index)
{
    bool object = json->nodes[container].kind == FACTUM_JSON_OBJECT;
    uint32_t at = container + 1;
    *index = 0;
    for (;;) {
        uint32_t value = object ? at + 1 : at;
        if (node < json->nodes[value].next) {
            return value;
        }
        at = json->nodes[value].next;
        (*index)++;
    }
}

/* The last steps to a value: the name of the nearest member, and the indexes after it. */
struct way {
    uint32_t name; /* FACTUM_JSON_NONE: no member on the way */
    uint32_t indexes[4];
    uint32_t count;
};

static struct way way_to(const factum_json *json, uint32_t node)
{
    struct way way = {.name = FACTUM_JSON_NONE};
    uint32_t at = FACTUM_JSON_ROOT;
    while (at != node && (json->nodes[node].flags & FACTUM_JSON_NAME) == 0) {
        uint32_t index;
        bool object = json->nodes[at].kind == FACTUM_JSON_OBJECT;
        at = step_to(json, at, node, &index);
        if (object) {
            way.name = at - 1;
            way.count = 0;
        } else {
            way.indexes[way.count < 4 ? way.count : 3] = index;
            way.count = way.count < 4 ? way.count + 1 : 4;
        }
    }
    return way;
}

/* Charges the nodes that a walk to |node|, a value or a name, passes. */
static void count_way(struct fct_run *run, const factum_json *json, uint32_t node)
{
    uint32_t at = FACTUM_JSON_ROOT;
    while (at != node && at != node + 1) {
        uint32_t index;
        at = step_to(json, at, node, &index);
        run->fault_steps += (uint64_t)index + 1;
    }
}

/* Prints "qty", item 2 of "lines", or the value. */
static void name_value(const factum_json *json, uint32_t node, char subject[SUBJECT_SIZE])
{
    struct way way = way_to(json, node);
    size_t len = 0;
    char shown[FCT_SHOWN_SIZE];
    if ((json->nodes[node].flags & FACTUM_JSON_NAME) != 0) {
        fct_fault_show(json, node, shown);
        (void)snprintf(subject, SUBJECT_SIZE, "the name %s", shown);
        return;
    }
    subject[0] = '\0';
    for (uint32_t i = way.count; i > 0; i--) {
        len += (size_t)snprintf(subject + len, SUBJECT_SIZE - len, "%sitem %" PRIu32,
                                len == 0 ? "" : " of ", way.indexes[i - 1]);
    }
    if (way.name != FACTUM_JSON_NONE) {
        fct_fault_show(json, way.name, shown);
        (void)snprintf(subject + len, SUBJECT_SIZE - len, "%s%s", len == 0 ? "" : " of ", shown);
    } else if (len == 0) {
        (void)snprintf(subject, SUBJECT_SIZE, "the value");
    }
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Adds a JSON pointer without its first |skip| bytes, and a zero byte, to texts. */
static factum_status add_pointer(struct fct_run *run, const factum_json *json, uint32_t node,
                                 size_t skip)
{
    struct fct_buf *texts = &run->texts;
    factum_status status = FACTUM_TOO_BIG;
    for (size_t size = 256; status == FACTUM_TOO_BIG && size <= POINTER_SIZE_MAX; size *= 4) {
        if (fct_buf_reserve(texts, size) != FACTUM_OK) {
            return FACTUM_NO_MEMORY;
        }
        status = factum_json_pointer(json, node, (char *)texts->ptr + texts->len, size);
    }
    char *pointer = (char *)texts->ptr + texts->len;
    size_t len = strlen(pointer);
    FCT_ASSERT(skip <= len);
    memmove(pointer, pointer + skip, len - skip + 1);
    texts->len += len - skip + 1;
    return FACTUM_OK;
}

/* The length of the pointer to |node|. */
static size_t pointer_len(struct fct_run *run, const factum_json *json, uint32_t node)
{
    size_t before = run->texts.len;
    size_t len = 0;
    if (node != FACTUM_JSON_ROOT && add_pointer(run, json, node, 0) == FACTUM_OK) {
        len = run->texts.len - before - 1;
        run->texts.len = before;
    }
    return len;
}

/* Adds the place of a keyword: the URI of its resource and a pointer. */
static factum_status add_place(struct fct_run *run, const struct fct_rule *rule, uint32_t node)
{
    const struct fct_program *program = run->program;
    const struct fct_resource *resource =
        FCT_AT(program->resources, const struct fct_resource, rule->resource);
    const factum_json *json = &fct_document_at(program, rule->document)->json;
    bool inside = resource->document == rule->document;
    factum_status status =
        fct_buf_add_slice(&run->texts, fct_names_text(&program->places, resource->uri));
    if (status != FACTUM_OK) {
        return status;
    }
    size_t skip = inside ? pointer_len(run, json, resource->node) : 0;
    status = fct_buf_add_text(&run->texts, "#");
    if (status != FACTUM_OK) {
        return status;
    }
    return add_pointer(run, json, node, skip);
}

/* ---- explanations ---------------------------------------------------------------------------- */

void fct_fault_why_begin(struct fct_run *run)
{
    run->why_len = 0;
    run->why_said = false;
    run->why[0] = '\0';
}

void fct_fault_why_next(struct fct_run *run)
{
    run->why_said = false;
}

static void explain(struct fct_run *run, const char *text)
{
    const char *between = run->why_len == 0 ? "" : "; or ";
    size_t size = strlen(between) + strlen(text);
    if (run->why_said || run->why_len + size >= sizeof run->why) {
        return;
    }
    (void)snprintf(run->why + run->why_len, sizeof run->why - run->why_len, "%s%s", between, text);
    run->why_len += (uint32_t)size;
    run->why_said = true;
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void report(struct fct_run *run, const struct fct_rule *rule, uint32_t node, uint32_t value,
                   const char *text)
{
    struct fct_fault_texts at;
    at.pointer = (uint32_t)run->texts.len;
    factum_status status = add_pointer(run, run->json, value, 0);
    at.schema = (uint32_t)run->texts.len;
    status = status == FACTUM_OK ? add_place(run, rule, node) : status;
    at.text = (uint32_t)run->texts.len;
    if (status == FACTUM_OK) {
        status = fct_buf_add(&run->texts, text, strlen(text) + 1);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add(&run->faults, &at, sizeof at);
    }
    if (status != FACTUM_OK) {
        fct_run_end(run, status, "the texts of the faults have no room");
    }
    count_way(run, &fct_document_at(run->program, rule->document)->json, node);
    if (run->fault_steps > run->program->limits.steps_max) {
        run->faults_max = run->faults.len / sizeof at;
    }
    if (run->faults.len / sizeof at >= run->faults_max) {
        run->first_only = true;
    }
}

/* Is a fault wanted? */
static bool wanted(const struct fct_run *run, uint8_t flags)
{
    bool full = run->faults.len / sizeof(struct fct_fault_texts) >= run->faults_max;
    return (flags & FCT_FRAME_QUIET) == 0 && run->status == FACTUM_OK &&
           ((flags & FCT_FRAME_EXPLAIN) != 0 ? !run->why_said : !full);
}

static void say(struct fct_run *run, const struct fct_rule *rule, uint32_t node, uint32_t value,
                uint8_t flags, char *text)
{
    fct_text_clean(text);
    if ((flags & FCT_FRAME_EXPLAIN) != 0) {
        explain(run, text);
    } else {
        report(run, rule, node, value, text);
    }
}

/* The keyword whose value |node| is; empty for an item or the root. */
static factum_slice keyword_of(const struct fct_run *run, const struct fct_rule *rule,
                               uint32_t node)
{
    const factum_json *json = &fct_document_at(run->program, rule->document)->json;
    bool member = node > 0 && (json->nodes[node - 1].flags & FACTUM_JSON_NAME) != 0;
    return member ? fct_value_raw(json, node - 1) : fct_slice("", 0);
}

/* Why the schema false does not allow a value, if its keyword shows it. */
static const char *not_allowed(factum_slice keyword)
{
    if (fct_slice_equal(keyword, FCT_SLICE("additionalProperties")) ||
        fct_slice_equal(keyword, FCT_SLICE("unevaluatedProperties"))) {
        return "is not a property that the schema allows";
    }
    if (fct_slice_equal(keyword, FCT_SLICE("items")) ||
        fct_slice_equal(keyword, FCT_SLICE("additionalItems")) ||
        fct_slice_equal(keyword, FCT_SLICE("unevaluatedItems"))) {
        return "is not an item that the schema allows";
    }
    return "is not allowed";
}

void fct_fault(struct fct_run *run, const struct fct_rule *rule, uint32_t node, uint32_t value,
               uint8_t flags, const char *format, ...)
{
    char text[TEXT_SIZE];
    char subject[SUBJECT_SIZE];
    va_list args;
    if (!wanted(run, flags)) {
        return;
    }
    count_way(run, run->json, value);
    name_value(run->json, value, subject);
    size_t len = (size_t)snprintf(text, sizeof text, "%s ", subject);
    if ((rule->keywords & FCT_BIT(FCT_K_FALSE)) != 0) {
        (void)snprintf(text + len, sizeof text - len, "%s",
                       not_allowed(keyword_of(run, rule, node)));
    } else {
        va_start(args, format);
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
        (void)vsnprintf(text + len, sizeof text - len, format, args);
        va_end(args);
    }
    say(run, rule, node, value, flags, text);
}

void fct_fault_missing(struct fct_run *run, const struct fct_rule *rule, uint32_t node,
                       uint32_t value, uint8_t flags, uint32_t name, const char *because)
{
    char text[TEXT_SIZE];
    char subject[SUBJECT_SIZE];
    bool cut;
    if (!wanted(run, flags)) {
        return;
    }
    count_way(run, run->json, value);
    factum_slice missing = shorten(fct_names_text(&run->program->texts, name), 100, &cut);
    name_value(run->json, value, subject);
    (void)snprintf(
        text, sizeof text, "\"%.*s%s\" is missing%s%s%s%s", (int)missing.len,
        (const char *)missing.ptr, cut ? "..." : "", value == FACTUM_JSON_ROOT ? "" : " in ",
        value == FACTUM_JSON_ROOT ? "" : subject,
        because == NULL ? "" : ", which is required with ", because == NULL ? "" : because);
    say(run, rule, node, value, flags, text);
}
