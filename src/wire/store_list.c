/* store_list.c - see store_list.h. Layer: wire. */
#include "wire/store_list.h"

#include "wire/grpc.h"
#include "wire/store_int.h"

static const struct fct_store_member list_members[] = {
    FCT_STORE_CHOICE(1, FACTUM_LIST_TAGS, factum_list_request, kind),
    FCT_STORE_MEMBER(2, TEXT, factum_list_request, category),
    FCT_STORE_MEMBER(3, TEXT, factum_list_request, prefix),
    FCT_STORE_MEMBER(4, U64, factum_list_request, after),
    FCT_STORE_MEMBER(5, U64, factum_list_request, count_max),
};
static const struct fct_store_table list_table = FCT_STORE_TABLE(list_members);

static const struct fct_store_member entry_members[] = {
    FCT_STORE_MEMBER(1, TEXT, factum_list_entry, name),
    FCT_STORE_MEMBER(2, U64, factum_list_entry, event_count),
    FCT_STORE_MEMBER(3, U64, factum_list_entry, first_position),
    FCT_STORE_MEMBER(4, U64, factum_list_entry, last_position),
    FCT_STORE_MEMBER(5, I64, factum_list_entry, first_created),
    FCT_STORE_MEMBER(6, I64, factum_list_entry, last_created),
};
static const struct fct_store_table entry_table = FCT_STORE_TABLE(entry_members);

factum_status fct_store_encode_list(struct fct_buf *buf, const factum_list_request *request)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put(&message.writer, &list_table, request);
    return fct_grpc_message_end(&message);
}

factum_status fct_store_decode_list(factum_slice message, factum_list_request *request,
                                    factum_error *err)
{
    *request = (factum_list_request){.size = sizeof *request};
    return fct_store_take_all(&list_table, message, request)
               ? FACTUM_OK
               : fct_store_invalid("ListRequest", err);
}

factum_status fct_store_page_begin(struct fct_store_page *page, struct fct_buf *buf)
{
    *page = (struct fct_store_page){.buf = buf, .before = buf->len};
    return fct_grpc_frame_begin(buf, &page->begun);
}

factum_status fct_store_page_add(struct fct_store_page *page, const factum_list_entry *entry)
{
    struct fct_pb_writer writer = fct_pb_writer(page->buf);
    size_t before = page->buf->len;
    fct_store_put_nested(&writer, 1, &entry_table, entry);
    if (writer.status != FACTUM_OK) {
        page->buf->len = before;
    }
    return writer.status;
}

size_t fct_store_page_size(const struct fct_store_page *page)
{
    return page->buf->len - page->begun;
}

void fct_store_page_end(struct fct_store_page *page)
{
    fct_grpc_frame_end(page->buf, page->begun);
}

factum_status fct_store_next_entry(struct fct_pb_reader *reader, factum_list_entry *entry,
                                   factum_error *err)
{
    struct fct_pb_field field;
    while (fct_pb_next(reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(1)) {
            *entry = (factum_list_entry){.event_count = 0};
            return fct_store_take_all(&entry_table, field.bytes, entry)
                       ? FACTUM_OK
                       : fct_store_invalid("ListEntry", err);
        }
    }
    return reader->failed ? fct_store_invalid("ListAnswer", err) : FACTUM_DONE;
}
