/* query.c - see query.h. Layer: engine. */
#include "engine/query.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

static bool is_among(factum_slice name, const factum_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fct_slice_equal(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool starts_with_one(factum_slice name, const factum_slice *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fct_slice_starts(name, prefixes[i])) {
            return true;
        }
    }
    return false;
}

bool fct_query_fits(const factum_query *query, factum_slice type, const factum_slice *tags,
                    size_t tag_count)
{
    for (size_t i = 0; i < query->item_count; i++) {
        const factum_query_item *item = &query->items[i];
        bool fits = item->type_count == 0 || is_among(type, item->types, item->type_count);
        for (size_t j = 0; j < item->tag_count && fits; j++) {
            fits = is_among(item->tags[j], tags, tag_count);
        }
        if (fits) {
            return true;
        }
    }
    return false;
}

bool fct_filter_passes(const factum_filter *filter, factum_slice stream, factum_slice type)
{
    if (filter == NULL) {
        return true;
    }
    bool stream_passes =
        filter->stream_prefix_count == 0 ||
        starts_with_one(stream, filter->stream_prefixes, filter->stream_prefix_count);
    bool type_passes = (filter->type_count == 0 && filter->type_prefix_count == 0) ||
                       is_among(type, filter->types, filter->type_count) ||
                       starts_with_one(type, filter->type_prefixes, filter->type_prefix_count);
    return stream_passes && type_passes;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* The parts of a copy: items, then slices, then bytes, in one block. */
struct layout {
    size_t items;
    size_t slices;
    size_t bytes;
};

static void count_names(struct layout *layout, const factum_slice *names, size_t count)
{
    layout->slices += count;
    for (size_t i = 0; i < count; i++) {
        layout->bytes += names[i].len;
    }
}

static struct layout measure(const factum_query *query, const factum_filter *filter)
{
    struct layout layout = {0, 0, 0};
    for (size_t i = 0; query != NULL && i < query->item_count; i++) {
        layout.items++;
        count_names(&layout, query->items[i].types, query->items[i].type_count);
        count_names(&layout, query->items[i].tags, query->items[i].tag_count);
    }
    if (filter != NULL) {
        count_names(&layout, filter->stream_prefixes, filter->stream_prefix_count);
        count_names(&layout, filter->types, filter->type_count);
        count_names(&layout, filter->type_prefixes, filter->type_prefix_count);
    }
    return layout;
}

struct writer {
    factum_slice *slices;
    uint8_t *bytes;
};

static const factum_slice *copy_names(struct writer *writer, const factum_slice *names,
                                      size_t count)
{
    factum_slice *copied = writer->slices;
    for (size_t i = 0; i < count; i++) {
        if (names[i].len > 0) {
            memcpy(writer->bytes, names[i].ptr, names[i].len);
        }
        *writer->slices++ = fct_slice(writer->bytes, names[i].len);
        writer->bytes += names[i].len;
    }
    return copied;
}

static void copy_query(struct writer *writer, factum_query_item *items, const factum_query *query)
{
    for (size_t i = 0; i < query->item_count; i++) {
        const factum_query_item *item = &query->items[i];
        items[i] = (factum_query_item){
            .types = copy_names(writer, item->types, item->type_count),
            .type_count = item->type_count,
        };
        items[i].tags = copy_names(writer, item->tags, item->tag_count);
        items[i].tag_count = item->tag_count;
    }
}

static void copy_filter(struct writer *writer, factum_filter *copied, const factum_filter *filter)
{
    *copied = *filter;
    copied->stream_prefixes =
        copy_names(writer, filter->stream_prefixes, filter->stream_prefix_count);
    copied->types = copy_names(writer, filter->types, filter->type_count);
    copied->type_prefixes = copy_names(writer, filter->type_prefixes, filter->type_prefix_count);
}

factum_status fct_query_copy_init(struct fct_query_copy *copy, const struct fct_mem *mem,
                                  const factum_read_request *request, factum_error *err)
{
    const factum_query *query = request->source == FACTUM_SOURCE_QUERY ? request->query : NULL;
    const factum_filter *filter = request->filter;
    *copy = (struct fct_query_copy){.mem = mem};
    if (query == NULL && filter == NULL) {
        return FACTUM_OK;
    }
    struct layout layout = measure(query, filter);
    size_t items_size = layout.items * sizeof(factum_query_item);
    size_t slices_size = layout.slices * sizeof(factum_slice);
    uint8_t *block = fct_mem_alloc(mem, items_size + slices_size + layout.bytes + 1);
    if (block == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    factum_query_item *items = (factum_query_item *)(void *)block;
    struct writer writer = {(factum_slice *)(void *)(block + items_size),
                            block + items_size + slices_size};
    copy->block = block;
    if (query != NULL) {
        copy_query(&writer, items, query);
        copy->query = (factum_query){items, query->item_count};
    }
    if (filter != NULL) {
        copy_filter(&writer, &copy->filter, filter);
        copy->has_filter = true;
    }
    FCT_ASSERT((uint8_t *)(void *)writer.slices == block + items_size + slices_size);
    FCT_ASSERT(writer.bytes == block + items_size + slices_size + layout.bytes);
    return FACTUM_OK;
}

void fct_query_copy_finish(struct fct_query_copy *copy)
{
    if (copy->mem != NULL) {
        fct_mem_free(copy->mem, copy->block);
        *copy = (struct fct_query_copy){.mem = NULL};
    }
}
