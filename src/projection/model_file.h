/* model_file.h - the file of a read model, DIR/NAME.db: opened, checked, its bookkeeping.
 * Layer: projection. Knows SQLite and the bookkeeping tables. Does not know events, nor what the
 * tables of a model mean: model_build.h creates those, sqlite_target.h fills them.
 *
 *     factum_model        one row: format, store, name, acts (the revision of the last act that was
 *                         carried out; -1: none), in_use, previous (names of builds; '': none)
 *     factum_checkpoint   a row for each build: name (NAME__vN), version, run, position, epoch,
 *                         token, created, event_count
 *     factum_parked       build, key, position, type, reason, attempts, next_attempt, since
 *     factum_refused      revision, reason: acts that could not be carried out
 *
 * WAL with synchronous=FULL: what was committed survives a loss of power. SQLite before 3.51.3 can
 * damage a file if one connection resets the WAL while another one moves it into the file. So no
 * connection moves the WAL on its own: wal_autocheckpoint is 0, and readers do not when they close.
 * A writer moves it by a second connection, the sweeper, while it holds the write lock itself: then
 * no connection can reset the WAL.
 *
 * Invariants:
 *  1. An open file has the format, the store and the name of its user.
 *  2. Only a writer has a sweeper; a reader cannot change anything.
 *  3. This process opens NAME.db by SQLite only: closing another descriptor of the file would drop
 *     the locks that SQLite holds.
 *  4. |sweep_at| is above 0.
 *
 * One thread at a time.
 */
#ifndef FCT_PROJECTION_MODEL_FILE_H
#define FCT_PROJECTION_MODEL_FILE_H

#include <sqlite3.h>

#include <factum/projection.h>

#include "core/compiler.h"
#include "core/mem.h"
#include "os/os.h"

#define FCT_MODEL_FORMAT 1
#define FCT_MODEL_BUSY_MS 5000
#define FCT_MODEL_BUILD_NAME_SIZE 120 /* of "NAME__vN_R", with the zero byte */

struct fct_model_file_options {
    const char *dir;   /* exists; NULL: the model is in memory */
    factum_slice name; /* of the model */
    factum_uuid store;
    bool write; /* creates the file if it does not exist */
    /* Check the whole file if the last writer did not close it. For the first open in a process:
     * while others have the file open the check finds nothing and costs time. */
    bool check;
    size_t cache_size; /* bytes; 0: 16 MiB for a writer, 4 MiB for a reader */
    const struct fct_mem *mem;
    const struct fct_os *os; /* SQLite's default VFS must use the same disk */
};

struct fct_model_file {
    sqlite3 *db;
    sqlite3 *sweeper; /* opened at the first sweep */
    const struct fct_mem *mem;
    bool write;
    int wal_frames; /* pages in the WAL after the newest commit of this connection */
    int sweep_at;   /* a WAL of so many pages is swept */
    char name[FACTUM_PROJECTION_NAME_MAX + 1];
    char path[FCT_PATH_SIZE]; /* "": in memory */
};

struct fct_model_state {
    bool acts_set;                          /* an act was carried out */
    uint64_t acts;                          /* the revision of the last one */
    char in_use[FCT_MODEL_BUILD_NAME_SIZE]; /* "": none */
    char previous[FCT_MODEL_BUILD_NAME_SIZE];
};

/* *file is the caller's, for fct_model_file_close; NULL on failure. Errors: NOT_FOUND (a reader,
 * and no model exists), INVALID (the file is of another store or model, or not a model),
 * NEWER_FORMAT, CORRUPT (damaged: fct_model_file_remove, then it is rebuilt), BUSY, IO, NO_SPACE,
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_model_file_open(const struct fct_model_file_options *options,
                                               struct fct_model_file **file, factum_error *err);
/* Rolls back an open transaction. The last writer to close the file empties the WAL. Accepts
 * NULL. */
void fct_model_file_close(struct fct_model_file *file);
/* Deletes DIR/NAME.db and SQLite's files beside it. OK if they do not exist. Errors: IO. */
FCT_MUST_USE factum_status fct_model_file_remove(const struct fct_os *os, const char *dir,
                                                 factum_slice name, factum_error *err);

FCT_MUST_USE factum_status fct_model_file_state(struct fct_model_file *file,
                                                struct fct_model_state *state, factum_error *err);
/* Errors: NOT_FOUND (the file was deleted or replaced while it is open: close it and open it
 * again). */
FCT_MUST_USE factum_status fct_model_file_check_place(struct fct_model_file *file,
                                                      factum_error *err);
/* Called after a commit: moves the WAL into the file if it is long. A failure loses nothing; a
 * later commit tries again. */
void fct_model_file_sweep(struct fct_model_file *file);
/* Moves the WAL, waiting up to |wait_ms| in steps of 10 ms for readers that block it. Returns
 * whether all of it was moved. */
bool fct_model_file_sweep_now(struct fct_model_file *file, int wait_ms);

#endif
