/* participant.h - a service's side of sagas: it takes commands and answers them, each once.
 *
 * A saga sends the command stock.ReserveStock as an event of that type in a stream of the category
 * "command:stock". A *participant* follows this category and calls a function of yours for each
 * type. What the function puts into its outbox is appended under the id of the command, so that a
 * command is answered once, however often it is sent and however often a process dies:
 *
 *     static factum_status reserve(void *data, const factum_command *command,
 *                                  factum_outbox *outbox, factum_error *err)
 *     {
 *         const factum_new_event reserved = {.stream = factum_slice_from("stock-7"),
 *             .type = factum_slice_from("StockReserved"), .data = command->data};
 *         return factum_outbox_add(outbox, &reserved, factum_any(), err);
 *     }
 *     const factum_participant_options options = {.size = sizeof options,
 *                                                 .service = factum_slice_from("stock")};
 *     status = factum_participant_open(store, &options, &stock, &err);
 *     status = factum_on_command(stock, "stock.ReserveStock", reserve, NULL, &err);
 *     status = factum_on_command(stock, "stock.ReleaseStock", release, NULL, &err);
 *     status = factum_participant_run(stock, NULL, &err); // until another thread stops it
 *
 * An undo that comes before its do leaves an event "CommandCancelled" under the do's id. The do
 * then never takes effect. Guide: docs/guide/participants.md.
 *
 * Link libfactum-saga (pkg-config factum-saga). Valid C99 and C++17. Rules of sizes, statuses and
 * pointers: store.h.
 */
#ifndef FACTUM_PARTICIPANT_H
#define FACTUM_PARTICIPANT_H

#include <factum/decider.h>
#include <factum/delivery.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_SERVICE_SIZE_MAX 63 /* bytes of a service's name: [a-z][a-z0-9_]* */
#define FACTUM_HANDLERS_MAX 256    /* types of commands of one participant */

/* What an undo finds of its do. */
typedef enum factum_do_state {
    FACTUM_DO_NONE = 0,     /* the command is no undo */
    FACTUM_DO_DONE = 1,     /* the do was answered with |events| */
    FACTUM_DO_FAILED = 2,   /* the do was answered with CommandFailed: it had no effect */
    FACTUM_DO_CANCELLED = 3 /* the do was not done when the undo came, and never will be */
} factum_do_state;

/* A command. All of it lasts until the handler returns. */
typedef struct factum_command {
    size_t size;
    factum_slice type;
    factum_slice data;
    const factum_json *json;   /* of |data| */
    factum_slice id;           /* "saga:order_fulfilment-42/reserve_stock/do/1" */
    factum_slice saga_id;      /* "order_fulfilment-42" */
    factum_slice correlation;  /* or empty */
    factum_slice traceparent;  /* of what is done for it: a child of the command's; or empty */
    uint64_t attempt;          /* 1, or more: it was sent again because there was no answer */
    const factum_event *event; /* that the command is */
    bool undo;
    factum_do_state done;
    factum_slice undoes;        /* of an undo: the id of its do */
    const factum_event *events; /* that answered the do, if |done| is DONE or FAILED */
    size_t event_count;
} factum_command;

/* What a handler answers with: events, or a refusal. None: CommandSucceeded. */
typedef struct factum_outbox factum_outbox;

/* Adds an event, copied. Its stream is the command's if it is empty. |expected| is of the stream:
 * of a stream's second event it is the same again, or kind NONE. Metadata of its own is kept,
 * except for what the participant sets: $causationId, $correlationId, $sagaId, traceparent,
 * $idempotencyKey. INVALID (also its metadata is not an object, and after a refusal), TOO_BIG,
 * NO_MEMORY. A failure stays: the command is then not answered. */
FACTUM_API FACTUM_MUST_USE factum_status factum_outbox_add(factum_outbox *outbox,
                                                           const factum_new_event *event,
                                                           factum_expected expected,
                                                           factum_error *err);
/* The events are appended only if |condition| holds then. What it points to is borrowed until they
 * are: keep it in the arena. INVALID: there is one already. */
FACTUM_API FACTUM_MUST_USE factum_status factum_outbox_condition(
    factum_outbox *outbox, const factum_append_condition *condition, factum_error *err);
/* Answers the command with CommandFailed {"code","text"} in its stream, in place of events, which
 * are dropped. |code| is a word for programs ("stock.none_left"). Both are cut, at FACTUM_CODE_SIZE
 * and FACTUM_REJECT_TEXT_SIZE. Returns OK. */
FACTUM_API FACTUM_PRINTF(3, 4) factum_status
    factum_outbox_refuse(factum_outbox *outbox, const char *code, const char *format, ...);
/* Memory that lasts until the command is answered. */
FACTUM_API factum_arena *factum_outbox_arena(factum_outbox *outbox);

/* Handles a command; may read the store and wait. OK: what is in |outbox| is the answer. A failure:
 * no answer, |outbox| is dropped. BUSY, LOCKED, NO_SPACE, UNREACHABLE, UNKNOWN_OUTCOME and TIMEOUT
 * mean "try again later": the command comes again after a while, and those after it wait. Any other
 * failure ends the run. Is called again if others were faster (the expected revision or the
 * condition does not hold). What it does outside the store it may do twice: use an inbox
 * (delivery.h). |err| is not NULL. */
typedef factum_status (*factum_command_handler)(void *data, const factum_command *command,
                                                factum_outbox *outbox, factum_error *err);

typedef struct factum_participant_options {
    size_t size;
    factum_slice service;    /* "stock": follows the category "command:stock" */
    factum_slice checkpoint; /* of the follower; empty: "participant-<service>". Programs that share
                                a service need a name each */
    /* Handlers of undos are called also if the do was CANCELLED or FAILED. Without it such an undo
     * is answered with CommandSucceeded. For handlers with effects outside the store, which may
     * have begun before the do was answered. */
    bool undo_always;
    uint32_t races_max;      /* a handler is called again so often because others were faster, then
                                it is "try again later"; 0: 10 */
    uint32_t retries_max;    /* "try again later" so often in a row, then the run ends with that
                                status; 0: no limit */
    uint32_t retry_first_ms; /* waits for up to so long the first time, then doubles; 0: 100 */
    uint32_t retry_last_ms;  /* and never longer than this; 0: 30,000 */
    uint32_t unhandled_after_ms; /* a command that nobody answers: 0: 60,000 */
    const factum_log_sink *log;  /* copied; NULL: silent */
} factum_participant_options;

typedef struct factum_participant factum_participant;
/* *participant is the caller's, for factum_participant_close; NULL on failure. Neither reads nor
 * writes. INVALID, TOO_BIG, IO (no random numbers), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_participant_open(factum_store *store, const factum_participant_options *options,
                        factum_participant **participant, factum_error *err);
/* Not while it runs; before the store is closed. Accepts NULL. */
FACTUM_API void factum_participant_close(factum_participant *participant);

/* |handler| is called with |data| for commands of |type|, which is "<service>.<Command>". Before
 * the first run. INVALID, EXISTS (the type has a handler), TOO_BIG, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_on_command(factum_participant *participant,
                                                           const char *type,
                                                           factum_command_handler handler,
                                                           void *data, factum_error *err);

/* Commands that a decider decides. */
typedef struct factum_command_decider {
    size_t size;
    const factum_decider *decider; /* over a stream; lasts as long as the participant */
    size_t command_size;           /* bytes of its typed command */
    void *data;                    /* for both functions */
    /* Fills |typed|, which is zeroed; texts in |command| or |arena|. A failure means what that of a
     * handler does. */
    factum_status (*read)(void *data, const factum_command *command, factum_arena *arena,
                          void *typed, factum_error *err);
    /* The stream that is decided about, in |command| or |arena|. */
    factum_slice (*stream)(void *data, const factum_command *command, factum_arena *arena);
    factum_state_cache *cache; /* or NULL */
} factum_command_decider;
/* Commands of |type| are decided and appended by factum_transact under their ids. A rejection
 * becomes CommandFailed with its code and text, a no-op CommandSucceeded. The events have
 * $causationId and $correlationId, not $sagaId. |with| is copied. As factum_on_command. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_on_command_decide(factum_participant *participant, const char *type,
                         const factum_command_decider *with, factum_error *err);

/* Takes commands, on this thread, one run at a time. |until| may be NULL: until
 * factum_participant_stop. |until|->event_count counts all events of the category, answers too.
 * Two participants of one service may run at once, also in two processes: each command is answered
 * once. With one checkpoint name one of them ends with WRONG_REVISION.
 *
 * A command that is broken (its metadata or ids are not those of a saga, its data is not JSON) is
 * counted, reported to the log and left unanswered; so is one of a type without a handler if nobody
 * has answered it after |unhandled_after_ms|.
 *
 * The statuses of factum_follow_run and, with the command in the text, those of handlers and of
 * factum_append. After a failure a run may be tried again. */
FACTUM_API FACTUM_MUST_USE factum_status factum_participant_run(factum_participant *participant,
                                                                const factum_follow_until *until,
                                                                factum_error *err);
/* Makes the run under way, and all later ones, end with DONE. Any thread; also from a handler. */
FACTUM_API void factum_participant_stop(factum_participant *participant);

/* Counts since it was opened. */
typedef struct factum_participant_info {
    size_t size;
    uint64_t command_count;   /* given, repetitions too */
    uint64_t succeeded_count; /* answered with events or CommandSucceeded */
    uint64_t failed_count;    /* answered with CommandFailed */
    uint64_t duplicate_count; /* had an answer already */
    uint64_t cancelled_count; /* dos that an undo has cancelled before they were done */
    uint64_t late_count;      /* dos that came after they were cancelled: without effect */
    uint64_t broken_count;
    uint64_t unhandled_count; /* without a handler, and not known to be answered by others */
    uint64_t race_count;      /* handlers called again because others were faster */
    uint64_t retry_count;     /* "try again later" */
    uint64_t place;           /* all commands at or before it have been given */
    bool running;
} factum_participant_info;
/* Any thread. INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_participant_info_get(
    const factum_participant *participant, factum_participant_info *info, factum_error *err);

/* ---- the contract test ----------------------------------------------------------------------- */

/* What a participant is sent. Use a store for tests: the events stay. */
typedef struct factum_contract_options {
    size_t size;
    factum_slice do_type;   /* "stock.ReserveStock" */
    factum_slice do_data;   /* JSON that the participant accepts, three times */
    factum_slice undo_type; /* empty: undos are not tested */
    factum_slice undo_data;
    uint32_t timeout_ms;             /* for each answer; 0: 10,000 */
    const factum_call *call;         /* or NULL */
    const factum_progress *progress; /* or NULL; is given the steps done and in all */
} factum_contract_options;

typedef enum factum_contract_outcome {
    FACTUM_CONTRACT_PASSED = 1,
    FACTUM_CONTRACT_FAILED = 2,
    FACTUM_CONTRACT_SKIPPED = 3 /* an earlier failure, or no undo, leaves nothing to see */
} factum_contract_outcome;

#define FACTUM_CONTRACT_CHECKS_MAX 16
typedef struct factum_contract_check {
    const char *name; /* "do-again": stable, for programs */
    const char *what; /* for people */
    factum_contract_outcome outcome;
    char found[256];  /* if it failed: what was seen */
    const char *mend; /* if it failed: what to do */
} factum_contract_check;
typedef struct factum_contract_report {
    size_t size;
    bool passed; /* none failed */
    size_t check_count;
    factum_contract_check checks[FACTUM_CONTRACT_CHECKS_MAX];
} factum_contract_report;

/* Sends commands to a participant that runs somewhere, in any language, and looks at its answers in
 * |store|: a do, the do again, its undo, the undo again, an undo before its do, then that do. OK
 * also if checks fail: see |report|. INVALID, CANCELLED; otherwise as factum_append and
 * factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_contract_test(factum_store *store, const factum_contract_options *options,
                     factum_contract_report *report, factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
