/* store_blocks.c - a whole store of which one block cannot be read: any block of any file.
 *
 * The store was left by a process that died, or closed in order. For each block that the device
 * does not deliver, every command must end with an answer: open, read, verify, backup, the repair
 * that the message advises, the rebuild of the index. A program that touches the block in a map
 * ends by a signal, which fails the test. What verify calls whole is complete; a repair leaves a
 * store that opens, verifies and takes appends. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "engine_local/local.h"
#include "support/engine_calls.h"
#include "support/sim_disk.h"

enum { EVENTS = 60, DATA_SIZE = 300, BLOCK = 4096, FILES_MAX = 64 };

static char where[160];
static uint64_t blocks;
static uint64_t damaged;
static uint64_t refused;

static void die(const char *what, const char *why)
{
    printf("not ok - %s: %s (%s)\n", what, why, where);
    exit(1);
}

static void must(factum_status status, const char *what, const factum_error *err)
{
    if (status != FACTUM_OK) {
        die(what, status < 0 ? err->text : factum_status_name(status));
    }
}

/* An answer: OK, or damage with a reason. */
static bool answered(factum_status status, const char *what, const factum_error *err)
{
    bool damage = status == FACTUM_CORRUPT || status == FACTUM_IO;
    if (status != FACTUM_OK && (!damage || err->status != status || err->text[0] == '\0')) {
        die(what, err->text);
    }
    return status == FACTUM_OK;
}

static factum_status open_store(struct fct_engine *engine, struct fct_sim_disk *disk,
                                factum_error *err)
{
    struct fct_local_options options = {
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 8 << 10,
        .segment_size_max = 8 << 10,
        .memtable_size_max = 8 << 10,
    };
    return fct_engine_local_open(engine, &options, err);
}

/* Reads |source| from its start; the number of events up to the end or the damage. */
static size_t read_events(struct fct_engine *engine, factum_source source, factum_status *end)
{
    factum_read_request request = {.size = sizeof request, .source = source};
    struct fct_reader *reader;
    factum_event event;
    factum_error err;
    size_t count = 0;
    if (source == FACTUM_SOURCE_STREAM) {
        request.name = FCT_SLICE("order-1");
    }
    factum_status status = fct_engine_read(engine, &request, false, &reader, &err);
    *end = status;
    if (status == FACTUM_STREAM_NOT_FOUND || !answered(status, "read", &err)) {
        return 0; /* all of it may lie after the damage */
    }
    while ((status = fct_reader_next(reader, &event, &err)) == FACTUM_OK) {
        count += factum_slice_from("T").len == event.type.len;
    }
    if (status != FACTUM_DONE) {
        (void)answered(status, "next", &err);
    }
    fct_reader_close(reader);
    *end = status;
    return count;
}

/* Reads everything in two ways and verifies. The place of the damage, or UINT64_MAX. */
static uint64_t look(struct fct_engine *engine, size_t expected)
{
    factum_verify_report report;
    factum_error err;
    factum_status all;
    factum_status stream;
    size_t count = read_events(engine, FACTUM_SOURCE_ALL, &all);
    size_t in_stream = read_events(engine, FACTUM_SOURCE_STREAM, &stream);
    factum_status status = engine_verify(engine, &report, &err);
    (void)answered(status, "verify", &err);
    if (status == FACTUM_OK && all == FACTUM_DONE && count != expected) {
        die("verify", "events are missing from a store that verifies");
    }
    if (status == FACTUM_OK && stream == FACTUM_DONE && in_stream != expected) {
        die("verify", "events are missing from a stream that verifies");
    }
    return status == FACTUM_OK ? UINT64_MAX : report.damaged_from;
}

static void back_up(struct fct_engine *engine)
{
    factum_backup_report report = {.size = sizeof report};
    factum_error err;
    (void)answered(engine_backup(engine, "/backup", &report, &err), "backup", &err);
}

static factum_status repair(struct fct_sim_disk *disk, uint64_t from, factum_error *err)
{
    bool loss = from != UINT64_MAX;
    const factum_repair_options options = {.size = sizeof options,
                                           .accept_loss = loss,
                                           .accept_loss_from = loss ? from : 0,
                                           .rebuild_index = !loss};
    return fct_engine_local_repair(fct_sim_disk_os(disk), fct_mem_heap(), "/store", &options, NULL,
                                   err);
}

/* It opens, verifies and goes on. */
static void check_whole(struct fct_sim_disk *disk, const char *after)
{
    struct fct_engine engine;
    factum_error err;
    factum_verify_report report;
    must(open_store(&engine, disk, &err), after, &err);
    must(engine_append_zeros(&engine, DATA_SIZE, NULL, &err), after, &err);
    must(engine_verify(&engine, &report, &err), after, &err);
    must(fct_engine_close(&engine, &err), after, &err);
}

static void try_block(const struct fct_sim_disk *store, const char *path, uint64_t offset)
{
    struct fct_sim_disk *disk = fct_sim_disk_clone(store);
    struct fct_engine engine;
    factum_error err;
    (void)snprintf(where, sizeof where, "%s, block at %" PRIu64, path, offset);
    if (!fct_sim_disk_fail_block(disk, path, offset)) {
        die("fail a block", "there is none");
    }
    blocks++;
    if (!answered(open_store(&engine, disk, &err), "open", &err)) {
        refused++; /* of the first segment's header: nothing says what the log is */
        if (strstr(err.text, "restore it from a backup") == NULL) {
            die("open", err.text);
        }
        fct_sim_disk_destroy(disk);
        return;
    }
    uint64_t from = look(&engine, EVENTS);
    back_up(&engine);
    (void)answered(fct_engine_close(&engine, &err), "close", &err);
    factum_status rebuilt = repair(disk, UINT64_MAX, &err);
    if (from != UINT64_MAX) {
        damaged++;
        if (rebuilt != FACTUM_CORRUPT || strstr(err.text, "the index is kept") == NULL) {
            die("rebuild the index of a damaged log", err.text);
        }
        must(repair(disk, from, &err), "repair", &err);
        check_whole(disk, "after a repair");
    } else {
        must(rebuilt, "rebuild the index", &err);
        check_whole(disk, "after a rebuild");
    }
    fct_sim_disk_destroy(disk);
}

/* A block that fails while the store is open, and was read before: verify finds it, and from then
 * on reads answer. */
static void try_block_while_open(const struct fct_sim_disk *store, const char *path,
                                 uint64_t offset)
{
    struct fct_sim_disk *disk = fct_sim_disk_clone(store);
    struct fct_engine engine;
    factum_error err;
    factum_status status;
    (void)snprintf(where, sizeof where, "%s, block at %" PRIu64 " fails later", path, offset);
    must(open_store(&engine, disk, &err), "open", &err);
    if (read_events(&engine, FACTUM_SOURCE_ALL, &status) != EVENTS) {
        die("read", "events are missing");
    }
    if (!fct_sim_disk_fail_block(disk, path, offset)) {
        die("fail a block", "there is none");
    }
    blocks++;
    factum_verify_report report;
    damaged += !answered(engine_verify(&engine, &report, &err), "verify", &err);
    (void)read_events(&engine, FACTUM_SOURCE_ALL, &status);
    (void)read_events(&engine, FACTUM_SOURCE_STREAM, &status);
    (void)answered(fct_engine_close(&engine, &err), "close", &err);
    fct_sim_disk_destroy(disk);
}

static struct fct_sim_disk *make_store(bool close)
{
    struct fct_sim_disk *disk = fct_sim_disk_create(1, true);
    struct fct_engine engine;
    factum_error err;
    must(open_store(&engine, disk, &err), "open", &err);
    for (size_t i = 0; i < EVENTS; i++) {
        must(engine_append_zeros(&engine, DATA_SIZE, NULL, &err), "append", &err);
    }
    struct fct_sim_disk *left = fct_sim_disk_crash(disk, FCT_CRASH_ALL, 1);
    must(fct_engine_close(&engine, &err), "close", &err);
    if (close) {
        fct_sim_disk_destroy(left);
        left = fct_sim_disk_crash(disk, FCT_CRASH_ALL, 1);
    }
    fct_sim_disk_destroy(disk);
    return left;
}

static void sweep(int number, const char *how, bool close)
{
    struct fct_sim_disk *store = make_store(close);
    const char *path;
    blocks = 0;
    damaged = 0;
    refused = 0;
    for (size_t i = 0; (path = fct_sim_disk_path(store, i)) != NULL; i++) {
        uint64_t size;
        if (strstr(path, "LOCK") != NULL || strstr(path, ".tmp") != NULL) {
            continue;
        }
        (void)fct_sim_disk_bytes(store, path, &size);
        for (uint64_t offset = 0; offset < size; offset += BLOCK) {
            try_block(store, path, offset);
        }
    }
    if (damaged == 0 || refused != 1) {
        die(how, "the sweep has not met what it is for");
    }
    printf("ok %d - a store that %s, each of %" PRIu64 " blocks unreadable: %" PRIu64
           " damage the log\n",
           number, how, blocks, damaged);
    fct_sim_disk_destroy(store);
}

static void sweep_open(int number)
{
    struct fct_sim_disk *store = make_store(true);
    const char *path;
    blocks = 0;
    damaged = 0;
    for (size_t i = 0; (path = fct_sim_disk_path(store, i)) != NULL; i++) {
        uint64_t size;
        if (strstr(path, ".seg") == NULL) {
            continue;
        }
        (void)fct_sim_disk_bytes(store, path, &size);
        for (uint64_t offset = 0; offset < size; offset += BLOCK) {
            try_block_while_open(store, path, offset);
        }
    }
    if (damaged == 0) {
        die("the open store", "verify found nothing");
    }
    printf("ok %d - each of %" PRIu64
           " blocks unreadable while the store is open: verify finds %" PRIu64 "\n",
           number, blocks, damaged);
    fct_sim_disk_destroy(store);
}

int main(void)
{
    sweep(1, "was closed", true);
    sweep(2, "was left by a process that died", false);
    sweep_open(3);
    printf("1..3\n");
    return 0;
}
