/* run.c - checks a value on the tape against a program. Layer: schema.
 *
 * The happy path: apply() decides at once what it can. If a rule has subschemas for the value, it
 * pushes a frame, and the loop in run_frames() goes through the frame's phases. A phase goes over
 * the members, the items or the alternatives and applies a rule to each. When that pushes a frame,
 * the phase returns, and is called again with the outcome when that frame has ended.
 *
 * Evaluated members and items (for unevaluatedProperties and unevaluatedItems) are recorded in a
 * trail, a stack beside the frames. A frame that fails removes its part of the trail; one that
 * succeeds leaves it to the frame below if that looks at the same value.
 *
 * Invariants:
 * 1. No recursion, and no allocation once the run has seen a value as large.
 * 2. Every visited member, item, alternative and rule is a step; steps have a limit.
 * 3. After a limit run->status is not OK, and the outcome means nothing.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "schema/members.h"
#include "schema/run_int.h"
#include "schema/value.h"

#define BUFFER_SIZE_MAX ((size_t)1 << 30)
#define TEXTS_SIZE_MAX ((size_t)16 << 20)

enum outcome {
    NO,
    YES,
    LATER, /* a frame was pushed */
};

enum progress {
    PHASE_OVER,
    CHILD, /* a frame was pushed: call the phase again with its outcome */
};

/* The phases that can concern a value of a kind. */
#define OBJECT_PHASES                                                                              \
    (1u << FCT_PHASE_MEMBERS | 1u << FCT_PHASE_DEPENDENTS | 1u << FCT_PHASE_REST_MEMBERS)
#define ARRAY_PHASES (1u << FCT_PHASE_ITEMS | 1u << FCT_PHASE_CONTAINS | 1u << FCT_PHASE_REST_ITEMS)
#define OTHER_PHASES (((1u << FCT_PHASE_COUNT) - 1) & ~(OBJECT_PHASES | ARRAY_PHASES))

static unsigned phases_of_kind(uint8_t kind)
{
    return OTHER_PHASES | (kind == FACTUM_JSON_OBJECT  ? OBJECT_PHASES
                           : kind == FACTUM_JSON_ARRAY ? ARRAY_PHASES
                                                       : 0);
}

void fct_run_end(struct fct_run *run, factum_status status, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (run->status == FACTUM_OK) {
        run->status = fct_fail(run->err, status, "%s", text);
    }
}

bool fct_run_charge(struct fct_run *run, uint64_t steps)
{
    run->steps += steps;
    if (run->steps > run->program->limits.steps_max) {
        fct_run_end(run, FACTUM_TOO_BIG, "checking it is over the limit of %" PRIu64 " steps",
                    run->program->limits.steps_max);
        return false;
    }
    return true;
}

factum_slice fct_run_plain(struct fct_run *run, uint32_t node)
{
    struct fct_text text = fct_value_text(run->json, node);
    bool lone;
    if (!text.escaped) {
        return text.raw;
    }
    fct_buf_clear(&run->text);
    if (fct_buf_reserve(&run->text, text.raw.len + 1) != FACTUM_OK) {
        fct_run_end(run, FACTUM_NO_MEMORY, "a string of %zu bytes: out of memory", text.raw.len);
        return fct_slice(NULL, 0);
    }
    return fct_slice(run->text.ptr, fct_text_plain(text, run->text.ptr, &lone));
}

/* ---- applying a rule ------------------------------------------------------------------------- */

static const struct fct_rule *rule_of(const struct fct_run *run, const struct fct_frame *frame)
{
    return fct_rule_at(run->program, frame->rule);
}

static bool has(const struct fct_rule *rule, enum fct_keyword keyword)
{
    return (rule->keywords & FCT_BIT(keyword)) != 0;
}

static uint32_t operand(const struct fct_run *run, const struct fct_rule *rule,
                        enum fct_keyword keyword)
{
    return fct_operand_of(run->program, rule, keyword)->value;
}

static enum outcome push_frame(struct fct_run *run, const struct fct_frame *frame)
{
    if (run->depth == FACTUM_SCHEMA_FRAMES_MAX) {
        fct_run_end(run, FACTUM_TOO_BIG,
                    "checking it is over the limit of %u subschemas inside each other",
                    FACTUM_SCHEMA_FRAMES_MAX);
        return NO;
    }
    run->frames[run->depth++] = *frame;
    return LATER;
}

/* |parent|: the flags of the frame that applies the rule; |more|: QUIET, EXPLAIN, IN_PLACE. */
static enum outcome apply(struct fct_run *run, uint8_t parent, uint32_t number, uint32_t value,
                          unsigned more)
{
    if (number == FCT_RULE_ANY) {
        return YES;
    }
    if (FCT_UNLIKELY(!fct_run_charge(run, 1))) {
        return NO;
    }
    const struct fct_rule *rule = fct_rule_at(run->program, number);
    unsigned flags = (parent & (FCT_FRAME_QUIET | FCT_FRAME_EXPLAIN)) | more;
    if (rule->tracks || ((more & FCT_FRAME_IN_PLACE) != 0 && (parent & FCT_FRAME_TRACK) != 0)) {
        flags |= FCT_FRAME_TRACK;
    }
    bool ok = fct_check_value(run, rule, value, (uint8_t)flags);
    unsigned todo = rule->phases & phases_of_kind(run->json->nodes[value].kind);
    if (todo == 0) {
        return ok ? YES : NO;
    }
    struct fct_frame frame = {
        .rule = number,
        .value = value,
        .trail = FCT_COUNT_OF(run->trail, uint32_t),
        .phases = (uint16_t)todo,
        .flags = (uint8_t)(flags | (ok ? 0 : FCT_FRAME_FAILED)),
    };
    return !ok && fct_run_stops(run, &frame) ? NO : push_frame(run, &frame);
}

/* Applies the outcome to the frame. False: the frame needs no more. */
static bool settle(struct fct_run *run, struct fct_frame *frame, bool ok)
{
    frame->flags |= ok ? 0 : FCT_FRAME_FAILED;
    return !fct_run_stops(run, frame) && run->status == FACTUM_OK;
}

/* Was the phase called with an outcome? */
static bool take_outcome(struct fct_frame *frame)
{
    bool delivered = (frame->flags & FCT_FRAME_DELIVERED) != 0;
    frame->flags &= (uint8_t)~FCT_FRAME_DELIVERED;
    return delivered;
}

/* Records that |value| was evaluated. */
static void note(struct fct_run *run, const struct fct_frame *frame, uint32_t value)
{
    if ((frame->flags & FCT_FRAME_TRACK) != 0 &&
        fct_buf_add(&run->trail, &value, sizeof value) != FACTUM_OK) {
        fct_run_end(run, FACTUM_NO_MEMORY, "the evaluated properties and items: out of memory");
    }
}

/* ---- members --------------------------------------------------------------------------------- */

/* Applies |properties| to the member, and notes a required name. */
static enum outcome member_by_name(struct fct_run *run, struct fct_frame *frame,
                                   const struct fct_rule *rule)
{
    const struct fct_table *table =
        FCT_AT(run->program->tables, const struct fct_table, rule->members);
    factum_slice name = fct_run_plain(run, frame->at);
    if (name.ptr == NULL) {
        return NO;
    }
    const struct fct_member *member = fct_member_find(run->program, table, name);
    if (member == NULL) {
        return YES;
    }
    if (member->required < 64) {
        frame->seen |= UINT64_C(1) << member->required;
    }
    if (member->rule == FCT_RULE_NONE) {
        return YES;
    }
    frame->count = 1;
    note(run, frame, frame->at + 1);
    return apply(run, frame->flags, member->rule, frame->at + 1, 0);
}

/* The next pattern that matches the name. */
static enum outcome member_by_pattern(struct fct_run *run, struct fct_frame *frame,
                                      const struct fct_rule *rule)
{
    const uint32_t *list = fct_words_at(run->program, operand(run, rule, FCT_K_PATTERN_PROPERTIES));
    while (frame->index < list[0] && run->status == FACTUM_OK) {
        uint32_t pattern = list[1 + frame->index];
        uint32_t number = list[2 + frame->index];
        frame->index += 2;
        if (fct_check_pattern(run, pattern, frame->at)) {
            frame->count = 1;
            note(run, frame, frame->at + 1);
            return apply(run, frame->flags, number, frame->at + 1, 0);
        }
    }
    frame->stage++;
    return YES;
}

enum member_stage {
    BY_NAME,
    BY_PATTERN,
    ADDITIONAL,
    NAME,
    MEMBER_OVER,
};

/* One stage of the current member; the frame has the next one already. */
static enum outcome member_stage(struct fct_run *run, struct fct_frame *frame,
                                 const struct fct_rule *rule)
{
    switch ((enum member_stage)frame->stage) {
    case BY_NAME:
        frame->stage = BY_PATTERN;
        return has(rule, FCT_K_MEMBERS) ? member_by_name(run, frame, rule) : YES;
    case BY_PATTERN:
        if (has(rule, FCT_K_PATTERN_PROPERTIES)) {
            return member_by_pattern(run, frame, rule);
        }
        frame->stage = ADDITIONAL;
        return YES;
    case ADDITIONAL:
        frame->stage = NAME;
        if (has(rule, FCT_K_ADDITIONAL_PROPERTIES) && frame->count == 0) {
            note(run, frame, frame->at + 1);
            return apply(run, frame->flags, operand(run, rule, FCT_K_ADDITIONAL_PROPERTIES),
                         frame->at + 1, 0);
        }
        return YES;
    case NAME:
        frame->stage = MEMBER_OVER;
        return has(rule, FCT_K_PROPERTY_NAMES)
                   ? apply(run, frame->flags, operand(run, rule, FCT_K_PROPERTY_NAMES), frame->at,
                           0)
                   : YES;
    case MEMBER_OVER:
        break;
    }
    return YES;
}

/* Names whose bit is missing and, from the 64th on, those that are not found. */
static void check_required(struct fct_run *run, struct fct_frame *frame,
                           const struct fct_rule *rule)
{
    const struct fct_operand *required = fct_operand_of(run->program, rule, FCT_K_REQUIRED);
    const uint32_t *list = fct_words_at(run->program, required->value);
    for (uint32_t i = 0; i < list[0]; i++) {
        bool there = i < 64 ? (frame->seen >> i & 1) != 0
                            : factum_json_find(run->json, frame->value,
                                               fct_names_text(&run->program->texts, list[1 + i])) !=
                                  FACTUM_JSON_NONE;
        if (i >= 64 && !fct_run_charge(run, run->json->nodes[frame->value].next - frame->value)) {
            return;
        }
        if (!there) {
            fct_fault_missing(run, rule, required->node, frame->value, frame->flags, list[1 + i],
                              NULL);
            if (!settle(run, frame, false)) {
                return;
            }
        }
    }
}

/* Do only names matter: no pattern, no schema for other names? */
static bool only_names(const struct fct_rule *rule)
{
    return (rule->keywords &
            (FCT_BIT(FCT_K_PATTERN_PROPERTIES) | FCT_BIT(FCT_K_ADDITIONAL_PROPERTIES) |
             FCT_BIT(FCT_K_PROPERTY_NAMES))) == 0;
}

static enum progress do_members(struct fct_run *run, struct fct_frame *frame)
{
    const struct fct_rule *rule = rule_of(run, frame);
    uint32_t end = run->json->nodes[frame->value].next;
    uint8_t last = only_names(rule) ? BY_PATTERN : MEMBER_OVER;
    if (take_outcome(frame)) {
        if (!settle(run, frame, run->ok)) {
            return PHASE_OVER;
        }
    } else {
        frame->at = frame->value + 1;
    }
    while (frame->at < end) {
        while (frame->stage != last) {
            enum outcome outcome = member_stage(run, frame, rule);
            if (outcome == LATER) {
                return CHILD;
            }
            if (!settle(run, frame, outcome == YES)) {
                return PHASE_OVER;
            }
        }
        frame->at = run->json->nodes[frame->at + 1].next;
        frame->stage = BY_NAME;
        frame->index = 0;
        frame->count = 0;
        if (!fct_run_charge(run, 1)) {
            return PHASE_OVER;
        }
    }
    if (has(rule, FCT_K_REQUIRED)) {
        check_required(run, frame, rule);
    }
    return PHASE_OVER;
}

/* ---- items ----------------------------------------------------------------------------------- */

static enum progress do_items(struct fct_run *run, struct fct_frame *frame)
{
    const struct fct_rule *rule = rule_of(run, frame);
    uint32_t end = run->json->nodes[frame->value].next;
    const uint32_t *prefix =
        has(rule, FCT_K_PREFIX_ITEMS)
            ? fct_words_at(run->program, operand(run, rule, FCT_K_PREFIX_ITEMS))
            : NULL;
    uint32_t prefix_count = prefix == NULL ? 0 : prefix[0];
    uint32_t rest = has(rule, FCT_K_ITEMS) ? operand(run, rule, FCT_K_ITEMS) : FCT_RULE_NONE;
    if (take_outcome(frame)) {
        if (!settle(run, frame, run->ok)) {
            return PHASE_OVER;
        }
    } else {
        frame->at = frame->value + 1;
    }
    while (frame->at < end) {
        uint32_t index = frame->index++;
        uint32_t at = frame->at;
        uint32_t number = index < prefix_count ? prefix[1 + index] : rest;
        if (number == FCT_RULE_NONE) {
            break;
        }
        frame->at = run->json->nodes[at].next;
        note(run, frame, at);
        enum outcome outcome = apply(run, frame->flags, number, at, 0);
        if (outcome == LATER) {
            return CHILD;
        }
        if (!settle(run, frame, outcome == YES) || !fct_run_charge(run, 1)) {
            return PHASE_OVER;
        }
    }
    return PHASE_OVER;
}

static void check_contained(struct fct_run *run, struct fct_frame *frame,
                            const struct fct_rule *rule)
{
    const struct fct_program *program = run->program;
    const struct fct_operand *contains = fct_operand_of(program, rule, FCT_K_CONTAINS);
    bool has_min = has(rule, FCT_K_MIN_CONTAINS);
    bool has_max = has(rule, FCT_K_MAX_CONTAINS);
    uint32_t min = has_min ? operand(run, rule, FCT_K_MIN_CONTAINS) : 1;
    uint32_t max = has_max ? operand(run, rule, FCT_K_MAX_CONTAINS) : UINT32_MAX;
    if (frame->count < min) {
        uint32_t node =
            has_min ? fct_operand_of(program, rule, FCT_K_MIN_CONTAINS)->node : contains->node;
        fct_fault(run, rule, node, frame->value, frame->flags,
                  "must have at least %" PRIu32
                  " item%s that match%s \"contains\", but has %" PRIu32,
                  min, min == 1 ? "" : "s", min == 1 ? "es" : "", frame->count);
        (void)settle(run, frame, false);
    } else if (frame->count > max) {
        fct_fault(run, rule, fct_operand_of(program, rule, FCT_K_MAX_CONTAINS)->node, frame->value,
                  frame->flags,
                  "must have at most %" PRIu32 " item%s that match%s \"contains\", but has more",
                  max, max == 1 ? "" : "s", max == 1 ? "es" : "");
        (void)settle(run, frame, false);
    }
}

/* Counts an item that was checked. */
static void count_item(struct fct_run *run, struct fct_frame *frame, bool ok)
{
    frame->count += ok ? 1 : 0;
    if (ok && rule_of(run, frame)->draft >= FACTUM_SCHEMA_2020_12) {
        note(run, frame, frame->at);
    }
    frame->at = run->json->nodes[frame->at].next;
}

static enum progress do_contains(struct fct_run *run, struct fct_frame *frame)
{
    const struct fct_rule *rule = rule_of(run, frame);
    uint32_t end = run->json->nodes[frame->value].next;
    uint32_t min = has(rule, FCT_K_MIN_CONTAINS) ? operand(run, rule, FCT_K_MIN_CONTAINS) : 1;
    uint32_t max =
        has(rule, FCT_K_MAX_CONTAINS) ? operand(run, rule, FCT_K_MAX_CONTAINS) : UINT32_MAX;
    bool all = (frame->flags & FCT_FRAME_TRACK) != 0;
    if (take_outcome(frame)) {
        count_item(run, frame, run->ok);
    } else {
        frame->at = frame->value + 1;
    }
    while (frame->at < end && run->status == FACTUM_OK) {
        bool decided = max == UINT32_MAX ? frame->count >= min : frame->count > max;
        if (decided && !all) {
            break;
        }
        enum outcome outcome = apply(run, frame->flags, operand(run, rule, FCT_K_CONTAINS),
                                     frame->at, FCT_FRAME_QUIET);
        if (outcome == LATER) {
            return CHILD;
        }
        count_item(run, frame, outcome == YES);
    }
    check_contained(run, frame, rule);
    return PHASE_OVER;
}

/* ---- the same value again -------------------------------------------------------------------- */

/* Applies one rule to the frame's value. True: |outcome| is set. */
static bool apply_once(struct fct_run *run, struct fct_frame *frame, uint32_t number,
                       unsigned flags, bool *outcome)
{
    if (take_outcome(frame)) {
        *outcome = run->ok;
        return true;
    }
    enum outcome now = apply(run, frame->flags, number, frame->value, flags);
    *outcome = now == YES;
    return now != LATER;
}

static enum progress do_ref(struct fct_run *run, struct fct_frame *frame)
{
    bool ok;
    uint32_t number = operand(run, rule_of(run, frame), FCT_K_REF);
    if (!apply_once(run, frame, number, FCT_FRAME_IN_PLACE, &ok)) {
        return CHILD;
    }
    (void)settle(run, frame, ok);
    return PHASE_OVER;
}

/* The outermost resource on the way that has the anchor decides. */
static uint32_t dynamic_target(struct fct_run *run, const struct fct_rule *rule)
{
    const uint32_t *pair = fct_words_at(run->program, operand(run, rule, FCT_K_DYNAMIC_REF)) + 1;
    if (pair[1] == FCT_RULE_NONE) {
        return pair[0];
    }
    const uint32_t *list = fct_words_at(run->program, pair[1]);
    uint32_t before = FCT_RULE_NONE;
    for (uint32_t i = 0; i < run->depth; i++) {
        uint32_t resource = rule_of(run, &run->frames[i])->resource;
        for (uint32_t k = 0; k < list[0] && resource != before; k += 2) {
            if (list[1 + k] == resource) {
                return list[2 + k];
            }
        }
        if (resource != before && !fct_run_charge(run, 1 + list[0] / 8)) {
            break;
        }
        before = resource;
    }
    return pair[0];
}

static enum progress do_dynamic_ref(struct fct_run *run, struct fct_frame *frame)
{
    bool ok;
    bool delivered = (frame->flags & FCT_FRAME_DELIVERED) != 0;
    uint32_t number = delivered ? FCT_RULE_ANY : dynamic_target(run, rule_of(run, frame));
    if (!apply_once(run, frame, number, FCT_FRAME_IN_PLACE, &ok)) {
        return CHILD;
    }
    (void)settle(run, frame, ok);
    return PHASE_OVER;
}

static enum progress do_all_of(struct fct_run *run, struct fct_frame *frame)
{
    const uint32_t *list =
        fct_words_at(run->program, operand(run, rule_of(run, frame), FCT_K_ALL_OF));
    while (frame->index < list[0]) {
        bool ok;
        if (!apply_once(run, frame, list[1 + frame->index], FCT_FRAME_IN_PLACE, &ok)) {
            return CHILD;
        }
        frame->index++;
        if (!settle(run, frame, ok)) {
            break;
        }
    }
    return PHASE_OVER;
}

enum choice_stage {
    COUNT,   /* which alternatives match */
    EXPLAIN, /* why none does */
};

/* No alternative matches: reports a fault, after a second pass that explains it. */
static enum progress explain_choice(struct fct_run *run, struct fct_frame *frame,
                                    const struct fct_operand *choice, const char *must)
{
    const struct fct_rule *rule = rule_of(run, frame);
    const uint32_t *list = fct_words_at(run->program, choice->value);
    bool shown = (frame->flags & (FCT_FRAME_QUIET | FCT_FRAME_EXPLAIN)) == 0;
    if (frame->stage == COUNT) {
        frame->stage = EXPLAIN;
        frame->index = 0;
        fct_fault_why_begin(run);
    }
    while (shown && frame->index < list[0] && frame->index < 3 && run->status == FACTUM_OK) {
        bool ok;
        if (!apply_once(run, frame, list[1 + frame->index], FCT_FRAME_EXPLAIN, &ok)) {
            return CHILD;
        }
        frame->index++;
        fct_fault_why_next(run);
    }
    bool more = list[0] > 3 && run->why_len > 0;
    fct_fault(run, rule, choice->node, frame->value, frame->flags,
              "%s of %" PRIu32 " alternative%s, but matches none%s%.*s%s", must, list[0],
              list[0] == 1 ? "" : "s", shown && run->why_len > 0 ? ": " : "",
              shown ? (int)run->why_len : 0, run->why, shown && more ? "; and so on" : "");
    (void)settle(run, frame, false);
    return PHASE_OVER;
}

static enum progress do_any_of(struct fct_run *run, struct fct_frame *frame)
{
    const struct fct_operand *choice =
        fct_operand_of(run->program, rule_of(run, frame), FCT_K_ANY_OF);
    const uint32_t *list = fct_words_at(run->program, choice->value);
    bool all = (frame->flags & FCT_FRAME_TRACK) != 0;
    while (frame->stage == COUNT && frame->index < list[0] && (frame->count == 0 || all)) {
        bool ok;
        if (!apply_once(run, frame, list[1 + frame->index], FCT_FRAME_QUIET | FCT_FRAME_IN_PLACE,
                        &ok)) {
            return CHILD;
        }
        frame->index++;
        frame->count += ok ? 1 : 0;
        if (run->status != FACTUM_OK) {
            return PHASE_OVER;
        }
    }
    return frame->count > 0 ? PHASE_OVER : explain_choice(run, frame, choice, "must match one");
}

static enum progress do_one_of(struct fct_run *run, struct fct_frame *frame)
{
    const struct fct_rule *rule = rule_of(run, frame);
    const struct fct_operand *choice = fct_operand_of(run->program, rule, FCT_K_ONE_OF);
    const uint32_t *list = fct_words_at(run->program, choice->value);
    while (frame->stage == COUNT && frame->index < list[0] && frame->count < 2) {
        bool ok;
        if (!apply_once(run, frame, list[1 + frame->index], FCT_FRAME_QUIET | FCT_FRAME_IN_PLACE,
                        &ok)) {
            return CHILD;
        }
        frame->at = ok && frame->count == 0 ? frame->index : frame->at; /* the first that matches */
        frame->index++;
        frame->count += ok ? 1 : 0;
        if (run->status != FACTUM_OK) {
            return PHASE_OVER;
        }
    }
    if (frame->count == 0) {
        return explain_choice(run, frame, choice, "must match exactly one");
    }
    if (frame->count > 1) {
        fct_fault(run, rule, choice->node, frame->value, frame->flags,
                  "must match exactly one of %" PRIu32
                  " alternatives, but matches both number %" PRIu32 " and number %" PRIu32,
                  list[0], frame->at, frame->index - 1);
        (void)settle(run, frame, false);
    }
    return PHASE_OVER;
}

static enum progress do_not(struct fct_run *run, struct fct_frame *frame)
{
    bool ok;
    const struct fct_rule *rule = rule_of(run, frame);
    const struct fct_operand *not_this = fct_operand_of(run->program, rule, FCT_K_NOT);
    if (!apply_once(run, frame, not_this->value, FCT_FRAME_QUIET, &ok)) {
        return CHILD;
    }
    if (ok && run->status == FACTUM_OK) {
        fct_fault(run, rule, not_this->node, frame->value, frame->flags,
                  "must not match the schema in \"not\", but does");
        (void)settle(run, frame, false);
    }
    return PHASE_OVER;
}

enum if_stage {
    ASK,
    THEN,
    ELSE,
};

static enum progress do_if(struct fct_run *run, struct fct_frame *frame)
{
    const struct fct_rule *rule = rule_of(run, frame);
    bool ok;
    if (frame->stage == ASK) {
        if (!apply_once(run, frame, operand(run, rule, FCT_K_IF),
                        FCT_FRAME_QUIET | FCT_FRAME_IN_PLACE, &ok)) {
            return CHILD;
        }
        frame->stage = ok ? THEN : ELSE;
    }
    enum fct_keyword branch = frame->stage == THEN ? FCT_K_THEN : FCT_K_ELSE;
    if (!has(rule, branch)) {
        return PHASE_OVER;
    }
    if (!apply_once(run, frame, operand(run, rule, branch), FCT_FRAME_IN_PLACE, &ok)) {
        return CHILD;
    }
    (void)settle(run, frame, ok);
    return PHASE_OVER;
}

/* ---- dependents ------------------------------------------------------------------------------ */

static bool has_member(struct fct_run *run, uint32_t object, uint32_t text)
{
    (void)fct_run_charge(run, 1 + (run->json->nodes[object].next - object) / 4);
    return factum_json_find(run->json, object, fct_names_text(&run->program->texts, text)) !=
           FACTUM_JSON_NONE;
}

/* Reports the names of a list that are missing beside |name|. */
static void check_dependents(struct fct_run *run, struct fct_frame *frame, const uint32_t *entry)
{
    const struct fct_rule *rule = rule_of(run, frame);
    const uint32_t *names = fct_words_at(run->program, entry[2]);
    factum_slice because = fct_names_text(&run->program->texts, entry[0]);
    for (uint32_t i = 0; i < names[0] && run->status == FACTUM_OK; i++) {
        if (!has_member(run, frame->value, names[1 + i])) {
            char text[FCT_SHOWN_SIZE];
            (void)snprintf(text, sizeof text, "\"%.*s\"", fct_fmt_size(because) % 80,
                           (const char *)because.ptr);
            fct_fault_missing(run, rule, entry[3], frame->value, frame->flags, names[1 + i], text);
            if (!settle(run, frame, false)) {
                return;
            }
        }
    }
}

static enum progress do_dependents(struct fct_run *run, struct fct_frame *frame)
{
    const uint32_t *list =
        fct_words_at(run->program, operand(run, rule_of(run, frame), FCT_K_DEPENDENTS));
    bool delivered = (frame->flags & FCT_FRAME_DELIVERED) != 0;
    while (frame->index < list[0] && run->status == FACTUM_OK) {
        const uint32_t *entry = list + 1 + frame->index;
        bool ok = true;
        if (delivered || has_member(run, frame->value, entry[0])) {
            if (entry[1] != FCT_RULE_NONE &&
                !apply_once(run, frame, entry[1], FCT_FRAME_IN_PLACE, &ok)) {
                return CHILD;
            }
            if (entry[2] != FCT_RULE_NONE) {
                check_dependents(run, frame, entry);
            }
        }
        delivered = false;
        frame->index += 4;
        if (!settle(run, frame, ok)) {
            break;
        }
    }
    return PHASE_OVER;
}

/* ---- what was not evaluated ------------------------------------------------------------------ */

/* Stamps the nodes in the frame's part of the trail with a new stamp, which is returned. 0:
 * everything is evaluated. */
static uint32_t mark_evaluated(struct fct_run *run, const struct fct_frame *frame)
{
    size_t size = run->json->count * sizeof(uint32_t);
    uint32_t count = FCT_COUNT_OF(run->trail, uint32_t);
    if (run->marks.len < size) {
        size_t more = size - run->marks.len;
        if (fct_buf_reserve(&run->marks, more) != FACTUM_OK) {
            fct_run_end(run, FACTUM_NO_MEMORY, "unevaluated properties: out of memory");
            return 0;
        }
        memset(run->marks.ptr + run->marks.len, 0, more);
        run->marks.len = size;
    }
    run->stamp++;
    if (run->stamp == 0) {
        memset(run->marks.ptr, 0, run->marks.len);
        run->stamp = 1;
    }
    (void)fct_run_charge(run, (count - frame->trail) / 8);
    for (uint32_t i = frame->trail; i < count; i++) {
        uint32_t value = *FCT_AT(run->trail, const uint32_t, i);
        if (value == frame->value) {
            return 0;
        }
        *FCT_AT(run->marks, uint32_t, value) = run->stamp;
    }
    return run->stamp;
}

static enum progress do_rest(struct fct_run *run, struct fct_frame *frame, enum fct_keyword keyword)
{
    uint32_t number = operand(run, rule_of(run, frame), keyword);
    uint32_t end = run->json->nodes[frame->value].next;
    uint32_t name = keyword == FCT_K_UNEVALUATED_PROPERTIES ? 1 : 0; /* before the value */
    if (take_outcome(frame)) {
        if (!settle(run, frame, run->ok)) {
            return PHASE_OVER;
        }
    } else {
        frame->count = mark_evaluated(run, frame);
        frame->at = frame->count == 0 ? end : frame->value + 1;
    }
    while (frame->at < end) {
        uint32_t value = frame->at + name;
        frame->at = run->json->nodes[value].next;
        if (*FCT_AT(run->marks, const uint32_t, value) == frame->count) {
            continue;
        }
        enum outcome outcome = apply(run, frame->flags, number, value, 0);
        if (outcome == LATER) {
            return CHILD;
        }
        if (!settle(run, frame, outcome == YES) || !fct_run_charge(run, 1)) {
            return PHASE_OVER;
        }
    }
    note(run, frame, frame->value);
    return PHASE_OVER;
}

static enum progress do_rest_items(struct fct_run *run, struct fct_frame *frame)
{
    return do_rest(run, frame, FCT_K_UNEVALUATED_ITEMS);
}

static enum progress do_rest_members(struct fct_run *run, struct fct_frame *frame)
{
    return do_rest(run, frame, FCT_K_UNEVALUATED_PROPERTIES);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static enum progress (*const phases[FCT_PHASE_COUNT])(struct fct_run *, struct fct_frame *) = {
    [FCT_PHASE_MEMBERS] = do_members,
    [FCT_PHASE_ITEMS] = do_items,
    [FCT_PHASE_CONTAINS] = do_contains,
    [FCT_PHASE_REF] = do_ref,
    [FCT_PHASE_DYNAMIC_REF] = do_dynamic_ref,
    [FCT_PHASE_ALL_OF] = do_all_of,
    [FCT_PHASE_ANY_OF] = do_any_of,
    [FCT_PHASE_ONE_OF] = do_one_of,
    [FCT_PHASE_NOT] = do_not,
    [FCT_PHASE_IF] = do_if,
    [FCT_PHASE_DEPENDENTS] = do_dependents,
    [FCT_PHASE_REST_ITEMS] = do_rest_items,
    [FCT_PHASE_REST_MEMBERS] = do_rest_members,
};

/* Ends the top frame. */
static void pop(struct fct_run *run)
{
    const struct fct_frame *frame = &run->frames[run->depth - 1];
    run->ok = (frame->flags & FCT_FRAME_FAILED) == 0;
    if (!run->ok || (frame->flags & FCT_FRAME_IN_PLACE) == 0) {
        run->trail.len = frame->trail * sizeof(uint32_t);
    }
    run->depth--;
    if (run->depth > 0) {
        run->frames[run->depth - 1].flags |= FCT_FRAME_DELIVERED;
    }
}

static void run_frames(struct fct_run *run)
{
    while (run->depth > 0 && run->status == FACTUM_OK) {
        struct fct_frame *frame = &run->frames[run->depth - 1];
        if (frame->phases == 0 || fct_run_stops(run, frame)) {
            pop(run);
            continue;
        }
        uint32_t phase = (uint32_t)FCT_LOWEST_BIT64(frame->phases);
        if (phases[phase](run, frame) == PHASE_OVER) {
            frame->phases &= (uint16_t)(frame->phases - 1);
            frame->at = 0;
            frame->index = 0;
            frame->count = 0;
            frame->seen = 0;
            frame->stage = 0;
        }
    }
}

/* ---- the interface --------------------------------------------------------------------------- */

factum_status fct_run_create(const struct fct_mem *mem, struct fct_run **run, factum_error *err)
{
    *run = NULL;
    struct fct_run *fresh = fct_mem_zalloc(mem, 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "a checker: out of memory");
    }
    fresh->mem = mem;
    fct_buf_init(&fresh->nodes, mem, BUFFER_SIZE_MAX * 2);
    fct_buf_init(&fresh->text, mem, BUFFER_SIZE_MAX);
    fct_buf_init(&fresh->trail, mem, BUFFER_SIZE_MAX);
    fct_buf_init(&fresh->marks, mem, BUFFER_SIZE_MAX);
    fct_buf_init(&fresh->unique, mem, BUFFER_SIZE_MAX);
    fct_buf_init(&fresh->faults, mem, TEXTS_SIZE_MAX);
    fct_buf_init(&fresh->texts, mem, TEXTS_SIZE_MAX);
    fct_buf_init(&fresh->shown, mem, TEXTS_SIZE_MAX);
    fresh->frames = fct_mem_zalloc(mem, FACTUM_SCHEMA_FRAMES_MAX, sizeof *fresh->frames);
    factum_status status = fresh->frames == NULL
                               ? fct_fail(err, FACTUM_NO_MEMORY, "a checker: out of memory")
                               : fct_pattern_scratch_create(mem, &fresh->scratch, err);
    if (status != FACTUM_OK) {
        fct_run_destroy(fresh);
        return status;
    }
    *run = fresh;
    return FACTUM_OK;
}

void fct_run_destroy(struct fct_run *run)
{
    if (run == NULL) {
        return;
    }
    struct fct_buf *buffers[] = {&run->nodes,  &run->text,   &run->trail, &run->marks,
                                 &run->unique, &run->faults, &run->texts, &run->shown};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        fct_buf_finish(buffers[i]);
    }
    fct_pattern_scratch_destroy(run->scratch);
    fct_mem_free(run->mem, run->frames);
    fct_mem_free(run->mem, run);
}

/* Copies the faults for the caller. */
static factum_status show_faults(struct fct_run *run, factum_schema_result *result)
{
    uint32_t count = FCT_COUNT_OF(run->faults, struct fct_fault_texts);
    const char *texts = (const char *)run->texts.ptr;
    fct_buf_clear(&run->shown);
    for (uint32_t i = 0; i < count; i++) {
        const struct fct_fault_texts *at = FCT_AT(run->faults, const struct fct_fault_texts, i);
        factum_schema_fault fault = {
            .pointer = texts + at->pointer, .schema = texts + at->schema, .text = texts + at->text};
        if (fct_buf_add(&run->shown, &fault, sizeof fault) != FACTUM_OK) {
            return fct_fail(run->err, FACTUM_NO_MEMORY, "the faults: out of memory");
        }
    }
    result->faults = FCT_FIRST(run->shown, const factum_schema_fault);
    result->fault_count = count;
    result->more = count == run->faults_max;
    return FACTUM_OK;
}

static void begin(struct fct_run *run, const struct fct_program *program, const factum_json *json,
                  size_t faults_max)
{
    run->program = program;
    run->json = json;
    run->status = FACTUM_OK;
    run->steps = 0;
    run->fault_steps = 0;
    run->depth = 0;
    run->trail.len = 0;
    run->faults_max = faults_max == 0                         ? 1
                      : faults_max > FACTUM_SCHEMA_FAULTS_MAX ? FACTUM_SCHEMA_FAULTS_MAX
                                                              : faults_max;
    run->first_only = run->faults_max == 1;
    fct_buf_clear(&run->faults);
    fct_buf_clear(&run->texts);
}

factum_status fct_run_json(struct fct_run *run, const struct fct_program *program,
                           const factum_json *json, size_t faults_max, factum_schema_result *result,
                           factum_error *err)
{
    result->valid = false;
    result->more = false;
    result->faults = NULL;
    result->fault_count = 0;
    run->err = err;
    begin(run, program, json, faults_max);
    enum outcome outcome = apply(run, 0, program->root, FACTUM_JSON_ROOT, 0);
    run->ok = outcome == YES;
    if (outcome == LATER) {
        run_frames(run);
    }
    if (run->status == FACTUM_OK && run->ok) {
        result->valid = true;
        return FACTUM_OK;
    }
    return run->status == FACTUM_OK ? show_faults(run, result) : run->status;
}

factum_status fct_run_text(struct fct_run *run, const struct fct_program *program,
                           factum_slice text, size_t faults_max, factum_schema_result *result,
                           factum_error *err)
{
    factum_json json;
    size_t room = run->nodes.capacity / sizeof(factum_json_node);
    factum_json_node *nodes = FCT_FIRST(run->nodes, factum_json_node);
    factum_status status = FACTUM_TOO_BIG;
    result->valid = false;
    if (text.len > FACTUM_SCHEMA_DATA_SIZE_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "%zu bytes are over the limit of %zu", text.len,
                        FACTUM_SCHEMA_DATA_SIZE_MAX);
    }
    if (room > 0) {
        status = factum_json_parse(text, NULL, nodes, room, &json, err);
    }
    if (status == FACTUM_TOO_BIG) {
        size_t most = factum_json_nodes_max(text.len);
        if (fct_buf_reserve(&run->nodes, most * sizeof *nodes) != FACTUM_OK) {
            return fct_fail(err, FACTUM_NO_MEMORY, "%zu bytes of JSON: out of memory", text.len);
        }
        room = run->nodes.capacity / sizeof *nodes;
        nodes = FCT_FIRST(run->nodes, factum_json_node);
        status = factum_json_parse(text, NULL, nodes, room, &json, err);
    }
    return status == FACTUM_OK ? fct_run_json(run, program, &json, faults_max, result, err)
                               : status;
}
