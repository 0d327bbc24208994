/* os.h - files, directories, clocks and random bytes of the machine, behind a vtable. Layer: os.
 *
 * A struct fct_os is a vtable with its data. The library uses fct_os_real(). Tests and simulations
 * put sim/sim_disk.h, a disk in memory that loses what was not synced, or support/fault.h, which
 * makes chosen calls fail, in its place. The store reads and writes through a struct fct_os alone.
 * Outside this layer are sockets (net/), the command line, the files of SQLite and the sockets
 * of libcurl; tools/layers.toml lists who may include the system headers.
 *
 * Paths are C strings in the form of the host. Functions return FACTUM_OK, or fill the error record
 * ("<verb> <path>: <reason>", where a path is known). Errors: IO, NO_SPACE, NO_MEMORY, NOT_FOUND,
 * EXISTS, LOCKED, and what a comment adds. Several threads may use a file at once; positions are
 * always explicit.
 */
#ifndef FCT_OS_OS_H
#define FCT_OS_OS_H

#include <factum/base.h>

#include "core/compiler.h"

struct fct_file; /* an open file, made by the |open| of an os */
struct fct_os;

/* Bytes [offset, offset + size) of a map. */
struct fct_map_part {
    const uint8_t *map;
    uint64_t limit; /* bytes of the map that may be touched: not beyond the end of the file */
    uint64_t offset;
    uint64_t size; /* offset + size <= limit */
};

enum fct_open_flags {
    FCT_OPEN_READ = 0,
    FCT_OPEN_WRITE = 1,     /* reading and writing */
    FCT_OPEN_CREATE = 2,    /* create a missing file (mode 0600) */
    FCT_OPEN_EXCLUSIVE = 4, /* with CREATE: EXISTS if the file exists */
};

/* The raw calls; use the helpers below. A read or write may do less than |len|; *done is how much.
 * A read of 0 bytes is the end of the file. EINTR is handled inside. */
struct fct_os_ops {
    factum_status (*open)(const struct fct_os *os, const char *path, int flags,
                          struct fct_file **file, factum_error *err);
    /* Frees |file| even if closing fails. */
    factum_status (*close)(struct fct_file *file, factum_error *err);
    factum_status (*read)(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                          size_t *done, factum_error *err);
    /* For use after a read that failed with IO. Linux reads ahead, and one bad sector fails all
     * that is read at once. This call reads page by page, so that only pages with bad sectors fail.
     * It stops before the first bad page. IO: the first page is bad. */
    factum_status (*read_alone)(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                                size_t *done, factum_error *err);
    factum_status (*write)(struct fct_file *file, uint64_t offset, const void *bytes, size_t len,
                           size_t *done, factum_error *err);
    /* A hint: starts to write [offset, offset + len) to the device without waiting. Only a sync
     * makes the bytes durable and reports a failure. */
    void (*start_sync)(struct fct_file *file, uint64_t offset, uint64_t len);
    /* fdatasync: contents and the size needed to read them are on disk. A sync that failed must not
     * be tried again: the system may have dropped the bytes (ARCHITECTURE.md, rule 1). */
    factum_status (*sync)(struct fct_file *file, factum_error *err);
    factum_status (*truncate)(struct fct_file *file, uint64_t size, factum_error *err);
    factum_status (*size)(struct fct_file *file, uint64_t *size, factum_error *err);
    /* A read-only shared map of [0, size), |size| > 0. |size| may exceed the file's size; bytes
     * beyond the file must not be touched. The map shows writes through the file. Valid until unmap
     * with the same size, also after close. */
    factum_status (*map)(struct fct_file *file, uint64_t size, const uint8_t **map,
                         factum_error *err);
    void (*unmap)(const struct fct_os *os, const uint8_t *map, uint64_t size);
    /* Gives up the memory of the map's page tables, so that drop_cache can drop its pages: a mapped
     * page cannot be dropped. The map stays valid; the next access maps the page again. Other
     * threads may read the map meanwhile. */
    void (*release)(const struct fct_os *os, const uint8_t *map, uint64_t size);
    /* Reads the pages of a map that contain [from, from + size) from the device, unless they are in
     * memory. To touch a page that the device cannot read is a SIGBUS; this call, made before,
     * reports it as IO. */
    factum_status (*populate)(const struct fct_os *os, const uint8_t *from, uint64_t size,
                              factum_error *err);
    /* For use after a populate that failed: reads the pages of |part| one by one. IO if one cannot
     * be read; all others are in memory then. |file| may be another handle of the mapped file.
     * Other threads may read the map meanwhile. */
    factum_status (*populate_alone)(struct fct_file *file, const struct fct_map_part *part,
                                    factum_error *err);
    /* Drops clean, unmapped pages of [offset, end), and maybe some around them, from the page
     * cache, so that reads come from the device. */
    factum_status (*drop_cache)(struct fct_file *file, uint64_t offset, uint64_t end,
                                factum_error *err);
    /* Locks the file until it is closed (OFD lock), without waiting: exclusively if it is open for
     * writing, otherwise shared with other readers. LOCKED if the lock of another open file, of
     * this process or of another, excludes it. */
    factum_status (*lock)(struct fct_file *file, factum_error *err);

    /* rename, move, unlink and make_dir are durable after sync_dir. */
    factum_status (*rename)(const struct fct_os *os, const char *from, const char *to,
                            factum_error *err);
    /* A rename that replaces nothing: EXISTS if something has the name |to|. */
    factum_status (*move)(const struct fct_os *os, const char *from, const char *to,
                          factum_error *err);
    factum_status (*unlink)(const struct fct_os *os, const char *path, factum_error *err);
    factum_status (*make_dir)(const struct fct_os *os, const char *path, factum_error *err);
    factum_status (*remove_dir)(const struct fct_os *os, const char *path, factum_error *err);
    factum_status (*sync_dir)(const struct fct_os *os, const char *path, factum_error *err);
    /* Calls |each| with the name of every entry except "." and "..", in any order. Stops at the
     * first status of |each| that is not OK and returns it; err is then not filled. */
    factum_status (*list_dir)(const struct fct_os *os, const char *path,
                              factum_status (*each)(void *data, const char *name), void *data,
                              factum_error *err);

    int64_t (*time_now)(const struct fct_os *os);       /* wall clock, ns since 1970 */
    uint64_t (*monotonic_now)(const struct fct_os *os); /* ns */
    factum_status (*random)(const struct fct_os *os, void *bytes, size_t len, factum_error *err);
    /* True for fct_os_real() alone: os/dir.h opens its files relative to an open directory, and
     * those of others by their paths. */
    bool by_descriptor;
};

struct fct_os {
    const struct fct_os_ops *ops;
    void *data; /* of the implementation */
};

/* What the struct of a file begins with in each implementation. */
struct fct_file {
    const struct fct_os *os;
};

/* Linux. Static, never NULL. */
const struct fct_os *fct_os_real(void);

/* ---- helpers over the vtable: the calls to use ----------------------------------------------- */

FCT_MUST_USE factum_status fct_file_open(const struct fct_os *os, const char *path, int flags,
                                         struct fct_file **file, factum_error *err);
/* Accepts NULL in *file (OK). Sets *file to NULL. */
factum_status fct_file_close(struct fct_file **file, factum_error *err);
/* Reads exactly |len| bytes. Errors: CORRUPT (the file ends before), IO (the device cannot read one
 * of the pages that contain them). */
FCT_MUST_USE factum_status fct_file_read(struct fct_file *file, uint64_t offset, void *bytes,
                                         size_t len, factum_error *err);
/* Writes all |len| bytes; repeats short writes. On failure any part may be written. */
FCT_MUST_USE factum_status fct_file_write(struct fct_file *file, uint64_t offset, const void *bytes,
                                          size_t len, factum_error *err);
void fct_file_start_sync(struct fct_file *file, uint64_t offset, uint64_t len);
FCT_MUST_USE factum_status fct_file_sync(struct fct_file *file, factum_error *err);
FCT_MUST_USE factum_status fct_file_truncate(struct fct_file *file, uint64_t size,
                                             factum_error *err);
FCT_MUST_USE factum_status fct_file_size(struct fct_file *file, uint64_t *size, factum_error *err);
FCT_MUST_USE factum_status fct_file_map(struct fct_file *file, uint64_t size, const uint8_t **map,
                                        factum_error *err);
/* See populate_alone. */
FCT_MUST_USE factum_status fct_file_populate_alone(struct fct_file *file,
                                                   const struct fct_map_part *part,
                                                   factum_error *err);
FCT_MUST_USE factum_status fct_file_drop_cache(struct fct_file *file, uint64_t offset, uint64_t end,
                                               factum_error *err);
FCT_MUST_USE factum_status fct_file_lock(struct fct_file *file, factum_error *err);
void fct_os_unmap(const struct fct_os *os, const uint8_t *map, uint64_t size);
void fct_os_release(const struct fct_os *os, const uint8_t *map, uint64_t size);
FCT_MUST_USE factum_status fct_os_populate(const struct fct_os *os, const uint8_t *from,
                                           uint64_t size, factum_error *err);
FCT_MUST_USE factum_status fct_os_rename(const struct fct_os *os, const char *from, const char *to,
                                         factum_error *err);
FCT_MUST_USE factum_status fct_os_move(const struct fct_os *os, const char *from, const char *to,
                                       factum_error *err);
FCT_MUST_USE factum_status fct_os_unlink(const struct fct_os *os, const char *path,
                                         factum_error *err);
/* OK also if the directory exists. */
FCT_MUST_USE factum_status fct_os_make_dir(const struct fct_os *os, const char *path,
                                           factum_error *err);
/* The same, durably: syncs the parent directory. Errors also: TOO_BIG. */
FCT_MUST_USE factum_status fct_os_make_dir_synced(const struct fct_os *os, const char *path,
                                                  factum_error *err);
/* Removes an empty directory. */
FCT_MUST_USE factum_status fct_os_remove_dir(const struct fct_os *os, const char *path,
                                             factum_error *err);
FCT_MUST_USE factum_status fct_os_sync_dir(const struct fct_os *os, const char *path,
                                           factum_error *err);
FCT_MUST_USE factum_status fct_os_list_dir(const struct fct_os *os, const char *path,
                                           factum_status (*each)(void *data, const char *name),
                                           void *data, factum_error *err);
/* Sets *any to whether the directory has an entry. Errors: those of list_dir. */
FCT_MUST_USE factum_status fct_os_dir_has_entries(const struct fct_os *os, const char *path,
                                                  bool *any, factum_error *err);
int64_t fct_os_time(const struct fct_os *os);
uint64_t fct_os_monotonic(const struct fct_os *os);
/* The real monotonic clock in milliseconds, for pauses and waits. */
int64_t fct_monotonic_ms(void);
FCT_MUST_USE factum_status fct_os_random(const struct fct_os *os, void *bytes, size_t len,
                                         factum_error *err);

#define FCT_PATH_SIZE 4096
/* Writes "<dir>/<name>" to |path|, which must not overlap them. TOO_BIG if it does not fit. */
FCT_MUST_USE factum_status fct_path_join(char path[FCT_PATH_SIZE], const char *dir,
                                         const char *name, factum_error *err);
/* The calls for |dir|/|name|. Errors: TOO_BIG, and those of the call. */
FCT_MUST_USE factum_status fct_file_open_in(const struct fct_os *os, const char *dir,
                                            const char *name, int flags, struct fct_file **file,
                                            factum_error *err);
FCT_MUST_USE factum_status fct_os_unlink_in(const struct fct_os *os, const char *dir,
                                            const char *name, factum_error *err);

/* Creates an empty file for writing. If |path| exists, it is unlinked first, so that other names of
 * that file keep its contents: where a file system does not rename in one step, a loss of power
 * during a rename can leave one file under both names, and whoever overwrote the temporary one
 * would overwrite the other. */
FCT_MUST_USE factum_status fct_file_recreate(const struct fct_os *os, const char *path,
                                             struct fct_file **file, factum_error *err);

/* Replaces a small file as a whole, durably: writes |dir|/|name|.tmp, syncs, renames, syncs |dir|.
 * The file has the old or the new contents, never a mixture: after a failure the old ones or, if
 * only the sync of |dir| failed, the new ones, perhaps not durably. A crash, or a failure to remove
 * it, may leave |name|.tmp, which the next call removes. Errors also: TOO_BIG. */
FCT_MUST_USE factum_status fct_file_replace(const struct fct_os *os, const char *dir,
                                            const char *name, factum_slice contents,
                                            factum_error *err);

#endif
