/* cmd_export.c - factum export: events as lines of JSON. Layer: cli. */
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"

static bool wanted(const factum_event *event)
{
    static const char checkpoint[] = "$import-";
    size_t len = sizeof checkpoint - 1;
    return event->stream.len < len || memcmp(event->stream.ptr, checkpoint, len) != 0;
}

/* |request| selects all wanted events; --count limits the printed lines. */
static int export_events(factum_store *store, const factum_read_request *request,
                         uint64_t count_max, struct progress *progress)
{
    factum_error err;
    factum_event event;
    factum_cursor *cursor;
    factum_ndjson *ndjson = factum_ndjson_create();
    uint64_t seen = 0;
    uint64_t lines = 0;
    int code = 0;
    factum_status status = factum_read(store, request, &cursor, &err);
    while (status == FACTUM_OK && code == 0 && !interrupted && ferror(stdout) == 0 &&
           (count_max == 0 || lines < count_max) &&
           (status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        if (wanted(&event)) {
            code = print_event_json(ndjson, &event);
            lines++;
        }
        if (++seen % 8192 == 0) {
            progress_step(progress, event.position, factum_cursor_place(cursor));
        }
    }
    factum_cursor_close(cursor);
    factum_ndjson_destroy(ndjson);
    progress_end(progress);
    return status < 0 ? fail_with(status, &err) : interrupted ? EXIT_INTERRUPTED : code;
}

static int run(const struct options *options)
{
    factum_read_request request;
    factum_store *store;
    struct progress progress;
    int code = open_selection(options, &store, &request);
    if (code != 0) {
        return code;
    }
    uint64_t count_max = request.count_max;
    request.count_max = 0;
    request.commits = true;
    progress_begin(&progress, "export", options->quiet);
    return close_store(store, export_events(store, &request, count_max, &progress));
}

const struct command command_export = {
    .name = "export",
    .usage = "export [STREAM] [options]",
    .summary = "write events as lines of JSON, for import",
    .help =
        "  --all, --category NAME, --type NAME, --correlation ID, --tag TEXT, --from N|start|end,\n"
        "  --from-position P, --after TOKEN, --count N, --skip-system, --at TIME, --time-at TIME: "
        "as with read\n"
        "  --json             changes nothing: lines of JSON are all that export writes\n",
    .notes =
        "Importing an export into an empty store gives the same streams and keys, and commits\n"
        "stay whole. The checkpoints of imports ($import-...) are left out.\n",
    .options =
        "all category type correlation tag from from-position after count skip-system at time-at "
        "json ",
    .arguments_max = 1,
    .run = run,
};
