/* entry.h - the sagas that a manager knows: by name, by next timer, by last use. Layer: saga. No
 * store, no decisions.
 *
 * A saga has an entry while it has not ended or an input of it waits. Its instance is loaded only
 * while it is used, and a while longer.
 */
#ifndef FCT_SAGA_ENTRY_H
#define FCT_SAGA_ENTRY_H

#include "core/mem.h"
#include "saga/instance.h"

struct fct_commit;

enum fct_waiting_kind {
    FCT_WAITING_START,
    FCT_WAITING_REPLY,   /* |step|, |undo|, |generation| */
    FCT_WAITING_OUTSIDE, /* its type decides the step */
    FCT_WAITING_TIMERS,  /* those that are due */
    FCT_WAITING_REFRESH  /* the stream has events that are not in the instance */
};

/* An input that waits for its turn. The event's bytes follow it in memory. */
struct fct_waiting {
    struct fct_waiting *next;  /* of its entry */
    struct fct_waiting *older; /* of all entries, by position; only with an event */
    struct fct_waiting *newer;
    enum fct_waiting_kind kind;
    bool has_event;
    bool undo;
    uint16_t generation;
    factum_slice step;
    factum_event event;
    size_t size;
};

struct fct_entry {
    struct fct_entry *chain; /* of its bucket */
    uint64_t hash;
    struct fct_saga_key key;       /* its text follows the entry in memory */
    struct fct_instance *instance; /* NULL: not loaded */
    struct fct_entry *used_before; /* in the list of loaded entries */
    struct fct_entry *used_after;
    struct fct_waiting *first;
    struct fct_waiting *last;
    struct fct_commit *commit; /* the one under way, or NULL */
    struct fct_entry *again;   /* the next entry in a queue of entries that continue later */
    bool is_again;
    struct fct_entry *closing; /* the next entry that is freed when its events have been fed */
    bool is_closing;
    bool open;        /* it has not ended */
    bool timers_wait; /* an input for its timers is in the queue */
    /* Events of its stream up to this position are in the instance, or were when it was loaded. */
    uint64_t known;
    uint64_t seen; /* the newest event of its stream that was fed */
    int64_t due;   /* of its next timer; 0: none */
    size_t at;     /* index in the heap; SIZE_MAX: not in it */
};

struct fct_entries {
    const struct fct_mem *mem;
    struct fct_entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t open_count;
    struct fct_entry **heap; /* the entry that is due first comes first */
    size_t heap_count;
    size_t heap_capacity;
    struct fct_entry *most_used; /* first of the list of loaded entries */
    struct fct_entry *least_used;
    size_t loaded_count;
    struct fct_waiting *oldest;
    struct fct_waiting *newest;
    size_t waiting_count;
    size_t waiting_bytes; /* of their events */
};

FCT_MUST_USE factum_status fct_entries_init(struct fct_entries *entries, const struct fct_mem *mem,
                                            factum_error *err);
/* No commit may be under way. Accepts zeros. */
void fct_entries_finish(struct fct_entries *entries);
/* NULL: no entry. */
struct fct_entry *fct_entries_find(const struct fct_entries *entries,
                                   const struct fct_saga_key *key);
/* Finds or creates the entry. NULL without memory. */
struct fct_entry *fct_entries_get(struct fct_entries *entries, const struct fct_saga_key *key);
/* Frees an entry that is not loaded, with nothing waiting or under way. */
void fct_entries_drop(struct fct_entries *entries, struct fct_entry *entry);
void fct_entries_set_open(struct fct_entries *entries, struct fct_entry *entry, bool open);
/* Sets the time of the next timer; 0: none. NO_MEMORY leaves the entry without a timer. */
FCT_MUST_USE factum_status fct_entries_set_due(struct fct_entries *entries, struct fct_entry *entry,
                                               int64_t due, factum_error *err);
/* The entry whose timer is due first, or NULL. */
struct fct_entry *fct_entries_first_due(const struct fct_entries *entries);

/* Allocates an instance, as the most recently used one; NULL without memory. */
struct fct_instance *fct_entries_load(struct fct_entries *entries, struct fct_entry *entry,
                                      const struct fct_deployed_set *set);
void fct_entries_use(struct fct_entries *entries, struct fct_entry *entry);
void fct_entries_unload(struct fct_entries *entries, struct fct_entry *entry);

/* Appends a copy of |waiting|, and of its event, to the entry's queue. NULL without memory. */
struct fct_waiting *fct_entries_wait(struct fct_entries *entries, struct fct_entry *entry,
                                     const struct fct_waiting *waiting);
/* Removes the first input from the queue and frees it. */
void fct_entries_served(struct fct_entries *entries, struct fct_entry *entry);

#endif
