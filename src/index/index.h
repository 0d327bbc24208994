/* index.h - the inverted index: (kind, 128-bit hash) -> the positions of records, in order.
 * Layer: index. Derived from the log and disposable; knows nothing of names, records or revisions.
 *
 *   add -> memtable -> (flush) -> immutable run -> (merge, tiered) -> bigger run
 *
 * A posting is a position; its ordinal is its place in the list of its key, from 0. Positions are
 * added in rising order, so the list of a key is the lists of the runs, oldest first, then the
 * memtables': ordinals never change, whatever is flushed or merged. A cursor therefore holds an
 * ordinal, and stays valid as long as the index is open.
 *
 * Threads: one writer at a time (reserve, add, show, flush, truncate, rebuild); any number of
 * readers. With options.threads a background thread flushes sealed memtables and merges runs;
 * without, fct_index_tick and fct_index_settle do that, and the writer where it would wait.
 *
 * Invariants:
 *  1. The live runs cover [0, fct_index_covered().position) of the log without gap or overlap,
 *     except for the ranges that fct_index_missing reports; the memtables hold everything after.
 *  2. A run is complete, synced and named by a synced manifest before its memtable is freed.
 *  3. A page of a run is used only after its checksum was verified.
 */
#ifndef FCT_INDEX_INDEX_H
#define FCT_INDEX_INDEX_H

#include <factum/base.h>

#include "core/hash.h"
#include "core/mem.h"
#include "os/os.h"

struct fct_index;

enum fct_index_kind {
    FCT_INDEX_STREAM = 1,
    FCT_INDEX_CATEGORY = 2,
    FCT_INDEX_TYPE = 3,
    FCT_INDEX_CORRELATION = 4,
    FCT_INDEX_TAG = 5,
    FCT_INDEX_KEY = 6,   /* idempotency keys */
    FCT_INDEX_BIRTH = 7, /* positions where names appear for the first time */
};

struct fct_index_key {
    struct fct_hash128 hash;
    enum fct_index_kind kind;
};

/* Is a posting the first one of its key? NO for kinds whose births are not listed. */
enum fct_index_birth {
    FCT_BIRTH_NO = 0,
    FCT_BIRTH_YES = 1,
    FCT_BIRTH_ASK = 2, /* the caller does not know; the index searches for the key */
};

struct fct_index_entry {
    struct fct_index_key key;
    uint64_t position; /* a multiple of 4 */
    enum fct_index_birth birth;
};

/* A log point: a position between two batches, with what the log needs to prove it. */
struct fct_index_point {
    uint64_t position;
    uint64_t batch_number; /* of the batch before */
    uint64_t chain;        /* after that batch */
};

/* Rebuilds the missing ranges from the log. A reader that meets one calls it with nothing pinned
 * and no lock of the index held. On failure the reader returns CORRUPT, with the healer's text. */
struct fct_index_healer {
    void *data;
    factum_status (*heal)(void *data, factum_error *err); /* NULL: damage is returned at once */
};

struct fct_index_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *dir; /* <store>/index; created if missing, unless read_only */
    const factum_log_sink *sink;
    struct fct_index_healer healer;
    factum_uuid store_id;       /* an index of another store is discarded */
    size_t memtable_size_max;   /* bytes of memory; 0: 4 MiB */
    uint64_t memtable_span_max; /* bytes of the log that a memtable covers; 0: 32 MiB */
    uint64_t hash_mask;         /* tests: keep only these bits of a hash; 0: all */
    bool read_only;             /* no file is written; all new postings stay in memory */
    bool threads;               /* flush and merge in a background thread */
};

/* Opens the index and reads its manifest. Damaged files are no failure: the range of a bad run is
 * reported as missing; without a valid manifest, or with one of another store, the index starts
 * empty. Errors: INVALID (path too long), NO_MEMORY, IO and those of creating the directory. */
FCT_MUST_USE factum_status fct_index_open(struct fct_index **index,
                                          const struct fct_index_options *options,
                                          factum_error *err);
/* With no reader or writer left. Flushes nothing: call fct_index_flush first for a
 * quick next opening. Accepts NULL. */
void fct_index_close(struct fct_index *index);

/* The log point up to which the runs cover the log. Any thread. */
struct fct_index_point fct_index_covered(struct fct_index *index);
/* Drops every run that extends past |position| and every run after the first gap (all runs, unless
 * read_only), and the memtables. Afterwards replay the log from fct_index_covered() on and call
 * fct_index_complete; until then readers get CORRUPT. By the writer. Errors: NO_MEMORY, those of
 * writing the manifest; nothing has changed then. */
FCT_MUST_USE factum_status fct_index_truncate(struct fct_index *index, uint64_t position,
                                              factum_error *err);
void fct_index_complete(struct fct_index *index);
/* Deletes the files of the index in |dir|, which is not open, and no other files. OK also if |dir|
 * does not exist. */
FCT_MUST_USE factum_status fct_index_remove(const struct fct_os *os, const char *dir,
                                            factum_error *err);

/* The key of a name. Hashes are seeded per index. */
struct fct_index_key fct_index_key(const struct fct_index *index, enum fct_index_kind kind,
                                   factum_slice name);

/* The list of births of a kind (STREAM, CATEGORY, TYPE, TAG): the positions at which a name of that
 * kind appeared for the first time. If the index was damaged when it had to search for a name, the
 * list may contain positions at which no name was born; whoever follows a position verifies it. */
struct fct_index_key fct_index_births_key(enum fct_index_kind kind);
/* The list of births of the streams of a category, whose key is |category|. */
struct fct_index_key fct_index_category_births_key(const struct fct_index_key *category);

/* Reads store id and covered log point from the manifest in |dir|, without opening the index.
 * Errors: those of fct_manifest_read, NOT_FOUND if there is no valid manifest. */
FCT_MUST_USE factum_status fct_index_peek(const struct fct_os *os, const char *dir,
                                          factum_uuid *store_id, struct fct_index_point *covered,
                                          factum_error *err);

/* ---- the writer ------------------------------------------------------------------------------ */

/* True if the next fct_index_reserve may seal a memtable. Its flush then covers the log up to the
 * last point that was shown, which has to be durable in the log before. */
bool fct_index_wants_flush(struct fct_index *index);
/* Makes sure that adding |count| entries, and the births that follow from them, cannot fail. Waits
 * while two memtables are full and the older one is being flushed (bounded memory), and while there
 * are very many runs. Errors: NO_MEMORY; and once the memtable has reached four times its limit:
 * CORRUPT (a range is missing), or the status of the flush that failed. */
FCT_MUST_USE factum_status fct_index_reserve(struct fct_index *index, size_t count,
                                             factum_error *err);
/* Adds entries in rising order of position, and their births to the lists of births. Entries of one
 * position have different keys, and its STREAM comes before its CATEGORY. Readers do not see them
 * until fct_index_show. */
void fct_index_add(struct fct_index *index, const struct fct_index_entry *entries, size_t count);
/* Readers see all that was added. |end| is the log point after it; a flush from now on covers the
 * log up to it. Entries of a failed commit are never shown and never flushed. */
void fct_index_show(struct fct_index *index, struct fct_index_point end);
/* Writes the memtables as runs and returns when these are durable. A memtable that hides postings
 * stays. Does nothing if read_only or while a range is missing. Errors: NO_MEMORY, TOO_BIG (the
 * manifest is full), those of writing. */
FCT_MUST_USE factum_status fct_index_flush(struct fct_index *index, factum_error *err);
/* Without threads: flushes the sealed memtable and does one merge, if due. Does nothing with
 * threads. */
FCT_MUST_USE factum_status fct_index_tick(struct fct_index *index, factum_error *err);
/* Waits until no flush and no merge is due or in progress. Returns early with the status of one
 * that failed. */
FCT_MUST_USE factum_status fct_index_settle(struct fct_index *index, factum_error *err);

/* The missing range that comes first in the log; false if none is missing. Any thread. */
bool fct_index_missing(struct fct_index *index, uint64_t *from, uint64_t *to);
/* Rebuilds that range: begin, add the entries of the range in order, end at |to| or, once
 * fct_index_rebuild_full, at the start of a batch before it: the rest stays missing. Meanwhile
 * readers get CORRUPT. Not for a read_only index: truncate it at |from| and replay. */
FCT_MUST_USE factum_status fct_index_rebuild_begin(struct fct_index *index, uint64_t from,
                                                   uint64_t to, factum_error *err);
FCT_MUST_USE factum_status fct_index_rebuild_add(struct fct_index *index,
                                                 const struct fct_index_entry *entries,
                                                 size_t count, factum_error *err);
bool fct_index_rebuild_full(const struct fct_index *index);
/* Writes what was added as the run of [from, to). Waits while there are very many runs. */
FCT_MUST_USE factum_status fct_index_rebuild_end(struct fct_index *index, uint64_t to,
                                                 factum_error *err);

/* ---- readers --------------------------------------------------------------------------------- */

/* A reader that meets a damaged page quarantines its run: the run's range of the log is missing
 * from then on. A reader that meets a missing range has it rebuilt by the healer and tries again.
 * Errors here and below: CORRUPT (rebuilding failed, or there is no healer), NO_MEMORY. */

/* The number of postings of |key| and, if there are any, the first and last position (may be NULL).
 * A key that was never added costs one filter probe a run and reads no block, except for the
 * filter's false positives, fewer than 1 in 100. */
FCT_MUST_USE factum_status fct_index_find(struct fct_index *index, const struct fct_index_key *key,
                                          uint64_t *count, uint64_t *first, uint64_t *last,
                                          factum_error *err);

/* How many postings of |key| are after |after| and at or before |upto|. O(log n). */
FCT_MUST_USE factum_status fct_index_count_between(struct fct_index *index,
                                                   const struct fct_index_key *key, uint64_t after,
                                                   uint64_t upto, uint64_t *count,
                                                   factum_error *err);

#define FCT_POSTINGS_BATCH 128u

/* A cursor over the postings of a key, on the caller's stack; owns nothing, needs no closing. It is
 * before the posting that next returns. One thread at a time. */
struct fct_postings {
    struct fct_index *index;
    struct fct_index_key key;
    uint64_t ordinal; /* of batch[0] */
    uint32_t at;
    uint32_t count;
    uint64_t batch[FCT_POSTINGS_BATCH];
};

void fct_postings_init(struct fct_postings *postings, struct fct_index *index,
                       const struct fct_index_key *key);
/* Moves before the posting |ordinal|; past the end is allowed. */
void fct_postings_seek(struct fct_postings *postings, uint64_t ordinal);
/* Moves before the first posting at or after |position|, or to the end. O(log n). */
FCT_MUST_USE factum_status fct_postings_seek_position(struct fct_postings *postings,
                                                      uint64_t position, factum_error *err);
/* The ordinal of the posting that next would return. */
uint64_t fct_postings_ordinal(const struct fct_postings *postings);
/* OK with a posting, or DONE. After DONE another call finds newer postings. */
FCT_MUST_USE factum_status fct_postings_next(struct fct_postings *postings, uint64_t *position,
                                             factum_error *err);
/* Moves one posting back and returns it: OK, or DONE at the start. */
FCT_MUST_USE factum_status fct_postings_previous(struct fct_postings *postings, uint64_t *position,
                                                 factum_error *err);
/* The posting that next would return after |ahead| others, if the batch contains it; for
 * prefetching. */
static inline bool fct_postings_peek(const struct fct_postings *postings, uint32_t ahead,
                                     uint64_t *position)
{
    if (postings->at + ahead >= postings->count) {
        return false;
    }
    *position = postings->batch[postings->at + ahead];
    return true;
}

struct fct_index_stats {
    uint64_t runs;
    uint64_t run_bytes;       /* on disk */
    uint64_t memory_bytes;    /* of the memtables */
    uint64_t keys;            /* of all runs: a key that n runs have is counted n times */
    uint64_t postings;        /* of all runs */
    uint64_t doubtful_births; /* postings of lists of births that may be none; 0: exact lists */
    /* since the index was opened: */
    uint64_t blocks_read; /* by searches in runs */
    uint64_t filter_probes;
    uint64_t filter_hits; /* probes that did not rule the key out */
    uint64_t merges;
    uint64_t merged_bytes; /* of the runs that merges have written */
};
/* Any thread. */
void fct_index_stats(struct fct_index *index, struct fct_index_stats *stats);

#endif
