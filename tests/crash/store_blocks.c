/* store_blocks.c - a whole store of which one block cannot be read: any block of any file.
 *
 * The store was closed, or left by a process that died. For each block that the device does not
 * deliver, every command must return an answer: open, read, verify, backup, the repair that the
 * message advises, and the rebuild of the index. A program that touches the block in a map ends by
 * a signal, which fails the test. A store that verifies is complete. A repair leaves a store that
 * opens, verifies and accepts appends. All commands name the same position: that of the batch with
 * the block. Everything readable before this position stays in the store, and everything readable
 * after it is in the side file. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/frame.h"
#include "core/slice.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"
#include "support/tap.h"

enum { EVENTS = 240, DATA_SIZE = 300, LARGE_SIZE = 3900, BLOCK = 4096, FILES_MAX = 64 };

/* Segments in which all blocks fail together, and segments of several such groups. */
static const uint64_t SMALL = 8 << 10;
static const uint64_t LARGE = 128 << 10;

static char where[160];
static uint64_t blocks;
static uint64_t damaged;
static uint64_t refused;
static uint64_t segment_size;
static uint64_t named = UINT64_MAX; /* the damaged position that was named for this block */
static uint64_t names;              /* how often */
static uint64_t positions[EVENTS];  /* of the events in the store as it was */

static void die(const char *what, const char *why)
{
    tap_fail("%s: %s (%s)", what, why, where);
}

static void must(factum_status status, const char *what, const factum_error *err)
{
    if (status != FACTUM_OK) {
        die(what, status < 0 ? err->text : factum_status_name(status));
    }
}

/* All commands must name the same position for --accept-loss. */
static void note_named(const char *who, const char *text)
{
    const char *found = strstr(text, "--accept-loss ");
    if (found == NULL) {
        return;
    }
    uint64_t position = strtoull(found + strlen("--accept-loss "), NULL, 10);
    if (named != UINT64_MAX && named != position) {
        printf("# %" PRIu64 " was named before\n", named);
        die(who, text);
    }
    named = position;
    names++;
}

/* An answer: OK, or damage with a reason. */
static bool answered(factum_status status, const char *what, const factum_error *err)
{
    bool damage = status == FACTUM_CORRUPT || status == FACTUM_IO;
    if (status != FACTUM_OK && (!damage || err->status != status || err->text[0] == '\0')) {
        die(what, err->text);
    }
    if (status != FACTUM_OK) {
        note_named(what, err->text);
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
        .segment_size_first = segment_size,
        .segment_size_max = segment_size,
        .memtable_size_max = 8 << 10,
    };
    return fct_engine_local_open(engine, &options, err);
}

/* Reads |source| from its start or end; the number of events up to the other end or the damage. */
static size_t read_events(struct fct_engine *engine, factum_source source, bool backwards,
                          factum_status *end)
{
    factum_read_request request = {
        .size = sizeof request, .source = source, .backwards = backwards};
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
        if (source == FACTUM_SOURCE_ALL && !backwards &&
            (count > EVENTS || (positions[0] != 0 && event.position != positions[count - 1]))) {
            die("read", "a read returns another event");
        }
    }
    if (status != FACTUM_DONE) {
        (void)answered(status, "next", &err);
    }
    fct_reader_close(reader);
    *end = status;
    return count;
}

/* Reads everything in four ways and verifies. Returns the position of the damage, or UINT64_MAX.
 * Sets *count to the number of events that can be read before it. */
static uint64_t look(struct fct_engine *engine, size_t expected, size_t *before)
{
    factum_verify_report report;
    factum_error err;
    factum_status all;
    factum_status stream;
    factum_status other;
    size_t count = read_events(engine, FACTUM_SOURCE_ALL, false, &all);
    size_t in_stream = read_events(engine, FACTUM_SOURCE_STREAM, false, &stream);
    (void)read_events(engine, FACTUM_SOURCE_ALL, true, &other);
    (void)read_events(engine, FACTUM_SOURCE_STREAM, true, &other);
    *before = count;
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

/* The batch with the failed block begins at |from|, and everything before it was read. */
static void check_place(struct fct_sim_disk *store, const char *path, uint64_t offset,
                        uint64_t from, size_t before)
{
    uint64_t size;
    struct fct_segment_header segment;
    if (fct_segment_header_decode(fct_sim_disk_bytes(store, path, &size), &segment) != FACTUM_OK) {
        die("the segment", "its header does not verify");
    }
    uint64_t block = segment.base + offset;
    bool all_before = before == 0 || positions[before - 1] < from;
    bool none_after = before == EVENTS || positions[before] > from;
    bool touched = from < block + BLOCK && (before + 1 >= EVENTS || positions[before + 1] > block);
    if (!all_before || !none_after || !touched || names < 2) {
        printf("# block at %" PRIu64 ", named %" PRIu64 ", %zu events before\n", block, from,
               before);
        die("the place", "readable events are given up, or not all commands name it");
    }
}

/* The bytes of |path| after |from| are in the side file, except for the failed block. */
static void check_kept(struct fct_sim_disk *store, struct fct_sim_disk *disk, const char *path,
                       uint64_t offset, uint64_t from)
{
    char name[64];
    uint64_t size;
    uint64_t kept_size = 0;
    struct fct_segment_header header;
    const uint8_t *bytes = fct_sim_disk_bytes(store, path, &size);
    if (fct_segment_header_decode(bytes, &header) != FACTUM_OK) {
        die("the segment", "its header does not verify");
    }
    (void)snprintf(name, sizeof name, "/store/log/lost-%020" PRIu64, from);
    const uint8_t *kept = fct_sim_disk_bytes(disk, name, &kept_size);
    for (uint64_t at = from - header.base; from >= header.base + BLOCK && at < size; at++) {
        uint64_t in_kept = at - (from - header.base);
        bool lost = at / BLOCK == offset / BLOCK;
        uint8_t is = kept != NULL && in_kept < kept_size ? kept[in_kept] : 0;
        if (bytes[at] != 0 && is != (lost ? 0 : bytes[at])) {
            printf("# byte %" PRIu64 " of the segment\n", at);
            die("the side file", "readable bytes are lost");
        }
    }
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

/* The store opens, has |expected| events, verifies and accepts an append. */
static void check_whole(struct fct_sim_disk *disk, size_t expected, const char *after)
{
    factum_status status;
    struct fct_engine engine;
    factum_error err;
    factum_verify_report report;
    must(open_store(&engine, disk, &err), after, &err);
    if (read_events(&engine, FACTUM_SOURCE_ALL, false, &status) != expected ||
        status != FACTUM_DONE) {
        die(after, "events are missing");
    }
    must(engine_append_zeros(&engine, DATA_SIZE, NULL, &err), after, &err);
    must(engine_verify(&engine, &report, &err), after, &err);
    must(fct_engine_close(&engine, &err), after, &err);
}

static void try_block(struct fct_sim_disk *store, const char *path, uint64_t offset)
{
    struct fct_sim_disk *disk = fct_sim_disk_clone(store);
    struct fct_engine engine;
    factum_error err;
    size_t before;
    (void)snprintf(where, sizeof where, "%s, block at %" PRIu64, path, offset);
    named = UINT64_MAX;
    names = 0;
    if (!fct_sim_disk_fail_block(disk, path, offset)) {
        die("fail a block", "no block of that kind exists");
    }
    blocks++;
    if (!answered(open_store(&engine, disk, &err), "open", &err)) {
        refused++; /* the first segment's header: without it the log is unknown */
        if (strstr(err.text, "restore it from a backup") == NULL) {
            die("open", err.text);
        }
        fct_sim_disk_destroy(disk);
        return;
    }
    uint64_t from = look(&engine, EVENTS, &before);
    back_up(&engine);
    if (from != UINT64_MAX && engine_append_zeros(&engine, DATA_SIZE, NULL, &err) < 0) {
        note_named("append", err.text);
    }
    (void)answered(fct_engine_close(&engine, &err), "close", &err);
    factum_status rebuilt = repair(disk, UINT64_MAX, &err);
    if (from != UINT64_MAX) {
        damaged++;
        if (rebuilt != FACTUM_CORRUPT || strstr(err.text, "the index is kept") == NULL) {
            die("rebuild the index of a damaged log", err.text);
        }
        if (named != from) {
            die("verify", "the rebuild names another position than the other commands");
        }
        check_place(store, path, offset, from, before);
        must(repair(disk, from, &err), "repair", &err);
        check_kept(store, disk, path, offset, from);
        check_whole(disk, before, "after a repair");
    } else {
        must(rebuilt, "rebuild the index", &err);
        check_whole(disk, EVENTS, "after a rebuild");
    }
    fct_sim_disk_destroy(disk);
}

/* A block fails while the store is open, after it was read: verify finds it, and later reads return
 * an answer. */
static void try_block_while_open(const struct fct_sim_disk *store, const char *path,
                                 uint64_t offset)
{
    struct fct_sim_disk *disk = fct_sim_disk_clone(store);
    struct fct_engine engine;
    factum_error err;
    factum_status status;
    (void)snprintf(where, sizeof where, "%s, block at %" PRIu64 " fails later", path, offset);
    named = UINT64_MAX;
    must(open_store(&engine, disk, &err), "open", &err);
    if (read_events(&engine, FACTUM_SOURCE_ALL, false, &status) != EVENTS) {
        die("read", "events are missing");
    }
    if (!fct_sim_disk_fail_block(disk, path, offset)) {
        die("fail a block", "no block of that kind exists");
    }
    blocks++;
    factum_verify_report report;
    damaged += !answered(engine_verify(&engine, &report, &err), "verify", &err);
    (void)read_events(&engine, FACTUM_SOURCE_ALL, false, &status);
    (void)read_events(&engine, FACTUM_SOURCE_STREAM, false, &status);
    (void)answered(fct_engine_close(&engine, &err), "close", &err);
    fct_sim_disk_destroy(disk);
}

static struct fct_sim_disk *make_store(bool close)
{
    struct fct_sim_disk *disk = fct_sim_disk_create(1, true);
    struct fct_engine engine;
    factum_error err;
    must(open_store(&engine, disk, &err), "open", &err);
    memset(positions, 0, sizeof positions);
    for (size_t i = 0; i < EVENTS; i++) {
        factum_append_result result;
        size_t size = i % 16 == 9 ? LARGE_SIZE : DATA_SIZE; /* some lie in two blocks */
        must(engine_append_zeros(&engine, size, &result, &err), "append", &err);
        positions[i] = result.position;
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

static void sweep(const char *how, bool close, uint64_t size_of_segments)
{
    segment_size = size_of_segments;
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
    tap_case(true,
             "a store that %s, segments of %" PRIu64 " KiB, each of %" PRIu64
             " blocks unreadable: %" PRIu64 " damage the log",
             how, segment_size >> 10, blocks, damaged);
    fct_sim_disk_destroy(store);
}

static void sweep_open(void)
{
    segment_size = SMALL;
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
    tap_case(true,
             "each of %" PRIu64 " blocks unreadable while the store is open: verify finds %" PRIu64,
             blocks, damaged);
    fct_sim_disk_destroy(store);
}

int main(void)
{
    sweep("was closed", true, SMALL);
    sweep("was left by a process that died", false, SMALL);
    sweep("was closed", true, LARGE);
    sweep("was left by a process that died", false, LARGE);
    sweep_open();
    return tap_end();
}
