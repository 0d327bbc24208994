/* table.h - the rows of an answer, kept until the last one, then printed: as a table, as CSV or as
 * JSON. Layer: cli.
 *
 * A table owns copies of all that it is given. It starts as {0}; the names of the columns come
 * first, and then the rows. One thread.
 */
#ifndef FACTUM_CLI_TABLE_H
#define FACTUM_CLI_TABLE_H

#include <factum/model_rows.h>

#include "cli/cli.h"

#define TABLE_SIZE_MAX ((size_t)256 << 20) /* bytes of all values as text */
#define TABLE_CUT 60                       /* columns of a value on a terminal */

struct table_cell {
    factum_value_kind kind;
    size_t offset, len; /* of its text in |bytes| */
};

struct table {
    size_t column_count;
    struct table_cell *cells; /* the names of the columns, then row by row */
    size_t cell_count, cell_capacity;
    char *bytes;
    size_t len, capacity;
    bool failed;  /* no memory, or more than TABLE_SIZE_MAX */
    bool too_big; /* the latter */
};

/* For struct factum_rows: |data| is the table. False once the table has failed. When columns come a
 * second time, they replace everything in the table. */
bool table_columns(void *data, const factum_slice *names, size_t count);
bool table_row(void *data, const factum_value *values, size_t count);
void table_finish(struct table *table);
/* 0 if the table has everything that it was given; otherwise the exit code, after a message. */
int table_check(const struct table *table);
size_t table_row_count(const struct table *table);

/* Values for table_row. */
factum_value table_text(factum_slice text); /* empty: NULL */
factum_value table_number(uint64_t number);
/* A time, which borrows |text|; 0: NULL. */
factum_value table_time(int64_t time, char text[FACTUM_TIME_TEXT_SIZE]);

/* Prints columns side by side, numbers to the right, NULL as "-". Values wider than |cut| columns
 * of a terminal are shortened; 0: no value is, and no colour is used. False without memory. */
bool table_print(const struct table *table, FILE *to, size_t cut);
/* RFC 4180, with a line of names. NULL is empty, an empty text is "", bytes are base64. */
void table_print_csv(const struct table *table, FILE *to);
/* Prints "columns":[...],"rows":[[...],...] without braces; bytes are base64. */
void table_print_json(const struct table *table, FILE *to);

/* Prints one value, also NULL. */
void print_value(FILE *to, const factum_value *value);
/* Prints it as JSON, as table_print_json does. */
void print_value_json(FILE *to, const factum_value *value);

#endif
