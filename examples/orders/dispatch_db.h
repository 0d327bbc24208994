/* dispatch_db.h - the SQLite database of orders-dispatch: its tables, its transaction, its
 * checkpoint. Layer: example, public API only.
 *
 * Everything between dispatch_begin and dispatch_save or dispatch_undo is one transaction. */
#ifndef EXAMPLES_ORDERS_DISPATCH_DB_H
#define EXAMPLES_ORDERS_DISPATCH_DB_H

#include <sqlite3.h>

#include <factum/delivery.h>

#define DISPATCH_VALUES_MAX 4

/* The values that are bound to a statement. */
struct dispatch_values {
    factum_slice texts[DISPATCH_VALUES_MAX]; /* ?1 ... */
    int text_count;
    int64_t number; /* the one after them, if number_set */
    bool number_set;
};

/* Opens |path|, and creates its tables unless they exist. *db is the caller's, for
 * sqlite3_close; also after a failure. */
factum_status dispatch_open(const char *path, sqlite3 **db, factum_error *err);
/* Runs one statement; begins a transaction if none is open. *first, which may be NULL, becomes
 * the first column of the first row as a whole number; -1 without a row. */
factum_status dispatch_run(sqlite3 *db, const char *sql, const struct dispatch_values *values,
                           int64_t *first, factum_error *err);
factum_status dispatch_begin(sqlite3 *db, factum_error *err);

/* The keeper of a follower: |data| is the sqlite3. */
factum_status dispatch_load(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err);
factum_status dispatch_save(void *data, const char *from, const char *to, factum_error *err);
void dispatch_undo(void *data);

#endif
