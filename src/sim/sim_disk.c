/* sim_disk.c - the simulated disk; sim_disk.h has its model and its contract. Layer: sim. Knows
 * nothing about the contents of the files.
 *
 * A node holds the contents of a file, cached and durable. An entry is a name with two nodes: the
 * one it names now, and the one it names on disk. A directory is a node without contents. A crash
 * compares cached and durable state, and each difference survives or not independently: each name,
 * each size, each 512-byte sector. A name in a directory that does not survive is lost too.
 *
 * Invariants:
 *  1. A node lives as long as an entry, an open file or a map refers to it.
 *  2. The cached bytes of a node do not move while the node is mapped.
 *  3. A page that is not dirty differs from the device only if a sync of that page failed.
 *  4. The root directory always exists.
 *  5. While a node is mapped, an access to its failed blocks, and to those around them that were
 *     not read alone, raises a signal. Only the disk itself opens them, and closes them again.
 */
#include "sim/sim_disk.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "os/thread.h"
#include "sim/sim_node.h"

#define PATH_SIZE 128u

struct entry {
    char path[PATH_SIZE];
    struct node *cached;
    struct node *durable;
};

struct mapping {
    struct mapping *next;
    const uint8_t *map;
    struct node *node;
};

struct fct_sim_disk {
    struct fct_os os;
    struct fct_random random;
    struct entry *entries;
    size_t count;
    size_t capacity;
    struct mapping *mappings;
    _Atomic uint64_t calls;
    _Atomic uint64_t stop_at;
    _Atomic uint64_t lose_at;
    atomic_bool stopped;
    uint64_t space;
    _Atomic int64_t time;
    struct fct_mutex lock;
    bool locked;
};

struct sim_file {
    struct fct_file base;
    struct node *node;
    bool write;
    char path[PATH_SIZE];
};

/* ---- names ----------------------------------------------------------------------------------- */

static struct fct_sim_disk *disk_of(const struct fct_os *os)
{
    return os->data;
}

static struct sim_file *sim(struct fct_file *file)
{
    return (struct sim_file *)(void *)file;
}

static void enter(struct fct_sim_disk *disk)
{
    if (disk->locked) {
        fct_mutex_lock(&disk->lock);
    }
}

static void leave(struct fct_sim_disk *disk)
{
    if (disk->locked) {
        fct_mutex_unlock(&disk->lock);
    }
}

static struct entry *find(const struct fct_sim_disk *disk, const char *path)
{
    for (size_t i = 0; i < disk->count; i++) {
        if (strcmp(disk->entries[i].path, path) == 0) {
            return &disk->entries[i];
        }
    }
    return NULL;
}

static struct entry *find_or_add(struct fct_sim_disk *disk, const char *path)
{
    struct entry *entry = find(disk, path);
    if (entry != NULL) {
        return entry;
    }
    FCT_ASSERT(strlen(path) < PATH_SIZE);
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 16 : disk->capacity * 2;
        disk->entries = sim_grow(disk->entries, disk->capacity * sizeof *disk->entries);
    }
    entry = &disk->entries[disk->count++];
    *entry = (struct entry){.cached = NULL};
    memcpy(entry->path, path, strlen(path) + 1);
    return entry;
}

static bool is_in_dir(const char *path, const char *dir)
{
    size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/' && strchr(path + len + 1, '/') == NULL;
}

static bool dir_exists(const struct fct_sim_disk *disk, const char *path)
{
    const struct entry *entry = find(disk, path);
    return strcmp(path, "/") == 0 || path[0] == '\0' ||
           (entry != NULL && entry->cached != NULL && entry->cached->directory);
}

/* Does the directory of |path| exist? */
static bool parent_exists(const struct fct_sim_disk *disk, const char *path)
{
    char parent[PATH_SIZE];
    size_t len = strlen(path);
    FCT_ASSERT(len < sizeof parent && strchr(path, '/') != NULL);
    memcpy(parent, path, len + 1);
    *strrchr(parent, '/') = '\0';
    return dir_exists(disk, parent);
}

/* Every changing call begins here. */
static factum_status change(struct fct_sim_disk *disk, const char *verb, const char *path,
                            factum_error *err)
{
    if (disk->calls++ >= disk->stop_at) {
        disk->stopped = true;
        return fct_fail(err, FACTUM_IO, "%s %s: crashed", verb, path);
    }
    return FACTUM_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static factum_status create(struct fct_sim_disk *disk, const char *path, int flags,
                            struct node **node, factum_error *err)
{
    if ((flags & FCT_OPEN_CREATE) == 0 || !parent_exists(disk, path)) {
        return fct_fail(err, FACTUM_NOT_FOUND, "open %s: no such file", path);
    }
    factum_status status = change(disk, "create", path, err);
    if (status == FACTUM_OK && disk->space == 0) {
        status = fct_fail(err, FACTUM_NO_SPACE, "create %s: no space left", path);
    }
    if (status == FACTUM_OK) {
        *node = sim_node_take(sim_make(sizeof **node));
        find_or_add(disk, path)->cached = *node;
    }
    return status;
}

static factum_status sim_open(const struct fct_os *os, const char *path, int flags,
                              struct fct_file **file, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    enter(disk);
    const struct entry *entry = find(disk, path);
    struct node *node = entry == NULL ? NULL : entry->cached;
    factum_status status = FACTUM_OK;
    if (node == NULL) {
        status = create(disk, path, flags, &node, err);
    } else if ((flags & FCT_OPEN_EXCLUSIVE) != 0) {
        status = fct_fail(err, FACTUM_EXISTS, "open %s: the file exists already", path);
    }
    if (status == FACTUM_OK) {
        FCT_ASSERT(node != NULL);
        FCT_ASSERT(!node->directory);
        struct sim_file *opened = sim_make(sizeof *opened);
        opened->base.os = os;
        opened->node = sim_node_take(node);
        opened->write = (flags & FCT_OPEN_WRITE) != 0;
        memcpy(opened->path, path, strlen(path) + 1);
        *file = &opened->base;
    }
    leave(disk);
    return status;
}

static factum_status sim_close(struct fct_file *file, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    (void)err;
    enter(disk);
    sim_node_release(sim(file)->node);
    leave(disk);
    sim_drop(file);
    return FACTUM_OK;
}

static factum_status sim_read(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                              size_t *done, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    factum_status status = FACTUM_OK;
    enter(disk);
    const struct image *image = &sim(file)->node->cached;
    size_t there = offset < image->len ? image->len - (size_t)offset : 0;
    *done = len < there ? len : there;
    if (sim_any_closed(sim(file)->node, offset, *done)) {
        status = fct_fail(err, FACTUM_IO, "read %s: the device failed", sim(file)->path);
    } else if (*done > 0) {
        memcpy(bytes, image->bytes + offset, *done);
    }
    leave(disk);
    return status;
}

static factum_status sim_file_read_alone(struct fct_file *file, uint64_t offset, void *bytes,
                                         size_t len, size_t *done, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    struct node *node = sim(file)->node;
    const struct image *image = &node->cached;
    enter(disk);
    size_t there = offset < image->len ? image->len - (size_t)offset : 0;
    size_t most = len < there ? len : there;
    *done = 0;
    while (*done < most && sim_read_alone(node, (size_t)(offset + *done) / PAGE)) {
        size_t room = PAGE - (size_t)(offset + *done) % PAGE;
        *done += most - *done < room ? most - *done : room;
    }
    if (*done > 0) {
        memcpy(bytes, image->bytes + offset, *done);
    }
    leave(disk);
    return *done > 0 || most == 0
               ? FACTUM_OK
               : fct_fail(err, FACTUM_IO, "read %s: the device failed", sim(file)->path);
}

/* Gives the file |size| bytes, if there is space. */
static factum_status set_size(struct fct_sim_disk *disk, struct sim_file *file, uint64_t size,
                              factum_error *err)
{
    struct node *node = file->node;
    if (size > node->cached.len) {
        if (size - node->cached.len > disk->space) {
            return fct_fail(err, FACTUM_NO_SPACE, "write %s: no space left", file->path);
        }
        FCT_ASSERT(node->maps == 0 || size <= node->cached.capacity);
    }
    size_t before = node->cached.len;
    disk->space += before;
    disk->space -= size;
    sim_protect_failed(node, false);
    sim_image_resize(&node->cached, (size_t)size);
    for (size_t page = ((size_t)size + PAGE - 1) / PAGE; page < node->failed_count; page++) {
        node->failed[page] = false;
        node->alone[page] = false;
    }
    sim_protect_failed(node, true);
    sim_note_dirty(node, before < size ? before : (size_t)size,
                   before > size ? before : (size_t)size);
    return FACTUM_OK;
}

static factum_status sim_write(struct fct_file *file, uint64_t offset, const void *bytes,
                               size_t len, size_t *done, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    struct sim_file *to = sim(file);
    FCT_ASSERT(to->write);
    enter(disk);
    factum_status status = change(disk, "write", to->path, err);
    if (status == FACTUM_OK && offset + len > to->node->cached.len) {
        status = set_size(disk, to, offset + len, err);
    }
    if (status == FACTUM_OK && !sim_heal(to->node, offset, len)) {
        status = fct_fail(err, FACTUM_IO, "write %s: the device failed", to->path);
    }
    if (status == FACTUM_OK && len > 0) {
        sim_protect_failed(to->node, false);
        memcpy(to->node->cached.bytes + offset, bytes, len);
        sim_protect_failed(to->node, true);
        sim_note_dirty(to->node, (size_t)offset, (size_t)offset + len);
    }
    *done = len;
    leave(disk);
    return status;
}

/* Nothing to do: whatever was not synced may survive a crash or not, in any case. */
static void sim_start_sync(struct fct_file *file, uint64_t offset, uint64_t len)
{
    (void)file;
    (void)offset;
    (void)len;
}

static factum_status sim_sync(struct fct_file *file, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    enter(disk);
    factum_status status = change(disk, "sync", sim(file)->path, err);
    if (status == FACTUM_OK && disk->calls > disk->lose_at) {
        disk->lose_at = UINT64_MAX;
        sim_forget_dirty(sim(file)->node);
        status = fct_fail(err, FACTUM_IO, "sync %s: the device failed", sim(file)->path);
    } else if (status == FACTUM_OK) {
        sim_write_back(sim(file)->node);
    }
    leave(disk);
    return status;
}

static factum_status sim_truncate(struct fct_file *file, uint64_t size, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    FCT_ASSERT(sim(file)->write);
    enter(disk);
    factum_status status = change(disk, "truncate", sim(file)->path, err);
    if (status == FACTUM_OK) {
        status = set_size(disk, sim(file), size, err);
    }
    leave(disk);
    return status;
}

static factum_status sim_size(struct fct_file *file, uint64_t *size, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    (void)err;
    enter(disk);
    *size = sim(file)->node->cached.len;
    leave(disk);
    return FACTUM_OK;
}

static factum_status sim_map(struct fct_file *file, uint64_t size, const uint8_t **map,
                             factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    struct node *node = sim(file)->node;
    (void)err;
    enter(disk);
    FCT_ASSERT(node->maps == 0 || size <= node->cached.capacity);
    sim_image_reserve(&node->cached, (size_t)size);
    struct mapping *mapping = sim_make(sizeof *mapping);
    *mapping = (struct mapping){disk->mappings, node->cached.bytes, sim_node_take(node)};
    disk->mappings = mapping;
    node->maps++;
    sim_protect_failed(node, true);
    *map = node->cached.bytes;
    leave(disk);
    return FACTUM_OK;
}

static void sim_unmap(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    struct fct_sim_disk *disk = disk_of(os);
    (void)size;
    enter(disk);
    struct mapping **at = &disk->mappings;
    while ((*at)->map != map) {
        at = &(*at)->next;
    }
    struct mapping *gone = *at;
    *at = gone->next;
    sim_protect_failed(gone->node, false);
    gone->node->maps--;
    sim_protect_failed(gone->node, true);
    sim_node_release(gone->node);
    sim_drop(gone);
    leave(disk);
}

/* Nothing to do: a map shows the cache itself. */
static void sim_release(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    (void)os;
    (void)map;
    (void)size;
}

static factum_status sim_populate(const struct fct_os *os, const uint8_t *from, uint64_t size,
                                  factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    enter(disk);
    const struct mapping *mapping = disk->mappings;
    while (from < mapping->map || from >= mapping->map + mapping->node->cached.capacity) {
        mapping = mapping->next;
    }
    uint64_t offset = (uint64_t)(from - mapping->map);
    bool good =
        offset + size <= mapping->node->cached.len && !sim_any_closed(mapping->node, offset, size);
    leave(disk);
    return good ? FACTUM_OK : fct_fail(err, FACTUM_IO, "read a map: the device failed");
}

static factum_status sim_populate_alone(struct fct_file *file, const struct fct_map_part *part,
                                        factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    struct node *node = sim(file)->node;
    enter(disk);
    FCT_ASSERT(node->maps > 0 && part->map == node->cached.bytes); /* it is a map of |file| */
    FCT_ASSERT(part->size > 0 && part->offset + part->size <= part->limit);
    /* The file may have been truncated since it was mapped. */
    uint64_t end = part->offset + part->size;
    bool good = end <= node->cached.len;
    end = good ? end : node->cached.len;
    for (uint64_t at = part->offset / PAGE; at * PAGE < end; at++) {
        good = sim_read_alone(node, (size_t)at) && good;
    }
    leave(disk);
    return good ? FACTUM_OK : fct_fail(err, FACTUM_IO, "read a map: the device failed");
}

/* Drops each clean page or keeps it: the kernel promises neither. */
static factum_status sim_drop_cache(struct fct_file *file, uint64_t offset, uint64_t end,
                                    factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(file->os);
    struct node *node = sim(file)->node;
    (void)err;
    enter(disk);
    size_t to = end < node->cached.len ? (size_t)end : node->cached.len;
    sim_forget_alone(node, (size_t)offset, to);
    for (size_t at = (size_t)offset / PAGE * PAGE; at < to && node->maps == 0; at += PAGE) {
        if (sim_page_lost(node, at) && fct_random_below(&disk->random, 2) == 0) {
            size_t size = node->cached.len - at < PAGE ? node->cached.len - at : PAGE;
            for (size_t i = at; i < at + size; i++) {
                node->cached.bytes[i] = sim_byte_at(&node->durable, i);
            }
        }
    }
    leave(disk);
    return FACTUM_OK;
}

static factum_status sim_lock(struct fct_file *file, factum_error *err)
{
    (void)file;
    (void)err;
    return FACTUM_OK;
}

/* ---- directories ----------------------------------------------------------------------------- */

static bool has_entries(const struct fct_sim_disk *disk, const char *dir)
{
    for (size_t i = 0; i < disk->count; i++) {
        if (disk->entries[i].cached != NULL && is_in_dir(disk->entries[i].path, dir)) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct entry *entry)
{
    return entry != NULL && entry->cached != NULL;
}

static factum_status check_rename(const struct fct_sim_disk *disk, const char *from, const char *to,
                                  bool replace, factum_error *err)
{
    if (!is_named(find(disk, from))) {
        return fct_fail(err, FACTUM_NOT_FOUND, "rename %s: no such file", from);
    }
    if (!parent_exists(disk, to)) {
        return fct_fail(err, FACTUM_NOT_FOUND, "rename %s: no such directory", to);
    }
    if (!replace && is_named(find(disk, to))) {
        return fct_fail(err, FACTUM_EXISTS, "rename %s: %s exists already", from, to);
    }
    return FACTUM_OK;
}

static factum_status rename_entry(const struct fct_os *os, const char *from, const char *to,
                                  bool replace, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    enter(disk);
    factum_status status = check_rename(disk, from, to, replace, err);
    if (status == FACTUM_OK) {
        status = change(disk, "rename", from, err);
    }
    if (status == FACTUM_OK) {
        struct entry *source = find(disk, from);
        FCT_ASSERT(source != NULL);
        struct node *node = source->cached;
        source->cached = NULL;
        struct entry *target = find_or_add(disk, to); /* |source| may have moved */
        sim_node_release(target->cached);
        target->cached = node;
    }
    leave(disk);
    return status;
}

static factum_status remove_entry(const struct fct_os *os, const char *verb, const char *path,
                                  factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    enter(disk);
    struct entry *entry = find(disk, path);
    factum_status status = FACTUM_OK;
    if (!is_named(entry)) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "%s %s: no such file", verb, path);
    } else if (has_entries(disk, path)) {
        status = fct_fail(err, FACTUM_IO, "%s %s: the directory is not empty", verb, path);
    } else {
        status = change(disk, verb, path, err);
    }
    if (status == FACTUM_OK) {
        FCT_ASSERT(entry != NULL);
        disk->space += entry->cached->references == 1 ? entry->cached->cached.len : 0;
        sim_node_release(entry->cached);
        entry->cached = NULL;
    }
    leave(disk);
    return status;
}

static factum_status sim_rename(const struct fct_os *os, const char *from, const char *to,
                                factum_error *err)
{
    return rename_entry(os, from, to, true, err);
}

static factum_status sim_move(const struct fct_os *os, const char *from, const char *to,
                              factum_error *err)
{
    return rename_entry(os, from, to, false, err);
}

static factum_status sim_unlink(const struct fct_os *os, const char *path, factum_error *err)
{
    return remove_entry(os, "remove", path, err);
}

static factum_status sim_make_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    enter(disk);
    factum_status status = change(disk, "make directory", path, err);
    if (status == FACTUM_OK && dir_exists(disk, path)) {
        status = fct_fail(err, FACTUM_EXISTS, "make directory %s: it exists already", path);
    } else if (status == FACTUM_OK && !parent_exists(disk, path)) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "make directory %s: no such directory", path);
    } else if (status == FACTUM_OK) {
        struct node *node = sim_node_take(sim_make(sizeof *node));
        node->directory = true;
        find_or_add(disk, path)->cached = node;
    }
    leave(disk);
    return status;
}

static factum_status sim_remove_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    return remove_entry(os, "remove directory", path, err);
}

static factum_status sim_sync_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    enter(disk);
    factum_status status = change(disk, "sync directory", path, err);
    if (status == FACTUM_OK && !dir_exists(disk, path)) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "sync %s: no such directory", path);
    }
    for (size_t i = 0; status == FACTUM_OK && i < disk->count; i++) {
        struct entry *entry = &disk->entries[i];
        if (is_in_dir(entry->path, path)) {
            struct node *now = sim_node_take(entry->cached);
            sim_node_release(entry->durable);
            entry->durable = now;
        }
    }
    leave(disk);
    return status;
}

static factum_status sim_list_dir(const struct fct_os *os, const char *path,
                                  factum_status (*each)(void *data, const char *name), void *data,
                                  factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    enter(disk);
    bool there = dir_exists(disk, path);
    size_t count = 0;
    char(*names)[PATH_SIZE] = sim_make((disk->count + 1) * sizeof *names);
    for (size_t i = 0; there && i < disk->count; i++) {
        const char *entry = disk->entries[i].path;
        if (disk->entries[i].cached != NULL && is_in_dir(entry, path)) {
            const char *name = strrchr(entry, '/') + 1;
            memcpy(names[count++], name, strlen(name) + 1);
        }
    }
    leave(disk); /* |each| may call the disk */
    factum_status status =
        there ? FACTUM_OK : fct_fail(err, FACTUM_NOT_FOUND, "list %s: no such directory", path);
    for (size_t i = 0; status == FACTUM_OK && i < count; i++) {
        status = each(data, names[i]);
    }
    sim_drop(names);
    return status;
}

/* ---- clocks and randomness ------------------------------------------------------------------- */

static int64_t sim_time(const struct fct_os *os)
{
    return disk_of(os)->time;
}

static uint64_t sim_monotonic(const struct fct_os *os)
{
    return (uint64_t)disk_of(os)->time;
}

static factum_status sim_random(const struct fct_os *os, void *bytes, size_t len, factum_error *err)
{
    struct fct_sim_disk *disk = disk_of(os);
    uint8_t *to = bytes;
    (void)err;
    enter(disk);
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)(fct_random_next(&disk->random) >> 40);
    }
    leave(disk);
    return FACTUM_OK;
}

static const struct fct_os_ops sim_ops = {
    .open = sim_open,
    .close = sim_close,
    .read = sim_read,
    .read_alone = sim_file_read_alone,
    .write = sim_write,
    .start_sync = sim_start_sync,
    .sync = sim_sync,
    .truncate = sim_truncate,
    .size = sim_size,
    .map = sim_map,
    .unmap = sim_unmap,
    .release = sim_release,
    .populate = sim_populate,
    .populate_alone = sim_populate_alone,
    .drop_cache = sim_drop_cache,
    .lock = sim_lock,
    .rename = sim_rename,
    .move = sim_move,
    .unlink = sim_unlink,
    .make_dir = sim_make_dir,
    .remove_dir = sim_remove_dir,
    .sync_dir = sim_sync_dir,
    .list_dir = sim_list_dir,
    .time_now = sim_time,
    .monotonic_now = sim_monotonic,
    .random = sim_random,
};

/* ---- the disk as a whole --------------------------------------------------------------------- */

struct fct_sim_disk *fct_sim_disk_create(uint64_t seed, bool locked)
{
    struct fct_sim_disk *disk = sim_make(sizeof *disk);
    disk->os = (struct fct_os){&sim_ops, disk};
    disk->random.state = seed;
    disk->stop_at = UINT64_MAX;
    disk->lose_at = UINT64_MAX;
    disk->space = UINT64_MAX / 2;
    disk->time = INT64_C(1700000000000000000);
    disk->locked = locked;
    fct_mutex_init(&disk->lock);
    return disk;
}

void fct_sim_disk_destroy(struct fct_sim_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    FCT_ASSERT(disk->mappings == NULL);
    for (size_t i = 0; i < disk->count; i++) {
        sim_node_release(disk->entries[i].cached);
        sim_node_release(disk->entries[i].durable);
    }
    fct_mutex_finish(&disk->lock);
    sim_drop(disk->entries);
    sim_drop(disk);
}

const struct fct_os *fct_sim_disk_os(struct fct_sim_disk *disk)
{
    return &disk->os;
}

static bool survives(enum fct_crash_mode mode, struct fct_random *random)
{
    switch (mode) {
    case FCT_CRASH_NONE:
        return false;
    case FCT_CRASH_ALL:
        return true;
    case FCT_CRASH_MOST:
        return fct_random_below(random, 100) < 90;
    case FCT_CRASH_HALF:
    case FCT_CRASH_TORN:
    case FCT_CRASH_MODES:
        break;
    }
    return fct_random_below(random, 2) == 0;
}

static void crash_sector(struct image *to, size_t from, const struct node *node, bool kept)
{
    const struct image *image = kept ? &node->cached : &node->durable;
    for (size_t at = from; at < from + SECTOR && at < to->len; at++) {
        to->bytes[at] = sim_byte_at(image, at);
    }
}

static bool sector_differs(const struct node *node, size_t from)
{
    for (size_t at = from; at < from + SECTOR; at++) {
        if (sim_byte_at(&node->cached, at) != sim_byte_at(&node->durable, at)) {
            return true;
        }
    }
    return false;
}

/* A node in a state that a crash can leave of |node|. */
static struct node *crash_node(const struct node *node, enum fct_crash_mode mode,
                               struct fct_random *random)
{
    struct node *after = sim_make(sizeof *after);
    after->directory = node->directory;
    bool grown = node->cached.len == node->durable.len || survives(mode, random);
    sim_image_resize(&after->cached, grown ? node->cached.len : node->durable.len);
    size_t torn = SIZE_MAX;
    uint64_t differing = 0;
    for (size_t at = 0; at < after->cached.len; at += SECTOR) {
        bool differs = sector_differs(node, at);
        bool kept = differs && survives(mode, random) && sim_page_dirty(node, at / PAGE);
        crash_sector(&after->cached, at, node, kept);
        if (differs && sim_page_dirty(node, at / PAGE) &&
            fct_random_below(random, ++differing) == 0) {
            torn = at;
        }
    }
    if (mode == FCT_CRASH_TORN && torn != SIZE_MAX) {
        size_t tear = torn + (size_t)fct_random_below(random, SECTOR);
        bool first = fct_random_below(random, 2) == 0;
        for (size_t at = torn; at < torn + SECTOR && at < after->cached.len; at++) {
            const struct image *image = (at < tear) == first ? &node->cached : &node->durable;
            after->cached.bytes[at] = sim_byte_at(image, at);
        }
    }
    sim_image_copy(&after->durable, &after->cached);
    return after;
}

static struct node *clone_node(const struct node *node)
{
    struct node *after = sim_make(sizeof *after);
    after->directory = node->directory;
    sim_image_copy(&after->cached, &node->cached);
    sim_image_copy(&after->durable, &node->durable);
    if (node->dirty_count > 0) {
        sim_note_dirty(after, 0, node->dirty_count * PAGE);
        memcpy(after->dirty, node->dirty, node->dirty_count);
    }
    return after;
}

struct crash {
    enum fct_crash_mode mode;
    struct fct_random random;
};

/* The copy of |node|: after |crash|, or unchanged if that is NULL. Each node is copied once,
 * however many entries refer to it. */
static struct node *copy_of(struct node *node, struct crash *crash)
{
    if (node != NULL && node->copy == NULL) {
        bool durable = crash != NULL && crash->mode != FCT_CRASH_ALL;
        sim_protect_failed(node, false);
        node->copy =
            crash == NULL ? clone_node(node) : crash_node(node, crash->mode, &crash->random);
        sim_protect_failed(node, true);
        sim_copy_failed(node->copy, node, durable);
    }
    return node == NULL ? NULL : sim_node_take(node->copy);
}

static void forget_copies(const struct fct_sim_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        struct entry *entry = &disk->entries[i];
        if (entry->cached != NULL) {
            entry->cached->copy = NULL;
        }
        if (entry->durable != NULL) {
            entry->durable->copy = NULL;
        }
    }
}

/* Drops names in directories that did not survive. Starts again after each, because that name may
 * itself be a directory. */
static void drop_orphans(struct fct_sim_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        struct entry *entry = &disk->entries[i];
        if (entry->cached != NULL && !parent_exists(disk, entry->path)) {
            sim_node_release(entry->cached);
            sim_node_release(entry->durable);
            entry->cached = NULL;
            entry->durable = NULL;
            i = SIZE_MAX; /* from the start */
        }
    }
}

struct fct_sim_disk *fct_sim_disk_crash(const struct fct_sim_disk *disk, enum fct_crash_mode mode,
                                        uint64_t seed)
{
    struct crash crash = {.mode = mode, .random = {.state = seed}};
    struct fct_sim_disk *after = fct_sim_disk_create(seed ^ 0x5eed, disk->locked);
    after->time = disk->time;
    for (size_t i = 0; i < disk->count; i++) {
        const struct entry *entry = &disk->entries[i];
        bool kept = entry->cached == entry->durable || survives(mode, &crash.random);
        struct node *node = kept ? entry->cached : entry->durable;
        if (node != NULL) {
            struct entry *to = find_or_add(after, entry->path);
            to->cached = copy_of(node, &crash);
            to->durable = sim_node_take(to->cached);
        }
    }
    forget_copies(disk);
    drop_orphans(after);
    return after;
}

struct fct_sim_disk *fct_sim_disk_clone(const struct fct_sim_disk *disk)
{
    struct fct_sim_disk *after = fct_sim_disk_create(disk->random.state, disk->locked);
    after->time = disk->time;
    after->space = disk->space;
    for (size_t i = 0; i < disk->count; i++) {
        const struct entry *entry = &disk->entries[i];
        if (entry->cached != NULL || entry->durable != NULL) {
            struct entry *to = find_or_add(after, entry->path);
            to->cached = copy_of(entry->cached, NULL);
            to->durable = copy_of(entry->durable, NULL);
        }
    }
    forget_copies(disk);
    return after;
}

uint64_t fct_sim_disk_calls(const struct fct_sim_disk *disk)
{
    return disk->calls;
}

void fct_sim_disk_stop_at(struct fct_sim_disk *disk, uint64_t at)
{
    disk->stop_at = at;
}

bool fct_sim_disk_has_stopped(const struct fct_sim_disk *disk)
{
    return disk->stopped;
}

void fct_sim_disk_lose_sync(struct fct_sim_disk *disk, uint64_t at)
{
    disk->lose_at = at;
}

bool fct_sim_disk_fail_block(struct fct_sim_disk *disk, const char *path, uint64_t offset)
{
    const struct entry *entry = find(disk, path);
    if (entry == NULL || entry->cached == NULL || offset >= entry->cached->cached.len) {
        return false;
    }
    struct node *node = entry->cached;
    sim_fail_page(node, (size_t)(offset / PAGE));
    sim_protect_failed(node, true);
    return true;
}

void fct_sim_disk_set_time(struct fct_sim_disk *disk, int64_t time_ns)
{
    disk->time = time_ns;
}

void fct_sim_disk_set_space(struct fct_sim_disk *disk, uint64_t free_bytes)
{
    disk->space = free_bytes;
}

uint8_t *fct_sim_disk_bytes(struct fct_sim_disk *disk, const char *path, uint64_t *size)
{
    const struct entry *entry = find(disk, path);
    if (entry == NULL || entry->cached == NULL || entry->cached->directory) {
        return NULL;
    }
    sim_image_reserve(&entry->cached->cached, 1);
    *size = entry->cached->cached.len;
    sim_note_dirty(entry->cached, 0, entry->cached->cached.len);
    return entry->cached->cached.bytes;
}

const char *fct_sim_disk_path(const struct fct_sim_disk *disk, size_t index)
{
    for (size_t i = 0; i < disk->count; i++) {
        const struct node *node = disk->entries[i].cached;
        if (node != NULL && !node->directory && index-- == 0) {
            return disk->entries[i].path;
        }
    }
    return NULL;
}
