/* manager_int.h - what the files of the manager share. Layer: saga. */
#ifndef FCT_SAGA_MANAGER_INT_H
#define FCT_SAGA_MANAGER_INT_H

#include "saga/entry.h"
#include "saga/manager.h"
#include "saga/routes.h"

/* An append under way, and the input that it is for. */
struct fct_commit {
    factum_append_op op;
    struct fct_commit *free_next;
    struct fct_entry *entry;
    factum_arena arena;
    struct fct_step_append append;
    struct fct_step_input input;
    char refused[256];
};

/* Entries linked by their |again|; an entry is in at most one such queue. */
struct fct_entry_queue {
    struct fct_entry *first;
    struct fct_entry *last;
};

struct fct_manager {
    struct fct_manager_options options;
    struct fct_deployed_set set;
    struct fct_routes routes;
    struct fct_entries entries;
    struct fct_commit *free_commits;
    uint32_t commit_count; /* under way */
    /* To continue when a commit has ended: |commits_max| are under way. */
    struct fct_entry_queue room;
    struct fct_entry_queue again; /* to be tried again at |again_at| */
    int64_t again_at;
    struct fct_entry *closing; /* entries that have ended, with events that are still to be fed */
    struct fct_entry *closing_last;
    int64_t timer_second;  /* the second in which timers were counted last */
    uint32_t timers_fired; /* in that second */
    uint64_t fed;          /* everything at or before it was fed */
    int64_t run_now;       /* the time that the owner has passed */
    factum_sagas_info counts;
};

/* manager_route.c: puts |event| into the queues of the sagas that it concerns. */
FCT_MUST_USE factum_status fct_manager_route(struct fct_manager *manager, const factum_event *event,
                                             factum_error *err);
/* manager.c: does the newest version of the saga |name| belong to this host? */
bool fct_manager_hosts(const struct fct_manager *manager, factum_slice name);
/* manager.c: puts |waiting| into the queue of |key|'s entry and runs it. */
FCT_MUST_USE factum_status fct_manager_queue(struct fct_manager *manager,
                                             const struct fct_saga_key *key,
                                             const struct fct_waiting *waiting, factum_error *err);
/* manager_input.c: the definition that judges |waiting|, or NULL. The entry is loaded. */
const struct factum_saga *fct_manager_definition(const struct fct_manager *manager,
                                                 const struct fct_entry *entry,
                                                 const struct fct_waiting *waiting);
/* manager_input.c: |waiting| as an input by |saga|, which may be NULL. False: nothing is to be done
 * for it. The entry is loaded. */
bool fct_manager_read_input(const struct fct_entry *entry, const struct fct_waiting *waiting,
                            const struct factum_saga *saga, int64_t now,
                            struct fct_saga_input *control);
/* manager.c: counts an input that cannot be taken, and logs it. */
FCT_PRINTF(2, 3) void fct_manager_bad(struct fct_manager *manager, const char *format, ...);

#endif
