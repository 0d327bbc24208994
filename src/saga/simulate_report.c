/* simulate_report.c - see simulate_int.h: the report of a run. Layer: saga. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "saga/simulate_int.h"

void fct_sim_log(struct sim *sim, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int64_t ms = sim->time / 1000000;
    /* A full trace takes no more lines: the run continues. */
    factum_status status = fct_buf_printf(&sim->report->trace, "%8" PRId64 ".%03" PRId64 "  %s\n",
                                          ms / 1000, ms % 1000, text);
    if (status == FACTUM_NO_MEMORY) {
        fct_sim_fail(sim, status, "out of memory", NULL);
    }
}

void fct_sim_breach(struct sim *sim, const char *format, ...)
{
    if (sim->report->broken[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(sim->report->broken, sizeof sim->report->broken, format, args);
    va_end(args);
    fct_sim_log(sim, "BROKEN: %s", sim->report->broken);
}

void fct_sim_fail(struct sim *sim, factum_status status, const char *what, const factum_error *err)
{
    if (sim->status == FACTUM_OK) {
        sim->status = fct_fail(sim->err, status, "simulation: %s: %s", what,
                               err != NULL ? err->text : factum_status_text(status));
    }
}

bool fct_sim_over(const struct sim *sim)
{
    return sim->status != FACTUM_OK || sim->report->broken[0] != '\0';
}

/* The command with the next effect after |position|. */
static const struct sim_command *next_effect(const struct sim *sim, uint64_t position)
{
    const struct sim_command *next = NULL;
    for (size_t i = 0; i < sim->command_count; i++) {
        const struct sim_command *command = &sim->commands[i];
        if (command->effect_at > position &&
            (next == NULL || command->effect_at < next->effect_at)) {
            next = command;
        }
    }
    return next;
}

void fct_sim_list_effects(struct sim *sim)
{
    struct fct_buf *to = &sim->report->commands;
    uint64_t position = 0;
    for (const struct sim_command *command = next_effect(sim, position); command != NULL;
         command = next_effect(sim, position)) {
        const struct fct_step_text *text = &sim->saga->slots[command->slot];
        const struct fct_call_text *call = command->undo ? &text->undo : &text->action;
        position = command->effect_at;
        factum_status status = fct_buf_printf(to, "%.*s\n", FCT_FMT(call->name));
        if (status != FACTUM_OK) {
            fct_sim_fail(sim, status, "the list of commands", NULL);
            return;
        }
    }
}
