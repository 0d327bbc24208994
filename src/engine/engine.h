/* engine.h - what a store of events must be able to do: for those who use an engine and those who
 * write one. Layer: engine.
 *
 * Users call fct_engine_*: thin functions that check the arguments, fill in defaults and pass on.
 * Engines implement struct fct_engine_ops and may rely on what the checks promise (below). An
 * engine is accepted when tests/conformance passes unchanged; what it cannot do is a capability
 * bit.
 *
 * Reads block for as long as the medium takes and hand out borrowed memory; appends come in both
 * forms, blocking (the caller may do the work: the leader of a group is a caller) and by
 * completion.
 *
 * What the checks promise to an engine:
 *  - all names are UTF-8, 1 to FACTUM_NAME_SIZE_MAX bytes; "$$" alone and "$$$$..." are refused;
 *  - events, tags, sizes are within the limits; metadata, if not empty, is no longer than them;
 *  - every expectation has a kind; event ids are not zero (fct_engine_* made the missing ones) and
 *    |made_ids| says so; no name is a virtual stream's when written;
 *  - read requests name a source that exists; virtual stream names were turned into their source.
 * What they leave to it: that each written stream has an expectation and none has two (INVALID).
 */
#ifndef FCT_ENGINE_ENGINE_H
#define FCT_ENGINE_ENGINE_H

#include <factum/store.h>

#include "core/hash.h"
#include "core/mem.h"
#include "os/os.h"

enum fct_engine_capability {
    FCT_ENGINE_ATOMIC_ACROSS_STREAMS = 1,
    FCT_ENGINE_CONDITIONS = 2,
    FCT_ENGINE_TOTAL_ORDER = 4, /* one order over all streams */
    FCT_ENGINE_DURABLE = 8,
};

struct fct_limits {
    uint64_t event_size_max;
    uint64_t append_events_max;
    uint64_t append_size_max;
    uint64_t queue_max;
};

/* A cursor made by an engine; begins its struct. Used by one thread at a time. */
struct fct_reader {
    const struct fct_reader_ops *ops;
};

struct fct_reader_ops {
    /* OK with an event that lasts until the next call, or DONE. */
    factum_status (*next)(struct fct_reader *reader, factum_event *event, factum_error *err);
    /* Lets it see what has become visible since (forward readers without until_ bounds): after
     * DONE, next goes on there. The end that it now sees is in *end: everything before that
     * position has been or will be given by next. */
    factum_status (*extend)(struct fct_reader *reader, uint64_t *end, factum_error *err);
    void (*close)(struct fct_reader *reader);
};

struct fct_lister {
    const struct fct_lister_ops *ops;
};

struct fct_lister_ops {
    factum_status (*next)(struct fct_lister *lister, factum_list_entry *entry, factum_error *err);
    void (*close)(struct fct_lister *lister);
};

struct fct_engine_ops {
    size_t size; /* sizeof this struct as its author compiled it; members are only ever appended */
    uint32_t capabilities;
    factum_status (*append)(void *engine, const factum_append_request *request, bool made_ids,
                            factum_append_result *result, uint64_t *revisions, factum_error *err);
    /* Never calls op->done from inside. */
    factum_status (*submit)(void *engine, factum_append_op *op, bool made_ids, factum_error *err);
    /* With |follow|, the reader may be extended and a stream that does not exist is no error. */
    factum_status (*read)(void *engine, const factum_read_request *request, bool follow,
                          struct fct_reader **reader, factum_error *err);
    factum_status (*event)(void *engine, uint64_t position, factum_event *event, factum_error *err);
    factum_status (*stream)(void *engine, factum_slice stream, factum_stream_info *info,
                            factum_error *err);
    factum_status (*list)(void *engine, factum_list_kind kind, struct fct_lister **lister,
                          factum_error *err);
    uint64_t (*end)(void *engine);
    /* Returns OK when end() > |position|, TIMEOUT, or CANCELLED when *stop is not 0 (|stop| may be
     * NULL; who sets it calls wake). */
    factum_status (*wait)(void *engine, uint64_t position, int64_t timeout_ms,
                          _Atomic uint32_t *stop, factum_error *err);
    void (*wake)(void *engine); /* lets all waiters look at their |stop| again */
    factum_status (*info)(void *engine, factum_info *info, factum_error *err);
    factum_status (*verify)(void *engine, const factum_progress *progress,
                            factum_verify_report *report, factum_error *err);
    factum_status (*close)(void *engine, factum_error *err);
};

struct fct_engine {
    const struct fct_engine_ops *ops;
    void *self;
    const struct fct_mem *mem;
    const struct fct_os *os;
    struct fct_limits limits; /* no zeros */
};

/* 0 members become the defaults that store.h names; INVALID over its maxima. */
FCT_MUST_USE factum_status fct_limits_default(struct fct_limits *limits, factum_error *err);

FCT_MUST_USE factum_status fct_engine_append(struct fct_engine *engine,
                                             const factum_append_request *request,
                                             factum_append_result *result, uint64_t *revisions,
                                             factum_error *err);
FCT_MUST_USE factum_status fct_engine_submit(struct fct_engine *engine, factum_append_op *op,
                                             factum_error *err);
FCT_MUST_USE factum_status fct_engine_read(struct fct_engine *engine,
                                           const factum_read_request *request, bool follow,
                                           struct fct_reader **reader, factum_error *err);
/* Is |name| that of a virtual stream ("$ce-<category>" and its like)? */
bool fct_engine_is_virtual(factum_slice name);
FCT_MUST_USE factum_status fct_engine_stream(struct fct_engine *engine, factum_slice stream,
                                             factum_stream_info *info, factum_error *err);
/* metadata_set, delete and tombstone are appends; see store.h. */
FCT_MUST_USE factum_status fct_engine_metadata_set(struct fct_engine *engine, factum_slice stream,
                                                   factum_expected expected, factum_slice json,
                                                   factum_append_result *result, factum_error *err);
FCT_MUST_USE factum_status fct_engine_delete(struct fct_engine *engine, factum_slice stream,
                                             factum_expected expected, factum_append_result *result,
                                             factum_error *err);
FCT_MUST_USE factum_status fct_engine_tombstone(struct fct_engine *engine, factum_slice stream,
                                                factum_expected expected,
                                                factum_append_result *result, factum_error *err);

/* ---- shared by engines ----------------------------------------------------------------------- */

#define FCT_TYPE_METADATA "$metadata"                 /* event type in "$$<stream>" */
#define FCT_TYPE_TOMBSTONE "$streamDeleted"           /* the last event of a tombstoned stream */
#define FCT_SOFT_DELETED UINT64_C(0x7fffffffffffffff) /* the $tb of a soft-deleted stream */

/* What stream metadata says; zeros: nothing. Text that is no JSON object says nothing; a member
 * that is no whole number above 0 is ignored. */
struct fct_stream_metadata {
    uint64_t max_count;
    uint64_t max_age; /* seconds */
    uint64_t truncate_before;
    bool soft_deleted;
};
void fct_stream_metadata_parse(factum_slice json, struct fct_stream_metadata *metadata);

/* The part of a stream's name before its first '-'; empty (no category) if there is no '-' or
 * nothing before it. System streams ('$') have none. */
factum_slice fct_category(factum_slice stream);

/* "$correlationId" in metadata, as unescaped text in |buffer|; empty if there is none or it is no
 * text of 1 to FACTUM_NAME_SIZE_MAX bytes. */
factum_slice fct_correlation_id(factum_slice metadata, char buffer[FACTUM_NAME_SIZE_MAX]);

/* What "the same content" means for idempotency keys (store.h). */
struct fct_hash128 fct_append_content_hash(const factum_append_request *request);

/* True if an event of |type| with |tags| fits an item of |condition|. */
bool fct_condition_fits(const factum_append_condition *condition, factum_slice type,
                        const factum_slice *tags, size_t tag_count);

/* The text of a refusal, the same for all engines: "stream order-42 is at revision 3, not 2: read
 * it again and retry". Fills |result| too (may be NULL). */
factum_status fct_refuse_revision(factum_error *err, factum_append_result *result,
                                  size_t refused_index, const factum_expectation *expectation,
                                  factum_stream_state actual_state, uint64_t actual_revision);

/* Whether |expected| holds for a stream in this state (not tombstoned); metastream_exists: a stream
 * that has metadata but no events counts as existing. */
bool fct_expected_holds(factum_expected expected, factum_stream_state state, uint64_t revision,
                        bool metastream_exists);

#endif
