/* generate_text.c - pieces of C text that nothing in a schema can break. Layer: schema.
 *
 * Titles, descriptions and names come from outside. They cannot end, nest or continue a comment,
 * nor reverse its direction by characters of right-to-left writing. A literal only has bytes of
 * printable ASCII, and no trigraph.
 */
#include "schema/generate_out_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 100u
#define LINE_SIZE 1024

void fct_gen_put(struct fct_gen_out *out, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (out->status == FACTUM_OK && (len < 0 || (size_t)len >= sizeof text)) {
        out->status = FACTUM_TOO_BIG;
    }
    if (out->status == FACTUM_OK) {
        out->status = fct_buf_add(out->buf, text, (size_t)len);
    }
}

static void put_bytes(struct fct_gen_out *out, const void *bytes, size_t len)
{
    if (out->status == FACTUM_OK && len > 0) {
        out->status = fct_buf_add(out->buf, bytes, len);
    }
}

static void put_indent(struct fct_gen_out *out, unsigned indent)
{
    fct_gen_put(out, "%*s", (int)indent, "");
}

/* ---- comments -------------------------------------------------------------------------------- */

/* The size of the character at |at|; *hidden: it must not be in a comment, such as a control
 * character or one that changes the direction or ends a line. */
static size_t character(factum_slice text, size_t at, bool *hidden)
{
    uint8_t c = text.ptr[at];
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    *hidden = c < 0x20 || c == 0x7f;
    if (len == 2) {
        uint32_t code = (c & 0x1fu) << 6 | (text.ptr[at + 1] & 0x3fu);
        *hidden = code < 0xa0 || code == 0xad || code == 0x61c;
    } else if (len == 3) {
        uint32_t code =
            (c & 0xfu) << 12 | (text.ptr[at + 1] & 0x3fu) << 6 | (text.ptr[at + 2] & 0x3fu);
        *hidden = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                  (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
    }
    return len;
}

/* Must |c| not follow |before| in a comment? */
static bool is_harmful(uint8_t before, uint8_t c)
{
    return (before == '*' && c == '/') || (before == '/' && c == '*') ||
           (before == '?' && c == '?') || (before == '\\');
}

/* A word of a comment, without harmful characters. */
struct comment_word {
    char text[LINE_SIZE / 2];
    size_t len;
    size_t columns;
};

/* Takes the next word of |text| from *at on. False: none is left. */
static bool next_word(factum_slice text, size_t *at, struct comment_word *word)
{
    bool hidden;
    *word = (struct comment_word){.len = 0};
    while (*at < text.len && word->len + 8 < sizeof word->text) {
        size_t len = character(text, *at, &hidden);
        bool blank = hidden || text.ptr[*at] == ' ';
        if (blank && word->len > 0) {
            break;
        }
        if (!blank) {
            uint8_t before = word->len == 0 ? 0 : (uint8_t)word->text[word->len - 1];
            if (is_harmful(before, text.ptr[*at])) {
                word->text[word->len++] = before == '\\' ? '.' : ' ';
                word->columns++;
            }
            memcpy(word->text + word->len, text.ptr + *at, len);
            word->len += len;
            word->columns++;
        }
        *at += len;
    }
    if (word->len > 0 && word->text[word->len - 1] == '\\') {
        word->text[word->len++] = '.';
    }
    return word->len > 0;
}

/* The columns of |text| as a comment on one line. */
static size_t comment_columns(factum_slice text)
{
    struct comment_word word;
    size_t columns = 0;
    for (size_t at = 0; next_word(text, &at, &word);) {
        columns += word.columns + 1;
    }
    return columns == 0 ? 0 : columns + 5;
}

void fct_gen_put_comment(struct fct_gen_out *out, unsigned indent, factum_slice text)
{
    struct comment_word word;
    size_t column = 0;
    for (size_t at = 0; next_word(text, &at, &word);) {
        if (column == 0) {
            put_indent(out, indent);
            fct_gen_put(out, "/*");
            column = indent + 2u;
        } else if (column + 1 + word.columns + 3 > COLUMNS) {
            fct_gen_put(out, "\n");
            put_indent(out, indent);
            fct_gen_put(out, " *");
            column = indent + 2u;
        }
        /* a word that would end the comment after a star */
        fct_gen_put(out, word.text[0] == '/' ? "  " : " ");
        put_bytes(out, word.text, word.len);
        column += 1 + word.columns;
    }
    fct_gen_put(out, column == 0 ? "" : " */\n");
}

void fct_gen_put_line(struct fct_gen_out *out, unsigned indent, const char *code, factum_slice text)
{
    size_t columns = comment_columns(text);
    bool beside = columns > 0 && indent + strlen(code) + columns + 1 <= COLUMNS;
    if (!beside) {
        fct_gen_put_comment(out, indent, text);
    }
    put_indent(out, indent);
    fct_gen_put(out, beside ? "%s " : "%s\n", code);
    if (beside) {
        fct_gen_put_comment(out, 0, text);
    }
}

/* ---- literals -------------------------------------------------------------------------------- */

void fct_gen_put_literal(struct fct_gen_out *out, factum_slice text)
{
    uint8_t before = 0;
    fct_gen_put(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c >= 0x7f) {
            fct_gen_put(out, "\\%03o", (unsigned)c);
        } else if (c == '"' || c == '\\' || (c == '?' && before == '?')) {
            fct_gen_put(out, "\\%c", c);
        } else {
            put_bytes(out, &c, 1);
        }
        before = c;
    }
    fct_gen_put(out, "\"");
}
