/* async.h - the same store for programs that must not wait: servers, event loops, schedulers.
 *
 * These calls do not wait for a commit or for another thread, except where their comments say so.
 * Answers come in two ways: at once (the embedded store's reads and questions), or later by a call
 * from a thread of the store (appends, and calls that answered PENDING). A loop turns such a call
 * into a wake-up of its own:
 *
 *     static void appended(void *data, factum_append_op *const *ops, size_t count)
 *     {
 *         queue_for_my_loop(data, ops, count);   // ops are mine again
 *         wake_my_loop(data);                    // one wake-up for a whole group commit
 *     }
 *
 * Rules for completers, listeners, factum_ready and the |done| of a question. Such a function runs
 * on a thread of the store or, in a store opened with no_threads, inside the call that caused it.
 * It must return soon: while it runs, no other completion or news is delivered. It may start
 * operations, ask questions and end listeners. It must not close the store, and must not call
 * anything that waits (store.h): such a call fails with INVALID and does nothing. (A factum_clock
 * and a factum_log_sink must not call the store at all.)
 *
 * How long a call takes. An embedded store reads from the disk inside the call, and one
 * factum_cursor_try_next with a filter or query that few events fit looks at many events. steps_max
 * in the request limits that: an embedded store looks at about so many events, postings or names in
 * a call. If it has found nothing by then, it answers PENDING. Ask again at any time: factum_ready
 * is not called. The limit is for factum_cursor_try_next, factum_list_try_next and
 * factum_subscription_next. Other stores ignore it: their calls do not look at events. A step takes
 * some 50 to 250 ns in memory.
 *
 * factum_append_op, factum_question and factum_listener keep their sizes for ever: new members take
 * the place of |internal| words. Their |size| is sizeof the struct.
 *
 * Valid C99 and C++17. Any thread may call these functions; a cursor or list belongs to one thread
 * at a time. */
#ifndef FACTUM_ASYNC_H
#define FACTUM_ASYNC_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- appends --------------------------------------------------------------------------------- */

typedef struct factum_append_op factum_append_op;

/* Where ended appends go. |ops| are in the order in which they ended, which need not be that of
 * their submits. The array lasts until |done| returns; the ops are yours again. Appends that were
 * committed together and have the same completer come in one call, 1,024 at most. */
typedef struct factum_completer {
    void *data;
    void (*done)(void *data, factum_append_op *const *ops, size_t count);
} factum_completer;

typedef enum factum_append_action {
    FACTUM_ACTION_APPEND = 0,
    /* As factum_delete and factum_tombstone: |request| has one expectation, which names the stream,
     * and neither events nor a condition nor a key. */
    FACTUM_ACTION_DELETE = 1,
    FACTUM_ACTION_TOMBSTONE = 2
} factum_append_action;

/* One append under way. Set |size| and zero the rest first. *request itself is needed only during
 * the submit. The op, and everything that the op and the request point to, belong to the store from
 * a successful submit until the completer is called with the op. */
struct factum_append_op {
    size_t size;
    factum_append_action action;
    const factum_append_request *request;
    uint64_t *revisions; /* as in factum_append, or NULL */
    const factum_completer *completer;
    void *data; /* yours */
    /* The outcome, set when the append has ended: as factum_append returns it. */
    factum_status status;
    factum_append_result result;
    factum_error err;   /* if status < 0 */
    void *internal[40]; /* the store's */
};

/* Starts an append. OK: the completer will be called exactly once, with a status of factum_append
 * or CANCELLED, and never from inside this call. After any other status it will not be called.
 * Errors: BUSY (too many appends or bytes wait: try again after FACTUM_NEWS_ROOM; or a schema of an
 * event's type is being committed: try again after a moment, no news comes), INVALID, TOO_BIG,
 * EXPIRED, FAILED, READ_ONLY, CORRUPT (the log or its schemas are damaged), NO_MEMORY and IO (no
 * thread could be started), UNSUPPORTED (opened with no_threads). */
FACTUM_API FACTUM_MUST_USE factum_status factum_append_submit(factum_store *store,
                                                              factum_append_op *op,
                                                              factum_error *err);
/* Asks the store to drop a submitted append. Allowed until the completer has returned the op,
 * whether the append has ended or not; not after the op was reused or freed. The append ends by its
 * completer in any case: with CANCELLED (nothing was written), or, if it was too late to drop it,
 * with its usual outcome. */
FACTUM_API void factum_append_cancel(factum_store *store, factum_append_op *op);

/* ---- news ------------------------------------------------------------------------------------ */

typedef enum factum_news {
    FACTUM_NEWS_END = 1,   /* more is visible */
    FACTUM_NEWS_ROOM = 2,  /* after BUSY: appends are taken again */
    FACTUM_NEWS_FAILED = 4 /* a write failed: the store takes no more appends */
} factum_news;

#define FACTUM_LISTENERS_MAX 65536

/* Who is called when something has changed. Zero it first, set |size| and |notify|. It belongs to
 * the store from factum_listen to factum_unlisten. */
typedef struct factum_listener {
    size_t size;
    void *data;
    /* |news|: bits of factum_news, all that happened since the last call. */
    void (*notify)(void *data, uint32_t news);
    void *internal[4];
} factum_listener;

/* From now on |notify| is called after every change, once the listeners that are running have
 * returned. To miss nothing, call this first and read afterwards. Errors: INVALID, TOO_BIG (more
 * than FACTUM_LISTENERS_MAX), NO_MEMORY, IO (no thread could be started). */
FACTUM_API FACTUM_MUST_USE factum_status factum_listen(factum_store *store,
                                                       factum_listener *listener,
                                                       factum_error *err);
/* Ends |listener|. Waits for a call of its |notify| that is under way: when this returns, |notify|
 * is not running and will not be called again. From inside |notify| of the same listener it returns
 * at once, and |notify| will not be called again. A listener that does not listen is left
 * unchanged. */
FACTUM_API void factum_unlisten(factum_store *store, factum_listener *listener);

/* ---- reads and lists ------------------------------------------------------------------------- */

/* Called once, when it is worth asking the cursor or list that answered PENDING again. */
typedef struct factum_ready {
    void *data;
    void (*ready)(void *data);
} factum_ready;

/* As factum_read, without waiting. An error that can only be found by waiting, such as
 * STREAM_NOT_FOUND, may come from the first factum_cursor_try_next. With |follow| the cursor can be
 * extended; the request is then as for factum_subscribe, and a stream need not exist. */
FACTUM_API FACTUM_MUST_USE factum_status factum_read_start(factum_store *store,
                                                           const factum_read_request *request,
                                                           bool follow, factum_cursor **cursor,
                                                           factum_error *err);
/* As factum_cursor_next, but PENDING where that would wait. An embedded store answers PENDING only
 * after steps_max steps; it may read from the disk. */
FACTUM_API FACTUM_MUST_USE factum_status factum_cursor_try_next(factum_cursor *cursor,
                                                                factum_event *event,
                                                                factum_error *err);
/* After PENDING: lets |ready| be called once, never from inside this call. |ready| is copied. Only
 * one is kept: a later one replaces it. factum_cursor_close withdraws it, and waits if it is
 * running. */
FACTUM_API void factum_cursor_ready(factum_cursor *cursor, const factum_ready *ready);
/* Lets a cursor that follows, after DONE, see what has become visible since; factum_cursor_place
 * then gives the new end, and factum_cursor_try_next goes on. OK, PENDING, or an error of
 * factum_cursor_next. */
FACTUM_API FACTUM_MUST_USE factum_status factum_cursor_extend(factum_cursor *cursor,
                                                              factum_error *err);

/* As factum_list_open, without waiting. */
FACTUM_API FACTUM_MUST_USE factum_status factum_list_start(factum_store *store,
                                                           const factum_list_request *request,
                                                           factum_list **list, factum_error *err);
/* As factum_list_next, but PENDING where that would wait. */
FACTUM_API FACTUM_MUST_USE factum_status factum_list_try_next(factum_list *list,
                                                              factum_list_entry *entry,
                                                              factum_error *err);
/* As factum_cursor_ready. */
FACTUM_API void factum_list_ready(factum_list *list, const factum_ready *ready);

/* ---- terms ----------------------------------------------------------------------------------- */

/* What is true as long as a store is open: its limits (factum_store_options), and the histories
 * that it has had, the current one last, by which tokens are judged. For a server, whose clients
 * make the same checks as the store. */
#define FACTUM_TIMELINES_MAX 32

typedef struct factum_timeline {
    uint64_t id;
    uint64_t from; /* the first position that belongs to it */
} factum_timeline;

typedef struct factum_terms {
    size_t size;
    uint64_t event_size_max;
    uint64_t append_events_max;
    uint64_t append_size_max;
    uint64_t queue_max;
    uint64_t queue_size_max;
    uint64_t timeline_count;
    factum_timeline timelines[FACTUM_TIMELINES_MAX];
} factum_terms;

/* The terms of |store|, into |terms|. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_terms_get(const factum_store *store,
                                                          factum_terms *terms, factum_error *err);

/* ---- questions ------------------------------------------------------------------------------- */

typedef enum factum_question_kind {
    FACTUM_ASK_PLACE = 1,      /* factum_visible_place -> number */
    FACTUM_ASK_STREAM = 2,     /* factum_stream_info_get: name -> stream */
    FACTUM_ASK_EVENT = 3,      /* factum_read_event: position -> event */
    FACTUM_ASK_FIND_EVENT = 4, /* factum_find_event: name (or empty), id -> event. Without a name
                                  the embedded store waits for the group commit under way */
    FACTUM_ASK_KEY = 5,        /* factum_find_key: name -> key */
    FACTUM_ASK_COUNT = 6, /* factum_count_events: source, name, position, upto -> number. The name
                             of a virtual stream is replaced by its source and name */
    FACTUM_ASK_INFO = 7   /* factum_info_get -> info */
} factum_question_kind;

/* One question: what is asked, and where the answer goes. Zero it first. The question and all that
 * it points to belong to the store while it is PENDING. */
typedef struct factum_question factum_question;
struct factum_question {
    size_t size;
    factum_question_kind kind;
    const factum_call *call; /* or NULL */
    factum_source source;
    factum_slice name;
    uint64_t position; /* of COUNT: the place after which events are counted */
    uint64_t upto;
    factum_uuid id;
    uint64_t number;            /* an answer */
    factum_stream_info *stream; /* yours, with its size set; so are the next three */
    factum_key_info *key;
    factum_info *info;
    factum_event_copy *event;
    void *data; /* yours */
    /* Called once if the answer was PENDING, never from inside factum_ask; |status| and |err| then
     * have the outcome. */
    void (*done)(factum_question *question);
    factum_status status;
    factum_error err;
    void *internal[8];
};

/* Asks |question|. OK: answered. PENDING: |done| will be called; an embedded store never answers
 * PENDING. A question cannot be cancelled; its deadline limits it. Errors: EXPIRED, and those of
 * the function that the kind names. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ask(factum_store *store, factum_question *question,
                                                    factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
