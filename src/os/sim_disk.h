/* sim_disk.h - a disk in memory that forgets what was not synced. Layer: os (for tests).
 *
 * Happy path: make one, hand fct_sim_disk_os() to the code under test, run it, then ask
 * for the state that a crash at this moment may leave (fct_sim_disk_crash) and run recovery on
 * that.
 *
 * Model (the weakest file system of the ALICE paper, OSDI 2014):
 *  - a file has a cached image (what reads and maps see) and a durable image; sync copies the
 *    cached one, with its size, to the durable one;
 *  - a directory has cached and durable entries; sync_dir copies them. Creating, renaming and
 *    unlinking change the cached entry; each unsynced change survives a crash or not,
 *    independently; a directory is such an entry itself, and takes all that is in it along;
 *  - at a crash each unsynced 512-byte sector of a file survives or not by |mode|; the file size
 *    survives independently of the data;
 *  - a sync that fails by fct_sim_disk_lose_sync does what Linux does: the pages count as clean, so
 *    that no later sync writes them, and go on showing what is not on the device; drop_cache lets
 *    each of them go by an even chance, unless the file is mapped;
 *  - memory returned by map shows the cached image and stays valid until unmap.
 *
 * Counts every call (fct_sim_disk_calls), so that a test can crash or fail at the k-th one.
 * Time stands still unless set. Not for several threads unless |locked| at creation.
 */
#ifndef FCT_OS_SIM_DISK_H
#define FCT_OS_SIM_DISK_H

#include "core/mem.h"
#include "core/random.h"
#include "os/os.h"

struct fct_sim_disk;

/* NULL without memory. |seed| drives random() and the crashes. */
struct fct_sim_disk *fct_sim_disk_create(uint64_t seed, bool locked);
void fct_sim_disk_destroy(struct fct_sim_disk *disk);
/* Lasts as long as the disk. */
const struct fct_os *fct_sim_disk_os(struct fct_sim_disk *disk);

enum fct_crash_mode {
    FCT_CRASH_NONE, /* nothing unsynced survives */
    FCT_CRASH_ALL,  /* everything written survives (a killed process) */
    FCT_CRASH_HALF, /* each unsynced sector and entry by an even chance */
    FCT_CRASH_MOST, /* 90 of 100 */
    FCT_CRASH_TORN, /* as HALF, and one sector per file holds a mixture of old and new bytes */
    FCT_CRASH_MODES
};

/* A new disk as a crash now could leave |disk|, which is not changed. Its state is all durable.
 * NULL without memory. */
struct fct_sim_disk *fct_sim_disk_crash(const struct fct_sim_disk *disk, enum fct_crash_mode mode,
                                        uint64_t seed);
/* A copy with cached and durable state (to crash one run at many points, or to damage). */
struct fct_sim_disk *fct_sim_disk_clone(const struct fct_sim_disk *disk);

/* Calls so far of the ops that change or sync something (write, sync, truncate, rename, unlink,
 * link, create, make_dir, sync_dir). */
uint64_t fct_sim_disk_calls(const struct fct_sim_disk *disk);
/* From call number |at| on, every changing op fails with IO ("crashed"): the run ends there and the
 * disk keeps the state just before it. UINT64_MAX: never. */
void fct_sim_disk_stop_at(struct fct_sim_disk *disk, uint64_t at);

/* The first sync of a file from call number |at| on fails, and what it was to write is lost.
 * UINT64_MAX: none does. */
void fct_sim_disk_lose_sync(struct fct_sim_disk *disk, uint64_t at);

void fct_sim_disk_set_time(struct fct_sim_disk *disk, int64_t time_ns);
void fct_sim_disk_set_space(struct fct_sim_disk *disk, uint64_t free_bytes);

/* For damage: the cached bytes of a file, NULL if there is no such file. Writable; to be lost in a
 * crash like anything that was written. */
uint8_t *fct_sim_disk_bytes(struct fct_sim_disk *disk, const char *path, uint64_t *size);
/* The paths of all files, NULL at the end; lasts until a file is made or removed. */
const char *fct_sim_disk_path(const struct fct_sim_disk *disk, size_t index);

#endif
