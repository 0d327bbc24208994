/* text.h - texts of JSON by what they mean: escapes read on the fly. Layer: schema. Pure.
 *
 * A text is borrowed and stands as in the document, without its quotes. A lone surrogate, which
 * JSON's grammar allows as an escape, is a character of its own.
 */
#ifndef FCT_SCHEMA_TEXT_H
#define FCT_SCHEMA_TEXT_H

#include <factum/base.h>

struct fct_text {
    factum_slice raw;
    bool escaped; /* has a backslash */
};

/* Characters (code points). */
size_t fct_text_length(struct fct_text text);
bool fct_text_equal(struct fct_text a, struct fct_text b);
bool fct_text_is(struct fct_text text, factum_slice plain);
/* The same for equal texts, with escapes or without. */
uint64_t fct_text_hash(struct fct_text text, uint64_t seed);
/* The meaning into |to|, which has room for |text|.raw.len bytes; the result is its size. A lone
 * surrogate becomes three bytes that are no UTF-8: *lone is set then. */
size_t fct_text_plain(struct fct_text text, uint8_t *to, bool *lone);

#endif
