/* store_query.c - Query of factum.v1.Store, a part of reads and of append conditions.
 * Layer: wire. */
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "wire/store_int.h"

enum { STORE_ITEM_TYPES = 1, STORE_ITEM_TAGS = 2 };

static void store_add_names(struct fct_pb_writer *writer, uint32_t number,
                            const factum_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fct_pb_add_bytes(writer, number, names[i]);
    }
}

void fct_store_put_query(struct fct_pb_writer *writer, uint32_t number, const factum_query *query)
{
    size_t begun = fct_pb_begin(writer, number);
    for (size_t i = 0; i < query->item_count; i++) {
        const factum_query_item *item = &query->items[i];
        size_t item_begun = fct_pb_begin(writer, 1);
        store_add_names(writer, STORE_ITEM_TYPES, item->types, item->type_count);
        store_add_names(writer, STORE_ITEM_TAGS, item->tags, item->tag_count);
        fct_pb_end(writer, item_begun);
    }
    fct_pb_end(writer, begun);
}

/* Counts the names of an item. Returns false if they are not valid. */
static bool store_count_item(factum_slice message, size_t *types, size_t *tags)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    *types = 0;
    *tags = 0;
    while (fct_pb_next(&reader, &field)) {
        bool type = fct_pb_tag(&field) == FCT_STORE_BYTES(STORE_ITEM_TYPES);
        bool tag = fct_pb_tag(&field) == FCT_STORE_BYTES(STORE_ITEM_TAGS);
        if ((type || tag) && !fct_utf8_valid(field.bytes)) {
            return false;
        }
        *types += type ? 1 : 0;
        *tags += tag ? 1 : 0;
    }
    return !reader.failed;
}

factum_status fct_store_measure_query(factum_slice message, struct fct_store_query_size *size,
                                      factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    *size = (struct fct_store_query_size){0, 0};
    while (fct_pb_next(&reader, &field)) {
        size_t types;
        size_t tags;
        if (fct_pb_tag(&field) != FCT_STORE_BYTES(1)) {
            continue;
        }
        if (!store_count_item(field.bytes, &types, &tags)) {
            return fct_store_invalid("Query", err);
        }
        size->items++;
        size->names += types + tags;
        if (size->items > FACTUM_QUERY_ITEMS_MAX) {
            return fct_fail(err, FACTUM_TOO_BIG, "a query has more than %d items",
                            FACTUM_QUERY_ITEMS_MAX);
        }
        if (size->names > FACTUM_QUERY_NAMES_MAX) {
            return fct_fail(err, FACTUM_TOO_BIG, "a query has more than %d types and tags",
                            FACTUM_QUERY_NAMES_MAX);
        }
    }
    return reader.failed ? fct_store_invalid("Query", err) : FACTUM_OK;
}

static void store_build_item(factum_slice message, struct fct_store_space *space,
                             factum_query_item *item)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    size_t types;
    size_t tags;
    bool valid = store_count_item(message, &types, &tags);
    FCT_ASSERT(valid);
    factum_slice *type = fct_store_space_take(space, types * sizeof *type);
    factum_slice *tag = fct_store_space_take(space, tags * sizeof *tag);
    *item = (factum_query_item){.types = type, .tags = tag};
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(STORE_ITEM_TYPES)) {
            type[item->type_count++] = field.bytes;
        } else if (fct_pb_tag(&field) == FCT_STORE_BYTES(STORE_ITEM_TAGS)) {
            tag[item->tag_count++] = field.bytes;
        }
    }
}

void fct_store_build_query(factum_slice message, const struct fct_store_query_size *size,
                           struct fct_store_space *space, factum_query *query)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_query_item *items = fct_store_space_take(space, size->items * sizeof *items);
    *query = (factum_query){.items = items};
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(1)) {
            store_build_item(field.bytes, space, &items[query->item_count++]);
        }
    }
    FCT_ASSERT(query->item_count == size->items);
}
