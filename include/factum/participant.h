/* participant.h - a service's side of sagas: takes commands and answers each once.
 *
 * A saga sends the command stock.ReserveStock as an event of that type in a stream of the category
 * "command:stock". A *participant* follows this category and calls a function of yours for each
 * type. The events that the function puts into its outbox are appended under the id of the command.
 * So a command is answered once, however often it is sent and however often a process dies:
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
 * A *do* is the command of a step, an *undo* the command that reverses it. An undo that comes
 * before its do leaves an event "CommandCancelled" under the do's id; the do then never takes
 * effect. Guide: docs/guide/participants.md.
 *
 * Link libfactum-saga (pkg-config factum-saga). Valid C99 and C++17. Rules of sizes, statuses and
 * pointers: store.h. */
#ifndef FACTUM_PARTICIPANT_H
#define FACTUM_PARTICIPANT_H

#include <factum/decider.h>
#include <factum/delivery.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_SERVICE_SIZE_MAX 63 /* bytes of a service's name: [a-z][a-z0-9_]* */
#define FACTUM_HANDLERS_MAX 256    /* types of commands of one participant */

/* What became of the do that an undo is for. */
typedef enum factum_do_state {
    FACTUM_DO_NONE = 0,     /* the command is not an undo */
    FACTUM_DO_DONE = 1,     /* the do was answered with |events| */
    FACTUM_DO_FAILED = 2,   /* the do was answered with CommandFailed: it had no effect */
    FACTUM_DO_CANCELLED = 3 /* the do was not done when the undo came, and never will be */
} factum_do_state;

/* A command. It and all that it points to last until the handler returns. */
typedef struct factum_command {
    size_t size;
    factum_slice type;
    factum_slice data;
    const factum_json *json;   /* of |data| */
    factum_slice id;           /* "saga:order_fulfilment-42/reserve_stock/do/1" */
    factum_slice saga_id;      /* "order_fulfilment-42" */
    factum_slice correlation;  /* or empty */
    factum_slice traceparent;  /* for what the handler does: a child of the command's; or empty */
    uint64_t attempt;          /* 1, or more: it was sent again because no answer came */
    const factum_event *event; /* the command as it is stored */
    bool undo;
    factum_do_state done;
    factum_slice undoes;        /* of an undo: the id of its do */
    const factum_event *events; /* that answered the do, if |done| is DONE or FAILED */
    size_t event_count;
} factum_command;

/* The answer of a handler: events, or a refusal. An empty outbox answers CommandSucceeded. */
typedef struct factum_outbox factum_outbox;

/* Adds |event|, copied. An empty stream means the command's. |expected| is about the event's
 * stream; for a second event of the same stream it is the same again, or kind NONE. The event's own
 * metadata is kept, except for the members that the participant sets: $causationId, $correlationId,
 * $sagaId, traceparent, $idempotencyKey.
 * Errors: INVALID (also if the metadata is not an object, and after a refusal), TOO_BIG, NO_MEMORY.
 * The first failure stays: the command is then not answered. */
FACTUM_API FACTUM_MUST_USE factum_status factum_outbox_add(factum_outbox *outbox,
                                                           const factum_new_event *event,
                                                           factum_expected expected,
                                                           factum_error *err);
/* Lets the events be appended only if |condition| is true then. What it points to is borrowed until
 * that append: keep it in the arena. Errors: INVALID (the outbox has a condition). */
FACTUM_API FACTUM_MUST_USE factum_status factum_outbox_condition(
    factum_outbox *outbox, const factum_append_condition *condition, factum_error *err);
/* Answers the command with CommandFailed {"code","text"} in its stream; events in the outbox are
 * dropped. |code| is a word for programs ("stock.none_left"). Both are truncated, to
 * FACTUM_CODE_SIZE and FACTUM_REJECT_TEXT_SIZE. Returns OK. */
FACTUM_API FACTUM_PRINTF(3, 4) factum_status
    factum_outbox_refuse(factum_outbox *outbox, const char *code, const char *format, ...);
/* Memory that lasts until the command is answered. */
FACTUM_API factum_arena *factum_outbox_arena(factum_outbox *outbox);

/* Handles a command; may read the store and wait. |err| is not NULL. OK: the answer is in |outbox|.
 * A failure: no answer, and |outbox| is dropped. BUSY, LOCKED, NO_SPACE, UNREACHABLE,
 * UNKNOWN_OUTCOME and TIMEOUT mean "try again later": the command is handled again after a while,
 * and the commands after it wait. Any other failure ends the run. A handler is called again if
 * other writers were faster (the expected revision or the condition is not true). Its effects
 * outside the store may happen twice: use an inbox (delivery.h). */
typedef factum_status (*factum_command_handler)(void *data, const factum_command *command,
                                                factum_outbox *outbox, factum_error *err);

typedef struct factum_participant_options {
    size_t size;
    factum_slice service;    /* "stock": follows the category "command:stock" */
    factum_slice checkpoint; /* of the follower; empty: "participant-<service>". Programs that share
                                a service need different names */
    /* True: handlers of undos are called also if the do was CANCELLED or FAILED. False: such an
     * undo is answered with CommandSucceeded. For handlers with effects outside the store, which
     * may have begun before the do was answered. */
    bool undo_always;
    uint32_t races_max;          /* further calls of a handler because other writers were faster;
                                after that it is "try again later"; 0: 10 */
    uint32_t retries_max;        /* "try again later" in a row; after that the run ends with that
                                status; 0: no limit */
    uint32_t retry_first_ms;     /* the longest first wait, which then doubles; 0: 100 */
    uint32_t retry_last_ms;      /* the longest wait; 0: 30,000 */
    uint32_t unhandled_after_ms; /* when a command without an answer is reported; 0: 60,000 */
    const factum_log_sink *log;  /* copied; NULL: silent */
} factum_participant_options;

typedef struct factum_participant factum_participant;
/* Opens a participant, into *participant, which is yours until factum_participant_close; NULL on
 * failure. Neither reads nor writes the store. Errors: INVALID, TOO_BIG, IO (no random numbers),
 * NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_participant_open(factum_store *store, const factum_participant_options *options,
                        factum_participant **participant, factum_error *err);
/* Frees |participant|. Not while it runs; before the store is closed. Accepts NULL. */
FACTUM_API void factum_participant_close(factum_participant *participant);

/* Lets |handler| be called with |data| for commands of |type|, which is "<service>.<Command>".
 * Before the first run. Errors: INVALID, EXISTS (the type has a handler), TOO_BIG, NO_MEMORY. */
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
    /* Fills |typed|, which is zeroed; its texts are in |command| or |arena|. A failure means the
     * same as one of a handler. */
    factum_status (*read)(void *data, const factum_command *command, factum_arena *arena,
                          void *typed, factum_error *err);
    /* The stream that is decided about, in |command| or |arena|. */
    factum_slice (*stream)(void *data, const factum_command *command, factum_arena *arena);
    factum_state_cache *cache; /* or NULL */
} factum_command_decider;
/* Lets commands of |type| be decided and appended by factum_transact, under their ids. A rejection
 * becomes CommandFailed with its code and text, a no-op CommandSucceeded. The events have
 * $causationId and $correlationId, but not $sagaId. |with| is copied.
 * Errors: those of factum_on_command. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_on_command_decide(factum_participant *participant, const char *type,
                         const factum_command_decider *with, factum_error *err);

/* Takes commands, on this thread, one run at a time. |until| is optional: until
 * factum_participant_stop. Its |event_count| is of all events of the category, answers included.
 * Two participants of one service may run at once, also in two processes: each command is answered
 * once. With the same checkpoint name, one of them ends with WRONG_REVISION.
 *
 * A broken command (its metadata or ids are not those of a saga, or its data is not JSON) is
 * counted, reported to the log and not answered. So is a command of a type without a handler, if
 * nobody has answered it after |unhandled_after_ms|.
 *
 * Errors: those of factum_follow_run and, with the command in the text, those of handlers and of
 * factum_append. After a failure a run may be tried again. */
FACTUM_API FACTUM_MUST_USE factum_status factum_participant_run(factum_participant *participant,
                                                                const factum_follow_until *until,
                                                                factum_error *err);
/* Makes the run under way, and all later ones, end with DONE. Any thread; also from a handler. */
FACTUM_API void factum_participant_stop(factum_participant *participant);

/* Counts since it was opened. */
typedef struct factum_participant_info {
    size_t size;
    uint64_t command_count;   /* taken, repetitions included */
    uint64_t succeeded_count; /* answered with events or CommandSucceeded */
    uint64_t failed_count;    /* answered with CommandFailed */
    uint64_t duplicate_count; /* had an answer already */
    uint64_t cancelled_count; /* dos that an undo has cancelled before they were done */
    uint64_t late_count;      /* dos that came after they were cancelled: without effect */
    uint64_t broken_count;
    uint64_t unhandled_count; /* without a handler, and not answered by others as far as known */
    uint64_t race_count;      /* handlers called again because other writers were faster */
    uint64_t retry_count;     /* "try again later" */
    uint64_t place;           /* all commands at or before it have been taken */
    bool running;
} factum_participant_info;
/* Figures, into |info|. Any thread. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_participant_info_get(
    const factum_participant *participant, factum_participant_info *info, factum_error *err);

/* ---- the contract test ----------------------------------------------------------------------- */

/* The commands to send to the participant. Use a store for tests: the events stay. */
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
    FACTUM_CONTRACT_SKIPPED = 3 /* not checked, because of an earlier failure or without an undo */
} factum_contract_outcome;

#define FACTUM_CONTRACT_CHECKS_MAX 16
typedef struct factum_contract_check {
    const char *name; /* "do-again": stable, for programs */
    const char *what; /* for people */
    factum_contract_outcome outcome;
    char found[256];    /* if it failed: what was seen */
    const char *remedy; /* if it failed: what to do */
} factum_contract_check;
typedef struct factum_contract_report {
    size_t size;
    bool passed; /* none failed */
    size_t check_count;
    factum_contract_check checks[FACTUM_CONTRACT_CHECKS_MAX];
} factum_contract_report;

/* Tests a participant that runs somewhere, in any language: sends commands through |store| and
 * checks the answers. It sends a do, the do again, its undo, the undo again, an undo before its do,
 * then that do. OK also if checks fail: see |report|.
 * Errors: INVALID, CANCELLED, and those of factum_append and factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_contract_test(factum_store *store, const factum_contract_options *options,
                     factum_contract_report *report, factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
