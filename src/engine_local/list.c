/* list.c - listers of the embedded engine: all names that were ever written, in the order of their
 * first records. Layer: engine_local.
 *
 * A lister follows a list of births, which are the positions of records in which a name appeared
 * for the first time. The names are read from the records. A list of births may have a position too
 * many, and that of a category belongs to all categories with the same hash. So each name is looked
 * up, to see whether an earlier record has it. Does not know how births are found (index/births.h).
 *
 * Invariants:
 *  1. name_at <= name_count <= FACTUM_TAGS_MAX; names[name_at ...] are still to be given.
 *  2. |kind| has names: it is not FCT_INDEX_BIRTH.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"

struct lister {
    struct fct_lister base;
    struct fct_local *local;
    uint64_t deadline;           /* monotonic; 0: none */
    factum_list_request request; /* prefix and category: copies, in |texts| */
    enum fct_index_kind kind;
    uint64_t end; /* records before it are listed: what was published at opening */
    uint64_t given;
    struct fct_postings births;
    struct fct_record record; /* whose names are being given */
    factum_slice names[FACTUM_TAGS_MAX];
    size_t name_count;
    size_t name_at;
    uint8_t texts[2 * FACTUM_NAME_SIZE_MAX];
};

static void lister_check(const struct lister *lister)
{
    FCT_ASSERT(lister->name_at <= lister->name_count);
    FCT_ASSERT(lister->name_count <= FACTUM_TAGS_MAX);
    FCT_ASSERT(lister->kind < FCT_INDEX_BIRTH);
}

/* Puts the names of |kind| in |record| into |names|, each once, and returns their number. */
static size_t names_in(enum fct_index_kind kind, const struct fct_record *record,
                       factum_slice names[FACTUM_TAGS_MAX])
{
    size_t count = 0;
    size_t offset = 0;
    FCT_ASSERT(kind < FCT_INDEX_BIRTH);
    switch (kind) {
    case FCT_INDEX_STREAM:
        names[count++] = record->stream;
        break;
    case FCT_INDEX_CATEGORY:
        names[count++] = fct_category(record->stream);
        break;
    case FCT_INDEX_TYPE:
        names[count++] = record->type;
        break;
    case FCT_INDEX_TAG:
        while (count < FACTUM_TAGS_MAX && fct_record_tag_next(record, &offset, &names[count])) {
            size_t same = 0;
            while (!fct_slice_equal(names[same], names[count])) {
                same++;
            }
            count += same == count ? 1 : 0;
        }
        break;
    case FCT_INDEX_CORRELATION:
    case FCT_INDEX_KEY:
    case FCT_INDEX_BIRTH:
        break;
    }
    return count;
}

static bool has_name(enum fct_index_kind kind, const struct fct_record *record, factum_slice name)
{
    factum_slice names[FACTUM_TAGS_MAX];
    size_t count = names_in(kind, record, names);
    for (size_t i = 0; i < count; i++) {
        if (fct_slice_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* Is the lister's record the first one with |name|? Reads one record, unless names share |key|. */
static factum_status is_first(struct lister *lister, const struct fct_index_key *key,
                              factum_slice name, bool *first, factum_error *err)
{
    struct fct_local *local = lister->local;
    struct fct_postings postings;
    struct fct_record record;
    uint64_t position;
    factum_status status;
    fct_postings_init(&postings, local->index, key);
    *first = true;
    while ((status = fct_postings_next(&postings, &position, err)) == FACTUM_OK &&
           position < lister->record.position) {
        status = fct_log_read(local->log, position, &record, err);
        if (status != FACTUM_OK || has_name(lister->kind, &record, name)) {
            *first = false;
            return status;
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

/* *born: |name| appears first in the lister's record. Then fills |entry|. */
static factum_status describe(struct lister *lister, factum_slice name, bool *born,
                              factum_list_entry *entry, factum_error *err)
{
    struct fct_local *local = lister->local;
    struct fct_index_key key = fct_index_key(local->index, lister->kind, name);
    struct fct_record last;
    FCT_ASSERT(name.len > 0);
    uint64_t count;
    uint64_t first_position = 0;
    uint64_t last_position = 0;
    factum_status status =
        fct_index_find(local->index, &key, &count, &first_position, &last_position, err);
    *born = status == FACTUM_OK && first_position == lister->record.position;
    if (status == FACTUM_OK && !*born) {
        status = is_first(lister, &key, name, born, err);
    }
    if (status == FACTUM_OK && *born) {
        status = fct_log_read(local->log, last_position, &last, err);
    }
    if (status == FACTUM_OK && *born) {
        *entry = (factum_list_entry){
            .name = name,
            .event_count = count,
            .first_position = lister->record.position,
            .last_position = last_position,
            .first_created = lister->record.created,
            .last_created = last.created,
        };
    }
    return status;
}

static bool is_asked_for(const struct lister *lister, factum_slice name)
{
    const factum_list_request *request = &lister->request;
    return name.len > 0 && fct_slice_starts(name, request->prefix) &&
           (request->category.len == 0 ||
            fct_slice_equal(fct_category(lister->record.stream), request->category));
}

/* Goes to the next record with names. DONE: no record is left, or the count is reached. */
static factum_status next_record(struct lister *lister, factum_error *err)
{
    uint64_t position;
    FCT_ASSERT(lister->name_at == lister->name_count); /* all names of the last record were given */
    if (lister->request.count_max > 0 && lister->given >= lister->request.count_max) {
        return FACTUM_DONE;
    }
    factum_status status = fct_postings_next(&lister->births, &position, err);
    if (status == FACTUM_OK && position >= lister->end) {
        return FACTUM_DONE;
    }
    if (status == FACTUM_OK) {
        status = fct_log_read(lister->local->log, position, &lister->record, err);
    }
    if (status == FACTUM_OK) {
        lister->name_count = names_in(lister->kind, &lister->record, lister->names);
        lister->name_at = 0;
        lister_check(lister);
    }
    return status;
}

static factum_status lister_next(struct fct_lister *base, factum_list_entry *entry,
                                 factum_error *err)
{
    struct lister *lister = (struct lister *)(void *)base;
    factum_status status = fct_deadline_check(lister->local->os, lister->deadline, "list", err);
    bool born = false;
    uint64_t looked_at = 0;
    lister_check(lister);
    while (status == FACTUM_OK && !born) {
        if (lister->request.steps_max > 0 && looked_at >= lister->request.steps_max) {
            return FACTUM_PENDING;
        }
        if (++looked_at % FCT_LOCAL_CLOCK_EVERY == 0) {
            status = fct_deadline_check(lister->local->os, lister->deadline, "list", err);
            continue;
        }
        if (lister->name_at == lister->name_count) {
            status = next_record(lister, err);
            continue;
        }
        factum_slice name = lister->names[lister->name_at++];
        if (is_asked_for(lister, name)) {
            status = describe(lister, name, &born, entry, err);
        }
    }
    lister->given += born ? 1 : 0;
    lister_check(lister);
    return status;
}

static void lister_close(struct fct_lister *base)
{
    struct lister *lister = (struct lister *)(void *)base;
    lister_check(lister);
    fct_mem_free(lister->local->mem, lister);
}

static const struct fct_lister_ops lister_ops = {lister_next, NULL, lister_close};

static enum fct_index_kind kind_of(factum_list_kind kind)
{
    switch (kind) {
    case FACTUM_LIST_STREAMS:
        return FCT_INDEX_STREAM;
    case FACTUM_LIST_CATEGORIES:
        return FCT_INDEX_CATEGORY;
    case FACTUM_LIST_TYPES:
        return FCT_INDEX_TYPE;
    case FACTUM_LIST_TAGS:
        break;
    }
    return FCT_INDEX_TAG;
}

/* The shortest list of births that has all names that are asked for. Streams whose names begin with
 * "order-4", for example, are all in the category "order". */
static struct fct_index_key births_of(const struct lister *lister)
{
    const factum_list_request *request = &lister->request;
    factum_slice category = request->category;
    if (category.len == 0 && request->kind == FACTUM_LIST_STREAMS) {
        category = fct_category(request->prefix);
    }
    if (category.len == 0) {
        return fct_index_births_key(lister->kind);
    }
    struct fct_index_key key = fct_index_key(lister->local->index, FCT_INDEX_CATEGORY, category);
    return fct_index_category_births_key(&key);
}

static factum_slice copy(factum_slice text, uint8_t *to)
{
    FCT_ASSERT(text.len <= FACTUM_NAME_SIZE_MAX); /* half of lister->texts */
    if (text.len > 0) {
        memcpy(to, text.ptr, text.len);
    }
    return fct_slice(to, text.len);
}

factum_status fct_local_list(void *self, const factum_list_request *request,
                             struct fct_lister **out, factum_error *err)
{
    struct fct_local *local = self;
    fct_local_check(local);
    *out = NULL;
    struct lister *lister = fct_mem_zalloc(local->mem, 1, sizeof *lister);
    if (lister == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    lister->base.ops = &lister_ops;
    lister->local = local;
    lister->kind = kind_of(request->kind);
    lister->end = atomic_load(&local->published);
    lister->request = *request;
    lister->request.call = NULL;
    lister->deadline = fct_call_get(request->call).deadline;
    lister->request.prefix = copy(request->prefix, lister->texts);
    lister->request.category = copy(request->category, lister->texts + FACTUM_NAME_SIZE_MAX);
    struct fct_index_key key = births_of(lister);
    fct_postings_init(&lister->births, local->index, &key);
    bool some = request->after < lister->end;
    factum_status status =
        some ? fct_postings_seek_position(&lister->births, request->after + 1, err) : FACTUM_OK;
    lister->end = some ? lister->end : 0;
    if (status != FACTUM_OK) {
        fct_mem_free(local->mem, lister);
        return status;
    }
    lister_check(lister);
    *out = &lister->base;
    return FACTUM_OK;
}
