/* trace.h - what followed from what: the causal tree of a flow across streams and services.
 *
 *     factum_trace *trace;
 *     status = factum_trace_open(store, factum_slice_from("order-42"), NULL, &trace, &err);
 *     if (status == FACTUM_OK) {
 *         status = factum_trace_print(trace, FACTUM_TRACE_TEXT, 0, &sink, &err);
 *     }
 *     factum_trace_close(trace);
 *
 * The tree is built from the events alone, from these members of their metadata:
 *
 *     "$correlationId"   the flow: the same text in all its events
 *     "$causationId"     the cause: an event's id (uuid), or a command's "$commandId"
 *     "$commandId"       of a command, and of what a decider appended for it
 *     "traceparent"      W3C Trace Context; or "$traceId", as KurrentDB's clients write it
 *
 * A cause stands before its effect in the log, so there are no cycles: an event whose cause is
 * itself or a later one is a root, and so is one whose cause is not found; both are flagged.
 *
 * What a node is known by: a *command* is an event of a stream "command:SERVICE-..."; it is *open*
 * while no event names its "$commandId" as its cause. A saga's stream is "saga:NAME-ID"; it is
 * *stuck* where its last "SagaStuck" was not followed by a change of the same step. CommandFailed,
 * StepFailed, UndoFailed and SagaFailed are *failures*, StepTimedOut is a *time-out*.
 *
 * Latency is the difference of |created| of an event and its cause, by the store's clock. The
 * *critical path* is the chain of causes, from a root to an event, that took longest.
 *
 * Valid C99 and C++17. A factum_trace does not change: any thread may read it. Rules of sizes,
 * statuses and pointers: store.h. These calls work on every kind of store, and wait.
 */
#ifndef FACTUM_TRACE_H
#define FACTUM_TRACE_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_TRACE_EVENTS_DEFAULT 100000u
#define FACTUM_TRACE_EVENTS_MAX 1000000u
#define FACTUM_TRACE_SCAN_DEFAULT 65536u
#define FACTUM_TRACE_LINES_DEFAULT 60u

typedef struct factum_trace factum_trace;

typedef struct factum_trace_options {
    size_t size;
    factum_slice stream; /* where the event with the id stands; empty: not known */
    uint64_t events_max; /* of the tree; 0: FACTUM_TRACE_EVENTS_DEFAULT; info.truncated says if
                            there are more. Over FACTUM_TRACE_EVENTS_MAX is INVALID */
    uint64_t scan_max;   /* newest events that are looked through for an id that no index has;
                            0: FACTUM_TRACE_SCAN_DEFAULT */
    const factum_progress *progress; /* or NULL: called now and then with the events read; false:
                                        CANCELLED */
    const factum_call *call;         /* or NULL */
    bool skip_system; /* events of streams whose name begins with '$' are not found and not shown;
                         what they have caused has no cause then */
} factum_trace_options;

/* What the id was. */
typedef enum factum_trace_kind {
    FACTUM_TRACE_OF_CORRELATION = 0,
    FACTUM_TRACE_OF_EVENT = 1,
    FACTUM_TRACE_OF_SAGA = 2,
    FACTUM_TRACE_OF_COMMAND = 3,
    FACTUM_TRACE_OF_TRACE = 4
} factum_trace_kind;

/* Finds the flow of |id|, which is tried as: a correlation id; a saga, "NAME-ID" or "saga:NAME-ID";
 * a command id, by its saga or as an idempotency key; an event id; a trace id of 32 hexadecimal
 * digits. Reads all events with the same correlation ids; those of an event without one are the
 * events that have its id as theirs. Correlation ids, streams and keys have an index. For other
 * ids the newest |scan_max| events are looked through. |options| may be NULL. *trace is the
 * caller's, for factum_trace_close; NULL on failure. NOT_FOUND: the text says how far it looked.
 * INVALID, TOO_BIG (names and ids of the events), CANCELLED; otherwise as factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_trace_open(factum_store *store, factum_slice id,
                                                           const factum_trace_options *options,
                                                           factum_trace **trace, factum_error *err);
/* Accepts NULL. */
FACTUM_API void factum_trace_close(factum_trace *trace);

typedef struct factum_trace_info {
    size_t size;
    factum_trace_kind kind;
    factum_slice correlation; /* of the first event that has one; empty: none has */
    uint64_t event_count;
    uint64_t stream_count;
    uint64_t service_count;
    uint64_t root_count;
    uint64_t missing_count; /* roots whose cause was not found, or stands after them */
    uint64_t open_count;
    uint64_t stuck_count;
    uint64_t failed_count;
    uint64_t timed_out_count;
    int64_t first_created;
    int64_t last_created;
    int64_t path_time;    /* nanoseconds of the critical path */
    uint64_t path_length; /* its events */
    uint64_t scanned;     /* events that were looked through to find the id; 0: an index had it */
    bool truncated;       /* the flow has more events than |events_max| */
} factum_trace_info;

/* Into |info|. Its texts last as long as |trace|. INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_trace_info_get(const factum_trace *trace,
                                                               factum_trace_info *info,
                                                               factum_error *err);

#define FACTUM_TRACE_NO_CAUSE SIZE_MAX

enum {
    FACTUM_TRACE_COMMAND = 1,
    FACTUM_TRACE_OPEN = 2, /* a command without an answer */
    FACTUM_TRACE_STUCK = 4,
    FACTUM_TRACE_FAILED = 8,
    FACTUM_TRACE_TIMED_OUT = 16,
    FACTUM_TRACE_CAUSE_MISSING = 32,
    FACTUM_TRACE_CAUSE_LATER = 64, /* it names itself or a later event as its cause */
    FACTUM_TRACE_CRITICAL = 128    /* on the critical path */
};

typedef struct factum_trace_node {
    size_t size;
    size_t cause;    /* the node's number, below that of this one; FACTUM_TRACE_NO_CAUSE: a root */
    int64_t latency; /* nanoseconds after its cause; 0 of a root */
    uint32_t flags;  /* FACTUM_TRACE_ */
    factum_slice stream;
    factum_slice type;
    factum_slice service; /* SERVICE of "command:SERVICE-...", otherwise the category, or the stream
                             if it has none */
    factum_uuid id;
    uint64_t position;
    uint64_t revision;
    int64_t created;
    factum_slice causation; /* as the metadata says; empty: not said */
    factum_slice command_id;
    factum_slice trace_id; /* 32 hexadecimal digits; empty: none that is valid */
    factum_slice code;     /* of a failure or a stuck saga; each empty if not said */
    factum_slice text;
} factum_trace_node;

/* The node number |index|, in the order of the log. NOT_FOUND: beyond the last one. INVALID. The
 * texts last as long as |trace|. */
FACTUM_API FACTUM_MUST_USE factum_status factum_trace_at(const factum_trace *trace, size_t index,
                                                         factum_trace_node *node,
                                                         factum_error *err);

/* ---- printing -------------------------------------------------------------------------------- */

typedef enum factum_trace_form {
    FACTUM_TRACE_TEXT = 0,   /* a tree for people, UTF-8 */
    FACTUM_TRACE_JSON = 1,   /* all nodes and edges, one line; docs/guide/tracing.md */
    FACTUM_TRACE_DOT = 2,    /* a directed graph for Graphviz */
    FACTUM_TRACE_MERMAID = 3 /* a sequence diagram of the services */
} factum_trace_form;

typedef struct factum_trace_sink {
    void *data;
    /* A failure, below 0, ends the printing and is its status. |bytes| lasts for the call only. */
    factum_status (*write)(void *data, factum_slice bytes);
} factum_trace_sink;

/* Prints |trace| as |form| into |sink|. |lines_max| nodes at most are shown, equal siblings as one:
 * first the critical path and what is flagged, with their causes, then the oldest. 0:
 * FACTUM_TRACE_LINES_DEFAULT; UINT64_MAX: all, each by itself; otherwise at most 10,000.
 * JSON has all in any case. Control characters in names are escaped. The status of |sink|;
 * INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_trace_print(const factum_trace *trace,
                                                            factum_trace_form form,
                                                            uint64_t lines_max,
                                                            const factum_trace_sink *sink,
                                                            factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
