/* births.h - which of the added postings begin a list. Layer: index, private to it.
 *
 * A birth is the first posting of a key of kind STREAM, CATEGORY, TYPE or TAG. Its position is
 * added to the list of births of that kind and, for a stream, to the list of births of its
 * category. Both are lists like any other, of keys of kind BIRTH (fct_index_births_key). A position
 * is in a list once, however many tags were born there.
 *
 * Knows nothing of records: the category of a stream follows from the order of entries, the
 * CATEGORY entry of a position after its STREAM entry.
 *
 * Invariant: a birth is never left out. A run that cannot be read is treated as one without the
 * key; births that follow from that may be none, and are counted (|doubtful|).
 */
#ifndef FCT_INDEX_BIRTHS_H
#define FCT_INDEX_BIRTHS_H

#include "index/index_int.h"

#define FCT_BIRTHS_STEP 64u /* entries of one fct_births_find */

/* The most births of |entries| entries: one for each, and two for a CATEGORY entry, which follows a
 * STREAM entry. */
#define FCT_BIRTHS_MAX(entries) ((entries) + (entries) / 2 + 1)
/* The most keys of their lists: one for each category, and one for each kind. */
#define FCT_BIRTHS_KEYS_MAX(entries) ((entries) / 2 + 4)

/* One addition of entries. */
struct fct_births {
    struct fct_index *index;
    struct fct_version *version; /* pinned when it is first needed */
    uint64_t before; /* only runs that end at or before here are searched; UINT64_MAX: all, and
                      * the sealed memtable */
    uint64_t last[FCT_INDEX_BIRTH]; /* of each kind: position of the last birth found */
    uint32_t doubtful;              /* births found that may be none */
    size_t count;
    struct fct_index_entry found[FCT_BIRTHS_MAX(FCT_BIRTHS_STEP)]; /* births to add */
};

/* For entries after all that the index contains. */
void fct_births_init(struct fct_births *births, struct fct_index *index);
/* For entries of a range that begins at |from|. */
void fct_births_init_rebuild(struct fct_births *births, struct fct_index *index, uint64_t from);
/* With |found| empty. */
void fct_births_finish(struct fct_births *births);
/* Finds the births among |count| entries (FCT_BIRTHS_STEP at most) that were just added to a
 * memtable. Bit i of |fresh|: the memtable had no posting of the key of entry i before. With
 * |found| empty; no lock is held. */
void fct_births_find(struct fct_births *births, const struct fct_index_entry *entries, size_t count,
                     uint64_t fresh);
/* Adds the births that were found to |table|, which has room reserved for them. */
void fct_births_add(struct fct_births *births, struct fct_memtable *table);

#endif
