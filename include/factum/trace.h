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
 * A cause comes before its effect in the log, so there are no cycles. An event that names itself or
 * a later event as its cause is a root, and so is one whose cause is not found; both are flagged.
 *
 * How events are classified. A *command* is an event of a stream "command:SERVICE-..."; it is
 * *open* as long as no event names its "$commandId" as its cause. A saga's stream is
 * "saga:NAME-ID"; it is *stuck* if its last "SagaStuck" was not followed by a change of the same
 * step. CommandFailed, StepFailed, UndoFailed and SagaFailed are *failures*, StepTimedOut is a
 * *time-out*.
 *
 * Latency is the difference of |created| of an event and its cause, by the store's clock. The
 * *critical path* is the chain of causes, from a root to an event, that took longest.
 *
 * Valid C99 and C++17. A factum_trace does not change: any thread may read it. Rules of sizes,
 * statuses and pointers: store.h. These calls work on every kind of store, and wait. */
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
    factum_slice stream; /* the stream of the event with the id; empty: not known */
    uint64_t events_max; /* of the tree; 0: FACTUM_TRACE_EVENTS_DEFAULT; |truncated| of the info is
                            true if there are more. Over FACTUM_TRACE_EVENTS_MAX: INVALID */
    uint64_t scan_max;   /* newest events that are looked through for an id that no index has;
                            0: FACTUM_TRACE_SCAN_DEFAULT */
    const factum_progress *progress; /* or NULL: called now and then with the events read; false:
                                        CANCELLED */
    const factum_call *call;         /* or NULL */
    bool skip_system; /* events of streams whose name begins with '$' are neither found nor shown;
                         their effects then have no cause */
} factum_trace_options;

/* What the id was. */
typedef enum factum_trace_kind {
    FACTUM_TRACE_OF_CORRELATION = 0,
    FACTUM_TRACE_OF_EVENT = 1,
    FACTUM_TRACE_OF_SAGA = 2,
    FACTUM_TRACE_OF_COMMAND = 3,
    FACTUM_TRACE_OF_TRACE = 4
} factum_trace_kind;

/* Finds the flow of |id|, into *trace, which is yours until factum_trace_close; NULL on failure.
 * |options| is optional. |id| is tried as: a correlation id; a saga, "NAME-ID" or "saga:NAME-ID"; a
 * command id, by its saga or as an idempotency key; an event id; a trace id of 32 hexadecimal
 * digits. Correlation ids, streams and keys have an index; for other ids the newest |scan_max|
 * events are looked through. Then all events with the same correlation ids are read. An event
 * without a correlation id has as its flow the events whose correlation id is its own id.
 * Errors: NOT_FOUND (the text says how far the search went), INVALID, TOO_BIG (names and ids of the
 * events), CANCELLED, and those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_trace_open(factum_store *store, factum_slice id,
                                                           const factum_trace_options *options,
                                                           factum_trace **trace, factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_trace_close(factum_trace *trace);

typedef struct factum_trace_info {
    size_t size;
    factum_trace_kind kind;
    factum_slice correlation; /* of the first event that has one; empty: none has */
    uint64_t event_count;
    uint64_t stream_count;
    uint64_t service_count;
    uint64_t root_count;
    uint64_t missing_count; /* roots whose cause was not found, or comes after them */
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

/* Figures of |trace|, into |info|, whose texts last as long as |trace|. Errors: INVALID. */
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
    factum_slice causation; /* as in the metadata; empty: none there */
    factum_slice command_id;
    factum_slice trace_id; /* 32 hexadecimal digits; empty: none that is valid */
    factum_slice code;     /* of a failure or a stuck saga; each is empty if not given */
    factum_slice text;
} factum_trace_node;

/* The node number |index|, in the order of the log, into |node|, whose texts last as long as
 * |trace|. Errors: NOT_FOUND (beyond the last one), INVALID. */
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
    /* A status below 0 ends the printing, which returns it. |bytes| lasts for the call only. */
    factum_status (*write)(void *data, factum_slice bytes);
} factum_trace_sink;

/* Prints |trace| as |form| into |sink|. At most |lines_max| nodes are shown, equal siblings as one:
 * first the critical path and flagged nodes, with their causes, then the oldest. 0:
 * FACTUM_TRACE_LINES_DEFAULT; UINT64_MAX: all, equal siblings separately; otherwise at most 10,000.
 * JSON always has all nodes. Control characters in names are escaped.
 * Errors: the status of |sink|, INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_trace_print(const factum_trace *trace,
                                                            factum_trace_form form,
                                                            uint64_t lines_max,
                                                            const factum_trace_sink *sink,
                                                            factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
