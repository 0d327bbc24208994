/* store.h - a store of events: open, append, read, subscribe, look after.
 *
 *     factum_store *store;
 *     factum_error err;
 *     if (factum_open("orders.factum", NULL, &store, &err) != FACTUM_OK) { puts(err.text); ... }
 *
 * Words: an *event* is in one *stream*, where it has a *revision* (from 0, dense), and in the whole
 * log, where it has a *position* (rising; a token to store and compare, not to calculate with, but
 * for position + 1, "just after"). A *commit* is what one append wrote: all of it or nothing.
 *
 * Threads: a factum_store may be used by any number of threads at once. A cursor, list or
 * subscription belongs to one thread at a time; different ones do not disturb each other.
 *
 * Processes: an open store is locked, in its own process too. A child by fork() must not use the
 * handles that it inherits, nor close them; until it calls exec or ends, it keeps the lock, even if
 * its parent closes the store.
 *
 * Failures: every function that takes a |err| fills it when it fails (below 0), and then only; what
 * it gives through pointers is as it was before the call unless its own text says otherwise. A
 * pointer that is not said to be optional must be given: INVALID without it. NO_MEMORY, IO and
 * CORRUPT can come from any call that reaches the log or the index.
 *
 * Structs that you fill begin with |size|: set it to sizeof the struct, and zero the rest
 * ("factum_append_request r = {.size = sizeof r}"). Zero means the default everywhere.
 *
 * Valid C99 and C++17. Format and algorithms: docs/formats.md.
 */
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
    FACTUM_DURABILITY_DEFAULT = 0, /* the store's: SYNC unless its options say otherwise */
    FACTUM_DURABILITY_SYNC = 1,    /* on disk: fdatasync returned after it was written */
    FACTUM_DURABILITY_OS = 2 /* with the operating system: survives a crash of the process, not
                                of the machine; synced some 50 ms later
                                (with no_threads: by the next append after that, or close) */
} factum_durability;

/* "sync", "os"; "sync" for what is neither. Static: lasts for ever. */
FACTUM_API const char *factum_durability_name(factum_durability durability);

typedef struct factum_store_options {
    size_t size;
    bool read_only;               /* nothing on disk is changed */
    bool must_exist;              /* FACTUM_NOT_FOUND rather than a new store */
    bool no_threads;              /* no background work: it is done inside your calls */
    factum_durability durability; /* of appends that do not say */
    uint64_t event_size_max;      /* bytes of data + metadata; 0: 1 MiB, at most 16 MiB */
    uint64_t append_events_max;   /* events in one append; 0: 1,000, at most 100,000 */
    uint64_t append_size_max;     /* bytes of data, metadata, names and tags in one append;
                                     0: 16 MiB, at most 32 MiB */
    uint64_t queue_max;           /* appends that may wait; 0: 65,536; beyond it BUSY */
    const factum_log_sink *log;   /* copied; NULL: silent */
} factum_store_options;

/* Opens the store in directory |path|, which is made if missing. |path| and |options| are needed
 * for the call only; |options| may be NULL: all defaults. *store is the caller's, for factum_close;
 * it is NULL on failure. LOCKED: another process has it. A store whose log is damaged opens for
 * reading: appends then give FACTUM_CORRUPT; see factum_info_get and factum_repair.
 * Errors: NOT_FOUND, EXISTS (a directory of other things), LOCKED, CORRUPT, NEWER_FORMAT, IO,
 * NO_SPACE, NO_MEMORY, INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_open(const char *path,
                                                     const factum_store_options *options,
                                                     factum_store **store, factum_error *err);

/* Waits for appends under way, writes out what makes the next opening quick, frees. Cursors, lists
 * and subscriptions must be closed before. Accepts NULL. The store is gone whatever is returned; a
 * failure means that the next opening will do recovery; nothing acknowledged is lost, but for
 * FAILED: appends of durability OS could not be synced. */
FACTUM_API factum_status factum_close(factum_store *store, factum_error *err);

/* ---- append ---------------------------------------------------------------------------------- */

#define FACTUM_NAME_SIZE_MAX 1024 /* stream, type, tag, key, content type: bytes of UTF-8 */
#define FACTUM_TAGS_MAX 32        /* tags of one event */

/* What must be true of a stream when an append is decided. There is no default: ANY has to be said.
 */
typedef enum factum_expected_kind {
    FACTUM_EXPECTED_NONE = 0, /* not said: INVALID */
    FACTUM_EXPECTED_ANY = 1,
    FACTUM_EXPECTED_NO_STREAM = 2,     /* never written, or deleted */
    FACTUM_EXPECTED_STREAM_EXISTS = 3, /* written and not deleted */
    FACTUM_EXPECTED_REVISION = 4       /* its last revision is |revision| */
} factum_expected_kind;

typedef struct factum_expected {
    factum_expected_kind kind;
    uint64_t revision; /* only with FACTUM_EXPECTED_REVISION */
} factum_expected;

typedef struct factum_expectation {
    factum_slice stream;
    factum_expected expected;
} factum_expectation;

typedef enum factum_content_type {
    FACTUM_CONTENT_JSON = 0,  /* application/json; the bytes are not checked here */
    FACTUM_CONTENT_BINARY = 1 /* application/octet-stream */
} factum_content_type;

/* An event to append. All slices are borrowed until the append has ended. */
typedef struct factum_new_event {
    factum_slice stream;
    factum_slice type;
    factum_slice data;
    factum_slice metadata; /* JSON or empty. "$correlationId" (text) in it is indexed */
    const factum_slice *tags;
    size_t tag_count;
    factum_uuid id; /* zero: one is made */
    factum_content_type content_type;
    bool has_time; /* |time| says when it happened, if not now */
    int64_t time;
} factum_new_event;

/* "No event of one of these types with all of these tags": an empty list of types means any type,
 * an empty list of tags means with or without tags; both empty is INVALID. */
typedef struct factum_condition_item {
    const factum_slice *types;
    size_t type_count;
    const factum_slice *tags;
    size_t tag_count;
} factum_condition_item;

/* The append condition (dynamic consistency boundary): refused if any event at a position after
 * |after| fits any item. |after| = 0 looks at the whole log. */
typedef struct factum_append_condition {
    const factum_condition_item *items;
    size_t item_count;
    uint64_t after;
} factum_append_condition;

/* One atomic append, of events of one or more streams, in the order given. */
typedef struct factum_append_request {
    size_t size;
    const factum_new_event *events;
    size_t event_count; /* 0 is allowed: checks only */
    /* One for each stream written, and as many as wanted for others. A stream twice is INVALID. */
    const factum_expectation *expectations;
    size_t expectation_count;
    const factum_append_condition *condition; /* or NULL */
    /* Kept with the commit for ever. The same key with the same content gives the first result
     * again (already = true), whatever is expected now; with other content KEY_CONFLICT. Content =
     * streams, types, data, metadata, tags and times of the events, not their ids. Empty: none. */
    factum_slice idempotency_key;
    factum_durability durability;
    /* May write streams whose name begins with '$', which are kept for the system; without it that
     * is INVALID. Metadata ("$$<stream>") needs no leave. */
    bool system;
} factum_append_request;

/* What a stream really is, in a refusal. */
typedef enum factum_stream_state {
    FACTUM_STREAM_ABSENT = 0,
    FACTUM_STREAM_PRESENT = 1, /* at |revision| */
    FACTUM_STREAM_SOFT_DELETED = 2,
    FACTUM_STREAM_TOMBSTONED = 3
} factum_stream_state;

typedef struct factum_append_result {
    uint64_t first_position; /* of the first event; of an empty append: 0 */
    uint64_t position;       /* of the last event */
    uint64_t revision;       /* of the last event, in its stream */
    bool already; /* recognised: it had been appended before, these are its first values */
    factum_durability durability;
    /* On WRONG_REVISION and STREAM_DELETED: which expectation failed first, and the truth. */
    size_t refused_index;
    factum_stream_state actual_state;
    uint64_t actual_revision;
    /* On CONDITION_FAILED: the position of an event that fits. */
    uint64_t conflict_position;
} factum_append_result;

/* Appends and waits until it is as durable as asked for. |result| may be NULL; it is overwritten in
 * any case. |revisions|, if not NULL, has request->event_count entries and gets the revision of
 * each event. An append whose event ids are in the stream already where the expectation says they
 * should go is recognised as a repetition (docs/guide: retries): already = true, nothing is
 * written. Refusals leave the store as it was: INVALID, TOO_BIG, WRONG_REVISION, STREAM_DELETED,
 * CONDITION_FAILED, KEY_CONFLICT, BUSY, READ_ONLY, NO_SPACE, NO_MEMORY, CORRUPT, FAILED.
 * UNKNOWN_OUTCOME: the disk failed while it was written; after the next open it is there or not. */
FACTUM_API FACTUM_MUST_USE factum_status factum_append(factum_store *store,
                                                       const factum_append_request *request,
                                                       factum_append_result *result,
                                                       uint64_t *revisions, factum_error *err);

/* The simple case: events of one stream; the |stream| in each of them is ignored if it is empty and
 * must be this one otherwise. |events| is borrowed until it returns; |result| may be NULL. The
 * statuses of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_append_stream(factum_store *store, factum_slice stream, factum_expected expected,
                     const factum_new_event *events, size_t event_count,
                     factum_append_result *result, factum_error *err);

/* An append that does not wait. The caller owns the struct and all it points to until |done| was
 * called, exactly once: by a thread of the store, never from inside factum_append_submit. |done|
 * may read, submit again and free the op. It must not wait for other appends, nor close the store:
 * while it runs, no other op is told. */
typedef struct factum_append_op factum_append_op;
struct factum_append_op {
    factum_append_request request;
    uint64_t *revisions; /* as in factum_append, or NULL */
    void *data;          /* yours */
    void (*done)(factum_append_op *op, factum_status status, const factum_append_result *result,
                 const factum_error *err);
    void *internal[4]; /* the store's */
};

/* OK: |done| will be called, with a status of factum_append; |result| and |err| (NULL on success)
 * last until it returns. BUSY (too many wait), INVALID, TOO_BIG, FAILED, READ_ONLY, CORRUPT (the
 * log is damaged), NO_MEMORY, UNSUPPORTED (opened with no_threads): |done| will not be called. Any
 * thread. */
FACTUM_API FACTUM_MUST_USE factum_status factum_append_submit(factum_store *store,
                                                              factum_append_op *op,
                                                              factum_error *err);

/* ---- read ------------------------------------------------------------------------------------ */

/* An event as stored. Slices are borrowed: they last until the next call on what gave it. */
typedef struct factum_event {
    factum_slice stream;
    factum_slice type;
    factum_slice data;
    factum_slice metadata;
    factum_slice content_type; /* "application/json", "application/octet-stream" */
    const factum_slice *tags;
    size_t tag_count;
    factum_uuid id;
    uint64_t revision; /* in its stream; FACTUM_REVISION_TOMBSTONE for a tombstone */
    uint64_t position;
    uint64_t ordinal; /* its number in what is read: the revision in a (virtual) stream; 0 in ALL */
    int64_t created;  /* recorded by the store; never falls from one position to the next */
    int64_t time;     /* when it happened, by its writer; |created| if it did not say */
    bool has_time;
    bool last_of_commit;
} factum_event;

#define FACTUM_REVISION_TOMBSTONE UINT64_C(0x7fffffffffffffff)

typedef enum factum_source {
    FACTUM_SOURCE_ALL = 0,
    FACTUM_SOURCE_STREAM =
        1, /* also "$ce-<category>", "$et-<type>", "$bc-<correlation id>": virtual */
    FACTUM_SOURCE_CATEGORY = 2, /* streams whose name before the first '-' is it */
    FACTUM_SOURCE_TYPE = 3,
    FACTUM_SOURCE_CORRELATION = 4,
    FACTUM_SOURCE_TAG = 5
} factum_source;

typedef enum factum_from {
    FACTUM_FROM_START = 0, /* the first event; read backwards: the last one (the natural start) */
    FACTUM_FROM_END = 1,   /* after the last event now; read backwards: the last event */
    FACTUM_FROM_REVISION = 2, /* |from_value|, inclusive; a stream's revision or a list's ordinal;
                                 not for ALL */
    FACTUM_FROM_POSITION =
        3 /* |from_value|, inclusive: at or after it, backwards at or before it */
} factum_from;

typedef struct factum_read_request {
    size_t size;
    factum_source source;
    factum_slice name; /* copied; empty for ALL */
    factum_from from;
    uint64_t from_value;
    bool backwards;
    uint64_t count_max; /* 0: all */
    /* The past: only events recorded at or before a moment, or that happened at or before it, or up
     * to a revision (ordinal; not for ALL) or position, inclusive. Several may be set; all must
     * hold. */
    bool until_created_set;
    bool until_time_set;
    bool until_revision_set;
    bool until_position_set;
    int64_t until_created;
    int64_t until_time;
    uint64_t until_revision;
    uint64_t until_position;
    /* ALL only: leave out streams whose name begins with '$', and tombstones. */
    bool skip_system;
} factum_read_request;

typedef struct factum_cursor factum_cursor;

/* Opens a cursor on what is visible now: later appends do not show. Stream metadata ($maxCount,
 * $maxAge, $tb) is applied to reads of a stream. STREAM_NOT_FOUND (never written or deleted),
 * STREAM_DELETED (tombstoned) come from here, for STREAM only; other sources may be empty. Errors:
 * INVALID, STREAM_NOT_FOUND, STREAM_DELETED, CORRUPT, IO, NO_MEMORY. *cursor is the caller's, for
 * factum_cursor_close; NULL on failure. |request| is needed for the call only. */
FACTUM_API FACTUM_MUST_USE factum_status factum_read(factum_store *store,
                                                     const factum_read_request *request,
                                                     factum_cursor **cursor, factum_error *err);
/* OK with an event, DONE at the end, CORRUPT at damage (never skipped), IO, NO_MEMORY. What |event|
 * points to is the store's, and lasts until the next call on this cursor. */
FACTUM_API FACTUM_MUST_USE factum_status factum_cursor_next(factum_cursor *cursor,
                                                            factum_event *event, factum_error *err);
/* Frees it. Accepts NULL. Before the store is closed. */
FACTUM_API void factum_cursor_close(factum_cursor *cursor);

/* One event by its position; |event| lasts until the store is closed, but for its tags, which are
 * not given (tag_count 0). NOT_FOUND: none begins there. CORRUPT: it is damaged. IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_read_event(factum_store *store, uint64_t position,
                                                           factum_event *event, factum_error *err);

/* The position after everything visible now: a read until it sees all that was acknowledged before.
 */
FACTUM_API uint64_t factum_end_position(factum_store *store);

/* ---- catch-up subscriptions ------------------------------------------------------------------ */

typedef struct factum_subscription factum_subscription;

/* Reads forward from the place in |request| and goes on with what is appended later: every event
 * once, in order, without a gap. |backwards|, count_max and the until_ members must be unset; a
 * stream need not exist. To continue after a checkpoint say FROM_POSITION with position + 1.
 * |request| is needed for the call only; *subscription is the caller's, for
 * factum_subscription_close, and NULL on failure. Errors: INVALID, CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_subscribe(factum_store *store,
                                                          const factum_read_request *request,
                                                          factum_subscription **subscription,
                                                          factum_error *err);
/* Waits up to |timeout_ms| (-1: for ever, 0: not at all). OK with an event; CAUGHT_UP once each
 * time that everything up to now has been given; TIMEOUT; CANCELLED after factum_subscription_stop;
 * STREAM_DELETED after the tombstone of its stream was given, or if it lies before the place where
 * the subscription began; CORRUPT, IO, NO_MEMORY. What |event| points to lasts until the next call
 * on this subscription. */
FACTUM_API FACTUM_MUST_USE factum_status factum_subscription_next(factum_subscription *subscription,
                                                                  int64_t timeout_ms,
                                                                  factum_event *event,
                                                                  factum_error *err);
/* The place to continue from: a position; everything of this subscription before it has been given.
 * Of one FROM_REVISION it is 0 until the first event or CAUGHT_UP: keep none before. */
FACTUM_API uint64_t factum_subscription_position(const factum_subscription *subscription);
/* Makes a waiting next, and all later ones, return CANCELLED. From any thread. */
FACTUM_API void factum_subscription_stop(factum_subscription *subscription);
/* Frees it. Accepts NULL. Not while another thread is in next; before the store is closed. */
FACTUM_API void factum_subscription_close(factum_subscription *subscription);

/* Waits until factum_end_position() > |position|, at most |timeout_ms| (-1: for ever, 0: not at
 * all): OK, or TIMEOUT. Any number of threads may wait. */
FACTUM_API FACTUM_MUST_USE factum_status factum_wait(factum_store *store, uint64_t position,
                                                     int64_t timeout_ms, factum_error *err);

/* ---- streams --------------------------------------------------------------------------------- */

typedef struct factum_stream_info {
    factum_stream_state state;
    uint64_t last_revision;  /* if PRESENT or SOFT_DELETED */
    uint64_t first_revision; /* the first that a read gives */
    uint64_t last_position;
    bool has_metadata;
    uint64_t metadata_revision; /* in "$$<stream>", if has_metadata */
    uint64_t max_count;         /* $maxCount; 0: none */
    uint64_t max_age;           /* $maxAge in seconds; 0: none */
    uint64_t truncate_before;   /* $tb; 0: none */
} factum_stream_info;

/* How |stream| stands now, into |info|. Never STREAM_NOT_FOUND: an absent stream has state ABSENT,
 * a virtual one too. INVALID (the name), CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_stream_info_get(factum_store *store,
                                                                factum_slice stream,
                                                                factum_stream_info *info,
                                                                factum_error *err);

/* Replaces a stream's metadata: appends an event of type "$metadata" to "$$<stream>". |json| is an
 * object with $maxCount, $maxAge (seconds), $tb and members of your own; INVALID if it is no JSON
 * object or one of those is not a whole number >= 0. |expected| is of "$$<stream>". The slices are
 * borrowed until it returns; |result| may be NULL. Else the statuses of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_metadata_set(factum_store *store, factum_slice stream, factum_expected expected,
                    factum_slice json, factum_append_result *result, factum_error *err);

/* Soft delete: reads give STREAM_NOT_FOUND; a later append goes on with the next revision. The
 * events stay in the log. WRONG_REVISION if |expected| does not hold or it never existed;
 * STREAM_DELETED if it is tombstoned; else the statuses of factum_append. |result|, which may be
 * NULL, is that of the metadata event. */
FACTUM_API FACTUM_MUST_USE factum_status factum_delete(factum_store *store, factum_slice stream,
                                                       factum_expected expected,
                                                       factum_append_result *result,
                                                       factum_error *err);
/* Ends the stream for ever: its name cannot be used again. Appends an event of type
 * "$streamDeleted". The stream need not exist if |expected| lets it. STREAM_DELETED if it has ended
 * before; else the statuses of factum_append. |result| may be NULL. */
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

typedef struct factum_list_entry {
    factum_slice name;    /* borrowed until the next call on the list */
    uint64_t event_count; /* ever appended, deleted ones too */
    uint64_t first_position;
    uint64_t last_position;
    int64_t first_created;
    int64_t last_created;
} factum_list_entry;

typedef struct factum_list factum_list;

/* Names in use, in no particular order; streams that begin with '$' too. *list is the caller's, for
 * factum_list_close, and NULL on failure. INVALID (no such kind), CORRUPT, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_list_open(factum_store *store,
                                                          factum_list_kind kind, factum_list **list,
                                                          factum_error *err);
/* OK with an entry, DONE at the end. CORRUPT: a part of the index was damaged under way; open the
 * list again. IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_list_next(factum_list *list,
                                                          factum_list_entry *entry,
                                                          factum_error *err);
/* Frees it. Accepts NULL. Before the store is closed. */
FACTUM_API void factum_list_close(factum_list *list);

/* ---- looking after a store ------------------------------------------------------------------- */

typedef struct factum_info {
    factum_uuid store_id;
    uint32_t format_major;
    uint32_t format_minor;
    bool read_only;
    bool damaged; /* acknowledged data is damaged from |damaged_from| on */
    bool failed;  /* a write failed: close and open again */
    uint64_t damaged_from;
    char reason[256]; /* of damaged or failed */
    uint64_t end_position;
    uint64_t durable_position;
    uint64_t event_count;  /* counted by the index */
    uint64_t stream_count; /* ever written, deleted ones and metastreams too */
    uint64_t segment_count;
    uint64_t log_bytes;      /* used */
    uint64_t prepared_bytes; /* written ahead with zeros, not used yet */
    uint64_t index_bytes;
    uint64_t index_runs;
    uint64_t index_memory_bytes;
    uint64_t recovered_bytes; /* read by recovery at this opening */
    uint64_t torn_bytes;      /* cut from an unacknowledged tail at this opening */
} factum_info;

/* Figures of an open store, into |info|. Walks over the names of all streams and types. CORRUPT,
 * IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_info_get(factum_store *store, factum_info *info,
                                                         factum_error *err);

/* Called now and then during long work, with the bytes done and in all, by the thread that asked
 * for the work; false stops it (CANCELLED). |total| 0: not known. May be NULL wherever it is
 * taken. */
typedef struct factum_progress {
    void *data;
    bool (*step)(void *data, uint64_t done, uint64_t total);
} factum_progress;

typedef struct factum_verify_report {
    uint64_t segments;
    uint64_t batches;
    uint64_t records;
    uint64_t events;
    uint64_t log_bytes;
    uint64_t streams_checked;
    uint64_t index_postings_checked;
    uint64_t problems;       /* 0: all is well */
    uint64_t damaged_from;   /* first bad position; UINT64_MAX: none */
    uint64_t chain;          /* of the last batch: equal in two stores with the same history */
    char first_problem[256]; /* "" if none */
} factum_verify_report;

/* Reads everything from disk and checks it: checksums, chain, dense revisions in each stream,
 * created never falling, and that log and index say the same. Appends may go on. CORRUPT if there
 * is a problem; the report is filled then too. CANCELLED, IO, NO_MEMORY. |progress| and |report|
 * may be NULL. */
FACTUM_API FACTUM_MUST_USE factum_status factum_verify(factum_store *store,
                                                       const factum_progress *progress,
                                                       factum_verify_report *report,
                                                       factum_error *err);

typedef struct factum_repair_options {
    size_t size;
    bool rebuild_index;        /* delete the index and make it anew from the log */
    bool accept_loss;          /* give up everything from |accept_loss_from| on */
    uint64_t accept_loss_from; /* must be the damaged position that factum_info_get names */
} factum_repair_options;

/* Mends the closed store at |path|. What is given up is kept in a side file in its log directory.
 * NOT_FOUND (no store), LOCKED (it is open), INVALID (not the damaged position), CORRUPT (the index
 * is kept, as evidence of what was lost), NO_SPACE, IO, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_repair(const char *path,
                                                       const factum_repair_options *options,
                                                       const factum_progress *progress,
                                                       factum_error *err);

typedef struct factum_backup_report {
    uint64_t files;
    uint64_t copied_files; /* others were there from an earlier backup into the same directory */
    uint64_t bytes;
    uint64_t copied_bytes;
    uint64_t end_position; /* everything before it is in the backup */
} factum_backup_report;

/* Copies what is visible now into directory |to| (made if missing; an earlier backup of this store
 * is brought up to date, and kept as it is on failure). Appends may go on. The manifest with the
 * SHA-256 of every file is written last. CORRUPT: what does not verify is not copied. EXISTS: |to|
 * holds a backup of another store, or of more than this one has. NO_SPACE, IO, NO_MEMORY,
 * CANCELLED, UNSUPPORTED (a store in memory). |report| and |progress| may be NULL. Format:
 * docs/formats.md. */
FACTUM_API FACTUM_MUST_USE factum_status factum_backup(factum_store *store, const char *to,
                                                       const factum_progress *progress,
                                                       factum_backup_report *report,
                                                       factum_error *err);
/* Checks the backup in |from| against its manifest and makes a store of it in |to|, which must not
 * exist or be empty. Nothing is left at |to| on failure. CORRUPT names the file. NOT_FOUND (no
 * backup), EXISTS (|to| is not empty), NO_SPACE, IO, NO_MEMORY, CANCELLED. */
FACTUM_API FACTUM_MUST_USE factum_status factum_restore(const char *from, const char *to,
                                                        const factum_progress *progress,
                                                        factum_backup_report *report,
                                                        factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
