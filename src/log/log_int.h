/* log_int.h - the parts of the log. Private to this layer.
 *
 * The table of segments grows by replacing the array: readers load the pointer once and see a prefix of the
 * segments that stays valid until the log is closed (old arrays are kept until then).
 */
#ifndef FCT_LOG_LOG_INT_H
#define FCT_LOG_LOG_INT_H

#include "log/log.h"
#include "log/prepare.h"
#include "log/segment.h"

struct fct_segment_table {
    struct fct_segment_table *before; /* the one that it replaced */
    size_t count;
    struct fct_segment *segments[];
};

struct fct_log {
    const struct fct_os *os;
    const struct fct_mem *mem;
    factum_log_sink sink;
    char dir[FCT_PATH_SIZE];
    uint64_t segment_size_first;
    uint64_t segment_size_max;
    bool read_only;
    bool threads;

    factum_uuid store_id;
    uint32_t timeline;
    uint32_t epoch;
    struct fct_segment_table *_Atomic table;
    struct fct_log_recovery recovery;
    _Atomic int state; /* enum fct_log_state */
    char reason[256];  /* written before the state that it explains */

    /* The writer's. */
    struct fct_prepare prepare;
    uint8_t *buffer; /* header and payload of the batch under way */
    size_t buffer_capacity;
    size_t pending; /* bytes of payload */
    size_t pending_max;
    uint32_t pending_records;
    uint64_t chain;        /* of the next batch */
    uint64_t batch_number; /* of the next batch */
    uint64_t marked_end;   /* end of the last marker: nothing came after it if equal to the end */
    uint64_t segment_batches;
    uint64_t segment_records;
    int64_t segment_created_first;
    int64_t segment_created_last;
    bool end_file; /* log/END is there and must go before the first write */

    _Atomic uint64_t end;     /* visible */
    _Atomic uint64_t durable;
    _Atomic bool wants_marker;
};

/* log.c */
struct fct_segment *fct_log_last_segment(const struct fct_log *log);
/* The segment that holds |position|, NULL if none; any thread. */
struct fct_segment *fct_log_segment_at(const struct fct_log *log, uint64_t position);
/* The one after |segment|, NULL if it is the last. */
struct fct_segment *fct_log_segment_after(const struct fct_log *log,
                                          const struct fct_segment *segment);
struct fct_segment *fct_log_segment_before(const struct fct_log *log,
                                           const struct fct_segment *segment);
FCT_MUST_USE factum_status fct_log_add_segment(struct fct_log *log, struct fct_segment *segment,
                                               factum_error *err);
/* Sets state and reason, once. */
FCT_COLD void fct_log_set_state(struct fct_log *log, enum fct_log_state state, const char *reason);
/* Makes the first or the next segment, of at least |size| bytes, and adds it. */
FCT_MUST_USE factum_status fct_log_new_segment(struct fct_log *log, uint64_t number, uint64_t base,
                                               uint64_t size, factum_error *err);
/* Size of the segment after one of |size|. */
uint64_t fct_log_next_size(const struct fct_log *log, uint64_t size);

/* recovery.c: from the files in dir to a log that can be read and written. */
FCT_MUST_USE factum_status fct_log_recover(struct fct_log *log,
                                           const struct fct_log_options *options,
                                           factum_error *err);

/* end_file.c: log/END, where a clean close says how far the log went. */
#define FCT_END_NAME "END"
struct fct_log_end_mark {
    factum_uuid store_id;
    struct fct_log_mark mark;
    uint32_t epoch;
};
/* NOT_FOUND if there is none or it does not verify. */
FCT_MUST_USE factum_status fct_end_file_read(const struct fct_log *log,
                                             struct fct_log_end_mark *end, factum_error *err);
FCT_MUST_USE factum_status fct_end_file_write(const struct fct_log *log, factum_error *err);
/* Durably. */
FCT_MUST_USE factum_status fct_end_file_remove(const struct fct_log *log, factum_error *err);

/* writer.c: a batch without records (a marker, a loss), written and synced. */
FCT_MUST_USE factum_status fct_log_write_empty(struct fct_log *log, uint32_t flags,
                                               factum_error *err);

#endif
