/* admit.c - see admit.h. Layer: gate.
 *
 * Most appends have no typed event: they pass after one look at each type. For the others, the
 * changes are first noted in a workspace, so that the copy is one block of exactly the size needed.
 *
 * While a write to "$schemas" is under way, an event whose rule it changes is accepted only if both
 * the current and the coming rule accept it. The event is treated by the current rule, which may
 * also refuse it. In all other cases the answer is BUSY, so that no effect of a version shows that
 * may never be in the log.
 */
#include "gate/admit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "engine/rules.h"

#define FAULT_NAME "\"$schema.fault\""

/* What an admitted append needs until it has ended: the events, their new tags, then the texts. */
struct admitted {
    struct fct_op_tail tail;
    struct fct_op_tail *before; /* of an earlier change to the op, or NULL */
    const struct fct_mem *mem;
    factum_new_event events[];
};

static void admitted_end(struct fct_op_tail *tail, factum_append_op *op)
{
    struct admitted *admitted = (struct admitted *)(void *)tail;
    struct fct_op_tail *before = admitted->before;
    fct_mem_free(admitted->mem, admitted);
    if (before != NULL) {
        before->end(before, op);
    }
}

static factum_status admit_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
}

/* ---- one event ------------------------------------------------------------------------------- */

/* The rules for an event: now, and after the write to the registry that is under way. Both are the
 * same if there is no such write, or if it changes nothing for the event. */
struct rulings {
    struct fct_ruling now;
    struct fct_ruling coming;
};

static bool is_changing(const struct rulings *rulings)
{
    return rulings->now.rule != rulings->coming.rule || rulings->now.mode != rulings->coming.mode;
}

/* An event under check, and the rule for it. */
struct candidate {
    const struct fct_admission *admission;
    struct fct_workspace *workspace;
    const factum_new_event *event;
    size_t index;
    struct rulings rulings;
    struct fct_ruling ruling; /* the one of |rulings| that it is checked by */
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
    const struct fct_rule *rule = candidate->ruling.rule;
    return fct_fail(err, FACTUM_SCHEMA_VIOLATION, "event %zu: %s%s%s (schema %.*s %" PRIu64 ")",
                    candidate->index, pointer, pointer[0] == '\0' ? "" : ": ", text,
                    FCT_FMT(rule->subject_text), rule->now->version);
}

static factum_status check_edition(struct candidate *candidate, factum_error *err)
{
    const struct fct_edition *edition = candidate->ruling.rule->now;
    factum_schema_result result = {.size = sizeof result};
    if (edition->program == NULL) {
        return violation(candidate, "", edition->broken, err);
    }
    factum_error why = {.status = FACTUM_OK};
    factum_status status = fct_run_json(candidate->workspace->run, edition->program,
                                        &candidate->json, 1, &result, &why);
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

/* OK, SCHEMA_VIOLATION, or the reason why it could not be checked. */
static factum_status check_event(struct candidate *candidate, factum_error *err)
{
    factum_error why;
    if (!is_json(candidate->event)) {
        return violation(candidate, "", "the data is not JSON, but its type has a schema", err);
    }
    factum_status status =
        fct_workspace_parse(candidate->workspace, candidate->event->data, &candidate->json, &why);
    if (status == FACTUM_NO_MEMORY) {
        return admit_no_memory(err);
    }
    if (status != FACTUM_OK) {
        return violation(candidate, "", why.text, err);
    }
    return check_edition(candidate, err);
}

/* ---- tags ------------------------------------------------------------------------------------ */

static factum_slice text_at(const struct fct_workspace *workspace, struct fct_place place)
{
    return fct_slice(workspace->bytes.ptr + place.at, place.len);
}

static const struct fct_place *tag_places(const struct fct_workspace *workspace,
                                          const struct fct_note *note)
{
    return (const struct fct_place *)(const void *)workspace->places.ptr + note->first_tag;
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
        const struct fct_place *places = tag_places(candidate->workspace, note);
        if (fct_slice_equal(text_at(candidate->workspace, places[i]), tag)) {
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

/* Writes "NAME:VALUE" of a scalar after the bytes of the workspace. */
static factum_status write_tag(struct candidate *candidate, factum_slice name, uint32_t value,
                               struct fct_place *place, factum_error *err)
{
    struct fct_buf *bytes = &candidate->workspace->bytes;
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
    struct fct_workspace *workspace = candidate->workspace;
    factum_json_kind kind = factum_json_kind_of(&candidate->json, value);
    if (kind == FACTUM_JSON_NULL || kind == FACTUM_JSON_ARRAY || kind == FACTUM_JSON_OBJECT) {
        return FACTUM_OK;
    }
    struct fct_place place = {.len = 0};
    factum_status status = write_tag(candidate, name, value, &place, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (has_tag(candidate, note, text_at(workspace, place))) {
        workspace->bytes.len = place.at;
        return FACTUM_OK;
    }
    if (candidate->event->tag_count + note->tag_count >= FACTUM_TAGS_MAX) {
        return refuse_tag(candidate, value, "makes more tags than the 32 that an event can have",
                          err);
    }
    if (fct_buf_add(&workspace->places, &place, sizeof place) != FACTUM_OK) {
        return admit_no_memory(err);
    }
    note->tag_count++;
    return FACTUM_OK;
}

/* A walk along the path to a tag, which branches at arrays; values[i] is where step i begins. */
struct tag_path {
    const factum_json *json;
    const factum_schema_tag_place *place;
    uint32_t values[FACTUM_SCHEMA_TAG_DEPTH_MAX + 1];
    size_t depth;
};

/* The first value that step |path->depth| leads to, or FACTUM_JSON_NONE. */
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

/* Descends as far as path and data allow. True: reached a value at the end of the path. */
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

/* Climbs to the innermost array that has another item, and to that item. False: none has. */
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

/* Adds one tag for a scalar, and one for each scalar in an array. */
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
    FCT_ASSERT(candidate->json.nodes != NULL); /* it was checked before */
    const struct fct_program *program = candidate->ruling.rule->now->program;
    for (size_t i = 0; status == FACTUM_OK && fct_program_tag(program, i, &place); i++) {
        status = take_tag(candidate, note, &place, err);
    }
    return status;
}

/* ---- stamps ---------------------------------------------------------------------------------- */

/* Can |metadata| have a member that belongs to the gate? A quick look, which may answer yes
 * wrongly. */
static bool may_have_ours(factum_slice metadata)
{
    return fct_slice_holds(metadata, FCT_SLICE("\"$schema.")) ||
           fct_slice_holds(metadata, FCT_SLICE("\\u"));
}

static bool is_ours(const factum_json *json, uint32_t name)
{
    return factum_json_text_is(json, name, FCT_SLICE("$schema.id")) ||
           factum_json_text_is(json, name, FCT_SLICE("$schema.fault"));
}

/* Writes the members of |metadata| that do not belong to the gate to |to|, which has room for all.
 * Returns where they end; NULL without memory. Metadata with duplicate members keeps them: of equal
 * names the last one counts, which is the gate's. */
static uint8_t *write_others(struct candidate *candidate, factum_slice metadata, uint8_t *to)
{
    factum_error ignored;
    factum_json json;
    factum_slice inside = fct_slice(metadata.ptr + 1, metadata.len - 2);
    factum_status status = may_have_ours(metadata) ? fct_workspace_parse(candidate->workspace,
                                                                         metadata, &json, &ignored)
                                                   : FACTUM_DONE;
    if (status == FACTUM_NO_MEMORY) {
        return NULL;
    }
    if (status != FACTUM_OK) {
        memcpy(to, inside.ptr, inside.len);
        return to + inside.len;
    }
    const uint8_t *begin = to;
    for (uint32_t at = factum_json_first(&json, FACTUM_JSON_ROOT); at != FACTUM_JSON_NONE;
         at = factum_json_next(&json, FACTUM_JSON_ROOT, at)) {
        if (is_ours(&json, at)) {
            continue;
        }
        const uint8_t *name = factum_json_inside(&json, at).ptr - 1; /* its quote */
        factum_slice value = factum_json_raw(&json, at + 1);
        size_t len = (size_t)(value.ptr + value.len - name);
        if (to > begin) {
            *to++ = ',';
        }
        memcpy(to, name, len);
        to += len;
    }
    return to;
}

/* Writes the metadata with |member|, "\"name\":value", at its end. Members of the sender under the
 * gate's names are dropped. Metadata that is not an object stays as it is. */
static factum_status stamp(struct candidate *candidate, struct fct_note *note, factum_slice member,
                           factum_error *err)
{
    factum_slice metadata = fct_slice_trim(candidate->event->metadata, FCT_JSON_SPACES);
    if (metadata.len == 0) {
        metadata = FCT_SLICE("{}");
    }
    if (metadata.len < 2 || metadata.ptr[0] != '{' || metadata.ptr[metadata.len - 1] != '}') {
        return FACTUM_OK;
    }
    struct fct_buf *bytes = &candidate->workspace->bytes;
    if (fct_buf_reserve(bytes, metadata.len + 1 + member.len) != FACTUM_OK) {
        return admit_no_memory(err);
    }
    uint8_t *begin = bytes->ptr + bytes->len;
    *begin = '{';
    uint8_t *to = write_others(candidate, metadata, begin + 1);
    if (to == NULL) {
        return admit_no_memory(err);
    }
    if (fct_slice_trim(fct_slice(begin + 1, (size_t)(to - begin) - 1), FCT_JSON_SPACES).len > 0) {
        *to++ = ',';
    }
    memcpy(to, member.ptr, member.len);
    to += member.len;
    *to++ = '}';
    note->metadata.at = bytes->len;
    note->metadata.len = (size_t)(to - begin);
    bytes->len += note->metadata.len;
    return FACTUM_OK;
}

static factum_status stamp_id(struct candidate *candidate, struct fct_note *note, factum_error *err)
{
    const struct fct_edition *edition = candidate->ruling.rule->now;
    return stamp(candidate, note, fct_slice(edition->stamp, edition->stamp_len), err);
}

/* For an event that is accepted although it does not fit: the reason, so that the event can be
 * found. */
static factum_status stamp_fault(struct candidate *candidate, struct fct_note *note,
                                 const char *text, factum_error *err)
{
    char member[2 * sizeof((factum_error *)0)->text + 32];
    size_t len = (size_t)snprintf(member, sizeof member, FAULT_NAME ":\"");
    fct_log_message(candidate->admission->sink, FACTUM_LOG_WARN, "schema-violation",
                    "an event of stream %.*s was let through: %s",
                    FCT_FMT(candidate->event->stream), text);
    for (; *text != '\0'; text++) { /* the text of an error has no control characters */
        if (*text == '"' || *text == '\\') {
            member[len++] = '\\';
        }
        member[len++] = *text;
    }
    member[len++] = '"';
    return stamp(candidate, note, fct_slice(member, len), err);
}

/* ---- one event as a whole -------------------------------------------------------------------- */

/* Does the event fit by |ruling|, and which tags does it get? */
static factum_status fit(struct candidate *candidate, struct fct_ruling ruling,
                         struct fct_note *note, factum_error *err)
{
    candidate->ruling = ruling;
    factum_status status = check_event(candidate, err);
    return status == FACTUM_OK ? take_tags(candidate, note, err) : status;
}

static factum_status undecided(const struct candidate *candidate, factum_error *err)
{
    return fct_fail(err, FACTUM_BUSY,
                    "event %zu: a schema of its type is being registered: try again",
                    candidate->index);
}

/* The current rule accepts the event with |fits|. Does the coming rule accept it in the same way?
 * OK, BUSY or NO_MEMORY. |note| and |candidate| are left unchanged. */
static factum_status ask_coming(struct candidate *candidate, factum_status fits,
                                struct fct_note *note, factum_error *err)
{
    const struct rulings *rulings = &candidate->rulings;
    factum_error why = {.status = FACTUM_OK};
    size_t tags = note->tag_count;
    if (rulings->coming.rule == NULL) {
        return FACTUM_OK;
    }
    factum_status status = fit(candidate, rulings->coming, note, &why);
    candidate->ruling = rulings->now;
    if (status == FACTUM_NO_MEMORY) {
        return admit_no_memory(err);
    }
    bool taken = status == FACTUM_OK || rulings->coming.mode == FACTUM_SCHEMA_MODE_WARN;
    return taken && status == fits && note->tag_count == tags ? FACTUM_OK
                                                              : undecided(candidate, err);
}

/* Checks one event and notes what it gets. */
static factum_status admit_event(struct candidate *candidate, factum_error *err)
{
    const struct rulings *rulings = &candidate->rulings;
    struct fct_note note = {.event = candidate->index,
                            .first_tag =
                                candidate->workspace->places.len / sizeof(struct fct_place)};
    if (rulings->now.rule == NULL) {
        return undecided(candidate, err);
    }
    factum_status fits = fit(candidate, rulings->now, &note, err);
    bool let_through =
        fits == FACTUM_SCHEMA_VIOLATION && rulings->now.mode == FACTUM_SCHEMA_MODE_WARN;
    if (fits != FACTUM_OK && !let_through) {
        return fits;
    }
    note.tag_count = let_through ? 0 : note.tag_count;
    factum_status status = FACTUM_OK;
    if (is_changing(rulings)) {
        factum_error why;
        status = ask_coming(candidate, fits, &note, &why);
        if (status != FACTUM_OK) {
            *err = why;
            return status;
        }
    }
    status = let_through ? stamp_fault(candidate, &note, err->text, err)
                         : stamp_id(candidate, &note, err);
    if (status == FACTUM_OK &&
        fct_buf_add(&candidate->workspace->notes, &note, sizeof note) != FACTUM_OK) {
        return admit_no_memory(err);
    }
    return status;
}

/* ---- the whole append ------------------------------------------------------------------------ */

/* Copies the events of |request| and applies the notes. */
static factum_status copy_events(const struct fct_admission *admission,
                                 const struct fct_workspace *workspace, factum_append_op *op,
                                 factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    const struct fct_note *notes = (const struct fct_note *)(const void *)workspace->notes.ptr;
    size_t note_count = workspace->notes.len / sizeof *notes;
    size_t tags = 0;
    for (size_t i = 0; i < note_count; i++) {
        size_t own = request->events[notes[i].event].tag_count;
        tags += notes[i].tag_count > 0 ? own + notes[i].tag_count : 0;
    }
    size_t events_size = request->event_count * sizeof *request->events;
    size_t tags_size = tags * sizeof(factum_slice);
    struct admitted *admitted = fct_mem_alloc(
        admission->mem, sizeof *admitted + events_size + tags_size + workspace->bytes.len + 1);
    if (admitted == NULL) {
        return admit_no_memory(err);
    }
    *admitted =
        (struct admitted){.tail = {admitted_end}, .before = fct_op_tail(op), .mem = admission->mem};
    factum_slice *tag = (factum_slice *)(void *)((uint8_t *)admitted->events + events_size);
    uint8_t *bytes = (uint8_t *)tag + tags_size;
    memcpy(admitted->events, request->events, events_size);
    if (workspace->bytes.len > 0) {
        memcpy(bytes, workspace->bytes.ptr, workspace->bytes.len);
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
        const struct fct_place *places = tag_places(workspace, note);
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

/* The first event at or after |from| that has a rule, or the event count. */
static size_t next_typed(const struct fct_rules *rules, const factum_append_request *request,
                         size_t from, struct rulings *rulings)
{
    const struct fct_rules *coming = fct_rules_coming(rules);
    for (; from < request->event_count; from++) {
        rulings->now = ruling_of(rules, &request->events[from]);
        rulings->coming = coming == NULL ? rulings->now : ruling_of(coming, &request->events[from]);
        if (rulings->now.rule != NULL || rulings->coming.rule != NULL) {
            break;
        }
    }
    return from;
}

/* Checks all typed events from |at| on; |rulings| are those of the first. */
static factum_status admit_typed(const struct fct_admission *admission,
                                 struct fct_workspace *workspace, factum_append_op *op, size_t at,
                                 struct rulings rulings, factum_error *err)
{
    const factum_append_request *request = fct_op_request(op);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && at < request->event_count) {
        struct candidate candidate = {
            .admission = admission,
            .workspace = workspace,
            .event = &request->events[at],
            .index = at,
            .rulings = rulings,
        };
        status = admit_event(&candidate, err);
        if (status == FACTUM_SCHEMA_VIOLATION) {
            op->result.refused_index = at;
        }
        at = next_typed(admission->rules, request, at + 1, &rulings);
    }
    return status;
}

factum_status fct_admit(const struct fct_admission *admission, factum_append_op *op,
                        factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    struct rulings rulings;
    size_t first = next_typed(admission->rules, request, 0, &rulings);
    if (first == request->event_count) {
        return FACTUM_OK;
    }
    struct fct_workspace *workspace = fct_workspace_take(admission->workspaces);
    if (workspace == NULL) {
        return admit_no_memory(err);
    }
    factum_status status = admit_typed(admission, workspace, op, first, rulings, err);
    if (status == FACTUM_OK && request->idempotency_key.len > 0) {
        request->fingerprint = fct_append_fingerprint(request); /* of the request as it was sent */
    }
    if (status == FACTUM_OK) {
        status = copy_events(admission, workspace, op, err);
    }
    fct_workspace_give_back(admission->workspaces, workspace);
    return status;
}
