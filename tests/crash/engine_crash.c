/* engine_crash.c - the whole embedded engine on the simulated disk, stopped at any call that
 * changes it.
 *
 * A random workload (appends with keys and expectations to a few streams, some to two, deletions,
 * background work, reopening) runs until the disk stops at a random call. Then the disk is what a
 * crash can leave of it; the engine opens on that, and: what was acknowledged as synced is there in
 * its stream, in order; at most the append under way is there beyond it, whole; log and index agree
 * (verify); a second opening finds the same. Some of the openings are stopped too. FCT_CRASH_IMAGES
 * / 20 images (default 1,500), FCT_CRASH_SEED. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/random.h"
#include "core/slice.h"
#include "engine_local/local.h"
#include "os/sim_disk.h"

enum { STREAMS = 5 };

struct model {
    uint64_t acked[STREAMS];   /* events acknowledged with durability sync */
    uint64_t written[STREAMS]; /* events that may be there: acknowledged, or under way */
};

static uint64_t seed_of_run;

static void die(const char *what, const char *why)
{
    printf("not ok 1 - %s: %s (seed %" PRIu64 ")\n1..1\n", what, why, seed_of_run);
    exit(1);
}

static factum_status open_engine(struct fct_engine *engine, const struct fct_os *os,
                                 factum_error *err)
{
    struct fct_local_options options = {
        .os = os,
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 16 << 10,
        .segment_size_max = 32 << 10,
        .memtable_span_max = 2 << 10,
    };
    return fct_engine_local_open(engine, &options, err);
}

static void stream_name(char name[16], uint64_t stream)
{
    (void)snprintf(name, 16, "crash-%" PRIu64, stream);
}

/* One append to |a| and, if it differs, |b|; what it does to the model. */
static bool append(struct fct_engine *engine, struct model *model, uint64_t a, uint64_t b,
                   bool sync, struct fct_random *random)
{
    char names[2][16];
    static char data[700];
    size_t count = a == b ? 1 : 2;
    factum_new_event events[2];
    factum_expectation expectations[2];
    memset(data, 'd', sizeof data);
    stream_name(names[0], a);
    stream_name(names[1], b);
    for (size_t i = 0; i < count; i++) {
        uint64_t stream = i == 0 ? a : b;
        events[i] = (factum_new_event){
            .stream = factum_slice_from(names[i]),
            .type = FCT_SLICE("T"),
            .data = fct_slice(data, (size_t)fct_random_below(random, sizeof data)),
        };
        expectations[i] = (factum_expectation){events[i].stream, {.kind = FACTUM_EXPECTED_ANY}};
        model->written[stream]++;
    }
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = count,
        .expectations = expectations,
        .expectation_count = count,
        .durability = sync ? FACTUM_DURABILITY_SYNC : FACTUM_DURABILITY_OS,
    };
    factum_error err;
    if (fct_engine_append(engine, &request, NULL, NULL, &err) != FACTUM_OK) {
        return false;
    }
    if (sync) {
        memcpy(model->acked, model->written, sizeof model->acked); /* all before it, too */
    }
    return true;
}

/* Runs until the disk stops or enough was done. */
static void work(struct fct_sim_disk *disk, struct model *model, struct fct_random *random)
{
    struct fct_engine engine;
    factum_error err;
    for (int round = 0; round < 3; round++) {
        if (open_engine(&engine, fct_sim_disk_os(disk), &err) != FACTUM_OK) {
            return;
        }
        bool going = true;
        for (int i = 0; i < 25 && going; i++) {
            uint64_t what = fct_random_below(random, 10);
            uint64_t a = fct_random_below(random, STREAMS);
            uint64_t b = what < 7 ? a : fct_random_below(random, STREAMS);
            if (what == 9) {
                going = fct_engine_local_tick(&engine, &err) == FACTUM_OK;
            } else {
                going = append(&engine, model, a, b, what != 8, random);
            }
        }
        going = engine.ops->close(engine.self, &err) == FACTUM_OK && going;
        if (!going) {
            return;
        }
        memcpy(model->acked, model->written, sizeof model->acked);
    }
}

static uint64_t count_events(struct fct_engine *engine, uint64_t stream)
{
    char name[16];
    struct fct_reader *reader;
    factum_event event;
    factum_error err;
    uint64_t count = 0;
    stream_name(name, stream);
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(name)};
    factum_status status = fct_engine_read(engine, &request, false, &reader, &err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return 0;
    }
    if (status != FACTUM_OK) {
        die("read", err.text);
    }
    while ((status = reader->ops->next(reader, &event, &err)) == FACTUM_OK) {
        if (event.revision != count++) {
            die("a stream has a hole", name);
        }
    }
    reader->ops->close(reader);
    if (status != FACTUM_DONE) {
        die("read", err.text);
    }
    return count;
}

static void check(struct fct_sim_disk *disk, const struct model *model, uint64_t *counts)
{
    struct fct_engine engine;
    factum_error err;
    factum_verify_report report;
    factum_info info;
    if (open_engine(&engine, fct_sim_disk_os(disk), &err) != FACTUM_OK) {
        die("open after a crash", err.text);
    }
    if (engine.ops->info(engine.self, &info, &err) != FACTUM_OK || info.damaged) {
        die("damage that is none", info.reason);
    }
    for (uint64_t i = 0; i < STREAMS; i++) {
        counts[i] = count_events(&engine, i);
        if (counts[i] < model->acked[i]) {
            die("an acknowledged event is lost", "");
        }
        if (counts[i] > model->written[i]) {
            die("an event is there that was never appended", "");
        }
    }
    if (engine.ops->verify(engine.self, NULL, &report, &err) != FACTUM_OK) {
        die("verify after a crash", err.text);
    }
    if (engine.ops->close(engine.self, &err) != FACTUM_OK) {
        die("close", err.text);
    }
}

/* Some openings are stopped as well: recovery must be able to begin again. */
static struct fct_sim_disk *crash_in_recovery(struct fct_sim_disk *image, struct fct_random *random)
{
    struct fct_engine engine;
    factum_error err;
    uint64_t calls = fct_sim_disk_calls(image);
    fct_sim_disk_stop_at(image, calls + fct_random_below(random, 30));
    if (open_engine(&engine, fct_sim_disk_os(image), &err) == FACTUM_OK) {
        factum_status closed = engine.ops->close(engine.self, &err);
        (void)closed; /* it may be stopped too */
    }
    struct fct_sim_disk *next =
        fct_sim_disk_crash(image, (enum fct_crash_mode)fct_random_below(random, FCT_CRASH_MODES),
                           fct_random_next(random));
    FCT_ASSERT(next != NULL);
    fct_sim_disk_destroy(image);
    return next;
}

static void run(uint64_t seed)
{
    struct fct_random random = {.state = seed};
    struct model model = {{0}, {0}};
    uint64_t first[STREAMS];
    uint64_t second[STREAMS];
    seed_of_run = seed;
    struct fct_sim_disk *disk = fct_sim_disk_create(seed, false);
    FCT_ASSERT(disk != NULL);
    fct_sim_disk_stop_at(disk, 20 + fct_random_below(&random, 400));
    work(disk, &model, &random);
    struct fct_sim_disk *image =
        fct_sim_disk_crash(disk, (enum fct_crash_mode)fct_random_below(&random, FCT_CRASH_MODES),
                           fct_random_next(&random));
    FCT_ASSERT(image != NULL);
    if (fct_random_below(&random, 4) == 0) {
        image = crash_in_recovery(image, &random);
    }
    check(image, &model, first);
    check(image, &model, second);
    if (memcmp(first, second, sizeof first) != 0) {
        die("a second opening finds something else", "");
    }
    fct_sim_disk_destroy(image);
    fct_sim_disk_destroy(disk);
}

int main(void)
{
    const char *wanted = getenv("FCT_CRASH_IMAGES");
    const char *from = getenv("FCT_CRASH_SEED");
    uint64_t images = wanted == NULL ? 1500 : strtoull(wanted, NULL, 10) / 20;
    uint64_t seed = from == NULL ? 1 : strtoull(from, NULL, 10);
    for (uint64_t i = 0; i < images; i++) {
        run(seed + i);
    }
    printf("ok 1 - %" PRIu64 " crashes of the whole engine from seed %" PRIu64
           ": nothing acknowledged was lost\n1..1\n",
           images, seed);
    return 0;
}
