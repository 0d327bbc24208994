/* pattern_write.c - the text for PCRE2 of a parsed pattern. Layer: schema.
 *
 * Written for PCRE2_ANCHORED and PCRE2_DOTALL: a pattern that may match at any place begins with
 * `.*?`, so that PCRE2 sees one match, with one count of steps. Groups without references are not
 * captured, because the memory for each open choice grows with the captures.
 *
 * Callouts count the reads of one step of PCRE2. Pieces that are often repeated, and
 * back-references, have their own; other pieces share one for every RUN_MAX reads, so that most
 * patterns have none.
 */
#include "schema/pattern_int.h"

#include <stdio.h>

#include "core/slice.h"

struct pattern_writing {
    const struct fct_pattern_parse *parse;
    struct fct_buf *to;
    factum_status status; /* of the first addition that failed */
    uint32_t run;         /* reads since the last callout */
};

/* Reads that no callout counts. */
#define RUN_MAX 64U

static void pattern_say(struct pattern_writing *writing, const char *text)
{
    if (writing->status == FACTUM_OK) {
        writing->status = fct_buf_add_text(writing->to, text);
    }
}

static void pattern_say_number(struct pattern_writing *writing, const char *before, uint32_t number,
                               const char *after)
{
    if (writing->status == FACTUM_OK) {
        writing->status = fct_buf_printf(writing->to, "%s%u%s", before, (unsigned)number, after);
    }
}

static void pattern_say_repetition(struct pattern_writing *writing,
                                   const struct fct_pattern_node *node)
{
    if (node->min == 1 && node->max == 1) {
        return;
    }
    pattern_say_number(writing, "{", node->min, ",");
    if (node->max == FCT_PATTERN_UNBOUNDED) {
        pattern_say(writing, "}");
    } else {
        pattern_say_number(writing, "", node->max, "}");
    }
    pattern_say(writing, node->lazy ? "?" : "");
}

/* The least n with 2^n >= |reads|. */
static uint32_t pattern_log2(uint64_t reads)
{
    uint32_t n = 0;
    while ((uint64_t)1 << n < reads) {
        n++;
    }
    return n;
}

static void pattern_say_reads(struct pattern_writing *writing, uint64_t reads)
{
    pattern_say_number(writing, "(?C", pattern_log2(reads), ")");
    writing->run = 0;
}

/* A piece or a back-reference with the text |text|, its repetition and the callouts for its reads.
 * A class is searched from its beginning to its end, item by item. */
static void pattern_say_counted(struct pattern_writing *writing,
                                const struct fct_pattern_node *node, factum_slice text)
{
    uint32_t weight = 1 + (uint32_t)text.len / 32;
    bool often = node->max > RUN_MAX;
    uint64_t reads = (uint64_t)weight * (often ? node->min : node->max);
    if (node->kind == FCT_PATTERN_REF) {
        pattern_say_number(writing, "(?C", FCT_PATTERN_CALL_REF, ")");
    } else if (reads > RUN_MAX || writing->run + reads > RUN_MAX) {
        pattern_say_reads(writing, reads > RUN_MAX ? reads : RUN_MAX);
    }
    writing->run += reads > RUN_MAX ? 0 : (uint32_t)reads;
    if (often) {
        pattern_say_number(writing, "(?C", FCT_PATTERN_CALL_BEGIN, ")");
    }
    if (writing->status == FACTUM_OK) {
        writing->status = fct_buf_add_slice(writing->to, text);
    }
    pattern_say_repetition(writing, node);
    if (often) {
        pattern_say_number(writing, "(?C", FCT_PATTERN_CALL_END + pattern_log2(weight), ")");
    }
}

static void pattern_say_open(struct pattern_writing *writing, const struct fct_pattern_node *node)
{
    switch (node->group) {
    case FCT_PATTERN_PLAIN:
        pattern_say(writing, "(?:");
        break;
    case FCT_PATTERN_CAPTURE:
        pattern_say(writing, node->referenced ? "(" : "(?:");
        break;
    case FCT_PATTERN_AHEAD:
        pattern_say(writing, "(?=");
        break;
    case FCT_PATTERN_NOT_AHEAD:
        pattern_say(writing, "(?!");
        break;
    case FCT_PATTERN_BEHIND:
        pattern_say(writing, "(?<=");
        break;
    case FCT_PATTERN_NOT_BEHIND:
        pattern_say(writing, "(?<!");
        break;
    }
    if (node->min > 1) {
        /* PCRE2 repeats the group |min| times, and goes from one to the next without a step. */
        pattern_say_reads(writing, RUN_MAX);
    }
}

/* PCRE2's number of the captured group |number|: groups that are not captured have none. */
static uint32_t pattern_kept_number(const struct fct_pattern_parse *parse, uint32_t number)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < number; i++) {
        kept += parse->nodes[parse->captures[i]].referenced ? 1 : 0;
    }
    return kept;
}

static void pattern_say_ref(struct pattern_writing *writing, const struct fct_pattern_node *node)
{
    char text[16];
    (void)snprintf(text, sizeof text, "\\g{%u}",
                   (unsigned)pattern_kept_number(writing->parse, node->number));
    pattern_say_counted(writing, node, factum_slice_from(text));
}

/* |open| is the innermost open group. Returns that of the next node. */
static uint32_t pattern_say_node(struct pattern_writing *writing, uint32_t at, uint32_t open)
{
    const struct fct_pattern_parse *parse = writing->parse;
    const struct fct_pattern_node *node = &parse->nodes[at];
    switch (node->kind) {
    case FCT_PATTERN_OPEN:
        pattern_say_open(writing, node);
        return at;
    case FCT_PATTERN_BAR:
        pattern_say(writing, "|");
        return open;
    case FCT_PATTERN_CLOSE:
        pattern_say(writing, ")");
        pattern_say_repetition(writing, &parse->nodes[open]);
        return node->parent;
    case FCT_PATTERN_PIECE:
        pattern_say_counted(writing, node, fct_slice(parse->pieces.ptr + node->from, node->len));
        return open;
    case FCT_PATTERN_REF:
        if (node->live) {
            pattern_say_ref(writing, node);
        }
        return open;
    }
    return open;
}

/* Does every alternative begin with `^`? */
static bool pattern_is_anchored(const struct fct_pattern_parse *parse)
{
    for (uint32_t i = 1; i <= parse->node_count; i++) {
        const struct fct_pattern_node *before = &parse->nodes[i - 1];
        if (i > 1 && !(before->kind == FCT_PATTERN_BAR && before->parent == 0)) {
            continue;
        }
        const struct fct_pattern_node *node = &parse->nodes[i];
        if (i == parse->node_count || node->kind != FCT_PATTERN_PIECE || node->len != 1 ||
            parse->pieces.ptr[node->from] != '^') {
            return false;
        }
    }
    return true;
}

factum_status fct_pattern_write(const struct fct_pattern_parse *parse, struct fct_buf *written)
{
    struct pattern_writing writing = {.parse = parse, .to = written};
    uint32_t open = 0;
    pattern_say(&writing, pattern_is_anchored(parse) ? "(?:" : ".*?(?:");
    for (uint32_t i = 1; i < parse->node_count; i++) {
        open = pattern_say_node(&writing, i, open);
    }
    pattern_say(&writing, ")");
    return writing.status;
}
