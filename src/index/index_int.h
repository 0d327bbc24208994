/* index_int.h - the parts of the index. Private to this layer.
 *
 * A version is what readers see: runs, oldest first, the memtable that is being written out
 * (sealed), and the one that is added to (active). Versions are replaced, never changed; a reader
 * pins the one that it uses.
 *
 * Locks, in this order: maintenance (who replaces runs and writes the manifest), lock (the version
 * pointer, the contents of the active memtable, the missing ranges; |covered| is written with both
 * held).
 */
#ifndef FCT_INDEX_INDEX_INT_H
#define FCT_INDEX_INDEX_INT_H

#include "index/manifest.h"
#include "index/memtable.h"
#include "index/run.h"
#include "os/thread.h"

#define FCT_MISSING_MAX 64u
#define FCT_HEALS_MAX 16u /* times that one read has damage healed; each meets another run */

struct fct_version {
    _Atomic uint32_t references;
    _Atomic bool whole;          /* no range is missing: only then do readers use it */
    struct fct_memtable *sealed; /* or NULL */
    struct fct_memtable *active;
    size_t run_count;
    struct fct_run *runs[];
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
    uint64_t generation;
    struct fct_index_point covered; /* by the runs */

    _Atomic bool truncated; /* and not complete again: no version is whole */

    struct fct_rwlock lock;
    struct fct_version *version;
    struct fct_missing missing[FCT_MISSING_MAX];
    _Atomic uint32_t missing_count;

    struct fct_memtable *rebuild; /* of the missing range under way */
    struct fct_missing rebuild_range;

    struct fct_thread thread;
    _Atomic uint32_t changes; /* rises when there is work, and when some is done */
    _Atomic uint32_t stop;
    _Atomic uint32_t working; /* the thread is at it */
    factum_status failure;    /* of the last flush; under maintenance */
    factum_error failure_err;
    _Atomic int merge_failure; /* status of the last merge, if it may fail again in that way */

    _Atomic uint64_t blocks_read;
    _Atomic uint64_t filter_probes;
    _Atomic uint64_t filter_hits;
    _Atomic uint64_t merges;
    _Atomic uint64_t merged_bytes;
};

/* version.c */
/* Nothing is missing: what a version made now may tell readers. */
bool fct_index_is_whole(const struct fct_index *index);
struct fct_version *fct_version_pin(struct fct_index *index);
void fct_version_unpin(struct fct_index *index, struct fct_version *version);
/* A version of these parts, each of which gets a reference; NULL without memory. */
struct fct_version *fct_version_make(struct fct_index *index, struct fct_run *const *runs,
                                     size_t run_count, struct fct_memtable *sealed,
                                     struct fct_memtable *active);
/* Shows |version| (taken) to readers. */
void fct_version_install(struct fct_index *index, struct fct_version *version);
/* Takes a bad run out and notes its range as missing. */
void fct_index_quarantine(struct fct_index *index, struct fct_run *run);
/* What a reader answers that met damage in |run| (NULL: a range that is missing), which is
 * quarantined: CORRUPT. */
factum_status fct_index_damaged(struct fct_index *index, struct fct_run *run, factum_error *err);
/* After CORRUPT, with nothing pinned and no lock held: true if the damage was healed and the read
 * is to be tried again. |*tries| is 0 at first. */
FCT_MUST_USE bool fct_index_heal(struct fct_index *index, unsigned *tries, factum_error *err);

/* index.c */
/* Waits for merges while there are very many runs: a manifest holds so many and no more. Returns
 * too if they cannot be merged. */
void fct_index_await_merges(struct fct_index *index);

/* flush.c */
/* There is work for the background, or some was done. */
void fct_index_changed(struct fct_index *index);
/* Sets the active memtable aside if none is waiting; OK also if there was nothing to do. */
FCT_MUST_USE factum_status fct_index_seal(struct fct_index *index, factum_error *err);
/* Writes out the sealed memtable, if there is one. */
FCT_MUST_USE factum_status fct_index_flush_sealed(struct fct_index *index, factum_error *err);
/* Writes |table|, which nobody changes, as a run of [from, end), opened in *run. */
FCT_MUST_USE factum_status fct_index_write_run(struct fct_index *index,
                                               const struct fct_memtable *table,
                                               struct fct_run **run, factum_error *err);
/* Opens a run that was just written; one that cannot be opened does not stay on disk, where every
 * new attempt would leave another. */
FCT_MUST_USE factum_status fct_index_open_written(struct fct_index *index, uint64_t number,
                                                  struct fct_run **run, factum_error *err);
/* The manifest of |runs|. With maintenance held. */
FCT_MUST_USE factum_status fct_index_save(struct fct_index *index, struct fct_run *const *runs,
                                          size_t run_count, struct fct_index_point covered,
                                          factum_error *err);
/* With maintenance held. */
void fct_index_set_covered(struct fct_index *index, struct fct_index_point covered);
void fct_index_background(void *data);

/* merge.c */
bool fct_index_merge_due(struct fct_index *index);
FCT_MUST_USE factum_status fct_index_merge(struct fct_index *index, factum_error *err);

#endif
