/* resequencer.c - events that wait for their turn. Layer: projection. Pure: no clock, no store.
 *
 * Each held event is a node of up to three structures:
 *
 *     by (key, sequence)   a skip list: finds the first event of a key, and the next key, in log n
 *     by arrival           a list, oldest first: who has waited too long, who makes room
 *     to look at           a list: nodes whose turn may have come since the last look
 *
 * Invariants:
 *  1. Every node is in the skip list and in the list of arrivals. There are |held| nodes of
 *     |held_size| bytes, at most count_max and size_max.
 *  2. |arrived| never falls along the list of arrivals, and is never after |now|.
 *  3. Two nodes differ in key or sequence.
 *  4. An event is held until |release| or |park| has accepted it.
 *  5. Outside of the caller's functions |busy| is false.
 */
#include "projection/resequencer.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/sized.h"
#include "core/slice.h"

#define RESEQ_LEVELS 12 /* each level has about a quarter of the nodes of the one below */
#define RESEQ_COUNT_MAX 10000
#define RESEQ_SIZE_MAX (UINT64_C(64) << 20)
#define RESEQ_WAIT_MAX INT64_C(30000000000)

struct reseq_node {
    struct reseq_node *older; /* in the list of arrivals */
    struct reseq_node *newer;
    struct reseq_node *look_before; /* in the list to look at, if |looked_for| */
    struct reseq_node *look_after;
    bool looked_for;
    int64_t arrived;
    uint64_t size; /* bytes of this block */
    factum_sequenced item;
    factum_event event;
    factum_slice commit_key;
    unsigned levels;
    struct reseq_node *next[]; /* |levels| of them; then the tags, then the bytes */
};

struct reseq_look {
    struct reseq_node *first;
    struct reseq_node *last;
};

struct factum_resequencer {
    const struct fct_mem *mem;
    factum_resequencer_options options;
    struct reseq_node *heads[RESEQ_LEVELS];
    struct reseq_node *oldest;
    struct reseq_node *newest;
    struct reseq_look look;
    bool look_all;
    bool busy; /* a function of the caller runs */
    int64_t now;
    uint64_t held;
    uint64_t held_size;
    uint64_t released;
    uint64_t parked;
    uint64_t dropped;
};

/* The invariants at the head of this file that take no walk. */
static void reseq_check(const factum_resequencer *r)
{
    FCT_ASSERT(!r->busy);
    FCT_ASSERT(r->held <= r->options.count_max);
    FCT_ASSERT(r->held_size <= r->options.size_max);
    FCT_ASSERT((r->held == 0) == (r->oldest == NULL));
    FCT_ASSERT((r->held == 0) == (r->newest == NULL));
    FCT_ASSERT((r->held == 0) == (r->heads[0] == NULL));
    FCT_ASSERT(r->newest == NULL || r->oldest->arrived <= r->newest->arrived);
    FCT_ASSERT(r->newest == NULL || r->newest->arrived <= r->now);
}

/* ---- the skip list --------------------------------------------------------------------------- */

static int reseq_compare_keys(factum_slice a, factum_slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Is the node before (key, sequence)? */
static bool reseq_is_before(const struct reseq_node *node, factum_slice key, uint64_t sequence)
{
    int order = reseq_compare_keys(node->item.key, key);
    return order < 0 || (order == 0 && node->item.sequence < sequence);
}

/* The first node at or after (key, sequence), or NULL. |links| is NULL or has RESEQ_LEVELS entries,
 * which get the link of each level that leads past that place. */
static struct reseq_node *reseq_find(factum_resequencer *r, factum_slice key, uint64_t sequence,
                                     struct reseq_node ***links)
{
    struct reseq_node **level_links = r->heads;
    for (unsigned level = RESEQ_LEVELS; level-- > 0;) {
        while (level_links[level] != NULL && reseq_is_before(level_links[level], key, sequence)) {
            level_links = level_links[level]->next;
        }
        if (links != NULL) {
            links[level] = &level_links[level];
        }
    }
    return level_links[0];
}

/* The first held event of |key|, or NULL. */
static struct reseq_node *reseq_first_of(factum_resequencer *r, factum_slice key)
{
    struct reseq_node *node = reseq_find(r, key, 0, NULL);
    return node != NULL && fct_slice_equal(node->item.key, key) ? node : NULL;
}

/* The next event of the node's key, or NULL. */
static struct reseq_node *reseq_next_of(const struct reseq_node *node)
{
    struct reseq_node *next = node->next[0];
    return next != NULL && fct_slice_equal(next->item.key, node->item.key) ? next : NULL;
}

/* The number of levels of a node, by a hash, so that the same events build the same list. */
static unsigned reseq_levels_of(factum_slice key, uint64_t sequence)
{
    uint64_t bits = fct_hash64(key, sequence);
    unsigned levels = 1;
    while (levels < RESEQ_LEVELS && (bits & 3) == 0) {
        bits >>= 2;
        levels++;
    }
    return levels;
}

/* ---- the list of what is to be looked at ----------------------------------------------------- */

static void reseq_look_for(struct reseq_look *look, struct reseq_node *node)
{
    if (node->looked_for) {
        return;
    }
    node->looked_for = true;
    node->look_before = look->last;
    node->look_after = NULL;
    *(look->last == NULL ? &look->first : &look->last->look_after) = node;
    look->last = node;
}

static void reseq_unlook(struct reseq_look *look, struct reseq_node *node)
{
    if (!node->looked_for) {
        return;
    }
    *(node->look_before == NULL ? &look->first : &node->look_before->look_after) = node->look_after;
    *(node->look_after == NULL ? &look->last : &node->look_after->look_before) = node->look_before;
    node->looked_for = false;
}

/* An event of |key| was released or parked: others may have their turn now. */
static void reseq_changed(factum_resequencer *r, factum_slice key)
{
    struct reseq_node *first = reseq_first_of(r, key);
    if (first != NULL) {
        reseq_look_for(&r->look, first);
    }
    if (r->options.across_keys && r->held > 0) {
        r->look_all = true;
    }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static uint64_t reseq_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The bytes of a block for |item|. */
static uint64_t reseq_size_of(const factum_sequenced *item, unsigned levels)
{
    const factum_event *event = item->event;
    uint64_t size = sizeof(struct reseq_node) + levels * sizeof(struct reseq_node *) +
                    event->tag_count * sizeof(factum_slice);
    const factum_slice parts[] = {item->key,
                                  event->stream,
                                  event->type,
                                  event->data,
                                  event->metadata,
                                  event->content_type,
                                  event->key == NULL ? (factum_slice){NULL, 0} : *event->key};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size = reseq_add(size, parts[i].len);
    }
    for (size_t i = 0; i < event->tag_count; i++) {
        size = reseq_add(size, event->tags[i].len);
    }
    return size;
}

/* Copies *slice to *to, moves *to past the copy, and makes *slice point to it. */
static void reseq_copy_slice(factum_slice *slice, uint8_t **to)
{
    if (slice->len > 0) {
        memcpy(*to, slice->ptr, slice->len);
    }
    slice->ptr = *to;
    *to += slice->len;
}

/* Fills the zeroed block |node| with a copy of |item|. */
static void reseq_copy(struct reseq_node *node, const factum_sequenced *item)
{
    factum_slice *tags = (factum_slice *)(void *)&node->next[node->levels];
    uint8_t *to = (uint8_t *)(tags + item->event->tag_count);
    node->item = *item;
    node->event = *item->event;
    node->item.event = &node->event;
    reseq_copy_slice(&node->item.key, &to);
    reseq_copy_slice(&node->event.stream, &to);
    reseq_copy_slice(&node->event.type, &to);
    reseq_copy_slice(&node->event.data, &to);
    reseq_copy_slice(&node->event.metadata, &to);
    reseq_copy_slice(&node->event.content_type, &to);
    if (node->event.tag_count > 0) {
        memcpy(tags, item->event->tags, item->event->tag_count * sizeof *tags);
        node->event.tags = tags;
    }
    for (size_t i = 0; i < node->event.tag_count; i++) {
        reseq_copy_slice(&tags[i], &to);
    }
    if (node->event.key != NULL) {
        node->commit_key = *item->event->key;
        reseq_copy_slice(&node->commit_key, &to);
        node->event.key = &node->commit_key;
    }
    FCT_ASSERT((uint64_t)(to - (uint8_t *)node) == node->size);
}

static void reseq_insert(factum_resequencer *r, struct reseq_node *node)
{
    struct reseq_node **links[RESEQ_LEVELS];
    (void)reseq_find(r, node->item.key, node->item.sequence, links);
    for (unsigned level = 0; level < node->levels; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    node->older = r->newest;
    *(r->newest == NULL ? &r->oldest : &r->newest->newer) = node;
    r->newest = node;
    r->held++;
    r->held_size += node->size;
}

static void reseq_remove(factum_resequencer *r, struct reseq_node *node)
{
    struct reseq_node **links[RESEQ_LEVELS];
    FCT_ASSERT(r->held > 0);
    FCT_ASSERT(reseq_find(r, node->item.key, node->item.sequence, links) == node);
    for (unsigned level = 0; level < node->levels; level++) {
        *links[level] = node->next[level];
    }
    *(node->older == NULL ? &r->oldest : &node->older->newer) = node->newer;
    *(node->newer == NULL ? &r->newest : &node->newer->older) = node->older;
    reseq_unlook(&r->look, node);
    r->held--;
    r->held_size -= node->size;
    fct_mem_free(r->mem, node);
}

/* ---- what is the caller's -------------------------------------------------------------------- */

static factum_turn reseq_ask(factum_resequencer *r, const factum_sequenced *item)
{
    r->busy = true;
    factum_turn turn = r->options.turn(r->options.data, item);
    r->busy = false;
    return turn;
}

/* Gives |item| to |release| or, with a |reason|, to |park|. */
static factum_status reseq_hand_over(factum_resequencer *r, const factum_sequenced *item,
                                     factum_park_reason reason, factum_error *err)
{
    const factum_resequencer_options *options = &r->options;
    const char *what = reason == 0 ? "released" : "parked";
    *err = (factum_error){.status = FACTUM_OK};
    r->busy = true;
    factum_status status = reason == 0 ? options->release(options->data, item, err)
                                       : options->park(options->data, item, reason, err);
    r->busy = false;
    if (status == FACTUM_OK) {
        *(reason == 0 ? &r->released : &r->parked) += 1;
        return FACTUM_OK;
    }
    if (status > 0 || err->text[0] == '\0') {
        status = status > 0 ? FACTUM_INVALID : status;
        (void)fct_fail(err, status, "%s", factum_status_text(status));
    }
    return fct_wrap(err, status, "resequencer: an event of the key %.*s was not %s",
                    FCT_FMT(item->key), what);
}

static factum_status reseq_bad_turn(factum_turn turn, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID, "resequencer: %d is not a factum_turn", (int)turn);
}

/* Parks |first| and all later events of its key. */
static factum_status reseq_park_from(factum_resequencer *r, struct reseq_node *first,
                                     factum_park_reason reason, factum_error *err)
{
    while (first != NULL) {
        struct reseq_node *next = reseq_next_of(first);
        factum_status status = reseq_hand_over(r, &first->item, reason, err);
        if (status != FACTUM_OK) {
            return status;
        }
        reseq_remove(r, first);
        first = next;
    }
    return FACTUM_OK;
}

/* ---- giving ---------------------------------------------------------------------------------- */

/* Parks the keys that have waited longest until an event of |size| bytes has room. */
static factum_status reseq_make_room(factum_resequencer *r, uint64_t size, factum_error *err)
{
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK &&
           (r->held >= r->options.count_max || r->held_size > r->options.size_max - size)) {
        FCT_ASSERT(r->oldest != NULL);
        status = reseq_park_from(r, reseq_first_of(r, r->oldest->item.key), FACTUM_PARK_ROOM, err);
    }
    return status;
}

static factum_status reseq_hold(factum_resequencer *r, const factum_sequenced *item,
                                factum_error *err)
{
    const struct reseq_node *same = reseq_find(r, item->key, item->sequence, NULL);
    if (same != NULL && same->item.sequence == item->sequence &&
        fct_slice_equal(same->item.key, item->key)) {
        r->dropped++;
        return FACTUM_DONE;
    }
    unsigned levels = reseq_levels_of(item->key, item->sequence);
    uint64_t size = reseq_size_of(item, levels);
    if (size > r->options.size_max) {
        return reseq_hand_over(r, item, FACTUM_PARK_ROOM, err);
    }
    factum_status status = reseq_make_room(r, size, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct reseq_node *node = fct_mem_zalloc(r->mem, 1, (size_t)size);
    if (node == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "resequencer: out of memory");
    }
    node->levels = levels;
    node->size = size;
    node->arrived = r->now;
    reseq_copy(node, item);
    reseq_insert(r, node);
    return FACTUM_PENDING;
}

static factum_status reseq_take(factum_resequencer *r, const factum_sequenced *item,
                                factum_error *err)
{
    factum_status status;
    factum_turn turn = reseq_ask(r, item);
    switch (turn) {
    case FACTUM_TURN_NOW:
    case FACTUM_TURN_PARK:
        status = reseq_hand_over(r, item, turn == FACTUM_TURN_PARK ? FACTUM_PARK_TURN : 0, err);
        if (status == FACTUM_OK) {
            reseq_changed(r, item->key);
        }
        return status;
    case FACTUM_TURN_WAIT:
        return reseq_hold(r, item, err);
    case FACTUM_TURN_PAST:
        r->dropped++;
        return FACTUM_DONE;
    default:
        return reseq_bad_turn(turn, err);
    }
}

static factum_status reseq_enter(factum_resequencer *r, int64_t now, factum_error *err)
{
    if (r == NULL || r->busy) {
        return fct_fail(err, FACTUM_INVALID, "resequencer: %s",
                        r == NULL ? "one is needed"
                                  : "it cannot be called by a function that it calls");
    }
    r->now = now > r->now ? now : r->now;
    reseq_check(r);
    return FACTUM_OK;
}

factum_status factum_resequencer_give(factum_resequencer *resequencer, const factum_sequenced *item,
                                      int64_t now, factum_error *err)
{
    factum_error own;
    factum_sequenced full;
    err = fct_error_or(err, &own);
    factum_status status = reseq_enter(resequencer, now, err);
    if (status == FACTUM_OK) {
        status = fct_sized_read(&full, sizeof full, item, "resequencer: the event", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (full.event == NULL || full.key.len > FACTUM_NAME_SIZE_MAX ||
        full.event->tag_count > FACTUM_TAGS_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "resequencer: an event is needed, with a key of at most %d bytes and at "
                        "most %d tags",
                        FACTUM_NAME_SIZE_MAX, FACTUM_TAGS_MAX);
    }
    status = reseq_take(resequencer, &full, err);
    reseq_check(resequencer);
    return status;
}

/* ---- running --------------------------------------------------------------------------------- */

/* A run goes on with other keys after a failure; the next run looks at all keys again. |err| has
 * the first failure. */
struct reseq_run {
    factum_status status;
    factum_error *err;
};

static void reseq_run_failed(struct reseq_run *run, factum_status status, const factum_error *why)
{
    if (run->status == FACTUM_OK) {
        run->status = status;
        *run->err = *why;
    }
}

/* Asks for the turn of the first event of the key of |node| and, while one is released, of the
 * next. */
static factum_status reseq_drain(factum_resequencer *r, struct reseq_node *node,
                                 struct reseq_run *run)
{
    node = reseq_first_of(r, node->item.key);
    FCT_ASSERT(node != NULL);
    while (node != NULL) {
        factum_error why;
        factum_status status = FACTUM_OK;
        struct reseq_node *next = reseq_next_of(node);
        factum_turn turn = reseq_ask(r, &node->item);
        if (turn == FACTUM_TURN_WAIT) {
            return FACTUM_OK;
        }
        if (turn == FACTUM_TURN_NOW) {
            status = reseq_hand_over(r, &node->item, 0, &why);
            r->look_all = r->look_all || (status == FACTUM_OK && r->options.across_keys);
        } else if (turn == FACTUM_TURN_PARK) {
            status = reseq_park_from(r, node, FACTUM_PARK_TURN, &why);
            next = NULL;
        } else if (turn != FACTUM_TURN_PAST) {
            status = reseq_bad_turn(turn, &why);
        }
        if (status != FACTUM_OK) {
            reseq_run_failed(run, status, &why);
            return status;
        }
        r->dropped += turn == FACTUM_TURN_PAST;
        if (turn != FACTUM_TURN_PARK) {
            reseq_remove(r, node);
        }
        node = next;
    }
    return FACTUM_OK;
}

static void reseq_look_at_all(factum_resequencer *r, struct reseq_run *run)
{
    struct reseq_node *node = r->heads[0];
    r->look_all = false;
    while (r->look.first != NULL) {
        reseq_unlook(&r->look, r->look.first);
    }
    while (node != NULL) {
        struct reseq_node *after = reseq_find(r, node->item.key, UINT64_MAX, NULL);
        if (after != NULL && fct_slice_equal(after->item.key, node->item.key)) {
            after = after->next[0];
        }
        (void)(reseq_drain(r, node, run) == FACTUM_OK); /* |run| has the failure */
        node = after;
    }
}

static void reseq_look_at_listed(factum_resequencer *r, struct reseq_run *run)
{
    while (r->look.first != NULL && !r->look_all) {
        struct reseq_node *node = r->look.first;
        reseq_unlook(&r->look, node);
        (void)(reseq_drain(r, node, run) == FACTUM_OK);
    }
}

static bool reseq_is_late(const factum_resequencer *r)
{
    return r->oldest != NULL &&
           (uint64_t)r->now - (uint64_t)r->oldest->arrived >= (uint64_t)r->options.wait_max;
}

/* Parks the key of the oldest event, unless it has its turn now or its release failed. False:
 * nothing has changed. */
static bool reseq_park_late(factum_resequencer *r, struct reseq_run *run)
{
    factum_error why;
    const uint64_t held = r->held;
    struct reseq_node *oldest = r->oldest;
    if (reseq_drain(r, oldest, run) != FACTUM_OK) {
        return false;
    }
    if (r->held != held) { /* another key may be the oldest now: its turn was not asked for */
        return true;
    }
    factum_status status =
        reseq_park_from(r, reseq_first_of(r, oldest->item.key), FACTUM_PARK_LATE, &why);
    if (status != FACTUM_OK) {
        reseq_run_failed(run, status, &why);
    }
    return status == FACTUM_OK;
}

factum_status factum_resequencer_run(factum_resequencer *resequencer, int64_t now, bool all,
                                     factum_error *err)
{
    factum_error own;
    struct reseq_run run = {FACTUM_OK, fct_error_or(err, &own)};
    factum_resequencer *r = resequencer;
    bool more = true;
    factum_status status = reseq_enter(r, now, run.err);
    if (status != FACTUM_OK) {
        return status;
    }
    r->look_all = r->look_all || all;
    while (more) {
        if (r->look_all) { /* each pass after the first follows a release */
            reseq_look_at_all(r, &run);
        } else if (r->look.first != NULL) {
            reseq_look_at_listed(r, &run);
        } else {
            more = reseq_is_late(r) && reseq_park_late(r, &run);
        }
    }
    r->look_all = run.status != FACTUM_OK;
    reseq_check(r);
    return run.status;
}

/* ---- opening, figures ------------------------------------------------------------------------ */

factum_status fct_resequencer_open(const struct fct_mem *mem,
                                   const factum_resequencer_options *options,
                                   factum_resequencer **resequencer, factum_error *err)
{
    factum_resequencer_options full;
    if (resequencer == NULL) {
        return fct_fail(err, FACTUM_INVALID, "resequencer: a place for it is needed");
    }
    *resequencer = NULL;
    factum_status status =
        fct_sized_read(&full, sizeof full, options, "resequencer: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (full.turn == NULL || full.release == NULL || full.park == NULL || full.wait_max < 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "resequencer: functions for turn, release and park are needed, and "
                        "wait_max is not negative");
    }
    factum_resequencer *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "resequencer: out of memory");
    }
    full.count_max = full.count_max == 0 ? RESEQ_COUNT_MAX : full.count_max;
    full.size_max = full.size_max == 0 ? RESEQ_SIZE_MAX : full.size_max;
    full.size_max = full.size_max > SIZE_MAX / 2 ? SIZE_MAX / 2 : full.size_max;
    full.wait_max = full.wait_max == 0 ? RESEQ_WAIT_MAX : full.wait_max;
    made->mem = mem;
    made->options = full;
    made->now = INT64_MIN;
    *resequencer = made;
    return FACTUM_OK;
}

factum_status factum_resequencer_open(const factum_resequencer_options *options,
                                      factum_resequencer **resequencer, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    return fct_resequencer_open(fct_mem_heap(), options, resequencer, err);
}

void factum_resequencer_close(factum_resequencer *resequencer)
{
    if (resequencer == NULL) {
        return;
    }
    struct reseq_node *node = resequencer->oldest;
    while (node != NULL) {
        struct reseq_node *newer = node->newer;
        fct_mem_free(resequencer->mem, node);
        node = newer;
    }
    fct_mem_free(resequencer->mem, resequencer);
}

factum_status factum_resequencer_info_get(const factum_resequencer *resequencer,
                                          factum_resequencer_info *info, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (resequencer == NULL) {
        return fct_fail(err, FACTUM_INVALID, "resequencer: one is needed");
    }
    factum_status status = fct_sized_check(info, "resequencer: the figures", err);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct reseq_node *oldest = resequencer->oldest;
    int64_t wait = resequencer->options.wait_max;
    factum_resequencer_info full = {
        .size = sizeof full,
        .held = resequencer->held,
        .held_size = resequencer->held_size,
        .due = oldest == NULL || oldest->arrived > INT64_MAX - wait ? INT64_MAX
                                                                    : oldest->arrived + wait,
        .released = resequencer->released,
        .parked = resequencer->parked,
        .dropped = resequencer->dropped,
    };
    for (const struct reseq_node *node = oldest; node != NULL; node = node->newer) {
        uint64_t position = node->event.position;
        if (position != 0 && (full.first_held == 0 || position < full.first_held)) {
            full.first_held = position;
        }
    }
    fct_sized_write(info, &full, sizeof full);
    return FACTUM_OK;
}
