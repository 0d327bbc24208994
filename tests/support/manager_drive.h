/* manager_drive.h - drives a manager in a test, on simulated time. For tests of saga. */
#ifndef FCT_SUPPORT_MANAGER_DRIVE_H
#define FCT_SUPPORT_MANAGER_DRIVE_H

#include <stdlib.h>

#include "core/mem.h"
#include "core/slice.h"
#include "saga/manager.h"
#include "support/test_store.h"

#define DRIVE_OPS_MAX 64
#define DRIVE_SECOND INT64_C(1000000000)

struct drive {
    factum_store *store;
    char dir[SCRATCH_SIZE]; /* directory of the store; empty: in memory */
    struct fct_manager *manager;
    factum_append_op *ops[DRIVE_OPS_MAX]; /* submitted, in order */
    size_t op_count;
    uint64_t place; /* the log is fed up to here */
    int64_t now;
    factum_log_sink log;
    size_t alarm_count;     /* "saga.alarm" messages in the log; the next members count others */
    size_t unmatched_count; /* "saga.unmatched" */
    char bad[512];          /* the last "saga.bad" */
    factum_error err;
};

static inline void drive_log(void *data, factum_log_level level, const char *id, const char *text)
{
    struct drive *d = data;
    (void)level;
    d->alarm_count += strcmp(id, "saga.alarm") == 0;
    d->unmatched_count += strcmp(id, "saga.unmatched") == 0;
    if (strcmp(id, "saga.bad") == 0) {
        (void)snprintf(d->bad, sizeof d->bad, "%s", text);
    }
}

static inline factum_status drive_submit(void *data, factum_append_op *op, factum_error *err)
{
    struct drive *d = data;
    (void)err;
    assert_true(d->op_count < DRIVE_OPS_MAX);
    d->ops[d->op_count++] = op;
    return FACTUM_OK;
}

static inline void drive_deploy(struct drive *d, const char *text)
{
    factum_saga *saga;
    factum_saga_report report = {.size = sizeof report};
    assert_ok(factum_saga_load(factum_slice_from(text), NULL, &saga, &d->err), d->err);
    assert_ok(factum_saga_deploy(d->store, saga, NULL, NULL, &report, &d->err), d->err);
    factum_saga_report_free(&report);
    factum_saga_free(saga);
}

/* A manager that has loaded every existing saga. */
static inline void drive_start(struct drive *d)
{
    d->log = (factum_log_sink){.data = d, .write = drive_log};
    const struct fct_manager_options options = {.store = d->store,
                                                .log = &d->log,
                                                .mem = fct_mem_heap(),
                                                .host = FCT_SLICE("server"),
                                                .commits_max = DRIVE_OPS_MAX,
                                                .loaded_max = 100,
                                                .timers_max = 1000,
                                                .data = d,
                                                .submit = drive_submit};
    assert_ok(fct_manager_create(&options, &d->manager, &d->err), d->err);
    assert_ok(fct_manager_scan(d->manager, d->now, &d->err), d->err);
}

static inline void drive_open_on(struct drive *d, const char *text, bool on_disk)
{
    const factum_store_options options = {.size = sizeof options,
                                          .durability = FACTUM_DURABILITY_OS};
    memset(d, 0, sizeof *d);
    d->now = factum_now(NULL);
    assert_ok(test_store_open(&d->store, on_disk, d->dir, &options, &d->err), d->err);
    drive_deploy(d, text);
    drive_start(d);
}

static inline void drive_open(struct drive *d, const char *text)
{
    drive_open_on(d, text, false);
}

/* For some thousand events and more, with which the store in memory is slow. */
static inline void drive_open_on_disk(struct drive *d, const char *text)
{
    drive_open_on(d, text, true);
}

/* Gives back the appends under way, which were not made. */
static inline void drive_stop(struct drive *d)
{
    while (d->op_count > 0) {
        factum_append_op *op = d->ops[--d->op_count];
        op->status = FACTUM_CANCELLED;
        assert_ok(fct_manager_completed(d->manager, op, d->now, &d->err), d->err);
    }
    fct_manager_destroy(d->manager);
    d->manager = NULL;
}

static inline void drive_close(struct drive *d)
{
    drive_stop(d);
    assert_ok(test_store_close(d->store, d->dir, &d->err), d->err);
}

/* Makes the oldest append under way. */
static inline void drive_apply(struct drive *d)
{
    factum_append_op *op = d->ops[0];
    op->status = factum_append(d->store, op->request, &op->result, op->revisions, &op->err);
}

static inline void drive_tell(struct drive *d)
{
    factum_append_op *op = d->ops[0];
    memmove(d->ops, d->ops + 1, --d->op_count * sizeof *d->ops);
    assert_ok(fct_manager_completed(d->manager, op, d->now, &d->err), d->err);
}

/* Feeds new events of the log. True: there were some. */
static inline bool drive_feed(struct drive *d)
{
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_ALL,
                                         .from =
                                             d->place > 0 ? FACTUM_FROM_AFTER : FACTUM_FROM_START,
                                         .from_value = d->place};
    factum_cursor *cursor;
    factum_event event;
    bool fed = false;
    factum_status status = FACTUM_OK;
    assert_ok(factum_read(d->store, &request, &cursor, &d->err), d->err);
    while (status == FACTUM_OK &&
           (status = factum_cursor_next(cursor, &event, &d->err)) == FACTUM_OK) {
        status = fct_manager_feed(d->manager, &event, d->now, &d->err);
        if (status == FACTUM_OK) {
            d->place = event.position;
            fed = true;
        }
    }
    assert_true(status == FACTUM_DONE || status == FACTUM_BUSY);
    factum_cursor_close(cursor);
    return fed;
}

/* Runs until nothing is left to do now. */
static inline void drive_run(struct drive *d)
{
    bool moved = true;
    while (moved) {
        moved = drive_feed(d);
        while (d->op_count > 0) {
            drive_apply(d);
            drive_tell(d);
            moved = true;
        }
    }
}

/* The same, including what waited for room: a manager has a limited number of appends under way. */
static inline void drive_settle(struct drive *d)
{
    do {
        drive_run(d);
        assert_ok(fct_manager_tick(d->manager, d->now, &d->err), d->err);
    } while (d->op_count > 0);
}

/* Moves the time to the next timer, or by |ns| if that is sooner. */
static inline void drive_wait(struct drive *d, int64_t ns)
{
    int64_t end = d->now + ns;
    drive_settle(d);
    while (fct_manager_next(d->manager) <= end) {
        int64_t next = fct_manager_next(d->manager);
        d->now = next > d->now ? next : d->now;
        assert_ok(fct_manager_tick(d->manager, d->now, &d->err), d->err);
        drive_run(d);
    }
    d->now = end;
}

static inline void drive_append(struct drive *d, const char *stream, const char *type,
                                const char *data, const char *metadata)
{
    const factum_new_event event = {.stream = factum_slice_from(stream),
                                    .type = factum_slice_from(type),
                                    .data = factum_slice_from(data),
                                    .metadata = factum_slice_from(metadata),
                                    .content_type = FACTUM_CONTENT_JSON};
    assert_ok(factum_append_stream(d->store, event.stream, factum_any(), &event, 1, NULL, &d->err),
              d->err);
}

/* The answer to "saga:" |command|. */
static inline void drive_answer(struct drive *d, const char *command, const char *type,
                                const char *data)
{
    char metadata[512];
    (void)snprintf(metadata, sizeof metadata, "{\"$causationId\":\"saga:%s\"}", command);
    drive_append(d, "answers", type, data, metadata);
}

/* How many events of |type| the stream has. */
static inline size_t drive_count(struct drive *d, const char *stream, const char *type)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    factum_cursor *cursor;
    factum_event event;
    size_t count = 0;
    factum_status status = factum_read(d->store, &request, &cursor, &d->err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return 0;
    }
    assert_ok(status, d->err);
    while (factum_cursor_next(cursor, &event, &d->err) == FACTUM_OK) {
        count += fct_slice_equal(event.type, factum_slice_from(type));
    }
    factum_cursor_close(cursor);
    return count;
}

/* The data of the last event of |type| in the stream, as text that lasts until the next call. */
static inline const char *drive_last(struct drive *d, const char *stream, const char *type)
{
    static char text[4096];
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    factum_cursor *cursor;
    factum_event event;
    text[0] = '\0';
    assert_ok(factum_read(d->store, &request, &cursor, &d->err), d->err);
    while (factum_cursor_next(cursor, &event, &d->err) == FACTUM_OK) {
        if (fct_slice_equal(event.type, factum_slice_from(type))) {
            (void)snprintf(text, sizeof text, "%.*s", (int)event.data.len,
                           (const char *)event.data.ptr);
        }
    }
    factum_cursor_close(cursor);
    return text;
}

#endif
