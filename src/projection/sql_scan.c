/* sql_scan.c - SQL as tokens. Layer: projection. See sql_scan.h. */
#include "projection/sql_scan.h"

#include <string.h>

#include "core/slice.h"

/* The byte |ahead| of the current one, or 0 after the end: a zero byte in the text is BAD
 * anyway. */
static uint8_t peek(const struct fct_sql_scan *scan, size_t ahead)
{
    return ahead < scan->text.len - scan->at ? scan->text.ptr[scan->at + ahead] : 0;
}

static bool at_end(const struct fct_sql_scan *scan)
{
    return scan->at >= scan->text.len;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Bytes above 127 are parts of names, as in SQLite. */
static bool starts_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool in_word(uint8_t c)
{
    return starts_word(c) || is_digit(c) || c == '$';
}

static void step(struct fct_sql_scan *scan)
{
    if (scan->text.ptr[scan->at] == '\n') {
        scan->line++;
        scan->line_start = scan->at + 1;
    }
    scan->at++;
}

static void skip_line(struct fct_sql_scan *scan)
{
    while (!at_end(scan) && scan->text.ptr[scan->at] != '\n') {
        scan->at++;
    }
}

/* False: the comment has no end. */
static bool skip_comment(struct fct_sql_scan *scan)
{
    scan->at += 2;
    while (!at_end(scan)) {
        if (peek(scan, 0) == '*' && peek(scan, 1) == '/') {
            scan->at += 2;
            return true;
        }
        step(scan);
    }
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool at_directive(const struct fct_sql_scan *scan)
{
    return peek(scan, 0) == '-' && peek(scan, 1) == '-' && peek(scan, 2) == '@';
}

/* False: a comment has no end. */
static bool skip_spaces(struct fct_sql_scan *scan)
{
    while (!at_end(scan)) {
        if (is_space(peek(scan, 0))) {
            step(scan);
        } else if (peek(scan, 0) == '-' && peek(scan, 1) == '-' && !at_directive(scan)) {
            skip_line(scan);
        } else if (peek(scan, 0) == '/' && peek(scan, 1) == '*') {
            if (!skip_comment(scan)) {
                return false;
            }
        } else {
            break;
        }
    }
    return true;
}

static void bad(struct fct_sql_token *token, const char *problem)
{
    token->kind = FCT_SQL_BAD;
    token->problem = problem;
}

/* From one quote to the next. Two quotes are one quote of the content, except for "]". */
static void take_quoted(struct fct_sql_scan *scan, struct fct_sql_token *token,
                        enum fct_sql_kind kind, uint8_t quote)
{
    token->kind = kind;
    for (step(scan); !at_end(scan); step(scan)) {
        if (peek(scan, 0) == quote) {
            if (quote == ']' || peek(scan, 1) != quote) {
                step(scan);
                return;
            }
            step(scan);
        }
    }
    bad(token,
        kind == FCT_SQL_TEXT ? "a text has no closing quote: '" : "a name has no closing quote");
}

static void take_word(struct fct_sql_scan *scan)
{
    while (in_word(peek(scan, 0))) {
        scan->at++;
    }
}

/* Digits, a fraction, an exponent; also 0x1f. The rest is the next token. */
static void take_number(struct fct_sql_scan *scan, struct fct_sql_token *token)
{
    token->kind = FCT_SQL_NUMBER;
    while (in_word(peek(scan, 0)) || peek(scan, 0) == '.') {
        bool exponent = peek(scan, 0) == 'e' || peek(scan, 0) == 'E';
        scan->at++;
        if (exponent && (peek(scan, 0) == '+' || peek(scan, 0) == '-') && is_digit(peek(scan, 1))) {
            scan->at++;
        }
    }
}

/* :name.member.member */
static void take_parameter(struct fct_sql_scan *scan, struct fct_sql_token *token)
{
    scan->at++;
    token->kind = FCT_SQL_PARAMETER;
    size_t start = scan->at;
    while (starts_word(peek(scan, 0))) {
        take_word(scan);
        if (peek(scan, 0) != '.' || !starts_word(peek(scan, 1))) {
            break;
        }
        scan->at++;
    }
    token->text = (factum_slice){scan->text.ptr + start, scan->at - start};
    if (token->text.len == 0) {
        bad(token, "a parameter has no name: write :name");
    }
}

/* {{name}} */
static void take_template(struct fct_sql_scan *scan, struct fct_sql_token *token)
{
    scan->at += 2;
    token->kind = FCT_SQL_TEMPLATE;
    size_t start = scan->at;
    take_word(scan);
    token->text = (factum_slice){scan->text.ptr + start, scan->at - start};
    if (token->text.len == 0 || peek(scan, 0) != '}' || peek(scan, 1) != '}') {
        bad(token, "a table's name is not closed: write {{name}}");
        return;
    }
    scan->at += 2;
}

static void take_directive(struct fct_sql_scan *scan, struct fct_sql_token *token)
{
    token->kind = FCT_SQL_DIRECTIVE;
    scan->at += 3;
    size_t start = scan->at;
    skip_line(scan);
    token->text =
        fct_slice_trim((factum_slice){scan->text.ptr + start, scan->at - start}, " \t\r\v\f");
}

static void take_token(struct fct_sql_scan *scan, struct fct_sql_token *token)
{
    uint8_t c = peek(scan, 0);
    if (at_directive(scan)) {
        take_directive(scan, token);
    } else if ((c == 'x' || c == 'X') && peek(scan, 1) == '\'') {
        scan->at++;
        take_quoted(scan, token, FCT_SQL_TEXT, '\'');
    } else if (starts_word(c)) {
        token->kind = FCT_SQL_WORD;
        take_word(scan);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(scan, 1)))) {
        take_number(scan, token);
    } else if (c == '\'') {
        take_quoted(scan, token, FCT_SQL_TEXT, '\'');
    } else if (c == '"' || c == '`' || c == '[') {
        take_quoted(scan, token, FCT_SQL_NAME, c == '[' ? ']' : c);
    } else if (c == ':' && peek(scan, 1) != ':') {
        take_parameter(scan, token);
    } else if (c == '{' && peek(scan, 1) == '{') {
        take_template(scan, token);
    } else if (c < ' ' || c == 0x7f) {
        bad(token, "a control character");
    } else if (c == '?' || c == '@' || c == '$' || c == '#') {
        bad(token, "a parameter has the form :name");
    } else {
        token->kind = FCT_SQL_SYMBOL;
        scan->at += c == ':' ? 2 : 1;
    }
}

void fct_sql_begin(struct fct_sql_scan *scan, factum_slice text)
{
    *scan = (struct fct_sql_scan){.text = text, .line = 1};
}

void fct_sql_next(struct fct_sql_scan *scan, struct fct_sql_token *token)
{
    const struct fct_sql_scan before = *scan;
    *token = (struct fct_sql_token){.kind = FCT_SQL_END};
    bool closed = skip_spaces(scan);
    token->start = scan->at;
    token->line = scan->line;
    token->column = (uint32_t)(scan->at - scan->line_start) + 1;
    if (!closed) {
        bad(token, "a comment has no end: close it with */");
    } else if (!at_end(scan)) {
        take_token(scan, token);
    }
    token->end = scan->at;
    if (token->text.ptr == NULL && token->kind != FCT_SQL_END) {
        token->text = (factum_slice){scan->text.ptr + token->start, token->end - token->start};
    }
    if (token->kind == FCT_SQL_BAD) {
        *scan = before; /* the next call returns the same token */
    }
}

bool fct_sql_is_word(const struct fct_sql_token *token, const char *word)
{
    size_t len = strlen(word);
    if (token->kind != FCT_SQL_WORD || token->text.len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = token->text.ptr[i];
        if ((c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c) != word[i]) {
            return false;
        }
    }
    return true;
}

bool fct_sql_is_symbol(const struct fct_sql_token *token, char symbol)
{
    return token->kind == FCT_SQL_SYMBOL && token->text.ptr[0] == (uint8_t)symbol;
}
