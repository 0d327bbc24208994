/* births.h - which of the postings that are added begin a list. Layer: index, private to it.
 *
 * A birth is the first posting of a key of kind STREAM, CATEGORY, TYPE or TAG. Its position goes to
 * the list of births of that kind and, for a stream, to the list of births of its category; both
 * are lists like any other, of keys of kind BIRTH (fct_index_births_key). A position stands once in
 * a list, however many tags were born there.
 *
 * Knows nothing of records: that a stream is of a category shows by the order of the entries, the
 * CATEGORY entry of a position after its STREAM entry. A run that cannot be read counts as one
 * without the key: lists of births may hold positions that are none, and then say so
 * (|doubtful|); a birth is never left out.
 */
#ifndef FCT_INDEX_BIRTHS_H
#define FCT_INDEX_BIRTHS_H

#include "index/index_int.h"

#define FCT_BIRTHS_STEP 64u /* entries between two looks */

/* Births that come of |entries| entries, at most: one for each, and two for a CATEGORY entry, which
 * follows a STREAM entry. */
#define FCT_BIRTHS_MAX(entries) ((entries) + (entries) / 2 + 1)
/* Keys of their lists, at most: one for each category, and the kinds'. */
#define FCT_BIRTHS_KEYS_MAX(entries) ((entries) / 2 + 4)

/* One addition of entries. */
struct fct_births {
    struct fct_index *index;
    struct fct_version *version;    /* pinned with the first look into it */
    uint64_t before;                /* only runs of the log before here are looked into */
    bool sealed;                    /* and the sealed memtable */
    uint64_t last[FCT_INDEX_BIRTH]; /* of each kind: position of the last birth found */
    uint32_t doubtful;              /* births found that may be none */
    size_t count;
    struct fct_index_entry found[FCT_BIRTHS_MAX(FCT_BIRTHS_STEP)]; /* to be added */
};

/* For entries that come after all that the index holds. */
void fct_births_init(struct fct_births *births, struct fct_index *index);
/* For entries of a range that begins at |from|. */
void fct_births_init_rebuild(struct fct_births *births, struct fct_index *index, uint64_t from);
void fct_births_finish(struct fct_births *births);
/* Finds the births among |count| entries, FCT_BIRTHS_STEP at most, that were just added to a
 * memtable; bit i of |fresh| says that the memtable had no posting of entry i's key before. With
 * |found| empty, and no lock held. */
void fct_births_find(struct fct_births *births, const struct fct_index_entry *entries, size_t count,
                     uint64_t fresh);
/* Adds what was found to |table|, which has room for it. */
void fct_births_add(struct fct_births *births, struct fct_memtable *table);

#endif
