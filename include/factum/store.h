/* store.h - a store of events: open, append, read, ask, subscribe, maintain.
 *
 *     factum_store *store;
 *     factum_error err;
 *     if (factum_open("orders.factum", NULL, &store, &err) != FACTUM_OK) { puts(err.text); ... }
 *
 * Words. An *event* belongs to one *stream*, where it has a *revision* (0, 1, 2 ...), and to the
 * whole log, where it has a *position*. Positions rise but are not consecutive: compare them, store
 * them, never calculate with them. A *place* is a position up to which something has come: it
 * includes every event at or before it, and none after it. Places come from a cursor, a
 * subscription, an append or factum_visible_place. They go into FACTUM_FROM_AFTER, append
 * conditions and factum_wait. A *token* is a place as text, for what leaves the process. A *commit*
 * is what one append wrote: all of its events or none.
 *
 * Threads. Any number of threads may use a factum_store at once. A cursor, list or subscription
 * belongs to one thread at a time. A function that the store calls back (async.h) must not call
 * anything that waits: such a call fails with INVALID.
 *
 * Processes. An open store is locked, also against a second opening by its own process. A child
 * made by fork() must not use or close the handles that it inherits: it may call exec or _exit.
 * Until then it keeps the lock, even if its parent closes the store.
 *
 * Failures. A function with an |err| fills it if and only if it fails (a status below 0). After a
 * failure, what it returns through pointers has its value from before the call, unless its comment
 * says otherwise. A pointer is required unless a comment calls it optional; the call fails with
 * INVALID without it. Comments list this INVALID only where there are other reasons for INVALID.
 * NO_MEMORY, IO and CORRUPT can come from any call that reaches the log or the index; with a store
 * opened by an address, also UNREACHABLE, DENIED and UNSUPPORTED (remote.h). After FAILED close the
 * store and open it again; after UNKNOWN_OUTCOME too, unless it was opened by an address.
 *
 * Names of streams, types, tags and keys are UTF-8 text of 1 to FACTUM_NAME_SIZE_MAX bytes without
 * a zero byte; others are INVALID, or TOO_BIG. "$all", the virtual streams ("$ce-", "$et-", "$bc-"
 * and a name) and metastreams of metastreams ("$$$$") cannot be written.
 *
 * Structs with a |size|, yours or those for answers, start as {.size = sizeof the_struct}; all
 * other members are zero, and zero means the default. A program and the library may know different
 * versions of a struct. Members that the program's header did not have are zero, and answers are
 * filled up to the size given. A bigger struct is accepted if the members that the library does not
 * know are zero, and refused with INVALID otherwise. |reserved| members must be zero.
 *
 * Valid C99 and C++17. Calls that do not wait: async.h. Formats and algorithms: docs/formats.md. */
#ifndef FACTUM_STORE_H
#define FACTUM_STORE_H

#include <factum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct factum_store factum_store;

/* ---- open and close -------------------------------------------------------------------------- */

/* How safe an acknowledged append is. */
typedef enum factum_durability {
    FACTUM_DURABILITY_DEFAULT = 0, /* that of the store's options; SYNC if they name none */
    FACTUM_DURABILITY_SYNC = 1,    /* on disk: fdatasync returned 0 after the write */
    FACTUM_DURABILITY_OS = 2 /* with the operating system: survives a crash of the process, not
                                of the machine; synced some 50 ms later
                                (with no_threads: by the next append after that, or close) */
} factum_durability;

/* "os" for FACTUM_DURABILITY_OS, "sync" for every other value. The text is static. */
FACTUM_API const char *factum_durability_name(factum_durability durability);

typedef struct factum_store_options {
    size_t size;
    bool read_only;               /* nothing on disk is changed */
    bool must_exist;              /* NOT_FOUND instead of a new store */
    bool no_threads;              /* no background threads: their work is done inside your calls */
    factum_durability durability; /* of appends with FACTUM_DURABILITY_DEFAULT */
    uint64_t event_size_max;      /* bytes of data + metadata; 0: 1 MiB, at most 16 MiB */
    uint64_t append_events_max;   /* events in one append; 0: 1,000, at most 100,000 */
    uint64_t append_size_max;     /* bytes of data, metadata, names and tags in one append;
                                     0: 16 MiB, at most 32 MiB */
    uint64_t queue_max;           /* appends that may wait for the next group commit, and appends
                                     by completion (async.h) whose completer was not called yet;
                                     0: 65,536; more give BUSY */
    const factum_log_sink *log;   /* copied; NULL: silent */
    uint64_t queue_size_max;      /* bytes of appends that may wait; 0: 256 MiB; more give BUSY */
    const factum_clock *clock;    /* copied; NULL: the system's wall clock */
} factum_store_options;

/* Opens the store in directory |path|, and creates it if it does not exist. |path| may also be the
 * address of a server, if the program allows addresses (remote.h). |path| and |options| are needed
 * during the call only; |options| is optional: all defaults. *store gets the store, which is yours
 * until factum_close; NULL on failure. A store whose log is damaged opens for reading: appends then
 * give CORRUPT (see factum_info_get and factum_repair).
 * Errors: NOT_FOUND (no store, and must_exist or read_only), EXISTS (a directory with other files),
 * LOCKED (open already, in this process or another: the text says which), CORRUPT, NEWER_FORMAT,
 * IO, NO_SPACE, NO_MEMORY, INVALID; for an address also those of remote.h. */
FACTUM_API FACTUM_MUST_USE factum_status factum_open(const char *path,
                                                     const factum_store_options *options,
                                                     factum_store **store, factum_error *err);

/* Closes |store| and frees it, whatever is returned. Accepts NULL. Appends and questions under way
 * end first: their completers are called before this returns. Then the index is written, so that
 * the next opening is quick. Close cursors, lists and subscriptions, and end listeners, before. A
 * failure means that the next opening has to recover. Nothing that was acknowledged is lost, with
 * one exception: FAILED means that appends of durability OS could not be synced. */
FACTUM_API factum_status factum_close(factum_store *store, factum_error *err);

/* What a store can do: bits of factum_capability. A call that needs a missing one fails with
 * UNSUPPORTED. A store in a directory has all of them; one in memory (testing.h) is not DURABLE and
 * has no BACKUP. */
typedef enum factum_capability {
    FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS = 1, /* one append may write several streams */
    FACTUM_CAPABILITY_CONDITIONS = 2,            /* append conditions */
    FACTUM_CAPABILITY_TOTAL_ORDER = 4,           /* one order over all streams: SOURCE_ALL, QUERY */
    FACTUM_CAPABILITY_DURABLE = 8, /* SYNC appends survive a crash of the machine; without it
                                      factum_append_result.durability is OS */
    FACTUM_CAPABILITY_VERIFY = 16, /* factum_verify */
    FACTUM_CAPABILITY_BACKUP = 32, /* factum_backup */
    FACTUM_CAPABILITY_LIST = 64    /* factum_list_open */
} factum_capability;
/* The bits of what |store| can do. */
FACTUM_API uint32_t factum_capabilities(const factum_store *store);

/* The time now, by the store's clock. */
FACTUM_API int64_t factum_now(const factum_store *store);

/* ---- the context of a call ------------------------------------------------------------------- */

/* The context of a call: until when an answer is wanted, who asks, and what the call is part of.
 * Requests and questions (async.h) point to one; NULL: no deadline, no principal, no trace.
 * Borrowed as long as the request that points to it.
 *
 * An append adds the trace and the ids to the metadata of each event that does not have them yet:
 * "$correlationId", "$causationId", and "traceparent" with the same trace and a new id for the
 * append, with "tracestate" of up to 512 bytes. Events with "$traceId" and "$spanId" get a
 * "traceparent" of these two. A traceparent that is not valid begins a new trace. Events of system
 * streams, and metadata that is not a JSON object, stay as they are. Nothing of this is part of
 * what an idempotency key compares. Without a context nothing is added. */
typedef struct factum_call {
    size_t size;
    uint64_t deadline;        /* from factum_deadline(); 0: none */
    factum_slice principal;   /* who asks, as the caller has authenticated it */
    factum_slice traceparent; /* W3C Trace Context, level 1 */
    factum_slice tracestate;
    factum_slice correlation_id; /* of an append; UTF-8 of at most FACTUM_NAME_SIZE_MAX bytes */
    factum_slice causation_id;   /* the same */
} factum_call;

/* The moment |timeout_ms| milliseconds from now, for factum_call.deadline, by the machine's
 * monotonic clock. 0 (no deadline) if |timeout_ms| is negative. A call that has not done its work
 * by its deadline fails with EXPIRED. An append that expires has written nothing. */
FACTUM_API uint64_t factum_deadline(int64_t timeout_ms);

/* ---- append ---------------------------------------------------------------------------------- */

/* The longest name of a stream, type, tag, key or content type, in bytes of UTF-8. Names that the
 * store derives from these are longer by their prefix: "$$<stream>" by 2 bytes, "$ce-", "$et-" and
 * "$bc-" by 4. */
#define FACTUM_NAME_SIZE_MAX 1024
#define FACTUM_TAGS_MAX 32 /* tags of one event */

/* What must be true of a stream when an append is decided. There is no default: name ANY if you
 * mean it. A tombstoned stream cannot be written, whatever is expected: STREAM_DELETED. If the
 * append only expects something of it, it counts as a stream that was never written. */
typedef enum factum_expected_kind {
    FACTUM_EXPECTED_NONE = 0, /* not set: INVALID */
    FACTUM_EXPECTED_ANY = 1,
    FACTUM_EXPECTED_NO_STREAM = 2,     /* never written, or deleted */
    FACTUM_EXPECTED_STREAM_EXISTS = 3, /* written, or given metadata; and not deleted since */
    FACTUM_EXPECTED_REVISION = 4       /* its last revision is |revision| */
} factum_expected_kind;

typedef struct factum_expected {
    factum_expected_kind kind;
    uint64_t revision; /* only with FACTUM_EXPECTED_REVISION */
} factum_expected;

/* What an append expects of a stream, as a value: the four below name the four kinds. */
static inline factum_expected factum_expect(factum_expected_kind kind, uint64_t revision)
{
    factum_expected expected;
    expected.kind = kind;
    expected.revision = revision;
    return expected;
}
/* Nothing: the stream may exist or not. */
static inline factum_expected factum_any(void)
{
    return factum_expect(FACTUM_EXPECTED_ANY, 0);
}
/* The stream was never written, or is deleted. */
static inline factum_expected factum_no_stream(void)
{
    return factum_expect(FACTUM_EXPECTED_NO_STREAM, 0);
}
/* The stream was written, or given metadata; and not deleted since. */
static inline factum_expected factum_stream_exists(void)
{
    return factum_expect(FACTUM_EXPECTED_STREAM_EXISTS, 0);
}
/* The last revision of the stream is |revision|. */
static inline factum_expected factum_at(uint64_t revision)
{
    return factum_expect(FACTUM_EXPECTED_REVISION, revision);
}

typedef struct factum_expectation {
    factum_slice stream;
    factum_expected expected;
} factum_expectation;

/* The two usual content types; factum_new_event.media_type names others. */
typedef enum factum_content_type {
    FACTUM_CONTENT_JSON = 0,  /* application/json; the bytes are not checked here */
    FACTUM_CONTENT_BINARY = 1 /* application/octet-stream */
} factum_content_type;

/* An event to append. |stream| and |type| are required; all else may be zero. All slices are
 * borrowed until the append has ended. */
typedef struct factum_new_event {
    factum_slice stream;
    factum_slice type;
    factum_slice data;
    factum_slice metadata; /* stored as it is; "$correlationId" of a JSON object is indexed */
    const factum_slice *tags;
    size_t tag_count;
    factum_uuid id; /* zero: the store makes one, by which no repetition can be recognised */
    factum_content_type content_type;
    bool has_time; /* |time| is when it happened; false: when it is appended */
    int64_t time;
    /* A content type as text, in place of |content_type|: "image/png". Empty: none. A media type of
     * RFC 9110: "type/subtype", with or without parameters. */
    factum_slice media_type;
    uint64_t reserved[2];
} factum_new_event;

/* Which events are meant: those that fit any item. An event fits an item if its type is one of
 * |types| and it has all of |tags|. No types: any type. No tags: with or without tags. An item with
 * neither types nor tags is INVALID. */
#define FACTUM_QUERY_ITEMS_MAX 64   /* items of a query */
#define FACTUM_QUERY_NAMES_MAX 1024 /* types and tags in all items together */

typedef struct factum_query_item {
    const factum_slice *types;
    size_t type_count;
    const factum_slice *tags;
    size_t tag_count;
} factum_query_item;

typedef struct factum_query {
    const factum_query_item *items;
    size_t item_count;
} factum_query;

/* The append condition (dynamic consistency boundary): the append is refused if an event after the
 * place |after| fits |query|. |after| is where the decision was made: factum_cursor_place() of a
 * read of the same query. With 0 the append is refused if any event in the store fits. */
typedef struct factum_append_condition {
    factum_query query;
    uint64_t after;
} factum_append_condition;

/* 128 bits that identify what an append asks for. */
typedef struct factum_fingerprint {
    uint8_t bytes[16];
} factum_fingerprint;

/* One atomic append: events of one or more streams, in the order given. */
typedef struct factum_append_request {
    size_t size;
    const factum_new_event *events;
    size_t event_count; /* 0 is allowed: checks only */
    /* One for each stream that is written, and as many as wanted for other streams. Two for the
     * same stream are INVALID. */
    const factum_expectation *expectations;
    size_t expectation_count;
    const factum_append_condition *condition; /* or NULL */
    /* Kept with the commit for ever. The same key with the same content gives the first result
     * again (already = true), whatever is expected now. The same key with other content fails with
     * KEY_CONFLICT. Empty: no key. */
    factum_slice idempotency_key;
    factum_durability durability;
    /* Allows streams whose name begins with '$', which are kept for the system; otherwise they are
     * INVALID. Metadata ("$$<stream>") needs no permission. */
    bool system;
    /* What "the same content" means for the key. Zero: streams, types, data, metadata, tags, times
     * and content types of the events, but neither their ids nor what is expected; for an append
     * without events, its expectations and its condition. A caller that changes events between
     * retries (stamps a trace, adds tags) gives its own fingerprint, calculated from what its user
     * asked for. */
    factum_fingerprint fingerprint;
    const factum_call *call; /* or NULL */
} factum_append_request;

/* The actual state of a stream, in refusals and in factum_stream_info. */
typedef enum factum_stream_state {
    FACTUM_STREAM_ABSENT = 0,
    FACTUM_STREAM_PRESENT = 1, /* at |revision| */
    FACTUM_STREAM_SOFT_DELETED = 2,
    FACTUM_STREAM_TOMBSTONED = 3
} factum_stream_state;

typedef struct factum_append_result {
    uint64_t first_position; /* of the first event; of an empty append: 0 */
    uint64_t position;       /* of the last event: a place that includes the whole append */
    uint64_t revision;       /* of the last event, in its stream */
    bool already; /* a repetition: it was appended before, and these are the values of then */
    factum_durability durability;
    /* On WRONG_REVISION and STREAM_DELETED: the index of the first expectation that failed, and the
     * actual state of its stream. On SCHEMA_VIOLATION: the index of the event that does not fit. */
    size_t refused_index;
    factum_stream_state actual_state;
    uint64_t actual_revision;
    /* On CONDITION_FAILED: the position of an event that fits. */
    uint64_t conflict_position;
    uint64_t reserved[2];
} factum_append_result;

/* Appends, and returns when the events are as durable as asked for. |result| is optional; it is
 * overwritten also on failure. |revisions| is optional: it has request->event_count entries and
 * gets the revision of each event.
 * After UNKNOWN_OUTCOME, EXPIRED or a crash, append the same again with the same idempotency key or
 * the same event ids: it takes effect once. A repetition has already = true, and writes nothing. By
 * ids an append is one if each written stream has these events at the revisions where its
 * expectation would have put them; with ANY and STREAM_EXISTS, if they are among the newest 65,536
 * events of the store (docs/guide/retries.md). If only some of the events exist, it is refused.
 * Errors that change nothing: INVALID, TOO_BIG, SCHEMA_VIOLATION (an event does not fit the schema
 * registered for its type), WRONG_REVISION, STREAM_DELETED, CONDITION_FAILED, KEY_CONFLICT, BUSY,
 * EXPIRED, READ_ONLY, UNSUPPORTED, NO_SPACE, NO_MEMORY, CORRUPT, FAILED, IO (the disk failed before
 * anything was written).
 * Error with an unknown outcome: UNKNOWN_OUTCOME (the disk or the connection failed during the
 * append: the events were appended, or none of them). After IO the store may have stopped; its next
 * call then gives FAILED. */
FACTUM_API FACTUM_MUST_USE factum_status factum_append(factum_store *store,
                                                       const factum_append_request *request,
                                                       factum_append_result *result,
                                                       uint64_t *revisions, factum_error *err);

/* The simple case: |event_count| events of one stream. The |stream| of each event is either empty
 * or |stream|. |events| is borrowed until this returns. |result| is optional. Errors: those of
 * factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_append_stream(factum_store *store, factum_slice stream, factum_expected expected,
                     const factum_new_event *events, size_t event_count,
                     factum_append_result *result, factum_error *err);

/* ---- read ------------------------------------------------------------------------------------ */

/* An event as stored. Slices are borrowed until the next call on the object that gave the event. */
typedef struct factum_event {
    factum_slice stream;
    factum_slice type;
    factum_slice data;
    factum_slice metadata;
    factum_slice content_type; /* as it was given: "application/json", "image/png" */
    const factum_slice *tags;
    size_t tag_count;
    factum_uuid id;
    uint64_t revision; /* in its stream; FACTUM_REVISION_TOMBSTONE for a tombstone */
    uint64_t position;
    uint64_t ordinal; /* its number in the source that is read: the revision in a stream, virtual
                         or not; 0 in ALL and QUERY. It has no gaps (two names with the same
                         128-bit hash would give one: docs/internals/index.md) */
    int64_t created;  /* recorded by the store; never falls from one position to the next */
    int64_t time;     /* when it happened, by its writer; |created| if has_time is false */
    bool has_time;
    bool last_of_commit;
    /* With factum_read_request.commits, otherwise 0 and NULL. */
    uint64_t commit; /* the position where its commit begins: the same for all events of it */
    const factum_slice *key; /* the idempotency key of its commit; NULL: none */
    uint64_t reserved[2];    /* zero */
} factum_event;

#define FACTUM_REVISION_TOMBSTONE UINT64_C(0x7fffffffffffffff)

typedef enum factum_source {
    FACTUM_SOURCE_ALL = 0,
    /* Also "$ce-<category>", "$et-<type>", "$bc-<correlation id>": virtual. */
    FACTUM_SOURCE_STREAM = 1,
    FACTUM_SOURCE_CATEGORY = 2, /* streams whose name before the first '-' is |name| */
    FACTUM_SOURCE_TYPE = 3,
    FACTUM_SOURCE_CORRELATION = 4,
    FACTUM_SOURCE_TAG = 5,
    FACTUM_SOURCE_QUERY = 6 /* what fits |query|, in the order of the whole log */
} factum_source;

typedef enum factum_from {
    FACTUM_FROM_START = 0,    /* the first event; read backwards: the last one */
    FACTUM_FROM_END = 1,      /* after the last event now; read backwards: the last event */
    FACTUM_FROM_REVISION = 2, /* |from_value|, inclusive: a stream's revision or a list's ordinal;
                                 not for ALL and QUERY */
    /* |from_value|, inclusive: at or after it; backwards at or before it */
    FACTUM_FROM_POSITION = 3,
    FACTUM_FROM_AFTER = 4 /* the place |from_value|: after it; backwards at or before it */
} factum_from;

#define FACTUM_FILTER_NAMES_MAX 64 /* entries of one list of a filter */

/* Part of the events of a source. An event passes if its stream begins with one of
 * |stream_prefixes| (if there are any) and its type is one of |types| or begins with one of
 * |type_prefixes| (if there are any of either). */
typedef struct factum_filter {
    size_t size;
    const factum_slice *stream_prefixes;
    size_t stream_prefix_count;
    const factum_slice *types;
    size_t type_count;
    const factum_slice *type_prefixes;
    size_t type_prefix_count;
} factum_filter;

typedef struct factum_read_request {
    size_t size;
    factum_source source;
    factum_slice name; /* empty for ALL and QUERY */
    factum_from from;
    uint64_t from_value;
    bool backwards;
    uint64_t count_max; /* 0: all */
    /* The past: only events recorded at or before a moment, or that happened at or before it, or up
     * to a revision (ordinal; not for ALL and QUERY) or position, inclusive. Several may be set;
     * all must be true. */
    bool until_created_set;
    bool until_time_set;
    bool until_revision_set;
    bool until_position_set;
    int64_t until_created;
    int64_t until_time;
    uint64_t until_revision;
    uint64_t until_position;
    bool commits;     /* fills |commit| and |key| of the events: looks up the commit of each */
    bool skip_system; /* leaves out streams whose name begins with '$', and tombstones */
    const factum_query *query;   /* QUERY only */
    const factum_filter *filter; /* or NULL */
    const factum_call *call;     /* or NULL. After its deadline every call on the cursor gives
                                    EXPIRED */
    uint64_t steps_max;          /* for callers that must not wait (async.h); 0: no limit */
} factum_read_request;

typedef struct factum_cursor factum_cursor;

/* Opens a cursor on what is visible now; later appends do not show. Stream metadata ($maxCount,
 * $maxAge, $tb) is applied to reads of a stream. |request| and all that it points to are needed
 * during the call only. *cursor gets the cursor, which is yours until factum_cursor_close; NULL on
 * failure. Sources other than STREAM may be empty.
 * Errors: STREAM_NOT_FOUND (source STREAM: never written, or deleted), STREAM_DELETED (source
 * STREAM: tombstoned), INVALID, TOO_BIG, EXPIRED, UNSUPPORTED, CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_read(factum_store *store,
                                                     const factum_read_request *request,
                                                     factum_cursor **cursor, factum_error *err);
/* The next event, into *event: OK, or DONE at the end, again and again. What |event| points to is
 * the store's and lasts until the next call on this cursor. Errors: CORRUPT (damage is not
 * skipped), EXPIRED, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_cursor_next(factum_cursor *cursor,
                                                            factum_event *event, factum_error *err);
/* The cursor sees exactly the events at or before this place, and gives those of them that were
 * asked for. Use it as the |after| of an append condition if the cursor was read to DONE and left
 * nothing out (no count_max, until_ or filter). 0 before the first answer of a cursor that answered
 * PENDING (async.h). */
FACTUM_API uint64_t factum_cursor_place(const factum_cursor *cursor);
/* Frees it. Accepts NULL. Before the store is closed. */
FACTUM_API void factum_cursor_close(factum_cursor *cursor);

/* ---- questions ------------------------------------------------------------------------------- */

/* Memory for one event that outlives the call that found it. Zero it before the first use. It may
 * be used for any number of calls, each of which overwrites |event|. Free it at the end. */
typedef struct factum_event_copy {
    factum_event event; /* all that it points to is in |memory| */
    void *memory;
    size_t capacity;
} factum_event_copy;
/* Accepts a zeroed copy; zeroes it. */
FACTUM_API void factum_event_copy_free(factum_event_copy *copy);

/* The event that begins at |position|, into |copy|. Errors: NOT_FOUND (no event begins there),
 * CORRUPT (it is damaged), IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_read_event(factum_store *store, uint64_t position,
                                                           factum_event_copy *copy,
                                                           factum_error *err);
/* The newest event with |id|, into |copy|: in |stream|, whose events are looked through from the
 * last one back, or, if |stream| is empty, among the newest 65,536 events of the store. Errors:
 * NOT_FOUND, INVALID, BUSY (many appends wait), CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_find_event(factum_store *store, factum_slice stream,
                                                           factum_uuid id, factum_event_copy *copy,
                                                           factum_error *err);

/* What was appended under an idempotency key. */
typedef struct factum_key_info {
    size_t size;
    uint64_t *revisions;     /* yours, set before the call, or NULL: gets the revisions in order */
    size_t revisions_max;    /* entries of |revisions|; of a longer append it gets the first ones */
    uint64_t event_count;    /* of the append */
    uint64_t first_position; /* of its first event; 0 if it had none */
    uint64_t position;       /* of its last event; 0 if it had none */
    uint64_t revision;       /* of the last event, in its stream */
    int64_t created;
    factum_fingerprint fingerprint;
} factum_key_info;

/* What was appended under |key|, into |info|. Errors: NOT_FOUND (the key was never used), INVALID,
 * CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_find_key(factum_store *store, factum_slice key,
                                                         factum_key_info *info, factum_error *err);

/* How many events of a source are after the place |after| and at or before |upto| (UINT64_MAX: the
 * end), into *count, without reading them. For STREAM, CATEGORY, TYPE, CORRELATION and TAG. Events
 * that metadata hides, and tombstones, are counted.
 * Errors: INVALID (ALL, QUERY, a bad name), CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_count_events(factum_store *store,
                                                             factum_source source,
                                                             factum_slice name, uint64_t after,
                                                             uint64_t upto, uint64_t *count,
                                                             factum_error *err);

/* The place of the newest visible event, into *place; in an empty store a place before every event,
 * which is not 0. Everything that was acknowledged before the call is at or before it. Errors: IO,
 * FAILED. */
FACTUM_API FACTUM_MUST_USE factum_status factum_visible_place(factum_store *store, uint64_t *place,
                                                              factum_error *err);
/* Waits until everything at or before |place|, which may be in the future, is visible, at most
 * |timeout_ms| (-1: for ever, 0: not at all): OK, or TIMEOUT. Errors: FAILED (the store failed
 * meanwhile). Any number of threads may wait. */
FACTUM_API FACTUM_MUST_USE factum_status factum_wait(factum_store *store, uint64_t place,
                                                     int64_t timeout_ms, factum_error *err);

/* ---- tokens ---------------------------------------------------------------------------------- */

#define FACTUM_TOKEN_SIZE 64 /* with the zero byte */

/* Writes |place| as a token into |text|, which has FACTUM_TOKEN_SIZE bytes. A token is text of
 * letters, digits, '-' and '_', for checkpoints, pages and whatever else leaves the process. It
 * names the store's history (timeline), so that a token is not taken for a place in another
 * history. Compare tokens for equality only. */
FACTUM_API void factum_token_format(const factum_store *store, uint64_t place,
                                    char text[FACTUM_TOKEN_SIZE]);
/* The place that |token| names, into *place.
 * Errors: INVALID (not a token), WRONG_TIMELINE (a token of another store, or of a part of this
 * store's history that a restore or a repair with loss has given up: events that its owner has read
 * may not exist here; read again from the start). One loss is not noticed: a crash of the machine
 * can take back appends of durability OS that a reader has seen, and other events may then get
 * their positions. Use SYNC where checkpoints must survive that. */
FACTUM_API FACTUM_MUST_USE factum_status factum_token_parse(const factum_store *store,
                                                            factum_slice token, uint64_t *place,
                                                            factum_error *err);

/* ---- catch-up subscriptions ------------------------------------------------------------------ */

typedef struct factum_subscription factum_subscription;

/* Reads forward from the start that |request| names and goes on with what is appended later: every
 * event once, in order, without a gap. |backwards|, count_max and the until_ members must be unset;
 * a stream need not exist. To continue after a checkpoint: FROM_AFTER. |request| and all that it
 * points to are needed during the call only. *subscription gets the subscription, which is yours
 * until factum_subscription_close; NULL on failure.
 * Errors: INVALID, TOO_BIG, UNSUPPORTED, EXPIRED, CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_subscribe(factum_store *store,
                                                          const factum_read_request *request,
                                                          factum_subscription **subscription,
                                                          factum_error *err);
/* The next event, into *event. Waits for it up to |timeout_ms| (-1: for ever, 0: not at all). OK:
 * an event, which lasts until the next call on this subscription. CAUGHT_UP: everything up to now
 * has been given; returned once each time the subscription reaches the end of the store. TIMEOUT:
 * nothing new. PENDING: only with steps_max (async.h).
 * Errors: CANCELLED (after factum_subscription_stop), STREAM_DELETED (the stream's tombstone was
 * given, or is before the start), EXPIRED, CORRUPT, IO, NO_MEMORY, FAILED. */
FACTUM_API FACTUM_MUST_USE factum_status factum_subscription_next(factum_subscription *subscription,
                                                                  int64_t timeout_ms,
                                                                  factum_event *event,
                                                                  factum_error *err);
/* The checkpoint: a place; everything of this subscription at or before it has been given. Continue
 * with FROM_AFTER. It is 0 until the first event or CAUGHT_UP if the subscription began
 * FROM_REVISION: store no checkpoint before. Any thread. */
FACTUM_API uint64_t factum_subscription_checkpoint(const factum_subscription *subscription);
/* Makes a waiting factum_subscription_next, and all later ones, return CANCELLED. Any thread. */
FACTUM_API void factum_subscription_stop(factum_subscription *subscription);
/* Frees |subscription|. Accepts NULL. Not while another thread is in factum_subscription_next;
 * before the store is closed. */
FACTUM_API void factum_subscription_close(factum_subscription *subscription);

/* ---- streams --------------------------------------------------------------------------------- */

typedef struct factum_stream_info {
    size_t size;
    factum_stream_state state;
    uint64_t last_revision;  /* if PRESENT or SOFT_DELETED */
    uint64_t first_revision; /* the first that $maxCount and $tb leave; $maxAge is not counted */
    uint64_t last_position;
    bool has_metadata;
    uint64_t metadata_revision; /* in "$$<stream>", if has_metadata */
    uint64_t max_count;         /* $maxCount; 0: none */
    uint64_t max_age;           /* $maxAge in seconds; 0: none */
    uint64_t truncate_before;   /* $tb; 0: none */
} factum_stream_info;

/* The state of |stream| now, into |info|. A stream that does not exist has state ABSENT, a
 * virtual one too; STREAM_NOT_FOUND is never returned. Errors: INVALID (the name), CORRUPT, IO,
 * NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_stream_info_get(factum_store *store,
                                                                factum_slice stream,
                                                                factum_stream_info *info,
                                                                factum_error *err);

/* Replaces the metadata of |stream|: appends an event of type "$metadata" to "$$<stream>". |json|
 * is an object with $maxCount, $maxAge (seconds), $tb and members of your own. |expected| is about
 * "$$<stream>". The slices are borrowed until this returns; |result| is optional. If |json| has no
 * $tb, the store adds the one that is in force, so that events hidden by it stay hidden. ($maxCount
 * and $maxAge are in force only while they are set.) "$tb":0 shows all events. If the stream is
 * soft-deleted, the store adds the revision after the last one as $tb: the stream exists again,
 * without its events. An append of such an event to "$$<stream>" is stored as it is: nothing is
 * added to it.
 * Errors: INVALID (not a JSON object, or one of the three is not a whole number >= 0),
 * STREAM_DELETED (tombstoned), and those of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_metadata_set(factum_store *store, factum_slice stream, factum_expected expected,
                    factum_slice json, factum_append_result *result, factum_error *err);

/* Soft delete: reads give STREAM_NOT_FOUND. A later append continues with the next revision, where
 * reads then begin. The earlier metadata is no longer in force. The events stay in the log.
 * |result|, optional, is that of the metadata event.
 * Errors: WRONG_REVISION (|expected| is not true, or the stream never existed), STREAM_DELETED
 * (tombstoned), and those of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_delete(factum_store *store, factum_slice stream,
                                                       factum_expected expected,
                                                       factum_append_result *result,
                                                       factum_error *err);
/* Ends the stream for ever: its name cannot be used again. Appends an event of type
 * "$streamDeleted". The stream need not exist if |expected| allows that. |result| is optional.
 * Errors: STREAM_DELETED (tombstoned before), and those of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_tombstone(factum_store *store, factum_slice stream,
                                                          factum_expected expected,
                                                          factum_append_result *result,
                                                          factum_error *err);

typedef enum factum_list_kind {
    FACTUM_LIST_STREAMS = 0,
    FACTUM_LIST_CATEGORIES = 1,
    FACTUM_LIST_TYPES = 2,
    FACTUM_LIST_TAGS = 3
} factum_list_kind;

/* Which names are listed, in the order of their first events. */
typedef struct factum_list_request {
    size_t size;
    factum_list_kind kind;
    factum_slice category;   /* STREAMS only: those of this category; empty: all */
    factum_slice prefix;     /* names that begin with it; empty: all */
    uint64_t after;          /* a place: names whose first event is after it; 0: from the first */
    uint64_t count_max;      /* 0: all. A page may be longer: names whose first event is the same
                                (tags) are never split over two pages */
    const factum_call *call; /* or NULL. After its deadline every call on the list gives EXPIRED */
    uint64_t steps_max;      /* as in factum_read_request */
} factum_list_request;

typedef struct factum_list_entry {
    factum_slice name;       /* borrowed until the next call on the list */
    uint64_t event_count;    /* ever appended, deleted ones too */
    uint64_t first_position; /* of the last entry given: |after| of the next page */
    uint64_t last_position;
    int64_t first_created;
    int64_t last_created;
    uint64_t reserved[2];
} factum_list_entry;

typedef struct factum_list factum_list;

/* Opens a list of the names that were ever written, up to now, including those of deleted and
 * tombstoned streams and of streams that begin with '$'. |request| and what it points to are needed
 * during the call only. *list gets the list, which is yours until factum_list_close; NULL on
 * failure.
 * Errors: INVALID, TOO_BIG, UNSUPPORTED, EXPIRED, CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_list_open(factum_store *store,
                                                          const factum_list_request *request,
                                                          factum_list **list, factum_error *err);
/* The next entry, into *entry: OK, or DONE at the end. Errors: EXPIRED, CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_list_next(factum_list *list,
                                                          factum_list_entry *entry,
                                                          factum_error *err);
/* Frees it. Accepts NULL. Before the store is closed. */
FACTUM_API void factum_list_close(factum_list *list);

/* ---- upkeep ---------------------------------------------------------------------------------- */

typedef struct factum_info {
    size_t size;
    factum_uuid store_id;
    uint32_t format_major;
    uint32_t format_minor;
    bool read_only;
    bool damaged; /* acknowledged data is damaged from |damaged_from| on */
    bool failed;  /* a write failed: close and open again */
    uint64_t damaged_from;
    char reason[256];      /* of damaged or failed */
    uint64_t end_position; /* bytes of the log that are visible; the next batch begins here */
    uint64_t durable_position;
    uint64_t event_count;  /* as the index counts them */
    uint64_t stream_count; /* ever written, deleted ones and metastreams too */
    uint64_t segment_count;
    uint64_t log_bytes;      /* used */
    uint64_t prepared_bytes; /* written ahead with zeros, not used yet */
    uint64_t index_bytes;
    uint64_t index_runs;
    uint64_t index_memory_bytes;
    uint64_t recovered_bytes; /* read by recovery at this opening */
    uint64_t torn_bytes;      /* truncated from an unacknowledged tail at this opening */
} factum_info;

/* Figures of an open store, into |info|. Errors: CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_info_get(factum_store *store, factum_info *info,
                                                         factum_error *err);

/* Called now and then during long work, with the bytes done and the bytes in all (0: not known), by
 * the thread that asked for the work. Returns false to stop the work (CANCELLED). Optional wherever
 * it is taken. */
typedef struct factum_progress {
    void *data;
    bool (*step)(void *data, uint64_t done, uint64_t total);
} factum_progress;

typedef struct factum_verify_report {
    size_t size;
    uint64_t segments;
    uint64_t batches;
    uint64_t records;
    uint64_t events;
    uint64_t log_bytes;
    uint64_t streams_checked;
    uint64_t index_postings_checked;
    uint64_t problems;       /* 0: none */
    uint64_t damaged_from;   /* first bad position; UINT64_MAX: none */
    uint64_t chain;          /* of the last batch: equal in two stores with the same history */
    char first_problem[256]; /* "" if none */
} factum_verify_report;

/* Reads everything from disk and checks it: checksums, chain, consecutive revisions in each stream,
 * |created| that never falls, and that log and index agree. Appends may go on. |progress| and
 * |report| are optional.
 * Errors: CORRUPT (there is a problem; |report| is filled), CANCELLED, UNSUPPORTED, IO, NO_MEMORY.
 */
FACTUM_API FACTUM_MUST_USE factum_status factum_verify(factum_store *store,
                                                       const factum_progress *progress,
                                                       factum_verify_report *report,
                                                       factum_error *err);

typedef struct factum_repair_options {
    size_t size;
    bool rebuild_index;        /* delete the index and rebuild it from the log */
    bool accept_loss;          /* give up everything from |accept_loss_from| on */
    uint64_t accept_loss_from; /* must be damaged_from of factum_info_get */
} factum_repair_options;

/* Repairs the closed store at |path|: gives up events (accept_loss), deletes the index
 * (rebuild_index), then opens the store, which recovers the log and rebuilds the index where it has
 * to. What could be read of it is kept beside the log (docs/guide/backup.md), and a new timeline
 * begins: tokens of these events are refused. |progress| is optional: it follows the check of the
 * log before the index is deleted, and can stop the repair there.
 * Errors: NOT_FOUND (no store), LOCKED (the store is open), INVALID (not the damaged position),
 * CORRUPT (the index is kept, as evidence of what was lost), CANCELLED, UNSUPPORTED (an address),
 * NO_SPACE, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_repair(const char *path,
                                                       const factum_repair_options *options,
                                                       const factum_progress *progress,
                                                       factum_error *err);

typedef struct factum_backup_report {
    size_t size;
    uint64_t files;
    uint64_t copied_files; /* the others are from an earlier backup into the same directory */
    uint64_t bytes;
    uint64_t copied_bytes;
    uint64_t end_position;   /* everything before it is in the backup */
    uint64_t repaired_files; /* earlier copies that were damaged; they are copied_files too */
} factum_backup_report;

/* Copies what is visible now into directory |to|, which is created if it does not exist. An earlier
 * backup of this store in |to| is brought up to date, and left as it was on failure. Appends may go
 * on. A copy from an earlier backup is read to its end before it is counted as good; a damaged one
 * is copied again, and the store's log sink gets a message that names it. The manifest with the
 * SHA-256 of every file is written last. |progress| and |report| are optional. Format:
 * docs/formats.md.
 * Errors: CORRUPT (what does not verify is not copied), EXISTS (|to| has a backup of another store,
 * or of more than this one has), NEWER_FORMAT, NO_SPACE, IO, NO_MEMORY, CANCELLED, UNSUPPORTED. */
FACTUM_API FACTUM_MUST_USE factum_status factum_backup(factum_store *store, const char *to,
                                                       const factum_progress *progress,
                                                       factum_backup_report *report,
                                                       factum_error *err);

typedef struct factum_backup_verify_report {
    size_t size;
    uint64_t files; /* that were read */
    uint64_t bytes;
    uint64_t batches;
    uint64_t records;
    uint64_t events;
    uint64_t end_position; /* everything before it is in the backup */
    uint64_t problems;     /* 0: it can be restored */
    factum_uuid store_id;
    char first_problem[256]; /* "" if none */
} factum_backup_verify_report;

/* Reads all of the backup in directory |from| from the disk, without its store: the manifest, and
 * the size, hash, checksums and chain of each file. A backup without a problem can be restored.
 * |log|, |progress| and |report| are optional; |log| gets a message for each problem.
 * Errors: CORRUPT (there is a problem; |report| is filled), NOT_FOUND (no backup), NEWER_FORMAT,
 * IO, NO_MEMORY, CANCELLED. */
FACTUM_API FACTUM_MUST_USE factum_status factum_backup_verify(const char *from,
                                                              const factum_log_sink *log,
                                                              const factum_progress *progress,
                                                              factum_backup_verify_report *report,
                                                              factum_error *err);
/* Checks the backup in |from| as factum_backup_verify does, and makes a store of it in |to|, which
 * has to be missing or an empty directory. The restored store begins a new timeline at its end. If
 * the backup does not verify, or |to| has entries, nothing is changed. After a later failure |to|
 * is removed. If that fails, and after a crash, |to| has a file RESTORING and does not open as a
 * store, or is an empty directory. Exception: if only the last sync failed, |to| may be a complete
 * store. |progress| and |report| are optional.
 * Errors: CORRUPT (the text names the file), NOT_FOUND (no backup), EXISTS (|to| is not empty),
 * UNSUPPORTED (an address), NEWER_FORMAT, NO_SPACE, IO, NO_MEMORY, CANCELLED. */
FACTUM_API FACTUM_MUST_USE factum_status factum_restore(const char *from, const char *to,
                                                        const factum_progress *progress,
                                                        factum_backup_report *report,
                                                        factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
