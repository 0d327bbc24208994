/* query_walk.c - see query_walk.h. Layer: engine_local.
 *
 * Each list is at one posting: the first at or after the target (backwards: the last at or before
 * it). A group is at the nearest posting of its lists. An item moves its target from group to group
 * until all groups are at the target. The walk gives the nearest of its items' positions, and moves
 * its own target past that. A list far from its target finds it by a search of the index; otherwise
 * it steps.
 *
 * Invariants:
 *  1. A list whose |known| is set is at |current|, and none of its postings is between the target
 *     and |current|.
 *  2. The target only moves in the walk's direction.
 *  3. Forwards, a posting at or after |end| in one list is never a target for the others. Batches
 *     are still being written there: a position may appear in a list that has answered already, and
 *     a list that had been moved past it would never give it.
 *  4. Items are spans of groups and groups are spans of lists, within what was allocated.
 */
#include "engine_local/query_walk.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"

#define STEPS_MAX 32u   /* postings stepped over before a search */
#define MUCH_LONGER 16u /* times the shortest group: such a group is left to the records */

struct list {
    struct fct_postings postings;
    uint64_t current;
    uint64_t count;    /* number of postings when the walk was created */
    uint64_t done_end; /* it has no more postings before this end; 0: not known */
    bool known;
    bool placed; /* |postings| is near the target: steps may reach it */
};

struct span {
    uint32_t first;
    uint32_t count;
};

struct fct_query_walk {
    struct fct_local *local;
    bool backwards;
    bool ended; /* backwards: the target would be before 0 */
    uint64_t target;
    uint64_t end;        /* of the call under way: see fct_query_walk_next */
    uint32_t steps_left; /* of the call under way */
    struct span *items;  /* of groups */
    struct span *groups; /* of lists */
    struct list *lists;
    uint32_t item_count;
    uint32_t group_count;
    uint32_t list_count;
    uint32_t names_max; /* groups and lists that there is room for */
};

static void walk_check(const struct fct_query_walk *walk)
{
    FCT_ASSERT(walk->list_count <= walk->names_max);   /* invariant 4 */
    FCT_ASSERT(walk->group_count <= walk->names_max);  /* invariant 4 */
    FCT_ASSERT(walk->group_count <= walk->list_count); /* a group has lists */
    FCT_ASSERT(!walk->ended || walk->backwards);
}

/* ---- moving ---------------------------------------------------------------------------------- */

static bool is_before(const struct fct_query_walk *walk, uint64_t a, uint64_t b)
{
    return walk->backwards ? a > b : a < b;
}

static factum_status list_step(const struct fct_query_walk *walk, struct list *list,
                               factum_error *err)
{
    factum_status status = walk->backwards
                               ? fct_postings_previous(&list->postings, &list->current, err)
                               : fct_postings_next(&list->postings, &list->current, err);
    list->known = status == FACTUM_OK;
    return status;
}

static factum_status list_move(const struct fct_query_walk *walk, struct list *list,
                               uint64_t target, factum_error *err)
{
    for (unsigned i = 0; list->placed && i < STEPS_MAX; i++) {
        factum_status status = list_step(walk, list, err);
        if (status != FACTUM_OK || !is_before(walk, list->current, target)) {
            return status;
        }
    }
    uint64_t edge = walk->backwards && target < UINT64_MAX ? target + 1 : target;
    factum_status status = fct_postings_seek_position(&list->postings, edge, err);
    list->placed = status == FACTUM_OK;
    return status == FACTUM_OK ? list_step(walk, list, err) : status;
}

/* Moves the list to its first posting at or after |target|. DONE: it has none yet. */
static factum_status list_skip(const struct fct_query_walk *walk, struct list *list,
                               uint64_t target, factum_error *err)
{
    if (list->known && !is_before(walk, list->current, target)) {
        return FACTUM_OK;
    }
    if (list->done_end >= walk->end) {
        return FACTUM_DONE;
    }
    factum_status status = list_move(walk, list, target, err);
    list->done_end = status == FACTUM_DONE ? walk->end : 0;
    return status;
}

/* The nearest posting of the group's lists. DONE: they have none. */
static factum_status group_skip(const struct fct_query_walk *walk, const struct span *group,
                                uint64_t target, uint64_t *position, factum_error *err)
{
    factum_status found = FACTUM_DONE;
    *position = 0;
    FCT_ASSERT(group->first + group->count <= walk->list_count);
    for (uint32_t i = 0; i < group->count; i++) {
        struct list *list = &walk->lists[group->first + i];
        factum_status status = list_skip(walk, list, target, err);
        if (status < 0) {
            return status;
        }
        if (status == FACTUM_OK &&
            (found == FACTUM_DONE || is_before(walk, list->current, *position))) {
            *position = list->current;
            found = FACTUM_OK;
        }
    }
    return found;
}

/* The nearest position that is in every group of the item. PENDING: out of steps; the next call
 * continues from where the lists are. */
static factum_status item_skip(struct fct_query_walk *walk, const struct span *item,
                               uint64_t target, uint64_t *position, factum_error *err)
{
    uint32_t agreed = 0; /* groups in a row that are at |target| */
    FCT_ASSERT(item->first + item->count <= walk->group_count);
    for (uint32_t i = 0; agreed < item->count; i = i + 1 == item->count ? 0 : i + 1) {
        uint64_t at = 0;
        factum_status status = group_skip(walk, &walk->groups[item->first + i], target, &at, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (!walk->backwards && at >= walk->end) {
            return FACTUM_DONE; /* invariant 3 */
        }
        if (walk->steps_left-- == 0) {
            walk->steps_left = 0;
            return FACTUM_PENDING;
        }
        agreed = at == target ? agreed + 1 : 1;
        target = at;
    }
    *position = target;
    return FACTUM_OK;
}

void fct_query_walk_seek(struct fct_query_walk *walk, uint64_t position)
{
    walk_check(walk);
    walk->target = position;
    walk->ended = false;
    for (uint32_t i = 0; i < walk->list_count; i++) {
        walk->lists[i].known = false;
        walk->lists[i].placed = false;
        walk->lists[i].done_end = 0;
    }
}

factum_status fct_query_walk_next(struct fct_query_walk *walk, uint64_t end, uint64_t *position,
                                  factum_error *err)
{
    factum_status found = FACTUM_DONE;
    uint64_t nearest = 0;
    if (walk->ended) {
        return FACTUM_DONE;
    }
    walk_check(walk);
    walk->end = end;
    walk->steps_left = FCT_QUERY_WALK_STEPS;
    for (uint32_t i = 0; i < walk->item_count; i++) {
        uint64_t at = 0;
        factum_status status = item_skip(walk, &walk->items[i], walk->target, &at, err);
        if (status < 0 || status == FACTUM_PENDING) {
            return status;
        }
        if (status == FACTUM_OK && (found == FACTUM_DONE || is_before(walk, at, nearest))) {
            nearest = at;
            found = FACTUM_OK;
        }
    }
    if (found != FACTUM_OK) {
        return FACTUM_DONE;
    }
    *position = nearest;
    walk->ended = walk->backwards && nearest == 0;
    walk->target = walk->backwards ? nearest - 1 : nearest + 1;
    walk_check(walk);
    return FACTUM_OK;
}

/* ---- creating -------------------------------------------------------------------------------- */

/* NULL: out of memory. */
static struct fct_query_walk *allocate(struct fct_local *local, uint32_t items, uint32_t names)
{
    struct fct_query_walk *walk = fct_mem_zalloc(local->mem, 1,
                                                 sizeof *walk + names * sizeof(struct list) +
                                                     (items + names) * sizeof(struct span));
    if (walk == NULL) {
        return NULL;
    }
    walk->local = local;
    walk->names_max = names;
    walk->lists = (struct list *)(void *)(walk + 1);
    walk->groups = (struct span *)(void *)(walk->lists + names);
    walk->items = walk->groups + names;
    return walk;
}

static factum_status add_list(struct fct_query_walk *walk, enum fct_index_kind kind,
                              factum_slice name, factum_error *err)
{
    FCT_ASSERT(walk->list_count < walk->names_max);
    struct list *list = &walk->lists[walk->list_count++];
    struct fct_index *index = walk->local->index;
    struct fct_index_key key = fct_index_key(index, kind, name);
    fct_postings_init(&list->postings, index, &key);
    return fct_index_find(index, &key, &list->count, NULL, NULL, err);
}

/* Adds a group to the item, with one list for each name. */
static factum_status add_group(struct fct_query_walk *walk, struct span *item,
                               enum fct_index_kind kind, const factum_slice *names, size_t count,
                               factum_error *err)
{
    factum_status status = FACTUM_OK;
    FCT_ASSERT(count > 0);
    FCT_ASSERT(walk->group_count < walk->names_max);
    walk->groups[walk->group_count++] = (struct span){walk->list_count, (uint32_t)count};
    item->count++;
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = add_list(walk, kind, names[i], err);
    }
    return status;
}

static uint64_t group_size(const struct fct_query_walk *walk, const struct span *group)
{
    uint64_t size = 0;
    FCT_ASSERT(group->first + group->count <= walk->list_count);
    for (uint32_t i = 0; i < group->count; i++) {
        size += walk->lists[group->first + i].count;
    }
    return size;
}

/* Removes the groups of the last item that are much longer than its shortest. */
static void drop_long_groups(struct fct_query_walk *walk, struct span *item)
{
    FCT_ASSERT(item->count > 0);
    FCT_ASSERT(item->first + item->count == walk->group_count); /* it is the last item */
    uint64_t shortest = UINT64_MAX;
    for (uint32_t i = 0; i < item->count; i++) {
        uint64_t size = group_size(walk, &walk->groups[item->first + i]);
        shortest = size < shortest ? size : shortest;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < item->count; i++) {
        struct span group = walk->groups[item->first + i];
        if (group_size(walk, &group) / MUCH_LONGER <= shortest) {
            walk->groups[item->first + kept++] = group;
        }
    }
    FCT_ASSERT(kept > 0);
    item->count = kept;
    walk->group_count = item->first + kept;
}

static factum_status add_item(struct fct_query_walk *walk, const factum_query_item *query,
                              factum_error *err)
{
    struct span *item = &walk->items[walk->item_count++];
    *item = (struct span){walk->group_count, 0};
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < query->tag_count && status == FACTUM_OK; i++) {
        status = add_group(walk, item, FCT_INDEX_TAG, &query->tags[i], 1, err);
    }
    if (status == FACTUM_OK && query->type_count > 0) {
        status = add_group(walk, item, FCT_INDEX_TYPE, query->types, query->type_count, err);
    }
    if (status == FACTUM_OK) {
        drop_long_groups(walk, item);
    }
    return status;
}

static factum_status finish_creating(struct fct_query_walk **out, struct fct_query_walk *walk,
                                     bool backwards, factum_status status)
{
    if (status != FACTUM_OK) {
        fct_query_walk_destroy(walk);
        return status;
    }
    walk->backwards = backwards;
    walk->target = backwards ? UINT64_MAX : 0;
    walk_check(walk);
    *out = walk;
    return FACTUM_OK;
}

factum_status fct_query_walk_create(struct fct_query_walk **out, struct fct_local *local,
                                    const factum_query *query, bool backwards, factum_error *err)
{
    size_t names = 0;
    *out = NULL;
    for (size_t i = 0; i < query->item_count; i++) {
        names += query->items[i].type_count + query->items[i].tag_count;
    }
    struct fct_query_walk *walk = allocate(local, (uint32_t)query->item_count, (uint32_t)names);
    if (walk == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "query: out of memory");
    }
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < query->item_count && status == FACTUM_OK; i++) {
        status = add_item(walk, &query->items[i], err);
    }
    return finish_creating(out, walk, backwards, status);
}

/* The categories of all streams that have one of the prefixes, each once. False: a prefix does not
 * name a category, or no name follows. */
static bool categories_of(const factum_filter *filter, factum_slice *categories, size_t *count)
{
    *count = 0;
    FCT_ASSERT(filter->stream_prefix_count <= FACTUM_FILTER_NAMES_MAX); /* room in |categories| */
    for (size_t i = 0; i < filter->stream_prefix_count; i++) {
        factum_slice category = fct_category(filter->stream_prefixes[i]);
        bool repeated = false;
        for (size_t j = 0; j < *count; j++) {
            repeated = repeated || fct_slice_equal(categories[j], category);
        }
        if (category.len == 0) {
            return false;
        }
        if (!repeated) {
            categories[(*count)++] = category;
        }
    }
    return *count > 0;
}

factum_status fct_query_walk_create_filtered(struct fct_query_walk **out, struct fct_local *local,
                                             const factum_filter *filter, bool backwards,
                                             factum_error *err)
{
    factum_slice categories[FACTUM_FILTER_NAMES_MAX];
    size_t category_count;
    *out = NULL;
    bool by_category = categories_of(filter, categories, &category_count);
    bool by_type = filter->type_count > 0 && filter->type_prefix_count == 0;
    if (!by_category && !by_type) {
        return FACTUM_OK;
    }
    struct fct_query_walk *walk = allocate(local, 1, 2 * FACTUM_FILTER_NAMES_MAX);
    if (walk == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "query: out of memory");
    }
    factum_status status = FACTUM_OK;
    struct span *item = &walk->items[walk->item_count++];
    if (by_category) {
        status = add_group(walk, item, FCT_INDEX_CATEGORY, categories, category_count, err);
    }
    if (status == FACTUM_OK && by_type) {
        status = add_group(walk, item, FCT_INDEX_TYPE, filter->types, filter->type_count, err);
    }
    if (status == FACTUM_OK) {
        drop_long_groups(walk, item);
    }
    return finish_creating(out, walk, backwards, status);
}

void fct_query_walk_destroy(struct fct_query_walk *walk)
{
    if (walk != NULL) {
        fct_mem_free(walk->local->mem, walk);
    }
}

/* ---- looking at records ---------------------------------------------------------------------- */

bool fct_record_fits(const struct fct_record *record, const factum_query *query)
{
    factum_slice tags[FACTUM_TAGS_MAX];
    size_t tag_count = 0;
    size_t offset = 0;
    while (tag_count < FACTUM_TAGS_MAX && fct_record_tag_next(record, &offset, &tags[tag_count])) {
        tag_count++;
    }
    return fct_query_fits(query, record->type, tags, tag_count);
}

factum_status fct_query_first_after(struct fct_local *local, const factum_query *query,
                                    uint64_t after, uint64_t *position, factum_error *err)
{
    struct fct_query_walk *walk;
    if (after == UINT64_MAX) {
        return FACTUM_DONE; /* no position is after that */
    }
    factum_status status = fct_query_walk_create(&walk, local, query, false, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(walk != NULL);
    fct_query_walk_seek(walk, after + 1);
    do {
        struct fct_record record;
        status = fct_query_walk_next(walk, UINT64_MAX, position, err);
        if (status == FACTUM_OK) {
            status = fct_log_read(local->log, *position, &record, err);
            if (status == FACTUM_OK && fct_record_fits(&record, query)) {
                break;
            }
        }
    } while (status == FACTUM_OK || status == FACTUM_PENDING);
    fct_query_walk_destroy(walk);
    return status;
}
