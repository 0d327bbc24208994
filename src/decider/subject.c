/* subject.c - see subject.h. Layer: decider. */
#include "decider/subject.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"

/* The key: the decider, the version of its state, the stream, the items. Each text is written as
 * size and bytes, so no two subjects have the same key. */
struct key_writer {
    uint8_t *ptr; /* NULL: only counts bytes */
    size_t len;
};

static void key_bytes(struct key_writer *to, const void *bytes, size_t len)
{
    if (to->ptr != NULL && len > 0) {
        memcpy(to->ptr + to->len, bytes, len);
    }
    to->len += len;
}

/* The same bytes on every machine, since a hash of them outlives the process. */
static void key_number(struct key_writer *to, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    key_bytes(to, bytes, sizeof bytes);
}

static void key_slice(struct key_writer *to, factum_slice slice)
{
    key_number(to, slice.len);
    key_bytes(to, slice.ptr, slice.len);
}

static void key_slices(struct key_writer *to, const factum_slice *slices, size_t count)
{
    key_number(to, count);
    for (size_t i = 0; i < count; i++) {
        key_slice(to, slices[i]);
    }
}

/* Returns where the decider's part ends and the stream or query begins. */
static size_t key_write(struct key_writer *to, const struct fct_subject *subject,
                        const factum_decider *decider)
{
    key_slice(to, factum_slice_from(decider->name));
    key_number(to, decider->state_version);
    size_t about_at = to->len;
    key_slice(to, subject->stream);
    for (size_t i = 0; i < subject->query.item_count; i++) {
        const factum_query_item *item = &subject->query.items[i];
        key_slices(to, item->types, item->type_count);
        key_slices(to, item->tags, item->tag_count);
    }
    return about_at;
}

static factum_status key_make(struct fct_subject *subject, const factum_decider *decider,
                              struct factum_arena *arena, factum_error *err)
{
    struct key_writer writer = {.len = 0};
    size_t about_at = key_write(&writer, subject, decider);
    writer.ptr = factum_arena_alloc(arena, writer.len);
    if (writer.ptr == NULL) {
        return fct_arena_status(arena, "the query", err);
    }
    writer.len = 0;
    (void)key_write(&writer, subject, decider);
    subject->key = fct_slice(writer.ptr, writer.len);
    if (!subject->of_command) {
        subject->about = fct_slice_from(subject->key, about_at);
    }
    return FACTUM_OK;
}

/* The engine checks this too, but only after the key was made of it. */
static factum_status check_query(const factum_query *query, const factum_decider *decider,
                                 factum_error *err)
{
    size_t names = 0;
    bool good = query->items != NULL && query->item_count > 0 &&
                query->item_count <= FACTUM_QUERY_ITEMS_MAX;
    for (size_t i = 0; good && i < query->item_count; i++) {
        const factum_query_item *item = &query->items[i];
        good = item->type_count <= FACTUM_QUERY_NAMES_MAX &&
               item->tag_count <= FACTUM_QUERY_NAMES_MAX &&
               (item->type_count == 0 || item->types != NULL) &&
               (item->tag_count == 0 || item->tags != NULL);
        names += item->type_count + item->tag_count;
    }
    return good && names <= FACTUM_QUERY_NAMES_MAX
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID,
                          "decider %s: a query has 1 to %d items and at most %d types and tags",
                          decider->name, FACTUM_QUERY_ITEMS_MAX, FACTUM_QUERY_NAMES_MAX);
}

factum_status fct_subject_init(struct fct_subject *subject, const factum_decider *decider,
                               const factum_transact_request *request, struct factum_arena *arena,
                               factum_error *err)
{
    *subject = (struct fct_subject){.stream = request->stream};
    if (request->stream.len > 0 && request->query != NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "decider %s: a command is about a stream or a query, not both",
                        decider->name);
    }
    if (request->stream.len > FACTUM_NAME_SIZE_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "decider %s: a stream's name has at most %d bytes",
                        decider->name, FACTUM_NAME_SIZE_MAX);
    }
    if (request->stream.len == 0 && request->query == NULL) {
        subject->of_command = decider->query != NULL;
        return subject->of_command
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_INVALID, "decider %s: a stream or a query is needed",
                              decider->name);
    }
    if (request->query != NULL) {
        subject->query = *request->query;
        factum_status status = check_query(&subject->query, decider, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return key_make(subject, decider, arena, err);
}

factum_status fct_subject_ask(struct fct_subject *subject, const factum_decider *decider,
                              const void *command, struct factum_arena *arena, factum_error *err)
{
    if (!subject->of_command) {
        return FACTUM_OK;
    }
    decider->query(command, arena, &subject->query);
    factum_status status = fct_arena_status(arena, "the query", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_query(&subject->query, decider, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return key_make(subject, decider, arena, err);
}

static bool has_name(const factum_slice *names, size_t count, factum_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (fct_slice_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool type_fits(const factum_query_item *item, const struct fct_emitted *event)
{
    return item->type_count == 0 || has_name(item->types, item->type_count, event->type);
}

static bool item_fits(const factum_query_item *item, const struct fct_emitted *event)
{
    bool fits = type_fits(item, event);
    for (size_t i = 0; fits && i < item->tag_count; i++) {
        fits = has_name(event->tags, event->tag_count, item->tags[i]);
    }
    return fits;
}

bool fct_subject_fits(const struct fct_subject *subject, const struct fct_emitted *event)
{
    bool fits = subject->stream.len > 0;
    for (size_t i = 0; !fits && i < subject->query.item_count; i++) {
        fits = item_fits(&subject->query.items[i], event);
    }
    return fits;
}

bool fct_subject_may_fit(const struct fct_subject *subject, const struct fct_emitted *event)
{
    bool fits = subject->stream.len > 0;
    for (size_t i = 0; !fits && i < subject->query.item_count; i++) {
        fits = type_fits(&subject->query.items[i], event);
    }
    return fits;
}
