/* kurrent_streams.h - the requests of the KurrentDB service Streams, decoded. Layer: wire.
 *
 * Source: proto/kurrent/streams.proto. The answers are encoded by kurrent_replies.h. Knows neither
 * gRPC frames nor what a request means: combinations that make no sense come out as they are.
 *
 * A decoder takes one message, without its frame. Nothing is allocated; slices borrow from the
 * message. Stream names are bytes on the wire: neither UTF-8 nor that there is a name is checked.
 * A `string` that is not UTF-8 makes the message INVALID. Unknown fields are skipped.
 *
 * Statuses of each decoder: OK; INVALID, the bytes are no such message; TOO_BIG, more prefixes than
 * FCT_KURRENT_PREFIXES_MAX. After a failure the output is undefined.
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

/* Where a read begins. REVISION only with STREAM, POSITION only with ALL. */
enum fct_kurrent_from {
    FCT_KURRENT_FROM_NONE,
    FCT_KURRENT_FROM_REVISION,
    FCT_KURRENT_FROM_POSITION,
    FCT_KURRENT_FROM_START,
    FCT_KURRENT_FROM_END,
};

enum fct_kurrent_amount {
    FCT_KURRENT_AMOUNT_NONE,
    FCT_KURRENT_AMOUNT_COUNT, /* |count| was given, perhaps as 0 */
    FCT_KURRENT_AMOUNT_SUBSCRIPTION,
};

/* ReadReq. About 1 KiB, for the prefixes of the filter. */
struct fct_kurrent_read {
    enum fct_kurrent_source source;
    factum_slice stream; /* of STREAM; empty if it was not given */
    enum fct_kurrent_from from;
    uint64_t revision;         /* of REVISION, raw */
    uint64_t commit_position;  /* of POSITION, raw */
    uint64_t prepare_position; /* of POSITION, raw */
    uint32_t direction;        /* 0 forwards, 1 backwards; a peer may send anything */
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

/* Which stream, and in which state it must be: the options of Append, Delete and Tombstone. */
struct fct_kurrent_target {
    factum_slice stream; /* empty if it was not given */
    struct fct_kurrent_expected expected;
};

/* ProposedMessage: an event to append. Of its metadata map only the two keys that mean something
 * are kept; of a key that comes twice the last value counts. */
struct fct_kurrent_proposed {
    struct fct_kurrent_id id; /* NONE, MALFORMED and an id of zeros are the service's to refuse */
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

/* AppendReq: one of the messages of a call. */
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
    FCT_KURRENT_DEADLINE_AT,    /* a time */
    FCT_KURRENT_DEADLINE_AFTER, /* so long after the message was received */
};

/* BatchAppendReq: a chunk of an append. The first chunk of a correlation id has options. */
struct fct_kurrent_batch {
    struct fct_kurrent_id correlation_id;
    bool has_options;
    struct fct_kurrent_target options;
    enum fct_kurrent_deadline deadline;
    /* Nanoseconds: of AT since 1970, of AFTER a duration, which may be negative. What int64 cannot
     * hold is its nearest value. */
    int64_t deadline_ns;
    bool is_final;
    size_t proposed_count; /* how many fct_kurrent_batch_next gives */
    size_t proposed_size;  /* their sizes as encoded messages, in sum */
    factum_slice rest;     /* of the iterator; private */
};

/* Reads everything but the insides of the proposed messages. */
FCT_MUST_USE factum_status fct_kurrent_decode_batch(factum_slice message,
                                                    struct fct_kurrent_batch *batch,
                                                    factum_error *err);
/* Lets |batch|, decoded from |message| and not gone over yet, borrow from the copy of it at
 * |to|. */
void fct_kurrent_move_batch(struct fct_kurrent_batch *batch, factum_slice message,
                            const uint8_t *to);
/* The next proposed message, in order: OK, DONE after the last one, INVALID. To begin again, use a
 * copy of |batch| that was made before. */
FCT_MUST_USE factum_status fct_kurrent_batch_next(struct fct_kurrent_batch *batch,
                                                  struct fct_kurrent_proposed *proposed,
                                                  factum_error *err);

/* ---- Delete, Tombstone ----------------------------------------------------------------------- */

/* DeleteReq and TombstoneReq, which have the same fields. */
FCT_MUST_USE factum_status fct_kurrent_decode_delete(factum_slice message,
                                                     struct fct_kurrent_target *target,
                                                     factum_error *err);

#endif
