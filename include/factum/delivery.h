/* delivery.h - for consumers of events: followers, inboxes, resequencers.
 *
 * A *follower* calls a function of yours for each event and keeps the checkpoint. An *inbox*
 * recognises messages that were delivered before, by id, in your SQLite database. A *resequencer*
 * keeps events that have come too early until it is their turn. Guide: docs/guide/delivery.md.
 *
 *     static factum_status mail(void *data, const factum_event *event, factum_error *err);
 *     const factum_follow_options options = {.size = sizeof options,
 *         .name = factum_slice_from("mailer"), .request = &orders, .each = mail};
 *     status = factum_follow_open(store, &options, &follow, &err);
 *     status = factum_follow_run(follow, NULL, &err); // until another thread stops it
 *     factum_follow_close(follow);
 *
 * Link libfactum-sql (pkg-config factum-sql). Valid C99 and C++17. Rules of sizes, statuses and
 * pointers: store.h. Functions of yours that are called return OK or a status below 0 and may fill
 * |err|, which is never NULL; any other status is taken as INVALID. */
#ifndef FACTUM_DELIVERY_H
#define FACTUM_DELIVERY_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

/* ---- followers ------------------------------------------------------------------------------- */

/* Keeps a checkpoint outside the store, next to what you derive from the events. Each event takes
 * effect EXACTLY ONCE if all of these are true: the effects of |each| are in a transaction; |save|
 * moves the checkpoint in the same transaction, only if it is still |from| (UPDATE ... WHERE token
 * = :from changes one row: compare-and-set), and commits; |undo| rolls back. The |save| of a second
 * follower then fails. */
typedef struct factum_follow_keeper {
    void *data;
    /* Copies the token that |save| kept last; leaves "" if no token was kept. */
    factum_status (*load)(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err);
    /* Stores |to| in place of |from|, which is "" the first time, and may equal |to|. No
     * transaction need be open: only unwanted events may have passed. Returns WRONG_REVISION if the
     * checkpoint is not |from|. */
    factum_status (*save)(void *data, const char *from, const char *to, factum_error *err);
    /* Undoes the effects of |each| since the last |save|; NULL: they cannot be undone. */
    void (*undo)(void *data);
} factum_follow_keeper;

typedef struct factum_follow_options {
    size_t size;
    /* The name of the checkpoint, at most FACTUM_FOLLOW_NAME_MAX bytes of UTF-8. The checkpoint is
     * kept in the stream "$checkpoint-<name>", of which one event stays visible ($maxCount 1). */
    factum_slice name;
    const factum_read_request *request; /* as for factum_subscribe; |from| is used if there is no
                                           checkpoint. Needed during the open only */
    void *data;
    /* Gets each event, in order, on the thread of factum_follow_run. It may call the store. Events
     * of streams "$checkpoint-..." are left out. DONE: the event was taken, and the run ends. A
     * failure ends the run with the same status, and the checkpoint is then before the event. */
    factum_status (*each)(void *data, const factum_event *event, factum_error *err);
    const factum_follow_keeper *keeper; /* copied; NULL: the checkpoint is kept in the store, and
                                           each event takes effect at least once */
    /* A checkpoint is stored after |events_max| events or |interval_ms|, and at the end of a run.
     * 0: 10,000 and 1,000 ms in the store; with a keeper 500 and 1,000 ms, and whenever the
     * follower has caught up, so that no transaction is open while it waits. If only unwanted
     * events pass, a checkpoint is stored in the store after 10,000 of them. */
    uint64_t events_max;
    uint64_t interval_ms;
    /* Optional. The position of the first event that |each| has taken but not finished (a
     * resequencer keeps it); 0: none. The checkpoint stays before it, so after a crash this event
     * is given again, with all that follow. */
    uint64_t (*first_held)(void *data);
} factum_follow_options;

#define FACTUM_FOLLOW_NAME_MAX 1000
typedef struct factum_follow factum_follow;
/* Opens a follower, into *follow, which is yours until factum_follow_close; NULL on failure. Copies
 * the request; neither reads nor writes the store. Errors: INVALID, TOO_BIG, IO (no random
 * numbers), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_follow_open(factum_store *store,
                                                            const factum_follow_options *options,
                                                            factum_follow **follow,
                                                            factum_error *err);
/* Frees |follow|. Not while it runs; before the store is closed. Accepts NULL. */
FACTUM_API void factum_follow_close(factum_follow *follow);

/* When a run ends with OK; several may be set, and the first that is reached ends it. */
typedef struct factum_follow_until {
    size_t size;
    bool caught_up; /* everything that was visible at the last look has been given */
    bool place_set; /* everything at or before |place| has been given */
    uint64_t place;
    uint64_t event_count; /* ends after this many events; 0: no limit */
    uint64_t deadline;    /* from factum_deadline(): the run ends with TIMEOUT; 0: none */
} factum_follow_until;

/* Loads the checkpoint and gives |each| all events after it, on this thread, one run at a time.
 * |until| is optional: until factum_follow_stop. The memory used does not depend on how far behind
 * the follower is.
 *
 * Of two followers with the same name in the same store the later one continues. Before its first
 * event a follower takes the checkpoint over by a write. The follower that had it before gets
 * WRONG_REVISION at its next checkpoint, and has given some events twice; another run of it would
 * take the checkpoint back.
 *
 * OK: |until| is reached. DONE: stopped, or |each| returned DONE. TIMEOUT. After these the
 * checkpoint is stored.
 *
 * Errors: WRONG_REVISION (another follower has this name; the store is unchanged), WRONG_TIMELINE
 * (the checkpoint belongs to another history of the store, or is ahead of it ("checkpoint_ahead"),
 * as after a restore; no event was given), CORRUPT and INVALID (not a checkpoint), and those of
 * |each|, |load| and |save|, factum_subscribe, factum_subscription_next and factum_append. After a
 * failure a run may be tried again: it continues after the last checkpoint. If |undo| undoes more
 * than the event that failed, the other events are given again, then the failed event once more,
 * alone. */
FACTUM_API FACTUM_MUST_USE factum_status factum_follow_run(factum_follow *follow,
                                                           const factum_follow_until *until,
                                                           factum_error *err);
/* Makes the run under way, and all later ones, end with DONE. Any thread; also from |each|. */
FACTUM_API void factum_follow_stop(factum_follow *follow);

typedef struct factum_follow_info {
    size_t size;
    uint64_t given;            /* all wanted events at or before this place have been given */
    uint64_t kept;             /* the checkpoint; 0: none yet */
    uint64_t event_count;      /* events that |each| took, in all runs, undone ones included */
    uint64_t checkpoint_count; /* checkpoints stored, in all runs */
    bool running;
} factum_follow_info;
/* Figures, into |info|. Any thread. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_follow_info_get(const factum_follow *follow,
                                                                factum_follow_info *info,
                                                                factum_error *err);

/* ---- the inbox ------------------------------------------------------------------------------- */

/* A message (command, event) takes effect once if its id is taken in the same transaction as its
 * effects. A consumer whose only state is in a store needs no inbox: it appends under the id as
 * factum_append_request.idempotency_key, which is kept for ever.
 *
 * One thread at a time for each |db|.
 * Errors of all three functions: BUSY (roll back and begin again; less often after BEGIN
 * IMMEDIATE), NO_SPACE, READ_ONLY, IO, CORRUPT, NO_MEMORY, NOT_FOUND (the file does not exist any
 * longer), CANCELLED (by sqlite3_interrupt), INVALID (SQL is refused: the table does not exist). */
typedef struct factum_inbox_message {
    size_t size;
    factum_slice consumer; /* whose inbox: each consumer takes an id once. Like |id|, 1 to
                              FACTUM_NAME_SIZE_MAX bytes of UTF-8 */
    factum_slice id;
    uint64_t position; /* of the event, for people who look into the table; 0: none */
    int64_t received;  /* when it was received; 0: now */
} factum_inbox_message;

/* Creates the table factum_inbox(consumer, id, position, received) unless it exists. */
FACTUM_API FACTUM_MUST_USE factum_status factum_inbox_create_table(struct sqlite3 *db,
                                                                   factum_error *err);
/* Takes |message|. OK: its id is new, and is taken when your transaction commits. Errors: EXISTS
 * (the id was taken before: the message is a duplicate; skip and acknowledge it), INVALID (no
 * transaction is open), and those above. EXISTS leaves your transaction open. */
FACTUM_API FACTUM_MUST_USE factum_status factum_inbox_take(struct sqlite3 *db,
                                                           const factum_inbox_message *message,
                                                           factum_error *err);

/* Limits of an inbox. A duplicate that comes after its id was trimmed looks new. So keep ids for
 * longer than any sender repeats a message, replays of parked messages and restored backups
 * included. */
typedef struct factum_inbox_limits {
    size_t size;
    factum_slice consumer;
    bool received_before_set; /* ids received before |received_before| are trimmed */
    bool count_max_set;       /* all ids except the newest |count_max| are trimmed */
    int64_t received_before;
    uint64_t count_max;
    uint64_t step_max; /* rows of one call; 0: 10,000. Call again until fewer were removed */
} factum_inbox_limits;
/* Trims the oldest ids beyond either limit, in a transaction of yours or without one; |count_max|
 * counts all ids of the consumer. *removed is optional. */
FACTUM_API FACTUM_MUST_USE factum_status factum_inbox_trim(struct sqlite3 *db,
                                                           const factum_inbox_limits *limits,
                                                           uint64_t *removed, factum_error *err);

/* ---- the resequencer ------------------------------------------------------------------------- */

/* An event that may have to wait for others. Two with the same key and sequence are the same
 * event. */
typedef struct factum_sequenced {
    size_t size;
    factum_slice key;  /* at most FACTUM_NAME_SIZE_MAX bytes */
    uint64_t sequence; /* rises within the key; events of a store: their revision or position */
    const factum_event *event; /* copied if it has to wait */
} factum_sequenced;
typedef enum factum_turn {
    FACTUM_TURN_NOW = 0,  /* release it */
    FACTUM_TURN_WAIT = 1, /* another event has to come first: keep it */
    FACTUM_TURN_PAST = 2, /* it was released before: drop it */
    FACTUM_TURN_PARK = 3  /* park it: its key is parked already */
} factum_turn;
typedef enum factum_park_reason {
    FACTUM_PARK_LATE = 1, /* it, or another of its key, has waited for wait_max */
    FACTUM_PARK_ROOM = 2, /* the buffer is full, and its key has waited longest; or it is too big */
    FACTUM_PARK_TURN = 3  /* |turn| returned FACTUM_TURN_PARK */
} factum_park_reason;

/* |turn| answers from your state: "the next sequence of this key is 7", "customer 12 is known". Of
 * the waiting events of a key it is asked only about the first, by sequence. |release| and |park|
 * take the event over; if they fail, it stays where it was. None of the three may call the
 * resequencer. */
typedef struct factum_resequencer_options {
    size_t size;
    void *data;
    factum_turn (*turn)(void *data, const factum_sequenced *item);
    factum_status (*release)(void *data, const factum_sequenced *item, factum_error *err);
    factum_status (*park)(void *data, const factum_sequenced *item, factum_park_reason reason,
                          factum_error *err);
    bool across_keys;   /* after a release the first of every key is asked about again, not only
                           that of its own: one key may wait for what another releases */
    uint64_t count_max; /* events held; 0: 10,000 */
    uint64_t size_max;  /* bytes of them; 0: 64 MiB */
    int64_t wait_max;   /* nanoseconds that an event may wait; 0: 30 s */
} factum_resequencer_options;

typedef struct factum_resequencer factum_resequencer;
/* Opens a resequencer, into *resequencer, which is yours until factum_resequencer_close; NULL on
 * failure. One thread at a time. |now| of the functions below is from any clock that counts
 * nanoseconds; a time before an earlier one is taken as that one. Waiting events are lost with the
 * process: see first_held above.
 * Errors: INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_open(
    const factum_resequencer_options *options, factum_resequencer **resequencer, factum_error *err);
/* Frees |resequencer| and its waiting events. Accepts NULL. */
FACTUM_API void factum_resequencer_close(factum_resequencer *resequencer);

/* Asks |turn| about |item|. OK: released, or parked. PENDING: it waits. DONE: dropped. If there is
 * no room for it, the keys that have waited longest are parked first. Errors, after which the event
 * was not taken and can be given again: INVALID, NO_MEMORY, and those of |release| and |park|. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_give(factum_resequencer *resequencer,
                                                                 const factum_sequenced *item,
                                                                 int64_t now, factum_error *err);
/* Call this after each give, and when |due| has come. Releases events whose turn has come because
 * others were released, then parks the keys of events that have waited too long, in their order.
 * |all|: asks about the first event of every key, because your state has changed in another way. An
 * event for which |release| or |park| fails stays; other keys go on, and the next call tries again.
 * Returns OK or the first failure. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_run(factum_resequencer *resequencer,
                                                                int64_t now, bool all,
                                                                factum_error *err);

typedef struct factum_resequencer_info {
    size_t size;
    uint64_t held;
    uint64_t held_size;
    uint64_t first_held; /* the lowest position of the waiting events; 0: none */
    int64_t due;         /* when the first of them has waited too long; INT64_MAX: none */
    uint64_t released;
    uint64_t parked;
    uint64_t dropped;
} factum_resequencer_info;
/* Figures of |resequencer|, into |info|. Looks at each waiting event. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_info_get(
    const factum_resequencer *resequencer, factum_resequencer_info *info, factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
