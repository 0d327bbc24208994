/* members.h - the names of an object that a rule knows, found by hash. Layer: schema, private to
 * it. Pure. */
#ifndef FCT_SCHEMA_MEMBERS_H
#define FCT_SCHEMA_MEMBERS_H

#include <string.h>

#include "core/hash.h"
#include "schema/program.h"

/* Seeded, because names come from outside. A name of up to 16 bytes is read as two words. */
static inline uint32_t fct_member_hash(factum_slice name, uint64_t seed)
{
    uint64_t first = 0;
    uint64_t last = 0;
    if (name.len > 16) {
        return (uint32_t)fct_hash64(name, seed);
    }
    if (name.len >= 8) {
        memcpy(&first, name.ptr, 8);
        memcpy(&last, name.ptr + name.len - 8, 8);
    } else if (name.len >= 4) {
        memcpy(&first, name.ptr, 4);
        memcpy(&last, name.ptr + name.len - 4, 4);
    } else {
        for (size_t i = 0; i < name.len; i++) {
            first = first << 8 | name.ptr[i];
        }
    }
    uint64_t hash = (first ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 29 ^ last ^ name.len) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 32);
}

/* The slot of |name|, or the empty one where it belongs. */
static inline uint32_t fct_member_slot(const struct fct_program *program,
                                       const struct fct_table *table, factum_slice name,
                                       uint32_t hash)
{
    const uint32_t *slots = fct_words_at(program, table->slots);
    const struct fct_member *members =
        FCT_AT(program->members, const struct fct_member, table->members);
    uint32_t at = hash & table->mask;
    while (slots[at] != FCT_RULE_NONE) {
        const struct fct_member *member = &members[slots[at]];
        if (member->hash == hash && member->len == name.len &&
            memcmp(program->texts.bytes.ptr + member->offset, name.ptr, name.len) == 0) {
            break;
        }
        at = (at + 1) & table->mask;
    }
    return at;
}

/* NULL: not in the table. */
static inline const struct fct_member *
fct_member_find(const struct fct_program *program, const struct fct_table *table, factum_slice name)
{
    uint32_t hash = fct_member_hash(name, program->seed);
    uint32_t slot = fct_member_slot(program, table, name, hash);
    uint32_t found = fct_words_at(program, table->slots)[slot];
    return found == FCT_RULE_NONE
               ? NULL
               : FCT_AT(program->members, const struct fct_member, table->members + found);
}

#endif
