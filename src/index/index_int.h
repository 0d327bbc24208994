/* index_int.h - the parts of the index. Private to this layer.
 *
 * A version is what readers see: the runs, oldest first, the memtable that is being flushed
 * (sealed), and the memtable that takes new entries (active). The set of a version never changes:
 * fct_version_apply replaces the version by an edited copy. A reader pins the version that it uses.
 *
 * Locks, in this order:
 *   maintenance  held by whoever edits the version or writes the manifest, from the first look at
 *                the version to the end of the edit
 *   lock         guards the version pointer, |covered|, the missing ranges and the content of the
 *                active memtable. Edits take it as well for the moment in which they take effect.
 *
 * Invariants, asserted by fct_version_check before and after each edit:
 *  1. Runs are in the order of the log and do not overlap.
 *  2. The gaps between the runs in [0, covered.position) are the missing ranges.
 *  3. The older memtable begins at covered.position, and the active one where the sealed one ends.
 *  4. A sealed memtable has postings, and all of them are shown: it never changes.
 *  5. The current version is whole if no range is missing and the index is not truncated.
 */
#ifndef FCT_INDEX_INDEX_INT_H
#define FCT_INDEX_INDEX_INT_H

#include "index/manifest.h"
#include "index/memtable.h"
#include "index/run.h"
#include "os/thread.h"

#define FCT_MISSING_MAX 64u
#define FCT_HEALS_MAX 16u /* tries of one read; each may meet another damaged run */

struct fct_version {
    _Atomic uint32_t references;
    _Atomic bool whole;          /* readers use this version only if true: invariant 5 */
    struct fct_memtable *sealed; /* or NULL */
    struct fct_memtable *active;
    size_t run_count;
    size_t run_room; /* of |runs| */
    struct fct_run *runs[];
};

/* One change of the current version. fct_version_edit_init describes no change; the caller then
 * sets what differs. */
struct fct_version_edit {
    size_t first;   /* the runs [first, first + removed) leave, ... */
    size_t removed; /* and if the edit is durable their files are deleted after the last use */
    struct fct_run *added;       /* takes their place; NULL: none does. The edit owns it. */
    struct fct_memtable *sealed; /* borrowed, or NULL */
    struct fct_memtable *active; /* borrowed */
    bool durable;                /* the manifest is replaced before the edit takes effect */
    bool truncated;
    struct fct_index_point covered;
    uint32_t missing_count;
    struct fct_missing missing[FCT_MISSING_MAX];
};

struct fct_index {
    const struct fct_os *os;
    const struct fct_mem *mem;
    factum_log_sink sink;
    struct fct_index_healer healer;
    char dir[FCT_PATH_SIZE];
    factum_uuid store_id;
    uint64_t seed;
    uint64_t hash_mask;
    size_t memtable_size_max;
    uint64_t memtable_span_max;
    bool read_only;
    bool threads;

    _Atomic uint64_t next_number; /* of a run */

    struct fct_mutex maintenance;
    uint64_t generation; /* of the manifest */
    bool truncated;      /* since fct_index_truncate, until fct_index_complete */

    struct fct_rwlock lock;
    struct fct_version *version;
    struct fct_index_point covered; /* by the runs */
    struct fct_missing missing[FCT_MISSING_MAX];
    _Atomic uint32_t missing_count; /* read without the lock where only "any?" matters */

    struct fct_memtable *rebuild;     /* what was added of the range that is being rebuilt */
    struct fct_missing rebuild_range; /* that range */

    struct fct_thread thread;
    _Atomic uint32_t changes; /* counter: rises when background work appears, and when it is done */
    _Atomic uint32_t stop;
    _Atomic uint32_t working; /* the thread flushes or merges */
    factum_status failure;    /* of the last flush; under maintenance */
    factum_error failure_err;
    _Atomic int merge_failure; /* status of the last merge if the next would fail in the same way */

    _Atomic uint64_t blocks_read;
    _Atomic uint64_t filter_probes;
    _Atomic uint64_t filter_hits;
    _Atomic uint64_t merges;
    _Atomic uint64_t merged_bytes;
};

/* version.c */

/* A version without memtables that has room for |run_room| runs; NULL without memory. */
FCT_MUST_USE struct fct_version *fct_version_create(const struct fct_index *index, size_t run_room);
/* The current version, with a reference. */
FCT_MUST_USE struct fct_version *fct_version_pin(struct fct_index *index);
/* Drops a reference; the last one drops those of the runs and memtables. Accepts NULL. */
void fct_version_unpin(const struct fct_index *index, struct fct_version *version);
/* Asserts the invariants above. With maintenance held, or while no other thread knows |index|. */
void fct_version_check(const struct fct_index *index);

/* The place of |run| in |version|; run_count if it has left. */
size_t fct_version_place_of(const struct fct_version *version, const struct fct_run *run);

/* With maintenance held. */
void fct_version_edit_init(struct fct_version_edit *edit, const struct fct_index *index);
/* Replaces the current version. Takes |edit->added| also on failure; its file is then deleted.
 * Errors: NO_MEMORY; TOO_BIG (more runs than a manifest can name) and those of writing the manifest
 * (only if durable). Nothing has changed then. With maintenance held. */
FCT_MUST_USE factum_status fct_version_apply(struct fct_index *index,
                                             const struct fct_version_edit *edit,
                                             factum_error *err);

/* Takes a damaged run out of the current version; its range is missing from then on. Does nothing
 * if the run has left already, if too many ranges are missing, or without memory: the next reader
 * tries again. */
void fct_index_quarantine(struct fct_index *index, struct fct_run *run);
/* Quarantines |run| (NULL: a missing range was met instead). Returns CORRUPT. */
factum_status fct_index_damaged(struct fct_index *index, struct fct_run *run, factum_error *err);
/* For a reader after CORRUPT that has nothing pinned and holds no lock: true if the damage was
 * healed and the read can be tried again. |*tries| starts at 0; after FCT_HEALS_MAX the answer is
 * false. */
FCT_MUST_USE bool fct_index_heal(struct fct_index *index, unsigned *tries, factum_error *err);

/* writer.c */

/* Waits for merges while there are very many runs, because a manifest has room for
 * FCT_MANIFEST_RUNS_MAX. Returns also if they cannot be merged. */
void fct_index_await_merges(struct fct_index *index);

/* flush.c */

/* Raises the change counter and wakes whoever waits on it. */
void fct_index_changed(struct fct_index *index);
/* Turns the active memtable into the sealed one and creates an empty one, unless one is sealed
 * already, the active one is empty, or it hides postings: then OK, and nothing changes. By the
 * writer. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_index_seal(struct fct_index *index, factum_error *err);
/* Writes the sealed memtable, if there is one, as a run. */
FCT_MUST_USE factum_status fct_index_flush_sealed(struct fct_index *index, factum_error *err);
/* Writes |table|, which nobody changes, as a run of its range and opens it. On failure *run is
 * NULL. */
FCT_MUST_USE factum_status fct_index_write_run(struct fct_index *index,
                                               const struct fct_memtable *table,
                                               struct fct_run **run, factum_error *err);
/* Opens a run that was just written. If it cannot be opened its file is deleted, because every new
 * attempt would leave another one. */
FCT_MUST_USE factum_status fct_index_open_written(struct fct_index *index, uint64_t number,
                                                  struct fct_run **run, factum_error *err);
/* The background thread: |data| is the index. */
void fct_index_background(void *data);

/* merge.c */

/* Are there enough neighbouring runs of a level to be merged? */
bool fct_index_merge_due(struct fct_index *index);
/* Merges the runs that are due, if any. Errors: CORRUPT (an input is damaged; it is quarantined),
 * CANCELLED (the index is being closed, or an input has left meanwhile), NO_MEMORY, those of
 * writing. */
FCT_MUST_USE factum_status fct_index_merge(struct fct_index *index, factum_error *err);

#endif
