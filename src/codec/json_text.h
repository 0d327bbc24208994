/* json_text.h - the meaning of strings of JSON: their bytes after unescaping. Layer: codec. Pure.
 *
 * The inside of a string is the text between its quotes, which fct_json_scan has checked. UTF-8 has
 * no form for lone surrogates; they are compared as the 3 bytes that they would have.
 */
#ifndef FCT_CODEC_JSON_TEXT_H
#define FCT_CODEC_JSON_TEXT_H

#include <factum/base.h>

/* Reads the meaning of the inside of a string, byte by byte. */
struct fct_json_meaning {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t bytes[4]; /* of an escape: left ones from bytes[4 - left] on */
    unsigned left;
    bool lone; /* a lone surrogate was read */
};

struct fct_json_meaning fct_json_meaning(factum_slice inside);
/* The next byte; -1 at the end. */
int fct_json_meaning_next(struct fct_json_meaning *meaning);

/* The order of the bytes of two meanings: below 0, 0 or above 0. */
int fct_json_text_compare(factum_slice inside_a, factum_slice inside_b);
/* Does the inside of a string mean |text|, which is UTF-8 without escapes? */
bool fct_json_text_is(factum_slice inside, factum_slice text);

#endif
