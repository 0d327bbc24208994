/* participant.h - a participant: what its parts share. Layer: saga. A user of the public API.
 *
 *   participant.c         opening, handlers, stopping, figures
 *   participant_run.c     a run: the follower run again and again, waits, alarms
 *   participant_take.c    one event: is it a command, is it answered, its handler, its answer
 *   participant_undo.c    what an undo finds of its do; the tombstone
 *   participant_decide.c  a handler that passes the command to a decider
 *   unanswered.h          commands without a handler
 *
 * Any thread may use the atomic figures and |stop|; everything else belongs to the thread of the
 * run.
 */
#ifndef FCT_SAGA_PARTICIPANT_H
#define FCT_SAGA_PARTICIPANT_H

#include <stdatomic.h>

#include <factum/participant.h>

#include "core/compiler.h"
#include "core/mem.h"
#include "core/random.h"
#include "os/os.h"
#include "saga/command.h"
#include "saga/outbox.h"
#include "saga/unanswered.h"

struct fct_participant_world {
    const struct fct_mem *mem;
    const struct fct_os *os; /* its random numbers */
};

struct fct_handler {
    factum_slice type; /* in the participant's arena */
    factum_command_handler handle;
    void *data;
};

struct factum_participant {
    struct fct_participant_world world;
    factum_store *store;
    factum_participant_options options;
    factum_log_sink log;
    factum_arena kept; /* memory of names and handlers of deciders */
    struct fct_handler *handlers;
    size_t handler_count;
    factum_follow *follow;
    /* of a run */
    struct fct_random random;
    factum_arena arena; /* of one command */
    struct fct_command_room room;
    struct fct_unanswered unanswered;
    uint64_t run_until; /* the deadline of the follower's run; 0: none */
    bool yielded;       /* the run ended early to look up |unanswered| */
    uint32_t retries;   /* "try again later", consecutively */
    /* for any thread */
    _Atomic uint32_t stop;
    _Atomic uint32_t running;
    _Atomic uint64_t command_count;
    _Atomic uint64_t succeeded_count;
    _Atomic uint64_t failed_count;
    _Atomic uint64_t duplicate_count;
    _Atomic uint64_t cancelled_count;
    _Atomic uint64_t late_count;
    _Atomic uint64_t broken_count;
    _Atomic uint64_t unhandled_count;
    _Atomic uint64_t race_count;
    _Atomic uint64_t retry_count;
};

/* As factum_participant_open. */
FCT_MUST_USE factum_status fct_participant_open(const struct fct_participant_world *world,
                                                factum_store *store,
                                                const factum_participant_options *options,
                                                factum_participant **participant,
                                                factum_error *err);
/* As factum_on_command; |type| is checked. */
FCT_MUST_USE factum_status fct_participant_add(factum_participant *participant, const char *type,
                                               factum_command_handler handle, void *data,
                                               factum_error *err);

/* participant_take.c: |each| of the follower. */
factum_status fct_participant_take(void *data, const factum_event *event, factum_error *err);
/* How a key was used. */
enum fct_answer {
    FCT_ANSWER_NONE,
    FCT_ANSWER_GIVEN,
    FCT_ANSWER_FAILED,    /* by a single CommandFailed */
    FCT_ANSWER_CANCELLED, /* by the tombstone */
};
/* Looks |key| up; |info| is filled if it was used. Errors: as factum_find_key, without
 * NOT_FOUND. */
FCT_MUST_USE factum_status fct_answer_find(factum_store *store, factum_slice key,
                                           factum_key_info *info, enum fct_answer *answer,
                                           factum_error *err);

/* participant_undo.c: fills |done|, |events| and |event_count| of an undo. If its do was not done,
 * it cannot be done any more after this. */
FCT_MUST_USE factum_status fct_participant_look_back(factum_participant *participant,
                                                     factum_command *command, factum_error *err);

/* participant_run.c: may another try succeed after |status|? */
bool fct_participant_may_retry(factum_status status);

#endif
