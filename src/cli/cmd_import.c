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
#define BATCH_TEXT_MAX ((size_t)12 << 20)  /* bytes of lines in one commit */
#define PARSER_KEPT_MAX ((size_t)64 << 10) /* a parser of a longer line is not used again */

/* After a line: its number, and the hash of all lines up to it. */
struct place {
    uint64_t line;
    uint64_t hash;
};

struct import {
    const struct options *options;
    factum_store *store;
    struct input *input;
    struct progress progress;
    uint64_t batch_max;
    bool skip_bad;
    uint64_t line_number;
    struct place resume; /* lines up to here are in the store if the hash agrees */
    struct place ended;  /* after a tombstone that no checkpoint covers yet; line 0: none */
    XXH3_state_t *hash;  /* of all lines so far, each with an end */
    char stream[64];     /* of the checkpoint */
    factum_expected checkpoint;
    /* the batch */
    uint8_t *text; /* the lines: events borrow from them */
    size_t text_len, text_room;
    factum_new_event *events;
    struct place *places;    /* one each */
    factum_ndjson **parsers; /* one each, since an event borrows from its own */
    bool *long_lines;        /* has the parser held one? */
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
    import->places = calloc(room, sizeof *import->places);
    import->parsers = calloc(room, sizeof(factum_ndjson *));
    import->long_lines = calloc(room, sizeof *import->long_lines);
    import->expectations = calloc(room, sizeof *import->expectations);
    import->text_room = BATCH_TEXT_MAX + ((size_t)16 << 20);
    import->text = malloc(import->text_room);
    import->hash = XXH3_createState();
    if (import->table == NULL || import->events == NULL || import->places == NULL ||
        import->parsers == NULL || import->long_lines == NULL || import->expectations == NULL ||
        import->text == NULL || import->hash == NULL) {
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
    free(import->places);
    free((void *)import->parsers);
    free(import->long_lines);
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

static void clear_expectations(struct import *import)
{
    for (size_t i = 0; i < import->expectation_count; i++) {
        factum_slice stream = import->expectations[i].stream;
        uint32_t at = (uint32_t)XXH3_64bits(stream.ptr, stream.len) & import->table_mask;
        while (import->table[at] != 0) {
            import->table[at] = 0;
            at = (at + 1) & import->table_mask;
        }
    }
    import->expectation_count = 0;
}

/* Appends |count| events of the batch with the checkpoint |after| them. */
static factum_status append_part(struct import *import, size_t from, size_t count,
                                 struct place after, factum_error *err)
{
    factum_append_result result;
    char data[256];
    int len = snprintf(data, sizeof data, "{\"line\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\"}",
                       after.line, after.hash);
    for (size_t i = 0; i < count; i++) {
        expect(import, import->events[from + i].stream, factum_any());
    }
    factum_new_event moved = import->events[from + count];
    import->events[from + count] = (factum_new_event){
        .stream = factum_slice_from(import->stream),
        .type = factum_slice_from("$imported"),
        .data = {(const uint8_t *)data, (size_t)len},
    };
    expect(import, factum_slice_from(import->stream), import->checkpoint);
    factum_append_request request = {
        .size = sizeof request,
        .events = import->events + from,
        .event_count = count + 1,
        .expectations = import->expectations,
        .expectation_count = import->expectation_count,
        .system = true, /* the checkpoint; add_line has looked at the others */
    };
    factum_status status = factum_append(import->store, &request, &result, NULL, err);
    import->events[from + count] = moved;
    clear_expectations(import);
    if (status == FACTUM_OK) {
        import->imported += count;
        import->ended.line = 0;
        import->checkpoint = factum_at(result.revision);
    }
    return status;
}

/* True if the import goes on. */
static bool bad_line(struct import *import, uint64_t number, const char *text)
{
    progress_clear();
    (void)fprintf(stderr, "factum: line %" PRIu64 ": ", number);
    print_text(stderr, factum_slice_from(text));
    (void)fprintf(stderr, "\n");
    import->skipped++;
    if (import->skip_bad) {
        return true;
    }
    (void)fprintf(stderr,
                  "factum: stopped there, the lines before it are imported; correct it and run "
                  "the same command again, or skip bad lines with --on-error skip\n");
    import->code = EXIT_USAGE;
    return false;
}

/* Is it an event that is at fault, and not the store? */
static bool refuses_event(factum_status status)
{
    return status == FACTUM_INVALID || status == FACTUM_TOO_BIG || status == FACTUM_STREAM_DELETED;
}

/* The import ends with |status| at |line|: what of it is in the store? */
static void say_where_it_ended(factum_status status, uint64_t line)
{
    if (status == FACTUM_UNKNOWN_OUTCOME) { /* the checkpoint is in the same append */
        (void)fprintf(stderr,
                      "factum: it is not known whether the lines from %" PRIu64
                      " on were imported; run the same command again: it goes on after those that "
                      "were\n",
                      line);
        return;
    }
    (void)fprintf(stderr,
                  "factum: nothing from line %" PRIu64
                  " on was imported; run the same command again to go on from there\n",
                  line);
}

/* Commits the batch. If it is refused, its halves, so that the event at fault is found. */
static bool commit(struct import *import)
{
    factum_error err;
    bool good = true;
    size_t from = 0;
    size_t count = import->count;
    while (good && from < import->count) {
        factum_status status =
            append_part(import, from, count, import->places[from + count - 1], &err);
        if (status == FACTUM_OK) {
            from += count;
            count = import->count - from;
        } else if (refuses_event(status) && count > 1) {
            count /= 2;
        } else if (refuses_event(status)) {
            good = bad_line(import, import->places[from].line, err.text);
            from++;
            count = import->count - from;
        } else {
            import->code = fail_with(status, &err);
            say_where_it_ended(status, import->places[from].line);
            good = false;
        }
    }
    import->count = 0;
    import->text_len = 0;
    return good;
}

/* Commits what is left, and the checkpoint after a tombstone. */
static void commit_rest(struct import *import)
{
    factum_error err;
    if (commit(import) && import->ended.line != 0) {
        factum_status status = append_part(import, 0, 0, import->ended, &err);
        if (status != FACTUM_OK) {
            import->code = fail_with(status, &err);
        }
    }
}

/* A tombstone in an export ends its stream again. Until the next checkpoint it may be repeated. */
static bool import_tombstone(struct import *import, factum_slice stream)
{
    factum_error err;
    if (!commit(import)) {
        return false;
    }
    factum_status status = factum_tombstone(import->store, stream, factum_any(), NULL, &err);
    if (refuses_event(status) && status != FACTUM_STREAM_DELETED) {
        return bad_line(import, import->line_number, err.text);
    }
    if (status != FACTUM_OK && status != FACTUM_STREAM_DELETED) {
        import->code = fail_with(status, &err);
        return false;
    }
    import->ended = (struct place){import->line_number, (uint64_t)XXH3_64bits_digest(import->hash)};
    import->imported++;
    return true;
}

/* A parser for the next event: its own, since an event borrows from it until the batch is
 * committed. */
static factum_ndjson *parser_for(struct import *import, factum_slice line)
{
    factum_ndjson **parser = &import->parsers[import->count];
    if (*parser == NULL || line.len > PARSER_KEPT_MAX || import->long_lines[import->count]) {
        factum_ndjson_destroy(*parser);
        *parser = factum_ndjson_create();
    }
    import->long_lines[import->count] = line.len > PARSER_KEPT_MAX;
    return *parser;
}

static bool add_line(struct import *import, factum_slice line)
{
    factum_error err;
    uint8_t *copy = import->text + import->text_len;
    memcpy(copy, line.ptr, line.len);
    factum_ndjson *parser = parser_for(import, line);
    if (parser == NULL) {
        import->code = EXIT_FAILURE_;
        (void)complain("out of memory");
        return false;
    }
    factum_new_event *event = &import->events[import->count];
    factum_slice own = {copy, line.len};
    if (factum_ndjson_parse(parser, own, event, &err) != FACTUM_OK) {
        return bad_line(import, import->line_number, err.text);
    }
    if (same(event->type, factum_slice_from("$streamDeleted"))) {
        return import_tombstone(import, event->stream);
    }
    if (event->stream.ptr[0] == '$' && (event->stream.len < 2 || event->stream.ptr[1] != '$') &&
        !import->options->system) {
        return bad_line(import, import->line_number,
                        "names of streams that begin with $ are kept for the system; --system "
                        "imports them");
    }
    import->text_len += line.len;
    import->places[import->count++] =
        (struct place){import->line_number, (uint64_t)XXH3_64bits_digest(import->hash)};
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
    import->checkpoint = factum_no_stream();
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
        import->checkpoint = factum_at(event.revision);
        if (!import->options->again &&
            factum_json_member(event.data, "line", &value) == FACTUM_OK &&
            factum_json_int64(value, &line) == FACTUM_OK &&
            factum_json_member(event.data, "hash", &value) == FACTUM_OK &&
            factum_json_text(value, hash, sizeof hash) == FACTUM_OK) {
            import->resume = (struct place){(uint64_t)line, strtoull(hash, NULL, 16)};
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
    progress_clear();
    if (XXH3_64bits_digest(import->hash) == import->resume.hash) {
        if (!import->options->quiet) {
            (void)fprintf(stderr,
                          "factum: lines 1 to %" PRIu64 " were imported before: going on after "
                          "them (--again imports them once more)\n",
                          import->resume.line);
        }
        return true;
    }
    (void)fprintf(stderr,
                  "factum: an import that began with the same line was made before, but the "
                  "first %" PRIu64 " lines differ: nothing was imported; --again imports all of "
                  "it\n",
                  import->resume.line);
    import->code = EXIT_REFUSED;
    return false;
}

static bool take_line(struct import *import, factum_slice line, bool cut)
{
    import->line_number++;
    if (import->line_number == 1 && !find_checkpoint(import, line)) {
        return false;
    }
    (void)XXH3_64bits_update(import->hash, line.ptr, line.len);
    (void)XXH3_64bits_update(import->hash, "\n", 1);
    if (import->line_number <= import->resume.line) {
        return import->line_number < import->resume.line || check_resumed(import);
    }
    if (cut) {
        return bad_line(import, import->line_number, "the line is longer than 16 MiB");
    }
    if (line.len > 0 && !add_line(import, line)) {
        return false;
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
    while (good && !interrupted && (got = input_line(import->input, &line)) > 0) {
        good = take_line(import, line, got == 2);
        if (import->line_number % 256 == 0) {
            uint64_t done;
            uint64_t total;
            input_place(import->input, &done, &total);
            import->progress.items = import->imported;
            if (import->line_number <= import->resume.line) {
                progress_skip(&import->progress, done);
            }
            progress_step(&import->progress, done, total);
        }
    }
    if (got < 0 && import->code == 0) {
        import->code = EXIT_FAILURE_;
    }
    bool stopped_at_line = !good && import->code == EXIT_USAGE;
    if (good || stopped_at_line) {
        commit_rest(import);
    }
    if (good && import->line_number < import->resume.line && import->code == 0) {
        (void)check_resumed(import);
    }
    if (interrupted && import->code == 0) {
        progress_clear();
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
        (void)printf("%s event%s imported in %.2f s (%s/s)", events,
                     import->imported == 1 ? "" : "s", seconds, rate);
        if (import->skipped > 0) {
            (void)printf(", %" PRIu64 " bad line%s", import->skipped,
                         import->skipped == 1 ? "" : "s");
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
        progress_begin(&import.progress, "import", options->quiet);
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
            "  --system           streams whose name begins with $ too\n"
            "  --json             the figures as JSON\n",
    .notes = "A line: {\"stream\":\"order-1\",\"type\":\"OrderPlaced\",\"data\":{...}} and "
             "optionally id, time,\n"
             "metadata, tags, contentType; other members are ignored. An interrupted import goes "
             "on where it was when it is "
             "run again.\n",
    .options = "batch on-error again system json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
