/* store_read.h - Read of factum.v1.Store. Layer: wire. Conventions: store_shared.h.
 *
 * A following reader of a client is a series of Reads, each to its end: the first as requested,
 * with |follow|; each later one after the place of the one before (FROM_AFTER). Until the first
 * event arrives, a reader that began FROM_REVISION, or at a position or place that did not exist
 * yet, keeps its start. store_news.h tells when to read.
 */
#ifndef FCT_WIRE_STORE_READ_H
#define FCT_WIRE_STORE_READ_H

#include "wire/protobuf.h"
#include "wire/store_shared.h"

/* ---- ReadRequest ----------------------------------------------------------------------------- */

struct fct_store_read {
    bool follow;
    size_t memory_size; /* bytes that fct_store_build_read needs; may be 0 */
    size_t item_count;  /* private, like the members below */
    size_t name_count;
    bool has_query;
    bool has_filter;
    size_t prefix_count;
    size_t type_count;
    size_t type_prefix_count;
    factum_slice message;
};

/* |request->call| is ignored. */
FCT_MUST_USE factum_status fct_store_encode_read(struct fct_buf *buf,
                                                 const factum_read_request *request, bool follow);
FCT_MUST_USE factum_status fct_store_decode_read(factum_slice message, struct fct_store_read *read,
                                                 factum_error *err);
/* Fills |request|, like fct_store_build_append. */
FCT_MUST_USE factum_status fct_store_build_read(const struct fct_store_read *read, void *memory,
                                                factum_read_request *request, factum_error *err);

/* ---- ReadAnswer ------------------------------------------------------------------------------ */

/* A message of events that is being written. Between begin and end nothing else may be added to the
 * buffer. */
struct fct_store_batch {
    struct fct_buf *buf;
    size_t before;
    size_t begun;
};

/* |place| is NULL except in the first message. */
FCT_MUST_USE factum_status fct_store_batch_begin(struct fct_store_batch *batch, struct fct_buf *buf,
                                                 const uint64_t *place);
/* After a failure the batch is as before, and may be ended. */
FCT_MUST_USE factum_status fct_store_batch_add(struct fct_store_batch *batch,
                                               const factum_event *event);
/* Returns the bytes of the message so far. */
size_t fct_store_batch_size(const struct fct_store_batch *batch);
void fct_store_batch_end(struct fct_store_batch *batch);

struct fct_store_events {
    bool has_place;
    uint64_t place;
    size_t count;              /* events in the message */
    struct fct_pb_reader rest; /* private */
};

FCT_MUST_USE factum_status fct_store_decode_events(factum_slice message,
                                                   struct fct_store_events *events,
                                                   factum_error *err);
/* Reads the next event, like fct_store_decode_event. DONE after the last one. Errors: INVALID. */
FCT_MUST_USE factum_status fct_store_next_event(struct fct_store_events *events,
                                                struct fct_store_event_room *room,
                                                factum_event *event, factum_error *err);

#endif
