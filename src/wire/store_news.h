/* store_news.h - News of factum.v1.Store. Layer: wire. Conventions: store_shared.h.
 *
 * How a client extends a following reader without a call: the reader has everything up to the place
 * of the last answer if it has an interest that was counted from the reader's place or an earlier
 * one, and no answer since then has hit that interest or set |all|.
 */
#ifndef FCT_WIRE_STORE_NEWS_H
#define FCT_WIRE_STORE_NEWS_H

#include "wire/protobuf.h"
#include "wire/store_shared.h"

#define FCT_STORE_INTERESTS_MAX 65536u
#define FCT_STORE_HITS_MAX 4096u /* of one answer; if more are hit, |all| is set */

/* ---- NewsRequest ----------------------------------------------------------------------------- */

struct fct_store_interest {
    uint32_t number;
    bool remove; /* true: removed; false: added */
    factum_source source;
    factum_slice name;
};

/* Encodes a request: interests to be added and removed, in this order. */
FCT_MUST_USE factum_status fct_store_encode_interests(struct fct_buf *buf,
                                                      const struct fct_store_interest *interests,
                                                      size_t count);
/* Reads the next interest of a request; |reader| begins as fct_pb_reader(message). DONE after the
 * last one. Errors: INVALID. */
FCT_MUST_USE factum_status fct_store_next_interest(struct fct_pb_reader *reader,
                                                   struct fct_store_interest *interest,
                                                   factum_error *err);

/* ---- NewsAnswer ------------------------------------------------------------------------------ */

struct fct_store_news {
    uint64_t place;
    uint64_t requests;
    bool room;
    bool failed;
    bool all;
    size_t hit_count;     /* decode sets at most FCT_STORE_HITS_MAX */
    const uint32_t *hits; /* to encode; not set by decode */
};

FCT_MUST_USE factum_status fct_store_encode_news(struct fct_buf *buf,
                                                 const struct fct_store_news *news);
/* Copies news->hit_count numbers to |hits|. */
FCT_MUST_USE factum_status fct_store_decode_news(factum_slice message, struct fct_store_news *news,
                                                 uint32_t hits[FCT_STORE_HITS_MAX],
                                                 factum_error *err);

#endif
