/* cmd_append.c - factum append: one event, or the events of a file as one commit. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "cli/input.h"
#include "cli/whole_file.h"

#define DATA_SIZE_MAX ((size_t)16 << 20)
#define LINES_MAX 100000 /* as append_events_max in open_store */

static void print_result(const struct options *options, const factum_store *store,
                         const factum_append_result *result, size_t event_count)
{
    if (options->json) {
        (void)printf("{\"revision\":%" PRIu64 ",\"position\":%" PRIu64 ",\"firstPosition\":%" PRIu64
                     ",\"events\":%zu,\"already\":%s,"
                     "\"durability\":\"%s\",",
                     result->revision, result->position, result->first_position, event_count,
                     result->already ? "true" : "false",
                     factum_durability_name(result->durability));
        print_json_token(store, result->position);
        (void)printf("}\n");
    } else if (!options->quiet) {
        if (event_count == 1) {
            (void)printf("revision %" PRIu64, result->revision);
        } else {
            (void)printf("%zu events", event_count);
        }
        (void)printf(", position %" PRIu64 ", durability %s%s\n", result->position,
                     factum_durability_name(result->durability),
                     result->already ? " (already appended: recognised)" : "");
    }
}

static bool set_request(const struct options *options, factum_append_request *request)
{
    request->system = options->system;
    if (options->key != NULL) {
        request->idempotency_key = factum_slice_from(options->key);
        if (options->key[0] == '\0') {
            (void)complain("--key is empty: give a text that names this append");
            return false;
        }
    }
    if (options->durability != NULL) {
        if (strcmp(options->durability, "os") == 0) {
            request->durability = FACTUM_DURABILITY_OS;
        } else if (strcmp(options->durability, "sync") == 0) {
            request->durability = FACTUM_DURABILITY_SYNC;
        } else {
            (void)complain("--durability takes sync or os, not \"%s\"", options->durability);
            return false;
        }
    }
    return true;
}

static int append(const struct options *options, const factum_append_request *request)
{
    factum_store *store;
    factum_error err;
    factum_append_result result;
    int code = open_store(options, true, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_append(store, request, &result, NULL, &err);
    if (status == FACTUM_OK) {
        print_result(options, store, &result, request->event_count);
    } else {
        code = fail_with(status, &err);
    }
    return close_store(store, code);
}

static bool set_event(const struct options *options, factum_slice tags[TAG_OPTIONS_MAX],
                      factum_new_event *event)
{
    for (size_t i = 0; i < options->tag_count; i++) {
        tags[i] = factum_slice_from(options->tags[i]);
    }
    event->stream = factum_slice_from(options->arguments[0]);
    event->type = factum_slice_from(options->arguments[1]);
    event->metadata = factum_slice_from(options->metadata);
    event->tags = tags;
    event->tag_count = options->tag_count;
    static const factum_uuid nil;
    if (options->id != NULL &&
        (factum_uuid_parse(factum_slice_from(options->id), &event->id) != FACTUM_OK ||
         memcmp(&event->id, &nil, sizeof nil) == 0)) {
        (void)complain("--id takes a UUID%s, not \"%s\"",
                       strncmp(options->id, "00000000", 8) == 0 ? " other than the nil one" : "",
                       options->id);
        return false;
    }
    event->has_time = options->time != NULL;
    if (event->has_time && !option_time(options->time, "time", &event->time)) {
        return false;
    }
    factum_error err;
    factum_slice whole;
    if (options->metadata != NULL && factum_json_check(event->metadata, &err) != FACTUM_OK) {
        (void)complain("--metadata is %s", err.text);
        return false;
    }
    if (options->metadata != NULL &&
        (factum_json_member(event->metadata, "", &whole) != FACTUM_OK || whole.ptr[0] != '{')) {
        (void)complain("--metadata takes a JSON object, not \"%s\"", options->metadata);
        return false;
    }
    return true;
}

/* Does the content type mean JSON, by the rule that lines of JSON follow? */
static bool means_json(const char *type)
{
    size_t len = strcspn(type, "; ");
    return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
           (len == 9 && strncasecmp(type, "text/json", len) == 0) ||
           (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

/* DATA must be JSON unless --bytes or --content-type is given: a typing mistake does not become a
 * stored event. */
static bool set_data(const struct options *options, factum_new_event *event)
{
    factum_error err;
    bool given = options->argument_count == 3;
    const char *type = options->content_type;
    bool json = type == NULL ? !options->bytes : means_json(type);
    event->content_type = json ? FACTUM_CONTENT_JSON : FACTUM_CONTENT_BINARY;
    if (type != NULL && strcmp(type, "application/json") != 0 &&
        strcmp(type, "application/octet-stream") != 0) {
        event->media_type = factum_slice_from(type);
    }
    if (type != NULL && type[0] == '\0') {
        (void)complain("--content-type is empty: it takes a media type, as in image/png");
        return false;
    }
    if (options->bytes && type != NULL) {
        (void)complain("--bytes and --content-type exclude each other: data of another type than "
                       "JSON is bytes");
        return false;
    }
    if (given && json && event->data.len == 0) {
        (void)complain("DATA is empty: leave it out for an event without data, or store no bytes "
                       "with --bytes");
        return false;
    }
    if (given && json && factum_json_check(event->data, &err) != FACTUM_OK) {
        (void)complain("DATA is %s; --bytes stores what is not JSON", err.text);
        return false;
    }
    return true;
}

static int append_one(const struct options *options)
{
    factum_new_event event = {.tag_count = 0};
    factum_slice tags[TAG_OPTIONS_MAX];
    factum_expectation expectation;
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
    };
    uint8_t *bytes = NULL;
    if (options->argument_count == 3 && strcmp(options->arguments[2], "-") == 0) {
        int failed = file_read("-", DATA_SIZE_MAX, &bytes, &event.data.len);
        if (failed != 0) {
            return failed;
        }
        event.data.ptr = bytes;
    } else if (options->argument_count == 3) {
        event.data = factum_slice_from(options->arguments[2]);
    }
    expectation.stream = factum_slice_from(options->arguments[0]);
    bool good = set_event(options, tags, &event) && set_data(options, &event) &&
                set_request(options, &request) &&
                option_expected(options->expected, &expectation.expected);
    int code = good ? append(options, &request) : EXIT_USAGE;
    free(bytes);
    return code;
}

/* ---- many events, one commit ----------------------------------------------------------------- */

struct lines {
    factum_new_event *events;
    factum_expectation *expectations;
    /* One for each line: an event borrows from its parser and from its line. */
    factum_ndjson **parsers;
    char **copies;
    factum_slice key; /* of the first line */
    bool lenient;
    size_t count, room;
    size_t expectation_count;
};

static int compare_streams(const void *a, const void *b)
{
    const factum_expectation *x = a;
    const factum_expectation *y = b;
    size_t len = x->stream.len < y->stream.len ? x->stream.len : y->stream.len;
    int order = memcmp(x->stream.ptr, y->stream.ptr, len);
    return order != 0 ? order : (x->stream.len > y->stream.len) - (x->stream.len < y->stream.len);
}

static bool make_room(struct lines *lines)
{
    if (lines->count == LINES_MAX) {
        (void)complain("more than %d lines: append them in several parts, or import them",
                       LINES_MAX);
        return false;
    }
    if (lines->count == lines->room) {
        lines->room = lines->room == 0 ? 64 : lines->room * 2;
        lines->events = realloc(lines->events, lines->room * sizeof *lines->events);
        lines->expectations =
            realloc(lines->expectations, lines->room * sizeof *lines->expectations);
        lines->parsers = realloc(lines->parsers, lines->room * sizeof(factum_ndjson *));
        lines->copies = realloc(lines->copies, lines->room * sizeof(char *));
        if (lines->events == NULL || lines->expectations == NULL || lines->parsers == NULL ||
            lines->copies == NULL) {
            (void)complain("out of memory");
            return false;
        }
    }
    return true;
}

/* All lines are one append, which has one key. */
static bool take_key(struct lines *lines, factum_slice key, factum_error *err)
{
    bool same = same_text(key, lines->key);
    if (lines->count == 0) {
        lines->key = key;
    } else if (key.len > 0 && !same) {
        (void)snprintf(err->text, sizeof err->text,
                       "\"key\" differs from that of the first line: the lines of an append have "
                       "one key; factum import keeps several");
        return false;
    }
    return true;
}

static bool add_line(struct lines *lines, const char *path, factum_slice line, uint64_t number)
{
    if (!make_room(lines)) {
        return false;
    }
    char *copy = malloc(line.len + 1);
    factum_ndjson *parser = factum_ndjson_create();
    factum_error err;
    if (copy == NULL || parser == NULL) {
        (void)complain("out of memory");
        factum_ndjson_destroy(parser);
        free(copy);
        return false;
    }
    memcpy(copy, line.ptr, line.len);
    factum_slice own = {(const uint8_t *)copy, line.len};
    lines->parsers[lines->count] = parser;
    lines->copies[lines->count] = copy;
    factum_ndjson_line parsed = {.size = sizeof parsed, .lenient = lines->lenient};
    if (factum_ndjson_parse_line(parser, own, &parsed, &err) != FACTUM_OK ||
        !take_key(lines, parsed.key, &err)) {
        (void)complain("%s:%" PRIu64 ": %s", input_name(path), number, err.text);
        factum_ndjson_destroy(parser);
        free(copy);
        return false;
    }
    lines->events[lines->count++] = parsed.event;
    return true;
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        factum_ndjson_destroy(lines->parsers[i]);
        free(lines->copies[i]);
    }
    free(lines->events);
    free(lines->expectations);
    free((void *)lines->parsers);
    free((void *)lines->copies);
}

static int append_lines(const struct options *options)
{
    int code;
    struct lines lines = {.lenient = options->lenient};
    factum_slice line;
    uint64_t number = 0;
    struct input *input = input_open(options->lines, &code);
    if (input == NULL) {
        return code;
    }
    int got = 0;
    bool good = true;
    while (good && (got = input_line(input, &line)) > 0) {
        number++;
        if (got == 2) {
            (void)complain("%s:%" PRIu64 ": the line is longer than 16 MiB",
                           input_name(options->lines), number);
            good = false;
        } else {
            good = line.len == 0 || add_line(&lines, options->lines, line, number);
        }
    }
    if (good && got == 0 && lines.count == 0) {
        (void)complain("%s has no events", input_name(options->lines));
        good = false;
    }
    input_close(input);
    factum_append_request request = {
        .size = sizeof request, .events = lines.events, .event_count = lines.count};
    factum_expected expected;
    if (!good || got < 0 || !set_request(options, &request) ||
        !option_expected(options->expected, &expected)) {
        free_lines(&lines);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < lines.count; i++) {
        lines.expectations[i] = (factum_expectation){lines.events[i].stream, expected};
    }
    if (lines.count > 0) {
        qsort(lines.expectations, lines.count, sizeof *lines.expectations, compare_streams);
    }
    for (size_t i = 0; i < lines.count; i++) {
        if (i == 0 || compare_streams(&lines.expectations[i],
                                      &lines.expectations[lines.expectation_count - 1]) != 0) {
            lines.expectations[lines.expectation_count++] = lines.expectations[i];
        }
    }
    if (options->key == NULL) {
        request.idempotency_key = lines.key;
    }
    request.expectations = lines.expectations;
    request.expectation_count = lines.expectation_count;
    code = append(options, &request);
    free_lines(&lines);
    return code;
}

static int run(const struct options *options)
{
    bool one = options->id != NULL || options->time != NULL || options->metadata != NULL ||
               options->tag_count > 0 || options->bytes || options->content_type != NULL;
    if (options->lines != NULL) {
        return options->argument_count > 0 || one
                   ? complain("with --lines, streams, ids, times, metadata, tags and content "
                              "types stand in the lines: leave them out")
                   : append_lines(options);
    }
    if (options->argument_count < 2) {
        return complain("factum append: something is missing; usage: factum %s",
                        command_append.usage);
    }
    return append_one(options);
}

const struct command command_append = {
    .name = "append",
    .usage = "append STREAM TYPE [DATA|-] [options] | append --lines FILE|-",
    .summary = "append an event, or the events of a file as one commit",
    .help =
        "  --expected WHAT    any, no-stream, exists, or the stream's last revision (any)\n"
        "  --key TEXT         idempotency key: a retry with the same content is recognised\n"
        "  --id UUID          the event's id (a new one)\n"
        "  --time TIME        when it happened, if not now\n"
        "  --metadata JSON    metadata; $correlationId in it is indexed\n"
        "  --tag TEXT         a tag; may be given several times\n"
        "  --durability D     sync or os (sync)\n"
        "  --bytes            DATA is stored as it is, whether it is JSON or not\n"
        "  --content-type T   DATA is of another type, such as image/png\n"
        "  --lines FILE       events as lines of JSON (see import), appended all or not at all\n"
        "  --lenient          of lines: ignore unknown members; of equal ones take the last\n"
        "  --system           the stream may be one whose name begins with $\n"
        "  --json             the result as JSON\n",
    .notes = "DATA is JSON, unless --bytes or --content-type says otherwise. \"-\" reads it from\n"
             "standard input.\n",
    .options = "expected key id time metadata tag durability bytes content-type lines lenient "
               "system json ",
    .arguments_max = 3,
    .run = run,
};
