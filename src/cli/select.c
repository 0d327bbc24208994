/* select.c - which events a command selects: --category, --from, --at and so on. Layer: cli. */
#include <string.h>

#include "cli/cli.h"

static bool set_source(const struct options *options, factum_read_request *request)
{
    const char *names[] = {
        options->argument_count > 0 ? options->arguments[0] : NULL,
        options->category,
        options->type,
        options->correlation,
        options->tag,
    };
    int chosen = options->all ? 1 : 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] != NULL) {
            request->source = (factum_source)(FACTUM_SOURCE_STREAM + i);
            request->name = factum_slice_from(names[i]);
            chosen++;
        }
    }
    if (chosen > 1) {
        (void)complain("choose one: a stream, --all, --category, --type, --correlation or --tag");
        return false;
    }
    return true;
}

static bool set_start(const struct options *options, factum_read_request *request)
{
    int starts =
        (options->from != NULL) + (options->from_position != NULL) + (options->after != NULL);
    if (starts > 1) {
        (void)complain("--from, --from-position and --after exclude each other");
        return false;
    }
    if (options->from != NULL && strcmp(options->from, "end") == 0) {
        request->from = FACTUM_FROM_END;
        return true;
    }
    if (options->from != NULL && strcmp(options->from, "start") != 0) {
        if (request->source == FACTUM_SOURCE_ALL) {
            (void)complain("the whole log has positions, no revisions: use --from-position");
            return false;
        }
        request->from = FACTUM_FROM_REVISION;
        return option_number(options->from, "from", &request->from_value);
    }
    if (options->from_position != NULL) {
        request->from = FACTUM_FROM_POSITION;
        return option_number(options->from_position, "from-position", &request->from_value);
    }
    return true;
}

static bool select_events(const struct options *options, factum_read_request *request)
{
    *request = (factum_read_request){
        .size = sizeof *request,
        .backwards = options->backwards,
        .skip_system = options->skip_system,
    };
    if (!set_source(options, request) || !set_start(options, request)) {
        return false;
    }
    if (options->count != NULL && !option_count(options->count, "count", &request->count_max)) {
        return false;
    }
    if (options->at != NULL) {
        request->until_created_set = true;
        if (!option_time(options->at, "at", &request->until_created)) {
            return false;
        }
    }
    if (options->time_at != NULL) {
        request->until_time_set = true;
        if (!option_time(options->time_at, "time-at", &request->until_time)) {
            return false;
        }
    }
    if (options->revision != NULL) {
        request->until_revision_set = true;
        return option_number(options->revision, "revision", &request->until_revision);
    }
    return true;
}

int option_token(const factum_store *store, const char *text, uint64_t *place)
{
    factum_error err;
    factum_status status = factum_token_parse(store, factum_slice_from(text), place, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

int open_selection(const struct options *options, factum_store **store,
                   factum_read_request *request)
{
    if (!select_events(options, request)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, store);
    if (code != 0 || options->after == NULL) {
        return code;
    }
    request->from = FACTUM_FROM_AFTER;
    code = option_token(*store, options->after, &request->from_value);
    return code == 0 ? 0 : close_store(*store, code);
}
