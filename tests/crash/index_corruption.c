/* index_corruption.c - damage in every byte of an index's files. The index must return the right
 * postings or report a range to rebuild, never wrong postings, and never crash.
 *
 * The simulated disk has one index of several runs, with lists that cross block ends. Each image is
 * a copy with one kind of damage: a changed byte; a file that is shorter, longer or gone; blocks
 * that are swapped, zeroed or from another run; a run under the name of another; a file of another
 * store or of an earlier time. The index is opened on the image, read completely, rebuilt as the
 * engine does it, and read again. Every fourth index is verified and opened once more. A model has
 * the right answers. FCT_CORRUPTIONS bounds the number of images (60000, which is every byte),
 * FCT_CRASH_SEED chooses the bits. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "index/index_int.h"
#include "index/scan.h"
#include "sim/sim_disk.h"
#include "support/index_model.h"
#include "support/tap.h"

enum { RUNS = 4, IMAGES = 60000 };

static const factum_uuid store = {{1, 2, 3}};
static struct model model;
static struct fct_sim_disk *whole; /* the undamaged index */
static uint64_t seed = 1;
static uint64_t images;
static uint64_t noticed; /* images with a missing range after opening, or damage found later */

static struct fct_index_options options_of(struct fct_sim_disk *disk)
{
    return (struct fct_index_options){
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .dir = "/index",
        .store_id = store,
        .memtable_span_max = UINT64_MAX,
    };
}

static void expect_ok(factum_status status, const factum_error *err)
{
    if (status != FACTUM_OK) {
        model_die(&model, err->text);
    }
}

static struct fct_index *open_index(struct fct_sim_disk *disk, bool read_only)
{
    factum_error err = {.text = ""};
    struct fct_index *index;
    struct fct_index_options options = options_of(disk);
    options.read_only = read_only;
    expect_ok(fct_index_open(&index, &options, &err), &err);
    if (fct_index_covered(index).position > model_end(&model)) {
        model_die(&model, "the index covers more than the log contains");
    }
    return index;
}

/* Reads everything and rebuilds what is damaged; afterwards all answers are right. */
static void check_and_rebuild(struct fct_index *index)
{
    factum_error err = {.text = ""};
    uint64_t from;
    uint64_t to;
    bool damaged = fct_index_missing(index, &from, &to) || fct_index_covered(index).position == 0;
    expect_ok(model_replay(&model, index, fct_index_covered(index).position, &err), &err);
    for (int i = 0; i <= RUNS; i++) {
        factum_status status = model_check(&model, index, &err);
        if (status == FACTUM_OK) {
            noticed += damaged;
            return;
        }
        if (status != FACTUM_CORRUPT || !fct_index_missing(index, &from, &to)) {
            model_die(&model, err.text);
        }
        damaged = true;
        expect_ok(model_rebuild_missing(&model, index, &err), &err);
    }
    model_die(&model, "the index is not whole after a rebuild");
}

/* The same for a store that is open for reading: nothing is written. */
static void ask_only(struct fct_sim_disk *disk)
{
    factum_error err = {.text = ""};
    uint64_t calls = fct_sim_disk_calls(disk);
    struct fct_index *index = open_index(disk, true);
    expect_ok(model_replay(&model, index, fct_index_covered(index).position, &err), &err);
    factum_status status = model_check(&model, index, &err);
    for (int i = 0; i <= RUNS && status == FACTUM_CORRUPT; i++) {
        uint64_t from;
        uint64_t to;
        if (!fct_index_missing(index, &from, &to)) {
            model_die(&model, "damage without a missing range");
        }
        expect_ok(fct_index_truncate(index, from, &err), &err);
        expect_ok(model_replay(&model, index, fct_index_covered(index).position, &err), &err);
        fct_index_complete(index);
        status = model_check(&model, index, &err);
    }
    expect_ok(status, &err);
    fct_index_close(index);
    if (fct_sim_disk_calls(disk) != calls) {
        model_die(&model, "a read-only index was written to");
    }
}

/* Checks the index on |disk|, a damaged copy, and destroys the disk. */
static void judge(struct fct_sim_disk *disk)
{
    factum_error err = {.text = ""};
    images++;
    if (images % 16 == 0) {
        ask_only(disk);
    }
    struct fct_index *index = open_index(disk, false);
    check_and_rebuild(index);
    if (images % 4 != 0) {
        fct_index_close(index);
        fct_sim_disk_destroy(disk);
        return;
    }
    expect_ok(fct_index_verify(index, NULL, &err), &err);
    if (images % 8 == 0) {
        expect_ok(fct_index_flush(index, &err), &err);
        expect_ok(fct_index_settle(index, &err), &err);
        expect_ok(model_check(&model, index, &err), &err);
    }
    fct_index_close(index);
    index = open_index(disk, false);
    expect_ok(model_replay(&model, index, fct_index_covered(index).position, &err), &err);
    expect_ok(model_check(&model, index, &err), &err);
    fct_index_close(index);
    fct_sim_disk_destroy(disk);
}

static void say(const char *name)
{
    tap_case(true, "%s (%" PRIu64 " images so far, %" PRIu64 " noticed)", name, images, noticed);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void run_path(char path[64], uint64_t number)
{
    char name[FCT_RUN_NAME_SIZE];
    fct_run_name(number, name);
    (void)snprintf(path, 64, "/index/%s", name);
}

static uint8_t *bytes_of(struct fct_sim_disk *disk, const char *path, uint64_t *size)
{
    uint8_t *bytes = fct_sim_disk_bytes(disk, path, size);
    FCT_ASSERT(bytes != NULL);
    return bytes;
}

static uint64_t size_of(const char *path)
{
    uint64_t size;
    (void)bytes_of(whole, path, &size);
    return size;
}

static void set_size(struct fct_sim_disk *disk, const char *path, uint64_t size)
{
    factum_error err;
    struct fct_file *file;
    expect_ok(fct_file_open(fct_sim_disk_os(disk), path, FCT_OPEN_WRITE, &file, &err), &err);
    expect_ok(fct_file_truncate(file, size, &err), &err);
    expect_ok(fct_file_close(&file, &err), &err);
}

static void put_file(struct fct_sim_disk *disk, const char *path, const uint8_t *bytes, size_t size)
{
    factum_error err;
    struct fct_file *file;
    expect_ok(
        fct_file_open(fct_sim_disk_os(disk), path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &err),
        &err);
    expect_ok(fct_file_truncate(file, 0, &err), &err);
    expect_ok(fct_file_write(file, 0, bytes, size, &err), &err);
    expect_ok(fct_file_close(&file, &err), &err);
}

/* The files of the index: the manifest, then the runs. */
static void path_of(char path[64], int file)
{
    if (file == 0) {
        (void)snprintf(path, 64, "/index/%s", FCT_MANIFEST_NAME);
    } else {
        run_path(path, (uint64_t)file);
    }
}

/* ---- the damages ----------------------------------------------------------------------------- */

static void every_byte_changed(uint64_t stride)
{
    static const char *const names[] = {"flipped", "inverted", "zeroed", "set to ones", "random"};
    struct fct_random random = {seed};
    for (int file = 0; file <= RUNS; file++) {
        char path[64];
        path_of(path, file);
        uint64_t size = size_of(path);
        for (uint64_t at = fct_random_below(&random, stride); at < size; at += stride) {
            uint64_t how = file == 0 ? 5 : 1 + (at + seed) % 5; /* all of the manifest's */
            for (uint64_t i = file == 0 ? 0 : how - 1; i < how; i++) {
                uint64_t unused;
                struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
                uint8_t *byte = bytes_of(disk, path, &unused) + at;
                uint8_t bit = (uint8_t)(1u << fct_random_below(&random, 8));
                const uint8_t values[] = {(uint8_t)(*byte ^ bit), (uint8_t) ~*byte, 0, 0xff,
                                          (uint8_t)fct_random_next(&random)};
                *byte = values[i];
                (void)snprintf(model.what, sizeof model.what,
                               "seed %" PRIu64 ", %s, byte %" PRIu64 " %s", seed, path, at,
                               names[i]);
                judge(disk);
            }
        }
    }
    say("a changed byte anywhere gives the right postings or is noticed");
}

static void several_bits_changed(uint64_t count)
{
    struct fct_random random = {seed + 1};
    for (uint64_t i = 0; i < count; i++) {
        struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
        uint64_t bits = 2 + fct_random_below(&random, 60);
        for (uint64_t j = 0; j < bits; j++) {
            char path[64];
            uint64_t size;
            path_of(path, (int)fct_random_below(&random, RUNS + 1));
            uint8_t *bytes = bytes_of(disk, path, &size);
            bytes[fct_random_below(&random, size)] ^= (uint8_t)(1u << fct_random_below(&random, 8));
        }
        (void)snprintf(model.what, sizeof model.what, "seed %" PRIu64 ", bits, %" PRIu64, seed, i);
        judge(disk);
    }
    say("many changed bits in several files are noticed");
}

static void every_length(uint64_t stride)
{
    for (int file = 0; file <= RUNS; file++) {
        char path[64];
        path_of(path, file);
        uint64_t size = size_of(path);
        for (uint64_t length = 0; length < size + 4200; length += file == 0 ? 1 : stride * 11) {
            struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
            set_size(disk, path, length);
            (void)snprintf(model.what, sizeof model.what, "%s, %" PRIu64 " bytes long", path,
                           length);
            judge(disk);
        }
    }
    say("a file of any other length is noticed");
}

static void missing_files(void)
{
    factum_error err;
    for (unsigned mask = 1; mask < 1u << (RUNS + 1); mask++) {
        struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
        for (int file = 0; file <= RUNS; file++) {
            if ((mask >> file & 1u) != 0) {
                char path[64];
                path_of(path, file);
                expect_ok(fct_os_unlink(fct_sim_disk_os(disk), path, &err), &err);
            }
        }
        (void)snprintf(model.what, sizeof model.what, "files %x are gone", mask);
        judge(disk);
    }
    say("any set of missing files is noticed");
}

/* Each block in turn, and two at a time. */
static void failed_blocks(void)
{
    for (int file = 0; file <= RUNS; file++) {
        char path[64];
        path_of(path, file);
        uint64_t size = size_of(path);
        for (uint64_t at = 0; at < size; at += 4096) {
            struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
            bool failed = fct_sim_disk_fail_block(disk, path, at);
            path_of(path, RUNS);
            failed = at % 8192 == 0 || fct_sim_disk_fail_block(disk, path, 0) ? failed : false;
            path_of(path, file);
            (void)snprintf(model.what, sizeof model.what, "%.48s: block at %" PRIu64 " fails", path,
                           at);
            if (!failed) {
                model_die(&model, "no such block");
            }
            judge(disk);
        }
    }
    say("blocks that cannot be read are noticed");
}

/* Blocks of 512 and of 4096 bytes: swapped in a file and between files, zeroed, doubled. */
static void misplaced_blocks(void)
{
    static const uint64_t sizes[] = {512, 4096};
    for (uint64_t i = 0; i < 2 * (RUNS * RUNS) * 32; i++) {
        char from[64];
        char to[64];
        uint64_t size = sizes[i % 2];
        uint64_t from_size;
        uint64_t to_size;
        run_path(from, 1 + i / 2 % RUNS);
        run_path(to, 1 + i / 2 / RUNS % RUNS);
        struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
        uint8_t *a = bytes_of(disk, from, &from_size);
        uint8_t *b = bytes_of(disk, to, &to_size);
        struct fct_random random = {seed + i};
        a += fct_random_below(&random, from_size / size) * size;
        b += fct_random_below(&random, to_size / size) * size;
        uint8_t block[4096] = {0};
        switch (fct_random_below(&random, 3)) {
        case 0: /* swapped */
            memcpy(block, a, size);
            memmove(a, b, size);
            memcpy(b, block, size);
            break;
        case 1: /* doubled */
            memmove(b, a, size);
            break;
        default:
            memcpy(b, block, size);
            break;
        }
        (void)snprintf(model.what, sizeof model.what, "seed %" PRIu64 ", blocks, %" PRIu64, seed,
                       i);
        judge(disk);
    }
    say("blocks that are swapped, doubled or zeroed are noticed");
}

static void runs_under_other_names(void)
{
    for (uint64_t from = 1; from <= RUNS; from++) {
        for (uint64_t to = 0; to <= RUNS + 3; to++) {
            char from_path[64];
            char to_path[64];
            factum_error err;
            struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
            run_path(from_path, from);
            run_path(to_path, to);
            expect_ok(fct_os_rename(fct_sim_disk_os(disk), from_path, to_path, &err), &err);
            (void)snprintf(model.what, sizeof model.what, "%s is called %s", from_path, to_path);
            judge(disk);
        }
    }
    say("a run under the name of another is noticed");
}

/* A store like this one, with the same seed, numbers and positions, but other postings. */
static struct fct_sim_disk *other_store(struct model *other, const factum_uuid *id)
{
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_create(seed, false);
    struct fct_index_options options = options_of(disk);
    struct fct_index *index;
    options.store_id = *id;
    model_init(other, seed);
    other->wide = true;
    expect_ok(fct_index_open(&index, &options, &err), &err);
    for (size_t i = 0; i < model.batch_count; i++) {
        model_batch(other, 30);
        struct model_batch *batch = &other->batches[i];
        for (size_t j = batch->first; j < other->count; j++) { /* other names, same positions */
            struct model_entry *entry = &other->entries[j];
            entry->name = (entry->name + 1) % MODEL_NAMES;
        }
        expect_ok(model_replay(other, index, batch->start, &err), &err);
        if ((i + 1) % (model.batch_count / RUNS) == 0) {
            expect_ok(fct_index_flush(index, &err), &err);
        }
    }
    fct_index_close(index);
    return disk;
}

static void files_of_another_store(void)
{
    const factum_uuid id = {{9}};
    struct model other;
    struct fct_sim_disk *from = other_store(&other, &id);
    for (unsigned mask = 1; mask < 1u << (RUNS + 1); mask++) {
        struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
        for (int file = 0; file <= RUNS; file++) {
            if ((mask >> file & 1u) != 0) {
                char path[64];
                uint64_t size;
                path_of(path, file);
                const uint8_t *bytes = bytes_of(from, path, &size);
                put_file(disk, path, bytes, size);
            }
        }
        (void)snprintf(model.what, sizeof model.what, "files %x are of another store", mask);
        judge(disk);
    }
    fct_sim_disk_destroy(from);
    model_finish(&other);
    say("any set of files of another store is noticed");
}

/* An earlier manifest names fewer runs; the run files are those of today. */
static void manifests_of_earlier_times(struct fct_sim_disk *const *earlier)
{
    for (int i = 0; i < RUNS; i++) {
        char path[64];
        uint64_t size;
        struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
        path_of(path, 0);
        const uint8_t *bytes = bytes_of(earlier[i], path, &size);
        put_file(disk, path, bytes, size);
        (void)snprintf(model.what, sizeof model.what, "the manifest of the time after %d runs",
                       i + 1);
        judge(disk);
    }
    say("the log is replayed from where an earlier manifest ends");
}

/* Damage after the opening, in blocks that no reader has used yet. */
static void damage_while_it_is_open(uint64_t stride)
{
    for (uint64_t number = 1; number <= RUNS; number++) {
        char path[64];
        uint64_t size;
        run_path(path, number);
        uint64_t blocks = (size_of(path) - FCT_RUN_FOOTER_SIZE) / FCT_RUN_PAGE_SIZE;
        for (uint64_t at = 0; at < blocks * FCT_RUN_PAGE_SIZE; at += stride) {
            struct fct_sim_disk *disk = fct_sim_disk_clone(whole);
            struct fct_index *index = open_index(disk, false);
            const struct fct_run_info *info = &index->version->runs[number - 1]->info;
            if (at >= info->block_count * FCT_RUN_PAGE_SIZE) {
                fct_index_close(index);
                fct_sim_disk_destroy(disk);
                break;
            }
            images++;
            bytes_of(disk, path, &size)[at] ^= (uint8_t)(1u << at % 8);
            (void)snprintf(model.what, sizeof model.what, "%s, byte %" PRIu64 " while it is open",
                           path, at);
            check_and_rebuild(index);
            fct_index_close(index);
            fct_sim_disk_destroy(disk);
        }
    }
    say("a block that changes before it is first used is noticed");
}

/* ---- the program ----------------------------------------------------------------------------- */

static void make_whole(struct fct_sim_disk **earlier)
{
    factum_error err;
    model_init(&model, seed);
    model.wide = true;
    whole = fct_sim_disk_create(seed, false);
    struct fct_index_options options = options_of(whole);
    struct fct_index *index;
    expect_ok(fct_index_open(&index, &options, &err), &err);
    for (int i = 0; i < RUNS; i++) {
        for (int j = 0; j < 24; j++) {
            uint64_t from = model_end(&model);
            model_batch(&model, 30);
            expect_ok(model_replay(&model, index, from, &err), &err);
        }
        expect_ok(fct_index_flush(index, &err), &err);
        earlier[i] = fct_sim_disk_clone(whole);
    }
    expect_ok(model_check(&model, index, &err), &err);
    fct_index_close(index);
}

int main(void)
{
    struct fct_sim_disk *earlier[RUNS];
    seed = tap_setting("FCT_CRASH_SEED", seed);
    uint64_t wanted = tap_setting("FCT_CORRUPTIONS", IMAGES);
    make_whole(earlier);
    uint64_t bytes = 0;
    for (int file = 0; file <= RUNS; file++) {
        char path[64];
        path_of(path, file);
        bytes += size_of(path);
    }
    uint64_t stride = bytes * 3 / 2 / (wanted + 1) + 1;
    printf("# seed %" PRIu64 ", %" PRIu64 " bytes, every %" PRIu64 ". of them\n", seed, bytes,
           stride);
    every_byte_changed(stride);
    several_bits_changed(wanted / 100 + 1);
    every_length(stride);
    missing_files();
    failed_blocks();
    misplaced_blocks();
    runs_under_other_names();
    files_of_another_store();
    manifests_of_earlier_times(earlier);
    damage_while_it_is_open(stride * 11);
    tap_case(images > 0 && noticed > 0, "damage was noticed");
    for (int i = 0; i < RUNS; i++) {
        fct_sim_disk_destroy(earlier[i]);
    }
    fct_sim_disk_destroy(whole);
    model_finish(&model);
    return tap_end();
}
