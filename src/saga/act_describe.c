/* act_describe.c - see act_describe.h. Layer: saga. */
#include "saga/act_describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"

struct wording {
    const struct factum_saga *saga;
    char *text;
    size_t size;
    size_t used;
    bool full;
    bool any; /* the sentence has words already */
};

static void add_words(struct wording *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_words(struct wording *s, const char *format, ...)
{
    static const char more[] = "...\n";
    va_list values;
    if (s->full) {
        return;
    }
    size_t room = s->size - s->used - (sizeof more - 1);
    va_start(values, format);
    int len = vsnprintf(s->text + s->used, room, format, values);
    va_end(values);
    if (len < 0 || (size_t)len >= room) {
        memcpy(s->text + s->used, more, sizeof more);
        s->full = true;
        return;
    }
    s->used += (size_t)len;
}

static void begin_part(struct wording *s)
{
    add_words(s, "%s", s->any ? "; " : " ");
    s->any = true;
}

/* ---- changes --------------------------------------------------------------------------------- */

static void words_of_sent(struct wording *s, const struct fct_change *change)
{
    const struct fct_step_text *step = &s->saga->slots[change->slot];
    bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
    if (change->why == FCT_WHY_EARLY) {
        add_words(s, "takes the answer to %.*s that came early", FCT_FMT(step->name));
        return;
    }
    add_words(s, "sends %.*s (%s%.*s)", FCT_FMT(undo ? step->undo.name : step->action.name),
              undo ? "undo of " : "", FCT_FMT(step->name));
    if (change->attempt > 1) {
        add_words(s, " again, under the same id: it counts once");
    } else if (change->generation > 1) {
        add_words(s, " under a new id, the %uth", (unsigned)change->generation);
    }
}

static const char *stuck_text(uint8_t why)
{
    switch (why) {
    case FCT_WHY_BLOCKED:
        return "its command cannot be created from the kept values";
    case FCT_WHY_UNDO:
        return "its undo has failed for good";
    case FCT_WHY_SILENT:
        return "its undo was never answered";
    default:
        return "an operator is asked";
    }
}

static bool is_resting(uint8_t phase)
{
    return phase == FCT_STEP_RESTING || phase == FCT_STEP_UNDO_RESTING;
}

/* Is the change left out? It is plain from other changes, or means nothing to people. */
static bool is_described(const struct fct_change *change, const struct fct_saga_state *after)
{
    switch (change->kind) {
    case FCT_CHANGE_STEP_STARTED:
    case FCT_CHANGE_UNDO_STARTED:
    case FCT_CHANGE_SAGA_FAILED:
    case FCT_CHANGE_SAGA_STUCK:
    case FCT_CHANGE_SAGA_DONE:
    case FCT_CHANGE_SAGA_UNDONE:
    case FCT_CHANGE_SAGA_COMPLETED:
    case FCT_CHANGE_SAGA_SKIPPED:
    case FCT_CHANGE_SAGA_EDITED:
    case FCT_CHANGE_TIMER_MOVED:
    case FCT_CHANGE_TIMER_CANCELLED:
        return true;
    case FCT_CHANGE_STEP_TIMED_OUT:
        return change->why != FCT_WHY_ASK;
    case FCT_CHANGE_TIMER_SET:
        return change->slot != FCT_SLOT_NONE && is_resting(after->steps[change->slot].phase);
    default:
        return false;
    }
}

static void words_of_timer(struct wording *s, const struct fct_change *change)
{
    char due[FACTUM_TIME_TEXT_SIZE];
    factum_slice name =
        change->slot == FCT_SLOT_NONE ? FCT_SLICE("deadline") : s->saga->slots[change->slot].name;
    if (change->kind == FCT_CHANGE_TIMER_CANCELLED) {
        if (change->slot == FCT_SLOT_NONE) {
            add_words(s, "the saga has no deadline any more");
            return;
        }
        add_words(s,
                  "the timer of %.*s is gone: nothing ends the wait but an answer or an operator",
                  FCT_FMT(name));
        return;
    }
    factum_time_format(change->due, due);
    add_words(s, "the timer of %.*s fires at %s", FCT_FMT(name), due);
}

static void words_of_whole(struct wording *s, const struct fct_change *change)
{
    switch (change->kind) {
    case FCT_CHANGE_SAGA_FAILED:
        add_words(s, "the saga compensates: what may have happened is undone, in reverse order");
        break;
    case FCT_CHANGE_SAGA_DONE:
        add_words(s, "the saga ends: done");
        break;
    case FCT_CHANGE_SAGA_UNDONE:
        add_words(s, "the saga ends: undone");
        break;
    case FCT_CHANGE_SAGA_COMPLETED:
        add_words(s, "the saga is closed as it is: nothing more is sent, nothing is undone");
        break;
    case FCT_CHANGE_SAGA_EDITED:
        add_words(s, "what is kept changes; nothing is sent");
        break;
    default:
        words_of_timer(s, change);
        break;
    }
}

static void words_of_change(struct wording *s, const struct fct_change *change, bool undoing)
{
    begin_part(s);
    if (change->slot == FCT_SLOT_NONE) {
        words_of_whole(s, change);
        return;
    }
    factum_slice name = s->saga->slots[change->slot].name;
    switch (change->kind) {
    case FCT_CHANGE_STEP_STARTED:
    case FCT_CHANGE_UNDO_STARTED:
        words_of_sent(s, change);
        break;
    case FCT_CHANGE_SAGA_STUCK:
        add_words(s, "%.*s is stuck: %s", FCT_FMT(name), stuck_text(change->why));
        break;
    case FCT_CHANGE_SAGA_SKIPPED:
        add_words(s, "%.*s counts as %s", FCT_FMT(name),
                  undoing ? "undone" : (change->ok ? "done" : "failed, without effect"));
        break;
    case FCT_CHANGE_TIMER_SET:
        add_words(s, "%.*s is tried again later", FCT_FMT(name));
        break;
    case FCT_CHANGE_STEP_TIMED_OUT:
        add_words(s, "%.*s is not waited for any longer: it may have happened", FCT_FMT(name));
        break;
    default:
        words_of_whole(s, change);
        break;
    }
}

static bool words_of_undo(uint8_t phase)
{
    return phase >= FCT_STEP_UNDOING && phase <= FCT_STEP_UNDO_SILENT;
}

/* |before|: the state before the changes. */
static void words_of_changes(struct wording *s, const struct fct_saga_state *before,
                             const struct fct_saga_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->count; i++) {
        const struct fct_change *change = &outcome->changes[i];
        if (is_described(change, &outcome->state)) {
            bool undoing =
                change->slot != FCT_SLOT_NONE && words_of_undo(before->steps[change->slot].phase);
            words_of_change(s, change, undoing);
        }
    }
    add_words(s, "%s.\n", s->any ? "" : " nothing is sent");
}

/* ---- what can follow ------------------------------------------------------------------------- */

struct following {
    struct wording *s;
    const struct fct_saga_state *state;
    struct fct_saga_outcome *outcome;
    int64_t now;
};

static void add_words_if(struct following *f, const char *what, const struct fct_saga_input *input)
{
    factum_error ignored;
    struct wording *s = f->s;
    const struct fct_saga_world world = {.now = f->now};
    if (fct_saga_decide(&s->saga->plan, f->state, input, &world, f->outcome, &ignored) !=
            FACTUM_OK ||
        f->outcome->count == 0) {
        return;
    }
    factum_slice name =
        input->slot == FCT_SLOT_NONE ? FCT_SLICE("the deadline") : s->saga->slots[input->slot].name;
    s->any = false;
    add_words(s, "If %s%.*s %s:", input->undo ? "the undo of " : "", FCT_FMT(name), what);
    words_of_changes(s, f->state, f->outcome);
}

static void words_of_answers(struct following *f, uint8_t slot)
{
    const struct fct_step_state *step = &f->state->steps[slot];
    bool undo = words_of_undo(step->phase);
    struct fct_saga_input input = {.kind = FCT_INPUT_REPLY,
                                   .slot = slot,
                                   .undo = undo,
                                   .ok = true,
                                   .generation = undo ? step->undo_generation : step->generation};
    add_words_if(f, "succeeds", &input);
    input.ok = false;
    add_words_if(f, "fails", &input);
    input.kind = FCT_INPUT_TIMER;
    add_words_if(f, "stays silent", &input);
}

static void words_of_rest(struct following *f, uint8_t slot, bool undo)
{
    const struct fct_saga_input input = {.kind = FCT_INPUT_TIMER, .slot = slot, .undo = undo};
    add_words_if(f, "is due again", &input);
}

/* Names the steps that would be undone if the saga compensated. */
static void words_of_undos(struct following *f)
{
    struct wording *s = f->s;
    const struct fct_saga_plan *plan = &s->saga->plan;
    bool any = false;
    if (f->state->phase != FCT_SAGA_FORWARD || fct_saga_pivot_passed(plan, f->state)) {
        if (f->state->phase == FCT_SAGA_FORWARD) {
            add_words(s, "The point of no return is passed: nothing can be undone.\n");
        }
        return;
    }
    for (uint8_t i = (uint8_t)plan->step_count; i-- > 0;) {
        uint8_t phase = f->state->steps[i].phase;
        if (plan->steps[i].has_undo &&
            (phase == FCT_STEP_DONE || phase == FCT_STEP_UNKNOWN || phase == FCT_STEP_ASKED)) {
            add_words(s, "%s%.*s", any ? ", " : "If it compensates later, these are undone: ",
                      FCT_FMT(s->saga->slots[i].name));
            any = true;
        }
    }
    add_words(s, "%s", any ? ".\n" : "");
}

static void words_of_following(struct wording *s, const struct fct_saga_state *state, int64_t now)
{
    /* Too large for a stack. */
    struct fct_saga_outcome *outcome = fct_mem_alloc(fct_mem_heap(), sizeof *outcome);
    struct following f = {s, state, outcome, now};
    if (outcome == NULL || fct_saga_has_ended(state)) {
        fct_mem_free(fct_mem_heap(), outcome);
        return;
    }
    for (uint8_t i = 0; i < s->saga->plan.step_count + 2u; i++) {
        switch (state->steps[i].phase) {
        case FCT_STEP_DOING:
        case FCT_STEP_ASKED:
        case FCT_STEP_UNDOING:
            words_of_answers(&f, i);
            break;
        case FCT_STEP_RESTING:
            words_of_rest(&f, i, false);
            break;
        case FCT_STEP_UNDO_RESTING:
            words_of_rest(&f, i, true);
            break;
        default:
            break;
        }
    }
    words_of_undos(&f);
    fct_mem_free(fct_mem_heap(), outcome);
}

void fct_act_describe(const struct fct_instance *instance, const struct fct_step_append *append,
                      int64_t now, char *text, size_t size)
{
    struct wording s = {.saga = instance->saga, .text = text, .size = size};
    text[0] = '\0';
    add_words(&s, "At once:");
    words_of_changes(&s, &instance->state, &append->outcome);
    if (append->outcome.close_slot != FCT_SLOT_NONE) {
        add_words(&s, "The command of %.*s is closed: its participant cannot act on it any more.\n",
                  FCT_FMT(instance->saga->slots[append->outcome.close_slot].name));
    }
    words_of_following(&s, &append->outcome.state, now);
}
