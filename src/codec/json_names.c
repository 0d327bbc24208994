/* json_names.c - finds members that an object has twice. See json_scan.h. Layer: codec.
 *
 * A hash of each name is kept in its node's |reserved|. In small objects a bit set of hashes shows
 * whether an equal name may have come before. The names of large objects are sorted as a list whose
 * links are the |next| of the names: |next| of a name is always the node after it, so it can be
 * restored. Unlike a hash table, sorting needs no memory, and no choice of names makes it slow. */
#include <string.h>

#include "codec/bytes.h"
#include "codec/json_scan.h"
#include "codec/json_text.h"
#include "core/slice.h"

#define SMALL_MAX 64 /* members that are compared with each other */
#define BIT_WORDS 4  /* of 64 bits each: a power of two */
#define LEVELS 32    /* of lists of 1, 2, 4, ... names */

struct names {
    const uint8_t *text;
    factum_json_node *nodes;
    uint32_t object;
};

/* ---- hashes ---------------------------------------------------------------------------------- */

static inline uint16_t mix(uint64_t head, uint64_t tail, size_t len)
{
    uint64_t sum = (head ^ len) * UINT64_C(0x9e3779b97f4a7c15);
    sum = (sum ^ sum >> 29 ^ tail) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint16_t)(sum >> 48);
}

/* A hash of the length and the bytes at both ends. */
static inline uint16_t hash_plain(const uint8_t *text, size_t len)
{
    if (len >= 8) {
        return mix(fct_get_u64(text), fct_get_u64(text + len - 8), len);
    }
    if (len >= 4) {
        return mix(fct_get_u32(text), fct_get_u32(text + len - 4), len);
    }
    return len == 0 ? 0 : mix(text[0], (uint64_t)text[len / 2] << 8 | text[len - 1], len);
}

/* The same hash of a string with escapes, after unescaping. */
static uint16_t hash_escaped(factum_slice inside)
{
    struct fct_json_meaning meaning = fct_json_meaning(inside);
    uint8_t head[8] = {0};
    uint64_t tail = 0;
    size_t len = 0;
    for (int byte = fct_json_meaning_next(&meaning); byte >= 0;
         byte = fct_json_meaning_next(&meaning)) {
        if (len < sizeof head) {
            head[len] = (uint8_t)byte;
        }
        tail = tail >> 8 | (uint64_t)(unsigned)byte << 56;
        len++;
    }
    return len < sizeof head ? hash_plain(head, len) : mix(fct_get_u64(head), tail, len);
}

static inline factum_slice inside_of(const struct names *names, uint32_t name)
{
    return fct_slice(names->text + names->nodes[name].start, names->nodes[name].len);
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* Orders by hash, then by meaning. */
static int compare(const struct names *names, uint32_t a, uint32_t b)
{
    const factum_json_node *node_a = &names->nodes[a];
    const factum_json_node *node_b = &names->nodes[b];
    if (node_a->reserved != node_b->reserved) {
        return node_a->reserved < node_b->reserved ? -1 : 1;
    }
    factum_slice text_a = inside_of(names, a);
    factum_slice text_b = inside_of(names, b);
    if (((node_a->flags | node_b->flags) & FACTUM_JSON_ESCAPED) != 0) {
        return fct_json_text_compare(text_a, text_b);
    }
    size_t common = text_a.len < text_b.len ? text_a.len : text_b.len;
    int order = memcmp(text_a.ptr, text_b.ptr, common);
    return order != 0 || text_a.len == text_b.len ? order : text_a.len < text_b.len ? -1 : 1;
}

/* Is a name before |name| equal to it? */
static bool stands_before(const struct names *names, uint32_t name)
{
    for (uint32_t at = names->object + 1; at < name; at = names->nodes[at + 1].next) {
        if (compare(names, at, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- large objects --------------------------------------------------------------------------- */

/* Merges two sorted lists; of equal names those of |first| come first. */
static uint32_t merge(const struct names *names, uint32_t first, uint32_t second)
{
    uint32_t head = FACTUM_JSON_NONE;
    uint32_t *link = &head;
    while (first != FACTUM_JSON_NONE && second != FACTUM_JSON_NONE) {
        uint32_t *from = compare(names, first, second) <= 0 ? &first : &second;
        *link = *from;
        link = &names->nodes[*from].next;
        *from = *link;
    }
    *link = first != FACTUM_JSON_NONE ? first : second;
    return head;
}

/* The names as a sorted list. lists[i] is empty or has 2^i names, older ones than lists[i - 1]. */
static uint32_t sort(const struct names *names)
{
    uint32_t lists[LEVELS];
    memset(lists, 0xff, sizeof lists);
    uint32_t end = names->nodes[names->object].next;
    for (uint32_t name = names->object + 1; name < end;) {
        uint32_t list = name;
        name = names->nodes[name + 1].next;
        names->nodes[list].next = FACTUM_JSON_NONE;
        unsigned level = 0;
        for (; level < LEVELS - 1 && lists[level] != FACTUM_JSON_NONE; level++) {
            list = merge(names, lists[level], list);
            lists[level] = FACTUM_JSON_NONE;
        }
        lists[level] = list;
    }
    uint32_t all = FACTUM_JSON_NONE;
    for (unsigned level = 0; level < LEVELS; level++) {
        all = merge(names, lists[level], all);
    }
    return all;
}

/* Restores the links of the list while it walks it. */
static uint32_t find_sorted(const struct names *names)
{
    uint32_t twice = FACTUM_JSON_NONE;
    uint32_t name = sort(names);
    while (name != FACTUM_JSON_NONE) {
        uint32_t next = names->nodes[name].next;
        if (next != FACTUM_JSON_NONE && next < twice && compare(names, name, next) == 0) {
            twice = next;
        }
        names->nodes[name].next = name + 1;
        name = next;
    }
    return twice;
}

/* ---- all ------------------------------------------------------------------------------------- */

static uint32_t find_small(const struct names *names)
{
    uint64_t seen[BIT_WORDS] = {0};
    uint32_t end = names->nodes[names->object].next;
    for (uint32_t name = names->object + 1; name < end; name = names->nodes[name + 1].next) {
        uint16_t hash = names->nodes[name].reserved;
        uint64_t bit = UINT64_C(1) << hash % 64;
        uint64_t *word = &seen[hash / 64 % BIT_WORDS];
        if ((*word & bit) != 0 && stands_before(names, name)) {
            return name;
        }
        *word |= bit;
    }
    return FACTUM_JSON_NONE;
}

uint32_t fct_json_duplicate(const uint8_t *text, factum_json_node *nodes, uint32_t object)
{
    struct names names = {text, nodes, object};
    uint32_t end = nodes[object].next;
    size_t count = 0;
    for (uint32_t name = object + 1; name < end; name = nodes[name + 1].next) {
        bool escaped = (nodes[name].flags & FACTUM_JSON_ESCAPED) != 0;
        factum_slice inside = inside_of(&names, name);
        nodes[name].reserved = escaped ? hash_escaped(inside) : hash_plain(inside.ptr, inside.len);
        count++;
    }
    uint32_t twice = count <= SMALL_MAX ? find_small(&names) : find_sorted(&names);
    if (twice == FACTUM_JSON_NONE) {
        nodes[object].flags |= FACTUM_JSON_UNIQUE;
    }
    return twice;
}
