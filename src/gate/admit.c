/* admit.c - see admit.h. Layer: gate.
 *
 * Most appends have no typed event: they pass after one look at each type. For the others, what is
 * to change is noted on a bench first, so that the copy is one block of exactly the size needed.
 */
#include "gate/admit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "engine/rules.h"

#define FAULT_NAME "\"$schema.fault\""

/* What an admitted append needs until it has ended: the events, their new tags, then the texts. */
struct admitted {
    struct fct_op_tail tail;
    const struct fct_mem *mem;
    factum_new_event events[];
};

static void admitted_end(struct fct_op_tail *tail, factum_append_op *op)
{
    struct admitted *admitted = (struct admitted *)(void *)tail;
    (void)op;
    fct_mem_free(admitted->mem, admitted);
}

static factum_status admit_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
}

/* ---- one event ------------------------------------------------------------------------------- */

/* An event on its way, and the rule that it meets. */
struct candidate {
    const struct fct_admission *admission;
    struct fct_bench *bench;
    const factum_new_event *event;
    size_t index;
    struct fct_ruling ruling;
    const struct fct_edition *edition; /* which it was shown to fit, or which it does not fit */
    factum_json json;
};

static bool is_json(const factum_new_event *event)
{
    factum_slice type = fct_event_content_type(event);
    const uint8_t *end = memchr(type.ptr, ';', type.len);
    factum_slice bare = end == NULL ? type : fct_slice(type.ptr, (size_t)(end - type.ptr));
    while (bare.len > 0 && bare.ptr[bare.len - 1] == ' ') {
        bare.len--;
    }
    return fct_slice_equal(bare, FCT_SLICE("application/json")) ||
           fct_slice_equal(bare, FCT_SLICE("text/json")) ||
           (bare.len > 5 && memcmp(bare.ptr + bare.len - 5, "+json", 5) == 0);
}

/* "event 2: /lines/0/qty: must be at least 1, but is 0 (schema OrderPlaced 3)" */
static factum_status violation(const struct candidate *candidate, const char *pointer,
                               const char *text, factum_error *err)
{
    const struct fct_edition *edition = candidate->edition;
    return fct_fail(err, FACTUM_SCHEMA_VIOLATION, "event %zu: %s%s%s (schema %.*s %" PRIu64 ")",
                    candidate->index, pointer, pointer[0] == '\0' ? "" : ": ", text,
                    FCT_FMT(candidate->ruling.rule->subject_text), edition->version);
}

static factum_status check_edition(struct candidate *candidate, const struct fct_edition *edition,
                                   factum_error *err)
{
    factum_schema_result result = {.size = sizeof result};
    candidate->edition = edition;
    if (edition->program == NULL) {
        return violation(candidate, "", edition->broken, err);
    }
    factum_error why = {.status = FACTUM_OK};
    factum_status status =
        fct_run_json(candidate->bench->run, edition->program, &candidate->json, 1, &result, &why);
    if (status == FACTUM_NO_MEMORY) {
        return admit_no_memory(err);
    }
    if (status != FACTUM_OK) {
        return violation(candidate, "", why.text, err);
    }
    return result.valid
               ? FACTUM_OK
               : violation(candidate, result.faults[0].pointer, result.faults[0].text, err);
}

/* OK, SCHEMA_VIOLATION, or why it could not be checked. */
static factum_status check_event(struct candidate *candidate, factum_error *err)
{
    const struct fct_rule *rule = candidate->ruling.rule;
    factum_error why;
    candidate->edition = rule->now != NULL ? rule->now : rule->next;
    if (!is_json(candidate->event)) {
        return violation(candidate, "", "the data is not JSON, but its type has a schema", err);
    }
    factum_status status =
        fct_bench_parse(candidate->bench, candidate->event->data, &candidate->json, &why);
    if (status == FACTUM_NO_MEMORY) {
        return admit_no_memory(err);
    }
    if (status != FACTUM_OK) {
        return violation(candidate, "", why.text, err);
    }
    if (rule->next != NULL) {
        status = check_edition(candidate, rule->next, err);
    }
    if (status == FACTUM_OK && rule->now != NULL) {
        status = check_edition(candidate, rule->now, err);
    }
    return status;
}

/* ---- tags ------------------------------------------------------------------------------------ */

static factum_slice text_at(const struct fct_bench *bench, struct fct_place place)
{
    return fct_slice(bench->bytes.ptr + place.at, place.len);
}

static const struct fct_place *tag_places(const struct fct_bench *bench,
                                          const struct fct_note *note)
{
    return (const struct fct_place *)(const void *)bench->places.ptr + note->first_tag;
}

static bool has_tag(const struct candidate *candidate, const struct fct_note *note,
                    factum_slice tag)
{
    for (size_t i = 0; i < candidate->event->tag_count; i++) {
        if (fct_slice_equal(candidate->event->tags[i], tag)) {
            return true;
        }
    }
    for (size_t i = 0; i < note->tag_count; i++) {
        const struct fct_place *places = tag_places(candidate->bench, note);
        if (fct_slice_equal(text_at(candidate->bench, places[i]), tag)) {
            return true;
        }
    }
    return false;
}

static factum_status refuse_tag(const struct candidate *candidate, uint32_t value, const char *why,
                                factum_error *err)
{
    char pointer[128];
    (void)factum_json_pointer(&candidate->json, value, pointer, sizeof pointer);
    return violation(candidate, pointer, why, err);
}

/* Writes "NAME:VALUE" of a scalar behind the bench's bytes. */
static factum_status write_tag(struct candidate *candidate, factum_slice name, uint32_t value,
                               struct fct_place *place, factum_error *err)
{
    struct fct_buf *bytes = &candidate->bench->bytes;
    factum_slice raw = factum_json_raw(&candidate->json, value);
    size_t len = raw.len;
    place->at = bytes->len;
    if (fct_buf_reserve(bytes, name.len + 1 + raw.len) != FACTUM_OK) {
        return admit_no_memory(err);
    }
    uint8_t *to = bytes->ptr + bytes->len;
    memcpy(to, name.ptr, name.len);
    to[name.len] = ':';
    to += name.len + 1;
    if (factum_json_kind_of(&candidate->json, value) != FACTUM_JSON_TEXT) {
        memcpy(to, raw.ptr, raw.len);
    } else if (factum_json_unescape(&candidate->json, value, (char *)to, raw.len, &len) !=
               FACTUM_OK) {
        return refuse_tag(candidate, value, "is to be a tag, but is not Unicode text", err);
    }
    place->len = name.len + 1 + len;
    if (place->len > FACTUM_NAME_SIZE_MAX) {
        return refuse_tag(candidate, value, "is to be a tag, but is longer than 1,024 bytes", err);
    }
    bytes->len += place->len;
    return FACTUM_OK;
}

static factum_status add_tag(struct candidate *candidate, struct fct_note *note, factum_slice name,
                             uint32_t value, factum_error *err)
{
    struct fct_bench *bench = candidate->bench;
    factum_json_kind kind = factum_json_kind_of(&candidate->json, value);
    if (kind == FACTUM_JSON_NULL || kind == FACTUM_JSON_ARRAY || kind == FACTUM_JSON_OBJECT) {
        return FACTUM_OK;
    }
    struct fct_place place = {.len = 0};
    factum_status status = write_tag(candidate, name, value, &place, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (has_tag(candidate, note, text_at(bench, place))) {
        bench->bytes.len = place.at;
        return FACTUM_OK;
    }
    if (candidate->event->tag_count + note->tag_count >= FACTUM_TAGS_MAX) {
        return refuse_tag(candidate, value, "makes more tags than the 32 that an event can have",
                          err);
    }
    if (fct_buf_add(&bench->places, &place, sizeof place) != FACTUM_OK) {
        return admit_no_memory(err);
    }
    note->tag_count++;
    return FACTUM_OK;
}

/* A walk along the path to a tag, which branches at arrays: values[i] is where step i begins. */
struct tag_path {
    const factum_json *json;
    const factum_schema_tag_place *place;
    uint32_t values[FACTUM_SCHEMA_TAG_DEPTH_MAX + 1];
    size_t depth;
};

/* Where step number |path->depth| leads first, or FACTUM_JSON_NONE. */
static uint32_t step_first(const struct tag_path *path)
{
    const factum_json *json = path->json;
    const factum_schema_step *step = &path->place->steps[path->depth];
    uint32_t value = path->values[path->depth];
    if (step->kind == FACTUM_SCHEMA_STEP_MEMBER) {
        return factum_json_find(json, value, path->place->path[path->depth]);
    }
    if (factum_json_kind_of(json, value) != FACTUM_JSON_ARRAY) {
        return FACTUM_JSON_NONE;
    }
    uint32_t at = factum_json_first(json, value);
    for (uint32_t i = 0; i < step->index && at != FACTUM_JSON_NONE; i++) {
        at = factum_json_next(json, value, at);
    }
    return at;
}

/* Goes down as far as the path and the data go. True: to a value at the end of the path. */
static bool path_down(struct tag_path *path)
{
    while (path->depth < path->place->path_count) {
        uint32_t next = step_first(path);
        if (next == FACTUM_JSON_NONE) {
            return false;
        }
        path->values[++path->depth] = next;
    }
    return true;
}

/* Goes up to the innermost array that has another item, and to that item. False: there is none. */
static bool path_turn(struct tag_path *path)
{
    while (path->depth > 0) {
        uint32_t from = path->values[--path->depth];
        if (path->place->steps[path->depth].kind != FACTUM_SCHEMA_STEP_ITEMS) {
            continue;
        }
        uint32_t next = factum_json_next(path->json, from, path->values[path->depth + 1]);
        if (next != FACTUM_JSON_NONE) {
            path->values[++path->depth] = next;
            return true;
        }
    }
    return false;
}

/* One tag of a scalar, one of each scalar in an array. */
static factum_status take_value(struct candidate *candidate, struct fct_note *note,
                                factum_slice name, uint32_t value, factum_error *err)
{
    const factum_json *json = &candidate->json;
    factum_status status = FACTUM_OK;
    if (factum_json_kind_of(json, value) != FACTUM_JSON_ARRAY) {
        return add_tag(candidate, note, name, value, err);
    }
    for (uint32_t at = factum_json_first(json, value);
         at != FACTUM_JSON_NONE && status == FACTUM_OK; at = factum_json_next(json, value, at)) {
        status = add_tag(candidate, note, name, at, err);
    }
    return status;
}

/* The tags that one "x-factum-tag" gives. */
static factum_status take_tag(struct candidate *candidate, struct fct_note *note,
                              const factum_schema_tag_place *place, factum_error *err)
{
    struct tag_path path = {.json = &candidate->json, .place = place, .values = {FACTUM_JSON_ROOT}};
    factum_status status = FACTUM_OK;
    do {
        if (path_down(&path)) {
            status = take_value(candidate, note, place->name, path.values[path.depth], err);
        }
    } while (status == FACTUM_OK && path_turn(&path));
    return status;
}

static factum_status take_tags(struct candidate *candidate, struct fct_note *note,
                               factum_error *err)
{
    factum_schema_tag_place place = {.size = sizeof place};
    factum_status status = FACTUM_OK;
    FCT_ASSERT(candidate->json.nodes != NULL); /* it was checked */
    note->first_tag = candidate->bench->places.len / sizeof(struct fct_place);
    for (size_t i = 0;
         status == FACTUM_OK && fct_program_tag(candidate->edition->program, i, &place); i++) {
        status = take_tag(candidate, note, &place, err);
    }
    return status;
}

/* ---- stamps ---------------------------------------------------------------------------------- */

static factum_slice trim(factum_slice text)
{
    while (text.len > 0 && memchr(" \t\r\n", text.ptr[0], 4) != NULL) {
        text = fct_slice_from(text, 1);
    }
    while (text.len > 0 && memchr(" \t\r\n", text.ptr[text.len - 1], 4) != NULL) {
        text.len--;
    }
    return text;
}

/* Writes the metadata with |member|, "\"name\":value", at its end. Metadata that is no object, or
 * has a member of this |name|, stays as it is. */
static factum_status stamp(struct candidate *candidate, struct fct_note *note, const char *name,
                           factum_slice member, factum_error *err)
{
    factum_slice metadata = trim(candidate->event->metadata);
    if (metadata.len == 0) {
        metadata = FCT_SLICE("{}");
    }
    if (metadata.len < 2 || metadata.ptr[0] != '{' || metadata.ptr[metadata.len - 1] != '}' ||
        fct_slice_holds(metadata, fct_slice(name, strlen(name)))) {
        return FACTUM_OK;
    }
    bool empty = trim(fct_slice(metadata.ptr + 1, metadata.len - 2)).len == 0;
    struct fct_buf *bytes = &candidate->bench->bytes;
    if (fct_buf_reserve(bytes, metadata.len + 1 + member.len) != FACTUM_OK) {
        return admit_no_memory(err);
    }
    uint8_t *to = bytes->ptr + bytes->len;
    memcpy(to, metadata.ptr, metadata.len - 1);
    to += metadata.len - 1;
    if (!empty) {
        *to++ = ',';
    }
    memcpy(to, member.ptr, member.len);
    to += member.len;
    *to++ = '}';
    note->metadata.at = bytes->len;
    note->metadata.len = (size_t)(to - bytes->ptr) - bytes->len;
    bytes->len += note->metadata.len;
    return FACTUM_OK;
}

static factum_status stamp_id(struct candidate *candidate, struct fct_note *note, factum_error *err)
{
    const struct fct_edition *edition = candidate->edition;
    return stamp(candidate, note, FCT_STAMP_NAME, fct_slice(edition->stamp, edition->stamp_len),
                 err);
}

/* Of an event that is let through although it does not fit: why, so that it can be found. */
static factum_status stamp_fault(struct candidate *candidate, struct fct_note *note,
                                 const char *text, factum_error *err)
{
    char member[2 * sizeof((factum_error *)0)->text + 32];
    size_t len = (size_t)snprintf(member, sizeof member, FAULT_NAME ":\"");
    fct_log_message(candidate->admission->sink, FACTUM_LOG_WARN, "schema-violation",
                    "an event of stream %.*s was let through: %s",
                    FCT_FMT(candidate->event->stream), text);
    for (; *text != '\0'; text++) { /* no control characters are in the text of an error */
        if (*text == '"' || *text == '\\') {
            member[len++] = '\\';
        }
        member[len++] = *text;
    }
    member[len++] = '"';
    return stamp(candidate, note, FAULT_NAME, fct_slice(member, len), err);
}

/* Checks one event and notes what is to be added to it. */
static factum_status admit_event(struct candidate *candidate, factum_error *err)
{
    struct fct_note note = {.event = candidate->index};
    factum_status status = check_event(candidate, err);
    if (status == FACTUM_OK) {
        status = take_tags(candidate, &note, err);
    }
    if (status == FACTUM_OK) {
        status = stamp_id(candidate, &note, err);
    } else if (status == FACTUM_SCHEMA_VIOLATION &&
               candidate->ruling.mode == FACTUM_SCHEMA_MODE_WARN) {
        note.tag_count = 0;
        status = stamp_fault(candidate, &note, err->text, err);
    }
    if (status == FACTUM_OK &&
        fct_buf_add(&candidate->bench->notes, &note, sizeof note) != FACTUM_OK) {
        return admit_no_memory(err);
    }
    return status;
}

/* ---- the whole append ------------------------------------------------------------------------ */

/* Copies the events of |request| and gives them what was noted. */
static factum_status copy_events(const struct fct_admission *admission,
                                 const struct fct_bench *bench, factum_append_op *op,
                                 factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    const struct fct_note *notes = (const struct fct_note *)(const void *)bench->notes.ptr;
    size_t note_count = bench->notes.len / sizeof *notes;
    size_t tags = 0;
    for (size_t i = 0; i < note_count; i++) {
        size_t own = request->events[notes[i].event].tag_count;
        tags += notes[i].tag_count > 0 ? own + notes[i].tag_count : 0;
    }
    size_t events_size = request->event_count * sizeof *request->events;
    size_t tags_size = tags * sizeof(factum_slice);
    struct admitted *admitted = fct_mem_alloc(admission->mem, sizeof *admitted + events_size +
                                                                  tags_size + bench->bytes.len + 1);
    if (admitted == NULL) {
        return admit_no_memory(err);
    }
    *admitted = (struct admitted){.tail = {admitted_end}, .mem = admission->mem};
    factum_slice *tag = (factum_slice *)(void *)((uint8_t *)admitted->events + events_size);
    uint8_t *bytes = (uint8_t *)tag + tags_size;
    memcpy(admitted->events, request->events, events_size);
    if (bench->bytes.len > 0) {
        memcpy(bytes, bench->bytes.ptr, bench->bytes.len);
    }
    for (size_t i = 0; i < note_count; i++) {
        const struct fct_note *note = &notes[i];
        factum_new_event *event = &admitted->events[note->event];
        if (note->metadata.len > 0) {
            event->metadata = fct_slice(bytes + note->metadata.at, note->metadata.len);
        }
        if (note->tag_count == 0) {
            continue;
        }
        const factum_slice *first = tag;
        for (size_t j = 0; j < event->tag_count; j++) {
            *tag++ = event->tags[j];
        }
        const struct fct_place *places = tag_places(bench, note);
        for (size_t j = 0; j < note->tag_count; j++) {
            *tag++ = fct_slice(bytes + places[j].at, places[j].len);
        }
        event->tags = first;
        event->tag_count += note->tag_count;
    }
    request->events = admitted->events;
    fct_op_set_tail(op, &admitted->tail);
    return FACTUM_OK;
}

static struct fct_ruling ruling_of(const struct fct_rules *rules, const factum_new_event *event)
{
    if (event->stream.ptr[0] == '$') {
        return (struct fct_ruling){.rule = NULL};
    }
    return fct_rules_find(rules, fct_category(event->stream), event->type);
}

/* The first event from |from| on that a rule is for; the event count if there is none. */
static size_t next_typed(const struct fct_rules *rules, const factum_append_request *request,
                         size_t from, struct fct_ruling *ruling)
{
    for (; from < request->event_count; from++) {
        *ruling = ruling_of(rules, &request->events[from]);
        if (ruling->rule != NULL) {
            break;
        }
    }
    return from;
}

/* Checks all typed events from |at| on, whose first meets |ruling|. */
static factum_status admit_typed(const struct fct_admission *admission, struct fct_bench *bench,
                                 factum_append_op *op, size_t at, struct fct_ruling ruling,
                                 factum_error *err)
{
    const factum_append_request *request = fct_op_request(op);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && at < request->event_count) {
        struct candidate candidate = {
            .admission = admission,
            .bench = bench,
            .event = &request->events[at],
            .index = at,
            .ruling = ruling,
        };
        status = admit_event(&candidate, err);
        if (status == FACTUM_SCHEMA_VIOLATION) {
            op->result.refused_index = at;
        }
        at = next_typed(admission->rules, request, at + 1, &ruling);
    }
    return status;
}

factum_status fct_admit(const struct fct_admission *admission, factum_append_op *op,
                        factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    struct fct_ruling ruling;
    size_t first = next_typed(admission->rules, request, 0, &ruling);
    if (first == request->event_count) {
        return FACTUM_OK;
    }
    struct fct_bench *bench = fct_bench_take(admission->benches);
    if (bench == NULL) {
        return admit_no_memory(err);
    }
    factum_error own;
    factum_error *why = err == NULL ? &own : err;
    factum_status status = admit_typed(admission, bench, op, first, ruling, why);
    if (status == FACTUM_OK && request->idempotency_key.len > 0) {
        request->fingerprint = fct_append_fingerprint(request); /* of what was sent */
    }
    if (status == FACTUM_OK) {
        status = copy_events(admission, bench, op, why);
    }
    fct_bench_give_back(admission->benches, bench);
    return status;
}
