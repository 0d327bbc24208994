/* run.h - an immutable run of postings in a file. Layer: index, private to it. Knows nothing of
 * versions or of the other runs.
 *
 *   [block 0]...[block n-1][block index][filter][footer]
 *
 * Everything before the footer is pages of 4096 bytes. The last 4 bytes of a page are the CRC-32C
 * of the other 4092, started with the high half of (run number * 2^20 + page number) *
 * 0x9e3779b97f4a7c15. A page is checked when it is first used, so opening costs the same for a run
 * of any size.
 *
 * Block: a page of entries; from the end backwards, before its CRC
 *   4090  2  number of entries m
 *   4090 - 2m  offsets of the entries, 2 bytes each, in order
 * Entry: kind 1 | hash high 8 | hash low 8 | count varint | ordinal of the first varint |
 *        first position / 4 varint | (count - 1) differences / 4, varints
 * Entries are sorted by kind, hash, ordinal. A list that does not fit into a block continues in the
 * next one as another entry of the same key.
 *
 * Block index: pages of 127 entries of 32 bytes, one for each block, which describe its first
 * entry: hash high 8 | hash low 8 | first position 8 | ordinal 4 | kind 1 | 0 (3).
 * Filter: filter.h.
 *
 * Footer, 160 bytes:
 *     0  8  magic "FACTUMRN"     8  4  format (3)      12  4  level
 *    16 16  store id            32  8  hash seed       40  8  run number
 *    48  8  from                56  8  to (positions of the log that it covers)
 *    64  8  batch number at to  72  8  chain at to
 *    80  8  block count         88  8  key count       96  8  posting count
 *   104  8  filter size       112  8  doubtful births  120 36  zero
 *   156  4  CRC-32C of [0, 156)
 */
#ifndef FCT_INDEX_RUN_H
#define FCT_INDEX_RUN_H

#include <assert.h>
#include <stdatomic.h>

#include "codec/bytes.h"
#include "index/filter.h"
#include "index/memtable.h"
#include "os/proven.h"

#define FCT_RUN_PAGE_SIZE 4096u
#define FCT_RUN_PAGE_ROOM 4092u /* without the CRC */
#define FCT_RUN_FOOTER_SIZE 160u
#define FCT_RUN_FORMAT 3u
#define FCT_RUN_LEVEL_MAX 63u
#define FCT_RUN_INDEX_ENTRY_SIZE 32u
#define FCT_RUN_INDEX_ENTRIES (FCT_RUN_PAGE_ROOM / FCT_RUN_INDEX_ENTRY_SIZE) /* in a page */

static_assert(FCT_FILTER_PAGE_SIZE == FCT_RUN_PAGE_SIZE &&
                  FCT_FILTER_BLOCKS * FCT_FILTER_BLOCK <= FCT_RUN_PAGE_ROOM,
              "a page of the filter has room for its CRC");

struct fct_run_info {
    factum_uuid store_id;
    uint64_t seed;
    uint64_t number;
    uint64_t from;
    struct fct_index_point end; /* the run covers the log from |from| to here */
    uint32_t level;
    uint64_t block_count;
    uint64_t key_count;
    uint64_t posting_count;
    uint64_t filter_size;
    uint64_t doubtful; /* births among the postings that may be none */
    uint64_t file_size;
};

struct fct_run {
    const struct fct_os *os;
    const struct fct_mem *mem;
    struct fct_file *file;
    struct fct_run_info info;
    const uint8_t *map;
    uint64_t page_count;
    _Atomic uint64_t *verified; /* a bit a page: its checksum was verified */
    struct fct_proven proven;   /* its words follow those of |verified| */
    void *verified_memory;      /* of both */
    _Atomic bool bad;           /* damage was found: the run must not be used any more */
    _Atomic uint32_t references;
    bool obsolete; /* the file is deleted with the last reference */
    char path[FCT_PATH_SIZE];
};

#define FCT_RUN_NAME_SIZE 32
void fct_run_name(uint64_t number, char name[FCT_RUN_NAME_SIZE]);
/* The number of the run whose file is |name|; 0 if it is not the name of a run. */
uint64_t fct_run_number(const char *name);

/* Opens a run and checks its footer; it has one reference. On failure *run is NULL. Errors: CORRUPT
 * (the footer is damaged or of another format, or the size is wrong), NOT_FOUND, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_run_open(struct fct_run **run, const struct fct_os *os,
                                        const struct fct_mem *mem, const char *dir, uint64_t number,
                                        factum_error *err);
/* Reads the whole file again and checks pages, the order of entries and of the positions of a key,
 * and that block index and filter lead to each key. Errors: CORRUPT (the run is bad from then
 * on). */
FCT_MUST_USE factum_status fct_run_verify(struct fct_run *run);
void fct_run_retain(struct fct_run *run);
/* The last reference closes the run, and deletes its file if it is obsolete. Accepts NULL. */
void fct_run_release(struct fct_run *run);

/* Some postings of one key, as a block stores them; valid while the run is referenced. */
struct fct_run_entry {
    struct fct_index_key key;
    uint64_t ordinal; /* of the first, in the run */
    uint64_t count;
    uint64_t first; /* position */
    const uint8_t *deltas;
    const uint8_t *end;
};

/* Asks the filter: DONE if the run does not have |key|, OK if it may. Errors: CORRUPT (the run is
 * bad from then on). */
FCT_MUST_USE factum_status fct_run_probe(struct fct_run *run, const struct fct_index_key *key);
/* The last entry of |key| whose first ordinal is at most |ordinal|, or whose first position is at
 * most |position|. DONE: the run does not have the key, or all its postings are later. Errors:
 * CORRUPT (the run is bad from then on). */
FCT_MUST_USE factum_status fct_run_find_ordinal(struct fct_run *run,
                                                const struct fct_index_key *key, uint64_t ordinal,
                                                struct fct_run_entry *entry);
FCT_MUST_USE factum_status fct_run_find_position(struct fct_run *run,
                                                 const struct fct_index_key *key, uint64_t position,
                                                 struct fct_run_entry *entry);
/* The position of the last posting in |entry|. */
uint64_t fct_run_entry_last(const struct fct_run_entry *entry);
/* Steps to the next posting of an entry: adds its difference at |at| to *position and returns the
 * place of the following difference. Start with |at| = entry->deltas, *position = entry->first; an
 * entry has |count| - 1 differences. */
static inline const uint8_t *fct_run_delta(const uint8_t *at, const uint8_t *end,
                                           uint64_t *position)
{
    uint64_t delta = 0;
    at += fct_varint_get(at, (size_t)(end - at), &delta);
    *position += delta * 4;
    return at;
}

/* Entry |i| of block |block|: OK, or DONE after the last entry of the block. Errors: CORRUPT. */
FCT_MUST_USE factum_status fct_run_entry_at(struct fct_run *run, uint64_t block, uint32_t i,
                                            struct fct_run_entry *entry);

/* A walk over all entries in order; starts with {.run = run}. */
struct fct_run_walk {
    struct fct_run *run;
    uint64_t block;
    uint32_t i;
};
/* OK with an entry, or DONE. Errors: CORRUPT. */
FCT_MUST_USE factum_status fct_run_walk_next(struct fct_run_walk *walk,
                                             struct fct_run_entry *entry);
/* Starts a walk before the first entry of |kind|. Errors: CORRUPT. */
FCT_MUST_USE factum_status fct_run_walk_kind(struct fct_run_walk *walk, struct fct_run *run,
                                             enum fct_index_kind kind);

/* The checksum of page |number| of run |run|. */
uint32_t fct_run_page_crc(uint64_t run, uint64_t number, const uint8_t page[FCT_RUN_PAGE_SIZE]);

/* ---- writing --------------------------------------------------------------------------------- */

struct fct_run_writer;
/* Starts the run that |info| describes, except for its counts and sizes. |keys_max| is an upper
 * bound of its keys. A file of that number is overwritten. */
FCT_MUST_USE factum_status fct_run_writer_create(struct fct_run_writer **writer,
                                                 const struct fct_os *os, const struct fct_mem *mem,
                                                 const char *dir, const struct fct_run_info *info,
                                                 uint64_t keys_max, factum_error *err);
/* Adds a posting: keys in order, and the positions of a key in order. */
FCT_MUST_USE factum_status fct_run_writer_add(struct fct_run_writer *writer,
                                              const struct fct_index_key *key, uint64_t position,
                                              factum_error *err);
/* Adds the postings of an entry of a run or a memtable; its ordinal is ignored. Errors: CORRUPT
 * (the positions do not rise), NO_MEMORY, those of writing. */
FCT_MUST_USE factum_status fct_run_writer_add_entry(struct fct_run_writer *writer,
                                                    const struct fct_run_entry *entry,
                                                    factum_error *err);
/* The position of the last posting that was added; there must be one. */
uint64_t fct_run_writer_last(const struct fct_run_writer *writer);
/* Writes the rest and syncs the file and its directory. */
FCT_MUST_USE factum_status fct_run_writer_finish(struct fct_run_writer *writer, factum_error *err);
/* Frees the writer, and deletes the file unless it is finished. Accepts NULL. */
void fct_run_writer_destroy(struct fct_run_writer *writer);

#endif
