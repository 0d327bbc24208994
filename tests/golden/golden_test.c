/* golden_test.c - stores of released formats are read for ever.
 *
 *     golden_test [--anew] STORE...   copies each store, opens it, checks what is in it, appends,
 *                                     opens it again; its index is used, or with --anew made anew
 *     golden_test --make STORE    makes the store of the present format (once, before a release)
 *
 * A golden store holds: g-1 with 120 events of known data, over several segments and index runs;
 * g-2, deleted and begun anew; g-3, tombstoned; an idempotency key; tags and a time before 1970.
 * Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "engine_local/local.h"

static factum_error err;

static void must(factum_status status, const char *what)
{
    if (status < 0) {
        printf("not ok 1 - %s: %s\n1..1\n", what, err.text);
        exit(1);
    }
}

static void check(bool holds, const char *what)
{
    if (!holds) {
        printf("not ok 1 - %s\n1..1\n", what);
        exit(1);
    }
}

static bool made_anew;

static void note_message(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    (void)level;
    (void)text;
    made_anew = made_anew || strcmp(id, "index.rebuild") == 0;
}

static void open_store(struct fct_engine *engine, const char *path)
{
    static const factum_log_sink sink = {.write = note_message};
    struct fct_local_options options = {
        .os = fct_os_real(),
        .mem = fct_mem_heap(),
        .path = path,
        .sink = &sink,
        .segment_size_first = 8 << 10,
        .segment_size_max = 16 << 10,
        .memtable_span_max = 4 << 10,
    };
    must(fct_engine_local_open(engine, &options, &err), "open");
}

static factum_append_result append(struct fct_engine *engine, const char *stream, const char *data,
                                   const char *key)
{
    factum_slice tag = FCT_SLICE("golden:1");
    factum_new_event event = {
        .stream = factum_slice_from(stream),
        .type = FCT_SLICE("Kept"),
        .data = factum_slice_from(data),
        .tags = &tag,
        .tag_count = 1,
        .has_time = true,
        .time = INT64_C(-692000000000000000), /* 1948 */
    };
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = factum_slice_from(key),
    };
    factum_append_result result;
    must(fct_engine_append(engine, &request, &result, NULL, &err), "append");
    return result;
}

static void data_of(char data[64], uint64_t n)
{
    (void)snprintf(data, 64, "{\"n\":%" PRIu64 ",\"text\":\"M\xc3\xbcnster\"}", n);
}

static void make(const char *path)
{
    struct fct_engine engine;
    char data[64];
    open_store(&engine, path);
    for (uint64_t n = 0; n < 120; n++) {
        data_of(data, n);
        (void)append(&engine, "g-1", data, n == 7 ? "key-7" : NULL);
    }
    (void)append(&engine, "g-2", "{}", NULL);
    must(fct_engine_remove(&engine, FACTUM_ACTION_DELETE, FCT_SLICE("g-2"), factum_any(), NULL,
                           &err),
         "delete");
    (void)append(&engine, "g-2", "{\"again\":true}", NULL);
    (void)append(&engine, "g-3", "{}", NULL);
    must(fct_engine_remove(&engine, FACTUM_ACTION_TOMBSTONE, FCT_SLICE("g-3"), factum_any(), NULL,
                           &err),
         "tombstone");
    must(fct_engine_close(&engine, &err), "close");
}

static uint64_t read_stream(struct fct_engine *engine, const char *stream, bool known_data)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    uint64_t count = 0;
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    must(fct_engine_read(engine, &request, false, &reader, &err), "read");
    while ((status = fct_reader_next(reader, &event, &err)) == FACTUM_OK) {
        char data[64];
        data_of(data, count);
        bool same = fct_slice_equal(event.data, factum_slice_from(data));
        check(!known_data || count >= 120 || same, "data is as it was");
        check(event.tag_count == 1 && event.has_time && event.time < 0, "tags and time are kept");
        count++;
    }
    must(status, "next");
    fct_reader_close(reader);
    return count;
}

static void check_store(const char *path, uint64_t extra)
{
    struct fct_engine engine;
    factum_verify_report report = {.size = sizeof report};
    struct fct_reader *reader;
    factum_read_request gone = {
        .size = sizeof gone, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("g-3")};
    char data[64];
    open_store(&engine, path);
    check(read_stream(&engine, "g-1", true) == 120 + extra, "g-1 has its events");
    check(read_stream(&engine, "g-2", false) == 1, "g-2 was begun anew");
    check(fct_engine_read(&engine, &gone, false, &reader, &err) == FACTUM_STREAM_DELETED,
          "g-3 is gone for ever");
    data_of(data, 7);
    check(append(&engine, "g-1", data, "key-7").already, "the key is known");
    must(engine.ops->upkeep->verify(engine.self, NULL, &report, &err), "verify");
    (void)append(&engine, "g-1", "{}", NULL);
    must(fct_engine_close(&engine, &err), "close");
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--make") == 0) {
        make(argv[2]);
        return 0;
    }
    int first = argc > 1 && strcmp(argv[1], "--anew") == 0 ? 2 : 1;
    for (int i = first; i < argc; i++) {
        char dir[] = "/tmp/factum-golden-XXXXXX";
        char command[4400];
        char path[64];
        check(mkdtemp(dir) != NULL, "mkdtemp");
        (void)snprintf(path, sizeof path, "%s/store", dir);
        (void)snprintf(command, sizeof command, "cp -r '%s' '%s'", argv[i], path);
        check(system(command) == 0, "cp");
        made_anew = false;
        check_store(path, 0);
        check(made_anew == (first == 2), "the index is used, unless its format is an earlier one");
        check_store(path, 1);
        (void)snprintf(command, sizeof command, "rm -r '%s/index'", path);
        check(system(command) == 0, "rm");
        check_store(path, 2);
        (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
        check(system(command) == 0, "rm");
        printf("ok %d - %s is read, appended to, and read without its index\n", i - first + 1,
               strrchr(argv[i], '/') + 1);
    }
    printf("1..%d\n", argc - first);
    return 0;
}
