/* text.h - texts of JSON by their decoded value: escapes are decoded on the fly. Layer: schema.
 * Pure.
 *
 * A text is borrowed and raw, without its quotes. A lone surrogate, which JSON's grammar allows as
 * an escape, is a character of its own.
 */
#ifndef FCT_SCHEMA_TEXT_H
#define FCT_SCHEMA_TEXT_H

#include <factum/base.h>

struct fct_text {
    factum_slice raw;
    bool escaped; /* has a backslash */
};

/* The number of characters (code points). */
size_t fct_text_length(struct fct_text text);
bool fct_text_equal(struct fct_text a, struct fct_text b);
bool fct_text_is(struct fct_text text, factum_slice plain);
/* Equal for equal texts, with or without escapes. */
uint64_t fct_text_hash(struct fct_text text, uint64_t seed);
/* Decodes the text into |to|, which has room for |text|.raw.len bytes, and returns the size. A lone
 * surrogate becomes three bytes that are not UTF-8 and sets *lone. */
size_t fct_text_plain(struct fct_text text, uint8_t *to, bool *lone);

#endif
