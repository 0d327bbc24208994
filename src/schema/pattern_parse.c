/* pattern_parse.c - the grammar of ECMA-262's patterns with the flag `u`. Layer: schema.
 *
 * A loop without recursion: an open group is a node, and the list of nodes is the stack. Knows of
 * PCRE2 only the text of single pieces. See pattern_int.h for the invariants.
 */
#include "schema/pattern_int.h"

#include <assert.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

factum_status fct_pattern_bad(struct fct_pattern_parse *parse, size_t at, const char *reason)
{
    return fct_fail(parse->err, FACTUM_INVALID, "not a valid pattern: %s at byte %zu", reason, at);
}

factum_status fct_pattern_full(struct fct_pattern_parse *parse, factum_status status)
{
    if (status == FACTUM_TOO_BIG) {
        return fct_fail(parse->err, status,
                        "a pattern needs more than %d KiB when it is translated",
                        FCT_PATTERN_WRITTEN_SIZE_MAX / 1024);
    }
    return fct_fail(parse->err, status, "a pattern: out of memory");
}

int fct_pattern_peek(const struct fct_pattern_parse *parse, size_t ahead)
{
    return ahead < parse->text.len - parse->at ? parse->text.ptr[parse->at + ahead] : -1;
}

bool fct_pattern_skip(struct fct_pattern_parse *parse, const char *text)
{
    factum_slice wanted = factum_slice_from(text);
    if (!fct_slice_starts(fct_slice_from(parse->text, parse->at), wanted)) {
        return false;
    }
    parse->at += wanted.len;
    return true;
}

uint32_t fct_pattern_take(struct fct_pattern_parse *parse)
{
    const uint8_t *from = parse->text.ptr + parse->at;
    FCT_ASSERT(parse->at < parse->text.len);
    /* The text is valid UTF-8: the first byte gives the number of those that follow. */
    size_t more = from[0] < 0xc0 ? 0 : from[0] < 0xe0 ? 1 : from[0] < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? from[0] : from[0] & (0x3fU >> more);
    for (size_t i = 1; i <= more; i++) {
        c = c << 6 | (from[i] & 0x3fU);
    }
    parse->at += 1 + more;
    return c;
}

void fct_pattern_put(struct fct_pattern_parse *parse, const char *text)
{
    if (parse->full == FACTUM_OK) {
        parse->full = fct_buf_add_text(&parse->pieces, text);
    }
}

void fct_pattern_put_char(struct fct_pattern_parse *parse, uint32_t c)
{
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (parse->full == FACTUM_OK) {
        parse->full = plain ? fct_buf_printf(&parse->pieces, "%c", (char)c)
                            : fct_buf_printf(&parse->pieces, "\\x{%x}", (unsigned)c);
    }
}

static struct fct_pattern_node *pattern_add(struct fct_pattern_parse *parse,
                                            enum fct_pattern_kind kind, size_t at)
{
    FCT_ASSERT(parse->node_count <= parse->text.len);
    struct fct_pattern_node *node = &parse->nodes[parse->node_count++];
    *node = (struct fct_pattern_node){.kind = kind,
                                      .at = (uint32_t)at,
                                      .parent = parse->open,
                                      .branch = parse->nodes[parse->open].branch_count - 1,
                                      .min = 1,
                                      .max = 1};
    return node;
}

/* A piece with the text of |pieces| after its first |from| bytes. */
static struct fct_pattern_node *pattern_add_piece(struct fct_pattern_parse *parse, size_t at,
                                                  size_t from)
{
    struct fct_pattern_node *node = pattern_add(parse, FCT_PATTERN_PIECE, at);
    node->from = (uint32_t)from;
    node->len = (uint32_t)(parse->pieces.len - from);
    return node;
}

/* A number of any length; one above UNBOUNDED - 1 means unbounded. */
static bool pattern_number(struct fct_pattern_parse *parse, uint32_t *number)
{
    uint64_t value = 0;
    size_t began = parse->at;
    for (int c = fct_pattern_peek(parse, 0); c >= '0' && c <= '9'; c = fct_pattern_peek(parse, 0)) {
        value = value * 10 + (uint64_t)(c - '0');
        value = value < FCT_PATTERN_UNBOUNDED ? value : FCT_PATTERN_UNBOUNDED;
        parse->at++;
    }
    *number = (uint32_t)value;
    return parse->at > began;
}

/* {n}, {n,} or {n,m}, after its brace. */
static factum_status pattern_braces(struct fct_pattern_parse *parse, struct fct_pattern_node *node)
{
    size_t began = parse->at - 1;
    if (!pattern_number(parse, &node->min)) {
        return fct_pattern_bad(parse, began, "a { that begins no repetition");
    }
    node->max = node->min;
    if (fct_pattern_skip(parse, ",") && !pattern_number(parse, &node->max)) {
        node->max = FCT_PATTERN_UNBOUNDED;
    }
    if (!fct_pattern_skip(parse, "}")) {
        return fct_pattern_bad(parse, began, "a { that begins no repetition");
    }
    if (node->max < node->min) {
        return fct_pattern_bad(parse, began, "a repetition whose numbers are out of order");
    }
    if (node->min > FCT_PATTERN_REPEAT_MAX) {
        return fct_fail(parse->err, FACTUM_TOO_BIG,
                        "a pattern repeats something at least %u times: the limit is %d",
                        (unsigned)node->min, FCT_PATTERN_REPEAT_MAX);
    }
    if (node->max > FCT_PATTERN_REPEAT_MAX) {
        /* No text is long enough to show the difference. */
        node->max = FCT_PATTERN_UNBOUNDED;
    }
    return FACTUM_OK;
}
static_assert(FCT_PATTERN_TEXT_SIZE_MAX <= FCT_PATTERN_REPEAT_MAX + 1,
              "more repetitions than a text has room for");

/* The repetition after |node|, if there is one. */
static factum_status pattern_repetition(struct fct_pattern_parse *parse,
                                        struct fct_pattern_node *node)
{
    if (fct_pattern_skip(parse, "*")) {
        node->min = 0;
        node->max = FCT_PATTERN_UNBOUNDED;
    } else if (fct_pattern_skip(parse, "+")) {
        node->max = FCT_PATTERN_UNBOUNDED;
    } else if (fct_pattern_skip(parse, "?")) {
        node->min = 0;
    } else if (fct_pattern_skip(parse, "{")) {
        factum_status status = pattern_braces(parse, node);
        if (status != FACTUM_OK) {
            return status;
        }
    } else {
        return FACTUM_OK;
    }
    node->lazy = fct_pattern_skip(parse, "?");
    return FACTUM_OK;
}

/* Ends a term of the open group; |empty|: it may match nothing. */
static void pattern_term_end(struct fct_pattern_parse *parse, bool empty)
{
    struct fct_pattern_node *group = &parse->nodes[parse->open];
    group->branch_empty = group->branch_empty && empty;
}

static factum_status pattern_atom_end(struct fct_pattern_parse *parse,
                                      struct fct_pattern_node *node, bool empty)
{
    factum_status status = pattern_repetition(parse, node);
    pattern_term_end(parse, empty || node->min == 0);
    return status;
}

/* Reads the name of a group up to its `>`, into |names|. */
static factum_status pattern_name(struct fct_pattern_parse *parse, struct fct_pattern_name *name)
{
    size_t began = parse->at;
    *name = (struct fct_pattern_name){.from = (uint32_t)parse->names.len};
    while (!fct_pattern_skip(parse, ">")) {
        size_t at = parse->at;
        bool allowed = false;
        bool first = parse->names.len == name->from;
        if (parse->at == parse->text.len) {
            return fct_pattern_bad(parse, began, "a group name without its >");
        }
        uint32_t c = fct_pattern_take(parse);
        factum_status status = FACTUM_OK;
        if (c == '\\') {
            if (!fct_pattern_skip(parse, "u")) {
                return fct_pattern_bad(parse, at, "a group name with an escape other than \\u");
            }
            status = fct_pattern_unicode(parse, at, &c);
        }
        if (status == FACTUM_OK) {
            status = fct_pattern_name_char(parse->mem, c, first, &allowed);
        }
        if (status == FACTUM_NO_MEMORY) {
            return fct_pattern_full(parse, status);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (!allowed) {
            return fct_pattern_bad(parse, at, "a character that no group name can have");
        }
        if (parse->full == FACTUM_OK) {
            parse->full = fct_buf_printf(&parse->names, "%x.", (unsigned)c);
        }
    }
    name->len = (uint32_t)(parse->names.len - name->from);
    return name->len > 0 || parse->full != FACTUM_OK
               ? FACTUM_OK
               : fct_pattern_bad(parse, began, "an empty group name");
}

static factum_status pattern_name_group(struct fct_pattern_parse *parse, size_t at)
{
    struct fct_pattern_name name;
    factum_status status = pattern_name(parse, &name);
    if (status != FACTUM_OK || parse->full != FACTUM_OK) {
        return status;
    }
    name.number = parse->capture_count + 1;
    const uint8_t *names = parse->names.ptr;
    for (uint32_t i = 0; i < parse->name_count; i++) {
        const struct fct_pattern_name *other = &parse->group_names[i];
        if (fct_slice_equal(fct_slice(names + other->from, other->len),
                            fct_slice(names + name.from, name.len))) {
            return fct_pattern_bad(parse, at, "a second group of the same name");
        }
    }
    parse->group_names[parse->name_count++] = name;
    return FACTUM_OK;
}

/* The kind of a group, after its `(`. */
static factum_status pattern_group_kind(struct fct_pattern_parse *parse, size_t at,
                                        enum fct_pattern_group *group)
{
    static const struct {
        const char *text;
        enum fct_pattern_group group;
    } groups[] = {
        {"?:", FCT_PATTERN_PLAIN},   {"?=", FCT_PATTERN_AHEAD},       {"?!", FCT_PATTERN_NOT_AHEAD},
        {"?<=", FCT_PATTERN_BEHIND}, {"?<!", FCT_PATTERN_NOT_BEHIND}, {"?<", FCT_PATTERN_CAPTURE},
    };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (fct_pattern_skip(parse, groups[i].text)) {
            *group = groups[i].group;
            return *group == FCT_PATTERN_CAPTURE ? pattern_name_group(parse, at) : FACTUM_OK;
        }
    }
    if (fct_pattern_peek(parse, 0) == '?') {
        return fct_pattern_bad(parse, at, "a group of an unknown kind");
    }
    *group = FCT_PATTERN_CAPTURE;
    return FACTUM_OK;
}

static factum_status pattern_open(struct fct_pattern_parse *parse)
{
    size_t at = parse->at++;
    enum fct_pattern_group group;
    factum_status status = pattern_group_kind(parse, at, &group);
    if (status != FACTUM_OK) {
        return status;
    }
    if (parse->depth == FCT_PATTERN_DEPTH_MAX) {
        return fct_fail(parse->err, FACTUM_TOO_BIG,
                        "a pattern with more than %d groups inside each other",
                        FCT_PATTERN_DEPTH_MAX);
    }
    struct fct_pattern_node *node = pattern_add(parse, FCT_PATTERN_OPEN, at);
    node->group = group;
    node->branch_count = 1;
    node->branch_empty = true;
    parse->open = parse->node_count - 1;
    parse->depth++;
    if (group == FCT_PATTERN_CAPTURE) {
        parse->captures[parse->capture_count++] = parse->open;
        node->number = parse->capture_count;
    }
    return FACTUM_OK;
}

static void pattern_bar(struct fct_pattern_parse *parse)
{
    (void)pattern_add(parse, FCT_PATTERN_BAR, parse->at++);
    struct fct_pattern_node *group = &parse->nodes[parse->open];
    group->may_be_empty = group->may_be_empty || group->branch_empty;
    group->branch_empty = true;
    group->branch_count++;
}

static factum_status pattern_close(struct fct_pattern_parse *parse)
{
    if (parse->depth == 0) {
        return fct_pattern_bad(parse, parse->at, "a ) without its (");
    }
    struct fct_pattern_node *group = &parse->nodes[parse->open];
    group->may_be_empty = group->may_be_empty || group->branch_empty;
    parse->open = group->parent;
    parse->depth--;
    (void)pattern_add(parse, FCT_PATTERN_CLOSE, parse->at++);
    if (group->group == FCT_PATTERN_PLAIN || group->group == FCT_PATTERN_CAPTURE) {
        return pattern_atom_end(parse, group, group->may_be_empty);
    }
    /* A look-around cannot be repeated: the repetition is reported as one of nothing. */
    return FACTUM_OK;
}

static factum_status pattern_reference(struct fct_pattern_parse *parse)
{
    size_t at = parse->at++;
    struct fct_pattern_name name = {0};
    uint32_t number = 0;
    if (fct_pattern_skip(parse, "k")) {
        if (!fct_pattern_skip(parse, "<")) {
            return fct_pattern_bad(parse, at, "a \\k without a group name");
        }
        factum_status status = pattern_name(parse, &name);
        if (status != FACTUM_OK) {
            return status;
        }
    } else {
        (void)pattern_number(parse, &number);
    }
    struct fct_pattern_node *node = pattern_add(parse, FCT_PATTERN_REF, at);
    node->number = number;
    node->from = name.from;
    node->len = name.len;
    return pattern_atom_end(parse, node, true);
}

/* An escape outside a class. */
static factum_status pattern_escape_term(struct fct_pattern_parse *parse)
{
    size_t at = parse->at;
    size_t from = parse->pieces.len;
    int next = fct_pattern_peek(parse, 1);
    if (next == 'b' || next == 'B') {
        fct_pattern_put(parse, next == 'b' ? "\\b" : "\\B");
        parse->at += 2;
        (void)pattern_add_piece(parse, at, from);
        return FACTUM_OK;
    }
    if (next == 'k' || (next >= '1' && next <= '9')) {
        return pattern_reference(parse);
    }
    struct fct_pattern_escaped escaped;
    factum_status status = fct_pattern_escape(parse, false, &escaped);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_pattern_put_escaped(parse, &escaped);
    return pattern_atom_end(parse, pattern_add_piece(parse, at, from), false);
}

static factum_status pattern_literal(struct fct_pattern_parse *parse)
{
    size_t at = parse->at;
    size_t from = parse->pieces.len;
    uint32_t c = fct_pattern_take(parse);
    if (c == '^' || c == '$') {
        /* Not a multi-line `$`, and not PCRE2's, which also matches before a last line end. */
        fct_pattern_put(parse, c == '^' ? "^" : "\\z");
        (void)pattern_add_piece(parse, at, from);
        return FACTUM_OK;
    }
    if (c == '.') {
        fct_pattern_put(parse, "[^\\n\\r\\x{2028}\\x{2029}]");
    } else {
        fct_pattern_put_char(parse, c);
    }
    return pattern_atom_end(parse, pattern_add_piece(parse, at, from), false);
}

static factum_status pattern_class_term(struct fct_pattern_parse *parse)
{
    size_t at = parse->at;
    size_t from = parse->pieces.len;
    factum_status status = fct_pattern_class(parse);
    if (status != FACTUM_OK) {
        return status;
    }
    return pattern_atom_end(parse, pattern_add_piece(parse, at, from), false);
}

static factum_status pattern_step(struct fct_pattern_parse *parse)
{
    switch (parse->text.ptr[parse->at]) {
    case '|':
        pattern_bar(parse);
        return FACTUM_OK;
    case '(':
        return pattern_open(parse);
    case ')':
        return pattern_close(parse);
    case '[':
        return pattern_class_term(parse);
    case '\\':
        return pattern_escape_term(parse);
    case '*':
    case '+':
    case '?':
        return fct_pattern_bad(parse, parse->at, "a repetition of nothing that can be repeated");
    case '{':
    case '}':
    case ']':
        return fct_pattern_bad(parse, parse->at, "a bracket that needs a \\ before it");
    default:
        return pattern_literal(parse);
    }
}

factum_status fct_pattern_parse_all(struct fct_pattern_parse *parse)
{
    parse->nodes[0] = (struct fct_pattern_node){.kind = FCT_PATTERN_OPEN,
                                                .group = FCT_PATTERN_PLAIN,
                                                .parent = FCT_PATTERN_NONE,
                                                .branch_count = 1,
                                                .branch_empty = true,
                                                .min = 1,
                                                .max = 1};
    parse->node_count = 1;
    while (parse->at < parse->text.len) {
        factum_status status = pattern_step(parse);
        if (status == FACTUM_OK && parse->full != FACTUM_OK) {
            status = fct_pattern_full(parse, parse->full);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return parse->depth == 0
               ? FACTUM_OK
               : fct_pattern_bad(parse, parse->nodes[parse->open].at, "a ( without its )");
}
