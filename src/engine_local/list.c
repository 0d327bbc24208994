/* list.c - the names in use: the keys of a kind, with the names that their first records tell.
 * Layer: engine_local. */
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

struct lister {
    struct fct_lister base;
    struct fct_local *local;
    struct fct_index_keys *keys;
    enum fct_index_kind kind;
    struct fct_record record;
};

/* The name that |key| was made of, in the record at its first posting. */
static factum_slice name_in(const struct lister *lister, const struct fct_record *record,
                            const struct fct_index_key *key)
{
    factum_slice tag;
    size_t offset = 0;
    switch (lister->kind) {
    case FCT_INDEX_STREAM:
        return record->stream;
    case FCT_INDEX_CATEGORY:
        return fct_category(record->stream);
    case FCT_INDEX_TYPE:
        return record->type;
    case FCT_INDEX_TAG:
        while (fct_record_tag_next(record, &offset, &tag)) {
            struct fct_index_key of_tag = fct_index_key(lister->local->index, lister->kind, tag);
            if (fct_hash128_equal(of_tag.hash, key->hash)) {
                return tag;
            }
        }
        break;
    case FCT_INDEX_CORRELATION:
    case FCT_INDEX_KEY:
        break;
    }
    return fct_slice(NULL, 0);
}

static factum_status lister_next(struct fct_lister *base, factum_list_entry *entry,
                                 factum_error *err)
{
    struct lister *lister = (struct lister *)(void *)base;
    struct fct_local *local = lister->local;
    struct fct_index_key key;
    struct fct_record last;
    factum_list_entry found;
    factum_status status = fct_index_keys_next(lister->keys, &key, &found.event_count,
                                               &found.first_position, &found.last_position, err);
    if (status == FACTUM_OK) {
        status = fct_log_read(local->log, found.last_position, &last, err);
    }
    if (status == FACTUM_OK) {
        status = fct_log_read(local->log, found.first_position, &lister->record, err);
    }
    if (status == FACTUM_OK) {
        found.name = name_in(lister, &lister->record, &key);
        found.first_created = lister->record.created;
        found.last_created = last.created;
        *entry = found;
    }
    return status;
}

static void lister_close(struct fct_lister *base)
{
    struct lister *lister = (struct lister *)(void *)base;
    fct_index_keys_close(lister->keys);
    fct_mem_free(lister->local->mem, lister);
}

static const struct fct_lister_ops lister_ops = {lister_next, lister_close};

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

factum_status fct_local_keys_open(struct fct_local *local, enum fct_index_kind kind,
                                  struct fct_index_keys **keys, factum_error *err)
{
    unsigned tries = 0;
    factum_status status;
    do {
        status = fct_index_keys_open(local->index, kind, keys, err);
    } while (status == FACTUM_CORRUPT && fct_local_mended(local, &tries));
    return status;
}

factum_status fct_local_list(void *self, factum_list_kind kind, struct fct_lister **out,
                             factum_error *err)
{
    struct fct_local *local = self;
    *out = NULL;
    struct lister *lister = fct_mem_zalloc(local->mem, 1, sizeof *lister);
    if (lister == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    lister->base.ops = &lister_ops;
    lister->local = local;
    lister->kind = kind_of(kind);
    factum_status status = fct_local_keys_open(local, lister->kind, &lister->keys, err);
    if (status != FACTUM_OK) {
        fct_mem_free(local->mem, lister);
        return status;
    }
    *out = &lister->base;
    return FACTUM_OK;
}
