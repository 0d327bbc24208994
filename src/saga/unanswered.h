/* unanswered.h - the commands of a participant that have no handler: until another participant
 * answers them, or it is time to report them. Layer: saga.
 *
 * A list of at most FCT_UNANSWERED_MAX entries; commands beyond are only counted. One thread at a
 * time.
 */
#ifndef FCT_SAGA_UNANSWERED_H
#define FCT_SAGA_UNANSWERED_H

#include <factum/store.h>

#include "core/compiler.h"
#include "core/mem.h"

#define FCT_UNANSWERED_MAX 1000u

struct fct_unanswered_entry {
    uint64_t due; /* of factum_deadline: when it is looked up */
    bool said;
    uint32_t id_len;
    uint32_t type_len;
    char text[]; /* the id, then the type */
};

struct fct_unanswered {
    const struct fct_mem *mem;
    struct fct_unanswered_entry *entries[FCT_UNANSWERED_MAX];
    size_t count;
    uint64_t beyond; /* commands without room in the list */
};

/* Also accepts a zeroed list. */
void fct_unanswered_finish(struct fct_unanswered *list);
/* OK. Errors: EXISTS (in the list already), TOO_BIG (no room; it is counted), NO_MEMORY. */
FCT_MUST_USE factum_status fct_unanswered_add(struct fct_unanswered *list, factum_slice id,
                                              factum_slice type, uint64_t due);
/* When the first of them is due; 0: none. */
uint64_t fct_unanswered_due(const struct fct_unanswered *list);
/* The commands in the list and beyond it. */
uint64_t fct_unanswered_count(const struct fct_unanswered *list);

struct fct_unanswered_look {
    factum_store *store;
    uint64_t now;
    uint64_t next; /* when the remaining entries are looked up again */
    const factum_log_sink *log;
};
/* Looks up the due entries: removes those that were answered, and reports each of the others once.
 * An entry that cannot be looked up stays. */
void fct_unanswered_look_up(struct fct_unanswered *list, const struct fct_unanswered_look *look);

#endif
