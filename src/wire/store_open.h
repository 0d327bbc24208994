/* store_open.h - Open of factum.v1.Store. Layer: wire. Conventions: store_shared.h. */
#ifndef FCT_WIRE_STORE_OPEN_H
#define FCT_WIRE_STORE_OPEN_H

#include "wire/store_shared.h"

#define FCT_STORE_TIMELINES_MAX 32u

struct fct_store_open {
    uint32_t protocol;
    factum_slice client;
};

struct fct_store_timeline {
    uint64_t id;
    uint64_t from;
};

struct fct_store_opened {
    uint32_t protocol;
    uint32_t capabilities;
    uint64_t event_size_max;
    uint64_t append_events_max;
    uint64_t append_size_max;
    uint64_t queue_max;
    uint64_t queue_size_max;
    factum_uuid store_id;
    uint32_t timeline_count;
    struct fct_store_timeline timelines[FCT_STORE_TIMELINES_MAX];
    int64_t time;
    uint32_t format_major;
    uint32_t format_minor;
    factum_slice server;
    bool read_only;
    uint64_t place;
};

FCT_MUST_USE factum_status fct_store_encode_open(struct fct_buf *buf,
                                                 const struct fct_store_open *open);
FCT_MUST_USE factum_status fct_store_decode_open(factum_slice message, struct fct_store_open *open,
                                                 factum_error *err);
FCT_MUST_USE factum_status fct_store_encode_opened(struct fct_buf *buf,
                                                   const struct fct_store_opened *opened);
FCT_MUST_USE factum_status fct_store_decode_opened(factum_slice message,
                                                   struct fct_store_opened *opened,
                                                   factum_error *err);

#endif
