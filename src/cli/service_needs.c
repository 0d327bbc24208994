/* service_needs.c - see service_needs.h. Layer: cli.
 *
 *     open sagas --> each definition that they are pinned to, with one saga as an example
 *                --> does it name a command of the service?
 *
 * A finished step may still have to be undone, so the whole definition counts.
 */
#include "cli/service_needs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000

/* A definition that is in use. */
struct pinned {
    char saga_id[SAGA_ID_TEXT_SIZE]; /* one saga that is pinned to it */
    size_t name_len;
    uint64_t version;
};

struct needs {
    struct pinned *items;
    size_t count;
    bool failed; /* out of memory */
    uint64_t seen;
    uint64_t last; /* the position of the last entry that was read */
};

static factum_status needs_fail(factum_error *err, factum_status status, const char *text)
{
    *err = (factum_error){.status = status};
    (void)snprintf(err->text, sizeof err->text, "%s", text);
    return status;
}

/* ---- which definitions are in use ------------------------------------------------------------ */

static bool is_pinned(const struct needs *needs, const factum_saga_entry *entry)
{
    for (size_t i = 0; i < needs->count; i++) {
        const struct pinned *item = &needs->items[i];
        const factum_slice name = {(const uint8_t *)item->saga_id, item->name_len};
        if (item->version == entry->version && same_text(name, entry->saga)) {
            return true;
        }
    }
    return false;
}

static bool note_open(void *data, const factum_saga_entry *entry)
{
    struct needs *needs = data;
    needs->seen++;
    needs->last = entry->position;
    /* A saga that has not started is pinned to no definition. */
    if (entry->status == FACTUM_SAGA_WAITING || is_pinned(needs, entry)) {
        return !interrupted;
    }
    struct pinned *items = realloc(needs->items, (needs->count + 1) * sizeof *items);
    if (items == NULL) {
        needs->failed = true;
        return false;
    }
    needs->items = items;
    struct pinned *item = &items[needs->count++];
    *item = (struct pinned){.name_len = entry->saga.len, .version = entry->version};
    (void)saga_id_text(entry->saga, entry->id, item->saga_id);
    return !interrupted;
}

static factum_status list_open(struct saga_lists *lists, struct needs *needs, factum_error *err)
{
    factum_status status = FACTUM_OK;
    const factum_saga_each each = {needs, note_open};
    factum_saga_filter filter = {
        .size = sizeof filter, .status = FACTUM_SAGA_OPEN, .count_max = PAGE};
    do {
        filter.after = needs->last;
        needs->seen = 0;
        status = saga_lists_list(lists, &filter, &each, err);
    } while (status == FACTUM_OK && !needs->failed && !interrupted && needs->seen == PAGE);
    if (interrupted) {
        return needs_fail(err, FACTUM_CANCELLED, "interrupted");
    }
    return needs->failed ? needs_fail(err, FACTUM_NO_MEMORY, "out of memory") : status;
}

/* ---- what a definition needs ----------------------------------------------------------------- */

struct wanted {
    uint64_t version;
    factum_slice service;
    bool needed;
    factum_status status;
    factum_error err;
};

/* Is |command| "SERVICE.COMMAND"? */
static bool is_of(factum_slice command, factum_slice service)
{
    return command.len > service.len && command.ptr[service.len] == '.' &&
           memcmp(command.ptr, service.ptr, service.len) == 0;
}

static bool look_at_version(void *data, const factum_saga_deployed *deployed)
{
    struct wanted *wanted = data;
    factum_saga *saga = NULL;
    factum_saga_view view = {.size = sizeof view};
    if (deployed->version != wanted->version) {
        return true;
    }
    wanted->status = factum_saga_load(deployed->text, NULL, &saga, &wanted->err);
    if (wanted->status == FACTUM_OK) {
        wanted->status = factum_saga_view_of(saga, &view, &wanted->err);
    }
    for (size_t i = 0; wanted->status == FACTUM_OK && i < view.step_count; i++) {
        wanted->needed = wanted->needed || is_of(view.steps[i].command, wanted->service) ||
                         is_of(view.steps[i].undo, wanted->service);
    }
    factum_saga_view_free(&view);
    factum_saga_free(saga);
    return wanted->status == FACTUM_OK;
}

static factum_status check_pinned(factum_store *store, const struct pinned *item,
                                  factum_slice service, factum_error *err)
{
    struct wanted wanted = {.version = item->version, .service = service, .status = FACTUM_OK};
    const factum_saga_deployed_each each = {&wanted, look_at_version};
    const factum_slice name = {(const uint8_t *)item->saga_id, item->name_len};
    factum_status status = factum_saga_deployments(store, name, &each, err);
    if (status == FACTUM_OK && wanted.status != FACTUM_OK) {
        *err = wanted.err;
        status = wanted.status;
    }
    if (status != FACTUM_OK || !wanted.needed) {
        return status;
    }
    *err = (factum_error){.status = FACTUM_CONDITION_FAILED};
    (void)snprintf(err->text, sizeof err->text,
                   "the saga %.120s (version %" PRIu64 ") has not ended and needs %.*s; --force "
                   "removes it anyway",
                   item->saga_id, item->version, (int)service.len, (const char *)service.ptr);
    return FACTUM_CONDITION_FAILED;
}

factum_status service_may_be_removed(void *data, factum_slice service, factum_error *err)
{
    struct saga_lists *lists = data;
    struct needs needs = {.items = NULL};
    factum_status status = list_open(lists, &needs, err);
    for (size_t i = 0; status == FACTUM_OK && i < needs.count; i++) {
        status = check_pinned(lists->store, &needs.items[i], service, err);
    }
    free(needs.items);
    return status;
}
