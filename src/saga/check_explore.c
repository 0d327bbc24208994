/* check_explore.c - see check_explore.h. Layer: saga.
 *
 *     blocks: worlds by number, in the order of discovery; each with the number of the world that
 *     it
 *             was found from, and of one that it can continue to
 *     table:  from a hash to a number; 32 bits of hash, then the number + 1; open addressing
 *
 * The list of worlds is also the queue: worlds below |at| are explored. Worlds with equal hashes
 * are compared by their words, so no world is missed.
 *
 * S7 is proven after the exploration, from the last world to the first. A world can end if it has
 * ended, is stuck, or can continue to a world that can end. Only inputs count that happen in every
 * run in which nothing is lost for ever. One such input is kept for each world, which nearly always
 * suffices; the few worlds for which it does not are examined again until nothing changes.
 */
#include "saga/check_explore.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"

#define BLOCK_STATES 16384u
#define BLOCKS_FIRST 64u
#define TABLE_FIRST 65536u
#define TELL_EVERY 16384u
#define NO_STATE UINT32_MAX

struct block {
    uint64_t *words;
    uint32_t *from;
    uint32_t *goes_to; /* NO_STATE: unknown; its own number: an end */
};

struct explorer {
    const struct fct_check_setup *setup;
    const struct fct_mem *mem;
    const factum_saga_progress *progress;
    struct fct_check_found *found;
    factum_error *err;
    uint32_t width; /* words per world */
    uint64_t state_max;
    uint64_t count;
    struct block *blocks;
    size_t block_count;
    size_t block_capacity;
    uint64_t *table;
    uint64_t table_size; /* a power of two */
    struct fct_world world;
    struct fct_world next;
    struct fct_saga_outcome out;
    uint64_t words[FCT_CHECK_WORDS_MAX];
    struct fct_check_input inputs[FCT_CHECK_INPUTS_MAX];
};

static factum_status no_memory(const struct explorer *e)
{
    return fct_fail(e->err, FACTUM_NO_MEMORY, "saga: no memory for more than %llu states",
                    (unsigned long long)e->count);
}

/* ---- worlds by number ------------------------------------------------------------------------ */

static uint64_t *words_of(const struct explorer *e, uint64_t at)
{
    return e->blocks[at / BLOCK_STATES].words + (at % BLOCK_STATES) * e->width;
}

static uint32_t *from_of(const struct explorer *e, uint64_t at)
{
    return &e->blocks[at / BLOCK_STATES].from[at % BLOCK_STATES];
}

static uint32_t *goes_to_of(const struct explorer *e, uint64_t at)
{
    return &e->blocks[at / BLOCK_STATES].goes_to[at % BLOCK_STATES];
}

static factum_status grow_blocks(struct explorer *e)
{
    if (e->block_count == e->block_capacity) {
        size_t capacity = e->block_capacity > 0 ? e->block_capacity * 2 : BLOCKS_FIRST;
        struct block *blocks = fct_mem_resize(e->mem, e->blocks, capacity * sizeof *blocks);
        if (blocks == NULL) {
            return no_memory(e);
        }
        e->blocks = blocks;
        e->block_capacity = capacity;
    }
    struct block *block = &e->blocks[e->block_count++];
    block->words = fct_mem_alloc(e->mem, (size_t)BLOCK_STATES * e->width * sizeof *block->words);
    block->from = fct_mem_alloc(e->mem, BLOCK_STATES * sizeof *block->from);
    block->goes_to = fct_mem_alloc(e->mem, BLOCK_STATES * sizeof *block->goes_to);
    return block->words == NULL || block->from == NULL || block->goes_to == NULL ? no_memory(e)
                                                                                 : FACTUM_OK;
}

/* ---- worlds by what they are ----------------------------------------------------------------- */

static factum_status grow_table(struct explorer *e)
{
    uint64_t size = e->table_size > 0 ? e->table_size * 2 : TABLE_FIRST;
    uint64_t *table = fct_mem_zalloc(e->mem, size, sizeof *table);
    if (table == NULL) {
        return no_memory(e);
    }
    for (uint64_t i = 0; i < e->table_size; i++) {
        uint64_t entry = e->table[i];
        uint64_t at = (entry >> 32) & (size - 1);
        while (entry != 0 && table[at] != 0) {
            at = (at + 1) & (size - 1);
        }
        if (entry != 0) {
            table[at] = entry;
        }
    }
    fct_mem_free(e->mem, e->table);
    e->table = table;
    e->table_size = size;
    return FACTUM_OK;
}

/* The number of e->words, or NO_STATE with the free place in *place. */
static uint32_t find_state(const struct explorer *e, uint32_t hash, uint64_t *place)
{
    uint64_t at = hash & (e->table_size - 1);
    for (; e->table[at] != 0; at = (at + 1) & (e->table_size - 1)) {
        uint32_t number = (uint32_t)e->table[at] - 1;
        if (e->table[at] >> 32 == hash &&
            memcmp(words_of(e, number), e->words, e->width * sizeof e->words[0]) == 0) {
            return number;
        }
    }
    *place = at;
    return NO_STATE;
}

/* The number of e->words; adds them if they are new. */
static factum_status keep_state(struct explorer *e, uint32_t from, uint32_t *number)
{
    factum_status status = FACTUM_OK;
    if (e->count >= e->table_size / 4 * 3) {
        status = grow_table(e);
    }
    if (status == FACTUM_OK && e->count == (uint64_t)e->block_count * BLOCK_STATES) {
        status = grow_blocks(e);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t place = 0;
    factum_slice bytes = {(const uint8_t *)e->words, e->width * sizeof e->words[0]};
    uint32_t hash = (uint32_t)fct_hash64(bytes, 0);
    *number = find_state(e, hash, &place);
    if (*number == NO_STATE) {
        *number = (uint32_t)e->count++;
        memcpy(words_of(e, *number), e->words, bytes.len);
        *from_of(e, *number) = from;
        *goes_to_of(e, *number) = NO_STATE;
        e->table[place] = (uint64_t)hash << 32 | (*number + UINT64_C(1));
    }
    return FACTUM_OK;
}

/* ---- the run that breaks a rule -------------------------------------------------------------- */

/* Finds the input that leads from e->world to the words |to|, and applies it. |to| may have equal
 * steps in another order: e->world keeps the order, so that the steps keep their names. */
static void replay_step(struct explorer *e, const uint64_t *to, struct fct_check_input *input)
{
    const char *rule;
    uint32_t count = fct_world_inputs(e->setup, &e->world, e->inputs);
    for (uint32_t i = 0; i < count; i++) {
        if (fct_world_step(e->setup, &e->world, &e->inputs[i], &e->next, &e->out, &rule) !=
            FCT_CHECK_STEPPED) {
            continue;
        }
        (void)fct_world_pack(e->setup, &e->next, e->words);
        if (memcmp(e->words, to, e->width * sizeof *to) == 0) {
            *input = e->inputs[i];
            e->world = e->next;
            return;
        }
    }
    FCT_ASSERT(false); /* the world was found by such an input */
}

/* The same for the last input, which breaks |rule|. */
static void replay_break(struct explorer *e, const char *rule, struct fct_check_input *input)
{
    const char *broken;
    uint32_t count = fct_world_inputs(e->setup, &e->world, e->inputs);
    for (uint32_t i = 0; i < count; i++) {
        if (fct_world_step(e->setup, &e->world, &e->inputs[i], &e->next, &e->out, &broken) ==
                FCT_CHECK_BROKEN &&
            strcmp(broken, rule) == 0) {
            *input = e->inputs[i];
            return;
        }
    }
    FCT_ASSERT(false);
}

/* The run to the world |at|, and one input further if |more|. */
static factum_status record_run(struct explorer *e, uint32_t at, const char *rule, bool more)
{
    struct fct_check_found *found = e->found;
    uint32_t depth = 0;
    for (uint32_t i = at; i != 0; i = *from_of(e, i)) {
        depth++;
    }
    uint32_t *way = fct_mem_alloc(e->mem, (depth + UINT64_C(1)) * sizeof *way);
    found->run = fct_mem_zalloc(e->mem, depth + UINT64_C(1), sizeof *found->run);
    if (way == NULL || found->run == NULL) {
        fct_mem_free(e->mem, way);
        return no_memory(e);
    }
    uint32_t left = depth;
    for (uint32_t i = at; i != 0; i = *from_of(e, i)) {
        way[--left] = i;
    }
    fct_world_init(&e->world);
    for (uint32_t i = 0; i < depth; i++) {
        replay_step(e, words_of(e, way[i]), &found->run[i]);
    }
    if (more) {
        replay_break(e, rule, &found->run[depth]);
    }
    fct_mem_free(e->mem, way);
    found->run_count = depth + (more ? 1 : 0);
    found->rule = rule;
    found->complete = false;
    return FACTUM_OK;
}

/* ---- exploring ------------------------------------------------------------------------------- */

/* What was found from one world. */
struct seen {
    bool goes_on;
    bool act_helps;
    bool over;
    bool stuck;
};

static void note_successor(const struct explorer *e, uint32_t at, uint32_t number,
                           const struct fct_check_input *input, struct seen *seen)
{
    if (number == at) {
        return;
    }
    seen->act_helps = seen->act_helps || input->what >= FCT_CHECK_RETRY;
    if (!input->fair) {
        return;
    }
    seen->goes_on = true;
    uint32_t *goes_to = goes_to_of(e, at);
    if (!seen->over && number > at && *goes_to == NO_STATE) {
        *goes_to = number;
    }
}

static void count_end(struct explorer *e, uint32_t at, const struct seen *seen)
{
    if (!seen->over) {
        return;
    }
    *goes_to_of(e, at) = at;
    if (seen->stuck) {
        e->found->stuck_count++;
    } else if (e->world.phase == FCT_SAGA_DONE) {
        e->found->done_count++;
    } else {
        e->found->undone_count++;
    }
}

/* Finds the worlds that follow from the world |at|. A broken rule is put into e->found. */
static factum_status expand(struct explorer *e, uint32_t at)
{
    const char *rule;
    struct seen seen = {.goes_on = false};
    const uint64_t *before = words_of(e, at); /* blocks never move */
    fct_world_unpack(e->setup, before, &e->world);
    seen.over = fct_world_is_over(e->setup, &e->world, &seen.stuck);
    uint32_t count = fct_world_inputs(e->setup, &e->world, e->inputs);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number;
        enum fct_check_result result =
            fct_world_step(e->setup, &e->world, &e->inputs[i], &e->next, &e->out, &rule);
        if (result == FCT_CHECK_BROKEN) {
            return record_run(e, at, rule, true);
        }
        if (result == FCT_CHECK_IDLE) {
            continue;
        }
        (void)fct_world_pack_next(e->setup, &e->next, &e->world, before, e->words);
        factum_status status = keep_state(e, at, &number);
        if (status != FACTUM_OK) {
            return status;
        }
        note_successor(e, at, number, &e->inputs[i], &seen);
    }
    count_end(e, at, &seen);
    if (!seen.over && !seen.goes_on) {
        return record_run(e, at, "S7 nothing can happen any more, and it has not ended", false);
    }
    if (seen.stuck && e->world.acts < e->setup->acts && !seen.act_helps) {
        return record_run(e, at, "S5 it is stuck, and no act of an operator helps", false);
    }
    return FACTUM_OK;
}

static factum_status report_progress(const struct explorer *e, uint64_t at)
{
    bool go_on = e->progress == NULL || e->progress->step == NULL ||
                 e->progress->step(e->progress->data, e->count, e->count - at);
    return go_on ? FACTUM_OK : fct_fail(e->err, FACTUM_CANCELLED, "saga: the check was stopped");
}

static factum_status explore_all(struct explorer *e)
{
    factum_status status;
    uint64_t level_end = 1;
    uint32_t number;
    fct_world_init(&e->world);
    (void)fct_world_pack(e->setup, &e->world, e->words);
    status = keep_state(e, 0, &number);
    for (uint64_t at = 0; status == FACTUM_OK && at < e->count; at++) {
        if (e->count > e->state_max) {
            e->found->complete = false;
            return FACTUM_OK;
        }
        if (at == level_end) {
            e->found->run_length++;
            level_end = e->count;
        }
        status = at % TELL_EVERY == 0 ? report_progress(e, at) : FACTUM_OK;
        if (status == FACTUM_OK) {
            status = expand(e, (uint32_t)at);
        }
        if (e->found->rule != NULL) {
            return status;
        }
    }
    return status;
}

/* ---- S7 -------------------------------------------------------------------------------------- */

/* |goes_to| of a world that can end points to the world itself from here on. */
static bool can_end(const struct explorer *e, uint32_t at)
{
    return *goes_to_of(e, at) == at;
}

static uint64_t mark_ends(struct explorer *e)
{
    uint64_t open = 0;
    for (uint64_t at = e->count; at-- > 0;) {
        uint32_t *goes_to = goes_to_of(e, at);
        if (*goes_to != NO_STATE && can_end(e, *goes_to)) {
            *goes_to = (uint32_t)at;
        } else {
            open++;
        }
    }
    return open;
}

/* Examines the worlds that follow fairly from |at|. */
static bool look_again(struct explorer *e, uint32_t at)
{
    const char *rule;
    uint64_t place;
    fct_world_unpack(e->setup, words_of(e, at), &e->world);
    uint32_t count = fct_world_inputs(e->setup, &e->world, e->inputs);
    for (uint32_t i = 0; i < count; i++) {
        if (!e->inputs[i].fair || fct_world_step(e->setup, &e->world, &e->inputs[i], &e->next,
                                                 &e->out, &rule) != FCT_CHECK_STEPPED) {
            continue;
        }
        (void)fct_world_pack(e->setup, &e->next, e->words);
        factum_slice bytes = {(const uint8_t *)e->words, e->width * sizeof e->words[0]};
        uint32_t number = find_state(e, (uint32_t)fct_hash64(bytes, 0), &place);
        FCT_ASSERT(number != NO_STATE);
        if (can_end(e, number)) {
            return true;
        }
    }
    return false;
}

static factum_status prove_ends(struct explorer *e)
{
    uint64_t open = mark_ends(e);
    uint64_t before = open + 1;
    uint64_t looked = 0;
    uint32_t first = 0;
    while (open > 0 && open < before) {
        before = open;
        open = 0;
        for (uint64_t at = e->count; at-- > 0;) {
            if (can_end(e, (uint32_t)at)) {
                continue;
            }
            if (looked++ % TELL_EVERY == 0 && report_progress(e, e->count) != FACTUM_OK) {
                return FACTUM_CANCELLED;
            }
            if (look_again(e, (uint32_t)at)) {
                *goes_to_of(e, at) = (uint32_t)at;
            } else {
                open++;
                first = (uint32_t)at;
            }
        }
    }
    return open == 0 ? FACTUM_OK : record_run(e, first, "S7 from here on it can never end", false);
}

/* ---- the entry ------------------------------------------------------------------------------- */

static void explorer_free(struct explorer *e)
{
    const struct fct_mem *mem = e->mem;
    for (size_t i = 0; i < e->block_count; i++) {
        fct_mem_free(mem, e->blocks[i].words);
        fct_mem_free(mem, e->blocks[i].from);
        fct_mem_free(mem, e->blocks[i].goes_to);
    }
    fct_mem_free(mem, e->blocks);
    fct_mem_free(mem, e->table);
    fct_mem_free(mem, e);
}

factum_status fct_check_explore(const struct fct_check_setup *setup, uint64_t state_max,
                                const factum_saga_progress *progress, const struct fct_mem *mem,
                                struct fct_check_found *found, factum_error *err)
{
    memset(found, 0, sizeof *found);
    struct explorer *e = fct_mem_zalloc(mem, 1, sizeof *e);
    if (e == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "saga: the check");
    }
    found->complete = true;
    e->setup = setup;
    e->mem = mem;
    e->progress = progress;
    e->found = found;
    e->err = err;
    e->width = setup->slot_count + 1;
    e->state_max = state_max < FACTUM_SAGA_STATES_MAX ? state_max : FACTUM_SAGA_STATES_MAX;
    factum_status status = explore_all(e);
    if (status == FACTUM_OK && found->complete) {
        status = prove_ends(e);
    }
    found->state_count = e->count < e->state_max ? e->count : e->state_max;
    explorer_free(e);
    if (status != FACTUM_OK) {
        fct_check_found_finish(found, mem);
    }
    return status;
}

void fct_check_found_finish(struct fct_check_found *found, const struct fct_mem *mem)
{
    fct_mem_free(mem, found->run);
    memset(found, 0, sizeof *found);
}
