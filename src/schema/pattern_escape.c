/* pattern_escape.c - escapes of ECMA-262's patterns with the flag `u`. Layer: schema.
 *
 * Only escapes that mean the same inside and outside of classes, and `\-` and `\b` of classes;
 * pattern_parse.c has assertions and back-references. Every other letter after a backslash is
 * invalid.
 */
#include "schema/pattern_int.h"

#include "core/error.h"
#include "core/slice.h"

#define CODE_POINT_MAX 0x10ffffU

static int pattern_hex_digit(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Takes exactly |count| hexadecimal digits, or nothing. */
static bool pattern_hex(struct fct_pattern_parse *parse, size_t count, uint32_t *value)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = pattern_hex_digit(fct_pattern_peek(parse, i));
        if (digit < 0) {
            return false;
        }
        sum = sum << 4 | (uint32_t)digit;
    }
    parse->at += count;
    *value = sum;
    return true;
}

static factum_status pattern_unicode_braces(struct fct_pattern_parse *parse, size_t began,
                                            uint32_t *c)
{
    uint32_t sum = 0;
    size_t first = parse->at;
    for (int digit; (digit = pattern_hex_digit(fct_pattern_peek(parse, 0))) >= 0; parse->at++) {
        sum = sum << 4 | (uint32_t)digit;
        if (sum > CODE_POINT_MAX) {
            return fct_pattern_bad(parse, began, "a code point above 10FFFF");
        }
    }
    if (parse->at == first || !fct_pattern_skip(parse, "}")) {
        return fct_pattern_bad(parse, began, "a \\u{ without hexadecimal digits and a }");
    }
    *c = sum;
    return FACTUM_OK;
}

factum_status fct_pattern_unicode(struct fct_pattern_parse *parse, size_t began, uint32_t *c)
{
    uint32_t low;
    if (fct_pattern_skip(parse, "{")) {
        return pattern_unicode_braces(parse, began, c);
    }
    if (!pattern_hex(parse, 4, c)) {
        return fct_pattern_bad(parse, began, "a \\u without four hexadecimal digits");
    }
    size_t end = parse->at;
    if (*c >= 0xd800 && *c < 0xdc00 && fct_pattern_skip(parse, "\\u")) {
        if (pattern_hex(parse, 4, &low) && low >= 0xdc00 && low < 0xe000) {
            *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
        } else {
            parse->at = end;
        }
    }
    return FACTUM_OK;
}

/* \p{...} or \P{...}, after its letter. */
static factum_status pattern_property(struct fct_pattern_parse *parse, size_t began, bool inverted,
                                      struct fct_pattern_property *property)
{
    if (!fct_pattern_skip(parse, "{")) {
        return fct_pattern_bad(parse, began, "a \\p without a property in braces");
    }
    size_t from = parse->at;
    int c;
    while ((c = fct_pattern_peek(parse, 0)) != '}') {
        if (c < 0) {
            return fct_pattern_bad(parse, began, "a \\p{ without its }");
        }
        parse->at++;
    }
    factum_slice text = fct_slice(parse->text.ptr + from, parse->at - from);
    parse->at++;
    factum_status status = fct_pattern_property_find(parse->mem, text, property);
    if (status == FACTUM_NOT_FOUND) {
        return fct_fail(parse->err, FACTUM_INVALID,
                        "not a valid pattern: an unknown property %.*s at byte %zu", FCT_FMT(text),
                        began);
    }
    if (status == FACTUM_UNSUPPORTED) {
        if (parse->unsupported.status == FACTUM_OK) {
            (void)fct_fail(&parse->unsupported, status,
                           "the property %.*s, at byte %zu of a pattern, is not supported",
                           FCT_FMT(text), began);
        }
    } else if (status != FACTUM_OK) {
        return fct_pattern_full(parse, status);
    }
    property->inverted = property->inverted != inverted;
    return FACTUM_OK;
}

/* \cX, \0, \xHH and \uXXXX, after the letter |c|. DONE: another escape. */
static factum_status pattern_code(struct fct_pattern_parse *parse, size_t began, int c,
                                  uint32_t *code)
{
    int next = fct_pattern_peek(parse, 0);
    switch (c) {
    case 'c':
        if (!((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'))) {
            return fct_pattern_bad(parse, began, "a \\c without a letter");
        }
        *code = (uint32_t)next & 0x1f;
        parse->at++;
        return FACTUM_OK;
    case '0':
        if (next >= '0' && next <= '9') {
            return fct_pattern_bad(parse, began, "an octal escape");
        }
        *code = 0;
        return FACTUM_OK;
    case 'x':
        return pattern_hex(parse, 2, code)
                   ? FACTUM_OK
                   : fct_pattern_bad(parse, began, "a \\x without two hexadecimal digits");
    case 'u':
        return fct_pattern_unicode(parse, began, code);
    default:
        return FACTUM_DONE;
    }
}

/* Letters and syntax characters that are escapes of one character. */
static bool pattern_single(int c, bool in_class, uint32_t *code)
{
    static const char letters[] = "fnrtv";
    static const char codes[] = "\f\n\r\t\v";
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    if (letter != NULL) {
        *code = (uint32_t)codes[letter - letters];
        return true;
    }
    if (in_class && c == 'b') {
        *code = '\b';
        return true;
    }
    *code = (uint32_t)c;
    return c > 0 && (strchr("^$\\.*+?()[]{}|/", c) != NULL || (in_class && c == '-'));
}

factum_status fct_pattern_escape(struct fct_pattern_parse *parse, bool in_class,
                                 struct fct_pattern_escaped *escaped)
{
    size_t began = parse->at++;
    int c = fct_pattern_peek(parse, 0);
    *escaped = (struct fct_pattern_escaped){.kind = FCT_PATTERN_ESCAPE_CHAR};
    if (c < 0) {
        return fct_pattern_bad(parse, began, "a \\ at the end");
    }
    parse->at++;
    if (c > 0 && strchr("dDsSwW", c) != NULL) {
        escaped->kind = FCT_PATTERN_ESCAPE_SET;
        escaped->set = (char)c;
        return FACTUM_OK;
    }
    if (c == 'p' || c == 'P') {
        escaped->kind = FCT_PATTERN_ESCAPE_PROPERTY;
        return pattern_property(parse, began, c == 'P', &escaped->property);
    }
    if (pattern_single(c, in_class, &escaped->c)) {
        return FACTUM_OK;
    }
    factum_status status = pattern_code(parse, began, c, &escaped->c);
    return status == FACTUM_DONE ? fct_pattern_bad(parse, began, "an unknown escape") : status;
}
