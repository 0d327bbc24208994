/* model_file.h - the file of a read model, DIR/NAME.db: opened, checked, its bookkeeping.
 * Layer: projection.
 *
 * It knows SQLite, and what the bookkeeping tables are. It does not know events, nor what the
 * tables of a model mean; model_build.h makes those, sqlite_target.h fills them.
 *
 *     factum_model        one row: format, store, name, acts (the revision of the last act that was
 *                         carried out; -1: none), in_use, previous (names of builds; '': none)
 *     factum_checkpoint   a row for each build: name (NAME__vN), version, run, position, epoch,
 *                         token, created, event_count
 *     factum_parked       build, key, position, type, reason, attempts, next_attempt, since
 *     factum_refused      revision, reason: acts that could not be carried out
 *
 * WAL with synchronous=FULL: what was committed survives a loss of power. SQLite before 3.51.3 can
 * damage a file if one connection resets the WAL while another one moves it into the file.
 * Therefore no connection does that by itself (wal_autocheckpoint is 0, readers do not when they
 * close). A writer does it by a second connection, the sweeper, while it holds the write lock
 * itself: then nobody can reset the WAL.
 *
 * Invariants:
 *  1. The format, the store and the name are those of the file's user, or it is not open.
 *  2. Only a writer has a sweeper; a reader cannot change anything.
 *  3. This process opens NAME.db by SQLite only: closing another descriptor of it would drop the
 *     locks that SQLite holds.
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
    const char *dir;   /* it is there; NULL: the model is in memory, for a replay */
    factum_slice name; /* of the model */
    factum_uuid store;
    bool write; /* makes the file if it is not there */
    /* If the last writer has not closed it, the whole file is checked. For the first one in a
     * process that opens it; while others have it open it says nothing and costs time. */
    bool check;
    size_t cache_size; /* bytes; 0: 16 MiB of a writer, 4 MiB of a reader */
    const struct fct_mem *mem;
    const struct fct_os *os; /* on whose disk SQLite's default VFS is, too */
};

struct fct_model_file {
    sqlite3 *db;
    sqlite3 *sweeper; /* opened when it is needed first */
    const struct fct_mem *mem;
    bool write;
    int wal_frames; /* pages in the WAL after the newest commit of this connection */
    int sweep_at;   /* as many are worth a sweep */
    char name[FACTUM_PROJECTION_NAME_MAX + 1];
    char path[FCT_PATH_SIZE]; /* "": in memory */
};

struct fct_model_state {
    bool acts_set;                          /* an act was carried out */
    uint64_t acts;                          /* the revision of the last one */
    char in_use[FCT_MODEL_BUILD_NAME_SIZE]; /* "": none */
    char previous[FCT_MODEL_BUILD_NAME_SIZE];
};

/* *file is the caller's, for fct_model_file_close; NULL on failure. NOT_FOUND: a reader, and there
 * is no model. INVALID: the file is another store's, another model's or no model at all.
 * NEWER_FORMAT. CORRUPT: it is damaged: fct_model_file_remove, it is rebuilt. BUSY, IO, NO_SPACE,
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_model_file_open(const struct fct_model_file_options *options,
                                               struct fct_model_file **file, factum_error *err);
/* Rolls back what is under way. The last connection of a file empties the WAL, unless it is a
 * reader's. Accepts NULL. */
void fct_model_file_close(struct fct_model_file *file);
/* Deletes DIR/NAME.db and what SQLite has beside it. OK if it is not there. IO. */
FCT_MUST_USE factum_status fct_model_file_remove(const struct fct_os *os, const char *dir,
                                                 factum_slice name, factum_error *err);

FCT_MUST_USE factum_status fct_model_file_state(struct fct_model_file *file,
                                                struct fct_model_state *state, factum_error *err);
/* NOT_FOUND: the file was deleted or replaced while it is open: close it and open it again. */
FCT_MUST_USE factum_status fct_model_file_check_place(struct fct_model_file *file,
                                                      factum_error *err);
/* After a commit: moves the WAL into the file if it has become long. What fails here has lost
 * nothing and is tried again after a later commit. */
void fct_model_file_sweep(struct fct_model_file *file);
/* Waits 10 ms now and then for readers that keep the WAL from being emptied, up to |wait_ms|.
 * Returns whether all of it was moved. */
bool fct_model_file_sweep_now(struct fct_model_file *file, int wait_ms);

#endif
