/* engine_crash.c - the whole embedded engine on the simulated disk, stopped at any call that
 * changes it.
 *
 * A random workload (appends with keys and expected revisions to a few streams, some to two, in
 * both durabilities; deletions and tombstones; background work; reopening; a clock that jumps)
 * runs until the disk stops at a random call. The engine then opens on what a crash can leave; in
 * some images a file of the index is damaged or removed as well, and some openings are stopped too.
 * After each opening:
 *   1. every event that was acknowledged as synced is in its stream, in order;
 *   2. beyond these at most the append under way is there, whole;
 *   3. every acknowledged key is known, with its first result, and so is every removal;
 *   4. counts agree with reads, and tokens are accepted;
 *   5. log and index agree, and created never falls (verify);
 *   6. a second opening finds the same.
 * FCT_CRASH_IMAGES / 20: how many images (30000 / 20). FCT_CRASH_SEED: the first seed (1). Prints
 * TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/random.h"
#include "core/slice.h"
#include "engine/token.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"
#include "support/tap.h"

enum { STREAMS = 5, DATA_SIZE = 700, KEYS_MAX = 100 };

/* An append with a key: to stream |a|, and to |b| if |b| differs from |a|. */
struct keyed {
    uint64_t a;
    uint64_t b;
    size_t size;       /* of its data */
    uint64_t revision; /* of its last event, if it was acknowledged */
    uint64_t position;
    char token[FACTUM_TOKEN_SIZE]; /* of |position| */
};

struct model {
    uint64_t acked[STREAMS];   /* events acknowledged with durability sync */
    uint64_t written[STREAMS]; /* events that the store may have: acknowledged, or under way */
    struct keyed keys[KEYS_MAX];
    size_t key_count;
    size_t keys_acked; /* of them, from the first */
    size_t keys_written;
    uint64_t removals; /* acknowledged, which makes all before them synced; one may be under way */
};

static uint64_t seed_of_run;

static void die(const char *what, const char *why)
{
    tap_fail("%s: %s (seed %" PRIu64 ")", what, why, seed_of_run);
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

/* Makes the append |what|, with the |number|-th key (KEYS_MAX: no key). It expects |written| events
 * in its streams; NULL: any number. */
static factum_status append_to(struct fct_engine *engine, const struct keyed *what, size_t number,
                               const uint64_t *written, bool sync, factum_append_result *result)
{
    factum_error ignored;
    char names[2][16];
    char key[16];
    static char data[DATA_SIZE];
    size_t count = what->a == what->b ? 1 : 2;
    factum_new_event events[2];
    factum_expectation expectations[2];
    memset(data, 'd', sizeof data);
    for (size_t i = 0; i < count; i++) {
        uint64_t stream = i == 0 ? what->a : what->b;
        stream_name(names[i], stream);
        events[i] = (factum_new_event){
            .stream = factum_slice_from(names[i]),
            .type = FCT_SLICE("T"),
            .data = fct_slice(data, what->size),
        };
        factum_expected expected = factum_any();
        if (written != NULL) {
            expected = written[stream] == 0 ? factum_no_stream() : factum_at(written[stream] - 1);
        }
        expectations[i] = (factum_expectation){events[i].stream, expected};
    }
    (void)snprintf(key, sizeof key, "key-%zu", number);
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = count,
        .expectations = expectations,
        .expectation_count = count,
        .idempotency_key = number == KEYS_MAX ? (factum_slice){0} : factum_slice_from(key),
        .durability = sync ? FACTUM_DURABILITY_SYNC : FACTUM_DURABILITY_OS,
    };
    return fct_engine_append(engine, &request, result, NULL, &ignored);
}

static void note_synced(struct model *model)
{
    memcpy(model->acked, model->written, sizeof model->acked);
    model->keys_acked = model->keys_written;
}

/* One append to |a| and, if |b| differs, to |b|, and its effect on the model. */
static bool append(struct fct_engine *engine, struct model *model, uint64_t a, uint64_t b,
                   bool sync, struct fct_random *random)
{
    struct keyed what = {.a = a, .b = b, .size = (size_t)fct_random_below(random, DATA_SIZE)};
    bool keyed = fct_random_below(random, 2) == 0;
    size_t number = keyed ? model->key_count++ : KEYS_MAX;
    uint64_t before[STREAMS];
    factum_append_result result;
    memcpy(before, model->written, sizeof before);
    model->written[a]++;
    model->written[b] += a == b ? 0 : 1;
    if (append_to(engine, &what, number, before, sync, &result) != FACTUM_OK) {
        return false;
    }
    if (keyed) {
        what.revision = result.revision;
        what.position = result.position;
        fct_token_format(&engine->timelines, result.position, what.token);
        model->keys[number] = what;
        model->keys_written = number + 1;
    }
    if (sync) {
        note_synced(model); /* all before it, too */
    }
    return true;
}

/* The name of a stream that is written once and removed; every second one gets a tombstone. */
static factum_slice removed_name(char name[32], uint64_t number)
{
    (void)snprintf(name, 32, "gone-%" PRIu64, number);
    return factum_slice_from(name);
}

static bool remove_next(struct fct_engine *engine, struct model *model)
{
    factum_error ignored;
    char name[32];
    factum_slice stream = removed_name(name, model->removals);
    factum_new_event event = {.stream = stream, .type = FCT_SLICE("T")};
    factum_expectation none = {stream, factum_no_stream()};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &none,
                                     .expectation_count = 1,
                                     .durability = FACTUM_DURABILITY_OS};
    factum_append_action action =
        model->removals % 2 == 0 ? FACTUM_ACTION_DELETE : FACTUM_ACTION_TOMBSTONE;
    bool good =
        fct_engine_append(engine, &request, NULL, NULL, &ignored) == FACTUM_OK &&
        fct_engine_remove(engine, action, stream, factum_at(0), NULL, &ignored) == FACTUM_OK;
    if (good) {
        model->removals++;
        note_synced(model);
    }
    return good;
}

/* Runs until the disk stops or the work is complete. */
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
            fct_sim_disk_set_time(disk, (int64_t)fct_random_below(random, 1000000));
            uint64_t what = fct_random_below(random, 11);
            uint64_t a = fct_random_below(random, STREAMS);
            uint64_t b = what < 7 ? a : fct_random_below(random, STREAMS);
            if (what == 10) {
                going = remove_next(&engine, model);
            } else if (what == 9) {
                going = fct_engine_local_tick(&engine, &err) == FACTUM_OK;
            } else {
                going = append(&engine, model, a, b, what != 8, random);
            }
        }
        going = fct_engine_close(&engine, &err) == FACTUM_OK && going;
        if (!going) {
            return;
        }
        note_synced(model);
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
    while ((status = fct_reader_next(reader, &event, &err)) == FACTUM_OK) {
        if (event.revision != count++) {
            die("a stream has a hole", name);
        }
    }
    factum_question question = {.size = sizeof question,
                                .kind = FACTUM_ASK_COUNT,
                                .source = FACTUM_SOURCE_STREAM,
                                .name = factum_slice_from(name),
                                .upto = reader->place};
    fct_reader_close(reader);
    if (status != FACTUM_DONE) {
        die("read", err.text);
    }
    if (fct_engine_answer(engine, &question, &err) != FACTUM_OK || question.number != count) {
        die("the count of events is not the number that was read", name);
    }
    return count;
}

/* The result of a key, and its token, are known after the crash. */
static void check_key(struct fct_engine *engine, const struct keyed *keyed, size_t number)
{
    char key[16];
    char token[FACTUM_TOKEN_SIZE];
    uint64_t place = 0;
    factum_error err;
    (void)snprintf(key, sizeof key, "key-%zu", number);
    factum_key_info info = {.size = sizeof info};
    factum_question question = {.size = sizeof question,
                                .kind = FACTUM_ASK_KEY,
                                .name = factum_slice_from(key),
                                .key = &info};
    if (fct_engine_answer(engine, &question, &err) != FACTUM_OK ||
        info.event_count != (keyed->a == keyed->b ? 1 : 2) || info.revision != keyed->revision ||
        info.position != keyed->position) {
        die("a key is not found", key);
    }
    fct_token_format(&engine->timelines, keyed->position, token);
    if (strcmp(token, keyed->token) != 0 ||
        fct_token_parse(&engine->timelines, factum_slice_from(token), &place, &err) != FACTUM_OK ||
        place != keyed->position) {
        die("a token is refused", token);
    }
}

/* Even with a damaged index a key returns its first result, and nothing is written. */
static void check_keys(struct fct_engine *engine, const struct model *model)
{
    for (size_t i = 0; i < model->keys_acked; i++) {
        factum_append_result result;
        check_key(engine, &model->keys[i], i);
        if (append_to(engine, &model->keys[i], i, NULL, true, &result) != FACTUM_OK ||
            !result.already || result.revision != model->keys[i].revision ||
            result.position != model->keys[i].position) {
            die("a key is no longer known", "");
        }
    }
}

/* All acknowledged removals are there, perhaps the one under way, and no others. */
static void check_removals(struct fct_engine *engine, const struct model *model)
{
    for (uint64_t i = 0; i < model->removals + 2; i++) {
        char name[32];
        factum_stream_info info = {.size = sizeof info};
        factum_error err;
        factum_slice stream = removed_name(name, i);
        if (fct_engine_stream(engine, stream, &info, &err) != FACTUM_OK) {
            die("stream", err.text);
        }
        factum_stream_state wanted =
            i % 2 == 0 ? FACTUM_STREAM_SOFT_DELETED : FACTUM_STREAM_TOMBSTONED;
        if (i < model->removals && info.state != wanted) {
            die("a removal is lost", name);
        }
        if (i > model->removals && info.state != FACTUM_STREAM_ABSENT) {
            die("a stream exists that was never written", name);
        }
    }
}

/* Damage of the index alone is found and repaired. */
static void check_verifies(struct fct_engine *engine)
{
    factum_error err;
    factum_verify_report report;
    factum_status status = engine_verify(engine, &report, &err);
    if (status == FACTUM_CORRUPT && strstr(err.text, "index run ") == err.text) {
        status = engine_verify(engine, &report, &err);
    }
    if (status != FACTUM_OK) {
        die("verify after a crash", err.text);
    }
}

static void check(struct fct_sim_disk *disk, const struct model *model, uint64_t *counts)
{
    struct fct_engine engine;
    factum_error err;
    factum_info info;
    if (open_engine(&engine, fct_sim_disk_os(disk), &err) != FACTUM_OK) {
        die("open after a crash", err.text);
    }
    if (engine_info(&engine, &info, &err) != FACTUM_OK || info.damaged) {
        die("damage is reported where none is", info.reason);
    }
    for (uint64_t i = 0; i < STREAMS; i++) {
        counts[i] = count_events(&engine, i);
        if (counts[i] < model->acked[i]) {
            die("an acknowledged event is lost", "");
        }
        if (counts[i] > model->written[i]) {
            die("an event exists that was never appended", "");
        }
    }
    check_keys(&engine, model);
    check_removals(&engine, model);
    check_verifies(&engine);
    if (fct_engine_close(&engine, &err) != FACTUM_OK) {
        die("close", err.text);
    }
}

/* Stops some openings as well: recovery must be able to begin again. */
static struct fct_sim_disk *crash_in_recovery(struct fct_sim_disk *image, struct fct_random *random)
{
    struct fct_engine engine;
    factum_error err;
    uint64_t calls = fct_sim_disk_calls(image);
    fct_sim_disk_stop_at(image, calls + fct_random_below(random, 30));
    if (open_engine(&engine, fct_sim_disk_os(image), &err) == FACTUM_OK) {
        factum_status closed = fct_engine_close(&engine, &err);
        (void)closed; /* it may be stopped too */
    }
    struct fct_sim_disk *next =
        fct_sim_disk_crash(image, (enum fct_crash_mode)fct_random_below(random, FCT_CRASH_MODES),
                           fct_random_next(random));
    FCT_ASSERT(next != NULL);
    fct_sim_disk_destroy(image);
    return next;
}

/* Flips a bit in a file of the index, or removes the file. */
static void damage_index(struct fct_sim_disk *image, struct fct_random *random)
{
    char chosen[FCT_PATH_SIZE] = "";
    const char *path;
    uint64_t count = 0;
    for (size_t i = 0; (path = fct_sim_disk_path(image, i)) != NULL; i++) {
        if (strstr(path, "/index/") != NULL && fct_random_below(random, ++count) == 0) {
            (void)snprintf(chosen, sizeof chosen, "%s", path);
        }
    }
    uint64_t size = 0;
    uint8_t *bytes = count == 0 ? NULL : fct_sim_disk_bytes(image, chosen, &size);
    if (size > 0 && fct_random_below(random, 2) == 0) {
        bytes[fct_random_below(random, size)] ^= (uint8_t)(1u << fct_random_below(random, 8));
    } else if (count > 0 && fct_os_unlink(fct_sim_disk_os(image), chosen, NULL) != FACTUM_OK) {
        die("unlink", chosen);
    }
}

static void run(uint64_t seed)
{
    struct fct_random random = {.state = seed};
    static struct model model;
    uint64_t first[STREAMS];
    uint64_t second[STREAMS];
    seed_of_run = seed;
    memset(&model, 0, sizeof model);
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
    if (fct_random_below(&random, 4) == 0) {
        damage_index(image, &random);
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
    uint64_t images = tap_setting("FCT_CRASH_IMAGES", 30000) / 20;
    uint64_t seed = tap_setting("FCT_CRASH_SEED", 1);
    for (uint64_t i = 0; i < images; i++) {
        run(seed + i);
    }
    tap_case(true,
             "%" PRIu64 " crashes of the whole engine from seed %" PRIu64
             ": nothing acknowledged was lost",
             images, seed);
    return tap_end();
}
