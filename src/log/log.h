/* log.h - the append-only log: segments, the writer, recovery, readers. Layer: log.
 *
 * The only truth of a store. Knows positions, batches and records. Knows nothing of streams,
 * revisions (it stores those that it gets) or indexes. Keeps rules R1 to R16 of docs/formats.md;
 * docs/internals/log.md says which file keeps which rule.
 *
 * A position is a logical byte address. Segment n contains [base, base + used); the next one starts
 * where it ends. A position names a record; fct_log_end() is where the next batch will start.
 *
 * Threads: one writer at a time (the caller serialises fct_log_begin to fct_log_commit, heartbeat,
 * sync, close), beside any number of readers. Everything that a reader gets from a log, slices
 * included, is valid until fct_log_close. |err| is never NULL.
 *
 * Invariants:
 *  1. visible <= written end; sync commits become visible only after fdatasync returned 0.
 *  2. After a failed sync, or a write that failed with EIO, the log is FAILED for good: no more
 *     writes. Readers go on, up to the visible end.
 *  3. Positions rise. A byte that was once visible never changes.
 */
#ifndef FCT_LOG_LOG_H
#define FCT_LOG_LOG_H

#include <factum/base.h>

#include "codec/frame.h"
#include "codec/record.h"
#include "core/mem.h"
#include "os/os.h"

struct fct_log;
struct fct_segment;

/* A batch boundary. As a proof, it states that everything before |position| was durable. A zeroed
 * one states nothing. */
struct fct_log_point {
    uint64_t position;
    uint64_t batch_number; /* of the batch that starts there */
    uint64_t chain;        /* that this batch carries */
};

struct fct_log_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *dir;             /* <store>/log; created if missing, unless read_only */
    const factum_log_sink *sink; /* or NULL */
    struct fct_log_point proof;  /* from outside the log: the manifest of the index has one */
    factum_uuid proof_store_id;  /* |proof| is ignored if the log is of another store */
    uint64_t segment_size_first; /* 0: 1 MiB. Rounded up to 4096 */
    uint64_t segment_size_max;   /* 0: 64 MiB */
    size_t ahead_size;           /* start writing an incomplete batch at this size; 0: 128 KiB */
    bool read_only;
    bool must_exist; /* NOT_FOUND if there are no segments; otherwise the first one is created */
    bool threads;    /* prepare the next segment in the background; otherwise inside the roll */
};

enum fct_log_state {
    FCT_LOG_OPEN,
    FCT_LOG_READ_ONLY, /* opened with read_only */
    FCT_LOG_DAMAGED,   /* acknowledged data is damaged: verified ranges are served, no writing */
    FCT_LOG_FAILED,    /* a write or sync failed */
};

/* What opening found and did. */
struct fct_log_recovery {
    uint64_t scanned_bytes;
    uint64_t torn_bytes;    /* truncated (the last 8 torn tails are kept in log/torn-<position>) */
    uint64_t damaged_from;  /* the first damaged position if the state is DAMAGED */
    uint64_t evidence_upto; /* everything before it is known to have been acknowledged */
    bool created;           /* the log was empty */
    bool tail_rewritten;    /* rule R12 was applied */
};

/* Opens and recovers a log (R11, R12), ready for reading and, if the state is OPEN, for writing.
 * Damage is not a failure to open: ask fct_log_state. On failure *log is NULL. Errors: CORRUPT (the
 * order of the segments cannot be trusted, or one has another history, R13; names the file),
 * NEWER_FORMAT, NOT_FOUND, INVALID (the path is too long), IO, NO_SPACE, NO_MEMORY. */
FCT_MUST_USE factum_status fct_log_open(struct fct_log **log, const struct fct_log_options *options,
                                        factum_error *err);
/* Syncs, writes END, removes a prepared segment, frees the log in any case. Accepts NULL. Returns
 * the first failure. */
factum_status fct_log_close(struct fct_log *log, factum_error *err);

enum fct_log_state fct_log_state(const struct fct_log *log);
/* Why the state is DAMAGED or FAILED; "" otherwise. */
const char *fct_log_state_reason(const struct fct_log *log);
const struct fct_log_recovery *fct_log_recovery(const struct fct_log *log);
/* Makes the log DAMAGED, with its end at |position|, where a batch begins in which a walk met
 * damage. |reason| is the text of the walk's error. To be called before any other thread uses the
 * log. */
void fct_log_set_damaged(struct fct_log *log, uint64_t position, const char *reason);
/* Makes the log FAILED, for |reason|. By the writer. */
void fct_log_stop(struct fct_log *log, const char *reason);
factum_uuid fct_log_store_id(const struct fct_log *log);
/* Has a repair given up events of this log? */
bool fct_log_has_losses(const struct fct_log *log);

/* The first position that can have a batch. Any thread. */
uint64_t fct_log_start(const struct fct_log *log);
/* The end of the last visible batch. Any thread. */
uint64_t fct_log_end(const struct fct_log *log);
/* Everything before this position is on disk. Any thread. */
uint64_t fct_log_durable(const struct fct_log *log);
/* The log point of fct_log_end(). By the writer. */
struct fct_log_point fct_log_end_point(const struct fct_log *log);
/* Sizes on disk, in bytes: of the visible bytes of all segments, and of what is prepared but not
 * used. Any thread. */
void fct_log_disk_size(struct fct_log *log, uint64_t *used, uint64_t *prepared);
uint64_t fct_log_segment_count(const struct fct_log *log);

/* ---- the writer ------------------------------------------------------------------------------ */

/* Starts a batch of at most |payload_size_max| bytes of records, in place of one that was begun and
 * not sent. Rolls to a new segment first if the batch would not fit. Errors: READ_ONLY, CORRUPT
 * (DAMAGED), FAILED, TOO_BIG, NO_SPACE and NO_MEMORY (nothing has changed; try again later), IO
 * (the log has FAILED). */
FCT_MUST_USE factum_status fct_log_begin(struct fct_log *log, size_t payload_size_max,
                                         factum_error *err);
/* Adds a record of |size| = fct_record_size() bytes, and returns the position that it will have,
 * which is also set in |record|. The sizes of one batch must not exceed the size that it was begun
 * with. */
uint64_t fct_log_add(struct fct_log *log, struct fct_record *record, const factum_slice *tags,
                     size_t tag_count, size_t size);
/* The first half of fct_log_commit, with the same errors: writes the batch. If |sync| and the batch
 * is big enough to gain from it, the device starts to write. Only a commit may follow. */
FCT_MUST_USE factum_status fct_log_send(struct fct_log *log, bool sync, factum_error *err);
/* Writes the batch, makes it durable if |sync|, and makes it visible. An empty batch is dropped. On
 * failure nothing of the batch is visible. Errors: IO and FAILED (the log has FAILED; the outcome
 * of the batch is unknown until the next open). Never NO_SPACE: the space is prepared. */
FCT_MUST_USE factum_status fct_log_commit(struct fct_log *log, bool sync, factum_error *err);
/* Syncs what commits without |sync| left, then proves the end of the log in LAST (R8), unless it is
 * proven. To be called some 50 ms after a commit. Does nothing if the log is READ_ONLY or DAMAGED.
 * Errors: FAILED, NO_SPACE and NO_MEMORY (nothing has changed), IO (the log has FAILED). */
FCT_MUST_USE factum_status fct_log_heartbeat(struct fct_log *log, factum_error *err);
/* Only the sync of a heartbeat: durable = end afterwards. Needs no space. By the writer. Errors: IO
 * and FAILED. */
FCT_MUST_USE factum_status fct_log_sync(struct fct_log *log, factum_error *err);
/* Would a heartbeat write? Any thread. */
bool fct_log_wants_heartbeat(const struct fct_log *log);

/* ---- readers --------------------------------------------------------------------------------- */

/* Reads and verifies the record at |position|. Errors: CORRUPT (there is no record, or it does not
 * verify; names position and file), those of os.h. */
FCT_MUST_USE factum_status fct_log_read(struct fct_log *log, uint64_t position,
                                        struct fct_record *record, factum_error *err);
/* The same for any position. Errors: NOT_FOUND (no record begins there), CORRUPT (the record there
 * does not verify), those of os.h. */
FCT_MUST_USE factum_status fct_log_find(struct fct_log *log, uint64_t position,
                                        struct fct_record *record, factum_error *err);
/* A hint: loads the cache lines at the start of the record at |position|, which may be any. */
void fct_log_prefetch(struct fct_log *log, uint64_t position);

/* A walk over records in the order of their positions, on the caller's stack. Forward it verifies
 * whole batches by their CRC and chain, in one pass; backward it verifies each record. It ends at
 * the visible end of that moment; after DONE it can be continued later. */
struct fct_log_walk {
    struct fct_log *log;
    struct fct_segment *segment; /* the current one */
    const uint8_t *map;          /* of that segment */
    uint64_t salt;
    uint64_t base;         /* of that segment */
    uint64_t position;     /* forward: of the next record or batch header; backward: its end */
    uint64_t batch_end;    /* end of the verified payload; position < batch_end: inside it */
    uint64_t limit;        /* the last fct_log_end() that the walk saw */
    uint64_t chain;        /* that the next batch header must carry, if chain_known */
    uint64_t batch_start;  /* position of the header of the current batch */
    uint64_t batch_number; /* of that batch */
    uint64_t batch_chain;  /* that it carries; the three are the log point of the batch */
    bool chain_known;
};

/* Forward, from the first record at or after |from|. If no record starts at |from|, the walk starts
 * at the next one, also if that is damaged. Errors: CORRUPT, those of os.h. */
FCT_MUST_USE factum_status fct_log_walk_init(struct fct_log_walk *walk, struct fct_log *log,
                                             uint64_t from, factum_error *err);
/* OK with the next record, of any kind; DONE at the visible end. Errors: CORRUPT (damage; each
 * further call returns it again), those of os.h. */
FCT_MUST_USE factum_status fct_log_walk_next(struct fct_log_walk *walk, struct fct_record *record,
                                             factum_error *err);
/* Backward, over records that end at or before |before| (UINT64_MAX: from the end). Errors:
 * CORRUPT, those of os.h. */
FCT_MUST_USE factum_status fct_log_walk_init_backward(struct fct_log_walk *walk,
                                                      struct fct_log *log, uint64_t before,
                                                      factum_error *err);
/* OK with the record before, DONE at the start of the log. Errors as for fct_log_walk_next. */
FCT_MUST_USE factum_status fct_log_walk_previous(struct fct_log_walk *walk,
                                                 struct fct_record *record, factum_error *err);

/* ---- verifying and repairing ----------------------------------------------------------------- */

struct fct_log_verify_report {
    uint64_t segments;
    uint64_t batches;
    uint64_t records;
    uint64_t bytes;
    uint64_t bad_from; /* the first damaged position; UINT64_MAX: none */
    uint64_t chain;    /* after the last batch that verified */
    char file[64];     /* the damaged file */
};

/* Callbacks of fct_log_verify; each may be NULL. */
struct fct_log_visitor {
    void *data;
    /* Gets the number of bytes done, and of all bytes. False stops (CANCELLED). */
    bool (*progress)(void *data, uint64_t done, uint64_t total);
    /* Gets each record that verified, in order. The record is valid during the call. A failure
     * stops and is returned. */
    factum_status (*record)(void *data, const struct fct_record *record, factum_error *err);
};

/* Reads every byte of the log from the device (not from the cache, as far as the os allows). Checks
 * the CRCs of headers, footers, batches and records, the chain, and the batch numbers. |visitor|
 * may be NULL. The report is filled in any case. Errors: CORRUPT (damage), CANCELLED, those of the
 * visitor and of os.h, NO_MEMORY. */
FCT_MUST_USE factum_status fct_log_verify(struct fct_log *log,
                                          const struct fct_log_visitor *visitor,
                                          struct fct_log_verify_report *report, factum_error *err);

/* Gives up everything from the batch with the first damage on, in a log that opens as DAMAGED or
 * does not verify. The log must not be open. The rest of the damaged segment is copied to
 * log/lost-<position>, later segments are renamed to lost-<name>, and a new segment with a new
 * timeline begins, after every position that was ever assigned. |from| is the first damaged
 * position: damaged_from of the recovery, or bad_from of the report. |forget| is called
 * after LAST has recorded the loss; it removes derived state that covers the loss. The repair goes
 * on if it returns OK.
 * Errors: INVALID (|from| is another position), those of |forget|, of fct_log_open and of
 * fct_log_verify. */
FCT_MUST_USE factum_status fct_log_accept_loss(const struct fct_log_options *options, uint64_t from,
                                               factum_status (*forget)(void *data,
                                                                       factum_error *err),
                                               void *data, factum_error *err);

/* The number of the segment with the file name |name|; 0 if it is not the name of a segment. */
uint64_t fct_segment_number(const char *name);

/* What a backup copies of one segment, for everything before a position. */
struct fct_log_segment_info {
    char name[32]; /* of the file in the directory of the log */
    uint64_t number;
    uint64_t base;
    uint64_t size;      /* bytes to copy */
    uint64_t file_size; /* of the copy: zeros follow what was copied */
    bool sealed;
};
/* Fills |info| for the segment with this index, as far as it contains positions before |upto|.
 * False if it contains none. Any thread. */
bool fct_log_segment_info(struct fct_log *log, size_t index, uint64_t upto,
                          struct fct_log_segment_info *info);

#endif
