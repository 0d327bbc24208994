/* kurrent_replies.h - the answers of the KurrentDB service Streams, encoded. Layer: wire.
 *
 * Source: proto/kurrent/streams.proto. The requests are decoded by kurrent_streams.h.
 *
 * Each function appends one message with its gRPC frame to |buf|. Errors: NO_MEMORY, TOO_BIG (of
 * fct_buf_reserve); |buf| is then as before the call. A position is written as commit and as
 * prepare position: in answers the two are always equal. Times are nanoseconds since 1970. Texts
 * are UTF-8, which is not checked here.
 */
#ifndef FCT_WIRE_KURRENT_REPLIES_H
#define FCT_WIRE_KURRENT_REPLIES_H

#include <factum/base.h>

#include "core/buf.h"
#include "wire/grpc.h"
#include "wire/kurrent_shared.h"

/* ---- ReadResp -------------------------------------------------------------------------------- */

/* RecordedEvent. |created| is written as decimal text in units of 100 ns, rounded down. */
struct fct_kurrent_event {
    factum_uuid id;
    factum_slice stream;
    uint64_t revision;
    uint64_t position;
    factum_slice type;
    factum_slice content_type;
    int64_t created;
    factum_slice custom_metadata;
    factum_slice data;
};

/* ReadEvent. A resolved link has both. A link to an event that does not exist has a NULL |event|;
 * an event that was not reached by a link has a NULL |link|. */
struct fct_kurrent_read_event {
    const struct fct_kurrent_event *event; /* may be NULL */
    const struct fct_kurrent_event *link;  /* may be NULL */
    struct fct_kurrent_number position;    /* not given: no_position */
    enum fct_kurrent_id_form id_form;      /* STRUCTURED or STRING */
};

/* Returns the exact size that fct_kurrent_encode_event will append, frame included. */
size_t fct_kurrent_event_size(const struct fct_kurrent_read_event *read_event);
FCT_MUST_USE factum_status
fct_kurrent_encode_event(struct fct_buf *buf, const struct fct_kurrent_read_event *read_event);

FCT_MUST_USE factum_status fct_kurrent_encode_confirmation(struct fct_buf *buf,
                                                           factum_slice subscription_id);
FCT_MUST_USE factum_status fct_kurrent_encode_checkpoint(struct fct_buf *buf, uint64_t position,
                                                         int64_t time);
FCT_MUST_USE factum_status fct_kurrent_encode_stream_not_found(struct fct_buf *buf,
                                                               factum_slice stream);
FCT_MUST_USE factum_status fct_kurrent_encode_first_stream_position(struct fct_buf *buf,
                                                                    uint64_t revision);
FCT_MUST_USE factum_status fct_kurrent_encode_last_stream_position(struct fct_buf *buf,
                                                                   uint64_t revision);
FCT_MUST_USE factum_status fct_kurrent_encode_last_all_position(struct fct_buf *buf,
                                                                uint64_t position);

/* CaughtUp and FellBehind: |revision| for a stream, |position| for $all; neither while no event
 * exists. */
struct fct_kurrent_liveness {
    int64_t time;
    struct fct_kurrent_number revision;
    struct fct_kurrent_number position;
};

FCT_MUST_USE factum_status
fct_kurrent_encode_caught_up(struct fct_buf *buf, const struct fct_kurrent_liveness *liveness);
FCT_MUST_USE factum_status
fct_kurrent_encode_fell_behind(struct fct_buf *buf, const struct fct_kurrent_liveness *liveness);

/* ---- AppendResp, DeleteResp, TombstoneResp --------------------------------------------------- */

FCT_MUST_USE factum_status fct_kurrent_encode_appended(struct fct_buf *buf,
                                                       const struct fct_kurrent_appended *appended);
/* Fills the current fields and those of version 20.6. */
FCT_MUST_USE factum_status fct_kurrent_encode_wrong_version(
    struct fct_buf *buf, const struct fct_kurrent_wrong_version *wrong);
/* DeleteResp and TombstoneResp, which have the same fields. */
FCT_MUST_USE factum_status fct_kurrent_encode_deleted(struct fct_buf *buf,
                                                      struct fct_kurrent_number position);

/* ---- BatchAppendResp ------------------------------------------------------------------------- */

/* The fields of the request that every answer repeats. |expected| is NONE, or as in the request. */
struct fct_kurrent_batch_reply {
    struct fct_kurrent_id correlation_id; /* NONE and MALFORMED: left out */
    factum_slice stream;
    struct fct_kurrent_expected expected;
};

/* Each has its code, its message and the type of its details. */
enum fct_kurrent_refusal_kind {
    FCT_KURRENT_REFUSAL_WRONG_VERSION,
    FCT_KURRENT_REFUSAL_STREAM_DELETED,
    FCT_KURRENT_REFUSAL_ACCESS_DENIED,
    FCT_KURRENT_REFUSAL_TIMEOUT,
    FCT_KURRENT_REFUSAL_INVALID_TRANSACTION,
    FCT_KURRENT_REFUSAL_APPEND_TOO_BIG,
    FCT_KURRENT_REFUSAL_EVENT_TOO_BIG,
    FCT_KURRENT_REFUSAL_BAD_REQUEST,
    FCT_KURRENT_REFUSAL_UNKNOWN,
    FCT_KURRENT_REFUSAL_OTHER, /* |code| and |message|; the details are an Empty */
};

/* Why an append of a batch was refused. Members that a kind does not use may be zero. */
struct fct_kurrent_refusal {
    enum fct_kurrent_refusal_kind kind;
    enum fct_grpc_code code;                /* of OTHER */
    factum_slice message;                   /* empty: the name of the kind */
    struct fct_kurrent_wrong_version wrong; /* of WRONG_VERSION */
    uint32_t append_size_max;               /* of APPEND_TOO_BIG */
    factum_uuid event_id;                   /* of EVENT_TOO_BIG, like the two below */
    uint32_t event_size;
    uint32_t event_size_max;
};

FCT_MUST_USE factum_status
fct_kurrent_encode_batch_appended(struct fct_buf *buf, const struct fct_kurrent_batch_reply *reply,
                                  const struct fct_kurrent_appended *appended);
FCT_MUST_USE factum_status
fct_kurrent_encode_batch_refused(struct fct_buf *buf, const struct fct_kurrent_batch_reply *reply,
                                 const struct fct_kurrent_refusal *refusal);

#endif
