/* log_corruption.c - damaged logs, failing calls and failing allocations.
 *
 * 1. Damage: a log at rest is changed in one place (bit, byte, sector, page, file). Whatever is
 *    served afterwards must be what was written; if anything that was acknowledged is missing, the
 *    log must say so; every changed byte that belongs to the log must be found by opening or by
 *    verifying. Without a change there must be no alarm.
 * 2. Faults: each call of a run fails, once or from there on. What was acknowledged must be there,
 *    now and after a power cut; nothing may succeed over a failed write or sync.
 * 3. Memory: each allocation fails, once or from there on. Nothing is lost, nothing leaks.
 *
 * Prints TAP. FCT_CORRUPTIONS: how many (50000). FCT_CRASH_SEED: the first seed (1).
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log_model.h"
#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/mem_fault.h"
#include "support/tap.h"

enum reached {
    DAMAGE_REFUSED,
    OPEN_REFUSED,
    FOUND_BY_READING,
    FOUND_BY_VERIFY,
    TORN_TAIL_CLEARED,
    LOSS_ACCEPTED,
    NO_SPACE_AT_PREPARATION,
    FAILED_FOR_GOOD,
    SHORT_WRITES,
    NO_MEMORY_REFUSED,
    AFTER_END,
    REACHED
};
static const char *const reached_names[REACHED] = {
    "damage refused", "opening refused",        "damage found by reading", "damage found by verify",
    "torn tail cut",  "loss accepted",          "no space at preparation", "failed for good",
    "short writes",   "refused without memory", "damage after END",
};
static uint64_t reached[REACHED];
static uint64_t seed_now;
static const char *what_now = "";

static void expect(bool good, const char *where, const char *what)
{
    if (!good) {
        printf("# %s\n", what_now);
        model_fail(where, seed_now, what);
    }
}

/* ---- logs at rest ---------------------------------------------------------------------------- */

#define FILES_MAX 32u

struct base {
    struct fct_sim_disk *disk;
    struct model model;
    bool use_proof;  /* the model's proof names the end */
    bool evidence;   /* something outside the segments knows how far the log went */
    bool heartbeat;  /* LAST proves all of it */
    size_t segments; /* names and used sizes */
    struct fct_log_segment_info infos[FILES_MAX];
};

static struct model_run run_on(const struct fct_os *os, struct model *model, uint64_t seed)
{
    return (struct model_run){
        .os = os,
        .mem = fct_mem_heap(),
        .random = {.state = seed},
        .model = model,
        .ops = 20,
        .forge = true,
    };
}

static void make_base(struct base *base, uint64_t seed)
{
    *base = (struct base){.disk = fct_sim_disk_create(seed, false)};
    struct model_run run = run_on(fct_sim_disk_os(base->disk), &base->model, seed);
    run.ops = 12 + (unsigned)fct_random_below(&run.random, 60);
    run.reopen_percent = seed % 3 == 0 ? 5 : 0;
    model_do(&run);
    expect(run.status == FACTUM_OK, "base", run.err.text);
    base->heartbeat = seed % 4 != 3;
    if (base->heartbeat) {
        expect(fct_log_heartbeat(run.log, &run.err) == FACTUM_OK, "base", run.err.text);
    }
    base->use_proof = seed % 4 == 2;
    base->model.proof = fct_log_end_point(run.log);
    if (fct_log_durable(run.log) != fct_log_end(run.log)) { /* ends with an `os` commit */
        base->use_proof = false;
    }
    bool clean = seed % 4 == 0;
    if (clean) {
        expect(fct_log_close(run.log, &run.err) == FACTUM_OK, "base", run.err.text);
        run.log = NULL;
    }
    base->model.durable = clean || base->heartbeat ? base->model.count : base->model.durable;
    base->evidence = clean || base->use_proof || base->heartbeat;
    /* Closing writes END, which a process that dies does not: taken before it. */
    struct fct_sim_disk *rest = fct_sim_disk_crash(base->disk, FCT_CRASH_ALL, seed);
    model_abandon(&run);
    fct_sim_disk_destroy(base->disk);
    base->disk = rest;
    /* Opened once, so that what is there is settled. */
    struct fct_sim_disk *look = fct_sim_disk_clone(rest);
    run = run_on(fct_sim_disk_os(look), &base->model, seed);
    run.use_proof = base->use_proof;
    expect(model_open(&run) == FACTUM_OK, "base", run.err.text);
    size_t durable = base->model.durable;
    const char *bad = model_check(run.log, &base->model, true);
    expect(bad == NULL, "base", bad);
    base->model.durable = durable;
    while (base->segments < FILES_MAX && fct_log_segment_info(run.log, base->segments, UINT64_MAX,
                                                              &base->infos[base->segments])) {
        base->segments++;
    }
    model_abandon(&run);
    fct_sim_disk_destroy(look);
}

/* ---- damage ---------------------------------------------------------------------------------- */

struct damage {
    struct fct_sim_disk *disk;
    const struct fct_os *os;
    const struct base *base;
    struct fct_random random;
    char path[64];
    uint8_t *bytes;
    uint64_t size;
    uint64_t used;
};

static uint64_t below(struct damage *damage, uint64_t bound)
{
    return fct_random_below(&damage->random, bound);
}

static void pick_file(struct damage *damage)
{
    const struct fct_log_segment_info *info =
        &damage->base->infos[below(damage, damage->base->segments)];
    (void)snprintf(damage->path, sizeof damage->path, MODEL_DIR "/%s", info->name);
    damage->bytes = fct_sim_disk_bytes(damage->disk, damage->path, &damage->size);
    damage->used = info->size;
    expect(damage->bytes != NULL, "damage", "a file is not there");
}

/* Mostly where something is. */
static uint64_t place(struct damage *damage)
{
    uint64_t bound = below(damage, 10) < 9 ? damage->used : damage->size;
    return below(damage, bound);
}

static void flip_bit(struct damage *damage)
{
    uint64_t at = place(damage);
    damage->bytes[at] ^= (uint8_t)(1u << below(damage, 8));
}

/* In the last 300 bytes that are used: headers, seals. */
static void flip_bit_at_end(struct damage *damage)
{
    uint64_t span = damage->used < 300 ? damage->used : 300;
    uint64_t at = damage->used - 1 - below(damage, span);
    damage->bytes[at] ^= (uint8_t)(1u << below(damage, 8));
}

static void set_byte(struct damage *damage)
{
    damage->bytes[place(damage)] = (uint8_t)below(damage, 256);
}

static void zero_sector(struct damage *damage)
{
    uint64_t at = place(damage) / 512 * 512;
    memset(damage->bytes + at, 0, damage->size - at < 512 ? damage->size - at : 512);
}

static void zero_page(struct damage *damage)
{
    uint64_t at = place(damage) / 4096 * 4096;
    memset(damage->bytes + at, 0, damage->size - at < 4096 ? damage->size - at : 4096);
}

static void noise(struct damage *damage)
{
    uint64_t at = place(damage) / 512 * 512;
    for (uint64_t i = at; i < at + 512 && i < damage->size; i++) {
        damage->bytes[i] = (uint8_t)below(damage, 256);
    }
}

/* A misdirected write: a sector lands elsewhere, maybe in another file. */
static void misdirect(struct damage *damage)
{
    uint8_t sector[512] = {0};
    uint64_t from = place(damage) / 512 * 512;
    memcpy(sector, damage->bytes + from, damage->size - from < 512 ? damage->size - from : 512);
    if (below(damage, 2) == 0) {
        pick_file(damage);
    }
    uint64_t to = place(damage) / 512 * 512;
    memcpy(damage->bytes + to, sector, damage->size - to < 512 ? damage->size - to : 512);
}

static void swap_sectors(struct damage *damage)
{
    uint64_t sectors = damage->used / 512;
    uint64_t a = below(damage, sectors + 1) * 512;
    uint64_t b = below(damage, sectors + 1) * 512;
    for (uint64_t i = 0; i < 512 && a + i < damage->size && b + i < damage->size; i++) {
        uint8_t byte = damage->bytes[a + i];
        damage->bytes[a + i] = damage->bytes[b + i];
        damage->bytes[b + i] = byte;
    }
}

static void truncate_file(struct damage *damage)
{
    struct fct_file *file;
    factum_error err;
    uint64_t size = place(damage);
    size = below(damage, 2) == 0 ? size / 8 * 8 : size;
    expect(fct_file_open(damage->os, damage->path, FCT_OPEN_WRITE, &file, &err) == FACTUM_OK &&
               fct_file_truncate(file, size, &err) == FACTUM_OK,
           "truncate", err.text);
    (void)fct_file_close(&file, NULL);
}

static void extend_file(struct damage *damage)
{
    struct fct_file *file;
    factum_error err;
    static const uint8_t garbage[64] = {1, 2, 3};
    expect(fct_file_open(damage->os, damage->path, FCT_OPEN_WRITE, &file, &err) == FACTUM_OK &&
               fct_file_write(file, damage->size, garbage, 1 + (size_t)below(damage, 63), &err) ==
                   FACTUM_OK,
           "extend", err.text);
    (void)fct_file_close(&file, NULL);
}

static void delete_file(struct damage *damage)
{
    expect(fct_os_unlink(damage->os, damage->path, NULL) == FACTUM_OK, "delete", damage->path);
}

/* Under the number of another, or of one that is not there. */
static void duplicate_file(struct damage *damage)
{
    struct fct_file *file;
    factum_error err;
    char path[64];
    uint64_t number = 1 + below(damage, damage->base->segments + 1);
    (void)snprintf(path, sizeof path, MODEL_DIR "/%020llu.seg", (unsigned long long)number);
    expect(fct_file_open(damage->os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &err) ==
                   FACTUM_OK &&
               fct_file_truncate(file, 0, &err) == FACTUM_OK,
           "duplicate", err.text);
    damage->bytes = fct_sim_disk_bytes(damage->disk, damage->path, &damage->size);
    if (strcmp(path, damage->path) != 0) {
        expect(fct_file_write(file, 0, damage->bytes, damage->size, &err) == FACTUM_OK, "duplicate",
               err.text);
    }
    (void)fct_file_close(&file, NULL);
}

static void rename_file(struct damage *damage)
{
    char path[64];
    uint64_t number = 1 + below(damage, damage->base->segments + 1);
    (void)snprintf(path, sizeof path, MODEL_DIR "/%020llu.seg", (unsigned long long)number);
    if (strcmp(path, damage->path) != 0) {
        expect(fct_os_rename(damage->os, damage->path, path, NULL) == FACTUM_OK, "rename", path);
    }
}

/* A header that fits except for the salt, after the end or over something. */
static void forge(struct damage *damage)
{
    const struct base *base = damage->base;
    const struct fct_log_segment_info *last = &base->infos[base->segments - 1];
    (void)snprintf(damage->path, sizeof damage->path, MODEL_DIR "/%s", last->name);
    damage->bytes = fct_sim_disk_bytes(damage->disk, damage->path, &damage->size);
    uint64_t offset = last->size + 8 * below(damage, 40);
    if (offset + FCT_BATCH_HEADER_SIZE > damage->size) {
        return;
    }
    struct fct_batch_header header = {
        .position = last->base + offset,
        .number = base->model.proof.batch_number,
        .durable_upto = last->base + offset,
        .chain = base->model.proof.chain,
        .payload_size = (uint32_t)below(damage, 100) * 8,
        .record_count = 1,
        .epoch = 9,
    };
    fct_batch_header_encode(damage->bytes + offset, &header, below(damage, 2));
}

static void damage_end(struct damage *damage)
{
    uint64_t size;
    uint8_t *bytes = fct_sim_disk_bytes(damage->disk, MODEL_DIR "/END", &size);
    if (bytes != NULL) {
        bytes[below(damage, size)] ^= (uint8_t)(1u << below(damage, 8));
    }
}

/* One of the blocks of LAST is lost. */
static void damage_last(struct damage *damage)
{
    uint64_t size;
    uint8_t *bytes = fct_sim_disk_bytes(damage->disk, MODEL_DIR "/LAST", &size);
    if (bytes != NULL) {
        uint64_t at = below(damage, 2) * 4096;
        memset(bytes + (at < size ? at : 0), (int)below(damage, 256), 512);
    }
}

/* The last sector or block that is used, with all that it holds. */
static void lose_tail(struct damage *damage)
{
    const struct base *base = damage->base;
    const struct fct_log_segment_info *last = &base->infos[base->segments - 1];
    uint64_t unit = below(damage, 2) == 0 ? 512 : 4096;
    uint64_t at = (last->size - 1) / unit * unit;
    (void)snprintf(damage->path, sizeof damage->path, MODEL_DIR "/%s", last->name);
    damage->bytes = fct_sim_disk_bytes(damage->disk, damage->path, &damage->size);
    uint64_t size = damage->size - at < unit ? damage->size - at : unit;
    memset(damage->bytes + at, below(damage, 2) == 0 ? 0 : 0xa5, size);
}

/* The device cannot read a block, of a segment or of what proves its end. */
static void fail_block(struct damage *damage)
{
    static const char *const others[] = {MODEL_DIR "/END", MODEL_DIR "/LAST"};
    uint64_t which = below(damage, 12);
    if (which < 2) {
        (void)fct_sim_disk_fail_block(damage->disk, others[which], below(damage, 2) * 4096);
        return;
    }
    uint64_t at = which < 8 ? place(damage) : damage->used - 1;
    expect(fct_sim_disk_fail_block(damage->disk, damage->path, at), "fail a block", damage->path);
}

/* The last segment ends where a batch ends, as a copy would. */
static void cut_at_batch(struct damage *damage)
{
    const struct base *base = damage->base;
    const struct fct_log_segment_info *last = &base->infos[base->segments - 1];
    struct fct_file *file;
    factum_error err;
    uint64_t size = FCT_SEGMENT_HEADER_SIZE;
    size_t i = below(damage, base->model.count + 1);
    if (i < base->model.count && base->model.batches[i].end > last->base + size) {
        size = base->model.batches[i].end - last->base;
    }
    (void)snprintf(damage->path, sizeof damage->path, MODEL_DIR "/%s", last->name);
    expect(fct_file_open(damage->os, damage->path, FCT_OPEN_WRITE, &file, &err) == FACTUM_OK &&
               fct_file_truncate(file, size, &err) == FACTUM_OK,
           "cut at a batch", err.text);
    (void)fct_file_close(&file, NULL);
}

static void nothing(struct damage *damage)
{
    (void)damage;
}

static const struct kind {
    const char *name;
    void (*apply)(struct damage *damage);
    bool wide; /* may hit a batch and the header after it, which proves it, at once */
    bool free; /* must do no harm */
} kinds[] = {
    {"flip a bit", flip_bit, false, false},
    {"flip a bit near the end", flip_bit_at_end, false, false},
    {"set a byte", set_byte, false, false},
    {"zero a sector", zero_sector, true, false},
    {"zero a page", zero_page, true, false},
    {"noise in a sector", noise, true, false},
    {"misdirected sector", misdirect, true, false},
    {"swapped sectors", swap_sectors, true, false},
    {"truncated file", truncate_file, true, false},
    {"extended file", extend_file, false, false},
    {"deleted file", delete_file, false, false},
    {"duplicated file", duplicate_file, true, false},
    {"renamed file", rename_file, true, false},
    {"forged header", forge, false, true},
    {"damaged END", damage_end, false, true},
    {"damaged LAST", damage_last, false, true},
    {"lost end of the log", lose_tail, true, false},
    {"failed block", fail_block, false, false},
    {"cut at a batch", cut_at_batch, false, false},
    {"nothing", nothing, false, true},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* Does any byte that belongs to the log differ from how it was? */
static bool live_bytes_differ(const struct base *base, struct fct_sim_disk *disk)
{
    for (size_t i = 0; i < base->segments; i++) {
        char path[64];
        uint64_t size;
        uint64_t before;
        (void)snprintf(path, sizeof path, MODEL_DIR "/%s", base->infos[i].name);
        const uint8_t *was = fct_sim_disk_bytes(base->disk, path, &before);
        const uint8_t *is = fct_sim_disk_bytes(disk, path, &size);
        if (is == NULL || size < base->infos[i].size || memcmp(was, is, base->infos[i].size) != 0) {
            return true;
        }
    }
    return false;
}

/* The proof is of this process and goes with the options. */
static factum_status forget_mark(void *data, factum_error *err)
{
    (void)data;
    (void)err;
    return FACTUM_OK;
}

/* Gives up what is damaged; afterwards the log must work, with all that came before. */
static void accept_loss(struct fct_sim_disk *disk, const struct base *base, struct model *model,
                        uint64_t from, uint64_t seed)
{
    factum_error err;
    struct fct_log_options options = {
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .dir = MODEL_DIR,
        .segment_size_first = 16384,
        .segment_size_max = 65536,
    };
    if (base->use_proof) { /* it may be the only thing that knows of the damage */
        options.proof = model->proof;
        options.proof_store_id = model->store_id;
    }
    uint64_t highest = model->count == 0 ? 0 : model->batches[model->count - 1].end;
    expect(fct_log_accept_loss(&options, from + 8, forget_mark, NULL, &err) == FACTUM_INVALID,
           "accept loss", "another place is accepted");
    expect(fct_log_accept_loss(&options, from, forget_mark, NULL, &err) == FACTUM_OK, "accept loss",
           err.text);
    struct model_run run = run_on(options.os, model, seed);
    expect(model_open(&run) == FACTUM_OK, "after a loss", run.err.text);
    model->durable = 0;
    const char *bad = model_check(run.log, model, true);
    expect(bad == NULL, "after a loss", bad);
    expect(fct_log_end(run.log) > highest, "after a loss", "positions are used again");
    run.ops = 6;
    run.close = true;
    model_continue(&run);
    expect(run.status == FACTUM_OK, "after a loss", run.err.text);
    run = run_on(options.os, model, seed);
    expect(model_open(&run) == FACTUM_OK, "after a loss, again", run.err.text);
    bad = model_check(run.log, model, true);
    expect(bad == NULL, "after a loss, again", bad);
    model_abandon(&run);
    reached[LOSS_ACCEPTED]++;
}

static void check_opened(const struct base *base, const struct kind *kind, struct damage *damage,
                         struct model_run *run, bool differs)
{
    factum_error ignored;
    bool complete;
    struct model *model = run->model;
    bool open = fct_log_state(run->log) == FCT_LOG_OPEN;
    const char *bad = model_check_damaged(run->log, model, &complete);
    expect(bad == NULL, kind->name, bad);
    reached[DAMAGE_REFUSED] += !open;
    reached[TORN_TAIL_CLEARED] += fct_log_recovery(run->log)->torn_bytes > 0;
    expect(!kind->free || open, kind->name, "a false alarm");
    expect(!kind->free || complete, kind->name, "something is missing");
    struct fct_log_verify_report report;
    bool verified = fct_log_verify(run->log, NULL, &report, &ignored) == FACTUM_OK;
    if (verified && (differs || !complete)) {
        /* Only what the last header does not prove may go unseen, if no heartbeat came after it. */
        bool last_only =
            model->count > 0 && fct_log_end(run->log) >= model->batches[model->count - 1].proves;
        expect(!base->evidence && last_only, kind->name, "damage goes unseen");
        expect(complete || !base->heartbeat, kind->name, "acknowledged data is missing");
    }
    if (!verified && kind->apply == fail_block) {
        bad = model_check_named(run->log, model, report.bad_from);
        expect(bad == NULL, kind->name, bad);
    }
    reached[FOUND_BY_VERIFY] += open && !verified;
    reached[FOUND_BY_READING] += open && !complete && !verified;
    model_abandon(run);
    if (!verified && fct_random_below(&damage->random, 8) == 0) {
        accept_loss(damage->disk, base, model, report.bad_from, damage->random.state);
    }
}

static void corrupt_once(const struct base *base, uint64_t seed)
{
    static struct model model;
    struct damage damage = {
        .disk = fct_sim_disk_clone(base->disk), .base = base, .random = {.state = seed}};
    damage.os = fct_sim_disk_os(damage.disk);
    const struct kind *kind = &kinds[below(&damage, KINDS)];
    while (kind->wide && !base->evidence) {
        kind = &kinds[below(&damage, KINDS)];
    }
    what_now = kind->name;
    pick_file(&damage);
    kind->apply(&damage);
    bool differs = live_bytes_differ(base, damage.disk);
    model = base->model;
    struct model_run run = run_on(damage.os, &model, seed);
    run.use_proof = base->use_proof;
    factum_status status = model_open(&run);
    if (status == FACTUM_OK) {
        check_opened(base, kind, &damage, &run, differs);
    } else {
        expect(status == FACTUM_CORRUPT || status == FACTUM_NEWER_FORMAT, kind->name, run.err.text);
        expect(!kind->free, kind->name, run.err.text);
        reached[OPEN_REFUSED]++;
    }
    fct_sim_disk_destroy(damage.disk);
}

/* Two runs go on from one state, with batches of the same sizes: a batch of the one is put in its
 * place in the other, as by a disk that lost a write, or the |whole| file, as by a hand that took
 * the wrong copy. Only the chain can tell. */
static void other_history(uint64_t seed, bool whole)
{
    struct fct_sim_disk *disks[2];
    uint64_t from[2];
    uint64_t to[2];
    disks[0] = fct_sim_disk_create(seed, false);
    static struct model model;
    memset(&model, 0, sizeof model);
    struct model_run run = run_on(fct_sim_disk_os(disks[0]), &model, seed);
    run.ops = 1 + (unsigned)(seed % 5);
    run.close = true;
    model_do(&run);
    disks[1] = fct_sim_disk_clone(disks[0]);
    for (int i = 0; i < 2; i++) {
        uint8_t data[96];
        run = run_on(fct_sim_disk_os(disks[i]), &model, seed);
        expect(model_open(&run) == FACTUM_OK, "other history", run.err.text);
        for (int batch = 0; batch < 3; batch++) {
            memset(data, 'a' + i * 3 + batch, sizeof data);
            struct fct_record record = {.kind = FCT_RECORD_EVENT,
                                        .data = {.ptr = data, .len = sizeof data}};
            size_t size = fct_record_size(&record, NULL, 0);
            expect(fct_log_begin(run.log, size, &run.err) == FACTUM_OK, "append", run.err.text);
            from[i] = batch == 0 ? fct_log_end(run.log) : from[i];
            (void)fct_log_add(run.log, &record, NULL, 0, size);
            expect(fct_log_commit(run.log, true, &run.err) == FACTUM_OK, "append", run.err.text);
            to[i] = batch == 0 ? fct_log_end(run.log) : to[i];
        }
        struct fct_sim_disk *died = fct_sim_disk_crash(disks[i], FCT_CRASH_ALL, seed);
        model_abandon(&run);
        if (whole) { /* with its END */
            fct_sim_disk_destroy(died);
            died = fct_sim_disk_crash(disks[i], FCT_CRASH_ALL, seed);
        }
        fct_sim_disk_destroy(disks[i]);
        disks[i] = died;
    }
    expect(from[0] == from[1] && to[0] == to[1], "other history", "places differ");
    uint64_t size;
    const char *path = MODEL_DIR "/00000000000000000001.seg";
    const uint8_t *other = fct_sim_disk_bytes(disks[0], path, &size);
    uint8_t *bytes = fct_sim_disk_bytes(disks[1], path, &size);
    if (whole) { /* the same length, and END beside it */
        memcpy(bytes, other, size);
        run = run_on(fct_sim_disk_os(disks[1]), &model, seed);
        expect(model_open(&run) == FACTUM_CORRUPT, "other history", "END is believed");
    } else if (to[0] <= size) { /* in the first segment still */
        memcpy(bytes + from[0], other + from[0], to[0] - from[0]);
        run = run_on(fct_sim_disk_os(disks[1]), &model, seed);
        expect(model_open(&run) == FACTUM_OK, "other history", run.err.text);
        expect(fct_log_state(run.log) == FCT_LOG_DAMAGED, "other history", "it is believed");
        model_abandon(&run);
    }
    fct_sim_disk_destroy(disks[0]);
    fct_sim_disk_destroy(disks[1]);
}

/* ---- failing calls --------------------------------------------------------------------------- */

/* What was acknowledged is there: for the next process, and after a power cut. */
static void check_after_fault(struct fct_sim_disk *disk, const struct model *model, uint64_t seed)
{
    static struct model copy;
    static const enum fct_crash_mode modes[] = {FCT_CRASH_ALL, FCT_CRASH_NONE, FCT_CRASH_HALF};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct fct_sim_disk *after = fct_sim_disk_crash(disk, modes[i], seed);
        copy = *model;
        struct model_run run = run_on(fct_sim_disk_os(after), &copy, seed);
        expect(model_open(&run) == FACTUM_OK, "after a fault", run.err.text);
        const char *bad = model_check(run.log, &copy, true);
        expect(bad == NULL, "after a fault", bad);
        model_abandon(&run);
        fct_sim_disk_destroy(after);
    }
}

static bool fault_at(uint64_t seed, enum fct_fault_kind kind, bool sticky, uint64_t at)
{
    static struct model model;
    struct fct_sim_disk *disk = fct_sim_disk_create(seed, false);
    struct fct_fault fault;
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    fault.kind = kind;
    fault.at = at;
    fault.sticky = sticky;
    memset(&model, 0, sizeof model);
    struct model_run run = run_on(&fault.os, &model, seed);
    run.ops = 14;
    run.reopen_percent = 8;
    run.close = true;
    run.failures = kind == FCT_FAULT_SHORT ? NULL : &fault.failed;
    model_do(&run);
    expect(!run.lied, "fault", "a failed write or sync was acknowledged");
    expect(kind != FCT_FAULT_SHORT || run.status == FACTUM_OK, "short", run.err.text);
    reached[NO_SPACE_AT_PREPARATION] += run.refusals > 0;
    reached[FAILED_FOR_GOOD] += run.log != NULL && fct_log_state(run.log) == FCT_LOG_FAILED;
    reached[SHORT_WRITES] += kind == FCT_FAULT_SHORT && fault.failed > 0;
    if (run.log != NULL && fct_log_state(run.log) == FCT_LOG_FAILED) {
        uint64_t calls = fct_sim_disk_calls(disk);
        expect(fct_log_begin(run.log, 64, &run.err) == FACTUM_FAILED, "failed", "it writes on");
        expect(fct_log_heartbeat(run.log, &run.err) == FACTUM_FAILED, "failed", "it writes on");
        expect(fct_sim_disk_calls(disk) == calls, "failed", "it touches the disk");
    }
    model_abandon(&run);
    check_after_fault(disk, &model, seed);
    fct_sim_disk_destroy(disk);
    return fault.failed > 0;
}

static uint64_t fault_runs(uint64_t seed)
{
    static const enum fct_fault_kind fault_kinds[] = {FCT_FAULT_EIO, FCT_FAULT_ENOSPC,
                                                      FCT_FAULT_SHORT};
    static const char *const names[] = {"EIO", "ENOSPC", "short"};
    uint64_t runs = 0;
    for (size_t i = 0; i < 3; i++) {
        for (int sticky = 0; sticky < 2; sticky++) {
            what_now = names[i];
            for (uint64_t at = 0; fault_at(seed, fault_kinds[i], sticky != 0, at); at++) {
                runs++;
            }
        }
    }
    return runs;
}

/* ---- failing allocations --------------------------------------------------------------------- */

static bool starve_at(uint64_t seed, bool sticky, unsigned long at)
{
    static struct model model;
    struct fct_sim_disk *disk = fct_sim_disk_create(seed, false);
    struct fct_mem_fault fault;
    fct_mem_fault_init(&fault);
    atomic_store(&fault.fail_at, at);
    fault.sticky = sticky;
    memset(&model, 0, sizeof model);
    struct model_run run = run_on(fct_sim_disk_os(disk), &model, seed);
    run.mem = &fault.mem;
    run.ops = 14;
    run.reopen_percent = 8;
    model_do(&run);
    bool failed = atomic_load(&fault.failed) > 0;
    expect(!failed || run.status == FACTUM_NO_MEMORY || run.status == FACTUM_OK, "memory",
           run.err.text);
    if (run.status == FACTUM_NO_MEMORY && run.log != NULL) {
        expect(fct_log_state(run.log) == FCT_LOG_OPEN, "memory", "the log has failed");
        reached[NO_MEMORY_REFUSED]++;
    }
    if (!sticky && run.log != NULL && run.status == FACTUM_NO_MEMORY) {
        run.status = FACTUM_OK; /* there is memory again: it goes on */
        model_continue(&run);
        expect(run.status == FACTUM_OK, "memory again", run.err.text);
    }
    model_abandon(&run);
    expect(atomic_load(&fault.held) == 0, "memory", "a leak");
    check_after_fault(disk, &model, seed);
    fct_sim_disk_destroy(disk);
    return failed;
}

static uint64_t starvation_runs(uint64_t seed)
{
    uint64_t runs = 0;
    what_now = "memory";
    for (int sticky = 0; sticky < 2; sticky++) {
        for (unsigned long at = 0; starve_at(seed, sticky != 0, at); at++) {
            runs++;
        }
    }
    return runs;
}

/* The first batch of a run is damaged where the run before ended, and the next one proves that it
 * was durable: END must not say any more that nothing follows it. */
static void damaged_after_end(uint64_t seed)
{
    factum_error ignored;
    static struct model model;
    struct fct_sim_disk *disk = fct_sim_disk_create(seed, false);
    memset(&model, 0, sizeof model);
    struct model_run run = run_on(fct_sim_disk_os(disk), &model, seed);
    run.ops = 5;
    run.close = true;
    model_do(&run);
    expect(run.status == FACTUM_OK, what_now, run.err.text);
    size_t first = model.count;
    run = run_on(fct_sim_disk_os(disk), &model, seed + 1);
    run.ops = 4;
    model_do(&run);
    expect(run.status == FACTUM_OK, what_now, run.err.text);
    struct fct_log_segment_info info = {.base = 0};
    for (size_t i = 0; fct_log_segment_info(run.log, i, UINT64_MAX, &info); i++) {
    }
    const struct model_batch *batch = &model.batches[first];
    bool proven = model.count > first + 1 && batch[1].proves >= batch->end;
    struct fct_sim_disk *left = fct_sim_disk_crash(disk, FCT_CRASH_ALL, seed);
    model_abandon(&run);
    fct_sim_disk_destroy(disk);
    if (proven && batch->first > info.base) {
        char path[64];
        uint64_t size;
        (void)snprintf(path, sizeof path, MODEL_DIR "/%s", info.name);
        fct_sim_disk_bytes(left, path, &size)[batch->first - info.base + 10] ^= 1;
        run = run_on(fct_sim_disk_os(left), &model, seed);
        expect(model_open(&run) == FACTUM_OK, what_now, run.err.text);
        struct fct_log_verify_report report;
        expect(fct_log_verify(run.log, NULL, &report, &ignored) == FACTUM_CORRUPT, what_now,
               "the damage goes unseen");
        model_abandon(&run);
        reached[AFTER_END]++;
    }
    fct_sim_disk_destroy(left);
}

int main(void)
{
    static struct base base;
    uint64_t wanted = tap_setting("FCT_CORRUPTIONS", 50000);
    uint64_t first = tap_setting("FCT_CRASH_SEED", 1);
    uint64_t done = 0;
    for (seed_now = first; done < wanted; seed_now++) {
        make_base(&base, seed_now);
        for (uint64_t i = 0; i < 200 && done < wanted; i++, done++) {
            corrupt_once(&base, seed_now * 1009 + i);
        }
        fct_sim_disk_destroy(base.disk);
    }
    what_now = "another history";
    for (seed_now = first; seed_now < first + 50; seed_now++) {
        other_history(seed_now, false);
        other_history(seed_now, true);
    }
    what_now = "damage after END";
    for (seed_now = first; seed_now < first + 50; seed_now++) {
        damaged_after_end(seed_now);
    }
    uint64_t faults = 0;
    uint64_t starved = 0;
    for (seed_now = first; seed_now < first + 1 + wanted / 1000; seed_now++) {
        faults += fault_runs(seed_now);
        starved += starvation_runs(seed_now);
    }
    model_reached(reached_names, reached, REACHED, wanted >= 5000);
    tap_case(true, "%llu corruptions, %llu failing calls, %llu failing allocations",
             (unsigned long long)done, (unsigned long long)faults, (unsigned long long)starved);
    return tap_end();
}
