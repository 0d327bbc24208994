/* pattern_class.c - classes of ECMA-262's patterns, and escapes that are classes. Layer: schema.
 *
 * Everything except properties becomes ranges of code points, so that nothing depends on PCRE2's
 * definition of a letter or of white space. Surrogates cannot be in UTF-8: they are left out of
 * classes, and alone they never match.
 */
#include "schema/pattern_int.h"

#include "core/error.h"

#define CODE_POINT_MAX 0x10ffffU

struct pattern_range {
    uint32_t first, last;
};

static const struct pattern_range digit_ranges[] = {{'0', '9'}};
static const struct pattern_range word_ranges[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
/* WhiteSpace and LineTerminator: with Unicode's Space_Separator, and U+FEFF. */
static const struct pattern_range space_ranges[] = {
    {0x09, 0x0d},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff},
};

/* A range of a class without its surrogates; nothing if only surrogates are in it. */
static void pattern_put_range(struct fct_pattern_parse *parse, uint32_t first, uint32_t last)
{
    if (first >= 0xd800 && first <= 0xdfff) {
        first = 0xe000;
    }
    if (last >= 0xd800 && last <= 0xdfff) {
        last = 0xd7ff;
    }
    if (first > last) {
        return;
    }
    fct_pattern_put_char(parse, first);
    if (last > first) {
        fct_pattern_put(parse, "-");
        fct_pattern_put_char(parse, last);
    }
}

static void pattern_put_ranges(struct fct_pattern_parse *parse, const struct pattern_range *ranges,
                               size_t count, bool inverted)
{
    uint32_t next = 0;
    for (size_t i = 0; i < count; i++) {
        if (!inverted) {
            pattern_put_range(parse, ranges[i].first, ranges[i].last);
        } else if (ranges[i].first > next) {
            pattern_put_range(parse, next, ranges[i].first - 1);
        }
        next = ranges[i].last + 1;
    }
    if (inverted) {
        pattern_put_range(parse, next, CODE_POINT_MAX);
    }
}

/* The items of an escape for several characters, inside a class. */
static void pattern_put_set(struct fct_pattern_parse *parse,
                            const struct fct_pattern_escaped *escaped)
{
    const struct fct_pattern_property *property = &escaped->property;
    if (escaped->kind == FCT_PATTERN_ESCAPE_PROPERTY) {
        if (property->any && !property->inverted) {
            pattern_put_range(parse, 0, CODE_POINT_MAX);
        } else if (!property->any) {
            fct_pattern_put(parse, property->inverted ? "\\P{" : "\\p{");
            fct_pattern_put(parse, property->text);
            fct_pattern_put(parse, "}");
        }
        return;
    }
    bool inverted = escaped->set < 'a';
    switch (escaped->set) {
    case 'd':
    case 'D':
        pattern_put_ranges(parse, digit_ranges, sizeof digit_ranges / sizeof *digit_ranges,
                           inverted);
        break;
    case 'w':
    case 'W':
        pattern_put_ranges(parse, word_ranges, sizeof word_ranges / sizeof *word_ranges, inverted);
        break;
    default:
        pattern_put_ranges(parse, space_ranges, sizeof space_ranges / sizeof *space_ranges,
                           inverted);
        break;
    }
}

/* Closes the class whose text begins after |from| bytes of |pieces|. A class without items is
 * written as the inverse of a class of everything, because PCRE2 reads a `]` at the beginning as an
 * item. */
static void pattern_class_end(struct fct_pattern_parse *parse, size_t from, bool inverted)
{
    if (parse->full == FACTUM_OK && parse->pieces.len == from + (inverted ? 2 : 1)) {
        parse->pieces.len = from;
        fct_pattern_put(parse, inverted ? "[" : "[^");
        pattern_put_range(parse, 0, CODE_POINT_MAX);
    }
    fct_pattern_put(parse, "]");
}

void fct_pattern_put_escaped(struct fct_pattern_parse *parse,
                             const struct fct_pattern_escaped *escaped)
{
    size_t from = parse->pieces.len;
    bool surrogate = escaped->c >= 0xd800 && escaped->c <= 0xdfff;
    if (escaped->kind == FCT_PATTERN_ESCAPE_CHAR && !surrogate) {
        fct_pattern_put_char(parse, escaped->c);
        return;
    }
    fct_pattern_put(parse, "[");
    if (escaped->kind != FCT_PATTERN_ESCAPE_CHAR) {
        pattern_put_set(parse, escaped);
    }
    pattern_class_end(parse, from, false);
}

/* One character or escape of a class. */
static factum_status pattern_class_atom(struct fct_pattern_parse *parse,
                                        struct fct_pattern_escaped *atom)
{
    if (fct_pattern_peek(parse, 0) == '\\') {
        return fct_pattern_escape(parse, true, atom);
    }
    *atom = (struct fct_pattern_escaped){.kind = FCT_PATTERN_ESCAPE_CHAR};
    atom->c = fct_pattern_take(parse);
    return FACTUM_OK;
}

/* An item: an atom, or two with a `-` between them. */
static factum_status pattern_class_item(struct fct_pattern_parse *parse)
{
    struct fct_pattern_escaped first, last;
    size_t at = parse->at;
    factum_status status = pattern_class_atom(parse, &first);
    if (status != FACTUM_OK) {
        return status;
    }
    int after = fct_pattern_peek(parse, 1);
    if (fct_pattern_peek(parse, 0) != '-' || after == ']' || after < 0) {
        if (first.kind == FCT_PATTERN_ESCAPE_CHAR) {
            pattern_put_range(parse, first.c, first.c);
        } else {
            pattern_put_set(parse, &first);
        }
        return FACTUM_OK;
    }
    parse->at++;
    status = pattern_class_atom(parse, &last);
    if (status != FACTUM_OK) {
        return status;
    }
    if (first.kind != FCT_PATTERN_ESCAPE_CHAR || last.kind != FCT_PATTERN_ESCAPE_CHAR) {
        return fct_pattern_bad(parse, at, "a range of a class with an end that is a class");
    }
    if (first.c > last.c) {
        return fct_pattern_bad(parse, at, "a range of a class whose ends are out of order");
    }
    pattern_put_range(parse, first.c, last.c);
    return FACTUM_OK;
}

factum_status fct_pattern_class(struct fct_pattern_parse *parse)
{
    size_t began = parse->at++;
    size_t from = parse->pieces.len;
    bool inverted = fct_pattern_skip(parse, "^");
    fct_pattern_put(parse, inverted ? "[^" : "[");
    while (!fct_pattern_skip(parse, "]")) {
        if (parse->at == parse->text.len) {
            return fct_pattern_bad(parse, began, "a [ without its ]");
        }
        factum_status status = pattern_class_item(parse);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    pattern_class_end(parse, from, inverted);
    return FACTUM_OK;
}
