/* cmd_streams.c - factum delete and factum metadata: acts on a whole stream. Layer: cli. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static int run_delete(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_append_result result;
    factum_expected expected;
    if (!option_expected(options->expected, &expected)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_slice stream = factum_slice_from(options->arguments[0]);
    factum_status status = options->tombstone
                               ? factum_tombstone(store, stream, expected, &result, &err)
                               : factum_delete(store, stream, expected, &result, &err);
    if (status == FACTUM_WRONG_REVISION && expected.kind == FACTUM_EXPECTED_ANY &&
        result.actual_state == FACTUM_STREAM_ABSENT) {
        (void)complain("no stream %s: there is nothing to delete", options->arguments[0]);
        code = EXIT_NOT_FOUND;
    } else if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else if (options->json) {
        (void)printf("{\"position\":%" PRIu64 ",\"tombstone\":%s,", result.position,
                     options->tombstone ? "true" : "false");
        print_json_token(store, result.position);
        (void)printf("}\n");
    } else if (!options->quiet) {
        (void)printf("%s, position %" PRIu64 "\n",
                     options->tombstone ? "ended for ever" : "deleted; an append begins it again",
                     result.position);
    }
    return close_store(store, code);
}

const struct command command_delete = {
    .name = "delete",
    .usage = "delete STREAM [options]",
    .summary = "delete a stream; its events stay in the log",
    .help = "  --expected WHAT    any, no-stream, exists, or the stream's last revision (any)\n"
            "  --tombstone        for ever: the name cannot be used again\n"
            "  --json             the result as JSON\n",
    .options = "expected tombstone json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_delete,
};

/* ---- metadata -------------------------------------------------------------------------------- */

static int show_metadata(factum_store *store, factum_slice stream)
{
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    char name[FACTUM_NAME_SIZE_MAX + 3] = "$$";
    if (stream.len > FACTUM_NAME_SIZE_MAX) {
        return complain("the name is too long");
    }
    memcpy(name + 2, stream.ptr, stream.len);
    factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = {(const uint8_t *)name, stream.len + 2},
        .backwards = true,
        .count_max = 1,
    };
    factum_status status = factum_read(store, &request, &cursor, &err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        (void)printf("{}\n");
        return 0;
    }
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, &err);
    }
    if (status == FACTUM_OK) {
        print_json(stdout, event.data);
        (void)printf("\n");
    }
    factum_cursor_close(cursor);
    return status < 0 ? fail_with(status, &err) : 0;
}

static int run_metadata(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_append_result result;
    factum_expected expected;
    bool set = strcmp(options->arguments[0], "set") == 0;
    if (!set && strcmp(options->arguments[0], "get") != 0) {
        return complain("usage: factum %s", command_metadata.usage);
    }
    if (set != (options->argument_count == 3) || !option_expected(options->expected, &expected)) {
        return complain("usage: factum %s", command_metadata.usage);
    }
    int code = open_store(options, set, &store);
    if (code != 0) {
        return code;
    }
    factum_slice stream = factum_slice_from(options->arguments[1]);
    if (!set) {
        return close_store(store, show_metadata(store, stream));
    }
    factum_status status = factum_metadata_set(
        store, stream, expected, factum_slice_from(options->arguments[2]), &result, &err);
    if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else if (options->json) {
        (void)printf("{\"revision\":%" PRIu64 ",\"position\":%" PRIu64 ",", result.revision,
                     result.position);
        print_json_token(store, result.position);
        (void)printf("}\n");
    } else if (!options->quiet) {
        (void)printf("metadata revision %" PRIu64 "\n", result.revision);
    }
    return close_store(store, code);
}

const struct command command_metadata = {
    .name = "metadata",
    .usage = "metadata get STREAM | metadata set STREAM JSON",
    .summary = "show or replace a stream's metadata",
    .help = "  --expected WHAT    with set: what is expected of the metadata's own revision\n"
            "  --json             the result as JSON\n",
    .notes =
        "$maxCount: only the last n events are read; $maxAge: only those of the last n seconds;\n"
        "$tb: only those from revision n on; it is kept unless JSON has one. Other members are "
        "yours.\n",
    .options = "expected json ",
    .arguments_min = 2,
    .arguments_max = 3,
    .run = run_metadata,
};
