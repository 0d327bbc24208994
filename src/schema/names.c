/* names.c - see names.h. Layer: schema. Open addressing; at most half of the slots are used. */
#include "schema/names.h"

#include "core/hash.h"
#include "core/slice.h"

void fct_names_init(struct fct_names *names, const struct fct_mem *mem, size_t size_max,
                    uint64_t seed)
{
    fct_buf_init(&names->bytes, mem, size_max);
    fct_buf_init(&names->entries, mem, size_max);
    fct_buf_init(&names->slots, mem, size_max);
    names->seed = seed;
}

void fct_names_finish(struct fct_names *names)
{
    fct_buf_finish(&names->bytes);
    fct_buf_finish(&names->entries);
    fct_buf_finish(&names->slots);
}

struct fct_name *fct_names_at(const struct fct_names *names, uint32_t entry)
{
    return (struct fct_name *)(void *)names->entries.ptr + entry;
}

factum_slice fct_names_text(const struct fct_names *names, uint32_t entry)
{
    const struct fct_name *name = fct_names_at(names, entry);
    return fct_slice(names->bytes.ptr + name->offset, name->len);
}

uint32_t fct_names_count(const struct fct_names *names)
{
    return (uint32_t)(names->entries.len / sizeof(struct fct_name));
}

/* The slot of |text|, or the empty one for it. The table must have slots. */
static uint32_t *slot_of(const struct fct_names *names, factum_slice text, uint32_t hash)
{
    uint32_t *slots = (uint32_t *)(void *)names->slots.ptr;
    uint32_t mask = (uint32_t)(names->slots.len / sizeof *slots) - 1;
    uint32_t at = hash & mask;
    while (slots[at] != FCT_NAMES_NONE) {
        const struct fct_name *name = fct_names_at(names, slots[at]);
        if (name->hash == hash && fct_slice_equal(fct_names_text(names, slots[at]), text)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return &slots[at];
}

static factum_status grow(struct fct_names *names)
{
    uint32_t count = fct_names_count(names);
    size_t slots = names->slots.len / sizeof(uint32_t);
    if ((size_t)count * 2 < slots) {
        return FACTUM_OK;
    }
    slots = slots == 0 ? 16 : slots * 2;
    factum_status status =
        fct_buf_reserve(&names->slots, slots * sizeof(uint32_t) - names->slots.len);
    if (status != FACTUM_OK) {
        return status;
    }
    names->slots.len = slots * sizeof(uint32_t);
    memset(names->slots.ptr, 0xff, names->slots.len);
    for (uint32_t i = 0; i < count; i++) {
        *slot_of(names, fct_names_text(names, i), fct_names_at(names, i)->hash) = i;
    }
    return FACTUM_OK;
}

uint32_t fct_names_find(const struct fct_names *names, factum_slice text)
{
    return names->slots.len == 0 ? FCT_NAMES_NONE
                                 : *slot_of(names, text, (uint32_t)fct_hash64(text, names->seed));
}

factum_status fct_names_add(struct fct_names *names, factum_slice text, uint32_t *entry)
{
    factum_status status = grow(names);
    if (status != FACTUM_OK) {
        return status;
    }
    uint32_t hash = (uint32_t)fct_hash64(text, names->seed);
    uint32_t *slot = slot_of(names, text, hash);
    if (*slot == FCT_NAMES_NONE) {
        struct fct_name name = {.offset = (uint32_t)names->bytes.len,
                                .len = (uint32_t)text.len,
                                .hash = hash,
                                .value = FCT_NAMES_NONE,
                                .more = 0};
        status = fct_buf_reserve(&names->bytes, text.len + 1); /* so that the bytes are not at NULL
                                                                */
        if (status == FACTUM_OK) {
            status = fct_buf_add(&names->entries, &name, sizeof name);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        *slot = fct_names_count(names) - 1;
        status = fct_buf_add_slice(&names->bytes, text); /* the room is reserved */
    }
    *entry = *slot;
    return status;
}
