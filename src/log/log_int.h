/* log_int.h - the parts of the log. Private to this layer.
 *
 * The table of segments is an array that grows in place up to its capacity and is then replaced by
 * one twice as big. A reader loads the pointer, then the count: it sees a prefix of the segments
 * that stays valid until the log is closed (old arrays are kept until then).
 */
#ifndef FCT_LOG_LOG_INT_H
#define FCT_LOG_LOG_INT_H

#include "log/log.h"
#include "log/prepare.h"
#include "log/segment.h"

struct fct_segment_entry {
    uint64_t base; /* of the segment: the search touches the array only */
    struct fct_segment *segment;
};

struct fct_segment_table {
    struct fct_segment_table *before; /* the one that it replaced */
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

    /* The writer's. */
    struct fct_prepare prepare;
    uint8_t *buffer; /* header and payload of the batch under way */
    size_t buffer_capacity;
    size_t pending; /* bytes of payload */
    size_t pending_max;
    size_t sent;         /* bytes of the batch that is written and not committed; 0: none is */
    size_t ahead_size;   /* a batch of so many bytes and more is written as it is made */
    uint64_t ahead_from; /* offsets in the file: what of the batch is written; 0: nothing */
    uint64_t ahead_to;
    factum_status ahead_status; /* of writing it */
    factum_error ahead_err;
    uint32_t pending_records;
    uint64_t chain;        /* of the next batch */
    uint64_t batch_number; /* of the next batch */
    uint64_t proven_end;   /* END, LAST or the start of a segment proves it */
    struct fct_file *last; /* log/LAST; NULL before the first write of the run */
    unsigned last_slot;    /* of LAST, to be written next */
    bool segment_proven;   /* LAST names the last segment: it may be written to */
    /* For the footer of the last segment. */
    uint64_t segment_records;
    int64_t segment_created_first;
    int64_t segment_created_last;
    bool segment_counted; /* the three above hold; else the seal counts */
    bool end_file;        /* log/END is there and must go before the first write */

    _Atomic uint64_t end; /* visible */
    _Atomic uint64_t durable;
    _Atomic bool wants_heartbeat;
};

/* ---- log.c ----------------------------------------------------------------------------------- */

struct fct_segment *fct_log_last_segment(const struct fct_log *log);
/* The segment with the greatest base up to |position|, NULL if none; any thread. The position may
 * lie behind what the segment holds. */
struct fct_segment *fct_log_segment_at(const struct fct_log *log, uint64_t position);
/* The neighbours of |segment|, NULL if there is none. */
struct fct_segment *fct_log_segment_after(const struct fct_log *log,
                                          const struct fct_segment *segment);
struct fct_segment *fct_log_segment_before(const struct fct_log *log,
                                           const struct fct_segment *segment);
/* Room for one more, so that adding it cannot fail. */
FCT_MUST_USE factum_status fct_log_reserve_segment(struct fct_log *log, factum_error *err);
void fct_log_add_segment(struct fct_log *log, struct fct_segment *segment);
/* Sets state and reason; FAILED stays. */
FCT_COLD void fct_log_set_state(struct fct_log *log, enum fct_log_state state, const char *reason);
/* Why nothing can be written; OK if it can. */
FCT_MUST_USE factum_status fct_log_refusal(const struct fct_log *log, factum_error *err);
/* "segment N is damaged at position P: <what>", or that the device cannot read it. */
FCT_COLD factum_status fct_log_damage(const struct fct_segment *segment, uint64_t position,
                                      const char *what, factum_error *err);

/* ---- recovery.c ------------------------------------------------------------------------------ */

/* From the files in dir to a log that can be read and written. */
FCT_MUST_USE factum_status fct_log_recover(struct fct_log *log,
                                           const struct fct_log_options *options,
                                           factum_error *err);

/* ---- end_file.c: log/END and log/LAST, the proof of how far the log was durable -------------- */

#define FCT_END_NAME "END"
#define FCT_LAST_NAME "LAST"
struct fct_end_proof {
    factum_uuid store_id;
    struct fct_log_point point;
    uint32_t epoch;
    unsigned slot;  /* of the file, where it was found */
    unsigned slots; /* of the file */
};
/* |name| is one of the two. NOT_FOUND if it does not exist, CORRUPT if no slot verifies. */
FCT_MUST_USE factum_status fct_end_file_read(const struct fct_log *log, const char *name,
                                             struct fct_end_proof *end, factum_error *err);
FCT_MUST_USE factum_status fct_end_file_write(const struct fct_log *log, const char *name,
                                              const struct fct_log_point *point, factum_error *err);
/* LAST names the end of the log, durably; all before it must be durable. After NO_SPACE, or while
 * log->last is still NULL, its newest proof is as it was. After any other failure it is not known
 * what it says. */
FCT_MUST_USE factum_status fct_last_advance(struct fct_log *log, factum_error *err);
/* Removes END, durably. If log->end_file is still set after a failure, nothing has changed. */
FCT_MUST_USE factum_status fct_end_file_remove(struct fct_log *log, factum_error *err);

/* ---- writer.c -------------------------------------------------------------------------------- */

/* Makes the first segment of a new log. */
FCT_MUST_USE factum_status fct_log_create_first(struct fct_log *log, factum_error *err);
/* Room in the buffer for |size| bytes of payload. */
FCT_MUST_USE factum_status fct_log_reserve_buffer(struct fct_log *log, size_t size,
                                                  factum_error *err);
/* Ends the last segment at the end of the log: seal, sync, cut, sync. The buffer has room for it.
 */
FCT_MUST_USE factum_status fct_log_seal(struct fct_log *log, factum_error *err);
/* Rolls to a segment of |size| bytes at least that begins at |base|, or at the end of the log if
 * that is further. NO_SPACE and NO_MEMORY have changed nothing. */
FCT_MUST_USE factum_status fct_log_roll(struct fct_log *log, uint64_t size, uint64_t base,
                                        factum_error *err);
/* Rolls to a segment from |base| on that begins with an idle batch that has the flag LOSS. */
FCT_MUST_USE factum_status fct_log_write_loss(struct fct_log *log, uint64_t base,
                                              factum_error *err);

#endif
