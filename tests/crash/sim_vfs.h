/* sim_vfs.h - SQLite on a simulated disk (sim/sim_disk.h): a VFS whose files lose what was not
 * synced. A test double; uses os.
 *
 * It does what SQLite's VFS for Linux does: a journal or WAL that a connection has opened syncs its
 * directory at its first sync, a file of 0 bytes does not exist, overwriting is safe for the bytes
 * around. Locks and the shared memory of a WAL are memory of this process; a crash of the disk
 * comes after all connections were closed, and so loses both. Temporary files are those of the
 * system.
 *
 * An *actor* is what opens files: a simulated process, of which one can be killed while another
 * lives. What it has written stays, what it has locked is free, and whatever it tries fails.
 *
 * Any thread, except the functions here: they are for a time when SQLite has nothing to do.
 */
#ifndef FCT_TESTS_CRASH_SIM_VFS_H
#define FCT_TESTS_CRASH_SIM_VFS_H

#include "sim/sim_disk.h"

#define SIM_ACTORS 4

/* What a sync leaves out. */
enum sim_vfs_omission {
    SIM_VFS_HONEST = 0,
    SIM_VFS_NO_WAL = 1,       /* syncs of WALs and journals */
    SIM_VFS_NO_DATABASE = 2,  /* of databases */
    SIM_VFS_NO_DIRECTORY = 4, /* of directories */
    SIM_VFS_NO_SYNC = 7,
};

/* Makes the VFS the default one of SQLite. Before SQLite opens its first file. */
bool sim_vfs_install(void);
/* Files that are opened from now on are on |disk|. */
void sim_vfs_use(struct fct_sim_disk *disk);
void sim_vfs_omit(unsigned omissions);
/* Files that are opened from now on are |actor|'s, below SIM_ACTORS. SQLite opens some files of a
 * database when it needs them first. */
void sim_vfs_act_as(unsigned actor);
/* The same of one who lives, though it may have been killed before. */
void sim_vfs_bear(unsigned actor);
/* |actor| is killed at its changing call number |at| from now on; 0: at the next one. */
void sim_vfs_kill_at(unsigned actor, uint64_t at);
bool sim_vfs_is_dead(unsigned actor);
/* Every connection was closed: nothing is open or locked. */
bool sim_vfs_is_idle(void);

#endif
