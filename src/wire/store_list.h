/* store_list.h - List of factum.v1.Store. Layer: wire. Conventions: store_shared.h. */
#ifndef FCT_WIRE_STORE_LIST_H
#define FCT_WIRE_STORE_LIST_H

#include "wire/protobuf.h"
#include "wire/store_shared.h"

/* |request->call| is ignored. */
FCT_MUST_USE factum_status fct_store_encode_list(struct fct_buf *buf,
                                                 const factum_list_request *request);
/* Fills |request|, which has its full size. */
FCT_MUST_USE factum_status fct_store_decode_list(factum_slice message, factum_list_request *request,
                                                 factum_error *err);

/* A ListAnswer that is being written, like struct fct_store_batch. */
struct fct_store_page {
    struct fct_buf *buf;
    size_t before;
    size_t begun;
};

FCT_MUST_USE factum_status fct_store_page_begin(struct fct_store_page *page, struct fct_buf *buf);
FCT_MUST_USE factum_status fct_store_page_add(struct fct_store_page *page,
                                              const factum_list_entry *entry);
size_t fct_store_page_size(const struct fct_store_page *page);
void fct_store_page_end(struct fct_store_page *page);

/* Reads the next entry of a ListAnswer; |reader| begins as fct_pb_reader(message). DONE after the
 * last one. Errors: INVALID. */
FCT_MUST_USE factum_status fct_store_next_entry(struct fct_pb_reader *reader,
                                                factum_list_entry *entry, factum_error *err);

#endif
