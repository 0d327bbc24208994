/* births.c - see births.h. Layer: index. */
#include "index/births.h"

#include "core/check.h"

#define NOWHERE UINT64_MAX

static void check_births(const struct fct_births *births)
{
    FCT_ASSERT(births->index != NULL);
    FCT_ASSERT(births->count <= sizeof births->found / sizeof births->found[0]);
}

struct fct_index_key fct_index_births_key(enum fct_index_kind kind)
{
    FCT_ASSERT(kind >= FCT_INDEX_STREAM && kind < FCT_INDEX_BIRTH);
    return (struct fct_index_key){.hash = {.high = 0, .low = (uint64_t)kind},
                                  .kind = FCT_INDEX_BIRTH};
}

struct fct_index_key fct_index_category_births_key(const struct fct_index_key *category)
{
    FCT_ASSERT(category->kind == FCT_INDEX_CATEGORY);
    return (struct fct_index_key){
        .hash = {.high = ~category->hash.high, .low = ~category->hash.low},
        .kind = FCT_INDEX_BIRTH};
}

void fct_births_init(struct fct_births *births, struct fct_index *index)
{
    births->index = index;
    births->version = NULL;
    births->before = UINT64_MAX;
    births->doubtful = 0;
    births->count = 0;
    for (size_t kind = 0; kind < FCT_INDEX_BIRTH; kind++) {
        births->last[kind] = NOWHERE;
    }
}

void fct_births_init_rebuild(struct fct_births *births, struct fct_index *index, uint64_t from)
{
    fct_births_init(births, index);
    births->before = from;
    check_births(births);
}

void fct_births_finish(struct fct_births *births)
{
    FCT_ASSERT(births->count == 0); /* all that was found is added */
    FCT_ASSERT(births->doubtful == 0);
    fct_version_unpin(births->index, births->version);
    births->version = NULL;
}

/* Is a range missing that could hold the first posting of a key? */
static bool range_is_missing(const struct fct_births *births)
{
    uint64_t from;
    uint64_t to;
    return fct_index_missing(births->index, &from, &to) && from < births->before;
}

/* Has |run| a posting of |key|? OK, DONE, or CORRUPT; the next reader quarantines the run. */
static factum_status look_for(struct fct_run *run, const struct fct_index_key *key)
{
    struct fct_run_entry entry;
    if (atomic_load(&run->bad)) {
        return FACTUM_CORRUPT;
    }
    factum_status status = fct_run_probe(run, key);
    return status == FACTUM_OK ? fct_run_find_ordinal(run, key, 0, &entry) : status;
}

/* Has the index a posting of |key| outside the memtable that takes the entries? *doubtful: no, but
 * not all of the index could be read. */
static bool known_before(struct fct_births *births, const struct fct_index_key *key, bool *doubtful)
{
    if (births->version == NULL) {
        births->version = fct_version_pin(births->index);
    }
    const struct fct_version *version = births->version;
    if (births->before == UINT64_MAX && version->sealed != NULL &&
        fct_memtable_find(version->sealed, key) != NULL) {
        return true;
    }
    bool unread = false;
    for (size_t i = 0; i < version->run_count; i++) {
        if (version->runs[i]->info.end.position > births->before) {
            break;
        }
        factum_status status = look_for(version->runs[i], key);
        if (status == FACTUM_OK) {
            return true;
        }
        unread = unread || status == FACTUM_CORRUPT;
    }
    *doubtful = unread || range_is_missing(births);
    return false;
}

static bool is_birth(struct fct_births *births, const struct fct_index_entry *entry, bool fresh)
{
    bool doubtful = false;
    bool born = false;
    switch (entry->birth) {
    case FCT_BIRTH_NO:
        break;
    case FCT_BIRTH_YES:
        born = true;
        break;
    case FCT_BIRTH_ASK:
        born = fresh && !known_before(births, &entry->key, &doubtful);
        break;
    }
    FCT_ASSERT(born || !doubtful);
    births->doubtful += doubtful ? 1 : 0;
    return born;
}

static void note_birth(struct fct_births *births, struct fct_index_key key, uint64_t position)
{
    FCT_ASSERT(key.kind == FCT_INDEX_BIRTH);
    FCT_ASSERT(births->count < sizeof births->found / sizeof births->found[0]);
    births->found[births->count++] = (struct fct_index_entry){.key = key, .position = position};
}

void fct_births_find(struct fct_births *births, const struct fct_index_entry *entries, size_t count,
                     uint64_t fresh)
{
    FCT_ASSERT(count <= FCT_BIRTHS_STEP);
    FCT_ASSERT(births->count == 0);
    for (size_t i = 0; i < count; i++) {
        const struct fct_index_entry *entry = &entries[i];
        enum fct_index_kind kind = entry->key.kind;
        if (is_birth(births, entry, (fresh >> i & 1u) != 0) &&
            births->last[kind] != entry->position) {
            births->last[kind] = entry->position;
            note_birth(births, fct_index_births_key(kind), entry->position);
        }
        if (kind == FCT_INDEX_CATEGORY && births->last[FCT_INDEX_STREAM] == entry->position) {
            note_birth(births, fct_index_category_births_key(&entry->key), entry->position);
        }
    }
}

void fct_births_add(struct fct_births *births, struct fct_memtable *table)
{
    check_births(births);
    for (size_t i = 0; i < births->count; i++) {
        (void)fct_memtable_add(table, &births->found[i]);
    }
    table->doubtful += births->doubtful;
    births->doubtful = 0;
    births->count = 0;
}
