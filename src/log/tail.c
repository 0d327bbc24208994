/* tail.c - see tail.h. Layer: log. Knows what the scan found, not how.
 *
 * Invariants:
 *  1. Valid bytes never change: the rewrite of rule R12 writes back identical bytes.
 *  2. Bytes are zeroed only after they were copied, unless the disk is too full for the copy.
 */
#include "log/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"

#define TORN_FILES_KEPT 8u
#define TORN_FILES_SEEN 64u
#define STEP_SIZE (UINT64_C(1) << 20)

/* ---- side files ------------------------------------------------------------------------------ */

struct torn_list {
    uint64_t positions[TORN_FILES_SEEN];
    size_t count;
};

static void torn_name(uint64_t position, char name[FCT_SEGMENT_NAME_SIZE])
{
    (void)snprintf(name, FCT_SEGMENT_NAME_SIZE, "torn-%020" PRIu64, position);
}

/* Notes names that torn_name creates: other files are not ours to remove. */
static factum_status note_torn(void *data, const char *name)
{
    struct torn_list *list = data;
    char expected[FCT_SEGMENT_NAME_SIZE];
    FCT_ASSERT(list->count <= TORN_FILES_SEEN);
    if (strncmp(name, "torn-", 5) != 0 || list->count == TORN_FILES_SEEN) {
        return FACTUM_OK;
    }
    uint64_t position = strtoull(name + 5, NULL, 10);
    torn_name(position, expected);
    if (strcmp(name, expected) == 0) {
        list->positions[list->count++] = position;
    }
    return FACTUM_OK;
}

/* Keeps the newest side files, so that a machine that crashes often does not fill its disk. */
static factum_status prune_torn(const struct fct_log *log, factum_error *err)
{
    struct torn_list list = {.count = 0};
    factum_status status = fct_os_list_dir(log->os, log->dir, note_torn, &list, err);
    qsort(list.positions, list.count, sizeof list.positions[0], fct_log_compare_u64);
    for (size_t i = 0; status == FACTUM_OK && i + TORN_FILES_KEPT < list.count; i++) {
        char name[FCT_SEGMENT_NAME_SIZE];
        torn_name(list.positions[i], name);
        status = fct_os_unlink_in(log->os, log->dir, name, err);
    }
    return status;
}

factum_status fct_tail_zero(const struct fct_log *log, struct fct_segment *segment, uint64_t offset,
                            uint64_t *size, factum_error *err)
{
    bool failed; /* of no interest: a write of the whole block heals it */
    FCT_ASSERT(offset <= segment->capacity);
    uint64_t end = fct_scan_zero_from(segment, offset, segment->capacity, &failed);
    FCT_ASSERT(end >= offset);
    *size = end - offset;
    return fct_tail_fill(log, segment, offset, end, err);
}

factum_status fct_tail_fill(const struct fct_log *log, struct fct_segment *segment, uint64_t offset,
                            uint64_t end, factum_error *err)
{
    FCT_ASSERT(offset >= FCT_SEGMENT_HEADER_SIZE);
    if (offset >= end) {
        return FACTUM_OK;
    }
    size_t step_max = (size_t)(end - offset < STEP_SIZE ? end - offset : STEP_SIZE);
    uint8_t *zeros = fct_mem_zalloc(log->mem, 1, step_max);
    if (zeros == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "recover the log: out of memory");
    }
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && offset < end) {
        /* Steps end where blocks end: a block that cannot be read cannot be written in part. */
        uint64_t room = STEP_SIZE - offset % STEP_SIZE;
        size_t step = end - offset < room ? (size_t)(end - offset) : (size_t)room;
        step = step < step_max ? step : step_max;
        status = fct_file_write(segment->file, offset, zeros, step, err);
        offset += step;
    }
    fct_mem_free(log->mem, zeros);
    return status;
}

/* ---- recovery of the tail -------------------------------------------------------------------- */

/* Copies [from, to) of |segment|, which is mapped, into a side file; never half of it. */
static factum_status keep_torn(const struct fct_log *log, const struct fct_segment *segment,
                               uint64_t from, uint64_t to, factum_error *err)
{
    char name[FCT_SEGMENT_NAME_SIZE];
    FCT_ASSERT(to <= segment->capacity);
    FCT_ASSERT(from <= to);
    torn_name(segment->header.base + from, name);
    factum_slice bytes = {.ptr = atomic_load(&segment->map) + from, .len = (size_t)(to - from)};
    factum_status status = fct_file_replace(log->os, log->dir, name, bytes, err);
    return status == FACTUM_OK ? prune_torn(log, err) : status;
}

/* Removes what follows the end of the valid log, with a copy of it if there is space for one. */
static factum_status remove_torn(struct fct_log *log, struct fct_segment *segment,
                                 const struct fct_scan *scan, factum_error *err)
{
    uint64_t end = scan->zero_from;
    if (end <= scan->offset) {
        return FACTUM_OK;
    }
    uint64_t position = scan->base + scan->offset;
    FCT_ASSERT(scan->evidence <= position);
    factum_status status = keep_torn(log, segment, scan->offset, end, err);
    if (status == FACTUM_NO_SPACE) {
        fct_log_message(&log->sink, FACTUM_LOG_WARN, "recovery.torn_not_kept",
                        "no space for a copy of the bytes truncated at position %" PRIu64,
                        position);
        status = FACTUM_OK;
    }
    uint64_t size = end - scan->offset;
    if (status == FACTUM_OK) {
        status = fct_tail_zero(log, segment, scan->offset, &size, err);
    }
    log->recovery.torn_bytes = size;
    fct_log_message(&log->sink, FACTUM_LOG_WARN, "recovery.torn",
                    "truncated the log at position %" PRIu64 ": %" PRIu64
                    " bytes after it were never acknowledged",
                    position, size);
    return status;
}

/* Rule R12: the kernel may show bytes that a failed sync never brought to disk. */
static factum_status rewrite_unproven(struct fct_log *log, struct fct_segment *segment,
                                      const struct fct_scan *scan, factum_error *err)
{
    uint64_t at = scan->evidence - scan->base; /* at least the size of the segment header */
    FCT_ASSERT(scan->evidence >= scan->base + FCT_SEGMENT_HEADER_SIZE);
    if (at >= scan->offset) {
        return FACTUM_OK;
    }
    uint64_t size = scan->offset - at;
    size_t step_max = (size_t)(size < STEP_SIZE ? size : STEP_SIZE);
    uint8_t *copy = fct_mem_alloc(log->mem, step_max);
    if (copy == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "recover the log: out of memory");
    }
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && at < scan->offset) {
        size_t step = scan->offset - at < step_max ? (size_t)(scan->offset - at) : step_max;
        memcpy(copy, scan->map + at, step);
        status = fct_file_write(segment->file, at, copy, step, err);
        at += step;
    }
    fct_mem_free(log->mem, copy);
    log->recovery.tail_rewritten = true;
    return status;
}

factum_status fct_tail_recover(struct fct_log *log, struct fct_segment *segment,
                               const struct fct_scan *scan, factum_error *err)
{
    FCT_ASSERT(!log->read_only);
    FCT_ASSERT(scan->offset == atomic_load(&segment->used));
    factum_status status = remove_torn(log, segment, scan, err);
    if (status == FACTUM_OK) {
        status = rewrite_unproven(log, segment, scan, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    if (status == FACTUM_OK && scan->sealed && segment->file_size > scan->offset) {
        status = fct_segment_truncate(segment, scan->offset, err);
    }
    return status == FACTUM_OK ? fct_os_sync_dir(log->os, log->dir, err) : status;
}
