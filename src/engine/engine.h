/* engine.h - the interface of an engine, a store of events: for its users and for its authors.
 * Layer: engine.
 *
 *   users: api, gates, tests          fct_engine_*: check.c (arguments), block.c (waiting)
 *                                              |
 *   struct fct_engine_ops                      v
 *   authors: engine_memory, engine_local, tests/support/remote_engine ...
 *
 * Each operation has one form, which does not wait: an append is an op that ends by its completer,
 * a read or a question may answer PENDING. Waiting is written once, in block.c. An engine may also
 * offer append_here, which does the work on the caller's thread.
 *
 * An engine is accepted when tests/conformance passes unchanged. If it cannot do something, it
 * lacks a capability bit, and the checks refuse such calls with UNSUPPORTED.
 *
 * What the checks promise to an engine:
 *  - requests have their full size (fct_op_request); members that an older program did not know are
 *    zero; their |call| is the program's own: read it with fct_call_get;
 *  - a question has a |done|;
 *  - names are UTF-8, 1 to FACTUM_NAME_SIZE_MAX bytes, those of metastreams 2 more; "$$" alone and
 *    "$$$$..." are refused; no written name is that of a virtual stream;
 *  - events, tags, sizes, queries and filters are within their limits;
 *  - every expectation has a kind; DELETE and TOMBSTONE have one expectation and nothing else;
 *  - read requests name a source that exists; virtual stream names were turned into their source.
 * The engine itself checks that each written stream has exactly one expectation (INVALID) and the
 * rules of decide.h, looks at deadlines, and makes ids for events that have none.
 *
 * This layer knows nothing of logs, indexes, files or connections.
 */
#ifndef FCT_ENGINE_ENGINE_H
#define FCT_ENGINE_ENGINE_H

#include <stdatomic.h>

#include <factum/async.h>

#include "core/mem.h"
#include "engine/op.h"
#include "os/os.h"

struct fct_limits {
    uint64_t event_size_max;
    uint64_t append_events_max;
    uint64_t append_size_max;
    uint64_t queue_max;
    uint64_t queue_size_max;
};

/* ---- what an engine implements --------------------------------------------------------------- */

/* A read under way; the author's struct begins with it. Used by one thread at a time. */
struct fct_reader {
    const struct fct_reader_ops *ops;
    uint64_t place; /* set by begin and extend: events at or before it are or will be given */
    bool follow;    /* set by fct_engine_start_read: it may be extended */
};

struct fct_reader_ops {
    /* Finds the start: OK, PENDING, or a failure (STREAM_NOT_FOUND ...). Called before the others,
     * until it does not answer PENDING; gives the same answer if it is called again. */
    factum_status (*begin)(struct fct_reader *reader, factum_error *err);
    /* OK with an event that lasts until the next call, DONE, PENDING, EXPIRED, or a failure. One
     * without |ready| answers PENDING after the request's steps_max, and may be asked again. */
    factum_status (*next)(struct fct_reader *reader, factum_event *event, factum_error *err);
    /* Of a following reader, after DONE: lets next give the events that have become visible. */
    factum_status (*extend)(struct fct_reader *reader, factum_error *err);
    /* See factum_cursor_ready. NULL: this reader never waits. */
    void (*ready)(struct fct_reader *reader, const factum_ready *ready);
    void (*close)(struct fct_reader *reader);
};

struct fct_lister {
    const struct fct_lister_ops *ops;
};

struct fct_lister_ops {
    factum_status (*next)(struct fct_lister *lister, factum_list_entry *entry, factum_error *err);
    void (*ready)(struct fct_lister *lister, const factum_ready *ready); /* as a reader's */
    void (*close)(struct fct_lister *lister);
};

/* Long work on a whole store; blocks. An engine may lack all of it, or a part (NULL). */
struct fct_upkeep_ops {
    size_t size;
    factum_status (*verify)(void *engine, const factum_progress *progress,
                            factum_verify_report *report, factum_error *err);
    factum_status (*backup)(void *engine, const char *to, const factum_progress *progress,
                            factum_backup_report *report, factum_error *err);
};

/* A listener whose notify only stores and wakes: an engine may call it from its own hot path. Set
 * in internal[3] by block.c for the one listener that all waiting threads share. */
#define FCT_LISTENER_DIRECT ((void *)1)

struct fct_engine_ops {
    size_t size;           /* of this struct as its author compiled it; it only grows at its end */
    uint32_t capabilities; /* bits of factum_capability */
    /* Starts |op|. OK: it ends by its completer (deliver.h), never from inside this call. */
    factum_status (*append)(void *engine, factum_append_op *op, factum_error *err);
    /* Runs |op|, which has no completer, to its end; status, result and err are in it. The caller's
     * thread may do the work of others too. NULL: block.c waits for |append|. */
    void (*append_here)(void *engine, factum_append_op *op);
    /* Any thread, while |op| has not ended. Best effort; |op| ends by its completer. */
    void (*cancel)(void *engine, factum_append_op *op);
    /* Creates a reader; does not wait. |request| and all it points to are borrowed for the call
     * only. With |follow| the reader can be extended, and its stream need not exist. */
    factum_status (*read)(void *engine, const factum_read_request *request, bool follow,
                          struct fct_reader **reader, factum_error *err);
    factum_status (*list)(void *engine, const factum_list_request *request,
                          struct fct_lister **lister, factum_error *err);
    /* OK, PENDING (|done| will be called), or a failure. */
    factum_status (*ask)(void *engine, factum_question *question, factum_error *err);
    factum_status (*listen)(void *engine, factum_listener *listener, factum_error *err);
    void (*unlisten)(void *engine, factum_listener *listener);
    /* Ends every op that is under way, then frees. */
    factum_status (*close)(void *engine, factum_error *err);
    const struct fct_upkeep_ops *upkeep; /* or NULL */
};

/* The context of a checked request or question in full size: members that an older program did not
 * know are zero; all are zero for NULL. */
factum_call fct_call_get(const factum_call *call);
/* EXPIRED if |deadline| (0: none) has passed: "<what>: the deadline has passed". */
FCT_MUST_USE factum_status fct_deadline_check(const struct fct_os *os, uint64_t deadline,
                                              const char *what, factum_error *err);

/* ---- an engine as its users hold it ---------------------------------------------------------- */

/* The histories that a store has had: |from| is the first position that belongs to the timeline.
 * The last one is current. Constant while a store is open. */
#define FCT_TIMELINES_MAX 32u
struct fct_timeline {
    uint64_t id;
    uint64_t from;
};
struct fct_timelines {
    uint32_t count;
    struct fct_timeline items[FCT_TIMELINES_MAX];
};

/* Where threads wait for events to become visible: one listener for all of them. */
struct fct_hub {
    factum_listener listener;
    _Atomic uint32_t changes;  /* change counter: rises with each notification and each wake */
    _Atomic uint32_t sleepers; /* threads that wait */
    _Atomic uint32_t failed;   /* not 0: a write failed */
};

/* Stays where it is from fct_engine_ready to fct_engine_close. */
struct fct_engine {
    const struct fct_engine_ops *ops;
    void *self;
    const struct fct_mem *mem;
    const struct fct_os *os;
    struct fct_limits limits; /* no zeros */
    struct fct_timelines timelines;
    struct fct_hub hub;
};

/* 0 members become the defaults that store.h names; INVALID over its maxima. */
FCT_MUST_USE factum_status fct_limits_default(struct fct_limits *limits, factum_error *err);

/* Called by an author at the end of its open function, when all members except |hub| are set. Then
 * the functions for users work. On failure |ops->close| was called. */
FCT_MUST_USE factum_status fct_engine_ready(struct fct_engine *engine, factum_error *err);
FCT_MUST_USE factum_status fct_engine_close(struct fct_engine *engine, factum_error *err);

/* ---- checked calls that do not wait (check.c) ------------------------------------------------ */

FCT_MUST_USE factum_status fct_engine_submit(struct fct_engine *engine, factum_append_op *op,
                                             factum_error *err);
void fct_engine_cancel(struct fct_engine *engine, factum_append_op *op);
/* The reader answers from its begin on; see struct fct_reader_ops. */
FCT_MUST_USE factum_status fct_engine_start_read(struct fct_engine *engine,
                                                 const factum_read_request *request, bool follow,
                                                 struct fct_reader **reader, factum_error *err);
FCT_MUST_USE factum_status fct_engine_list(struct fct_engine *engine,
                                           const factum_list_request *request,
                                           struct fct_lister **lister, factum_error *err);
FCT_MUST_USE factum_status fct_engine_ask(struct fct_engine *engine, factum_question *question,
                                          factum_error *err);
FCT_MUST_USE factum_status fct_engine_listen(struct fct_engine *engine, factum_listener *listener,
                                             factum_error *err);
void fct_engine_unlisten(struct fct_engine *engine, factum_listener *listener);
/* Is |name| that of a virtual stream, such as "$ce-<category>"? */
bool fct_engine_is_virtual(factum_slice name);

/* ---- the same, waiting (block.c) ------------------------------------------------------------- */

FCT_MUST_USE factum_status fct_engine_append(struct fct_engine *engine,
                                             const factum_append_request *request,
                                             factum_append_result *result, uint64_t *revisions,
                                             factum_error *err);
/* DELETE or TOMBSTONE. |result| may be NULL. */
FCT_MUST_USE factum_status fct_engine_remove(struct fct_engine *engine, factum_append_action action,
                                             factum_slice stream, factum_expected expected,
                                             factum_append_result *result, factum_error *err);
/* metadata.c */
FCT_MUST_USE factum_status fct_engine_metadata_set(struct fct_engine *engine, factum_slice stream,
                                                   factum_expected expected, factum_slice json,
                                                   factum_append_result *result, factum_error *err);
/* Waits for the reader's begin too. */
FCT_MUST_USE factum_status fct_engine_read(struct fct_engine *engine,
                                           const factum_read_request *request, bool follow,
                                           struct fct_reader **reader, factum_error *err);
/* Waits for the begin of a reader that fct_engine_start_read created. */
FCT_MUST_USE factum_status fct_reader_begin(struct fct_reader *reader, factum_error *err);
FCT_MUST_USE factum_status fct_reader_next(struct fct_reader *reader, factum_event *event,
                                           factum_error *err);
FCT_MUST_USE factum_status fct_reader_extend(struct fct_reader *reader, factum_error *err);
/* Accepts NULL. */
void fct_reader_close(struct fct_reader *reader);
FCT_MUST_USE factum_status fct_lister_next(struct fct_lister *lister, factum_list_entry *entry,
                                           factum_error *err);
/* Accepts NULL. */
void fct_lister_close(struct fct_lister *lister);
/* Asks and waits for the answer, which is in |question|. */
FCT_MUST_USE factum_status fct_engine_answer(struct fct_engine *engine, factum_question *question,
                                             factum_error *err);
/* Two questions that are asked often. */
FCT_MUST_USE factum_status fct_engine_place(struct fct_engine *engine, uint64_t *place,
                                            factum_error *err);
FCT_MUST_USE factum_status fct_engine_stream(struct fct_engine *engine, factum_slice stream,
                                             factum_stream_info *info, factum_error *err);
/* Waits until everything at or before |place| is visible. |timeout_ms| below 0: for ever. |stop|
 * may be NULL; a thread that sets it calls fct_engine_wake.
 * Errors: TIMEOUT, FAILED (the store stopped after a failed write), CANCELLED (*stop is not 0),
 * INVALID (inside a user's function). */
FCT_MUST_USE factum_status fct_engine_wait(struct fct_engine *engine, uint64_t place,
                                           int64_t timeout_ms, const _Atomic uint32_t *stop,
                                           factum_error *err);
void fct_engine_wake(struct fct_engine *engine);

#endif
