/* delivery.h - what a consumer of events needs besides the events.
 *
 * A *follower* calls a function of yours for each event and keeps the checkpoint. An *inbox* drops
 * what was delivered before, by id, in your SQLite database. A *resequencer* holds events that have
 * come too early until it is their turn. Guide: docs/guide/delivery.md.
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
 * |err|, which is never NULL; a status without a meaning here is INVALID.
 */
#ifndef FACTUM_DELIVERY_H
#define FACTUM_DELIVERY_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

/* ---- followers ------------------------------------------------------------------------------- */

/* Where a checkpoint is kept, if not in the store: beside what you make of the events. Each takes
 * effect EXACTLY ONCE if: what |each| does goes into a transaction; |save| moves the checkpoint in
 * the same transaction, only if it is still |from| (UPDATE ... WHERE token = :from changes one row:
 * compare-and-set), and commits; |undo| rolls back. The |save| of a second follower then fails. */
typedef struct factum_follow_keeper {
    void *data;
    /* Copies the token that |save| kept last; leaves "" if there is none. */
    factum_status (*load)(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err);
    /* WRONG_REVISION: the checkpoint is not |from|. |from| is "" the first time, and may equal
     * |to|. A transaction need not be open: events may have passed that were not asked for. */
    factum_status (*save)(void *data, const char *from, const char *to, factum_error *err);
    /* Takes back what |each| did since the last |save|; NULL: that cannot be. */
    void (*undo)(void *data);
} factum_follow_keeper;

typedef struct factum_follow_options {
    size_t size;
    /* Of the checkpoint, at most FACTUM_FOLLOW_NAME_MAX bytes of UTF-8. It is kept in the stream
     * "$checkpoint-<name>", of which one event stays visible ($maxCount 1). */
    factum_slice name;
    const factum_read_request *request; /* as for factum_subscribe; |from| counts without a
                                           checkpoint. Needed for the open only */
    void *data;
    /* Is given each event, in order, on the thread that runs. DONE: this one counts, and the run
     * ends. A failure ends the run with the same status: the checkpoint is then before the event.
     * Streams "$checkpoint-..." are not given. May call the store. */
    factum_status (*each)(void *data, const factum_event *event, factum_error *err);
    const factum_follow_keeper *keeper; /* copied; NULL: the checkpoint is kept in the store, and
                                           each event takes effect once or more often */
    /* A checkpoint is kept after so many events, or |interval_ms|, and at the end of a run. 0:
     * 10,000 and 1,000 ms in the store; with a keeper 500 and 1,000 ms, and whenever the follower
     * has caught up, so that no transaction is open while it waits. Where only events pass that
     * were not asked for, the store gets one after 10,000 events of any kind. */
    uint64_t events_max;
    uint64_t interval_ms;
    /* The position of the first event that |each| has taken but not done (a resequencer holds it);
     * 0: none. The checkpoint stays before it, so after a crash it comes again, with all that
     * follow. Optional. */
    uint64_t (*first_held)(void *data);
} factum_follow_options;

#define FACTUM_FOLLOW_NAME_MAX 1000
typedef struct factum_follow factum_follow;
/* Copies the request. Neither reads nor writes. *follow is the caller's, for factum_follow_close;
 * NULL on failure. INVALID, TOO_BIG, IO (no random numbers), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_follow_open(factum_store *store,
                                                            const factum_follow_options *options,
                                                            factum_follow **follow,
                                                            factum_error *err);
/* Not while it runs; before the store is closed. Accepts NULL. */
FACTUM_API void factum_follow_close(factum_follow *follow);

/* When a run ends with OK; several may be set, and the first counts. */
typedef struct factum_follow_until {
    size_t size;
    bool caught_up; /* all that was visible when it looked last has been given */
    bool place_set; /* all at or before |place| has been given */
    uint64_t place;
    uint64_t event_count; /* ends after this many events; 0: no limit */
    uint64_t deadline;    /* from factum_deadline(): the run ends with TIMEOUT; 0: none */
} factum_follow_until;

/* Loads the checkpoint and gives |each| all that follows it, on this thread, one run at a time.
 * |until| may be NULL: until factum_follow_stop. Memory does not grow with what is behind.
 *
 * Of two followers with one name in one store the later one goes on. Before its first event a
 * follower makes the checkpoint its own by a write; whoever had it before gets WRONG_REVISION at
 * its next checkpoint and has given some events twice. A run after that would take it back.
 *
 * OK: |until| is reached. DONE: stopped, or |each| said so. TIMEOUT. The checkpoint is then kept.
 * WRONG_REVISION: somebody else follows under this name; all else as before. WRONG_TIMELINE: the
 * checkpoint belongs to another history of the store, or is ahead of it ("checkpoint_ahead", as
 * after a restore): nothing was given. CORRUPT, INVALID: it is no checkpoint. Otherwise as |each|,
 * |load| and |save|, factum_subscribe, factum_subscription_next and factum_append. After a failure
 * a run may be tried again: it goes on after the last checkpoint. If |undo| takes back more than
 * the event that failed, the others are given again, then that event once more, alone. */
FACTUM_API FACTUM_MUST_USE factum_status factum_follow_run(factum_follow *follow,
                                                           const factum_follow_until *until,
                                                           factum_error *err);
/* Makes the run under way, and all later ones, end with DONE. Any thread; also from |each|. */
FACTUM_API void factum_follow_stop(factum_follow *follow);

typedef struct factum_follow_info {
    size_t size;
    uint64_t given;            /* all that is wanted at or before this place has been given */
    uint64_t kept;             /* the checkpoint; 0: none yet */
    uint64_t event_count;      /* events that |each| took, in all runs; what was undone included */
    uint64_t checkpoint_count; /* that were written, in all runs */
    bool running;
} factum_follow_info;
/* Any thread. INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_follow_info_get(const factum_follow *follow,
                                                                factum_follow_info *info,
                                                                factum_error *err);

/* ---- the inbox ------------------------------------------------------------------------------- */

/* Each message (command, event) takes effect once if its id is taken in the transaction that does
 * what it asks for. Who keeps its state in a store alone needs no inbox: it appends under the id as
 * factum_append_request.idempotency_key, which is kept for ever.
 *
 * One thread at a time for each |db|. Statuses of all three: BUSY (roll back and begin again; less
 * often after BEGIN IMMEDIATE), NO_SPACE, READ_ONLY, IO, CORRUPT, NO_MEMORY, NOT_FOUND (the file
 * is gone), CANCELLED (by sqlite3_interrupt), INVALID (SQL is refused: there is no table). */
typedef struct factum_inbox_message {
    size_t size;
    factum_slice consumer; /* whose inbox: an id counts once for each. Like |id| 1 to
                              FACTUM_NAME_SIZE_MAX bytes of UTF-8 */
    factum_slice id;
    uint64_t position; /* of the event, for whoever looks into the table; 0: none */
    int64_t received;  /* when; 0: now */
} factum_inbox_message;

/* Creates the table factum_inbox(consumer, id, position, received) unless it exists. */
FACTUM_API FACTUM_MUST_USE factum_status factum_inbox_create_table(struct sqlite3 *db,
                                                                   factum_error *err);
/* OK: the id is new, and taken when your transaction commits. EXISTS: it was taken before, the
 * message is a duplicate: leave it out and acknowledge it. Neither ends the transaction. INVALID:
 * no transaction is open. */
FACTUM_API FACTUM_MUST_USE factum_status factum_inbox_take(struct sqlite3 *db,
                                                           const factum_inbox_message *message,
                                                           factum_error *err);

/* A duplicate that comes after its id was trimmed is new again. So keep ids for longer than any
 * sender repeats a message, a replay of parked messages and a restored backup included. */
typedef struct factum_inbox_limits {
    size_t size;
    factum_slice consumer;
    bool received_before_set; /* ids received earlier are trimmed */
    bool count_max_set;       /* all but the newest so many are trimmed */
    int64_t received_before;
    uint64_t count_max;
    uint64_t step_max; /* rows of this call; 0: 10,000. Call again while so many were removed */
} factum_inbox_limits;
/* Trims the oldest ids beyond either limit, in a transaction of yours or without one; |count_max|
 * counts all ids of the consumer. *removed is optional. */
FACTUM_API FACTUM_MUST_USE factum_status factum_inbox_trim(struct sqlite3 *db,
                                                           const factum_inbox_limits *limits,
                                                           uint64_t *removed, factum_error *err);

/* ---- the resequencer ------------------------------------------------------------------------- */

/* An event that has to wait for others. Two with the same key and sequence are one. */
typedef struct factum_sequenced {
    size_t size;
    factum_slice key;  /* at most FACTUM_NAME_SIZE_MAX bytes */
    uint64_t sequence; /* rises within the key; events of a store: their revision or position */
    const factum_event *event; /* copied while it is held */
} factum_sequenced;
typedef enum factum_turn {
    FACTUM_TURN_NOW = 0,  /* release it */
    FACTUM_TURN_WAIT = 1, /* something has to come first: hold it */
    FACTUM_TURN_PAST = 2, /* it was released before: drop it */
    FACTUM_TURN_PARK = 3  /* park it: its key is parked already */
} factum_turn;
typedef enum factum_park_reason {
    FACTUM_PARK_LATE = 1, /* it, or another of its key, has waited for wait_max */
    FACTUM_PARK_ROOM = 2, /* the buffer is full, and its key has waited longest; or it is too big */
    FACTUM_PARK_TURN = 3  /* |turn| said so */
} factum_park_reason;

/* |turn| answers from your state: "the next sequence of this key is 7", "customer 12 is known". Of
 * the held events of a key only the first, by sequence, is asked about. |release| and |park| take
 * the event over; if they fail, it stays where it was. None may call the resequencer. */
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
/* One thread at a time. |now| is any clock that counts nanoseconds; one that goes back stands
 * still. What it holds is lost with the process: see first_held above. *resequencer is the
 * caller's, for factum_resequencer_close. INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_open(
    const factum_resequencer_options *options, factum_resequencer **resequencer, factum_error *err);
/* What it holds is forgotten. Accepts NULL. */
FACTUM_API void factum_resequencer_close(factum_resequencer *resequencer);

/* Asks |turn| about the event. OK: released, or parked. PENDING: held. DONE: dropped. Where there
 * is no room to hold it, the keys that have waited longest are parked first. On a failure it was
 * not taken: give it again. INVALID, NO_MEMORY, and as |release| and |park|. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_give(factum_resequencer *resequencer,
                                                                 const factum_sequenced *item,
                                                                 int64_t now, factum_error *err);
/* After each give, and when |due| has come: releases what has its turn now that others were
 * released, then parks the keys of events that have waited too long, in their order. An event that
 * |release| or |park| fails for stays held; other keys go on, the first failure is returned, and
 * the next call tries again. |all|: asks about the first event of every key, for your state has
 * changed otherwise. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_run(factum_resequencer *resequencer,
                                                                int64_t now, bool all,
                                                                factum_error *err);

typedef struct factum_resequencer_info {
    size_t size;
    uint64_t held;
    uint64_t held_size;
    uint64_t first_held; /* the lowest position of those held; 0: none */
    int64_t due;         /* when the first of them has waited too long; INT64_MAX: none */
    uint64_t released;
    uint64_t parked;
    uint64_t dropped;
} factum_resequencer_info;
/* Looks at each held event. INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_resequencer_info_get(
    const factum_resequencer *resequencer, factum_resequencer_info *info, factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
