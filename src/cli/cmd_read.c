/* cmd_read.c - factum read and factum tail: events as they were, and as they come. Layer: cli. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"

static int print_one(const struct options *options, factum_ndjson *ndjson,
                     const factum_event *event)
{
    if (options->json) {
        return print_event_json(ndjson, event);
    }
    print_event(event);
    return 0;
}

static int read_events(const struct options *options, factum_store *store,
                       const factum_read_request *request)
{
    factum_error err;
    factum_event event;
    factum_cursor *cursor;
    factum_ndjson *ndjson = factum_ndjson_create();
    factum_status status = factum_read(store, request, &cursor, &err);
    int code = 0;
    while (status == FACTUM_OK && code == 0 && !interrupted &&
           (status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        code = print_one(options, ndjson, &event);
        if (ferror(stdout) != 0) {
            break;
        }
    }
    factum_cursor_close(cursor);
    factum_ndjson_destroy(ndjson);
    return status < 0 ? fail_with(status, &err) : interrupted ? EXIT_INTERRUPTED : code;
}

static int run_read(const struct options *options)
{
    factum_read_request request;
    factum_store *store;
    int code = open_selection(options, &store, &request);
    if (code != 0) {
        return code;
    }
    return close_store(store, read_events(options, store, &request));
}

#define SELECT_HELP                                                                                \
    "  --all              every event, in the order of the log; the default without a stream\n"    \
    "  --category NAME    streams whose name begins with NAME and '-'\n"                           \
    "  --type NAME        events of a type\n"                                                      \
    "  --correlation ID   events of a flow\n"                                                      \
    "  --tag TEXT         events with a tag\n"                                                     \
    "  --from N|start|end the revision to begin with\n"                                            \
    "  --from-position P  the position to begin with\n"                                            \
    "  --after TOKEN      after the place that a token names\n"                                    \
    "  --count N          at most N events\n"                                                      \
    "  --skip-system      leave out system streams (with --all)\n"                                 \
    "  --json             lines of JSON, as import reads them\n"

const struct command command_read = {
    .name = "read",
    .usage = "read [STREAM] [options]",
    .summary = "read events",
    .help = SELECT_HELP "  --backwards        newest first\n"
                        "  --at TIME          as of a time: only what was recorded by then\n"
                        "  --time-at TIME     only what had happened by then\n"
                        "  --revision N       only up to a revision\n",
    .options = "all category type correlation tag from from-position after count skip-system json "
               "backwards at time-at revision ",
    .arguments_max = 1,
    .run = run_read,
};

/* ---- tail ------------------------------------------------------------------------------------ */

static int follow(const struct options *options, factum_subscription *subscription, double seconds)
{
    factum_error err;
    factum_event event;
    factum_ndjson *ndjson = factum_ndjson_create();
    double end = seconds_now() + seconds;
    int code = 0;
    bool shown = false; /* shown in any case: all that is there now */
    while (code == 0 && !interrupted && (seconds < 0 || !shown || seconds_now() < end)) {
        factum_status status = factum_subscription_next(subscription, 200, &event, &err);
        if (status == FACTUM_OK) {
            code = print_one(options, ndjson, &event);
        } else if (status < 0) {
            code = fail_with(status, &err);
        }
        shown = shown || status == FACTUM_CAUGHT_UP;
        if (status == FACTUM_TIMEOUT && nobody_reads()) {
            code = EXIT_NOBODY_READS;
        }
        if (ferror(stdout) != 0 || (status == FACTUM_CAUGHT_UP && fflush(stdout) != 0)) {
            break;
        }
    }
    factum_ndjson_destroy(ndjson);
    return code == 0 && interrupted ? EXIT_INTERRUPTED : code;
}

/* Prints the token from which the next tail neither misses nor repeats an event. */
static void report_end(const struct options *options, const factum_store *store,
                       const factum_subscription *subscription, int code)
{
    uint64_t checkpoint = factum_subscription_checkpoint(subscription);
    bool ended = (code == 0 || code == EXIT_INTERRUPTED) && fflush(stdout) == 0;
    if (ended && ferror(stdout) == 0 && checkpoint != 0 && !options->quiet) {
        print_go_on(store, checkpoint);
    }
}

static int tail(const struct options *options, factum_store *store, factum_read_request *request)
{
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    factum_read_request last = *request;
    uint64_t seconds = 0;
    if (options->timeout != NULL && !option_number(options->timeout, "timeout", &seconds)) {
        return EXIT_USAGE;
    }
    uint64_t from = 0;
    if (options->from == NULL && options->from_position == NULL && options->after == NULL) {
        last.backwards = true;
        last.count_max = last.count_max == 0 ? 10 : last.count_max;
        factum_status status = factum_read(store, &last, &cursor, &err);
        if (status < 0 && status != FACTUM_STREAM_NOT_FOUND) {
            return fail_with(status, &err);
        }
        while (status == FACTUM_OK &&
               (status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
            from = event.position;
        }
        factum_cursor_close(cursor);
        request->from = FACTUM_FROM_POSITION;
        request->from_value = from;
    }
    request->count_max = 0;
    factum_subscription *subscription;
    factum_status status = factum_subscribe(store, request, &subscription, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    int code = follow(options, subscription, options->timeout == NULL ? -1 : (double)seconds);
    report_end(options, store, subscription, code);
    factum_subscription_close(subscription);
    return code;
}

static int run_tail(const struct options *options)
{
    factum_read_request request;
    factum_store *store;
    int code = open_selection(options, &store, &request);
    if (code != 0) {
        return code;
    }
    return close_store(store, tail(options, store, &request));
}

const struct command command_tail = {
    .name = "tail",
    .usage = "tail [STREAM] [options]",
    .summary = "print the last events, and then new ones",
    .help = SELECT_HELP "  --timeout SECONDS  end after so long; 0: after the existing events\n",
    .notes =
        "A store belongs to one process at a time: new events come from this one only, until a\n"
        "server holds the store. --count says how many of the last events come first (10). At its\n"
        "end it says the token that the next tail goes on with (--after), unless --quiet.\n",
    .options = "all category type correlation tag from from-position after count skip-system json "
               "timeout ",
    .arguments_max = 1,
    .run = run_tail,
};
