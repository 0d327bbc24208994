/* sql_scan.h - SQL as tokens, with their places. Layer: projection. Pure.
 *
 * Knows the lexical form that SQLite and PostgreSQL share: words, quoted names, texts, numbers,
 * comments. Also knows what definitions add: "--@ ..." (a directive, to the end of its line),
 * {{name}} (a table's name that gets its version) and :name or :name.member (a parameter). Does not
 * know statements; SQLite judges those.
 */
#ifndef FCT_PROJECTION_SQL_SCAN_H
#define FCT_PROJECTION_SQL_SCAN_H

#include <factum/base.h>

enum fct_sql_kind {
    FCT_SQL_END,
    FCT_SQL_WORD,      /* a keyword or a plain name */
    FCT_SQL_NAME,      /* a quoted name: "x", `x`, [x]; |text| with its quotes */
    FCT_SQL_TEXT,      /* 'x', x'00' */
    FCT_SQL_NUMBER,    /* 1, 1.5e3, 0xff */
    FCT_SQL_PARAMETER, /* :a.b; |text| without the colon */
    FCT_SQL_TEMPLATE,  /* {{x}}; |text| is the name alone */
    FCT_SQL_DIRECTIVE, /* |text| is the line after "--@", trimmed */
    FCT_SQL_SYMBOL,    /* one character: ( ) , ; . + ... or "::" */
    FCT_SQL_BAD        /* |problem| says why */
};

struct fct_sql_token {
    enum fct_sql_kind kind;
    factum_slice text;
    size_t start; /* offset of its first byte in the whole text, and of the byte after its last */
    size_t end;
    uint32_t line; /* of its first byte, from 1; a column counts bytes, from 1 */
    uint32_t column;
    const char *problem; /* of BAD; a static string */
};

struct fct_sql_scan {
    factum_slice text;
    size_t at;
    uint32_t line;
    size_t line_start;
};

/* Begins at the start of |text|, which must outlive the scan. */
void fct_sql_begin(struct fct_sql_scan *scan, factum_slice text);
/* The next token; comments and spaces are skipped. After END or BAD always the same token. */
void fct_sql_next(struct fct_sql_scan *scan, struct fct_sql_token *token);
/* Is the token the word |word| (upper case), in any case of letters? */
bool fct_sql_is_word(const struct fct_sql_token *token, const char *word);
/* Is the token the symbol |symbol|? */
bool fct_sql_is_symbol(const struct fct_sql_token *token, char symbol);

#endif
