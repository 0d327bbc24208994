/* schemas.h - the messages of factum.v1.Schemas. Layer: wire.
 *
 * Source: proto/factum/v1/schemas.proto. Conventions: store_shared.h.
 */
#ifndef FCT_WIRE_SCHEMAS_H
#define FCT_WIRE_SCHEMAS_H

#include <factum/registry.h>

#include "wire/protobuf.h"
#include "wire/store_shared.h"

/* The path of a method: "/factum.v1.Schemas/Register". */
#define FCT_SCHEMAS_PATH(method) "/factum.v1.Schemas/" method

/* RegisterSchemaRequest; Check takes the same message. */
struct fct_schemas_register {
    factum_slice subject;
    factum_slice schema;
    factum_schema_proof proof;
    uint64_t after;
};
FCT_MUST_USE factum_status fct_schemas_encode_register(struct fct_buf *buf,
                                                       const struct fct_schemas_register *request);
FCT_MUST_USE factum_status fct_schemas_decode_register(factum_slice message,
                                                       struct fct_schemas_register *request,
                                                       factum_error *err);

struct fct_schemas_registered {
    bool accepted;
    bool registered;
    bool already;
    uint64_t version;
    uint64_t id;
    uint64_t proven_events;
    factum_slice text;
    uint64_t failed_position;
    uint64_t failed_revision;
    factum_slice failed_stream;
    factum_slice failed_pointer;
};
FCT_MUST_USE factum_status
fct_schemas_encode_registered(struct fct_buf *buf, const struct fct_schemas_registered *answer);
FCT_MUST_USE factum_status fct_schemas_decode_registered(factum_slice message,
                                                         struct fct_schemas_registered *answer,
                                                         factum_error *err);

struct fct_schemas_list {
    bool all;
    bool texts;
    factum_slice subject;
};
FCT_MUST_USE factum_status fct_schemas_encode_list(struct fct_buf *buf,
                                                   const struct fct_schemas_list *request);
FCT_MUST_USE factum_status fct_schemas_decode_list(factum_slice message,
                                                   struct fct_schemas_list *request,
                                                   factum_error *err);

/* SchemaModeEntry, and SetSchemaModeRequest, which is the same. */
struct fct_schemas_mode {
    factum_slice subject;
    factum_schema_mode mode;
};

/* A ListSchemasAnswer that is being written to a buffer. */
struct fct_schemas_page {
    struct fct_buf *buf;
    size_t begun;
};
/* After a failure of begin the buffer is as before; after a failure of another function the page is
 * as before. */
FCT_MUST_USE factum_status fct_schemas_page_begin(struct fct_schemas_page *page,
                                                  struct fct_buf *buf);
FCT_MUST_USE factum_status fct_schemas_page_version(struct fct_schemas_page *page,
                                                    const factum_schema_version *version);
FCT_MUST_USE factum_status fct_schemas_page_mode(struct fct_schemas_page *page,
                                                 const struct fct_schemas_mode *mode);
size_t fct_schemas_page_size(const struct fct_schemas_page *page);
void fct_schemas_page_end(struct fct_schemas_page *page);

/* One part of a ListSchemasAnswer. */
struct fct_schemas_entry {
    bool is_mode;
    factum_schema_version version;
    struct fct_schemas_mode mode;
};
/* Reads the next part. DONE after the last one. Errors: INVALID. */
FCT_MUST_USE factum_status fct_schemas_next_entry(struct fct_pb_reader *reader,
                                                  struct fct_schemas_entry *entry,
                                                  factum_error *err);

struct fct_schemas_show {
    factum_slice subject;
    uint64_t version;
    uint64_t id;
};
FCT_MUST_USE factum_status fct_schemas_encode_show(struct fct_buf *buf,
                                                   const struct fct_schemas_show *request);
FCT_MUST_USE factum_status fct_schemas_decode_show(factum_slice message,
                                                   struct fct_schemas_show *request,
                                                   factum_error *err);

struct fct_schemas_shown {
    factum_schema_version version;
    factum_schema_mode mode;
};
FCT_MUST_USE factum_status fct_schemas_encode_shown(struct fct_buf *buf,
                                                    const struct fct_schemas_shown *answer);
FCT_MUST_USE factum_status fct_schemas_decode_shown(factum_slice message,
                                                    struct fct_schemas_shown *answer,
                                                    factum_error *err);

FCT_MUST_USE factum_status fct_schemas_encode_set_mode(struct fct_buf *buf,
                                                       const struct fct_schemas_mode *request);
FCT_MUST_USE factum_status fct_schemas_decode_set_mode(factum_slice message,
                                                       struct fct_schemas_mode *request,
                                                       factum_error *err);
/* SetSchemaModeAnswer has no members. */
FCT_MUST_USE factum_status fct_schemas_encode_mode_set(struct fct_buf *buf);
FCT_MUST_USE factum_status fct_schemas_decode_mode_set(factum_slice message, factum_error *err);

#endif
