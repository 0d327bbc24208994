/* os.h - the library's only access to the machine: files, directories, clocks, random bytes.
 * Layer: os.
 *
 * A struct fct_os is a vtable with its data. The library uses fct_os_real(). Tests use the doubles
 * in tests/support: a simulated disk, and a wrapper that makes chosen calls fail. All I/O, time and
 * randomness of the library goes through a struct fct_os; tools/check_layers.py refuses the system
 * headers elsewhere.
 *
 * Paths are C strings in the form of the host. Functions return FACTUM_OK, or fill the error record
 * ("<verb> <path>: <reason>") and return IO, NO_SPACE, NO_MEMORY, NOT_FOUND, EXISTS or LOCKED.
 * Several threads may use a file at once; positions are always explicit.
 */
#ifndef FCT_OS_OS_H
#define FCT_OS_OS_H

#include <factum/base.h>

#include "core/compiler.h"

struct fct_file; /* an open file; its os creates it */
struct fct_os;

/* A part of a map. */
struct fct_map_part {
    const uint8_t *map;
    uint64_t limit; /* the file has at least this many bytes */
    uint64_t offset;
    uint64_t size; /* offset + size <= limit */
};

enum fct_open_flags {
    FCT_OPEN_READ = 0,
    FCT_OPEN_WRITE = 1,     /* reading and writing */
    FCT_OPEN_CREATE = 2,    /* create a missing file (mode 0600) */
    FCT_OPEN_EXCLUSIVE = 4, /* with CREATE: EXISTS if the file exists */
};

/* The raw calls. Reads and writes may be short, as those of the system; use the helpers below. */
struct fct_os_ops {
    factum_status (*open)(const struct fct_os *os, const char *path, int flags,
                          struct fct_file **file, factum_error *err);
    /* Closes and frees, also if it fails. */
    factum_status (*close)(struct fct_file *file, factum_error *err);
    factum_status (*read)(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                          size_t *done, factum_error *err);
    /* For use after a read that failed with IO. The system reads more than it is asked for, and all
     * of that fails where the device cannot deliver a part. This call reads page by page, so that
     * only the pages fail that the device cannot read. It is short before such a page, and IO if
     * the first page is one. */
    factum_status (*read_alone)(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                                size_t *done, factum_error *err);
    factum_status (*write)(struct fct_file *file, uint64_t offset, const void *bytes, size_t len,
                           size_t *done, factum_error *err);
    /* A hint: starts to write [offset, offset + len) to the device without waiting. Only a sync
     * makes the bytes durable and reports a failure. */
    void (*start_sync)(struct fct_file *file, uint64_t offset, uint64_t len);
    /* fdatasync: contents and the size needed to read them are on disk. */
    factum_status (*sync)(struct fct_file *file, factum_error *err);
    factum_status (*truncate)(struct fct_file *file, uint64_t size, factum_error *err);
    factum_status (*size)(struct fct_file *file, uint64_t *size, factum_error *err);
    /* A read-only shared map of [0, size). |size| may exceed the file's size; bytes beyond the
     * file must not be touched. The map shows writes through the file. Valid until unmap, also
     * after close. */
    factum_status (*map)(struct fct_file *file, uint64_t size, const uint8_t **map,
                         factum_error *err);
    void (*unmap)(const struct fct_os *os, const uint8_t *map, uint64_t size);
    /* The map stays valid, but refers to no page until the next access: drop_cache cannot drop a
     * page that is mapped. Any thread, beside readers of the map. */
    void (*release)(const struct fct_os *os, const uint8_t *map, uint64_t size);
    /* Reads the pages of a map that contain [from, from + size) from the device, unless they are in
     * memory. A failure is IO, not a signal. */
    factum_status (*populate)(const struct fct_os *os, const uint8_t *from, uint64_t size,
                              factum_error *err);
    /* For use after a populate that failed: reads |part|, of a map of |file|, page by page. IO if
     * any page cannot be read; the others are then in memory. |file| may be another open file of
     * the same name than the mapped one. Any thread, beside readers of the map. */
    factum_status (*populate_alone)(struct fct_file *file, const struct fct_map_part *part,
                                    factum_error *err);
    /* Drops the clean pages in the cache that [offset, end) touches, and maybe some around them,
     * so that reads come from the device. */
    factum_status (*drop_cache)(struct fct_file *file, uint64_t offset, uint64_t end,
                                factum_error *err);
    /* Locks the file until it is closed (OFD lock): exclusively if it is open for writing,
     * otherwise shared with other readers. LOCKED if the lock of another open file excludes it. */
    factum_status (*lock)(struct fct_file *file, factum_error *err);

    factum_status (*rename)(const struct fct_os *os, const char *from, const char *to,
                            factum_error *err);
    /* A rename that replaces nothing: EXISTS if something has the name |to|. */
    factum_status (*move)(const struct fct_os *os, const char *from, const char *to,
                          factum_error *err);
    factum_status (*unlink)(const struct fct_os *os, const char *path, factum_error *err);
    factum_status (*make_dir)(const struct fct_os *os, const char *path, factum_error *err);
    factum_status (*remove_dir)(const struct fct_os *os, const char *path, factum_error *err);
    factum_status (*sync_dir)(const struct fct_os *os, const char *path, factum_error *err);
    /* Calls |each| with the name of every entry except "." and "..", in any order. Stops when
     * |each| returns another status than OK, and returns that. */
    factum_status (*list_dir)(const struct fct_os *os, const char *path,
                              factum_status (*each)(void *data, const char *name), void *data,
                              factum_error *err);

    int64_t (*time_now)(const struct fct_os *os);       /* wall clock, ns since 1970 */
    uint64_t (*monotonic_now)(const struct fct_os *os); /* ns */
    factum_status (*random)(const struct fct_os *os, void *bytes, size_t len, factum_error *err);
    bool by_descriptor; /* files are the system's, so os/dir.h can find them in an open directory */
};

struct fct_os {
    const struct fct_os_ops *ops;
    void *data;
};

/* The first member of the file of each implementation. */
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
/* Writes all |len| bytes, over short writes and EINTR. On failure any part may be written. */
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
/* The same, durably: syncs the parent directory. */
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

/* Replaces a small file as a whole, durably: writes |dir|/|name|.tmp, syncs, renames, syncs |dir|.
 * The file then has the old or the new contents, never a mixture. A failure leaves no temporary
 * file, unless that cannot be removed. */
FCT_MUST_USE factum_status fct_file_replace(const struct fct_os *os, const char *dir,
                                            const char *name, factum_slice contents,
                                            factum_error *err);

#endif
