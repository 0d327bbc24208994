/* log_int.h - the parts of the log. Private to this layer.
 *
 * The table of segments is an array that grows in place up to its capacity; then one twice as big
 * replaces it. A reader loads the pointer, then the count: it sees a prefix of the segments that
 * stays valid until the log is closed, because old arrays are kept until then.
 *
 * |err| is never NULL in this layer.
 */
#ifndef FCT_LOG_LOG_INT_H
#define FCT_LOG_LOG_INT_H

#include "log/log.h"
#include "log/prepare.h"
#include "log/segment.h"

struct fct_segment_entry {
    uint64_t base; /* of the segment; here, so that a search touches only this array */
    struct fct_segment *segment;
};

struct fct_segment_table {
    struct fct_segment_table *before; /* the table that this one replaced, or NULL */
    size_t capacity;
    _Atomic size_t count;
    struct fct_segment_entry entries[];
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
    uint32_t epoch; /* of this run */
    struct fct_segment_table *_Atomic table;
    struct fct_log_recovery recovery;
    _Atomic int state; /* enum fct_log_state */
    char reason[256];  /* written before the state that it explains */

    /* The writer's; writer.c has the invariants. */
    struct fct_prepare prepare;
    uint8_t *buffer; /* header and payload of the current batch */
    size_t buffer_capacity;
    size_t pending;     /* bytes of payload in the buffer */
    size_t pending_max; /* of the current batch */
    size_t sent;        /* size of a batch that is written and not committed; 0: none */
    size_t ahead_size;  /* write a batch before it is complete from this many bytes on */
    /* File range [ahead_from, ahead_to) of the pending batch that is already written; 0: none. */
    uint64_t ahead_from;
    uint64_t ahead_to;
    factum_status ahead_status; /* of that write */
    factum_error ahead_err;
    uint32_t pending_records;
    uint64_t chain;        /* that the next batch will carry */
    uint64_t batch_number; /* of the next batch */
    uint64_t proven_end;   /* proven by END, LAST or the start of a segment */
    struct fct_file *last; /* log/LAST; NULL before the first write of the run */
    unsigned last_slot;    /* the slot of LAST to write next */
    bool segment_proven;   /* LAST names the last segment, so batches may be written there */
    /* For the footer of the last segment. */
    uint64_t segment_records;
    int64_t segment_created_first;
    int64_t segment_created_last;
    /* True: the three members above are current. False: fct_log_seal recounts them. */
    bool segment_counted;
    bool end_file; /* log/END exists, and must be removed before the first write */

    _Atomic uint64_t end; /* visible */
    _Atomic uint64_t durable;
    _Atomic bool wants_heartbeat;
};

/* ---- log.c ----------------------------------------------------------------------------------- */

struct fct_segment *fct_log_last_segment(const struct fct_log *log);
/* The segment with the greatest base up to |position|; NULL if the log has no segments. |position|
 * may be after the end of the segment. Any thread. */
struct fct_segment *fct_log_segment_at(const struct fct_log *log, uint64_t position);
/* The neighbours of |segment|; NULL at either end. Any thread. */
struct fct_segment *fct_log_segment_after(const struct fct_log *log,
                                          const struct fct_segment *segment);
struct fct_segment *fct_log_segment_before(const struct fct_log *log,
                                           const struct fct_segment *segment);
/* Makes room in the table, so that fct_log_add_segment cannot fail. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_log_reserve_segment(struct fct_log *log, factum_error *err);
void fct_log_add_segment(struct fct_log *log, struct fct_segment *segment);
/* Sets state and reason. FAILED is final. */
FCT_COLD void fct_log_set_state(struct fct_log *log, enum fct_log_state state, const char *reason);
/* OK if the log may be written to; otherwise the error that says why not: READ_ONLY, CORRUPT
 * (DAMAGED), FAILED. */
FCT_MUST_USE factum_status fct_log_refusal(const struct fct_log *log, factum_error *err);
/* Orders two uint64_t, for qsort. */
int fct_log_compare_u64(const void *a, const void *b);
/* Returns CORRUPT: "segment N is damaged at position P (<what>): ...". */
FCT_COLD factum_status fct_log_damage(const struct fct_segment *segment, uint64_t position,
                                      const char *what, factum_error *err);

/* ---- recovery.c ------------------------------------------------------------------------------ */

/* From the files in log->dir to a log that can be read and, if OPEN, written. Errors: those of
 * fct_log_open. */
FCT_MUST_USE factum_status fct_log_recover(struct fct_log *log,
                                           const struct fct_log_options *options,
                                           factum_error *err);

/* ---- end_file.c ------------------------------------------------------------------------------ */

#define FCT_END_NAME "END"
#define FCT_LAST_NAME "LAST"
struct fct_end_proof {
    factum_uuid store_id;
    struct fct_log_point point;
    uint32_t epoch;
    unsigned slot;  /* where it was found */
    unsigned slots; /* that the file has */
};
/* Reads the newest slot of |name|, one of the two names above. Errors: NOT_FOUND (the file does not
 * exist), CORRUPT (no slot verifies), those of os.h. */
FCT_MUST_USE factum_status fct_end_file_read(const struct fct_log *log, const char *name,
                                             struct fct_end_proof *end, factum_error *err);
/* Replaces |name| by a file with one slot, durably. */
FCT_MUST_USE factum_status fct_end_file_write(const struct fct_log *log, const char *name,
                                              const struct fct_log_point *point, factum_error *err);
/* Makes LAST name the end of the log, durably; everything before the end must be durable. After
 * NO_SPACE, or while log->last is still NULL, the newest proof is the same as before. After any
 * other failure it is not known what LAST contains. */
FCT_MUST_USE factum_status fct_last_advance(struct fct_log *log, factum_error *err);
/* Removes END, which exists, durably. If log->end_file is still set after a failure, nothing has
 * changed. */
FCT_MUST_USE factum_status fct_end_file_remove(struct fct_log *log, factum_error *err);

/* ---- writer.c -------------------------------------------------------------------------------- */

/* Creates the first segment of a new log. */
FCT_MUST_USE factum_status fct_log_create_first(struct fct_log *log, factum_error *err);
/* Makes room in the buffer for |size| bytes of payload, and for a footer. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_log_reserve_buffer(struct fct_log *log, size_t size,
                                                  factum_error *err);
/* Ends the last segment at the end of the log: seal, sync, truncate, sync. The buffer has room for
 * a footer. A failure makes the log FAILED. */
FCT_MUST_USE factum_status fct_log_seal(struct fct_log *log, factum_error *err);
/* Rolls to a segment of at least |size| bytes that begins at |base|, or at the end of the log if
 * that is greater. Errors: NO_SPACE, NO_MEMORY (nothing has changed); any other one makes the log
 * FAILED. */
FCT_MUST_USE factum_status fct_log_roll(struct fct_log *log, uint64_t size, uint64_t base,
                                        factum_error *err);
/* Rolls to a segment from |base| on, and writes an idle batch with the flag LOSS there. */
FCT_MUST_USE factum_status fct_log_write_loss(struct fct_log *log, uint64_t base,
                                              factum_error *err);

#endif
