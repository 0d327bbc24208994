/* pattern_int.h - what the files of the translator of patterns share. Layer: schema.
 *
 * pattern_parse.c turns a pattern into a flat list of nodes: groups with their ends and bars, and
 * pieces, each with its text for PCRE2 in |pieces|. pattern_escape.c and pattern_class.c write the
 * pieces, pattern_names.c knows Unicode's properties, pattern_refs.c decides the meaning of each
 * back-reference, and pattern_write.c assembles the text for PCRE2.
 *
 * Invariants of the list:
 *   1. nodes[0] is a plain group around everything, without parentheses.
 *   2. |parent| of a node is an OPEN before it; a CLOSE has the same parent as its OPEN.
 *   3. Only OPEN, PIECE and REF have a repetition; a group's is at its OPEN.
 */
#ifndef FCT_SCHEMA_PATTERN_INT_H
#define FCT_SCHEMA_PATTERN_INT_H

#include "core/buf.h"
#include "schema/pattern.h"

#define FCT_PATTERN_NONE UINT32_MAX
#define FCT_PATTERN_UNBOUNDED UINT32_MAX
/* PCRE2's largest number in a repetition. */
#define FCT_PATTERN_REPEAT_MAX 65535
/* Numbers of the callouts that count reads, in the text for PCRE2. (?C6): 2^6 reads follow.
 * (?C64+n): the end of a (?C32), where each character was 2^n reads. */
#define FCT_PATTERN_CALL_BEGIN 32
#define FCT_PATTERN_CALL_REF 33 /* a back-reference follows */
#define FCT_PATTERN_CALL_END 64
/* Bytes of the text for PCRE2: classes grow, `\S` to 150 bytes. */
#define FCT_PATTERN_WRITTEN_SIZE_MAX (128 * 1024)

enum fct_pattern_kind {
    FCT_PATTERN_OPEN,
    FCT_PATTERN_BAR,
    FCT_PATTERN_CLOSE,
    FCT_PATTERN_PIECE,
    FCT_PATTERN_REF,
};

enum fct_pattern_group {
    FCT_PATTERN_PLAIN,
    FCT_PATTERN_CAPTURE,
    FCT_PATTERN_AHEAD,
    FCT_PATTERN_NOT_AHEAD,
    FCT_PATTERN_BEHIND,
    FCT_PATTERN_NOT_BEHIND,
};

struct fct_pattern_node {
    enum fct_pattern_kind kind;
    enum fct_pattern_group group; /* of OPEN */
    uint32_t at;                  /* the byte of the pattern where it begins */
    uint32_t parent;              /* the OPEN around it */
    uint32_t branch;              /* the alternative of the parent that it is in, from 0 */
    uint32_t branch_count;        /* of OPEN: alternatives so far */
    uint32_t from, len;           /* of PIECE: its text in |pieces|; of a REF by name: in |names| */
    uint32_t number; /* of a capture: its number, from 1; of REF: the number it refers to, 0 for by
                        name until it is resolved */
    uint32_t min, max; /* the repetition; 1, 1 without one */
    bool lazy;
    bool branch_empty; /* of OPEN, during parsing: the current alternative may be empty so far */
    bool may_be_empty; /* of OPEN: one of its alternatives may match nothing */
    bool referenced;   /* of a capture: PCRE2 has to keep it */
    bool live;         /* of REF: not always empty */
};

struct fct_pattern_name {
    uint32_t from, len; /* in |names| */
    uint32_t number;
};

struct fct_pattern_parse {
    const struct fct_mem *mem;
    factum_slice text;
    size_t at;
    factum_error *err;
    struct fct_pattern_node *nodes; /* room for each byte of the text, and the root */
    uint32_t node_count;
    uint32_t open; /* the innermost open group */
    uint32_t depth;
    uint32_t *captures; /* captures[n - 1] is the OPEN of group n */
    uint32_t capture_count;
    struct fct_pattern_name *group_names;
    uint32_t name_count;
    struct fct_buf names; /* of groups, without escapes */
    struct fct_buf pieces;
    factum_status full;       /* the first failure of an addition to one of the two */
    factum_error unsupported; /* the first unsupported thing; reported only if the pattern is valid
                               */
};

/* A property of Unicode in PCRE2. */
struct fct_pattern_property {
    bool any; /* all code points; |text| is not used */
    bool inverted;
    char text[48]; /* the text between the braces of \p{} */
};

/* pattern_parse.c */
FCT_MUST_USE factum_status fct_pattern_parse_all(struct fct_pattern_parse *parse);
/* Errors: INVALID ("not a valid pattern: |reason| at byte |at|"). */
FCT_COLD factum_status fct_pattern_bad(struct fct_pattern_parse *parse, size_t at,
                                       const char *reason);
/* Fails because a buffer failed with |status|, TOO_BIG or NO_MEMORY. */
FCT_COLD factum_status fct_pattern_full(struct fct_pattern_parse *parse, factum_status status);
/* The byte |ahead| of the current one, or -1 after the end. */
int fct_pattern_peek(const struct fct_pattern_parse *parse, size_t ahead);
/* Skips |text| if it comes next. */
bool fct_pattern_skip(struct fct_pattern_parse *parse, const char *text);
/* Takes the next code point; not at the end. */
uint32_t fct_pattern_take(struct fct_pattern_parse *parse);
/* Adds to |pieces|; a failure is recorded in |full|. */
void fct_pattern_put(struct fct_pattern_parse *parse, const char *text);
/* fct_pattern_put for one literal character, inside and outside of classes. */
void fct_pattern_put_char(struct fct_pattern_parse *parse, uint32_t c);

/* pattern_escape.c */
enum fct_pattern_escape {
    FCT_PATTERN_ESCAPE_CHAR, /* |c|, which may be a surrogate */
    FCT_PATTERN_ESCAPE_SET,  /* |set|, one of "dDsSwW" */
    FCT_PATTERN_ESCAPE_PROPERTY,
};
struct fct_pattern_escaped {
    enum fct_pattern_escape kind;
    uint32_t c;
    char set;
    struct fct_pattern_property property;
};
/* The escape at the current backslash, one that is allowed inside and outside of classes; `\-` and
 * `\b` only with |in_class|. */
FCT_MUST_USE factum_status fct_pattern_escape(struct fct_pattern_parse *parse, bool in_class,
                                              struct fct_pattern_escaped *escaped);
/* The code point after `\u`: XXXX, a pair of surrogates, or {X...}. |parse| is after the `u`. */
FCT_MUST_USE factum_status fct_pattern_unicode(struct fct_pattern_parse *parse, size_t began,
                                               uint32_t *c);

/* pattern_class.c */
/* Parses the class at the current `[` into a piece. */
FCT_MUST_USE factum_status fct_pattern_class(struct fct_pattern_parse *parse);
/* A piece for an escape outside a class. */
void fct_pattern_put_escaped(struct fct_pattern_parse *parse,
                             const struct fct_pattern_escaped *escaped);

/* pattern_names.c */
/* |text| is the text between the braces of \p{}. Errors: NOT_FOUND (not a property of ECMA-262),
 * UNSUPPORTED (PCRE2 does not know it), NO_MEMORY. */
FCT_MUST_USE factum_status fct_pattern_property_find(const struct fct_mem *mem, factum_slice text,
                                                     struct fct_pattern_property *property);
/* May |c| be in the name of a group, at its beginning or later? */
FCT_MUST_USE factum_status fct_pattern_name_char(const struct fct_mem *mem, uint32_t c, bool first,
                                                 bool *allowed);

/* pattern_refs.c */
/* Finds the group of each REF, and sets |live| and |referenced|. Errors: INVALID; what is not
 * supported is recorded in |unsupported|. */
FCT_MUST_USE factum_status fct_pattern_refs_resolve(struct fct_pattern_parse *parse);

/* pattern_write.c */
/* Writes the text for PCRE2, to match at the beginning of a text only. Errors: TOO_BIG,
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_pattern_write(const struct fct_pattern_parse *parse,
                                             struct fct_buf *written);

/* pattern.c */
/* Lets PCRE2 allocate from |mem|. NULL: no memory. Freed by pcre2_general_context_free. */
struct pcre2_real_general_context_8;
struct pcre2_real_general_context_8 *fct_pattern_memory(const struct fct_mem *mem);

#endif
