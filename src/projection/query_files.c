/* query_files.c - the files of a query. Layer: projection. See query_files.h.
 *
 * Invariants of a temporary file:
 *  1. The chunks cover [0, size): |size| is at most |chunk_count| chunks.
 *  2. |chunk_count| is at most |chunk_room|.
 *  3. The bytes of the last chunk after |size| are 0.
 */
#include "projection/query_files.h"

#include <stdatomic.h>
#include <string.h>

#include "core/check.h"
#include "os/thread.h"
#include "projection/query_guard.h"

#define FILES_CHUNK_SIZE ((sqlite3_int64)32 << 10)
#define FILES_READ_WORK 2000u /* about ns of a read from the system's cache */
#define FILES_TEMPORARY                                                                            \
    (SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL |                   \
     SQLITE_OPEN_SUBJOURNAL)

/* ---- temporary files ------------------------------------------------------------------------- */

struct files_temp {
    sqlite3_file file; /* first: SQLite knows only this */
    uint8_t **chunks;
    sqlite3_int64 chunk_count;
    sqlite3_int64 chunk_room;
    sqlite3_int64 size;
};

static struct files_temp *files_temp_of(sqlite3_file *file)
{
    return (struct files_temp *)(void *)file;
}

/* The invariants at the head of this file that take no walk. */
static void files_temp_check(const struct files_temp *temp)
{
    FCT_ASSERT(temp->size <= temp->chunk_count * FILES_CHUNK_SIZE);
    FCT_ASSERT(temp->chunk_count <= temp->chunk_room);
}

static void files_temp_keep(struct files_temp *temp, sqlite3_int64 chunk_count)
{
    while (temp->chunk_count > chunk_count) {
        sqlite3_free(temp->chunks[--temp->chunk_count]);
    }
}

static int files_temp_close(sqlite3_file *file)
{
    struct files_temp *temp = files_temp_of(file);
    files_temp_keep(temp, 0);
    sqlite3_free(temp->chunks);
    temp->chunks = NULL;
    return SQLITE_OK;
}

/* Copies between |bytes| and [offset, offset + len), which the chunks cover. */
static void files_temp_copy(struct files_temp *temp, uint8_t *bytes, sqlite3_int64 len,
                            sqlite3_int64 offset, bool in)
{
    while (len > 0) {
        sqlite3_int64 start = offset % FILES_CHUNK_SIZE;
        sqlite3_int64 part = FILES_CHUNK_SIZE - start < len ? FILES_CHUNK_SIZE - start : len;
        uint8_t *chunk = temp->chunks[offset / FILES_CHUNK_SIZE] + start;
        memcpy(in ? chunk : bytes, in ? bytes : chunk, (size_t)part);
        bytes += part;
        offset += part;
        len -= part;
    }
}

static int files_temp_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    struct files_temp *temp = files_temp_of(file);
    sqlite3_int64 there = offset < temp->size ? temp->size - offset : 0;
    if (there >= len) {
        files_temp_copy(temp, bytes, len, offset, false);
        return SQLITE_OK;
    }
    files_temp_copy(temp, bytes, there, offset, false);
    memset((uint8_t *)bytes + there, 0, (size_t)(len - there));
    return SQLITE_IOERR_SHORT_READ;
}

/* Adds chunks up to |chunk_count|. False: no memory. */
static bool files_temp_reserve(struct files_temp *temp, sqlite3_int64 chunk_count)
{
    if (chunk_count > temp->chunk_room) {
        sqlite3_int64 room = chunk_count * 2;
        uint8_t **chunks =
            sqlite3_realloc64(temp->chunks, (sqlite3_uint64)room * sizeof *temp->chunks);
        if (chunks == NULL) {
            return false;
        }
        temp->chunks = chunks;
        temp->chunk_room = room;
    }
    while (temp->chunk_count < chunk_count) {
        uint8_t *chunk = sqlite3_malloc64((sqlite3_uint64)FILES_CHUNK_SIZE);
        if (chunk == NULL) {
            return false;
        }
        memset(chunk, 0, (size_t)FILES_CHUNK_SIZE);
        temp->chunks[temp->chunk_count++] = chunk;
    }
    return true;
}

static int files_temp_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    struct files_temp *temp = files_temp_of(file);
    sqlite3_int64 end = offset + len;
    if (!files_temp_reserve(temp, (end + FILES_CHUNK_SIZE - 1) / FILES_CHUNK_SIZE)) {
        return SQLITE_IOERR_NOMEM;
    }
    /* The copy only reads |bytes|. */
    union {
        const void *from;
        uint8_t *bytes;
    } source = {.from = bytes};
    files_temp_copy(temp, source.bytes, len, offset, true);
    temp->size = end > temp->size ? end : temp->size;
    files_temp_check(temp);
    return SQLITE_OK;
}

static int files_temp_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct files_temp *temp = files_temp_of(file);
    if (size < temp->size) {
        files_temp_keep(temp, (size + FILES_CHUNK_SIZE - 1) / FILES_CHUNK_SIZE);
        if (size % FILES_CHUNK_SIZE > 0) {
            sqlite3_int64 start = size % FILES_CHUNK_SIZE;
            memset(temp->chunks[size / FILES_CHUNK_SIZE] + start, 0,
                   (size_t)(FILES_CHUNK_SIZE - start));
        }
        temp->size = size;
    }
    files_temp_check(temp);
    return SQLITE_OK;
}

static int files_temp_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int files_temp_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = files_temp_of(file)->size;
    return SQLITE_OK;
}

static int files_temp_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int files_temp_is_reserved(sqlite3_file *file, int *reserved)
{
    (void)file;
    *reserved = 0;
    return SQLITE_OK;
}

static int files_temp_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int files_temp_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int files_temp_facts(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_SAFE_APPEND;
}

static const sqlite3_io_methods files_temp_methods = {
    .iVersion = 1,
    .xClose = files_temp_close,
    .xRead = files_temp_read,
    .xWrite = files_temp_write,
    .xTruncate = files_temp_truncate,
    .xSync = files_temp_sync,
    .xFileSize = files_temp_size,
    .xLock = files_temp_lock,
    .xUnlock = files_temp_lock,
    .xCheckReservedLock = files_temp_is_reserved,
    .xFileControl = files_temp_control,
    .xSectorSize = files_temp_sector_size,
    .xDeviceCharacteristics = files_temp_facts,
};

/* ---- other files ----------------------------------------------------------------------------- */

/* The functions of the default VFS's files, with a read that checks the guard. A file keeps its own
 * struct and gets this table in place of its own. Written once, at the first open. */
static sqlite3_io_methods files_timed_methods;
static _Atomic(const sqlite3_io_methods *) files_base_methods; /* the table's original */
static atomic_flag files_writer = ATOMIC_FLAG_INIT;

static int files_timed_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    struct fct_query_guard *guard = fct_query_guard_here();
    if (guard != NULL) {
        /* If the query has to end, this interrupts the statement, and SQLite stops after the
         * read. */
        (void)fct_query_guard_charge(guard, FILES_READ_WORK);
    }
    return atomic_load(&files_base_methods)->xRead(file, bytes, len, offset);
}

/* Files of the default VFS share one table of functions, except on a file system without locks;
 * reads of such files are not timed. */
static void files_time_reads(sqlite3_file *file)
{
    const sqlite3_io_methods *own = file->pMethods;
    while (atomic_flag_test_and_set(&files_writer)) {
        fct_cpu_relax();
    }
    if (atomic_load(&files_base_methods) == NULL) {
        files_timed_methods = *own;
        files_timed_methods.xRead = files_timed_read;
        atomic_store(&files_base_methods, own);
    }
    if (atomic_load(&files_base_methods) == own) {
        file->pMethods = &files_timed_methods;
    }
    atomic_flag_clear(&files_writer);
}

/* ---- the VFS --------------------------------------------------------------------------------- */

static sqlite3_vfs files_vfs;
static sqlite3_vfs *files_default_vfs;

static int files_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *out_flags)
{
    (void)vfs;
    if (name == NULL || (flags & FILES_TEMPORARY) != 0) {
        *files_temp_of(file) = (struct files_temp){.file = {.pMethods = &files_temp_methods}};
        if (out_flags != NULL) {
            *out_flags = flags;
        }
        return SQLITE_OK;
    }
    int code = files_default_vfs->xOpen(files_default_vfs, name, file, flags, out_flags);
    if (code == SQLITE_OK) {
        files_time_reads(file);
    }
    return code;
}

const char *fct_query_files_vfs(void)
{
    static const char name[] = "factum-query";
    if (sqlite3_vfs_find(name) != NULL) { /* initializes SQLite too */
        return name;
    }
    while (atomic_flag_test_and_set(&files_writer)) {
        fct_cpu_relax();
    }
    int code = SQLITE_OK;
    if (sqlite3_vfs_find(name) == NULL) {
        files_default_vfs = sqlite3_vfs_find(NULL);
        code = files_default_vfs != NULL ? SQLITE_OK : SQLITE_ERROR;
        if (code == SQLITE_OK) {
            files_vfs = *files_default_vfs;
            files_vfs.zName = name;
            files_vfs.pNext = NULL;
            files_vfs.xOpen = files_open;
            if (files_vfs.szOsFile < (int)sizeof(struct files_temp)) {
                files_vfs.szOsFile = (int)sizeof(struct files_temp);
            }
            code = sqlite3_vfs_register(&files_vfs, 0);
        }
    }
    atomic_flag_clear(&files_writer);
    return code == SQLITE_OK ? name : NULL;
}
