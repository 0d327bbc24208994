/* log.h - the append-only log: segments, the writer, recovery, readers. Layer: log.
 *
 * The only truth of a store. Knows positions, batches and records; knows nothing of streams,
 * revisions (it stores the ones it is given) or indexes. Rules R1 to R16 of docs/formats.md hold.
 *
 * Position = logical byte address. Segment n holds [base, base + used); the next one starts where
 * it ends. A position names a record; fct_log_end() is where the next batch will start.
 *
 * Threads: one writer at a time (the caller serialises fct_log_begin .. commit, heartbeat, close);
 * any number of readers beside it. Everything that a reader gets from a log, slices included, lasts
 * until fct_log_close.
 *
 * Invariants:
 *  1. visible <= written end; sync commits become visible only after fdatasync returned 0.
 *  2. After a failed sync (or a write with EIO) the log is FAILED for good: no more writes, reads
 *     up to visible go on.
 *  3. Positions rise by construction; a byte once visible never changes.
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

/* Facts from outside the log about what was acknowledged: the index manifest's. A zeroed one
 * states nothing. */
struct fct_log_point {
    uint64_t position;     /* a batch boundary; everything before it was durable */
    uint64_t batch_number; /* of the batch that starts there */
    uint64_t chain;        /* that it carries */
};

struct fct_log_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *dir;             /* <store>/log; made if missing, unless read_only */
    const factum_log_sink *sink; /* or NULL */
    struct fct_log_point proof;
    factum_uuid proof_store_id;  /* |proof| counts only if the log is of this store */
    uint64_t segment_size_first; /* 0: 1 MiB. Rounded up to 4096 */
    uint64_t segment_size_max;   /* 0: 64 MiB */
    size_t ahead_size; /* a batch of so many bytes is written while it is made; 0: 128 KiB */
    bool read_only;
    bool must_exist; /* NOT_FOUND if there are no segments; otherwise the first one is created */
    bool threads;    /* prepare the next segment in the background; otherwise inside the roll */
};

enum fct_log_state {
    FCT_LOG_OPEN,
    FCT_LOG_READ_ONLY, /* opened so */
    FCT_LOG_DAMAGED,   /* acknowledged data is damaged: verified ranges are served, no writing */
    FCT_LOG_FAILED,    /* a write or sync failed */
};

/* What opening found and did. */
struct fct_log_recovery {
    uint64_t scanned_bytes;
    uint64_t torn_bytes;    /* cut from the tail (kept in log/torn-<position>, the last 8) */
    uint64_t damaged_from;  /* first bad position if state is DAMAGED */
    uint64_t evidence_upto; /* what is known to have been acknowledged */
    bool created;           /* the log was empty */
    bool tail_rewritten;    /* R12 was done */
};

/* Opens, recovers (R11, R12), and leaves the log ready for reading and, if the state is OPEN, for
 * writing. Damage is no failure to open: ask fct_log_state. Fails with CORRUPT if not even the
 * order of segments can be trusted, or one holds another history (R13; names the file),
 * NEWER_FORMAT, IO, NO_SPACE, NO_MEMORY. */
FCT_MUST_USE factum_status fct_log_open(struct fct_log **log, const struct fct_log_options *options,
                                        factum_error *err);
/* Syncs, writes END, removes a prepared segment, frees. Accepts NULL. The log is gone whatever is
 * returned. */
factum_status fct_log_close(struct fct_log *log, factum_error *err);

enum fct_log_state fct_log_state(const struct fct_log *log);
/* Why the state is DAMAGED or FAILED; "" otherwise. */
const char *fct_log_state_reason(const struct fct_log *log);
const struct fct_log_recovery *fct_log_recovery(const struct fct_log *log);
/* Says that a walk met damage at |position|, where a batch begins: the log is DAMAGED and ends
 * there from now on. Before anyone else uses it. |reason| names the place, as the walk's error
 * does. */
void fct_log_set_damaged(struct fct_log *log, uint64_t position, const char *reason);
/* Ends all writing: the log has FAILED, and |reason| says why. By the writer. */
void fct_log_stop(struct fct_log *log, const char *reason);
factum_uuid fct_log_store_id(const struct fct_log *log);
/* Has a repair given up events of it? */
bool fct_log_has_losses(const struct fct_log *log);

/* First position that can hold a batch, and the place after the last visible one. Any thread. */
uint64_t fct_log_start(const struct fct_log *log);
uint64_t fct_log_end(const struct fct_log *log);
/* Everything before it is on disk. */
uint64_t fct_log_durable(const struct fct_log *log);
/* The point for fct_log_end(), by the writer. */
struct fct_log_point fct_log_end_point(const struct fct_log *log);
/* Size on disk: bytes used by segments, and bytes prepared but unused. */
void fct_log_disk_size(struct fct_log *log, uint64_t *used, uint64_t *prepared);
uint64_t fct_log_segment_count(const struct fct_log *log);

/* ---- the writer ------------------------------------------------------------------------------ */

/* Starts a batch of at most |payload_size_max| bytes of records; rolls to a new segment first if it
 * would not fit. FAILED, READ_ONLY, CORRUPT (DAMAGED), NO_SPACE (nothing happened; try again when
 * there is space), NO_MEMORY. */
FCT_MUST_USE factum_status fct_log_begin(struct fct_log *log, size_t payload_size_max,
                                         factum_error *err);
/* Adds a record; returns the position that it will have. |size| = fct_record_size(). The sizes of
 * one batch must stay within what was begun with. record->position is set by this call. */
uint64_t fct_log_add(struct fct_log *log, struct fct_record *record, const factum_slice *tags,
                     size_t tag_count, size_t size);
/* The first half of fct_log_commit, with its errors: writes the batch. If |sync|, and it is big
 * enough to be worth it, the device is at work for it when this returns. Only a commit may follow.
 */
FCT_MUST_USE factum_status fct_log_send(struct fct_log *log, bool sync, factum_error *err);
/* Writes the batch and, if |sync|, makes it durable; then it is visible. An empty one is dropped.
 * On failure nothing of it is visible now; IO and FAILED: its outcome is unknown until the next
 * open, and the log has FAILED. NO_SPACE cannot come from here (space is prepared). */
FCT_MUST_USE factum_status fct_log_commit(struct fct_log *log, bool sync, factum_error *err);
/* Syncs what `os` commits left unsynced, then proves the end of the log in LAST (R8), unless that
 * is proven. To be called some 50 ms after a commit. */
FCT_MUST_USE factum_status fct_log_heartbeat(struct fct_log *log, factum_error *err);
/* Only the first half of it: durable = end afterwards. Needs no space. By the writer. */
FCT_MUST_USE factum_status fct_log_sync(struct fct_log *log, factum_error *err);
/* True if a heartbeat would write. Any thread. */
bool fct_log_wants_heartbeat(const struct fct_log *log);

/* ---- readers --------------------------------------------------------------------------------- */

/* The record at |position|, CRC checked. CORRUPT if there is none or it does not verify; the text
 * names the position and file. */
FCT_MUST_USE factum_status fct_log_read(struct fct_log *log, uint64_t position,
                                        struct fct_record *record, factum_error *err);
/* The same for a position that may be anything: NOT_FOUND if no record begins there, CORRUPT only
 * if one does. */
FCT_MUST_USE factum_status fct_log_find(struct fct_log *log, uint64_t position,
                                        struct fct_record *record, factum_error *err);
/* Loads the line of memory where the record begins; a hint. Any position. */
void fct_log_prefetch(struct fct_log *log, uint64_t position);

/* A walk over records in order of position, on the caller's stack. Forward it verifies whole
 * batches by their CRC and chain (one pass, no work a record), backward it verifies record by
 * record. It sees what is visible when it gets there: after DONE it can be continued later. */
struct fct_log_walk {
    struct fct_log *log;
    struct fct_segment *segment; /* under way */
    const uint8_t *map;          /* of it */
    uint64_t salt;
    uint64_t base;         /* of that segment */
    uint64_t position;     /* of the next record or batch header (forward), of its end (backward) */
    uint64_t batch_end;    /* end of the verified payload; position < batch_end: inside it */
    uint64_t limit;        /* fct_log_end() when last looked */
    uint64_t chain;        /* expected in the next batch header; valid if chain_known */
    uint64_t batch_start;  /* position of the header of the batch under way */
    uint64_t batch_number; /* of it */
    uint64_t batch_chain;  /* that its header carries; with the two above: a point */
    bool chain_known;
};

/* Forward from the first record at or after |from| (a position that never was a record's start is
 * moved to the next one that is; a record that is damaged is one). */
FCT_MUST_USE factum_status fct_log_walk_init(struct fct_log_walk *walk, struct fct_log *log,
                                             uint64_t from, factum_error *err);
/* OK with a record, DONE at the end of what is visible, CORRUPT at damage (the same again if called
 * again). Records of all kinds. */
FCT_MUST_USE factum_status fct_log_walk_next(struct fct_log_walk *walk, struct fct_record *record,
                                             factum_error *err);
/* Backward: records that end at or before |before| (UINT64_MAX: from the end). */
FCT_MUST_USE factum_status fct_log_walk_init_backward(struct fct_log_walk *walk,
                                                      struct fct_log *log, uint64_t before,
                                                      factum_error *err);
FCT_MUST_USE factum_status fct_log_walk_previous(struct fct_log_walk *walk,
                                                 struct fct_record *record, factum_error *err);

/* ---- checking and mending -------------------------------------------------------------------- */

struct fct_log_verify_report {
    uint64_t segments;
    uint64_t batches;
    uint64_t records;
    uint64_t bytes;
    uint64_t bad_from; /* first damaged position, UINT64_MAX: none */
    uint64_t chain;    /* after the last good batch */
    char file[64];     /* of the damage */
};

/* Who looks on while the log is verified; each function may be NULL. */
struct fct_log_visitor {
    void *data;
    /* Gets the bytes done and in all; false stops (CANCELLED). */
    bool (*progress)(void *data, uint64_t done, uint64_t total);
    /* Gets each record that verified, in order, until it returns. A failure stops. */
    factum_status (*record)(void *data, const struct fct_record *record, factum_error *err);
};

/* Reads every byte of the log from the device (not the cache, as far as the os allows) and checks
 * header, footer, batch and record CRCs, chain, dense batch numbers. |visitor| may be NULL. CORRUPT
 * if damage was found; the report is filled in any case. */
FCT_MUST_USE factum_status fct_log_verify(struct fct_log *log,
                                          const struct fct_log_visitor *visitor,
                                          struct fct_log_verify_report *report, factum_error *err);

/* For a log that opens as DAMAGED or does not verify: gives up everything from the batch with the
 * first damage on. What lies in that segment from there on is copied to log/lost-<position>, later
 * segments are renamed to lost-<name>; then a new segment and timeline begin.
 * Positions that were given up are never used again: the new segment begins behind them. The log
 * must not be open. INVALID if |from| is not the first damaged position (damaged_from, or bad_from
 * of the report). Derived state that covers what was given up has to be rebuilt: |forget| is
 * called to remove it when the log itself says what is lost, and must succeed before it goes on. */
FCT_MUST_USE factum_status fct_log_accept_loss(const struct fct_log_options *options, uint64_t from,
                                               factum_status (*forget)(void *data,
                                                                       factum_error *err),
                                               void *data, factum_error *err);

/* The number of the segment that has the file name |name|; 0 if no segment has it. */
uint64_t fct_segment_number(const char *name);
/* One segment file for backups: its name in the directory, and how many bytes of it are to be
 * copied for everything before |upto|. False after the last. */
struct fct_log_segment_info {
    char name[32];
    uint64_t number;
    uint64_t base;
    uint64_t size;      /* bytes to copy */
    uint64_t file_size; /* that the copy must have: zeros follow what was copied */
    bool sealed;
};
bool fct_log_segment_info(struct fct_log *log, size_t index, uint64_t upto,
                          struct fct_log_segment_info *info);

#endif
