/* repair.c - giving up what is damaged, when nothing better is left. Layer: log.
 *
 * Order, so that a crash at any step can be followed by the same call: later segments are renamed to
 * lost-<name>; the rest of the damaged one is copied to lost-<position>; log/END goes; the rest is zeroed; the
 * log is opened (its tail is now a torn one) and a LOSS marker is written.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "log/log_int.h"

static factum_status set_aside(const struct fct_log *log, uint64_t number, factum_error *err)
{
    char name[FCT_SEGMENT_NAME_SIZE];
    char lost[FCT_SEGMENT_NAME_SIZE + 8];
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    fct_segment_name(number, name);
    (void)snprintf(lost, sizeof lost, "lost-%s", name);
    factum_status status = fct_path_join(from, log->dir, name, err);
    if (status == FACTUM_OK) {
        status = fct_path_join(to, log->dir, lost, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_rename(log->os, from, to, err);
    }
    return status;
}

struct last_number {
    uint64_t number;
};

static factum_status note_last(void *data, const char *name)
{
    struct last_number *last = data;
    uint64_t number = fct_segment_number(name);
    last->number = number > last->number ? number : last->number;
    return FACTUM_OK;
}

/* From the newest on, so that the numbers stay dense. */
static factum_status set_later_aside(const struct fct_log *log, uint64_t number, factum_error *err)
{
    struct last_number last = {0};
    factum_status status = fct_os_list_dir(log->os, log->dir, note_last, &last, err);
    while (status == FACTUM_OK && last.number > number) {
        status = set_aside(log, last.number--, err);
        if (status == FACTUM_OK) {
            status = fct_os_sync_dir(log->os, log->dir, err);
        }
    }
    return status;
}

static factum_status cut(struct fct_log *log, struct fct_segment *segment, uint64_t from,
                         factum_error *err)
{
    uint64_t offset = from - segment->header.base;
    size_t size = (size_t)(segment->capacity - offset);
    const uint8_t *map = fct_segment_map(segment, err);
    uint8_t *zeros = fct_mem_zalloc(log->mem, 1, size + 1);
    if (map == NULL || zeros == NULL) {
        fct_mem_free(log->mem, zeros);
        return fct_fail(err, FACTUM_NO_MEMORY, "repair: out of memory");
    }
    char name[FCT_SEGMENT_NAME_SIZE];
    (void)snprintf(name, sizeof name, "lost-%020" PRIu64, from);
    factum_status status =
        fct_file_replace(log->os, log->dir, name, fct_slice(map + offset, size), err);
    if (status == FACTUM_OK && log->end_file) {
        status = fct_end_file_remove(log, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_write(segment->file, offset, zeros, size, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    fct_mem_free(log->mem, zeros);
    return status;
}

/* The first damaged position, as opening and reading everything tell it. */
static factum_status find_damage(struct fct_log *log, uint64_t *from, factum_error *err)
{
    if (fct_log_state(log) == FCT_LOG_DAMAGED) {
        *from = log->recovery.damaged_from;
        return FACTUM_OK;
    }
    struct fct_log_verify_report report;
    factum_status status = fct_log_verify(log, NULL, NULL, &report, err);
    if (status == FACTUM_CORRUPT) {
        *from = report.bad_from;
        return FACTUM_OK;
    }
    return status == FACTUM_OK
               ? fct_fail(err, FACTUM_INVALID, "repair: the log is not damaged: nothing to give up")
               : status;
}

static factum_status batch_start(struct fct_log *log, uint64_t *from, factum_error *err)
{
    /* Damage inside a batch takes all of it: the batch is the unit of truth. */
    struct fct_log_walk walk;
    struct fct_record record;
    struct fct_segment *segment = fct_log_segment_at(log, *from);
    factum_status status = fct_log_walk_init(&walk, log, segment->header.base, err);
    while (status == FACTUM_OK && walk.position < *from) {
        status = fct_log_walk_next(&walk, &record, err);
    }
    if (status == FACTUM_CORRUPT || status == FACTUM_DONE || status == FACTUM_OK) {
        if (walk.position < *from) {
            *from = walk.position;
        }
        return FACTUM_OK;
    }
    return status;
}

factum_status fct_log_accept_loss(const struct fct_log_options *options, uint64_t from,
                                  factum_error *err)
{
    struct fct_log *log;
    struct fct_log_options plain = *options;
    factum_status status = fct_log_open(&log, &plain, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t damage = 0;
    status = find_damage(log, &damage, err);
    if (status == FACTUM_OK && damage != from) {
        status = fct_fail(err, FACTUM_INVALID,
                          "repair: the damage begins at position %" PRIu64 ", not at %" PRIu64,
                          damage, from);
    }
    if (status == FACTUM_OK) {
        status = batch_start(log, &damage, err);
    }
    if (status == FACTUM_OK) {
        struct fct_segment *segment = fct_log_segment_at(log, damage);
        status = set_later_aside(log, segment->header.number, err);
        if (status == FACTUM_OK) {
            status = cut(log, segment, damage, err);
        }
    }
    fct_log_set_state(log, FCT_LOG_READ_ONLY, ""); /* closing must not write */
    factum_status closed = fct_log_close(log, status == FACTUM_OK ? err : NULL);
    status = status == FACTUM_OK ? closed : status;
    if (status != FACTUM_OK) {
        return status;
    }
    plain.mark = (struct fct_log_mark){.position = 0};
    status = fct_log_open(&log, &plain, err);
    if (status == FACTUM_OK) {
        status = fct_log_write_empty(log, FCT_BATCH_MARKER | FCT_BATCH_LOSS, err);
        closed = fct_log_close(log, status == FACTUM_OK ? err : NULL);
        status = status == FACTUM_OK ? closed : status;
    }
    return status;
}
