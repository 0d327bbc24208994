/* cmd_command.c - factum command: a script decides a command, and its events are appended.
 * Layer: cli. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/script.h"
#include "cli/whole_file.h"

#define COMMAND_DATA_MAX ((size_t)16 << 20)

/* A random id, for a command without --key. */
static bool make_id(char text[FACTUM_UUID_TEXT_SIZE])
{
    factum_uuid id;
    ssize_t got;
    do {
        got = getrandom(id.bytes, sizeof id.bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof id.bytes) {
        return false;
    }
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40); /* version 4 */
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    factum_uuid_format(id, text);
    return true;
}

static void print_key(const char *name, const char *key)
{
    (void)printf("%s", name);
    print_json_text(stdout, factum_slice_from(key));
}

static int print_json_result(const factum_store *store, const factum_result *result,
                             const char *key)
{
    switch (result->verdict) {
    case FACTUM_ACCEPTED:
        (void)printf("{\"verdict\":\"accepted\",\"count\":%" PRIu64 ",\"revision\":%" PRIu64
                     ",\"position\":%" PRIu64 ",\"already\":%s,",
                     result->event_count, result->revision, result->position,
                     result->already ? "true" : "false");
        break;
    case FACTUM_NOOP:
        (void)printf("{\"verdict\":\"nothing\",");
        break;
    case FACTUM_REJECTED:
        (void)printf("{\"verdict\":\"rejected\",");
        print_key("\"code\":", result->code);
        print_key(",\"text\":", result->text);
        (void)printf(",");
        break;
    }
    print_key("\"key\":", key);
    (void)printf(",");
    print_json_token(store, result->place);
    (void)printf("}\n");
    return result->verdict == FACTUM_REJECTED ? EXIT_REJECTED : 0;
}

static int print_result(const struct options *options, const factum_store *store,
                        const factum_result *result, const char *key)
{
    if (options->json) {
        return print_json_result(store, result, key);
    }
    if (result->verdict == FACTUM_REJECTED) {
        (void)fputs("factum: rejected: ", stderr);
        print_text(stderr, factum_slice_from(result->code));
        if (result->text[0] != '\0') {
            (void)fputs(": ", stderr);
            print_text(stderr, factum_slice_from(result->text));
        }
        (void)fputc('\n', stderr);
        return EXIT_REJECTED;
    }
    if (!options->quiet && result->verdict == FACTUM_NOOP) {
        (void)printf("nothing to do\n");
    } else if (!options->quiet) {
        char events[64];
        format_things(result->event_count, "event", "events", events);
        (void)printf("%s, revision %" PRIu64 ", position %" PRIu64 ", key ", events,
                     result->revision, result->position);
        print_text(stdout, factum_slice_from(key));
        (void)printf("%s\n", result->already ? " (already accepted: the first answer)" : "");
    }
    return 0;
}

struct sending {
    const struct options *options;
    const factum_script_decider *decider;
    factum_slice data;
    char stream[FACTUM_NAME_SIZE_MAX + 1];
    char key[FACTUM_NAME_SIZE_MAX + 1];
};

static int send_command(const struct sending *sending, factum_store *store)
{
    const struct options *options = sending->options;
    factum_error err;
    factum_result result;
    bool over_query = factum_script_has_query(sending->decider);
    factum_stream_info info = {.size = sizeof info};
    const factum_script_command command = {
        .size = sizeof command,
        .decider = sending->decider,
        .name = factum_slice_from(options->arguments[2]),
        .id = factum_slice_from(options->arguments[1]),
        .data = sending->data,
        .time = factum_now(store),
        .stream = factum_slice_from(sending->stream),
    };
    const factum_transact_request request = {
        .size = sizeof request,
        .stream = over_query ? factum_slice_from(NULL) : command.stream,
        .command = &command,
        .command_id = factum_slice_from(sending->key),
        .correlation_id = factum_slice_from(options->correlation),
        .traceparent = factum_slice_from(options->traceparent),
    };
    /* A bad name is the caller's mistake; a later INVALID comes from the script. */
    factum_status status = factum_stream_info_get(store, command.stream, &info, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    status = factum_transact(store, factum_script_decider_get(sending->decider), &request, &result,
                             &err);
    if (status != FACTUM_OK) {
        int code = fail_with_script(status, &err);
        if (code == EXIT_UNKNOWN) {
            (void)fprintf(stderr, "factum: send it again with --key %s\n", sending->key);
        }
        return code;
    }
    return print_result(options, store, &result, sending->key);
}

/* --data JSON, @FILE or -; *bytes is to be freed. */
static int get_data(const struct options *options, uint8_t **bytes, factum_slice *data)
{
    factum_error err;
    const char *given = options->data == NULL ? "{}" : options->data;
    *data = factum_slice_from(given);
    if (given[0] == '@' || strcmp(given, "-") == 0) {
        const char *path = given[0] == '@' ? given + 1 : given;
        int code = file_read(path, COMMAND_DATA_MAX, bytes, &data->len);
        if (code != 0) {
            return code;
        }
        data->ptr = *bytes;
    }
    if (factum_json_check(*data, &err) != FACTUM_OK) {
        return complain("--data is %s", err.text);
    }
    return 0;
}

static int name_it(struct sending *sending)
{
    const struct options *options = sending->options;
    int len = snprintf(sending->stream, sizeof sending->stream, "%s-%s", options->arguments[0],
                       options->arguments[1]);
    if (options->arguments[0][0] == '\0' || strchr(options->arguments[0], '-') != NULL) {
        return complain("CATEGORY is a name without '-', not \"%s\"", options->arguments[0]);
    }
    if (options->arguments[1][0] == '\0' || len < 0 || (size_t)len >= sizeof sending->stream) {
        return complain("CATEGORY-ID is the name of a stream, at most %d bytes",
                        FACTUM_NAME_SIZE_MAX);
    }
    if (options->key == NULL) {
        if (!make_id(sending->key)) {
            (void)complain("no random bytes for a key: give one with --key");
            return EXIT_FAILURE_;
        }
    } else if (options->key[0] == '\0' || strlen(options->key) > FACTUM_NAME_SIZE_MAX) {
        return complain("--key takes a text of 1 to %d bytes that names this command",
                        FACTUM_NAME_SIZE_MAX);
    } else {
        (void)snprintf(sending->key, sizeof sending->key, "%s", options->key);
    }
    return 0;
}

static int run_command(const struct options *options)
{
    struct sending sending = {.options = options};
    factum_script_decider *decider = NULL;
    factum_store *store;
    uint8_t *bytes = NULL;
    int code = name_it(&sending);
    if (code == 0) {
        code = get_data(options, &bytes, &sending.data);
    }
    if (code == 0) {
        code = open_store_and_decider(options, true, options->arguments[0], &store, &decider);
    }
    if (code == 0) {
        sending.decider = decider;
        code = close_store(store, send_command(&sending, store));
    }
    factum_script_decider_close(decider);
    free(bytes);
    return code;
}

const struct command command_command = {
    .name = "command",
    .usage = "command CATEGORY ID NAME [options]",
    .summary = "decide a command, and append the events that follow",
    .help = "  --decider FILE     the script in Lua that decides (the deployed decider of the "
            "category)\n"
            "  --data JSON        the command's data; @FILE, or - for standard input\n"
            "  --key TEXT         names the command for ever: sent again, it counts once\n"
            "  --correlation ID   the flow that it belongs to (default: the key)\n"
            "  --traceparent TEXT the trace that it belongs to (W3C)\n"
            "  --json             the outcome as JSON\n",
    .notes = "The stream is CATEGORY-ID. The exit status is 8 if the command is rejected, and 7 if "
             "the\nscript fails; nothing is written then. Without --key a new one is generated and "
             "printed.\n",
    .options = "decider data key correlation traceparent json ",
    .arguments_min = 3,
    .arguments_max = 3,
    .run = run_command,
};
