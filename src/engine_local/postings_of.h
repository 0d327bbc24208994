/* postings_of.h - which postings a record has: one list each for its stream, its category, its
 * type, its correlation id, and its tags; for the note of an idempotency key, the key's list.
 * Layer: engine_local, private to it. Pure.
 *
 * Does not know where records come from nor when their postings are added.
 */
#ifndef FCT_ENGINE_LOCAL_POSTINGS_OF_H
#define FCT_ENGINE_LOCAL_POSTINGS_OF_H

#include <factum/store.h>

#include "codec/record.h"
#include "index/index.h"

/* The most that one record has. */
#define FCT_POSTINGS_OF_MAX (5u + FACTUM_TAGS_MAX)

/* Puts the postings of |record|, whose position is set, into |entries|; returns how many. The first
 * one of an event is its stream's: a birth if the revision is 0; for a tombstone the index has to
 * look. */
size_t fct_postings_of(const struct fct_index *index, const struct fct_record *record,
                       const factum_slice *tags, size_t tag_count,
                       struct fct_index_entry entries[FCT_POSTINGS_OF_MAX]);
/* The same, with the tags that lie in the record. */
size_t fct_postings_of_stored(const struct fct_index *index, const struct fct_record *record,
                              struct fct_index_entry entries[FCT_POSTINGS_OF_MAX]);

#endif
