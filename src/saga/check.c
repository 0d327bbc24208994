/* check.c - factum_saga_check: the checker of saga.h. Layer: saga. A user of the public API.
 *
 * check_explore.c explores the saga in the world of check_world.c, which calls the transition
 * function that the manager runs. This file has the bounds, the report and its texts.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/sized.h"
#include "os/os.h"
#include "saga/check_table.h"

#define TEXT_MAX ((size_t)16 << 20)

struct report_texts {
    struct fct_buf table;
    struct fct_buf script;
};

/* ---- bounds ---------------------------------------------------------------------------------- */

static factum_status read_bounds(const factum_saga_bounds *given, factum_saga_bounds *bounds,
                                 factum_error *err)
{
    *bounds = (factum_saga_bounds){.size = sizeof *bounds};
    if (given != NULL) {
        factum_status status =
            fct_sized_read(bounds, sizeof *bounds, given, "saga: the bounds of a check", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    bounds->generations =
        bounds->generations == 0 ? FACTUM_SAGA_GENERATIONS_DEFAULT : bounds->generations;
    bounds->state_max = bounds->state_max == 0 ? FACTUM_SAGA_STATES_DEFAULT : bounds->state_max;
    if (bounds->acts == UINT32_MAX) {
        bounds->acts = 0;
    } else if (bounds->acts == 0) {
        bounds->acts = FACTUM_SAGA_ACTS_DEFAULT;
    }
    return bounds->generations <= FACTUM_SAGA_GENERATIONS_MAX &&
                   bounds->acts <= FACTUM_SAGA_ACTS_MAX
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID,
                          "saga: a check has at most %u generations of a command and %u acts of "
                          "operators",
                          FACTUM_SAGA_GENERATIONS_MAX, FACTUM_SAGA_ACTS_MAX);
}

/* ---- the report ------------------------------------------------------------------------------ */

static void free_texts(struct report_texts *texts)
{
    fct_buf_finish(&texts->table);
    fct_buf_finish(&texts->script);
    fct_mem_free(fct_mem_heap(), texts);
}

static factum_status add_texts(const factum_saga *saga, const struct fct_check_setup *setup,
                               const struct fct_check_found *found, factum_saga_report *report,
                               factum_error *err)
{
    struct report_texts *texts = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *texts);
    if (texts == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "saga: the report of a check");
    }
    report->memory = texts;
    fct_buf_init(&texts->table, fct_mem_heap(), TEXT_MAX);
    fct_buf_init(&texts->script, fct_mem_heap(), TEXT_MAX);
    factum_status status = fct_check_table(saga, setup, found, &texts->table);
    if (status == FACTUM_OK) {
        status = fct_check_script(saga, found, &texts->script);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "saga: the report of a check");
    }
    report->table = (const char *)texts->table.ptr; /* printf has left a zero at the end */
    report->table_len = texts->table.len;
    report->script = (const char *)texts->script.ptr;
    report->script_len = texts->script.len;
    return FACTUM_OK;
}

static factum_status fill_report(const factum_saga *saga, const struct fct_check_setup *setup,
                                 const struct fct_check_found *found, factum_saga_report *report,
                                 factum_error *err)
{
    report->sound = found->rule == NULL && found->complete;
    report->complete = found->complete || found->rule != NULL;
    report->state_count = found->state_count;
    report->run_length = found->run_length;
    report->done_count = found->done_count;
    report->undone_count = found->undone_count;
    report->stuck_count = found->stuck_count;
    if (found->rule == NULL) {
        return FACTUM_OK;
    }
    (void)snprintf(report->broken_rule, sizeof report->broken_rule, "%s", found->rule);
    return add_texts(saga, setup, found, report, err);
}

/* Does a report of |size| bytes have the member |memory|? Without it the texts cannot be freed. */
static bool has_memory(size_t size)
{
    return size >= offsetof(factum_saga_report, memory) + sizeof(void *);
}

void fct_saga_report_give(factum_saga_report *given, factum_saga_report *full)
{
    if (!has_memory(given->size) && full->memory != NULL) {
        free_texts(full->memory);
        full->table = full->script = NULL;
        full->table_len = full->script_len = 0;
    }
    fct_sized_write(given, full, sizeof *full);
    *full = (factum_saga_report){.size = sizeof *full}; /* moved out */
}

factum_status factum_saga_check(const factum_saga *saga, const factum_saga_bounds *bounds,
                                const factum_saga_progress *progress, factum_saga_report *report,
                                factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_saga_bounds within;
    struct fct_check_setup setup;
    struct fct_check_found found;
    factum_saga_report full = {.size = sizeof full};
    uint64_t began = fct_os_monotonic(fct_os_real());
    factum_status status = fct_sized_check(report, "saga: the report of a check", err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_sized_write(report, &full, sizeof full); /* it is freed in any case */
    if (saga == NULL) {
        return fct_fail(err, FACTUM_INVALID, "saga: a definition is needed");
    }
    status = read_bounds(bounds, &within, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_check_setup_init(&setup, &saga->plan, within.generations, within.acts);
    status = fct_check_explore(&setup, within.state_max, progress, fct_mem_heap(), &found, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fill_report(saga, &setup, &found, &full, err);
    fct_check_found_finish(&found, fct_mem_heap());
    if (status != FACTUM_OK) {
        factum_saga_report_free(&full);
        return status;
    }
    full.duration = (int64_t)(fct_os_monotonic(fct_os_real()) - began);
    fct_saga_report_give(report, &full);
    return FACTUM_OK;
}

void factum_saga_report_free(factum_saga_report *report)
{
    if (report == NULL || report->size < sizeof report->size) {
        return;
    }
    size_t size = report->size;
    struct report_texts *texts = has_memory(size) ? report->memory : NULL;
    if (texts != NULL) {
        free_texts(texts);
    }
    memset(report, 0, size);
    report->size = size;
}
