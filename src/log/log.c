/* log.c - the log as an object: its table of segments, its state, opening, closing. Layer: log.
 *
 * Invariants of the table:
 *  1. A segment is in the table only once it is durable.
 *  2. The table only grows, and the bases in it rise.
 *  3. The first base is 0, so every position is in or after some segment.
 */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "log/log_int.h"

#define SEGMENT_SIZE_FIRST (UINT64_C(1) << 20)
#define SEGMENT_SIZE_MAX (UINT64_C(64) << 20)
#define AHEAD_SIZE ((size_t)128 << 10)
#define SEGMENT_SIZE_MIN (UINT64_C(8) << 10)

/* ---- the table of segments ------------------------------------------------------------------- */

/* The table, and the number of its entries that are valid now. NULL and 0 before the first one. */
static const struct fct_segment_table *segment_table(const struct fct_log *log, size_t *count)
{
    const struct fct_segment_table *table = atomic_load_explicit(&log->table, memory_order_acquire);
    *count = table == NULL ? 0 : atomic_load_explicit(&table->count, memory_order_acquire);
    FCT_ASSERT(table == NULL || *count <= table->capacity);
    return table;
}

struct fct_segment *fct_log_last_segment(const struct fct_log *log)
{
    size_t count;
    const struct fct_segment_table *table = segment_table(log, &count);
    return count == 0 ? NULL : table->entries[count - 1].segment;
}

/* The index of the last entry with a base up to |position|. */
static size_t index_of(const struct fct_segment_table *table, size_t count, uint64_t position)
{
    size_t low = 0;
    size_t high = count;
    FCT_ASSERT(count > 0);
    FCT_ASSERT(table->entries[0].base <= position);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (table->entries[middle].base <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

struct fct_segment *fct_log_segment_at(const struct fct_log *log, uint64_t position)
{
    size_t count;
    const struct fct_segment_table *table = segment_table(log, &count);
    if (count == 0 || position < table->entries[0].base) {
        return NULL;
    }
    const struct fct_segment_entry *last = &table->entries[count - 1];
    return position >= last->base ? last->segment
                                  : table->entries[index_of(table, count, position)].segment;
}

struct fct_segment *fct_log_segment_after(const struct fct_log *log,
                                          const struct fct_segment *segment)
{
    size_t count;
    const struct fct_segment_table *table = segment_table(log, &count);
    size_t index = index_of(table, count, segment->header.base);
    FCT_ASSERT(table->entries[index].segment == segment);
    return index + 1 < count ? table->entries[index + 1].segment : NULL;
}

struct fct_segment *fct_log_segment_before(const struct fct_log *log,
                                           const struct fct_segment *segment)
{
    size_t count;
    const struct fct_segment_table *table = segment_table(log, &count);
    size_t index = index_of(table, count, segment->header.base);
    FCT_ASSERT(table->entries[index].segment == segment);
    return index > 0 ? table->entries[index - 1].segment : NULL;
}

factum_status fct_log_reserve_segment(struct fct_log *log, factum_error *err)
{
    size_t count;
    const struct fct_segment_table *before = segment_table(log, &count);
    if (before != NULL && count < before->capacity) {
        return FACTUM_OK;
    }
    size_t capacity = count == 0 ? 16 : count * 2;
    struct fct_segment_table *table =
        fct_mem_zalloc(log->mem, 1, sizeof *table + capacity * sizeof table->entries[0]);
    if (table == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "add a segment: out of memory");
    }
    table->before = atomic_load(&log->table);
    table->capacity = capacity;
    if (count > 0) {
        memcpy(table->entries, before->entries, count * sizeof table->entries[0]);
    }
    atomic_store(&table->count, count);
    FCT_ASSERT(count < capacity);
    atomic_store_explicit(&log->table, table, memory_order_release);
    return FACTUM_OK;
}

void fct_log_add_segment(struct fct_log *log, struct fct_segment *segment)
{
    struct fct_segment_table *table = atomic_load(&log->table);
    FCT_ASSERT(table != NULL);
    size_t count = atomic_load(&table->count);
    FCT_ASSERT(count < table->capacity);
    FCT_ASSERT(count > 0 || segment->header.base == 0);
    FCT_ASSERT(count == 0 || table->entries[count - 1].base < segment->header.base);
    table->entries[count] =
        (struct fct_segment_entry){.base = segment->header.base, .segment = segment};
    atomic_store_explicit(&table->count, count + 1, memory_order_release);
}

/* ---- the state ------------------------------------------------------------------------------- */

void fct_log_set_state(struct fct_log *log, enum fct_log_state state, const char *reason)
{
    FCT_ASSERT(reason != NULL);
    if (atomic_load(&log->state) == FCT_LOG_FAILED) {
        return;
    }
    size_t len = strlen(reason);
    len = len < sizeof log->reason ? len : sizeof log->reason - 1;
    memmove(log->reason, reason, len);
    log->reason[len] = '\0';
    atomic_store(&log->state, state);
    if (state == FCT_LOG_FAILED || state == FCT_LOG_DAMAGED) {
        fct_log_message(&log->sink, FACTUM_LOG_ERROR,
                        state == FCT_LOG_FAILED ? "log.failed" : "log.damaged", "%s", reason);
    }
}

void fct_log_set_damaged(struct fct_log *log, uint64_t position, const char *reason)
{
    FCT_ASSERT(log->sent == 0);
    log->recovery.damaged_from = position;
    atomic_store(&log->end, position);
    atomic_store(&log->durable, position);
    fct_log_set_state(log, FCT_LOG_DAMAGED, reason);
}

void fct_log_stop(struct fct_log *log, const char *reason)
{
    fct_log_set_state(log, FCT_LOG_FAILED, reason);
}

enum fct_log_state fct_log_state(const struct fct_log *log)
{
    int state = atomic_load(&log->state);
    FCT_ASSERT(state >= FCT_LOG_OPEN);
    FCT_ASSERT(state <= FCT_LOG_FAILED);
    return (enum fct_log_state)state;
}

const char *fct_log_state_reason(const struct fct_log *log)
{
    enum fct_log_state state = fct_log_state(log);
    return state == FCT_LOG_DAMAGED || state == FCT_LOG_FAILED ? log->reason : "";
}

factum_status fct_log_refusal(const struct fct_log *log, factum_error *err)
{
    switch (fct_log_state(log)) {
    case FCT_LOG_OPEN:
        return FACTUM_OK;
    case FCT_LOG_READ_ONLY:
        return fct_fail(err, FACTUM_READ_ONLY, "the store is open for reading only");
    case FCT_LOG_DAMAGED:
        return fct_fail(err, FACTUM_CORRUPT, "%s", log->reason);
    case FCT_LOG_FAILED:
        break;
    }
    return fct_fail(err, FACTUM_FAILED, "%s", log->reason);
}

int fct_log_compare_u64(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

factum_status fct_log_damage(const struct fct_segment *segment, uint64_t position, const char *what,
                             factum_error *err)
{
    char name[FCT_SEGMENT_NAME_SIZE];
    FCT_ASSERT(position >= segment->header.base);
    fct_segment_name(segment->header.number, name);
    return fct_fail(err, FACTUM_CORRUPT,
                    "segment %s is damaged at position %" PRIu64
                    " (%s): restore a backup, or give up "
                    "the rest: factum repair --accept-loss %" PRIu64,
                    name, position, what, position);
}

const struct fct_log_recovery *fct_log_recovery(const struct fct_log *log)
{
    return &log->recovery;
}

factum_uuid fct_log_store_id(const struct fct_log *log)
{
    return log->store_id;
}

bool fct_log_has_losses(const struct fct_log *log)
{
    return log->timeline > 1;
}

uint64_t fct_log_start(const struct fct_log *log)
{
    size_t count;
    const struct fct_segment_table *table = segment_table(log, &count);
    FCT_ASSERT(count > 0);
    FCT_ASSERT(table->entries[0].base == 0);
    return FCT_SEGMENT_HEADER_SIZE;
}

uint64_t fct_log_end(const struct fct_log *log)
{
    return atomic_load_explicit(&log->end, memory_order_acquire);
}

uint64_t fct_log_durable(const struct fct_log *log)
{
    return atomic_load(&log->durable);
}

struct fct_log_point fct_log_end_point(const struct fct_log *log)
{
    return (struct fct_log_point){
        .position = fct_log_end(log), .batch_number = log->batch_number, .chain = log->chain};
}

bool fct_log_wants_heartbeat(const struct fct_log *log)
{
    return atomic_load(&log->wants_heartbeat);
}

void fct_log_disk_size(struct fct_log *log, uint64_t *used, uint64_t *prepared)
{
    size_t count;
    const struct fct_segment_table *table = segment_table(log, &count);
    *used = 0;
    *prepared = fct_prepare_ready(&log->prepare);
    for (size_t i = 0; i < count; i++) {
        const struct fct_segment *segment = table->entries[i].segment;
        bool sealed = atomic_load(&segment->sealed);
        uint64_t inside = atomic_load(&segment->used);
        FCT_ASSERT(inside <= segment->capacity);
        *used += inside;
        *prepared += sealed ? 0 : segment->capacity - inside;
    }
}

uint64_t fct_log_segment_count(const struct fct_log *log)
{
    size_t count;
    (void)segment_table(log, &count);
    return count;
}

bool fct_log_segment_info(struct fct_log *log, size_t index, uint64_t upto,
                          struct fct_log_segment_info *info)
{
    size_t count;
    const struct fct_segment_table *table = segment_table(log, &count);
    if (index >= count || table->entries[index].base >= upto) {
        return false;
    }
    const struct fct_segment *segment = table->entries[index].segment;
    bool sealed = atomic_load(&segment->sealed);
    uint64_t used = atomic_load(&segment->used);
    uint64_t wanted = upto - segment->header.base;
    FCT_ASSERT(used >= FCT_SEGMENT_HEADER_SIZE);
    sealed = sealed && used <= wanted;
    *info = (struct fct_log_segment_info){
        .number = segment->header.number,
        .base = segment->header.base,
        .size = used < wanted ? used : wanted,
        .file_size = sealed ? used : segment->header.size,
        .sealed = sealed,
    };
    fct_segment_name(segment->header.number, info->name);
    return true;
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* Frees the log. Returns the first failure to close a file that was written. */
static factum_status release_log(struct fct_log *log, factum_error *err)
{
    factum_status status = FACTUM_OK;
    factum_error later;
    fct_prepare_finish(&log->prepare);
    (void)fct_file_close(&log->last, &later); /* each write to it was synced */
    struct fct_segment_table *table = atomic_load(&log->table);
    size_t count = table == NULL ? 0 : atomic_load(&table->count);
    for (size_t i = 0; i < count; i++) {
        factum_status closed = fct_segment_close(table->entries[i].segment, log->mem,
                                                 status == FACTUM_OK ? err : &later);
        status = status == FACTUM_OK ? closed : status;
    }
    while (table != NULL) {
        struct fct_segment_table *before = table->before;
        FCT_ASSERT(before == NULL || before->capacity < table->capacity);
        fct_mem_free(log->mem, table);
        table = before;
    }
    fct_mem_free(log->mem, log->buffer);
    fct_mem_free(log->mem, log);
    return status;
}

/* The size of a segment for the option |size|; |standard| if that is 0. */
static uint64_t segment_size(uint64_t size, uint64_t standard)
{
    uint64_t wanted = size == 0 ? standard : size;
    wanted = wanted < SEGMENT_SIZE_MIN ? SEGMENT_SIZE_MIN : wanted;
    wanted = wanted > FCT_SEGMENT_SIZE_MAX / 2 ? FCT_SEGMENT_SIZE_MAX / 2 : wanted;
    wanted = (wanted + 4095) / 4096 * 4096;
    FCT_ASSERT(wanted <= FCT_SEGMENT_SIZE_MAX);
    return wanted;
}

static void set_options(struct fct_log *log, const struct fct_log_options *options)
{
    uint64_t max = segment_size(options->segment_size_max, SEGMENT_SIZE_MAX);
    uint64_t first = segment_size(options->segment_size_first, SEGMENT_SIZE_FIRST);
    log->os = options->os;
    log->mem = options->mem;
    log->read_only = options->read_only;
    log->threads = options->threads;
    log->ahead_size = options->ahead_size == 0 ? AHEAD_SIZE : options->ahead_size;
    log->segment_size_first = first > max ? max : first;
    log->segment_size_max = max;
    if (options->sink != NULL) {
        log->sink = *options->sink;
    }
}

factum_status fct_log_open(struct fct_log **out, const struct fct_log_options *options,
                           factum_error *err)
{
    *out = NULL;
    struct fct_log *log = fct_mem_zalloc(options->mem, 1, sizeof *log);
    if (log == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open log: out of memory");
    }
    set_options(log, options);
    if (strlen(options->dir) >= sizeof log->dir) {
        fct_mem_free(log->mem, log);
        return fct_fail(err, FACTUM_INVALID,
                        "open log: the path of the directory is too long: %.80s", options->dir);
    }
    memcpy(log->dir, options->dir, strlen(options->dir) + 1);
    fct_prepare_init(&log->prepare, log->os, log->mem, log->dir, log->threads);
    factum_status status =
        log->read_only ? FACTUM_OK : fct_os_make_dir_synced(log->os, log->dir, err);
    if (status == FACTUM_OK) {
        status = fct_log_recover(log, options, err);
    }
    if (status != FACTUM_OK) {
        factum_error later;
        (void)release_log(log, &later);
        return status;
    }
    FCT_ASSERT(fct_log_last_segment(log) != NULL);
    *out = log;
    return FACTUM_OK;
}

factum_status fct_log_close(struct fct_log *log, factum_error *err)
{
    if (log == NULL) {
        return FACTUM_OK;
    }
    factum_error later;
    factum_status status = FACTUM_OK;
    if (fct_log_state(log) == FCT_LOG_OPEN) {
        FCT_ASSERT(log->sent == 0);
        status = fct_log_sync(log, err);
        if (status == FACTUM_OK && !log->end_file) {
            struct fct_log_point end = fct_log_end_point(log);
            status = fct_end_file_write(log, FCT_END_NAME, &end, err);
        }
    }
    factum_status released = release_log(log, status == FACTUM_OK ? err : &later);
    return status == FACTUM_OK ? released : status;
}
