/* pattern.h - regular expressions of JSON Schema's `pattern` and `patternProperties`.
 * Layer: schema.
 *
 * Syntax and meaning are those of ECMA-262 (2023) with the flag `u`, as JSON Schema 2020-12
 * recommends and as `new RegExp(text, "u")` has them: a search at any place of the text, by code
 * points, case-sensitive, without the flags m and s. What is valid only without `u` (Annex B of the
 * standard: `\-` outside a class, a lone `{` or `]`, octal escapes) is invalid here too.
 *
 * A pattern is parsed in full and written again for PCRE2's interpreter. No byte reaches PCRE2
 * unparsed, so no pattern has a meaning that ECMA-262 does not give it. Four valid things are
 * refused as UNSUPPORTED, each by name:
 *
 *   - a look-behind whose alternatives have no fixed length;
 *   - a back-reference inside a look-behind;
 *   - a back-reference to a group that a repetition may leave with another value than in ECMA-262
 *     (there a repetition forgets its groups whenever it begins again, and in PCRE2 it does not);
 *   - a Unicode property or script that this PCRE2 does not know.
 *
 * Properties have the values of PCRE2's version of Unicode.
 *
 * Two things are counted for the whole search. Steps are PCRE2's, whose own count begins again at
 * each place of the text and so allows 65,536 times as many. Reads are characters compared inside a
 * step, which PCRE2 does not count: `[a-z]+@` on 64 KiB of letters takes few steps and seconds.
 */
#ifndef FCT_SCHEMA_PATTERN_H
#define FCT_SCHEMA_PATTERN_H

#include <factum/base.h>

#include "core/mem.h"

#define FCT_PATTERN_SIZE_MAX 4096       /* bytes of a pattern */
#define FCT_PATTERN_DEPTH_MAX 100       /* groups inside each other */
#define FCT_PATTERN_TEXT_SIZE_MAX 65536 /* bytes of a text */
#define FCT_PATTERN_STEPS_MAX 100000    /* of a search, */
#define FCT_PATTERN_STEPS_PER_BYTE 16   /* and so many more for each byte of the text */
#define FCT_PATTERN_READS_MAX 67108864  /* of a search, in characters; a large class counts more */
#define FCT_PATTERN_HEAP_KIB_MAX 1024   /* memory for going back, in KiB */
#define FCT_PATTERN_BACKTRACK_MAX 10000 /* choices that are open at the same time */

/* A compiled pattern. Immutable: any number of threads may match with it. */
struct fct_pattern;
/* The memory that one thread needs to match, with any pattern. It is kept between matches, so that
 * only a match that needs more than all before it allocates. */
struct fct_pattern_scratch;

enum fct_pattern_answer {
    FCT_PATTERN_NO_MATCH,
    FCT_PATTERN_MATCH,
    FCT_PATTERN_OVER_TEXT_SIZE, /* the text has more than FCT_PATTERN_TEXT_SIZE_MAX bytes */
    FCT_PATTERN_OVER_STEPS,
    FCT_PATTERN_OVER_READS,
    FCT_PATTERN_OVER_HEAP,
    FCT_PATTERN_OVER_BACKTRACK,
    FCT_PATTERN_NOT_UTF8,
    FCT_PATTERN_NO_MEMORY,
};

/* Compiles |ecma|, which is copied. Errors: INVALID (not UTF-8, or not a pattern; the message has
 * the byte and the reason), UNSUPPORTED (valid, but one of the four things above), TOO_BIG (a
 * limit, named), NO_MEMORY. */
FCT_MUST_USE factum_status fct_pattern_compile(const struct fct_mem *mem, factum_slice ecma,
                                               struct fct_pattern **pattern, factum_error *err);
/* Accepts NULL. */
void fct_pattern_destroy(struct fct_pattern *pattern);

/* Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_pattern_scratch_create(const struct fct_mem *mem,
                                                      struct fct_pattern_scratch **scratch,
                                                      factum_error *err);
/* Accepts NULL. */
void fct_pattern_scratch_destroy(struct fct_pattern_scratch *scratch);

/* Does |pattern| match anywhere in |text|? An answer other than MATCH and NO_MATCH says nothing
 * about the text; a caller must not treat it as either. The same pattern and text always get the
 * same answer, except NO_MEMORY. */
FCT_MUST_USE enum fct_pattern_answer fct_pattern_match(const struct fct_pattern *pattern,
                                                       struct fct_pattern_scratch *scratch,
                                                       factum_slice text);
/* The characters that the last match has read: its cost. */
uint64_t fct_pattern_reads(const struct fct_pattern_scratch *scratch);
/* The answer in words that follow the name of the text: "has more than 65536 bytes". A static
 * string. */
const char *fct_pattern_answer_text(enum fct_pattern_answer answer);

#endif
