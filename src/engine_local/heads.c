/* heads.c - see heads.h. Layer: engine_local.
 *
 * Set-associative: the low bits of a hash choose a set of FCT_HEADS_WAYS places.
 *
 * Invariants:
 *  1. The number of sets is a power of two.
 *  2. A stream is in one place at most, and that is in its own set.
 *  3. |used| of an occupied place is the clock when its head was put there, and never 0.
 *  4. A stream that is soft-deleted has metadata, which says so.
 */
#include "engine_local/heads.h"

#include "core/check.h"

static void heads_check(const struct fct_heads *heads)
{
    FCT_ASSERT(heads->sets != NULL);
    FCT_ASSERT((heads->set_mask & (heads->set_mask + 1)) == 0);
}

bool fct_heads_init(struct fct_heads *heads, const struct fct_mem *mem, size_t count)
{
    size_t sets = 1;
    while (sets * FCT_HEADS_WAYS < count) {
        sets *= 2;
    }
    *heads = (struct fct_heads){
        .mem = mem,
        .sets = fct_mem_zalloc(mem, sets * FCT_HEADS_WAYS, sizeof(struct fct_head)),
        .set_mask = sets - 1,
    };
    return heads->sets != NULL;
}

void fct_heads_finish(struct fct_heads *heads)
{
    if (heads->sets != NULL) {
        heads_check(heads);
        fct_mem_free(heads->mem, heads->sets);
        heads->sets = NULL;
    }
}

static struct fct_head *set_of(const struct fct_heads *heads, struct fct_hash128 hash)
{
    heads_check(heads);
    return &heads->sets[(hash.low & heads->set_mask) * FCT_HEADS_WAYS];
}

void fct_heads_prefetch(const struct fct_heads *heads, struct fct_hash128 hash)
{
    const struct fct_head *set = set_of(heads, hash);
    FCT_PREFETCH(&set[0]);
    FCT_PREFETCH(&set[1].used);
    FCT_PREFETCH(&set[3]);
}

const struct fct_head *fct_heads_find(const struct fct_heads *heads, struct fct_hash128 hash)
{
    const struct fct_head *set = set_of(heads, hash);
    for (size_t i = 0; i < FCT_HEADS_WAYS; i++) {
        if (set[i].used != 0 && fct_hash128_equal(set[i].hash, hash)) {
            return &set[i];
        }
    }
    return NULL;
}

void fct_heads_put(struct fct_heads *heads, const struct fct_head *head)
{
    struct fct_head *set = set_of(heads, head->hash);
    struct fct_head *place = &set[0];
    FCT_ASSERT((head->flags & FCT_HEAD_SOFT_DELETED) == 0 ||
               (head->flags & FCT_HEAD_METADATA) != 0); /* invariant 4 */
    for (size_t i = 0; i < FCT_HEADS_WAYS; i++) {
        if (set[i].used != 0 && fct_hash128_equal(set[i].hash, head->hash)) {
            place = &set[i];
            break;
        }
        bool older = set[i].used == 0 || (int32_t)(set[i].used - place->used) < 0;
        if (place->used != 0 && older) {
            place = &set[i];
        }
    }
    FCT_ASSERT(head != place);
    *place = *head;
    heads->clock += heads->clock == UINT32_MAX ? 2 : 1; /* 0 means empty */
    place->used = heads->clock;
    FCT_ASSERT(place->used != 0);
}
