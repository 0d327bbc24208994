/* postings_of.h - which postings a record has. Layer: engine_local, private to it. Pure.
 *
 * An event has one in the list of its stream, of its category, of its type, of its correlation id,
 * and of each tag. A COMMIT record has one in the list of its idempotency key. Does not know where
 * records come from, nor when their postings are added.
 */
#ifndef FCT_ENGINE_LOCAL_POSTINGS_OF_H
#define FCT_ENGINE_LOCAL_POSTINGS_OF_H

#include <factum/store.h>

#include "codec/record.h"
#include "index/index.h"

#define FCT_POSTINGS_OF_MAX (5u + FACTUM_TAGS_MAX) /* of one record */

/* Puts the postings of |record|, whose position and revision are set, into |entries| and returns
 * their number. The first one of an event is its stream's: it is a birth if the revision is 0; for
 * a tombstone the index has to find out. */
size_t fct_postings_of(const struct fct_index *index, const struct fct_record *record,
                       const factum_slice *tags, size_t tag_count,
                       struct fct_index_entry entries[FCT_POSTINGS_OF_MAX]);
/* The same for a record that was read: its tags are in it. */
size_t fct_postings_of_stored(const struct fct_index *index, const struct fct_record *record,
                              struct fct_index_entry entries[FCT_POSTINGS_OF_MAX]);

#endif
