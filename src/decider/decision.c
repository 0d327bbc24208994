/* decision.c - a decider's decision, checked. Layer: decider.
 *
 * Must not know the store.
 *
 * Invariants:
 *  1. Each emitted event was printed and read back: an event that could not be folded later is
 *     never written.
 *  2. The first failure stays; |decide| itself never sees one.
 */
#include "decider/decision.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "decider/fold.h"

#define EVENTS_CAPACITY_FIRST 8

void fct_decision_init(struct factum_decision *decision, const factum_decider *decider,
                       struct factum_arena *arena, factum_slice stream)
{
    factum_arena_reset(arena);
    /* Not everything is cleared: most decisions do not use the texts. */
    decision->decider = decider;
    decision->arena = arena;
    decision->stream = stream;
    decision->events = NULL;
    decision->count = 0;
    decision->capacity = 0;
    decision->failed = FACTUM_OK;
    decision->code[0] = '\0';
    decision->text[0] = '\0';
}

factum_arena *factum_decision_arena(factum_decision *out)
{
    return out->arena;
}

/* ---- emitting -------------------------------------------------------------------------------- */

static struct fct_emitted *new_emitted(struct factum_decision *out)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity == 0 ? EVENTS_CAPACITY_FIRST : out->capacity * 2;
        struct fct_emitted *events =
            capacity > FCT_DECISION_EVENTS_MAX * 2
                ? NULL
                : factum_arena_alloc(out->arena, capacity * sizeof *events);
        if (events == NULL) {
            out->failed =
                out->arena->status == FACTUM_OK
                    ? fct_fail(&out->err, FACTUM_TOO_BIG, "decider %s emits more than %d events",
                               out->decider->name, FCT_DECISION_EVENTS_MAX)
                    : fct_arena_status(out->arena, "the decision", &out->err);
            return NULL;
        }
        if (out->count > 0) {
            memcpy(events, out->events, out->count * sizeof *events);
        }
        out->events = events;
        out->capacity = capacity;
    }
    return &out->events[out->count];
}

factum_status fct_printed(factum_json_writer *to, const char *what, factum_slice *text,
                          factum_error *err)
{
    factum_status status = fct_arena_status(to->arena, what, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_json_writer_finish(to, err);
    status = status == FACTUM_OK ? status : fct_wrap(err, status, "%s", what);
    if (status != FACTUM_OK) {
        return status;
    }
    *text = fct_slice(to->buffer, to->used);
    return FACTUM_OK;
}

static factum_status print_emitted(struct factum_decision *out, const void *event,
                                   struct fct_emitted *emitted)
{
    const factum_decider *decider = out->decider;
    factum_json_writer to;
    factum_json_writer_in(&to, out->arena);
    emitted->type = decider->print(event, &to);
    factum_status status = fct_printed(&to, "the event", &emitted->data, &out->err);
    if (status == FACTUM_OK && emitted->type.len == 0) {
        status = fct_fail(&out->err, FACTUM_INVALID, "an event was printed without a type");
    }
    return status == FACTUM_OK ? FACTUM_OK
                               : fct_wrap(&out->err, status, "decider %s", decider->name);
}

static factum_status read_back(struct factum_decision *out, struct fct_emitted *emitted)
{
    const struct fct_stored stored = {emitted->type, emitted->data, NULL};
    void *typed = factum_arena_alloc(out->arena, out->decider->event_size);
    if (typed == NULL) {
        return fct_arena_status(out->arena, "the decision", &out->err);
    }
    factum_status status = fct_parse_typed(out->decider, &stored, out->arena, typed, &out->err);
    if (status == FACTUM_NOT_FOUND) {
        status = fct_fail(&out->err, FACTUM_INVALID,
                          "decider %s prints an event %.*s, which it does not know",
                          out->decider->name, FCT_FMT(stored.type));
    }
    emitted->typed = typed;
    return status;
}

static factum_status place_emitted(struct factum_decision *out, struct fct_emitted *emitted,
                                   factum_slice stream)
{
    if (stream.len == 0) {
        stream = out->stream;
    }
    if (stream.len == 0) {
        return fct_fail(&out->err, FACTUM_INVALID,
                        "decider %s decides over a query: an event has to name its stream "
                        "(factum_emit_to)",
                        out->decider->name);
    }
    if (out->stream.len > 0 && !fct_slice_equal(stream, out->stream)) {
        return fct_fail(&out->err, FACTUM_INVALID,
                        "decider %s decides about stream %.*s and emits into %.*s",
                        out->decider->name, FCT_FMT(out->stream), FCT_FMT(stream));
    }
    emitted->stream = factum_arena_copy(out->arena, stream);
    return fct_arena_status(out->arena, "the decision", &out->err);
}

static factum_status copy_tags(struct factum_decision *out, struct fct_emitted *emitted,
                               const factum_slice *tags, size_t tag_count)
{
    if (tag_count == 0) {
        return FACTUM_OK;
    }
    if (tag_count > FACTUM_TAGS_MAX || tags == NULL) {
        return fct_fail(&out->err, FACTUM_TOO_BIG, "decider %s: an event has %zu tags: at most %d",
                        out->decider->name, tag_count, FACTUM_TAGS_MAX);
    }
    factum_slice *copies = factum_arena_alloc(out->arena, tag_count * sizeof *copies);
    for (size_t i = 0; copies != NULL && i < tag_count; i++) {
        copies[i] = factum_arena_copy(out->arena, tags[i]);
    }
    emitted->tags = copies;
    emitted->tag_count = tag_count;
    return fct_arena_status(out->arena, "the decision", &out->err);
}

factum_verdict factum_emit_to(factum_decision *out, factum_slice stream, const void *event,
                              const factum_slice *tags, size_t tag_count)
{
    struct fct_emitted *slot = out->failed == FACTUM_OK ? new_emitted(out) : NULL;
    if (slot == NULL) {
        return FACTUM_ACCEPTED; /* fct_decide_now reports the failure */
    }
    struct fct_emitted emitted = {.tags = NULL};
    out->failed = print_emitted(out, event, &emitted);
    if (out->failed == FACTUM_OK) {
        out->failed = read_back(out, &emitted);
    }
    if (out->failed == FACTUM_OK) {
        out->failed = place_emitted(out, &emitted, stream);
    }
    if (out->failed == FACTUM_OK) {
        out->failed = copy_tags(out, &emitted, tags, tag_count);
    }
    if (out->failed == FACTUM_OK) {
        *slot = emitted;
        out->count++;
    }
    return FACTUM_ACCEPTED;
}

factum_verdict factum_emit(factum_decision *out, const void *event)
{
    return factum_emit_to(out, (factum_slice){.ptr = NULL}, event, NULL, 0);
}

/* Truncates a text between characters, not inside one. */
static void end_at_character(char *text)
{
    text[fct_utf8_prefix(factum_slice_from(text))] = '\0';
}

factum_verdict factum_reject(factum_decision *out, const char *code, const char *format, ...)
{
    va_list arguments;
    (void)snprintf(out->code, sizeof out->code, "%s", code);
    va_start(arguments, format);
    (void)vsnprintf(out->text, sizeof out->text, format, arguments);
    va_end(arguments);
    end_at_character(out->code);
    end_at_character(out->text);
    return FACTUM_REJECTED;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static factum_status check_verdict(const struct factum_decision *out, factum_verdict verdict,
                                   factum_error *err)
{
    const char *name = out->decider->name;
    switch (verdict) {
    case FACTUM_ACCEPTED:
        return out->count > 0 ? FACTUM_OK
                              : fct_fail(err, FACTUM_INVALID,
                                         "decider %s accepts a command without an event: that is "
                                         "FACTUM_NOOP",
                                         name);
    case FACTUM_NOOP:
    case FACTUM_REJECTED:
        if (out->count > 0) {
            return fct_fail(err, FACTUM_INVALID, "decider %s emits %zu event%s and %s the command",
                            name, out->count, out->count == 1 ? "" : "s",
                            verdict == FACTUM_NOOP ? "ignores" : "rejects");
        }
        return verdict == FACTUM_NOOP || out->code[0] != '\0'
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_INVALID, "decider %s rejects a command without a code",
                              name);
    }
    return fct_fail(err, FACTUM_INVALID, "decider %s gives the verdict %d", name, (int)verdict);
}

factum_status fct_decide_now(struct factum_decision *decision, const void *state,
                             const void *command, factum_verdict *verdict, factum_error *err)
{
    *verdict = decision->decider->decide(state, command, decision);
    factum_status status = decision->failed;
    if (status == FACTUM_OK) {
        status = fct_arena_status(decision->arena, "the decision", &decision->err);
    }
    if (status != FACTUM_OK) {
        *err = decision->err;
        return status;
    }
    return check_verdict(decision, *verdict, err);
}
