/* async.h - the same store for programs that must not wait: servers, event loops, schedulers.
 *
 * These calls do not wait for a commit or for another thread, except where their comments say so.
 * Answers come in two ways: at once (the embedded store's reads and questions), or later by a call
 * from a thread of the store (appends, and whatever answered PENDING). A loop turns such a call
 * into a wake-up of its own:
 *
 *     static void appended(void *data, factum_append_op *const *ops, size_t count)
 *     {
 *         queue_for_my_loop(data, ops, count);   // ops are mine again
 *         wake_my_loop(data);                    // one wake-up for a whole group commit
 *     }
 *
 * Rules for completers, listeners, factum_ready and a question's |done|: such a function runs on a
 * thread of the store or, in a store opened with no_threads, inside the call that caused it. It
 * must return soon; while it runs, no other completion or news is delivered. It may start
 * operations, ask and end listeners. It must not close the store, and must not call what waits
 * (store.h): that gives INVALID and does nothing. (A factum_clock and a factum_log_sink must not
 * call the store at all.)
 *
 * How long a call takes. An embedded store reads from the disk inside the call, and a filter or
 * query that few events fit makes one factum_cursor_try_next look at many. With steps_max in the
 * request an embedded store looks at about so many events, postings or names in a call. If it has
 * found nothing by then, it answers PENDING. Ask again at any time: factum_ready is not called.
 * The limit is for factum_cursor_try_next, factum_list_try_next and factum_subscription_next. Other
 * stores ignore it: their calls do not look at events. A step takes some 50 to 250 ns in memory.
 *
 * factum_append_op, factum_question and factum_listener keep their sizes for ever: what is added to
 * them takes the place of |internal| words. Their |size| is sizeof the struct.
 *
 * Valid C99 and C++17. Any thread may call these functions; a cursor or list belongs to one thread
 * at a time.
 */
#ifndef FACTUM_ASYNC_H
#define FACTUM_ASYNC_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- appends --------------------------------------------------------------------------------- */

typedef struct factum_append_op factum_append_op;

/* Where ended appends go. |ops| were given to the store in any order and have ended in this one;
 * the array lasts until |done| returns, the ops are their owner's again. Appends that were
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

/* One append under way. Set |size| and zero the rest first. *request itself is needed for the
 * submit only; the op, and everything that the op and the request point to, belongs to the store
 * from a successful submit until the completer is called with it. */
struct factum_append_op {
    size_t size;
    factum_append_action action;
    const factum_append_request *request;
    uint64_t *revisions; /* as in factum_append, or NULL */
    const factum_completer *completer;
    void *data; /* yours */
    /* The outcome, when it has ended: as factum_append returns it. */
    factum_status status;
    factum_append_result result;
    factum_error err;   /* if status < 0 */
    void *internal[40]; /* the store's */
};

/* Starts an append. OK: the completer will be called exactly once, with a status of factum_append
 * or CANCELLED, and never from inside this call. Any other status: it will not be called. BUSY: too
 * many appends or bytes wait; FACTUM_NEWS_ROOM tells when to try again. BUSY also while a schema of
 * an event's type is being committed, without such news: try again after a moment. INVALID,
 * TOO_BIG, EXPIRED, FAILED, READ_ONLY, CORRUPT (the log is damaged, or its schemas are), NO_MEMORY
 * and IO (no thread could be started), UNSUPPORTED (opened with no_threads). */
FACTUM_API FACTUM_MUST_USE factum_status factum_append_submit(factum_store *store,
                                                              factum_append_op *op,
                                                              factum_error *err);
/* Asks the store to drop a submitted append. Safe until the completer has returned the op, whether
 * the append has ended or not; not after the op was reused or freed. The append ends in any case by
 * its completer: with CANCELLED, nothing was written, or, if it was too late, as it would have. */
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
    /* |news|: bits of factum_news, everything since the last call in one. */
    void (*notify)(void *data, uint32_t news);
    void *internal[4];
} factum_listener;

/* |notify| is called after every later change, once the listeners that are running have returned.
 * To miss nothing, call this first and read afterwards. INVALID, TOO_BIG (more than
 * FACTUM_LISTENERS_MAX), NO_MEMORY, IO (no thread could be started). */
FACTUM_API FACTUM_MUST_USE factum_status factum_listen(factum_store *store,
                                                       factum_listener *listener,
                                                       factum_error *err);
/* When it returns, |notify| is not running and will not be called again: it waits for a call of
 * this |notify| that is under way. From inside |notify| of the same listener it returns at once,
 * and |notify| will not be called again. A listener that does not listen is left alone. */
FACTUM_API void factum_unlisten(factum_store *store, factum_listener *listener);

/* ---- reads and lists ------------------------------------------------------------------------- */

/* Called once, when the cursor or list that answered PENDING is worth asking again. */
typedef struct factum_ready {
    void *data;
    void (*ready)(void *data);
} factum_ready;

/* As factum_read, without waiting. What would need it, such as STREAM_NOT_FOUND, may come from the
 * first factum_cursor_try_next. With |follow| the cursor can be extended; the request is then as
 * for factum_subscribe, and a stream need not exist. */
FACTUM_API FACTUM_MUST_USE factum_status factum_read_start(factum_store *store,
                                                           const factum_read_request *request,
                                                           bool follow, factum_cursor **cursor,
                                                           factum_error *err);
/* As factum_cursor_next; PENDING where that would wait. An embedded store answers PENDING after
 * steps_max steps only: it may read from the disk, though. */
FACTUM_API FACTUM_MUST_USE factum_status factum_cursor_try_next(factum_cursor *cursor,
                                                                factum_event *event,
                                                                factum_error *err);
/* After PENDING: |ready| is called once, never from inside this call; factum_cursor_close takes it
 * back and waits while it runs. |ready| is copied. One at a time; a later one replaces it. */
FACTUM_API void factum_cursor_ready(factum_cursor *cursor, const factum_ready *ready);
/* Lets a following cursor see what has become visible since, after DONE: next goes on there.
 * factum_cursor_place() then says up to where. OK, PENDING, or a failure as from next. */
FACTUM_API FACTUM_MUST_USE factum_status factum_cursor_extend(factum_cursor *cursor,
                                                              factum_error *err);

/* As factum_list_open and factum_list_next, without waiting; PENDING as with cursors. */
FACTUM_API FACTUM_MUST_USE factum_status factum_list_start(factum_store *store,
                                                           const factum_list_request *request,
                                                           factum_list **list, factum_error *err);
FACTUM_API FACTUM_MUST_USE factum_status factum_list_try_next(factum_list *list,
                                                              factum_list_entry *entry,
                                                              factum_error *err);
/* As factum_cursor_ready. */
FACTUM_API void factum_list_ready(factum_list *list, const factum_ready *ready);

/* ---- terms ----------------------------------------------------------------------------------- */

/* What holds as long as a store is open: its limits (factum_store_options), and the histories that
 * it has had, the current one last, by which tokens are judged. For a server, whose clients check
 * by it as the store does. */
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

/* Into |terms|. INVALID. */
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

/* One question: what is asked, and where the answer goes. Zero it first. It and all that it points
 * to belong to the store while it is PENDING. */
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

/* OK: answered. PENDING: |done| will be called; a question is not cancelled, its deadline bounds
 * it. Otherwise as the function that the kind names, or EXPIRED. An embedded store never answers
 * PENDING. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ask(factum_store *store, factum_question *question,
                                                    factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
