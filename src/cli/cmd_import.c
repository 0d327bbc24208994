/* cmd_import.c - factum import: lines of JSON into streams. Layer: cli.
 *
 * A batch of lines is one commit; with it goes an event that says how far the source has been
 * imported: stream "$import-<hash of the first line>", type "$imported", data
 * {"source","line","hash"}, where hash is that of all bytes up to that line. A second run reads
 * that event, walks over the lines before it, and goes on if the bytes are the same: no line is
 * lost or imported twice, whatever the batch size, however it was interrupted. The checkpoint's
 * expected revision keeps two imports of one source apart.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cli/cli.h"

#define BATCH_MAX 50000u
#define BATCH_TEXT_MAX ((size_t)12 << 20) /* bytes of lines in one commit */

struct import {
    const struct options *options;
    factum_store *store;
    struct input *input;
    struct progress progress;
    uint64_t batch_max;
    bool skip_bad;
    uint64_t line_number;
    uint64_t resume_line; /* lines up to here are in the store if the hash agrees */
    uint64_t resume_hash;
    XXH3_state_t *hash; /* of all lines so far, each with an end */
    char stream[64];    /* of the checkpoint */
    factum_expected checkpoint;
    /* the batch */
    uint8_t *text; /* the lines: events borrow from them */
    size_t text_len, text_room;
    factum_new_event *events;
    factum_ndjson **parsers; /* one each, since an event borrows from its own */
    factum_expectation *expectations;
    uint32_t *table; /* expectation + 1 by hash of the stream */
    uint32_t table_mask;
    size_t count, expectation_count;
    uint64_t imported, skipped;
    int code;
};

static bool reserve(struct import *import)
{
    size_t room = (size_t)import->batch_max + 2;
    size_t table = 4;
    while (table < room * 2) {
        table *= 2;
    }
    import->table_mask = (uint32_t)(table - 1);
    import->table = calloc(table, sizeof *import->table);
    import->events = calloc(room, sizeof *import->events);
    import->parsers = calloc(room, sizeof(factum_ndjson *));
    import->expectations = calloc(room, sizeof *import->expectations);
    import->text_room = BATCH_TEXT_MAX + ((size_t)16 << 20);
    import->text = malloc(import->text_room);
    import->hash = XXH3_createState();
    if (import->table == NULL || import->events == NULL || import->parsers == NULL ||
        import->expectations == NULL || import->text == NULL || import->hash == NULL) {
        (void)complain("out of memory");
        return false;
    }
    (void)XXH3_64bits_reset(import->hash);
    return true;
}

static void release(struct import *import)
{
    for (size_t i = 0; import->parsers != NULL && i < import->batch_max + 2; i++) {
        factum_ndjson_destroy(import->parsers[i]);
    }
    free(import->table);
    free(import->events);
    free(import->parsers);
    free(import->expectations);
    free(import->text);
    (void)XXH3_freeState(import->hash);
}

static bool same(factum_slice a, factum_slice b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static void expect(struct import *import, factum_slice stream, factum_expected expected)
{
    uint32_t at = (uint32_t)XXH3_64bits(stream.ptr, stream.len) & import->table_mask;
    while (import->table[at] != 0) {
        if (same(import->expectations[import->table[at] - 1].stream, stream)) {
            return;
        }
        at = (at + 1) & import->table_mask;
    }
    import->expectations[import->expectation_count] = (factum_expectation){stream, expected};
    import->table[at] = (uint32_t)++import->expectation_count;
}

static void clear_batch(struct import *import)
{
    for (size_t i = 0; i < import->expectation_count; i++) {
        factum_slice stream = import->expectations[i].stream;
        uint32_t at = (uint32_t)XXH3_64bits(stream.ptr, stream.len) & import->table_mask;
        while (import->table[at] != 0) {
            import->table[at] = 0;
            at = (at + 1) & import->table_mask;
        }
    }
    import->count = 0;
    import->expectation_count = 0;
    import->text_len = 0;
}

/* Commits the batch with the checkpoint. */
static bool commit(struct import *import)
{
    factum_error err;
    factum_append_result result;
    char data[256];
    int len = snprintf(data, sizeof data, "{\"line\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\"}",
                       import->line_number, (uint64_t)XXH3_64bits_digest(import->hash));
    factum_slice stream = factum_slice_from(import->stream);
    import->events[import->count] = (factum_new_event){
        .stream = stream,
        .type = factum_slice_from("$imported"),
        .data = {(const uint8_t *)data, (size_t)len},
    };
    expect(import, stream, import->checkpoint);
    factum_append_request request = {
        .size = sizeof request,
        .events = import->events,
        .event_count = import->count + 1,
        .expectations = import->expectations,
        .expectation_count = import->expectation_count,
    };
    factum_status status = factum_append(import->store, &request, &result, NULL, &err);
    if (status == FACTUM_OK) {
        import->imported += import->count;
        import->checkpoint =
            (factum_expected){.kind = FACTUM_EXPECTED_REVISION, .revision = result.revision};
        clear_batch(import);
        return true;
    }
    import->code = fail_with(status, &err);
    (void)fprintf(stderr,
                  "factum: nothing of lines %" PRIu64 " to %" PRIu64
                  " was imported; run the same command again to go on from there\n",
                  import->line_number - import->count + 1, import->line_number);
    return false;
}

/* A tombstone in an export ends its stream again. */
static bool import_tombstone(struct import *import, factum_slice stream)
{
    factum_error err;
    factum_expected any = {.kind = FACTUM_EXPECTED_ANY};
    if (!commit(import)) {
        return false;
    }
    factum_status status = factum_tombstone(import->store, stream, any, NULL, &err);
    if (status != FACTUM_OK && status != FACTUM_STREAM_DELETED) {
        import->code = fail_with(status, &err);
        return false;
    }
    import->imported++;
    return true;
}

static bool bad_line(struct import *import, const char *text)
{
    (void)fprintf(stderr, "factum: line %" PRIu64 ": %s\n", import->line_number, text);
    import->skipped++;
    if (import->skip_bad) {
        return true;
    }
    (void)fprintf(stderr, "factum: stopped there; --on-error skip goes on after bad lines\n");
    import->code = EXIT_USAGE;
    import->line_number--; /* what came before it is still committed */
    return false;
}

static bool add_line(struct import *import, factum_slice line)
{
    factum_error err;
    uint8_t *copy = import->text + import->text_len;
    memcpy(copy, line.ptr, line.len);
    factum_ndjson **parser = &import->parsers[import->count];
    if (*parser == NULL) {
        *parser = factum_ndjson_create();
    }
    if (*parser == NULL) {
        import->code = EXIT_FAILURE_;
        return false;
    }
    factum_new_event *event = &import->events[import->count];
    factum_slice own = {copy, line.len};
    if (factum_ndjson_parse(*parser, own, event, &err) != FACTUM_OK) {
        return bad_line(import, err.text);
    }
    if (same(event->type, factum_slice_from("$streamDeleted"))) {
        return import_tombstone(import, event->stream);
    }
    import->text_len += line.len;
    import->count++;
    expect(import, event->stream, (factum_expected){.kind = FACTUM_EXPECTED_ANY});
    return true;
}

/* ---- going on where an earlier run ended ----------------------------------------------------- */

static bool find_checkpoint(struct import *import, factum_slice first_line)
{
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    factum_slice value;
    char hash[32];
    int64_t line;
    (void)snprintf(import->stream, sizeof import->stream, "$import-%016" PRIx64,
                   (uint64_t)XXH3_64bits(first_line.ptr, first_line.len));
    import->checkpoint.kind = FACTUM_EXPECTED_NO_STREAM;
    factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = factum_slice_from(import->stream),
        .backwards = true,
        .count_max = 1,
    };
    factum_status status = factum_read(import->store, &request, &cursor, &err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return true;
    }
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, &err);
    }
    if (status == FACTUM_OK) {
        import->checkpoint =
            (factum_expected){.kind = FACTUM_EXPECTED_REVISION, .revision = event.revision};
        if (!import->options->again &&
            factum_json_member(event.data, "line", &value) == FACTUM_OK &&
            factum_json_int64(value, &line) == FACTUM_OK &&
            factum_json_member(event.data, "hash", &value) == FACTUM_OK &&
            factum_json_text(value, hash, sizeof hash) == FACTUM_OK) {
            import->resume_line = (uint64_t)line;
            import->resume_hash = strtoull(hash, NULL, 16);
        }
    }
    factum_cursor_close(cursor);
    if (status < 0) {
        import->code = fail_with(status, &err);
        return false;
    }
    return true;
}

/* At the line that the checkpoint names: is it the same source? */
static bool check_resumed(struct import *import)
{
    if (XXH3_64bits_digest(import->hash) == import->resume_hash) {
        if (!import->options->quiet) {
            (void)fprintf(stderr,
                          "factum: lines 1 to %" PRIu64 " were imported before: going on after "
                          "them (--again imports them anew)\n",
                          import->resume_line);
        }
        return true;
    }
    (void)fprintf(stderr,
                  "factum: an import that began with the same line was made before, but the "
                  "first %" PRIu64 " lines differ: nothing was imported; --again imports all of "
                  "it\n",
                  import->resume_line);
    import->code = EXIT_REFUSED;
    return false;
}

static bool take_line(struct import *import, factum_slice line)
{
    import->line_number++;
    if (import->line_number == 1 && !find_checkpoint(import, line)) {
        return false;
    }
    bool before = import->line_number <= import->resume_line;
    if (line.len > ((size_t)16 << 20)) {
        return bad_line(import, "the line is longer than 16 MiB");
    }
    if (!before && line.len > 0 && !add_line(import, line)) {
        return false;
    }
    (void)XXH3_64bits_update(import->hash, line.ptr, line.len);
    (void)XXH3_64bits_update(import->hash, "\n", 1);
    if (import->line_number == import->resume_line) {
        return check_resumed(import);
    }
    if (import->count >= import->batch_max || import->text_len >= BATCH_TEXT_MAX) {
        return commit(import);
    }
    return true;
}

static void import_lines(struct import *import)
{
    factum_slice line;
    int got = 1;
    bool good = true;
    while (good && !interrupted && (got = input_line(import->input, &line)) == 1) {
        good = take_line(import, line);
        if (import->line_number % 4096 == 0) {
            uint64_t done;
            uint64_t total;
            input_place(import->input, &done, &total);
            progress_step(&import->progress, done, total);
        }
    }
    if (got < 0 && import->code == 0) {
        import->code = EXIT_FAILURE_;
    }
    bool stopped_at_line = !good && import->code == EXIT_USAGE;
    if ((good || stopped_at_line) && import->count > 0) {
        int code = import->code;
        (void)commit(import);
        import->code = import->code == 0 ? code : import->code;
    }
    if (good && import->line_number < import->resume_line && import->code == 0) {
        (void)check_resumed(import);
    }
    if (interrupted && import->code == 0) {
        (void)fprintf(stderr,
                      "factum: stopped after line %" PRIu64
                      "; run the same command again to go on from there\n",
                      import->line_number);
        import->code = EXIT_INTERRUPTED;
    }
}

static void print_summary(struct import *import)
{
    double seconds = seconds_now() - import->progress.started;
    char events[32];
    char rate[32];
    format_count(import->imported, events);
    format_count((uint64_t)((double)import->imported / (seconds > 0 ? seconds : 1)), rate);
    progress_end(&import->progress);
    if (import->options->json) {
        (void)printf("{\"events\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"badLines\":%" PRIu64
                     ",\"seconds\":%.3f}\n",
                     import->imported, import->line_number, import->skipped, seconds);
    } else if (!import->options->quiet) {
        (void)printf("%s events imported in %.2f s (%s/s)", events, seconds, rate);
        if (import->skipped > 0) {
            (void)printf(", %" PRIu64 " bad lines", import->skipped);
        }
        (void)printf("\n");
    }
}

static int run(const struct options *options)
{
    struct import import = {.options = options, .batch_max = 1000};
    const char *on_error = options->on_error == NULL ? "stop" : options->on_error;
    import.skip_bad = strcmp(on_error, "skip") == 0;
    if (!import.skip_bad && strcmp(on_error, "stop") != 0) {
        return complain("--on-error takes stop or skip, not \"%s\"", on_error);
    }
    if (options->batch != NULL && !option_number(options->batch, "batch", &import.batch_max)) {
        return EXIT_USAGE;
    }
    if (import.batch_max == 0 || import.batch_max > BATCH_MAX) {
        return complain("--batch takes 1 to %u", BATCH_MAX);
    }
    import.input = input_open(options->arguments[0], &import.code);
    if (import.input == NULL) {
        return import.code;
    }
    import.code = open_store(options, true, &import.store);
    if (import.code == 0) {
        progress_begin(&import.progress, "import", NULL, options->quiet);
        if (reserve(&import)) {
            import_lines(&import);
            print_summary(&import);
        } else {
            import.code = EXIT_FAILURE_;
        }
        release(&import);
        import.code = close_store(import.store, import.code);
    }
    input_close(import.input);
    return import.code;
}

const struct command command_import = {
    .name = "import",
    .usage = "import FILE|- [options]",
    .summary = "import events from lines of JSON, also .gz and .zst",
    .help = "  --batch N          events in one commit (default 1000)\n"
            "  --on-error WHAT    stop at a bad line (default), or skip it\n"
            "  --again            import again what an earlier run has imported\n"
            "  --json             the figures as JSON\n"
            "A line: {\"stream\":\"order-1\",\"type\":\"OrderPlaced\",\"data\":{...}} and "
            "optionally id, time,\n"
            "metadata, tags, contentType. An interrupted import goes on where it was when it is "
            "run again.\n",
    .options = "batch on-error again json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
