/* index.h - the inverted index: (kind, 128-bit hash) -> the positions of records, in order.
 * Layer: index. Derived from the log and disposable; knows nothing of names, records or revisions.
 *
 *   add -> memtable -> (flush) -> immutable run -> (merge, tiered) -> bigger run
 *
 * A posting is a position; its ordinal is its place in the list of its key, from 0. Positions are
 * added in rising order, so the list of a key is the lists of the runs, oldest first, then the
 * memtable's: ordinals never change, whatever is flushed or merged. A cursor therefore holds an
 * ordinal, and stays valid for ever.
 *
 * Threads: one writer at a time (reserve, add, flush, rebuild); any number of readers. Flushing a
 * full memtable and merging run in the background if options.threads, else inside fct_index_tick
 * and fct_index_settle, and where the writer waits for merges.
 *
 * Invariants:
 *  1. The live runs cover [0, fct_index_covered().position) of the log without gap or overlap, but for the ranges
 *     that fct_index_missing reports; the memtables hold everything after.
 *  2. A run is complete, synced and named by a synced manifest before its memtable is let go.
 *  3. A page of a run is used only after its checksum held.
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

/* Is a posting the first one of its key? Keys of kinds whose births are not listed: NO. */
enum fct_index_birth {
    FCT_BIRTH_NO = 0,
    FCT_BIRTH_YES = 1,
    FCT_BIRTH_ASK = 2, /* the index looks */
};

struct fct_index_entry {
    struct fct_index_key key;
    uint64_t position; /* a multiple of 4 */
    enum fct_index_birth birth;
};

/* Up to where the runs cover the log, with what the log needs to prove it. */
struct fct_index_point {
    uint64_t position;
    uint64_t batch_number;
    uint64_t chain;
};

/* Rebuilds the missing ranges from the log. Readers of the index call it, holding nothing of the
 * index, when they meet one. On failure the readers answer CORRUPT, with its text. */
struct fct_index_healer {
    void *data;
    factum_status (*heal)(void *data, factum_error *err); /* NULL: damage is reported at once */
};

struct fct_index_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *dir; /* <store>/index; made if missing, unless read_only */
    const factum_log_sink *sink;
    struct fct_index_healer healer;
    factum_uuid store_id;       /* an index of another store is discarded */
    size_t memtable_size_max;   /* bytes of memory; 0: 4 MiB */
    uint64_t memtable_span_max; /* bytes of log that it covers; 0: 32 MiB */
    uint64_t hash_mask;         /* tests: keep only these bits of a hash; 0: all */
    bool read_only;             /* nothing is written; all new postings stay in memory */
    bool threads;
};

/* Opens and reads the manifest. Whatever is wrong with the files is no failure: the bad run (or
 * all) is set aside and its range reported as missing, or nothing is covered. */
FCT_MUST_USE factum_status fct_index_open(struct fct_index **index,
                                          const struct fct_index_options *options,
                                          factum_error *err);
/* Flushes nothing; call fct_index_flush first for a quick next open. Accepts NULL. */
void fct_index_close(struct fct_index *index);

struct fct_index_point fct_index_covered(struct fct_index *index);
/* Forgets what reaches beyond |position|, and more than that if it is not read_only: what is after
 * fct_index_covered() then has to be added again. Until fct_index_complete readers get CORRUPT. */
FCT_MUST_USE factum_status fct_index_truncate(struct fct_index *index, uint64_t position,
                                              factum_error *err);
void fct_index_complete(struct fct_index *index);
/* Deletes the files of the index in |dir|, which is not open, and no others. */
FCT_MUST_USE factum_status fct_index_remove(const struct fct_os *os, const char *dir,
                                            factum_error *err);

/* The key of a name. Seeded per index. */
struct fct_index_key fct_index_key(const struct fct_index *index, enum fct_index_kind kind,
                                   factum_slice name);

/* The list of births of a kind (STREAM, CATEGORY, TYPE, TAG): the positions at which a name of that
 * kind appeared for the first time. What follows it verifies: a position is in the list, though no
 * name was born there, if the index was damaged when it had to answer that. */
struct fct_index_key fct_index_births_key(enum fct_index_kind kind);
/* The list of births of the streams of a category, whose key is |category|. */
struct fct_index_key fct_index_category_births_key(const struct fct_index_key *category);

/* What the manifest in |dir| says, without opening anything: NOT_FOUND if there is none that
 * verifies. */
FCT_MUST_USE factum_status fct_index_peek(const struct fct_os *os, const char *dir,
                                          factum_uuid *store_id, struct fct_index_point *covered,
                                          factum_error *err);

/* ---- the writer ------------------------------------------------------------------------------ */

/* True if the next reserve may set a memtable aside to be written out, up to the log point that it has
 * now: what that names must be durable in the log before. */
bool fct_index_wants_flush(struct fct_index *index);
/* Makes sure that adding |count| entries, and what comes of them to lists of births, cannot fail.
 * Waits while two memtables are full and the
 * older is still being flushed (bounded memory), and while there are very many runs. */
FCT_MUST_USE factum_status fct_index_reserve(struct fct_index *index, size_t count,
                                             factum_error *err);
/* Adds entries in rising order of position (equal ones have different keys, and of those a STREAM
 * comes before its CATEGORY), and their births to the lists of births; readers do not see them. */
void fct_index_add(struct fct_index *index, const struct fct_index_entry *entries, size_t count);
/* Readers see all that was added. |end| is the log point after it: what a flush now would
 * cover. What is never shown, as the log could not keep it, is not flushed. */
void fct_index_show(struct fct_index *index, struct fct_index_point end);
/* Writes out what is in memory, durably, as one run; returns when that is done. By the writer;
 * while it hides something, the newest memtable stays as it is. */
FCT_MUST_USE factum_status fct_index_flush(struct fct_index *index, factum_error *err);
/* Without threads: flushes a full memtable and merges where due. Does nothing with threads. */
FCT_MUST_USE factum_status fct_index_tick(struct fct_index *index, factum_error *err);
/* Waits until no flush and no merge is due or under way, or one failed. */
FCT_MUST_USE factum_status fct_index_settle(struct fct_index *index, factum_error *err);

/* The range of the log whose run was lost, of several the first; false if none. */
bool fct_index_missing(struct fct_index *index, uint64_t *from, uint64_t *to);
/* Rebuilds the run of that range: begin, add the entries of the range in order, end at |to| or,
 * when fct_index_rebuild_full, at the start of a batch before it: the rest stays missing. In
 * between readers get CORRUPT. Not if read_only: cut there, and add what follows again. */
FCT_MUST_USE factum_status fct_index_rebuild_begin(struct fct_index *index, uint64_t from,
                                                   uint64_t to, factum_error *err);
FCT_MUST_USE factum_status fct_index_rebuild_add(struct fct_index *index,
                                                 const struct fct_index_entry *entries,
                                                 size_t count, factum_error *err);
bool fct_index_rebuild_full(const struct fct_index *index);
/* Of [from, to) of the range. Waits while there are very many runs. */
FCT_MUST_USE factum_status fct_index_rebuild_end(struct fct_index *index, uint64_t to,
                                                 factum_error *err);

/* ---- readers --------------------------------------------------------------------------------- */

/* A reader that meets a damaged page quarantines its run: the run's range of the log is missing
 * from then on (fct_index_missing). A reader that meets a missing range has it rebuilt by the
 * healer and tries again. CORRUPT, here and below: that failed, or there is no healer. */

/* Number of postings of |key| now and, if there are any, the first and last position (may be NULL).
 * A key that was never added costs one filter probe a run and reads no block (except for the
 * filter's false positives, below 1 in 100). */
FCT_MUST_USE factum_status fct_index_find(struct fct_index *index, const struct fct_index_key *key,
                                          uint64_t *count, uint64_t *first, uint64_t *last,
                                          factum_error *err);

/* How many postings of |key| lie after |after| and at or before |upto|. O(log n). */
FCT_MUST_USE factum_status fct_index_count_between(struct fct_index *index,
                                                   const struct fct_index_key *key, uint64_t after,
                                                   uint64_t upto, uint64_t *count,
                                                   factum_error *err);

#define FCT_POSTINGS_BATCH 128u

/* A cursor over one key's postings, on the caller's stack; owns nothing, needs no closing. */
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
/* Stands before the posting |ordinal|; past the end is allowed. */
void fct_postings_seek(struct fct_postings *postings, uint64_t ordinal);
/* Stands before the first posting at or after |position|. O(log n). */
FCT_MUST_USE factum_status fct_postings_seek_position(struct fct_postings *postings,
                                                      uint64_t position, factum_error *err);
/* The ordinal of the posting that next would give. */
uint64_t fct_postings_ordinal(const struct fct_postings *postings);
/* OK with a posting, or DONE; after DONE it may be called again for newer ones. */
FCT_MUST_USE factum_status fct_postings_next(struct fct_postings *postings, uint64_t *position,
                                             factum_error *err);
/* The posting before the place where it stands, and steps there. */
FCT_MUST_USE factum_status fct_postings_previous(struct fct_postings *postings, uint64_t *position,
                                                 factum_error *err);
/* What next would give after |ahead| more, if it is in memory already; for prefetching. */
static inline bool fct_postings_peek(const struct fct_postings *postings, uint32_t ahead,
                                     uint64_t *position)
{
    if (postings->at + ahead >= postings->count) {
        return false;
    }
    *position = postings->batch[postings->at + ahead];
    return true;
}

/* All keys of a kind as they are when the walk is opened, in order of hash; heap-allocated because
 * it pins runs. A walk that had damage healed on its way goes on after its last key, with what the
 * index holds by then. */
struct fct_index_keys;
FCT_MUST_USE factum_status fct_index_keys_open(struct fct_index *index, enum fct_index_kind kind,
                                               struct fct_index_keys **keys, factum_error *err);
FCT_MUST_USE factum_status fct_index_keys_next(struct fct_index_keys *keys,
                                               struct fct_index_key *key, uint64_t *count,
                                               uint64_t *first, uint64_t *last, factum_error *err);
void fct_index_keys_close(struct fct_index_keys *keys);

struct fct_index_stats {
    uint64_t runs;
    uint64_t run_bytes;    /* on disk */
    uint64_t filter_bytes; /* of them */
    uint64_t memory_bytes; /* memtables and tables held */
    uint64_t keys;         /* in all runs, keys in several counted for each */
    uint64_t postings;
    uint64_t doubtful_births; /* in lists of births, perhaps none; 0: these lists are exact */
    uint64_t blocks_read;     /* since open */
    uint64_t filter_probes;   /* since open */
    uint64_t filter_hits;     /* probes that said "perhaps" */
    uint64_t merges;
    uint64_t merged_bytes;
};
void fct_index_stats(struct fct_index *index, struct fct_index_stats *stats);

#endif
