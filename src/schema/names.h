/* names.h - texts and their numbers: a hash table that owns its texts. Layer: schema.
 *
 * A text is added once and keeps its number. Not thread-safe while texts are added.
 */
#ifndef FCT_SCHEMA_NAMES_H
#define FCT_SCHEMA_NAMES_H

#include "core/buf.h"

#define FCT_NAMES_NONE UINT32_MAX

struct fct_name {
    uint32_t offset, len; /* in the bytes */
    uint32_t hash;
    uint32_t value; /* for the user */
    uint32_t more;  /* for the user */
};

struct fct_names {
    struct fct_buf bytes;
    struct fct_buf entries; /* struct fct_name */
    struct fct_buf slots;   /* uint32_t, a power of two of them: an entry, or FCT_NAMES_NONE */
    uint64_t seed;
};

void fct_names_init(struct fct_names *names, const struct fct_mem *mem, size_t size_max,
                    uint64_t seed);
/* Accepts a zeroed and a finished table. */
void fct_names_finish(struct fct_names *names);
/* The entry of |text|, or FCT_NAMES_NONE. */
uint32_t fct_names_find(const struct fct_names *names, factum_slice text);
/* The entry of |text|, added with the value FCT_NAMES_NONE if it is new. Errors: NO_MEMORY,
 * TOO_BIG. */
FCT_MUST_USE factum_status fct_names_add(struct fct_names *names, factum_slice text,
                                         uint32_t *entry);
/* Lasts until the next add. */
struct fct_name *fct_names_at(const struct fct_names *names, uint32_t entry);
/* Lasts until the next add. */
factum_slice fct_names_text(const struct fct_names *names, uint32_t entry);
uint32_t fct_names_count(const struct fct_names *names);

#endif
