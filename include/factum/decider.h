/* decider.h - the write side: commands are decided on a state that is folded from events.
 *
 * A decider is a struct of pure functions. |evolve| computes the state after an event. |decide|
 * computes which events follow from a command, or why none do. factum_transact does the rest: it
 * reads, folds, decides, and appends at the revision where it read. If another writer was faster,
 * it decides again. A command takes effect once, however often it is sent.
 *
 *     FACTUM_DECIDER_DECLARE(order, order_state, order_command, order_event);
 *     static factum_verdict order_decide(const order_state *s, const order_command *c,
 *                                        factum_decision *out)
 *     {
 *         if (s->paid_cents < s->total_cents) {
 *             return factum_reject(out, "order.not_paid", "%" PRId64 " of %" PRId64 " cents paid",
 *                                  s->paid_cents, s->total_cents);
 *         }
 *         order_event shipped = {ORDER_SHIPPED, {{{0}}}};
 *         shipped.shipped.carrier = c->carrier;
 *         return order_emit(out, &shipped);
 *     }
 *     FACTUM_DECIDER(order, 1);
 *
 *     factum_transact_request request = {.size = sizeof request, .stream = stream,
 *                                        .command = &command, .command_id = id};
 *     factum_result result;
 *     status = factum_transact(store, &order_decider, &request, &result, &err);
 *
 * Guides: docs/guide/deciders.md, docs/guide/commands.md. Tests of deciders: testing.h.
 *
 * Valid C99 and C++17. Rules of sizes, statuses and pointers: store.h. Any thread may call
 * factum_transact and use a factum_state_cache; arenas, folds and decisions belong to one thread at
 * a time. These calls wait: not from inside a function that the store calls (async.h). */
#ifndef FACTUM_DECIDER_H
#define FACTUM_DECIDER_H

#include <factum/json.h>
#include <factum/json_write.h>
#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- deciders -------------------------------------------------------------------------------- */

typedef enum factum_verdict {
    FACTUM_ACCEPTED = 0, /* with one event or more */
    FACTUM_NOOP = 1,     /* nothing to do: the state is already what the command asks for */
    FACTUM_REJECTED = 2  /* with a code and a text */
} factum_verdict;

/* The outcome of |decide|, which it fills by factum_emit and factum_reject. */
typedef struct factum_decision factum_decision;

#define FACTUM_CODE_SIZE 64                        /* of a rejection, with the zero byte */
#define FACTUM_REJECT_TEXT_SIZE 256                /* with the zero byte */
#define FACTUM_STATE_SIZE_MAX (UINT64_C(16) << 20) /* the default limit of a state */

/* The functions of a decider, on untyped pointers; FACTUM_DECIDER makes one from typed functions.
 * None of them may keep anything, or use a clock, random numbers or the store: time, ids and
 * randomness come with the command. Several threads may call them at once. The struct is static, or
 * lasts as long as every fold and cache that uses it. */
typedef struct factum_decider {
    size_t size;
    const char *name;       /* for messages and hashes: "order" */
    uint32_t state_version; /* change it when |evolve| or the state's layout changes */
    size_t state_size;      /* bytes of a state */
    size_t event_size;      /* bytes of a typed event */
    const void *initial;    /* the state before the first event; NULL: zeros */
    /* Fills |event|, which is zeroed, from the stored type and data. What it points to may be in
     * |data| or in |arena|. Returns OK; NOT_FOUND if the type is not one of this decider's, and
     * then leaves |err| unchanged; INVALID if the data is not valid. */
    factum_status (*parse)(factum_slice type, factum_slice data, factum_arena *arena, void *event,
                           factum_error *err);
    /* The reverse of |parse|: prints the data and returns the type, which lasts as long as the
     * decision (a literal does). |parse| must accept what it prints. */
    factum_slice (*print)(const void *event, factum_json_writer *to);
    /* Changes *state to the state after |event|. Cannot fail. |event| and what it points to last
     * for this call only: what the state keeps of it is copied into |arena|, which lasts as long as
     * the state. */
    void (*evolve)(void *state, const void *event, factum_arena *arena);
    /* Calls factum_emit or factum_reject and returns what that returned, or returns FACTUM_NOOP. */
    factum_verdict (*decide)(const void *state, const void *command, factum_decision *out);
    /* Prints everything that a command asks for, including what |query| uses: two commands with the
     * same id and different content are a conflict. Leaves out what may differ in an honest retry
     * (the time). NULL: each request gives |content|. */
    void (*print_command)(const void *command, factum_json_writer *to);
    /* For a decider over a query: which events decide about |command|. Not called for a command id
     * that was accepted before, and not part of what a command id is compared by. What |query|
     * points to may be in the command, static or in |arena|. NULL: each request names a stream or a
     * query. */
    void (*query)(const void *command, factum_arena *arena, factum_query *query);
    /* The next two are for deciders that are not written in C (script.h); otherwise NULL. */
    /* In place of |parse|, for an event that is read from the store; gets the whole event. */
    factum_status (*parse_stored)(const factum_event *event, factum_arena *arena, void *typed,
                                  factum_error *err);
    /* Frees what a state has besides its bytes and its arena, when its fold is reset or destroyed;
     * the state may be zeros. Such states are not cached: each command reads its events. */
    void (*release)(void *state);
    uint64_t reserved[2];
} factum_decider;

/* Emits a typed event into the stream that is decided about. Returns FACTUM_ACCEPTED.
 * factum_transact fails if the event cannot be printed and parsed again. |event| is needed during
 * the call only. */
FACTUM_API factum_verdict factum_emit(factum_decision *out, const void *event);
/* The same into |stream|, with |tags|. For deciders over a query, whose events name their streams.
 * In a decider over a stream, |stream| is empty or the same. */
FACTUM_API factum_verdict factum_emit_to(factum_decision *out, factum_slice stream,
                                         const void *event, const factum_slice *tags,
                                         size_t tag_count);
/* Rejects with |code|, a word for programs ("order.not_paid"), and a text for people. Both are
 * truncated to FACTUM_CODE_SIZE and FACTUM_REJECT_TEXT_SIZE. Returns FACTUM_REJECTED. */
FACTUM_API FACTUM_PRINTF(3, 4) factum_verdict
    factum_reject(factum_decision *out, const char *code, const char *format, ...);
/* Memory for |decide|: lists and texts of the events that it emits. */
FACTUM_API factum_arena *factum_decision_arena(factum_decision *out);

/* FACTUM_DECIDER(name, state version); defines `const factum_decider <name>_decider` over typed
 * functions that are declared before it:
 *
 *     factum_status <name>_event_parse(factum_slice type, factum_slice data, factum_arena *arena,
 *                                      event_type *event, factum_error *err);
 *     factum_slice <name>_event_print(const event_type *event, factum_json_writer *to);
 *     void <name>_evolve(state_type *state, const event_type *event, factum_arena *arena);
 *     factum_verdict <name>_decide(const state_type *state, const command_type *command,
 *                                  factum_decision *out);
 *     void <name>_command_print(const command_type *command, factum_json_writer *to);
 *
 * FACTUM_DECIDER_GENERATED(name, state version) takes, in place of the first two, the code that
 * `factum schema generate <name>` has written: <name>.gen.h has the event type, <name>_event, and
 * its functions.
 *
 * FACTUM_DECIDER_OVER_QUERY and FACTUM_DECIDER_GENERATED_OVER_QUERY also take
 *
 *     void <name>_query(const command_type *command, factum_arena *arena, factum_query *query);
 *
 * A state begins as zeros. FACTUM_DECIDER_DECLARE comes before the others in any case, in a header
 * or not. It declares the decider and names its types <name>_decider_state, _command and _event,
 * which the macros of testing.h use. */
#define FACTUM_DECIDER_DECLARE(name, state_type, command_type, event_type)                         \
    typedef state_type name##_decider_state;                                                       \
    typedef command_type name##_decider_command;                                                   \
    typedef event_type name##_decider_event;                                                       \
    extern const factum_decider name##_decider

#define FACTUM_DECIDER(name, version)                                                              \
    FACTUM_DECIDER_EVENTS_(name)                                                                   \
    FACTUM_DECIDER_RULES_(name)                                                                    \
    FACTUM_DECIDER_STRUCT_(name, version, NULL)

#define FACTUM_DECIDER_OVER_QUERY(name, version)                                                   \
    FACTUM_DECIDER_EVENTS_(name)                                                                   \
    FACTUM_DECIDER_RULES_(name)                                                                    \
    FACTUM_DECIDER_QUERY_(name)                                                                    \
    FACTUM_DECIDER_STRUCT_(name, version, name##_untyped_query)

#define FACTUM_DECIDER_GENERATED(name, version)                                                    \
    FACTUM_DECIDER_GENERATED_EVENTS_(name)                                                         \
    FACTUM_DECIDER_RULES_(name)                                                                    \
    FACTUM_DECIDER_STRUCT_(name, version, NULL)

#define FACTUM_DECIDER_GENERATED_OVER_QUERY(name, version)                                         \
    FACTUM_DECIDER_GENERATED_EVENTS_(name)                                                         \
    FACTUM_DECIDER_RULES_(name)                                                                    \
    FACTUM_DECIDER_QUERY_(name)                                                                    \
    FACTUM_DECIDER_STRUCT_(name, version, name##_untyped_query)

#define FACTUM_DECIDER_NODES_ 128 /* of an event that needs no memory to be read */

#define FACTUM_DECIDER_GENERATED_EVENTS_(name)                                                     \
    static factum_status name##_untyped_parse(factum_slice type, factum_slice data,                \
                                              factum_arena *arena, void *event, factum_error *err) \
    {                                                                                              \
        factum_json_node nodes[FACTUM_DECIDER_NODES_];                                             \
        factum_json json;                                                                          \
        if ((int)name##_event_type_of(type) == 0) {                                                \
            return FACTUM_NOT_FOUND;                                                               \
        }                                                                                          \
        factum_status status =                                                                     \
            factum_generated_tape(data, arena, nodes, FACTUM_DECIDER_NODES_, &json, err);          \
        return status != FACTUM_OK                                                                 \
                   ? status                                                                        \
                   : name##_event_parse(type, &json, arena, (name##_decider_event *)event, err);   \
    }

#define FACTUM_DECIDER_QUERY_(name)                                                                \
    static void name##_untyped_query(const void *command, factum_arena *arena,                     \
                                     factum_query *query)                                          \
    {                                                                                              \
        name##_query((const name##_decider_command *)command, arena, query);                       \
    }

#define FACTUM_DECIDER_EVENTS_(name)                                                               \
    static factum_status name##_untyped_parse(factum_slice type, factum_slice data,                \
                                              factum_arena *arena, void *event, factum_error *err) \
    {                                                                                              \
        return name##_event_parse(type, data, arena, (name##_decider_event *)event, err);          \
    }

#define FACTUM_DECIDER_RULES_(name)                                                                \
    static factum_slice name##_untyped_print(const void *event, factum_json_writer *to)            \
    {                                                                                              \
        return name##_event_print((const name##_decider_event *)event, to);                        \
    }                                                                                              \
    static void name##_untyped_evolve(void *state, const void *event, factum_arena *arena)         \
    {                                                                                              \
        name##_evolve((name##_decider_state *)state, (const name##_decider_event *)event, arena);  \
    }                                                                                              \
    static factum_verdict name##_untyped_decide(const void *state, const void *command,            \
                                                factum_decision *out)                              \
    {                                                                                              \
        return name##_decide((const name##_decider_state *)state,                                  \
                             (const name##_decider_command *)command, out);                        \
    }                                                                                              \
    static void name##_untyped_command(const void *command, factum_json_writer *to)                \
    {                                                                                              \
        name##_command_print((const name##_decider_command *)command, to);                         \
    }

#define FACTUM_DECIDER_STRUCT_(name, version, query_function)                                      \
    const factum_decider name##_decider = {sizeof(factum_decider),                                 \
                                           #name,                                                  \
                                           (version),                                              \
                                           sizeof(name##_decider_state),                           \
                                           sizeof(name##_decider_event),                           \
                                           NULL,                                                   \
                                           name##_untyped_parse,                                   \
                                           name##_untyped_print,                                   \
                                           name##_untyped_evolve,                                  \
                                           name##_untyped_decide,                                  \
                                           name##_untyped_command,                                 \
                                           query_function,                                         \
                                           NULL,                                                   \
                                           NULL,                                                   \
                                           {0, 0}}

/* For FACTUM_DECIDER_GENERATED: parses |data| into a tape, in |few| nodes if they are enough,
 * otherwise in |arena|. *json lasts as long as both. Errors: those of factum_json_parse. */
FACTUM_API FACTUM_MUST_USE factum_status factum_generated_tape(factum_slice data,
                                                               factum_arena *arena,
                                                               factum_json_node *few,
                                                               size_t few_count, factum_json *json,
                                                               factum_error *err);

/* ---- folds: a state without a decision ------------------------------------------------------- */

/* A state and the memory of what it points to, built event by event. */
typedef struct factum_fold factum_fold;

typedef struct factum_fold_options {
    size_t size;
    /* True, for display: events of types that the decider does not know are skipped and counted.
     * False: such an event ends the fold, since nothing can be decided on a state that leaves
     * something out. */
    bool lenient;
    uint64_t state_size_max; /* bytes of the state; 0: FACTUM_STATE_SIZE_MAX */
} factum_fold_options;

typedef struct factum_fold_info {
    size_t size;
    const void *state;         /* lasts until the next call on the fold */
    uint64_t event_count;      /* folded and skipped ones */
    uint64_t revision;         /* of the last event, in its stream; if there is one */
    uint64_t position;         /* of the last event */
    uint64_t place;            /* the state includes everything that was asked for up to here; 0
                                  unless factum_fold_read was used */
    uint64_t skipped_count;    /* of types that are not known */
    uint64_t skipped_position; /* of the first of them */
    char skipped_type[64];     /* its type, truncated if it is longer */
} factum_fold_info;

/* Creates a fold with the decider's initial state, into *fold, which is yours until
 * factum_fold_destroy; NULL on failure. |options| is optional. Errors: INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_fold_create(const factum_decider *decider,
                                                            const factum_fold_options *options,
                                                            factum_fold **fold, factum_error *err);
/* Folds |event| into the state.
 * Errors that leave the state as it was: NEWER_FORMAT (the decider does not know the type: the text
 * names it and its position), INVALID (the data cannot be parsed).
 * Errors of |evolve|, after which the fold can only be reset or destroyed: NO_MEMORY, TOO_BIG
 * (state_size_max). */
FACTUM_API FACTUM_MUST_USE factum_status factum_fold_add(factum_fold *fold,
                                                         const factum_event *event,
                                                         factum_error *err);
/* Folds all events that |request| reads: a stream or a query, now, or as of a revision or a time
 * (until_). Errors: INVALID (|backwards|), STREAM_NOT_FOUND, and those of factum_read and
 * factum_fold_add. */
FACTUM_API FACTUM_MUST_USE factum_status factum_fold_read(factum_fold *fold, factum_store *store,
                                                          const factum_read_request *request,
                                                          factum_error *err);
/* Figures, into |info|. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_fold_get(const factum_fold *fold,
                                                         factum_fold_info *info, factum_error *err);
/* Sets the state back to the initial one. */
FACTUM_API void factum_fold_reset(factum_fold *fold);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_fold_destroy(factum_fold *fold);

/* ---- a cache of states ----------------------------------------------------------------------- */

/* States of one store, kept in this process between commands. A decision on a cached state needs no
 * read, only the append, which finds out whether the state was the newest. Commands of this process
 * about the same stream take turns instead of losing races against each other: one waits for the
 * state that another uses, for a second or until its deadline, and then goes on without the cache.
 * The least recently used states are dropped first. */
typedef struct factum_state_cache factum_state_cache;

typedef struct factum_state_cache_options {
    size_t size;
    uint64_t size_max;        /* bytes of all states; 0: 64 MiB */
    uint64_t entry_count_max; /* 0: 65,536 */
} factum_state_cache_options;

typedef struct factum_state_cache_info {
    size_t size;
    uint64_t entry_count;
    uint64_t bytes;
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
} factum_state_cache_info;

/* Creates a cache of |store|, which must outlive it. |options| is optional. *cache gets the cache,
 * which is yours until factum_state_cache_destroy; NULL on failure. Errors: INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_state_cache_create(factum_store *store, const factum_state_cache_options *options,
                          factum_state_cache **cache, factum_error *err);
/* Figures, into |info|. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_state_cache_get(factum_state_cache *cache,
                                                                factum_state_cache_info *info,
                                                                factum_error *err);
/* Frees |cache|. Accepts NULL. Not while a factum_transact uses it. */
FACTUM_API void factum_state_cache_destroy(factum_state_cache *cache);

/* ---- transact -------------------------------------------------------------------------------- */

#define FACTUM_RETRIES_MAX 10 /* the default of retries_max */

typedef struct factum_transact_request {
    size_t size;
    /* What is decided about, one of three: the events of |stream|, to which the decision's events
     * are appended at the revision where it was read; the events that fit |query|; or, if both are
     * empty, the events that fit the query of the decider's own function. With a query the append
     * is refused if another event that fits has come meanwhile, and each emitted event names its
     * stream. */
    factum_slice stream;
    const factum_query *query;
    const void *command; /* for |decide|; may be NULL if it needs none */
    /* Names the command for ever, among the idempotency keys of the store: the same command sent
     * again gets the first answer. Empty: each sending is a command of its own. */
    factum_slice command_id;
    /* What the command asks for, as bytes, in place of the decider's print_command. A command id
     * needs one of the two. */
    factum_slice content;
    /* Written into the metadata of each event ($correlationId, $causationId). An empty correlation
     * id becomes that of |call|, or else |command_id|. The causation id is the id of the event that
     * brought the command, if one did. */
    factum_slice correlation_id;
    factum_slice causation_id;
    /* W3C Trace Context, written into the metadata as given. An invalid |traceparent| is left out
     * together with |tracestate|; an invalid |tracestate| alone. */
    factum_slice traceparent;
    factum_slice tracestate;
    bool has_time; /* |time| is when the events happened; false: when they are appended */
    int64_t time;
    factum_durability durability;
    /* As in factum_append_request. False: events that name their streams may not name one that
     * begins with '$', not even one of metadata. */
    bool system;
    /* How often the command is decided again because other writers were faster; 0:
     * FACTUM_RETRIES_MAX. Before each time, a wait of random length: between 0 and 1 ms, then 2 ms,
     * 4 ms ... up to 64 ms ("full jitter"). No wait if only a cached state was old. */
    uint32_t retries_max;
    bool no_retry;             /* not at all */
    uint64_t state_size_max;   /* bytes of the state; 0: FACTUM_STATE_SIZE_MAX */
    factum_state_cache *cache; /* of the same store; or NULL */
    const factum_call *call;   /* or NULL; its deadline limits the whole, its principal asks */
} factum_transact_request;

typedef struct factum_result {
    factum_verdict verdict;
    /* The command id was accepted before, or was accepted now and the answer was lost: these are
     * the values of that time. */
    bool already;
    uint32_t retries;        /* appends that lost against others */
    uint64_t event_count;    /* appended */
    uint64_t first_position; /* of the first event appended */
    uint64_t position;       /* of the last one */
    /* ACCEPTED: of the last event appended, in its stream. Otherwise of the stream that was decided
     * about, if |has_revision|. */
    uint64_t revision;
    bool has_revision;
    /* A place that includes the events appended, or, if no event was appended, all that was decided
     * on. A reader that must see them waits for it (factum_wait, factum_token_format). */
    uint64_t place;
    char code[FACTUM_CODE_SIZE];        /* of a rejection */
    char text[FACTUM_REJECT_TEXT_SIZE]; /* of a rejection */
    uint64_t reserved[4];
} factum_result;

/* Decides a command and appends the events of the decision. OK with each of the three verdicts, in
 * *result. Rejections and no-ops are not recorded: the same command sent again is decided again.
 * Before one of them is returned, or an error of the decision or of its events, it is verified that
 * the state was the newest and that the command was not accepted before. |result| is optional; it
 * is overwritten also on failure, with |retries|.
 * Errors: INVALID (the request is malformed, an event cannot be parsed, or the decider contradicts
 * itself: the text says which), NEWER_FORMAT (the stream has an event of a type that the decider
 * does not know: the text names it and its position), KEY_CONFLICT (the command id was used for
 * another command), SCHEMA_VIOLATION (an event does not fit its registered schema; nothing was
 * appended), WRONG_REVISION and CONDITION_FAILED (other writers were faster each time: send the
 * command again), TOO_BIG, BUSY, EXPIRED, and the others of factum_append and factum_read.
 * UNKNOWN_OUTCOME: the events may have been appended. Send the same command with the same id again,
 * after opening the store again if it is FAILED; without a command id, read first. */
FACTUM_API FACTUM_MUST_USE factum_status factum_transact(factum_store *store,
                                                         const factum_decider *decider,
                                                         const factum_transact_request *request,
                                                         factum_result *result, factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
