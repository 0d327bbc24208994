/* verify_demand.c - see verify_demand.h. Layer: engine_local.
 *
 * Invariants:
 *  1. Records come in the order of their positions.
 *  2. births[kind].next is not before the current record once the list of that kind was asked.
 *  3. The number of sets of tags is a power of two.
 */
#include "engine_local/verify_demand.h"

#include "core/check.h"
#include "core/error.h"
#include "engine_local/local_int.h"
#include "engine_local/postings_of.h"

#define TAG_SETS_MAX (UINT64_C(1) << 19)
#define TAG_SETS_MIN UINT64_C(16)

static void demand_check(const struct fct_demand *demand)
{
    FCT_ASSERT((demand->tags_seen == NULL) == (demand->tags_mask == 0));
    FCT_ASSERT((demand->tags_mask & (demand->tags_mask + 1)) == 0); /* invariant 3 */
}

void fct_demand_init(struct fct_demand *demand, struct fct_local *local,
                     struct fct_posting_sums *sums)
{
    demand->local = local;
    demand->sums = sums;
    demand->in_doubt = false;
    demand->has_losses = fct_log_has_losses(local->log);
    demand->position = 0;
    demand->tags_seen = NULL;
    demand->tags_mask = 0;
    for (unsigned kind = FCT_INDEX_STREAM; kind < FCT_INDEX_BIRTH; kind++) {
        struct fct_index_key key = fct_index_births_key((enum fct_index_kind)kind);
        fct_postings_init(&demand->births[kind].list, local->index, &key);
        demand->births[kind].next = 0;
    }
}

void fct_demand_finish(struct fct_demand *demand)
{
    demand_check(demand);
    fct_mem_free(demand->local->mem, demand->tags_seen);
    demand->tags_seen = NULL;
    demand->tags_mask = 0;
}

/* Does a list of |kind| begin at |position|, by the index's list of births? */
static bool is_listed(struct fct_demand *demand, enum fct_index_kind kind, uint64_t position)
{
    factum_error ignored;
    FCT_ASSERT(kind >= FCT_INDEX_STREAM);
    FCT_ASSERT(kind < FCT_INDEX_BIRTH);
    struct fct_demand_births *births = &demand->births[kind];
    while (births->next < position) {
        factum_status status = fct_postings_next(&births->list, &births->next, &ignored);
        demand->in_doubt |= status < 0;
        births->next = status == FACTUM_OK ? births->next : UINT64_MAX;
    }
    FCT_ASSERT(births->next >= position); /* invariant 2 */
    return births->next == position;
}

/* ---- streams --------------------------------------------------------------------------------- */

/* The ordinal of |position| in the list of a stream, UINT64_MAX if it is not there. *last: it is
 * the last one. */
static uint64_t ordinal_in_index(struct fct_demand *demand, const struct fct_index_key *key,
                                 uint64_t position, bool *last)
{
    factum_error ignored;
    struct fct_postings postings;
    uint64_t found = 0;
    *last = false;
    fct_postings_init(&postings, demand->local->index, key);
    factum_status status = fct_postings_seek_position(&postings, position, &ignored);
    uint64_t ordinal = fct_postings_ordinal(&postings);
    if (status == FACTUM_OK) {
        status = fct_postings_next(&postings, &found, &ignored);
    }
    demand->in_doubt |= status < 0;
    if (status != FACTUM_OK || found != position) {
        return UINT64_MAX;
    }
    status = fct_postings_next(&postings, &found, &ignored);
    demand->in_doubt |= status < 0;
    *last = status == FACTUM_DONE;
    return ordinal;
}

/* Adds the posting of the record's stream. True: the stream begins with the record. A tombstone
 * must be the last one of its list: otherwise it gets an ordinal that makes the sums differ. */
static bool add_stream(struct fct_demand *demand, const struct fct_record *record,
                       const struct fct_index_key *key)
{
    uint64_t ordinal = record->revision;
    bool born = record->revision == 0;
    bool last;
    if (record->revision == FACTUM_REVISION_TOMBSTONE) {
        ordinal = ordinal_in_index(demand, key, record->position, &last);
        born = ordinal == 0;
        ordinal = last ? ordinal : UINT64_MAX;
    } else if (!born && demand->has_losses &&
               is_listed(demand, FCT_INDEX_STREAM, record->position)) {
        born = ordinal_in_index(demand, key, record->position, &last) == 0;
    }
    fct_posting_sums_add(demand->sums, key, ordinal, &record->position, 1);
    return born;
}

/* ---- tags ------------------------------------------------------------------------------------ */

enum seen { SEEN, NOT_SEEN, FORGOTTEN };

static factum_status create_tags_seen(struct fct_demand *demand, factum_error *err)
{
    uint64_t sets = TAG_SETS_MIN; /* and no more than the log has room for tags */
    FCT_ASSERT(demand->tags_seen == NULL);
    while (sets < TAG_SETS_MAX && sets < fct_log_end(demand->local->log) / 256) {
        sets *= 2;
    }
    demand->tags_seen = fct_mem_zalloc(demand->local->mem, (size_t)sets, sizeof *demand->tags_seen);
    if (demand->tags_seen == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
    }
    demand->tags_mask = sets - 1;
    demand_check(demand);
    return FACTUM_OK;
}

/* Was |tag| seen before? Remembers it. FORGOTTEN: it is not known, because the set was full. */
static enum seen see_tag(struct fct_demand *demand, const struct fct_index_key *tag)
{
    FCT_ASSERT(demand->tags_seen != NULL);
    uint64_t print = tag->hash.low + (tag->hash.high << 32 | tag->hash.high >> 32);
    print += print == 0;
    uint64_t *set = demand->tags_seen[(tag->hash.high ^ print >> 40) & demand->tags_mask];
    for (unsigned i = 0; i < 4; i++) {
        if (set[i] == print) {
            return SEEN;
        }
        if (set[i] == 0) {
            set[i] = print;
            return NOT_SEEN;
        }
    }
    set[print >> 20 & 3] = print;
    return FORGOTTEN;
}

static bool begins_list(struct fct_demand *demand, const struct fct_index_key *key,
                        uint64_t position)
{
    factum_error ignored;
    uint64_t count;
    uint64_t first = 0;
    factum_status status =
        fct_index_find(demand->local->index, key, &count, &first, NULL, &ignored);
    demand->in_doubt |= status < 0;
    return status == FACTUM_OK && count > 0 && first == position;
}

/* ---- records --------------------------------------------------------------------------------- */

static void add_birth(struct fct_demand *demand, struct fct_index_key births, uint64_t position)
{
    fct_posting_sums_add(demand->sums, &births, 0, &position, 1);
}

/* Adds the firsts and the birth of a record's entries of one kind. */
static void add_firsts(struct fct_demand *demand, const struct fct_index_entry *entries,
                       size_t count)
{
    FCT_ASSERT(count > 0);
    enum fct_index_kind kind = entries[0].key.kind;
    uint64_t position = entries[0].position;
    bool listed = is_listed(demand, kind, position);
    bool born = false;
    for (size_t i = 0; i < count; i++) {
        const struct fct_index_key *key = &entries[i].key;
        enum seen seen = kind == FCT_INDEX_TAG ? see_tag(demand, key) : NOT_SEEN;
        bool begins = listed && (count == 1 || seen == NOT_SEEN ||
                                 (seen == FORGOTTEN && begins_list(demand, key, position)));
        if (begins) {
            fct_posting_sums_add_first(demand->sums, key, position);
        }
        born = born || begins;
    }
    if (born) {
        add_birth(demand, fct_index_births_key(kind), position);
    }
}

factum_status fct_demand_add(struct fct_demand *demand, const struct fct_record *record,
                             factum_error *err)
{
    struct fct_index_entry entries[FCT_POSTINGS_OF_MAX];
    FCT_ASSERT(record->position > demand->position); /* invariant 1 */
    demand->position = record->position;
    size_t count = fct_postings_of_stored(demand->local->index, record, entries);
    bool born = false;
    for (size_t i = 0; i < count; i++) {
        const struct fct_index_key *key = &entries[i].key;
        if (key->kind == FCT_INDEX_STREAM) {
            born = add_stream(demand, record, key);
            if (born) {
                add_birth(demand, fct_index_births_key(key->kind), record->position);
            }
            continue;
        }
        fct_posting_sums_add(demand->sums, key, 0, &record->position, 1);
        if (key->kind == FCT_INDEX_CATEGORY && born) {
            add_birth(demand, fct_index_category_births_key(key), record->position);
        }
        if (key->kind == FCT_INDEX_TAG && demand->tags_seen == NULL) {
            factum_status status = create_tags_seen(demand, err);
            if (status != FACTUM_OK) {
                return status;
            }
        }
    }
    for (size_t i = 0; i < count;) {
        size_t from = i;
        enum fct_index_kind kind = entries[i].key.kind;
        while (i < count && entries[i].key.kind == kind) {
            i++;
        }
        if (fct_posting_sums_has_firsts(kind)) {
            add_firsts(demand, entries + from, i - from);
        }
    }
    return FACTUM_OK;
}
