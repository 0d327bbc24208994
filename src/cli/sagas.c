/* sagas.c - see sagas.h. Layer: cli. */
#include "cli/sagas.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/served.h"

#define LISTS_WAIT_MS 600000 /* time for the first lists of a large store */
#define STEP_MS 200

/* ---- arguments ------------------------------------------------------------------------------- */

factum_slice saga_id_text(factum_slice saga, factum_slice id, char text[SAGA_ID_TEXT_SIZE])
{
    (void)snprintf(text, SAGA_ID_TEXT_SIZE, "%.*s-%.*s", (int)saga.len, (const char *)saga.ptr,
                   (int)id.len, (const char *)id.ptr);
    return factum_slice_from(text);
}

bool argument_saga(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (text[0] >= 'a' && text[0] <= 'z' && text[len] == '-' && text[len + 1] != '\0') {
        return true;
    }
    (void)complain("\"%s\" is not a saga: write NAME-ID, as factum saga list shows it", text);
    return false;
}

factum_saga_status option_status(const char *name)
{
    for (int i = FACTUM_SAGA_WAITING; i <= FACTUM_SAGA_OPEN; i++) {
        if (strcmp(name, factum_saga_status_name((factum_saga_status)i)) == 0) {
            return (factum_saga_status)i;
        }
    }
    (void)complain("--status takes waiting, running, compensating, stuck, done, undone, completed "
                   "or open, not \"%s\"",
                   name);
    return FACTUM_SAGA_ANY;
}

int print_written(factum_json_writer *to, factum_arena *arena)
{
    factum_error err;
    int code = 0;
    factum_status status = factum_json_writer_finish(to, &err);
    if (status == FACTUM_OK) {
        print_json(stdout, (factum_slice){to->buffer, to->used});
        (void)printf("\n");
    } else {
        code = fail_with(status, &err);
    }
    factum_arena_reset(arena);
    return code;
}

/* ---- open and close -------------------------------------------------------------------------- */

static factum_status host_lists(const struct options *options, struct saga_lists *lists,
                                factum_error *err)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/models", options->store);
    if (len < 0 || (size_t)len >= sizeof path) {
        *err =
            (factum_error){.status = FACTUM_INVALID, .text = "the path of the store is too long"};
        return FACTUM_INVALID;
    }
    const factum_sagas_options with = {
        .size = sizeof with, .path = path, .no_run = true, .log = &messages};
    factum_status status = factum_sagas_open(lists->store, &with, &lists->sagas, err);
    return status == FACTUM_OK ? factum_visible_place(lists->store, &lists->place, err) : status;
}

factum_status saga_lists_use(const struct options *options, factum_store *store,
                             struct saga_lists *lists, factum_error *err)
{
    *lists = (struct saga_lists){.store = store};
    return is_address(options->store) ? FACTUM_OK : host_lists(options, lists, err);
}

void saga_lists_release(struct saga_lists *lists)
{
    factum_sagas_close(lists->sagas);
    lists->sagas = NULL;
}

int saga_lists_open(const struct options *options, struct saga_lists *lists)
{
    factum_error err;
    factum_store *store;
    *lists = (struct saga_lists){.store = NULL};
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = saga_lists_use(options, store, lists, &err);
    return status == FACTUM_OK ? 0 : saga_lists_close(lists, fail_with(status, &err));
}

int saga_lists_close(struct saga_lists *lists, int code)
{
    saga_lists_release(lists);
    return close_store(lists->store, code);
}

/* ---- asking a server ------------------------------------------------------------------------- */

/* The target of a list; false: the filter is too long. */
static bool make_target(const char *path, const factum_saga_filter *filter, char *target)
{
    const char *status = factum_saga_status_name(filter->status);
    int len = snprintf(target, SERVED_TARGET_SIZE, "%s?limit=%" PRIu64, path, filter->count_max);
    if (len > 0 && len < SERVED_TARGET_SIZE && filter->after > 0) {
        len += snprintf(target + len, (size_t)(SERVED_TARGET_SIZE - len), "&after=%" PRIu64,
                        filter->after);
    }
    /* A name needs no escapes. */
    if (len > 0 && len < SERVED_TARGET_SIZE && filter->saga.len > 0) {
        len += snprintf(target + len, (size_t)(SERVED_TARGET_SIZE - len), "&saga=%.*s",
                        (int)filter->saga.len, (const char *)filter->saga.ptr);
    }
    if (len > 0 && len < SERVED_TARGET_SIZE && status[0] != '\0') {
        len += snprintf(target + len, (size_t)(SERVED_TARGET_SIZE - len), "&status=%s", status);
    }
    return len > 0 && len < SERVED_TARGET_SIZE;
}

static factum_saga_status served_status(factum_slice name)
{
    for (int i = FACTUM_SAGA_WAITING; i < FACTUM_SAGA_OPEN; i++) {
        if (same_text(name, factum_slice_from(factum_saga_status_name((factum_saga_status)i)))) {
            return (factum_saga_status)i;
        }
    }
    return FACTUM_SAGA_ANY;
}

static bool take_entry(struct served_answer *answer, uint32_t object, const void *data)
{
    const factum_saga_each *each = data;
    const factum_saga_entry entry = {
        .size = sizeof entry,
        .saga = served_text(answer, object, "saga"),
        .id = served_text(answer, object, "id"),
        .version = served_number(answer, object, "version"),
        .status = served_status(served_text(answer, object, "status")),
        .step = served_optional(answer, object, "step"),
        .started = served_time(answer, object, "started"),
        .changed = served_time(answer, object, "changed"),
        .due = served_time(answer, object, "due"),
        .position = served_number(answer, object, "position"),
    };
    return answer->lacks == NULL && each->each(each->data, &entry);
}

static bool take_timer(struct served_answer *answer, uint32_t object, const void *data)
{
    const factum_saga_timer_each *each = data;
    const factum_saga_timer timer = {
        .size = sizeof timer,
        .saga = served_text(answer, object, "saga"),
        .id = served_text(answer, object, "id"),
        .timer = served_text(answer, object, "timer"),
        .due = served_time(answer, object, "due"),
        .wait = (int64_t)(served_real(answer, object, "waitSeconds") * 1e9),
    };
    return answer->lacks == NULL && each->each(each->data, &timer);
}

static factum_status ask_server(factum_store *store, const char *target, const char *list_name,
                                bool (*take)(struct served_answer *answer, uint32_t object,
                                             const void *data),
                                const void *data, factum_error *err)
{
    struct served_answer answer = {.len = 0};
    const struct served_question question = {.method = "GET", .target = target};
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK) {
        status = served_each(&answer, list_name, take, data, err);
    }
    served_finish(&answer);
    return status;
}

static factum_status too_long(factum_error *err)
{
    *err = (factum_error){.status = FACTUM_INVALID, .text = "the name of the saga is too long"};
    return FACTUM_INVALID;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Asks in short steps, so that a signal ends the wait: the first lists of a large store take a
 * while. */
static factum_saga_filter waiting_filter(const struct saga_lists *lists,
                                         const factum_saga_filter *filter)
{
    factum_saga_filter asked = *filter;
    asked.wait_set = true;
    asked.wait = lists->place;
    asked.wait_ms = STEP_MS;
    return asked;
}

factum_status saga_lists_list(struct saga_lists *lists, const factum_saga_filter *filter,
                              const factum_saga_each *each, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    factum_status status = FACTUM_TIMEOUT;
    if (lists->sagas == NULL) {
        return make_target("/api/v1/sagas", filter, target)
                   ? ask_server(lists->store, target, "sagas", take_entry, each, err)
                   : too_long(err);
    }
    const factum_saga_filter asked = waiting_filter(lists, filter);
    for (int i = 0; i < LISTS_WAIT_MS / STEP_MS && status == FACTUM_TIMEOUT && !interrupted; i++) {
        status = factum_sagas_list(lists->sagas, &asked, each, err);
    }
    return status;
}

factum_status saga_lists_timers(struct saga_lists *lists, const factum_saga_filter *filter,
                                const factum_saga_timer_each *each, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    factum_status status = FACTUM_TIMEOUT;
    if (lists->sagas == NULL) {
        return make_target("/api/v1/saga-timers", filter, target)
                   ? ask_server(lists->store, target, "timers", take_timer, each, err)
                   : too_long(err);
    }
    const factum_saga_filter asked = waiting_filter(lists, filter);
    for (int i = 0; i < LISTS_WAIT_MS / STEP_MS && status == FACTUM_TIMEOUT && !interrupted; i++) {
        status = factum_sagas_timers(lists->sagas, &asked, each, err);
    }
    return status;
}
