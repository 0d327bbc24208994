/* unanswered.h - the commands of a participant that have no handler: until somebody else answers
 * them, or it is time to say so. Layer: saga.
 *
 * A list of FCT_UNANSWERED_MAX entries at most; those beyond are
 * counted only. One thread at a time.
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
    uint64_t beyond; /* for which there was no room */
};

/* Also accepts a zeroed one. */
void fct_unanswered_finish(struct fct_unanswered *list);
/* OK; EXISTS: it is in the list; TOO_BIG: there is no room, and it is counted. NO_MEMORY. */
FCT_MUST_USE factum_status fct_unanswered_add(struct fct_unanswered *list, factum_slice id,
                                              factum_slice type, uint64_t due);
/* When the first of them is due; 0: there are none. */
uint64_t fct_unanswered_due(const struct fct_unanswered *list);
/* Those in the list and those beyond. */
uint64_t fct_unanswered_count(const struct fct_unanswered *list);

struct fct_unanswered_look {
    factum_store *store;
    uint64_t now;
    uint64_t next; /* when those that stay are looked up again */
    const factum_log_sink *log;
};
/* Looks up what is due: takes out what was answered, says once of the others that nobody has. What
 * cannot be looked up stays. */
void fct_unanswered_look_up(struct fct_unanswered *list, const struct fct_unanswered_look *look);

#endif
