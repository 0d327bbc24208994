/* postings_of.c - see postings_of.h. Layer: engine_local. */
#include "engine_local/postings_of.h"

#include "core/check.h"
#include "engine/rules.h"

static void add_entry(const struct fct_index *index, enum fct_index_kind kind, factum_slice name,
                      uint64_t position, struct fct_index_entry *entries, size_t *count)
{
    bool listed = kind != FCT_INDEX_CORRELATION && kind != FCT_INDEX_KEY;
    FCT_ASSERT(*count < FCT_POSTINGS_OF_MAX);
    entries[(*count)++] = (struct fct_index_entry){
        .key = fct_index_key(index, kind, name),
        .position = position,
        .birth = listed ? FCT_BIRTH_ASK : FCT_BIRTH_NO,
    };
}

static void add_tags(const struct fct_index *index, const factum_slice *tags, size_t tag_count,
                     uint64_t position, struct fct_index_entry *entries, size_t *count)
{
    size_t tags_from = *count;
    for (size_t i = 0; i < tag_count; i++) {
        add_entry(index, FCT_INDEX_TAG, tags[i], position, entries, count);
        for (size_t j = tags_from; j + 1 < *count; j++) {
            if (fct_hash128_equal(entries[j].key.hash, entries[*count - 1].key.hash)) {
                --*count; /* the same tag or a tag with the same hash: one posting leads to both */
                break;
            }
        }
    }
}

size_t fct_postings_of(const struct fct_index *index, const struct fct_record *record,
                       const factum_slice *tags, size_t tag_count,
                       struct fct_index_entry entries[FCT_POSTINGS_OF_MAX])
{
    size_t count = 0;
    uint64_t position = record->position;
    FCT_ASSERT(tag_count <= FACTUM_TAGS_MAX);
    if (record->kind == FCT_RECORD_COMMIT) {
        add_entry(index, FCT_INDEX_KEY, record->data, position, entries, &count);
        return count;
    }
    add_entry(index, FCT_INDEX_STREAM, record->stream, position, entries, &count);
    if (record->revision != FACTUM_REVISION_TOMBSTONE) {
        entries[0].birth = record->revision == 0 ? FCT_BIRTH_YES : FCT_BIRTH_NO;
    }
    factum_slice category = fct_category(record->stream);
    if (category.len > 0) {
        add_entry(index, FCT_INDEX_CATEGORY, category, position, entries, &count);
    }
    add_entry(index, FCT_INDEX_TYPE, record->type, position, entries, &count);
    if (record->metadata.len > 0) {
        char buffer[FACTUM_NAME_SIZE_MAX];
        factum_slice correlation = fct_correlation_id(record->metadata, buffer);
        if (correlation.len > 0) {
            add_entry(index, FCT_INDEX_CORRELATION, correlation, position, entries, &count);
        }
    }
    add_tags(index, tags, tag_count, position, entries, &count);
    return count;
}

size_t fct_postings_of_stored(const struct fct_index *index, const struct fct_record *record,
                              struct fct_index_entry entries[FCT_POSTINGS_OF_MAX])
{
    factum_slice tags[FACTUM_TAGS_MAX];
    size_t tag_count = 0;
    size_t offset = 0;
    while (tag_count < FACTUM_TAGS_MAX && fct_record_tag_next(record, &offset, &tags[tag_count])) {
        tag_count++;
    }
    return fct_postings_of(index, record, tags, tag_count, entries);
}
