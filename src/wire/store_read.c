/* store_read.c - see store_read.h. Layer: wire. */
#include "wire/store_read.h"

#include "core/error.h"
#include "core/slice.h"
#include "wire/grpc.h"
#include "wire/store_int.h"

enum { READ_QUERY = 13, READ_FILTER = 14, READ_FOLLOW = 15, READ_LISTS = 3 };

static const struct fct_store_member read_members[] = {
    FCT_STORE_CHOICE(1, FACTUM_SOURCE_QUERY, factum_read_request, source),
    FCT_STORE_MEMBER(2, TEXT, factum_read_request, name),
    FCT_STORE_CHOICE(3, FACTUM_FROM_AFTER, factum_read_request, from),
    FCT_STORE_MEMBER(4, U64, factum_read_request, from_value),
    FCT_STORE_MEMBER(5, BOOL, factum_read_request, backwards),
    FCT_STORE_MEMBER(6, U64, factum_read_request, count_max),
    FCT_STORE_OPTIONAL(7, I64, factum_read_request, until_created, until_created_set),
    FCT_STORE_OPTIONAL(8, I64, factum_read_request, until_time, until_time_set),
    FCT_STORE_OPTIONAL(9, U64, factum_read_request, until_revision, until_revision_set),
    FCT_STORE_OPTIONAL(10, U64, factum_read_request, until_position, until_position_set),
    FCT_STORE_MEMBER(11, BOOL, factum_read_request, commits),
    FCT_STORE_MEMBER(12, BOOL, factum_read_request, skip_system),
};
static const struct fct_store_table read_table = FCT_STORE_TABLE(read_members);

/* ---- ReadRequest ----------------------------------------------------------------------------- */

static void read_put_filter(struct fct_pb_writer *writer, const factum_filter *filter)
{
    const struct {
        const factum_slice *names;
        size_t count;
    } lists[READ_LISTS] = {
        {filter->stream_prefixes, filter->stream_prefix_count},
        {filter->types, filter->type_count},
        {filter->type_prefixes, filter->type_prefix_count},
    };
    size_t begun = fct_pb_begin(writer, READ_FILTER);
    for (uint32_t list = 0; list < READ_LISTS; list++) {
        for (size_t i = 0; i < lists[list].count; i++) {
            fct_pb_add_bytes(writer, list + 1, lists[list].names[i]);
        }
    }
    fct_pb_end(writer, begun);
}

factum_status fct_store_encode_read(struct fct_buf *buf, const factum_read_request *request,
                                    bool follow)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    struct fct_pb_writer *writer = &message.writer;
    fct_store_put(writer, &read_table, request);
    if (request->query != NULL) {
        fct_store_put_query(writer, READ_QUERY, request->query);
    }
    if (request->filter != NULL) {
        read_put_filter(writer, request->filter);
    }
    fct_pb_put_uint(writer, READ_FOLLOW, follow ? 1 : 0);
    return fct_grpc_message_end(&message);
}

static factum_status read_count_filter(factum_slice bytes, struct fct_store_read *read,
                                       factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(bytes);
    size_t counts[READ_LISTS + 1] = {0};
    while (fct_pb_next(&reader, &field)) {
        if (field.type != FCT_PB_BYTES || field.number > READ_LISTS) {
            continue;
        }
        if (!fct_utf8_valid(field.bytes)) {
            return fct_store_invalid("Filter", err);
        }
        if (++counts[field.number] > FACTUM_FILTER_NAMES_MAX) {
            return fct_fail(err, FACTUM_TOO_BIG, "a list of a filter has more than %d entries",
                            FACTUM_FILTER_NAMES_MAX);
        }
    }
    read->has_filter = true;
    read->prefix_count = counts[1];
    read->type_count = counts[2];
    read->type_prefix_count = counts[3];
    return reader.failed ? fct_store_invalid("Filter", err) : FACTUM_OK;
}

static factum_status read_count_query(factum_slice bytes, struct fct_store_read *read,
                                      factum_error *err)
{
    struct fct_store_query_size size;
    factum_status status = fct_store_measure_query(bytes, &size, err);
    read->has_query = true;
    read->item_count = size.items;
    read->name_count = size.names;
    return status;
}

static size_t read_memory(const struct fct_store_read *read)
{
    const struct fct_store_query_size query = {read->item_count, read->name_count};
    size_t names = read->prefix_count + read->type_count + read->type_prefix_count;
    return (read->has_query ? sizeof(factum_query) + fct_store_query_memory(&query) : 0) +
           (read->has_filter ? sizeof(factum_filter) + names * sizeof(factum_slice) : 0);
}

factum_status fct_store_decode_read(factum_slice message, struct fct_store_read *read,
                                    factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *read = (struct fct_store_read){.message = message};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(READ_QUERY)) {
            status = read_count_query(field.bytes, read, err);
        } else if (fct_pb_tag(&field) == FCT_STORE_BYTES(READ_FILTER)) {
            status = read_count_filter(field.bytes, read, err);
        } else if (fct_pb_tag(&field) == FCT_STORE_UINT(READ_FOLLOW)) {
            read->follow = field.value != 0;
        }
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (reader.failed) {
        return fct_store_invalid("ReadRequest", err);
    }
    read->memory_size = read_memory(read);
    return FACTUM_OK;
}

static void read_build_filter(const struct fct_store_read *read, factum_slice bytes,
                              struct fct_store_space *space, factum_filter *filter)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(bytes);
    factum_slice *lists[READ_LISTS];
    lists[0] = fct_store_space_take(space, read->prefix_count * sizeof(factum_slice));
    lists[1] = fct_store_space_take(space, read->type_count * sizeof(factum_slice));
    lists[2] = fct_store_space_take(space, read->type_prefix_count * sizeof(factum_slice));
    *filter = (factum_filter){
        .size = sizeof *filter,
        .stream_prefixes = lists[0],
        .stream_prefix_count = read->prefix_count,
        .types = lists[1],
        .type_count = read->type_count,
        .type_prefixes = lists[2],
        .type_prefix_count = read->type_prefix_count,
    };
    while (fct_pb_next(&reader, &field)) {
        if (field.type == FCT_PB_BYTES && field.number <= READ_LISTS) {
            *lists[field.number - 1]++ = field.bytes;
        }
    }
}

static void read_build_parts(const struct fct_store_read *read, void *memory, factum_slice query,
                             factum_slice filter, factum_read_request *request)
{
    struct fct_store_space space = {.at = memory};
    if (read->has_query) {
        const struct fct_store_query_size size = {read->item_count, read->name_count};
        factum_query *built = fct_store_space_take(&space, sizeof *built);
        fct_store_build_query(query, &size, &space, built);
        request->query = built;
    }
    if (read->has_filter) {
        factum_filter *built = fct_store_space_take(&space, sizeof *built);
        read_build_filter(read, filter, &space, built);
        request->filter = built;
    }
}

factum_status fct_store_build_read(const struct fct_store_read *read, void *memory,
                                   factum_read_request *request, factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(read->message);
    factum_slice query = fct_slice(NULL, 0);
    factum_slice filter = fct_slice(NULL, 0);
    *request = (factum_read_request){.size = sizeof *request};
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(READ_QUERY)) {
            query = field.bytes;
        } else if (fct_pb_tag(&field) == FCT_STORE_BYTES(READ_FILTER)) {
            filter = field.bytes;
        } else if (!fct_store_take(&read_table, &field, request)) {
            return fct_store_invalid("ReadRequest", err);
        }
    }
    read_build_parts(read, memory, query, filter, request);
    return FACTUM_OK;
}

/* ---- ReadAnswer ------------------------------------------------------------------------------ */

factum_status fct_store_batch_begin(struct fct_store_batch *batch, struct fct_buf *buf,
                                    const uint64_t *place)
{
    *batch = (struct fct_store_batch){.buf = buf, .before = buf->len};
    factum_status status = fct_grpc_frame_begin(buf, &batch->begun);
    if (status == FACTUM_OK && place != NULL) {
        struct fct_pb_writer writer = fct_pb_writer(buf);
        fct_pb_add_uint(&writer, 1, *place);
        status = writer.status;
    }
    if (status != FACTUM_OK) {
        buf->len = batch->before;
    }
    return status;
}

factum_status fct_store_batch_add(struct fct_store_batch *batch, const factum_event *event)
{
    return fct_store_add_event(batch->buf, 2, event);
}

size_t fct_store_batch_size(const struct fct_store_batch *batch)
{
    return batch->buf->len - batch->begun;
}

void fct_store_batch_end(struct fct_store_batch *batch)
{
    fct_grpc_frame_end(batch->buf, batch->begun);
}

factum_status fct_store_decode_events(factum_slice message, struct fct_store_events *events,
                                      factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    *events = (struct fct_store_events){.rest = reader};
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_UINT(1)) {
            events->has_place = true;
            events->place = field.value;
        } else if (fct_pb_tag(&field) == FCT_STORE_BYTES(2)) {
            events->count++;
        }
    }
    return reader.failed ? fct_store_invalid("ReadAnswer", err) : FACTUM_OK;
}

factum_status fct_store_next_event(struct fct_store_events *events,
                                   struct fct_store_event_room *room, factum_event *event,
                                   factum_error *err)
{
    struct fct_pb_field field;
    while (fct_pb_next(&events->rest, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(2)) {
            return fct_store_decode_event(field.bytes, room, event, err);
        }
    }
    return FACTUM_DONE;
}
