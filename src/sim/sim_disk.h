/* sim_disk.h - a simulated disk, in memory, that loses unsynced data at a crash. Layer: sim. For
 * tests, and for `factum saga simulate`. It takes the place of os/os.h and knows nothing of what
 * the files hold.
 *
 * Use: create a disk, give fct_sim_disk_os() to the code under test, and run that code. Then
 * fct_sim_disk_crash() makes a disk in a state that a crash at this moment can leave. Run recovery
 * on that disk.
 *
 * The model is the weakest file system of the ALICE paper (OSDI 2014):
 *  - A file has a cached image, which reads and maps see, and a durable image. A sync copies the
 *    cached image and its size to the durable one.
 *  - A directory has cached and durable entries; sync_dir copies the cached ones. Creating,
 *    renaming and unlinking change the cached entry. Each unsynced change survives a crash or not,
 *    independently of the others. A directory is itself an entry: if the entry does not survive,
 *    everything in the directory is lost.
 *  - At a crash each unsynced 512-byte sector of a file survives or not, as |mode| says. The file
 *    size survives independently of the data.
 *  - A sync that fails because of fct_sim_disk_lose_sync does what Linux does: the pages become
 *    clean, so no later sync writes them, and they still show what is not on the device. drop_cache
 *    drops each such page with probability 1/2, unless the file is mapped.
 *  - A map shows the cached image and stays valid until unmap.
 *  - A block that fct_sim_disk_fail_block named cannot be read: read and populate fail with IO, and
 *    so does a write of a part of it; a program that touches it in a map gets a signal. A write of
 *    the whole block heals it, as drives do. It fails the blocks in the same 64 KiB as well, as the
 *    large folios of Linux do, until they are asked for by read_alone or populate_alone; drop_cache
 *    makes the disk forget that.
 *
 * The disk counts every changing call (fct_sim_disk_calls), so that a test can crash or fail at the
 * k-th one. The clock moves only when a test sets it. Only a disk created with |locked| may be used
 * by several threads.
 */
#ifndef FCT_SIM_SIM_DISK_H
#define FCT_SIM_SIM_DISK_H

#include "core/mem.h"
#include "core/random.h"
#include "os/os.h"

struct fct_sim_disk;

/* |seed| drives random() and the crashes. Running out of memory ends the program. */
struct fct_sim_disk *fct_sim_disk_create(uint64_t seed, bool locked);
void fct_sim_disk_destroy(struct fct_sim_disk *disk);
/* The result is valid as long as the disk. */
const struct fct_os *fct_sim_disk_os(struct fct_sim_disk *disk);

enum fct_crash_mode {
    FCT_CRASH_NONE, /* no unsynced data survives */
    FCT_CRASH_ALL,  /* all written data survives (the process was killed) */
    FCT_CRASH_HALF, /* each unsynced sector and entry survives with probability 1/2 */
    FCT_CRASH_MOST, /* each survives with probability 9/10 */
    FCT_CRASH_TORN, /* like HALF, and one sector of each file mixes old and new bytes */
    FCT_CRASH_MODES
};

/* A new disk in a state that a crash of |disk| at this moment can leave. All of its state is
 * durable. |disk| does not change. */
struct fct_sim_disk *fct_sim_disk_crash(const struct fct_sim_disk *disk, enum fct_crash_mode mode,
                                        uint64_t seed);
/* A copy of the cached and the durable state, to crash one run at many points or to damage it. */
struct fct_sim_disk *fct_sim_disk_clone(const struct fct_sim_disk *disk);

/* The number of changing calls so far: write, sync, truncate, rename, unlink, create,
 * make_dir, sync_dir. */
uint64_t fct_sim_disk_calls(const struct fct_sim_disk *disk);
/* Every changing call from number |at| on fails with IO ("crashed"), and the disk keeps the state
 * that it has before call |at|. UINT64_MAX: no call fails. */
void fct_sim_disk_stop_at(struct fct_sim_disk *disk, uint64_t at);
/* Has a call failed for that reason? */
bool fct_sim_disk_has_stopped(const struct fct_sim_disk *disk);

/* The first file sync from call number |at| on fails, and the data that it should write is lost.
 * UINT64_MAX: no sync fails. */
void fct_sim_disk_lose_sync(struct fct_sim_disk *disk, uint64_t at);

/* From now on the block of 4096 bytes at |offset| of the file cannot be read, from the cache
 * either. Survives crash and clone. False if the file does not exist or has no such block. */
bool fct_sim_disk_fail_block(struct fct_sim_disk *disk, const char *path, uint64_t offset);

void fct_sim_disk_set_time(struct fct_sim_disk *disk, int64_t time_ns);
void fct_sim_disk_set_space(struct fct_sim_disk *disk, uint64_t free_bytes);

/* The cached bytes of a file, for a test to damage; NULL if the file does not exist. All of them
 * count as written and not synced, so a crash can lose the damage. */
uint8_t *fct_sim_disk_bytes(struct fct_sim_disk *disk, const char *path, uint64_t *size);
/* The path of the file with this index; NULL after the last one. Valid until a file is created or
 * removed. */
const char *fct_sim_disk_path(const struct fct_sim_disk *disk, size_t index);

#endif
