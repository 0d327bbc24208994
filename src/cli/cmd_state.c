/* cmd_state.c - factum state: the state that a decider folds from a stream, now or in the past.
 * Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/script.h"

struct showing {
    const struct options *options;
    const factum_script_decider *decider;
    factum_store *store;
    factum_slice stream;
    factum_fold *fold;
    factum_blame *blame;
    int64_t time; /* of the last event */
};

static int take_state(const struct showing *showing, factum_slice *json, factum_fold_info *info)
{
    factum_error err;
    *info = (factum_fold_info){.size = sizeof *info};
    factum_status status = factum_fold_get(showing->fold, info, &err);
    if (status == FACTUM_OK) {
        status = factum_script_state_json(showing->decider, info->state, json, &err);
    }
    return status == FACTUM_OK ? 0 : fail_with_script(status, &err);
}

static int take_blame(const struct showing *showing, const factum_event *event)
{
    factum_slice json = {NULL, 0};
    factum_fold_info info;
    if (showing->blame == NULL) {
        return 0;
    }
    int code = take_state(showing, &json, &info);
    if (code == 0) {
        factum_error err;
        factum_status status = factum_blame_take(showing->blame, json, event, &err);
        code = status == FACTUM_OK ? 0 : fail_with(status, &err);
    }
    return code;
}

static int add_event(struct showing *showing, const factum_event *event)
{
    factum_error err;
    factum_status status = factum_fold_add(showing->fold, event, &err);
    if (status != FACTUM_OK) {
        return fail_with_script(status, &err);
    }
    showing->time = event->time;
    return take_blame(showing, event);
}

static void print_state_json(const struct showing *showing, factum_slice json,
                             const factum_fold_info *info)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    (void)printf("{\"stream\":");
    print_json_text(stdout, showing->stream);
    if (info->event_count > 0) {
        factum_time_format(showing->time, time);
        (void)printf(",\"revision\":%" PRIu64 ",\"position\":%" PRIu64 ",\"time\":\"%s\",",
                     info->revision, info->position, time);
        print_json_token(showing->store, info->position);
    }
    (void)printf(",\"events\":%" PRIu64 ",\"state\":", info->event_count);
    print_text(stdout, json);
    (void)printf("}\n");
}

static int print_state(const struct showing *showing)
{
    factum_slice json = {NULL, 0};
    factum_fold_info info;
    char time[FACTUM_TIME_TEXT_SIZE];
    int code = take_state(showing, &json, &info);
    if (code != 0) {
        return code;
    }
    if (showing->options->json && showing->blame == NULL) {
        print_state_json(showing, json, &info);
        return 0;
    }
    if (!showing->options->json) {
        (void)printf("%s", colour("\033[1m"));
        print_text(stdout, showing->stream);
        (void)printf("%s", colour("\033[0m"));
        factum_time_format(showing->time, time);
        if (info.event_count > 0) {
            (void)printf("  revision %" PRIu64 "  %s\n", info.revision, time);
        } else {
            (void)printf("  before its first event\n");
        }
    }
    if (showing->blame != NULL) {
        blame_print(showing->blame, showing->options->json);
    } else {
        print_pretty(stdout, json);
        (void)printf("\n");
    }
    return 0;
}

static bool set_bounds(const struct options *options, factum_read_request *request)
{
    request->until_created_set = options->at != NULL;
    request->until_time_set = options->time_at != NULL;
    request->until_revision_set = options->revision != NULL;
    return (options->at == NULL || option_time(options->at, "at", &request->until_created)) &&
           (options->time_at == NULL ||
            option_time(options->time_at, "time-at", &request->until_time)) &&
           (options->revision == NULL ||
            option_number(options->revision, "revision", &request->until_revision));
}

static int show_once(struct showing *showing, const factum_read_request *request)
{
    factum_error err;
    factum_event event;
    factum_cursor *cursor;
    factum_status status = factum_read(showing->store, request, &cursor, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    int code = take_blame(showing, NULL);
    while (code == 0 && !interrupted &&
           (status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        code = add_event(showing, &event);
    }
    factum_cursor_close(cursor);
    if (code == 0 && status < 0) {
        code = fail_with(status, &err);
    }
    if (code == 0 && interrupted) {
        code = EXIT_INTERRUPTED;
    }
    return code == 0 ? print_state(showing) : code;
}

static int follow_state(struct showing *showing, factum_subscription *subscription, double seconds)
{
    factum_error err;
    factum_event event;
    int code = take_blame(showing, NULL);
    double end = seconds_now() + seconds;
    bool shown = false;
    bool changed = true;
    while (code == 0 && !interrupted && (seconds < 0 || !shown || seconds_now() < end)) {
        factum_status status = factum_subscription_next(subscription, 200, &event, &err);
        if (status == FACTUM_OK) {
            code = add_event(showing, &event);
            changed = true;
        } else if (status == FACTUM_CAUGHT_UP && changed) {
            code = print_state(showing);
            changed = false;
            shown = true;
        } else if (status < 0) {
            code = fail_with(status, &err);
        }
        if ((status == FACTUM_TIMEOUT && nobody_reads()) ||
            (status == FACTUM_CAUGHT_UP && fflush(stdout) != 0)) {
            code = code == 0 ? EXIT_NOBODY_READS : code;
        }
    }
    return code == 0 && interrupted ? EXIT_INTERRUPTED : code;
}

static int watch_state(struct showing *showing, const factum_read_request *request)
{
    factum_error err;
    factum_subscription *subscription;
    uint64_t seconds = 0;
    const char *timeout = showing->options->timeout;
    if (timeout != NULL && !option_number(timeout, "timeout", &seconds)) {
        return EXIT_USAGE;
    }
    factum_status status = factum_subscribe(showing->store, request, &subscription, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    int code = follow_state(showing, subscription, timeout == NULL ? -1 : (double)seconds);
    factum_subscription_close(subscription);
    return code;
}

static int show_state(struct showing *showing, const factum_read_request *request)
{
    factum_error err;
    const struct options *options = showing->options;
    factum_status status =
        factum_fold_create(factum_script_decider_get(showing->decider), NULL, &showing->fold, &err);
    if (status != FACTUM_OK) {
        return fail_with_script(status, &err);
    }
    int code = 0;
    if (options->blame) {
        status = factum_blame_create(0, &showing->blame, &err);
        code = status == FACTUM_OK ? 0 : fail_with(status, &err);
    }
    if (code == 0) {
        code = options->watch ? watch_state(showing, request) : show_once(showing, request);
    }
    factum_blame_destroy(showing->blame);
    factum_fold_destroy(showing->fold);
    return code;
}

static int check_options(const struct options *options)
{
    if (options->watch && (options->at != NULL || options->time_at != NULL ||
                           options->revision != NULL || options->blame)) {
        return complain("--watch shows the newest state: no --at, --time-at, --revision, --blame");
    }
    if (!options->watch && options->timeout != NULL) {
        return complain("--timeout belongs to --watch");
    }
    return 0;
}

static int run_state(const struct options *options)
{
    char category[FACTUM_NAME_SIZE_MAX + 1];
    factum_script_decider *decider = NULL;
    struct showing showing = {.options = options,
                              .stream = factum_slice_from(options->arguments[0])};
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = showing.stream};
    int code = check_options(options);
    if (code == 0 &&
        (!set_bounds(options, &request) || !category_of(options->arguments[0], category))) {
        code = EXIT_USAGE;
    }
    if (code == 0) {
        code = open_store_and_decider(options, false, category, &showing.store, &decider);
    }
    if (code == 0) {
        showing.decider = decider;
        code = close_store(showing.store, show_state(&showing, &request));
    }
    factum_script_decider_close(decider);
    return code;
}

const struct command command_state = {
    .name = "state",
    .usage = "state STREAM [options]",
    .summary = "show the state that a decider folds from a stream",
    .help =
        "  --decider FILE     the script in Lua that folds (the deployed decider of the category)\n"
        "  --at TIME          as of a time: from what was recorded by then\n"
        "  --time-at TIME     from what had happened by then\n"
        "  --revision N       only up to a revision\n"
        "  --blame            a line for each value: which event set it\n"
        "  --watch            continue, and show the state again when it has changed\n"
        "  --timeout SECONDS  end a --watch after so long; 0: after the present state\n"
        "  --json             as JSON on a line; with --blame a line for each value\n",
    .options = "decider at time-at revision blame watch timeout json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_state,
};
