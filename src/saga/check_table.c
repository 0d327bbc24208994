/* check_table.c - see check_table.h. Layer: saga.
 *
 * The table is written twice: first to measure its columns, then to print them. A row has a line
 * for each event of the saga.
 */
#include "saga/check_table.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/record.h"

#define CELL_SIZE 160
#define EFFECTS_SIZE 512

enum column { NUMBER, HAPPENS, STEP, DOES, EFFECTS, COLUMNS };

struct printer {
    const struct factum_saga *saga;
    const struct fct_check_setup *setup;
    struct fct_buf *to; /* NULL: only measures */
    size_t widths[COLUMNS];
    factum_status status;
    struct fct_world world;
    struct fct_world next;
    struct fct_saga_outcome out;
};

/* ---- words ----------------------------------------------------------------------------------- */

static factum_slice slot_name(const struct factum_saga *saga, uint8_t slot)
{
    if (slot == FCT_SLOT_NONE) {
        return FCT_SLICE("");
    }
    if (slot == FCT_SLOT_DONE(&saga->plan)) {
        return FCT_SLICE("done");
    }
    return slot == FCT_SLOT_UNDONE(&saga->plan) ? FCT_SLICE("undone") : saga->slots[slot].name;
}

static const char *word(bool ok)
{
    return ok ? "ok" : "fail";
}

static void describe_handled(const struct printer *p, const struct fct_check_input *input,
                             char cell[CELL_SIZE])
{
    const struct fct_world_slot *w = &p->world.slots[input->slot];
    bool closes = input->undo && w->effect == FCT_EFFECT_NONE;
    (void)snprintf(cell, CELL_SIZE, "%s %u is handled: %s%s", input->undo ? "undo" : "do",
                   input->generation, word(input->ok), closes ? ", there is nothing to undo" : "");
}

static void describe_delivered(const struct printer *p, const struct fct_check_input *input,
                               char cell[CELL_SIZE])
{
    const struct fct_world_slot *w = &p->world.slots[input->slot];
    uint8_t key = (input->undo ? w->undos : w->dos)[input->generation - 1];
    bool again = key == FCT_KEY_OK_SEEN || key == FCT_KEY_FAIL_SEEN;
    (void)snprintf(cell, CELL_SIZE, "the answer to %s %u arrives%s: %s%s",
                   input->undo ? "undo" : "do", input->generation, again ? " again" : "",
                   word(input->ok), input->outside ? ", without the id of its command" : "");
}

static const char *describe_timer(const struct printer *p, uint8_t slot)
{
    if (slot == FCT_SLOT_NONE) {
        return "the deadline has come";
    }
    uint8_t phase = p->world.slots[slot].step.phase;
    bool rests = phase == FCT_STEP_RESTING || phase == FCT_STEP_UNDO_RESTING;
    return rests ? "it is time for the next try" : "no answer has come in time";
}

static void describe(const struct printer *p, const struct fct_check_input *input,
                     char cell[CELL_SIZE])
{
    const char *text = "";
    switch (input->what) {
    case FCT_CHECK_HANDLE:
        describe_handled(p, input, cell);
        return;
    case FCT_CHECK_DELIVER:
        describe_delivered(p, input, cell);
        return;
    case FCT_CHECK_TIMER:
        text = describe_timer(p, input->slot);
        break;
    case FCT_CHECK_START:
        text = p->world.phase == FCT_SAGA_NONE ? "the start event" : "the start event again";
        break;
    case FCT_CHECK_RETRY:
        text = "operator: retry";
        break;
    case FCT_CHECK_SKIP:
        text = input->ok ? "operator: skip, as done" : "operator: skip, as failed";
        break;
    case FCT_CHECK_UNDO:
        text = "operator: undo";
        break;
    default:
        text = "operator: cancel";
        break;
    }
    (void)snprintf(cell, CELL_SIZE, "%s", text);
}

static void describe_effects(const struct printer *p, const struct fct_world *world,
                             char text[EFFECTS_SIZE])
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < p->setup->slot_count; i++) {
        uint8_t slot = p->setup->slots[i];
        if (world->slots[slot].effect != FCT_EFFECT_HAS || used >= EFFECTS_SIZE) {
            continue;
        }
        factum_slice name = slot_name(p->saga, slot);
        int len = snprintf(text + used, EFFECTS_SIZE - used, "%s%.*s", used > 0 ? ", " : "",
                           FCT_FMT(name));
        used += len > 0 ? (size_t)len : 0;
    }
    if (used == 0) {
        (void)snprintf(text, EFFECTS_SIZE, "none");
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void put_line(struct printer *p, const char *const cells[COLUMNS])
{
    if (p->to == NULL) {
        for (size_t i = 0; i < COLUMNS; i++) {
            size_t len = strlen(cells[i]);
            p->widths[i] = len > p->widths[i] ? len : p->widths[i];
        }
        return;
    }
    if (p->status == FACTUM_OK) {
        p->status = fct_buf_printf(p->to, "%*s  ", (int)p->widths[NUMBER], cells[NUMBER]);
    }
    size_t last = EFFECTS;
    while (last > HAPPENS && cells[last][0] == '\0') {
        last--;
    }
    for (size_t i = HAPPENS; i <= last && p->status == FACTUM_OK; i++) {
        p->status = i == last ? fct_buf_printf(p->to, "%s\n", cells[i])
                              : fct_buf_printf(p->to, "%-*s  ", (int)p->widths[i], cells[i]);
    }
}

/* Timers follow from the steps, so the table leaves them out. */
static bool is_in_table(uint8_t kind)
{
    return kind < FCT_CHANGE_TIMER_SET || kind > FCT_CHANGE_TIMER_FIRED;
}

static void put_row(struct printer *p, uint32_t number, const struct fct_check_input *input)
{
    char count[16];
    char happens[CELL_SIZE];
    char step[CELL_SIZE];
    char does[CELL_SIZE];
    char effects[EFFECTS_SIZE];
    const char *cells[COLUMNS] = {count, happens, step, does, effects};
    bool first = true;
    (void)snprintf(count, sizeof count, "%u", number);
    describe(p, input, happens);
    (void)snprintf(step, sizeof step, "%.*s", FCT_FMT(slot_name(p->saga, input->slot)));
    describe_effects(p, &p->next, effects);
    does[0] = '\0';
    for (uint32_t i = 0; i < p->out.count; i++) {
        const struct fct_change *change = &p->out.changes[i];
        if (!is_in_table(change->kind)) {
            continue;
        }
        factum_slice name = slot_name(p->saga, change->slot);
        factum_slice type = fct_record_type(change->kind);
        (void)snprintf(does, sizeof does, "%.*s%s%.*s", FCT_FMT(type), name.len > 0 ? " " : "",
                       FCT_FMT(name));
        put_line(p, cells);
        first = false;
        cells[NUMBER] = cells[HAPPENS] = cells[STEP] = cells[EFFECTS] = "";
    }
    if (first) {
        put_line(p, cells);
    }
}

static void put_run(struct printer *p, const struct fct_check_found *found)
{
    static const char *const titles[COLUMNS] = {"#", "what happens", "step", "what the saga does",
                                                "effects now"};
    const char *rule;
    fct_world_init(&p->world);
    put_line(p, titles);
    for (uint32_t i = 0; i < found->run_count; i++) {
        enum fct_check_result result =
            fct_world_step(p->setup, &p->world, &found->run[i], &p->next, &p->out, &rule);
        FCT_ASSERT(result != FCT_CHECK_IDLE);
        put_row(p, i + 1, &found->run[i]);
        p->world = p->next;
    }
}

factum_status fct_check_table(const struct factum_saga *saga, const struct fct_check_setup *setup,
                              const struct fct_check_found *found, struct fct_buf *to)
{
    struct printer printer = {.saga = saga, .setup = setup, .status = FACTUM_OK};
    put_run(&printer, found);
    printer.to = to;
    put_run(&printer, found);
    if (printer.status == FACTUM_OK) {
        printer.status = fct_buf_printf(to, "broken: %s\n", found->rule);
    }
    return printer.status;
}

/* ---- the script ------------------------------------------------------------------------------ */

static factum_status put_command(const struct factum_saga *saga,
                                 const struct fct_check_input *input, struct fct_buf *to)
{
    bool handled = input->what == FCT_CHECK_HANDLE;
    return fct_buf_printf(to, "  - {%s: %.*s/%s/%u%s%s%s}\n", handled ? "handle" : "deliver",
                          FCT_FMT(slot_name(saga, input->slot)), input->undo ? "undo" : "do",
                          input->generation, handled ? ", answer: " : "",
                          handled ? word(input->ok) : "", input->outside ? ", outside: true" : "");
}

static factum_status put_act(const struct factum_saga *saga, const struct fct_check_input *input,
                             struct fct_buf *to)
{
    const char *act = input->what == FCT_CHECK_RETRY  ? "retry"
                      : input->what == FCT_CHECK_SKIP ? "skip"
                      : input->what == FCT_CHECK_UNDO ? "undo"
                                                      : "cancel";
    factum_slice name = slot_name(saga, input->slot);
    bool skip = input->what == FCT_CHECK_SKIP;
    return fct_buf_printf(to, "  - {act: %s%s%.*s%s%s}\n", act, name.len > 0 ? ", step: " : "",
                          FCT_FMT(name), skip ? ", result: " : "", skip ? word(input->ok) : "");
}

factum_status fct_check_script(const struct factum_saga *saga, const struct fct_check_found *found,
                               struct fct_buf *to)
{
    uint32_t starts = 0;
    factum_status status = fct_buf_printf(
        to, "saga: %.*s\nversion: %llu\ngiven: [%.*s: {}]\nscript: {}\nrun:\n", FCT_FMT(saga->name),
        (unsigned long long)saga->version, FCT_FMT(saga->start));
    for (uint32_t i = 0; i < found->run_count && status == FACTUM_OK; i++) {
        const struct fct_check_input *input = &found->run[i];
        factum_slice name = slot_name(saga, input->slot);
        switch (input->what) {
        case FCT_CHECK_START:
            status = fct_buf_printf(to, "  - {start: %u}\n", ++starts);
            break;
        case FCT_CHECK_HANDLE:
        case FCT_CHECK_DELIVER:
            status = put_command(saga, input, to);
            break;
        case FCT_CHECK_TIMER:
            name = input->slot == FCT_SLOT_NONE ? FCT_SLICE("deadline") : name;
            status = fct_buf_printf(to, "  - {timer: %.*s}\n", FCT_FMT(name));
            break;
        default:
            status = put_act(saga, input, to);
            break;
        }
    }
    /* No rule has an apostrophe, so single quotes need no escapes. */
    return status == FACTUM_OK ? fct_buf_printf(to, "breaks: '%s'\n", found->rule) : status;
}
