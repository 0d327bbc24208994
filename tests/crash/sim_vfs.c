/* sim_vfs.c - see sim_vfs.h.
 *
 * Invariants:
 *  1. |vfs_lock| guards the list of databases, their locks and shared memory, and the actors.
 *  2. A database is in the list as long as a connection has it open.
 *  3. Shared memory does not move, and lasts as long as a connection has it.
 */
#include "crash/sim_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "os/thread.h"

#define SHM_REGIONS 64
#define VFS_PATH_SIZE 128

enum sim_vfs_kind { SIM_VFS_DATABASE, SIM_VFS_JOURNAL };

/* A database that somebody has open. */
struct vfs_database {
    struct vfs_database *next;
    struct fct_sim_disk *disk;
    char path[VFS_PATH_SIZE];
    struct vfs_file *files; /* that have it open as their database */
    void *regions[SHM_REGIONS];
    int region_count;
    int region_users;
};

struct vfs_file {
    sqlite3_file base; /* first: SQLite knows only this */
    struct fct_sim_disk *disk;
    struct fct_file *file;
    enum sim_vfs_kind kind;
    bool directory_unsynced;
    unsigned actor;
    char path[VFS_PATH_SIZE];
    /* Of a database. */
    struct vfs_database *database;
    struct vfs_file *next;
    int level;
    bool has_regions;
    unsigned shared;    /* locks of the shared memory, by bits */
    unsigned exclusive; /* the same */
};

static struct fct_mutex vfs_lock;
static struct vfs_database *vfs_databases;
static struct fct_sim_disk *vfs_disk;
static unsigned vfs_omissions;
static unsigned vfs_actor;
static struct {
    bool dead;
    bool to_die;
    uint64_t calls_left;
} vfs_actors[SIM_ACTORS];
static sqlite3_vfs *vfs_system;
static sqlite3_vfs vfs_simulated;

static struct vfs_file *vfs_file_of(sqlite3_file *file)
{
    return (struct vfs_file *)(void *)file;
}

/* ---- actors ---------------------------------------------------------------------------------- */

/* With the lock. */
static void bury(unsigned actor)
{
    vfs_actors[actor].dead = true;
    for (struct vfs_database *database = vfs_databases; database != NULL;
         database = database->next) {
        for (struct vfs_file *file = database->files; file != NULL; file = file->next) {
            if (file->actor == actor) {
                file->level = SQLITE_LOCK_NONE;
                file->shared = 0;
                file->exclusive = 0;
            }
        }
    }
}

static bool is_alive(const struct vfs_file *file)
{
    fct_mutex_lock(&vfs_lock);
    bool alive = !vfs_actors[file->actor].dead;
    fct_mutex_unlock(&vfs_lock);
    return alive;
}

/* A call that changes the disk: may it be made? */
static bool may_change(unsigned actor)
{
    fct_mutex_lock(&vfs_lock);
    if (vfs_actors[actor].to_die && vfs_actors[actor].calls_left-- == 0) {
        vfs_actors[actor].to_die = false;
        bury(actor);
    }
    bool alive = !vfs_actors[actor].dead;
    fct_mutex_unlock(&vfs_lock);
    return alive;
}

static int code_of(factum_status status, int otherwise)
{
    return status == FACTUM_OK ? SQLITE_OK : status == FACTUM_NO_SPACE ? SQLITE_FULL : otherwise;
}

/* ---- contents -------------------------------------------------------------------------------- */

static int vfs_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 offset)
{
    struct vfs_file *file = vfs_file_of(base);
    uint64_t size = 0;
    if (!is_alive(file) || fct_file_size(file->file, &size, NULL) != FACTUM_OK) {
        return SQLITE_IOERR_READ;
    }
    uint64_t from = (uint64_t)offset;
    size_t there = from < size ? (size_t)(size - from) : 0;
    there = there < (size_t)len ? there : (size_t)len;
    if (there > 0 && fct_file_read(file->file, from, bytes, there, NULL) != FACTUM_OK) {
        return SQLITE_IOERR_READ;
    }
    memset((uint8_t *)bytes + there, 0, (size_t)len - there);
    return there == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset)
{
    struct vfs_file *file = vfs_file_of(base);
    if (!may_change(file->actor)) {
        return SQLITE_IOERR_WRITE;
    }
    return code_of(fct_file_write(file->file, (uint64_t)offset, bytes, (size_t)len, NULL),
                   SQLITE_IOERR_WRITE);
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct vfs_file *file = vfs_file_of(base);
    if (!may_change(file->actor)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    return code_of(fct_file_truncate(file->file, (uint64_t)size, NULL), SQLITE_IOERR_TRUNCATE);
}

/* The directory that |path| is in. */
static factum_status sync_directory(struct fct_sim_disk *disk, const char *path)
{
    char dir[VFS_PATH_SIZE];
    memcpy(dir, path, strlen(path) + 1);
    char *slash = strrchr(dir, '/');
    slash[slash == dir ? 1 : 0] = '\0';
    return (vfs_omissions & SIM_VFS_NO_DIRECTORY) != 0
               ? FACTUM_OK
               : fct_os_sync_dir(fct_sim_disk_os(disk), dir, NULL);
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file = vfs_file_of(base);
    unsigned omission = file->kind == SIM_VFS_DATABASE ? SIM_VFS_NO_DATABASE : SIM_VFS_NO_WAL;
    (void)flags;
    if (!may_change(file->actor)) {
        return SQLITE_IOERR_FSYNC;
    }
    if ((vfs_omissions & omission) == 0 && fct_file_sync(file->file, NULL) != FACTUM_OK) {
        return SQLITE_IOERR_FSYNC;
    }
    if (file->directory_unsynced) {
        file->directory_unsynced = false;
        (void)(sync_directory(file->disk, file->path) == FACTUM_OK); /* as on Linux */
    }
    return SQLITE_OK;
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *size)
{
    uint64_t bytes = 0;
    factum_status status = fct_file_size(vfs_file_of(base)->file, &bytes, NULL);
    *size = (sqlite3_int64)bytes;
    return code_of(status, SQLITE_IOERR_FSTAT);
}

static int vfs_control(sqlite3_file *base, int operation, void *argument)
{
    (void)base;
    if (operation == SQLITE_FCNTL_HAS_MOVED) {
        *(int *)argument = 0;
        return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
}

static int vfs_sector_size(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int vfs_facts(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- locks of a database --------------------------------------------------------------------- */

/* Has another connection |level| or more? */
static bool others_have(const struct vfs_file *file, int level)
{
    const struct vfs_file *other = file->database->files;
    while (other != NULL && (other == file || other->level < level)) {
        other = other->next;
    }
    return other != NULL;
}

static int vfs_lock_file(sqlite3_file *base, int level)
{
    struct vfs_file *file = vfs_file_of(base);
    int code = SQLITE_OK;
    fct_mutex_lock(&vfs_lock);
    if (vfs_actors[file->actor].dead) {
        code = SQLITE_IOERR_LOCK;
    } else if (level > file->level) {
        int barred = level == SQLITE_LOCK_SHARED     ? SQLITE_LOCK_PENDING
                     : level == SQLITE_LOCK_RESERVED ? SQLITE_LOCK_RESERVED
                                                     : SQLITE_LOCK_SHARED;
        if (!others_have(file, barred)) {
            file->level = level;
        } else {
            code = SQLITE_BUSY;
            if (level == SQLITE_LOCK_EXCLUSIVE && !others_have(file, SQLITE_LOCK_RESERVED)) {
                file->level = SQLITE_LOCK_PENDING; /* no new reader comes */
            }
        }
    }
    fct_mutex_unlock(&vfs_lock);
    return code;
}

static int vfs_unlock_file(sqlite3_file *base, int level)
{
    struct vfs_file *file = vfs_file_of(base);
    fct_mutex_lock(&vfs_lock);
    file->level = level < file->level ? level : file->level;
    fct_mutex_unlock(&vfs_lock);
    return SQLITE_OK;
}

static int vfs_is_reserved(sqlite3_file *base, int *reserved)
{
    struct vfs_file *file = vfs_file_of(base);
    fct_mutex_lock(&vfs_lock);
    *reserved = file->level >= SQLITE_LOCK_RESERVED || others_have(file, SQLITE_LOCK_RESERVED);
    fct_mutex_unlock(&vfs_lock);
    return SQLITE_OK;
}

/* ---- shared memory --------------------------------------------------------------------------- */

static int vfs_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **where)
{
    struct vfs_file *file = vfs_file_of(base);
    struct vfs_database *database = file->database;
    *where = NULL;
    if (!is_alive(file)) {
        return SQLITE_IOERR_SHMMAP;
    }
    fct_mutex_lock(&vfs_lock);
    if (!file->has_regions) {
        file->has_regions = true;
        database->region_users++;
    }
    FCT_ASSERT(region < SHM_REGIONS);
    while (extend != 0 && database->region_count <= region) {
        void *made = calloc(1, (size_t)size);
        FCT_ASSERT(made != NULL);
        database->regions[database->region_count++] = made;
    }
    *where = region < database->region_count ? database->regions[region] : NULL;
    fct_mutex_unlock(&vfs_lock);
    return SQLITE_OK;
}

static int vfs_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    struct vfs_file *file = vfs_file_of(base);
    unsigned bits = ((1u << count) - 1) << offset;
    int code = SQLITE_OK;
    fct_mutex_lock(&vfs_lock);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        file->shared &= ~bits;
        file->exclusive &= ~bits;
    } else if (vfs_actors[file->actor].dead) {
        code = SQLITE_IOERR_SHMLOCK;
    } else {
        bool shared = (flags & SQLITE_SHM_SHARED) != 0;
        for (const struct vfs_file *other = file->database->files; other != NULL;
             other = other->next) {
            unsigned barred = other->exclusive | (shared ? 0 : other->shared);
            code = other != file && (barred & bits) != 0 ? SQLITE_BUSY : code;
        }
        if (code == SQLITE_OK) {
            *(shared ? &file->shared : &file->exclusive) |= bits;
        }
    }
    fct_mutex_unlock(&vfs_lock);
    return code;
}

static void vfs_shm_barrier(sqlite3_file *base)
{
    (void)base;
    fct_mutex_lock(&vfs_lock);
    fct_mutex_unlock(&vfs_lock);
}

/* With the lock. */
static void leave_regions(struct vfs_file *file)
{
    struct vfs_database *database = file->database;
    file->shared = 0;
    file->exclusive = 0;
    if (file->has_regions && --database->region_users == 0) {
        while (database->region_count > 0) {
            free(database->regions[--database->region_count]);
        }
    }
    file->has_regions = false;
}

static int vfs_shm_unmap(sqlite3_file *base, int delete_it)
{
    (void)delete_it; /* nobody is left: it goes */
    fct_mutex_lock(&vfs_lock);
    leave_regions(vfs_file_of(base));
    fct_mutex_unlock(&vfs_lock);
    return SQLITE_OK;
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* With the lock. */
static void join_database(struct vfs_file *file)
{
    struct vfs_database *database = vfs_databases;
    while (database != NULL &&
           (database->disk != file->disk || strcmp(database->path, file->path) != 0)) {
        database = database->next;
    }
    if (database == NULL) {
        database = calloc(1, sizeof *database);
        FCT_ASSERT(database != NULL);
        database->disk = file->disk;
        memcpy(database->path, file->path, sizeof database->path);
        database->next = vfs_databases;
        vfs_databases = database;
    }
    file->database = database;
    file->next = database->files;
    database->files = file;
}

/* With the lock. */
static void leave_database(struct vfs_file *file)
{
    struct vfs_file **at = &file->database->files;
    while (*at != file) {
        at = &(*at)->next;
    }
    *at = file->next;
    if (file->database->files == NULL) {
        struct vfs_database **from = &vfs_databases;
        while (*from != file->database) {
            from = &(*from)->next;
        }
        *from = file->database->next;
        free(file->database);
    }
}

static int vfs_close(sqlite3_file *base)
{
    struct vfs_file *file = vfs_file_of(base);
    if (file->database != NULL) {
        fct_mutex_lock(&vfs_lock);
        leave_regions(file);
        leave_database(file);
        fct_mutex_unlock(&vfs_lock);
    }
    (void)fct_file_close(&file->file, NULL);
    return SQLITE_OK;
}

static const sqlite3_io_methods vfs_methods = {
    .iVersion = 2,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock_file,
    .xUnlock = vfs_unlock_file,
    .xCheckReservedLock = vfs_is_reserved,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_facts,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out_flags)
{
    const int kinds = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    struct vfs_file *file = vfs_file_of(base);
    (void)vfs;
    if (name == NULL || (flags & kinds) == 0) {
        return vfs_system->xOpen(vfs_system, name, base, flags, out_flags);
    }
    fct_mutex_lock(&vfs_lock);
    *file = (struct vfs_file){.disk = vfs_disk, .actor = vfs_actor};
    fct_mutex_unlock(&vfs_lock);
    bool create = (flags & SQLITE_OPEN_CREATE) != 0;
    file->kind = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? SIM_VFS_DATABASE : SIM_VFS_JOURNAL;
    file->directory_unsynced = create && file->kind == SIM_VFS_JOURNAL;
    FCT_ASSERT(strlen(name) < sizeof file->path);
    memcpy(file->path, name, strlen(name) + 1);
    int how = ((flags & SQLITE_OPEN_READWRITE) != 0 ? FCT_OPEN_WRITE : FCT_OPEN_READ) |
              (create ? FCT_OPEN_CREATE : 0);
    factum_status status =
        is_alive(file) ? fct_file_open(fct_sim_disk_os(file->disk), name, how, &file->file, NULL)
                       : FACTUM_IO;
    if (status != FACTUM_OK) {
        errno = status == FACTUM_NOT_FOUND ? ENOENT : EIO; /* what sqlite3_system_errno tells */
        return SQLITE_CANTOPEN;
    }
    if (file->kind == SIM_VFS_DATABASE) {
        fct_mutex_lock(&vfs_lock);
        join_database(file);
        fct_mutex_unlock(&vfs_lock);
    }
    file->base.pMethods = &vfs_methods;
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_it)
{
    (void)vfs;
    fct_mutex_lock(&vfs_lock);
    struct fct_sim_disk *disk = vfs_disk;
    unsigned actor = vfs_actor;
    fct_mutex_unlock(&vfs_lock);
    if (!may_change(actor)) {
        return SQLITE_IOERR_DELETE;
    }
    factum_status status = fct_os_unlink(fct_sim_disk_os(disk), name, NULL);
    if (status == FACTUM_NOT_FOUND) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (status == FACTUM_OK && sync_it != 0) {
        status = sync_directory(disk, name);
    }
    return code_of(status, SQLITE_IOERR_DELETE);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *there)
{
    struct fct_file *file;
    uint64_t size = 0;
    (void)vfs;
    *there = 0;
    fct_mutex_lock(&vfs_lock);
    struct fct_sim_disk *disk = vfs_disk;
    fct_mutex_unlock(&vfs_lock);
    if (fct_file_open(fct_sim_disk_os(disk), name, FCT_OPEN_READ, &file, NULL) == FACTUM_OK) {
        *there = flags != SQLITE_ACCESS_EXISTS ||
                 (fct_file_size(file, &size, NULL) == FACTUM_OK && size > 0);
        (void)fct_file_close(&file, NULL);
    }
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *path)
{
    (void)vfs;
    if (name[0] != '/' || strlen(name) >= (size_t)size) {
        return SQLITE_CANTOPEN;
    }
    memcpy(path, name, strlen(name) + 1);
    return SQLITE_OK;
}

bool sim_vfs_install(void)
{
    if (sqlite3_initialize() != SQLITE_OK) {
        return false;
    }
    fct_mutex_init(&vfs_lock);
    vfs_system = sqlite3_vfs_find(NULL);
    vfs_simulated = *vfs_system; /* its clocks, its random numbers, its sleep */
    vfs_simulated.pNext = NULL;
    vfs_simulated.zName = "simulated";
    vfs_simulated.mxPathname = VFS_PATH_SIZE - 1;
    if (vfs_simulated.szOsFile < (int)sizeof(struct vfs_file)) {
        vfs_simulated.szOsFile = (int)sizeof(struct vfs_file);
    }
    vfs_simulated.xOpen = vfs_open;
    vfs_simulated.xDelete = vfs_delete;
    vfs_simulated.xAccess = vfs_access;
    vfs_simulated.xFullPathname = vfs_full_path;
    return sqlite3_vfs_register(&vfs_simulated, 1) == SQLITE_OK;
}

void sim_vfs_use(struct fct_sim_disk *disk)
{
    fct_mutex_lock(&vfs_lock);
    vfs_disk = disk;
    fct_mutex_unlock(&vfs_lock);
}

void sim_vfs_omit(unsigned omissions)
{
    vfs_omissions = omissions;
}

void sim_vfs_act_as(unsigned actor)
{
    FCT_ASSERT(actor < SIM_ACTORS);
    fct_mutex_lock(&vfs_lock);
    vfs_actor = actor;
    fct_mutex_unlock(&vfs_lock);
}

void sim_vfs_bear(unsigned actor)
{
    fct_mutex_lock(&vfs_lock);
    vfs_actors[actor].dead = false;
    vfs_actors[actor].to_die = false;
    fct_mutex_unlock(&vfs_lock);
    sim_vfs_act_as(actor);
}

void sim_vfs_kill_at(unsigned actor, uint64_t at)
{
    fct_mutex_lock(&vfs_lock);
    vfs_actors[actor].to_die = true;
    vfs_actors[actor].calls_left = at;
    fct_mutex_unlock(&vfs_lock);
}

bool sim_vfs_is_dead(unsigned actor)
{
    fct_mutex_lock(&vfs_lock);
    bool dead = vfs_actors[actor].dead;
    fct_mutex_unlock(&vfs_lock);
    return dead;
}

bool sim_vfs_is_idle(void)
{
    fct_mutex_lock(&vfs_lock);
    bool idle = vfs_databases == NULL;
    fct_mutex_unlock(&vfs_lock);
    return idle;
}
