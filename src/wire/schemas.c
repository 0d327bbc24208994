/* schemas.c - see schemas.h. Layer: wire. */
#include "wire/schemas.h"

#include "wire/grpc.h"
#include "wire/store_int.h"

enum { LIST_VERSION = 1, LIST_MODE = 2, SHOWN_VERSION = 1 };

static const struct fct_store_member register_members[] = {
    FCT_STORE_MEMBER(1, TEXT, struct fct_schemas_register, subject),
    FCT_STORE_MEMBER(2, TEXT, struct fct_schemas_register, schema),
    FCT_STORE_CHOICE(3, FACTUM_SCHEMA_PROOF_NONE, struct fct_schemas_register, proof),
    FCT_STORE_MEMBER(4, U64, struct fct_schemas_register, after),
};
static const struct fct_store_table register_table = FCT_STORE_TABLE(register_members);

static const struct fct_store_member registered_members[] = {
    FCT_STORE_MEMBER(1, BOOL, struct fct_schemas_registered, accepted),
    FCT_STORE_MEMBER(2, U64, struct fct_schemas_registered, version),
    FCT_STORE_MEMBER(3, U64, struct fct_schemas_registered, id),
    FCT_STORE_MEMBER(4, BOOL, struct fct_schemas_registered, registered),
    FCT_STORE_MEMBER(5, BOOL, struct fct_schemas_registered, already),
    FCT_STORE_MEMBER(6, U64, struct fct_schemas_registered, proven_events),
    FCT_STORE_MEMBER(7, TEXT, struct fct_schemas_registered, text),
    FCT_STORE_MEMBER(8, U64, struct fct_schemas_registered, failed_position),
    FCT_STORE_MEMBER(9, TEXT, struct fct_schemas_registered, failed_stream),
    FCT_STORE_MEMBER(10, U64, struct fct_schemas_registered, failed_revision),
    FCT_STORE_MEMBER(11, TEXT, struct fct_schemas_registered, failed_pointer),
};
static const struct fct_store_table registered_table = FCT_STORE_TABLE(registered_members);

static const struct fct_store_member schema_list_members[] = {
    FCT_STORE_MEMBER(1, BOOL, struct fct_schemas_list, all),
    FCT_STORE_MEMBER(2, TEXT, struct fct_schemas_list, subject),
    FCT_STORE_MEMBER(3, BOOL, struct fct_schemas_list, texts),
};
static const struct fct_store_table schema_list_table = FCT_STORE_TABLE(schema_list_members);

static const struct fct_store_member version_members[] = {
    FCT_STORE_MEMBER(1, TEXT, factum_schema_version, subject),
    FCT_STORE_MEMBER(2, U64, factum_schema_version, version),
    FCT_STORE_MEMBER(3, U64, factum_schema_version, id),
    FCT_STORE_MEMBER(4, TEXT, factum_schema_version, hash),
    FCT_STORE_MEMBER(5, TEXT, factum_schema_version, text),
    FCT_STORE_CHOICE(6, FACTUM_SCHEMA_PROOF_NONE, factum_schema_version, proof),
    FCT_STORE_MEMBER(7, U64, factum_schema_version, after),
    FCT_STORE_MEMBER(8, I64, factum_schema_version, created),
    FCT_STORE_MEMBER(9, BOOL, factum_schema_version, newest),
};
static const struct fct_store_table version_table = FCT_STORE_TABLE(version_members);

static const struct fct_store_member mode_members[] = {
    FCT_STORE_MEMBER(1, TEXT, struct fct_schemas_mode, subject),
    FCT_STORE_CHOICE(2, FACTUM_SCHEMA_MODE_REJECT, struct fct_schemas_mode, mode),
};
static const struct fct_store_table mode_table = FCT_STORE_TABLE(mode_members);

static const struct fct_store_member show_members[] = {
    FCT_STORE_MEMBER(1, TEXT, struct fct_schemas_show, subject),
    FCT_STORE_MEMBER(2, U64, struct fct_schemas_show, version),
    FCT_STORE_MEMBER(3, U64, struct fct_schemas_show, id),
};
static const struct fct_store_table show_table = FCT_STORE_TABLE(show_members);

static const struct fct_store_member shown_members[] = {
    FCT_STORE_CHOICE(2, FACTUM_SCHEMA_MODE_REJECT, struct fct_schemas_shown, mode),
};
static const struct fct_store_table shown_table = FCT_STORE_TABLE(shown_members);

static const struct fct_store_table no_members = {NULL, 0};

/* ---- messages that are their table ----------------------------------------------------------- */

static factum_status encode_table(struct fct_buf *buf, const struct fct_store_table *table,
                                  const void *from)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put(&message.writer, table, from);
    return fct_grpc_message_end(&message);
}

factum_status fct_schemas_encode_register(struct fct_buf *buf,
                                          const struct fct_schemas_register *request)
{
    return encode_table(buf, &register_table, request);
}

factum_status fct_schemas_decode_register(factum_slice message,
                                          struct fct_schemas_register *request, factum_error *err)
{
    *request = (struct fct_schemas_register){.after = 0};
    return fct_store_take_all(&register_table, message, request)
               ? FACTUM_OK
               : fct_store_invalid("RegisterSchemaRequest", err);
}

factum_status fct_schemas_encode_registered(struct fct_buf *buf,
                                            const struct fct_schemas_registered *answer)
{
    return encode_table(buf, &registered_table, answer);
}

factum_status fct_schemas_decode_registered(factum_slice message,
                                            struct fct_schemas_registered *answer,
                                            factum_error *err)
{
    *answer = (struct fct_schemas_registered){.version = 0};
    return fct_store_take_all(&registered_table, message, answer)
               ? FACTUM_OK
               : fct_store_invalid("RegisterSchemaAnswer", err);
}

factum_status fct_schemas_encode_list(struct fct_buf *buf, const struct fct_schemas_list *request)
{
    return encode_table(buf, &schema_list_table, request);
}

factum_status fct_schemas_decode_list(factum_slice message, struct fct_schemas_list *request,
                                      factum_error *err)
{
    *request = (struct fct_schemas_list){.all = false};
    return fct_store_take_all(&schema_list_table, message, request)
               ? FACTUM_OK
               : fct_store_invalid("ListSchemasRequest", err);
}

factum_status fct_schemas_encode_show(struct fct_buf *buf, const struct fct_schemas_show *request)
{
    return encode_table(buf, &show_table, request);
}

factum_status fct_schemas_decode_show(factum_slice message, struct fct_schemas_show *request,
                                      factum_error *err)
{
    *request = (struct fct_schemas_show){.id = 0};
    return fct_store_take_all(&show_table, message, request)
               ? FACTUM_OK
               : fct_store_invalid("ShowSchemaRequest", err);
}

factum_status fct_schemas_encode_set_mode(struct fct_buf *buf,
                                          const struct fct_schemas_mode *request)
{
    return encode_table(buf, &mode_table, request);
}

factum_status fct_schemas_decode_set_mode(factum_slice message, struct fct_schemas_mode *request,
                                          factum_error *err)
{
    *request = (struct fct_schemas_mode){.mode = FACTUM_SCHEMA_MODE_UNSET};
    return fct_store_take_all(&mode_table, message, request)
               ? FACTUM_OK
               : fct_store_invalid("SetSchemaModeRequest", err);
}

factum_status fct_schemas_encode_mode_set(struct fct_buf *buf)
{
    uint8_t unused = 0;
    return encode_table(buf, &no_members, &unused);
}

factum_status fct_schemas_decode_mode_set(factum_slice message, factum_error *err)
{
    uint8_t unused = 0;
    return fct_store_take_all(&no_members, message, &unused)
               ? FACTUM_OK
               : fct_store_invalid("SetSchemaModeAnswer", err);
}

/* ---- ListSchemasAnswer ----------------------------------------------------------------------- */

factum_status fct_schemas_page_begin(struct fct_schemas_page *page, struct fct_buf *buf)
{
    *page = (struct fct_schemas_page){.buf = buf};
    return fct_grpc_frame_begin(buf, &page->begun);
}

static factum_status page_add(struct fct_schemas_page *page, uint32_t number,
                              const struct fct_store_table *table, const void *entry)
{
    struct fct_pb_writer writer = fct_pb_writer(page->buf);
    size_t before = page->buf->len;
    fct_store_put_nested(&writer, number, table, entry);
    if (writer.status != FACTUM_OK) {
        page->buf->len = before;
    }
    return writer.status;
}

factum_status fct_schemas_page_version(struct fct_schemas_page *page,
                                       const factum_schema_version *version)
{
    return page_add(page, LIST_VERSION, &version_table, version);
}

factum_status fct_schemas_page_mode(struct fct_schemas_page *page,
                                    const struct fct_schemas_mode *mode)
{
    return page_add(page, LIST_MODE, &mode_table, mode);
}

size_t fct_schemas_page_size(const struct fct_schemas_page *page)
{
    return page->buf->len - page->begun;
}

void fct_schemas_page_end(struct fct_schemas_page *page)
{
    fct_grpc_frame_end(page->buf, page->begun);
}

factum_status fct_schemas_next_entry(struct fct_pb_reader *reader, struct fct_schemas_entry *entry,
                                     factum_error *err)
{
    struct fct_pb_field field;
    while (fct_pb_next(reader, &field)) {
        *entry = (struct fct_schemas_entry){.version = {.size = sizeof entry->version}};
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(LIST_VERSION)) {
            return fct_store_take_all(&version_table, field.bytes, &entry->version)
                       ? FACTUM_OK
                       : fct_store_invalid("SchemaVersion", err);
        }
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(LIST_MODE)) {
            entry->is_mode = true;
            return fct_store_take_all(&mode_table, field.bytes, &entry->mode)
                       ? FACTUM_OK
                       : fct_store_invalid("SchemaModeEntry", err);
        }
    }
    return reader->failed ? fct_store_invalid("ListSchemasAnswer", err) : FACTUM_DONE;
}

/* ---- ShowSchemaAnswer ------------------------------------------------------------------------ */

factum_status fct_schemas_encode_shown(struct fct_buf *buf, const struct fct_schemas_shown *answer)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put_nested(&message.writer, SHOWN_VERSION, &version_table, &answer->version);
    fct_store_put(&message.writer, &shown_table, answer);
    return fct_grpc_message_end(&message);
}

factum_status fct_schemas_decode_shown(factum_slice message, struct fct_schemas_shown *answer,
                                       factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    bool valid = true;
    bool found = false;
    *answer = (struct fct_schemas_shown){.version = {.size = sizeof answer->version}};
    while (valid && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(SHOWN_VERSION)) {
            answer->version = (factum_schema_version){.size = sizeof answer->version};
            found = true;
            valid = fct_store_take_all(&version_table, field.bytes, &answer->version);
        } else {
            valid = fct_store_take(&shown_table, &field, answer);
        }
    }
    return valid && found && !reader.failed ? FACTUM_OK
                                            : fct_store_invalid("ShowSchemaAnswer", err);
}
