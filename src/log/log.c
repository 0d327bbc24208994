/* log.c - the log as an object: opening, closing, its segments, what it knows of itself. Layer: log. */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "log/bug.h"
#include "log/log_int.h"

#define SEGMENT_SIZE_FIRST (UINT64_C(1) << 20)
#define SEGMENT_SIZE_MAX (UINT64_C(64) << 20)
#define SEGMENT_SIZE_MIN (UINT64_C(8) << 10)

/* ---- segments -------------------------------------------------------------------------------- */

struct fct_segment *fct_log_last_segment(const struct fct_log *log)
{
    const struct fct_segment_table *table = atomic_load_explicit(&log->table, memory_order_acquire);
    return table == NULL || table->count == 0 ? NULL : table->segments[table->count - 1];
}

static size_t index_of(const struct fct_segment_table *table, uint64_t position)
{
    size_t low = 0;
    size_t high = table->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (table->segments[middle]->header.base <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

struct fct_segment *fct_log_segment_at(const struct fct_log *log, uint64_t position)
{
    const struct fct_segment_table *table = atomic_load_explicit(&log->table, memory_order_acquire);
    if (table == NULL || table->count == 0 || position < table->segments[0]->header.base) {
        return NULL;
    }
    struct fct_segment *last = table->segments[table->count - 1];
    return position >= last->header.base ? last : table->segments[index_of(table, position)];
}

static struct fct_segment *neighbour(const struct fct_log *log, const struct fct_segment *segment,
                                     int step)
{
    const struct fct_segment_table *table = atomic_load_explicit(&log->table, memory_order_acquire);
    size_t index = index_of(table, segment->header.base);
    if (step < 0) {
        return index == 0 ? NULL : table->segments[index - 1];
    }
    return index + 1 == table->count ? NULL : table->segments[index + 1];
}

struct fct_segment *fct_log_segment_after(const struct fct_log *log,
                                          const struct fct_segment *segment)
{
    return neighbour(log, segment, 1);
}

struct fct_segment *fct_log_segment_before(const struct fct_log *log,
                                           const struct fct_segment *segment)
{
    return neighbour(log, segment, -1);
}

factum_status fct_log_add_segment(struct fct_log *log, struct fct_segment *segment,
                                  factum_error *err)
{
    struct fct_segment_table *before = atomic_load(&log->table);
    size_t count = before == NULL ? 0 : before->count;
    struct fct_segment_table *table =
        fct_mem_alloc(log->mem, sizeof *table + (count + 1) * sizeof table->segments[0]);
    if (table == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "add a segment: out of memory");
    }
    table->before = before;
    table->count = count + 1;
    if (count > 0) {
        memcpy(table->segments, before->segments, count * sizeof table->segments[0]);
    }
    table->segments[count] = segment;
    atomic_store_explicit(&log->table, table, memory_order_release);
    return FACTUM_OK;
}

uint64_t fct_log_next_size(const struct fct_log *log, uint64_t size)
{
    return size >= log->segment_size_max / 2 ? log->segment_size_max : size * 2;
}

factum_status fct_log_new_segment(struct fct_log *log, uint64_t number, uint64_t base, uint64_t size,
                                  factum_error *err)
{
    struct fct_file *file;
    uint64_t taken;
    size = (size + 4095) / 4096 * 4096;
    factum_status status = fct_prepare_take(&log->prepare, size, &file, &taken, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_segment_header header = {
        .format_major = FCT_SEGMENT_FORMAT_MAJOR,
        .format_minor = FCT_SEGMENT_FORMAT_MINOR,
        .store_id = log->store_id,
        .number = number,
        .base = base,
        .chain = log->chain,
        .batch_number = log->batch_number,
        .created = fct_os_time(log->os),
        .timeline = log->timeline,
        .size = taken,
    };
    status = fct_os_random(log->os, &header.salt, sizeof header.salt, err);
    if (status != FACTUM_OK) {
        (void)fct_file_close(&file, NULL);
        return status;
    }
    struct fct_segment *segment;
    status = fct_segment_create(&segment, log->os, log->mem, log->dir, FCT_PREPARED_NAME, file,
                                &header, err);
    if (status == FACTUM_OK && fct_segment_map(segment, err) == NULL) {
        status = FACTUM_IO;
    }
    if (status == FACTUM_OK) {
        status = fct_log_add_segment(log, segment, err);
    }
    if (status != FACTUM_OK) {
        (void)fct_segment_close(segment, log->mem, NULL);
        return status;
    }
    log->segment_batches = 0;
    log->segment_records = 0;
    return FACTUM_OK;
}

/* ---- what it knows of itself ---------------------------------------------------------------------- */

void fct_log_set_state(struct fct_log *log, enum fct_log_state state, const char *reason)
{
    if (atomic_load(&log->state) == FCT_LOG_FAILED) {
        return;
    }
    (void)strncpy(log->reason, reason, sizeof log->reason - 1);
    atomic_store(&log->state, state);
    if (state == FCT_LOG_FAILED || state == FCT_LOG_DAMAGED) {
        fct_log_message(&log->sink, FACTUM_LOG_ERROR,
                        state == FCT_LOG_FAILED ? "log.failed" : "log.damaged", "%s", reason);
    }
}

enum fct_log_state fct_log_state(const struct fct_log *log)
{
    return (enum fct_log_state)atomic_load(&log->state);
}

const char *fct_log_state_reason(const struct fct_log *log)
{
    enum fct_log_state state = fct_log_state(log);
    return state == FCT_LOG_DAMAGED || state == FCT_LOG_FAILED ? log->reason : "";
}

const struct fct_log_recovery *fct_log_recovery(const struct fct_log *log)
{
    return &log->recovery;
}

factum_uuid fct_log_store_id(const struct fct_log *log)
{
    return log->store_id;
}

uint64_t fct_log_start(const struct fct_log *log)
{
    const struct fct_segment_table *table = atomic_load_explicit(&log->table, memory_order_acquire);
    return table->segments[0]->header.base + FCT_SEGMENT_HEADER_SIZE;
}

uint64_t fct_log_end(const struct fct_log *log)
{
    return atomic_load_explicit(&log->end, memory_order_acquire);
}

uint64_t fct_log_durable(const struct fct_log *log)
{
    return atomic_load(&log->durable);
}

struct fct_log_mark fct_log_mark(const struct fct_log *log)
{
    return (struct fct_log_mark){
        .position = fct_log_end(log), .batch_number = log->batch_number, .chain = log->chain};
}

bool fct_log_wants_marker(const struct fct_log *log)
{
    return atomic_load(&log->wants_marker);
}

void fct_log_disk_size(const struct fct_log *log, uint64_t *used, uint64_t *prepared)
{
    const struct fct_segment_table *table = atomic_load_explicit(&log->table, memory_order_acquire);
    *used = 0;
    *prepared = fct_prepare_ready((struct fct_prepare *)(uintptr_t)&log->prepare);
    for (size_t i = 0; i < table->count; i++) {
        uint64_t inside = atomic_load(&table->segments[i]->used);
        *used += inside;
        if (!atomic_load(&table->segments[i]->sealed) && table->segments[i]->capacity > inside) {
            *prepared += table->segments[i]->capacity - inside;
        }
    }
}

uint64_t fct_log_segment_count(const struct fct_log *log)
{
    return atomic_load_explicit(&log->table, memory_order_acquire)->count;
}

bool fct_log_segment_info(struct fct_log *log, size_t index, uint64_t upto,
                          struct fct_log_segment_info *info)
{
    const struct fct_segment_table *table = atomic_load_explicit(&log->table, memory_order_acquire);
    if (index >= table->count || table->segments[index]->header.base >= upto) {
        return false;
    }
    const struct fct_segment *segment = table->segments[index];
    uint64_t used = atomic_load(&segment->used);
    uint64_t wanted = upto - segment->header.base;
    *info = (struct fct_log_segment_info){
        .number = segment->header.number,
        .base = segment->header.base,
        .size = used < wanted ? used : wanted,
        .sealed = atomic_load(&segment->sealed) && used <= wanted,
    };
    fct_segment_name(segment->header.number, info->name);
    return true;
}

/* ---- opening and closing ------------------------------------------------------------------------------ */

static void release(struct fct_log *log)
{
    fct_prepare_finish(&log->prepare);
    struct fct_segment_table *table = atomic_load(&log->table);
    for (size_t i = 0; table != NULL && i < table->count; i++) {
        (void)fct_segment_close(table->segments[i], log->mem, NULL);
    }
    while (table != NULL) {
        struct fct_segment_table *before = table->before;
        fct_mem_free(log->mem, table);
        table = before;
    }
    fct_mem_free(log->mem, log->buffer);
    fct_mem_free(log->mem, log);
}

static uint64_t rounded(uint64_t size, uint64_t otherwise)
{
    uint64_t wanted = size == 0 ? otherwise : size;
    wanted = wanted < SEGMENT_SIZE_MIN ? SEGMENT_SIZE_MIN : wanted;
    return (wanted + 4095) / 4096 * 4096;
}

static factum_status make_dir(struct fct_log *log, factum_error *err)
{
    char parent[FCT_PATH_SIZE];
    memcpy(parent, log->dir, sizeof parent);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        (void)strncpy(parent, ".", sizeof parent);
    } else {
        *slash = '\0';
    }
    factum_status status = fct_os_make_dir(log->os, log->dir, err);
    return status == FACTUM_OK ? fct_os_sync_dir(log->os, parent, err) : status;
}

factum_status fct_log_open(struct fct_log **out, const struct fct_log_options *options,
                           factum_error *err)
{
    *out = NULL;
    struct fct_log *log = fct_mem_zalloc(options->mem, 1, sizeof *log);
    if (log == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open log: out of memory");
    }
    log->os = options->os;
    log->mem = options->mem;
    log->read_only = options->read_only;
    log->threads = options->threads;
    log->segment_size_first = rounded(options->segment_size_first, SEGMENT_SIZE_FIRST);
    log->segment_size_max = rounded(options->segment_size_max, SEGMENT_SIZE_MAX);
    if (log->segment_size_first > log->segment_size_max) {
        log->segment_size_first = log->segment_size_max;
    }
    if (options->sink != NULL) {
        log->sink = *options->sink;
    }
    if (strlen(options->dir) >= sizeof log->dir) {
        fct_mem_free(log->mem, log);
        return fct_fail(err, FACTUM_INVALID, "open log: the path is too long");
    }
    memcpy(log->dir, options->dir, strlen(options->dir) + 1);
    fct_prepare_init(&log->prepare, log->os, log->mem, log->dir, log->threads);
    factum_status status = log->read_only ? FACTUM_OK : make_dir(log, err);
    if (status == FACTUM_OK) {
        status = fct_log_recover(log, options, err);
    }
    if (status != FACTUM_OK) {
        release(log);
        return status;
    }
    *out = log;
    return FACTUM_OK;
}

factum_status fct_log_close(struct fct_log *log, factum_error *err)
{
    if (log == NULL) {
        return FACTUM_OK;
    }
    factum_status status = FACTUM_OK;
    if (fct_log_state(log) == FCT_LOG_OPEN) {
        status = fct_log_marker(log, err);
        bool fresh = !log->end_file; /* something was written, or END is not there yet */
        if (status == FACTUM_OK && fresh && !fct_bug(FCT_BUG_NO_END_FILE)) {
            status = fct_end_file_write(log, err);
        }
    }
    release(log);
    return status;
}
