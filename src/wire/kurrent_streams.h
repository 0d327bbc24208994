/* kurrent_streams.h - the requests of the KurrentDB service Streams, decoded. Layer: wire.
 *
 * Source: proto/kurrent/streams.proto. The answers are encoded by kurrent_replies.h. Knows neither
 * gRPC frames nor what a request means: combinations that make no sense are passed on.
 *
 * A decoder takes one message, without its frame. Nothing is allocated; slices borrow from the
 * message. Stream names are bytes on the wire: they may be empty or not UTF-8. A `string` that is
 * not UTF-8 makes the message INVALID. Unknown fields are skipped.
 *
 * Errors of each decoder: INVALID (the bytes are not this message); TOO_BIG (more prefixes than
 * FCT_KURRENT_PREFIXES_MAX). After a failure the output is undefined.
 */
#ifndef FCT_WIRE_KURRENT_STREAMS_H
#define FCT_WIRE_KURRENT_STREAMS_H

#include <factum/base.h>

#include "core/compiler.h"
#include "wire/kurrent_shared.h"

/* ---- Read ------------------------------------------------------------------------------------ */

enum fct_kurrent_source {
    FCT_KURRENT_SOURCE_NONE,
    FCT_KURRENT_SOURCE_STREAM,
    FCT_KURRENT_SOURCE_ALL,
};

/* Where a read begins. REVISION is for STREAM only, POSITION for ALL only. */
enum fct_kurrent_from {
    FCT_KURRENT_FROM_NONE,
    FCT_KURRENT_FROM_REVISION,
    FCT_KURRENT_FROM_POSITION,
    FCT_KURRENT_FROM_START,
    FCT_KURRENT_FROM_END,
};

enum fct_kurrent_amount {
    FCT_KURRENT_AMOUNT_NONE,
    FCT_KURRENT_AMOUNT_COUNT, /* |count| was set, possibly to 0 */
    FCT_KURRENT_AMOUNT_SUBSCRIPTION,
};

/* ReadReq. About 1 KiB, for the prefixes of the filter. */
struct fct_kurrent_read {
    enum fct_kurrent_source source;
    factum_slice stream; /* of STREAM; empty if missing */
    enum fct_kurrent_from from;
    uint64_t revision;         /* of REVISION, raw */
    uint64_t commit_position;  /* of POSITION, raw */
    uint64_t prepare_position; /* of POSITION, raw */
    uint32_t direction;        /* 0 forwards, 1 backwards; the value is unchecked */
    bool resolve_links;
    enum fct_kurrent_amount amount;
    uint64_t count; /* of COUNT */
    enum fct_kurrent_filter_option filter_option;
    struct fct_kurrent_filter filter; /* of GIVEN */
    enum fct_kurrent_id_form id_form; /* uuid_option: NONE, STRUCTURED or STRING */
    uint32_t compatibility;
};

#define FCT_KURRENT_FORWARDS 0
#define FCT_KURRENT_BACKWARDS 1

FCT_MUST_USE factum_status fct_kurrent_decode_read(factum_slice message,
                                                   struct fct_kurrent_read *read,
                                                   factum_error *err);

/* ---- Append, BatchAppend --------------------------------------------------------------------- */

/* A stream and its expected state: the options of Append, Delete and Tombstone. */
struct fct_kurrent_target {
    factum_slice stream; /* empty if missing */
    struct fct_kurrent_expected expected;
};

/* ProposedMessage: an event to append. Only the two metadata keys with a meaning are kept; of a key
 * that comes twice the last value is taken. */
struct fct_kurrent_proposed {
    /* NONE, MALFORMED and zero ids are refused by the service, not here */
    struct fct_kurrent_id id;
    bool has_type;
    bool has_content_type;
    factum_slice type;
    factum_slice content_type;
    factum_slice custom_metadata;
    factum_slice data;
};

enum fct_kurrent_append_content {
    FCT_KURRENT_APPEND_NONE,
    FCT_KURRENT_APPEND_OPTIONS,
    FCT_KURRENT_APPEND_MESSAGE,
};

/* AppendReq: one message of a call. */
struct fct_kurrent_append {
    enum fct_kurrent_append_content content;
    struct fct_kurrent_target options;    /* of OPTIONS */
    struct fct_kurrent_proposed proposed; /* of MESSAGE */
};

FCT_MUST_USE factum_status fct_kurrent_decode_append(factum_slice message,
                                                     struct fct_kurrent_append *append,
                                                     factum_error *err);

enum fct_kurrent_deadline {
    FCT_KURRENT_DEADLINE_NONE,
    FCT_KURRENT_DEADLINE_AT,    /* a point in time */
    FCT_KURRENT_DEADLINE_AFTER, /* a duration after the message was received */
};

/* BatchAppendReq: a chunk of an append. The first chunk of a correlation id has options. */
struct fct_kurrent_batch {
    struct fct_kurrent_id correlation_id;
    bool has_options;
    struct fct_kurrent_target options;
    enum fct_kurrent_deadline deadline;
    /* Nanoseconds: AT since 1970; AFTER a duration, which may be negative. Values beyond int64
     * become the nearest int64. */
    int64_t deadline_ns;
    bool is_final;
    size_t proposed_count; /* messages that fct_kurrent_batch_next returns */
    size_t proposed_size;  /* sum of their encoded sizes */
    factum_slice rest;     /* private to the iterator */
};

/* Decodes everything except the contents of the proposed messages. */
FCT_MUST_USE factum_status fct_kurrent_decode_batch(factum_slice message,
                                                    struct fct_kurrent_batch *batch,
                                                    factum_error *err);
/* Lets |batch|, decoded from |message| and not yet iterated, borrow from the copy of |message| at
 * |to|. */
void fct_kurrent_move_batch(struct fct_kurrent_batch *batch, factum_slice message,
                            const uint8_t *to);
/* Decodes the next proposed message, in order. DONE after the last one. To iterate again, copy
 * |batch| before. Errors: INVALID. */
FCT_MUST_USE factum_status fct_kurrent_batch_next(struct fct_kurrent_batch *batch,
                                                  struct fct_kurrent_proposed *proposed,
                                                  factum_error *err);

/* ---- Delete, Tombstone ----------------------------------------------------------------------- */

/* Decodes DeleteReq or TombstoneReq, which have the same fields. */
FCT_MUST_USE factum_status fct_kurrent_decode_delete(factum_slice message,
                                                     struct fct_kurrent_target *target,
                                                     factum_error *err);

#endif
