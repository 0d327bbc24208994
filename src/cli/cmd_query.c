/* cmd_query.c - factum query: queries a read model in SQL. Layer: cli.
 *
 *     wait until the model has all visible events (a directory), or --wait (either) -> query
 *     --at, --time-at: no wait; the model is replayed up to that moment             -> query
 *
 * On a directory the command hosts the model, so it applies events to the model's file. On an
 * address it only asks. Rows go to standard output, everything else to standard error.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/progress.h"
#include "cli/read_models.h"
#include "cli/table.h"

/* ---- parameters ------------------------------------------------------------------------------ */

/* A text becomes a number only if printing the number gives the same text. So 007 and 1.50 stay
 * texts and lose nothing; compared with a column, SQLite converts a text or a number to the
 * column's type. */
static factum_value value_from(const char *text)
{
    char digits[32];
    factum_value value = {.kind = FACTUM_VALUE_TEXT, .bytes = factum_slice_from(text)};
    long long integer = strtoll(text, NULL, 10);
    (void)snprintf(digits, sizeof digits, "%lld", integer);
    if (strcmp(digits, text) == 0) {
        value = (factum_value){.kind = FACTUM_VALUE_INTEGER, .integer = integer};
        return value;
    }
    if (strchr(text, '.') == NULL) {
        return value;
    }
    double real = strtod(text, NULL);
    (void)snprintf(digits, sizeof digits, "%.15g", real);
    if (strcmp(digits, text) == 0) {
        value = (factum_value){.kind = FACTUM_VALUE_REAL, .real = real};
    }
    return value;
}

/* NAME=VALUE; a name alone gives NULL, the kind of a zeroed value. */
static int read_parameters(const struct options *options, factum_model_parameter *parameters)
{
    for (size_t i = 0; i < options->param_count; i++) {
        const char *text = options->params[i];
        const char *equals = strchr(text, '=');
        size_t len = equals == NULL ? strlen(text) : (size_t)(equals - text);
        if (len == 0) {
            return complain("--param takes NAME=VALUE, or NAME for NULL, not \"%s\"", text);
        }
        parameters[i] = (factum_model_parameter){.name = {(const uint8_t *)text, len}};
        if (equals != NULL) {
            parameters[i].value = value_from(equals + 1);
        }
    }
    return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* *place: that of --wait, or else the end of what is visible now. On an address without --wait
 * nothing is waited for, because the server keeps its models up to date: *place stays 0. */
static int place_to_wait_for(const struct read_models *models, uint64_t *place)
{
    factum_error err;
    if (models->options->wait == NULL && models->path == NULL) {
        return 0;
    }
    if (models->options->wait != NULL) {
        return option_token(models->store, models->options->wait, place);
    }
    factum_status status = factum_visible_place(models->store, place, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

/* Is the build paused or stopped, so that no wait can end? */
static bool stands_still(const factum_build_status *status)
{
    return status->state == FACTUM_BUILD_PAUSED || status->state == FACTUM_BUILD_STOPPED;
}

/* Waits until the model has *place. Sets *place to 0 if the build stands still before it. 0, or the
 * exit code after a message. */
static int wait_for(const struct read_models *models, uint64_t *place,
                    const struct wait_limit *limit, struct progress *progress)
{
    factum_error err;
    const factum_slice name = factum_slice_from(models->options->arguments[0]);
    for (;;) {
        factum_build_status build = {.size = sizeof build};
        int64_t wait_ms = wait_limit_next(limit);
        factum_status status = models_wait(models, name, *place, wait_ms, &build, &err);
        if (status == FACTUM_OK) {
            return 0;
        }
        if (interrupted) {
            return EXIT_INTERRUPTED;
        }
        if (status == FACTUM_BUSY) { /* the server has too many waiting requests: ask again */
            if (wait_ms == 0) {
                return fail_late(&err);
            }
            pause_a_little();
            continue;
        }
        if (status != FACTUM_TIMEOUT) {
            return fail_with(status, &err);
        }
        if (stands_still(&build)) { /* query it as it is; with --wait that is a failure */
            *place = 0;
            return models->options->wait == NULL ? 0 : fail_late(&err);
        }
        if (wait_ms == 0) {
            return fail_late(&err);
        }
        models_progress(models, name, progress);
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void print_answer_json(const struct read_models *models, const struct table *table,
                              const factum_model_answer *answer)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    (void)printf("{");
    table_print_json(table, stdout);
    (void)printf(",\"asOf\":{");
    print_json_token(models->store, answer->status.place);
    (void)printf(",\"position\":%" PRIu64 ",\"created\":", answer->status.place);
    if (answer->status.place_created != 0) {
        factum_time_format(answer->status.place_created, created);
        (void)printf("\"%s\"", created);
    } else {
        (void)printf("null");
    }
    (void)printf(",\"version\":%" PRIu64 "},\"behind\":{\"events\":%" PRIu64 ",\"seconds\":%.3f",
                 answer->status.version, answer->status.behind_events,
                 (double)answer->status.behind_time / 1e9);
    if (answer->status.behind_events > 0) { /* why it is behind: "paused", "building" ... */
        (void)printf(",\"state\":\"%s\"", factum_build_state_name(answer->status.state));
    }
    (void)printf("}}\n");
}

/* On standard error, so that standard output has rows only. */
static void print_as_of(const struct read_models *models, const factum_model_answer *answer)
{
    char rows[64];
    char events[64];
    char token[FACTUM_TOKEN_SIZE];
    char created[FACTUM_TIME_TEXT_SIZE] = "before its first event"; /* none was applied yet */
    format_things(answer->row_count, "row", "rows", rows);
    factum_token_format(models->store, answer->status.place, token);
    if (answer->status.place_created != 0) {
        factum_time_format(answer->status.place_created, created);
    }
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s, as of %s (%s)", rows, created, token);
    if (answer->status.behind_events > 0) {
        format_things(answer->status.behind_events, "event", "events", events);
        (void)fprintf(stderr, ", %s behind: %s", events,
                      factum_build_state_name(answer->status.state));
    }
    (void)fputs("\n", stderr);
}

static int print_answer(const struct read_models *models, const struct table *table,
                        const factum_model_answer *answer)
{
    const struct options *options = models->options;
    if (options->json) {
        print_answer_json(models, table, answer);
        return 0;
    }
    if (options->csv) {
        table_print_csv(table, stdout);
    } else if (!table_print(table, stdout, isatty(STDOUT_FILENO) != 0 ? TABLE_CUT : 0)) {
        (void)complain("out of memory");
        return EXIT_FAILURE_;
    }
    if (!options->quiet) {
        print_as_of(models, answer);
    }
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int query_options(const struct options *options, factum_model_query *query)
{
    const char *sql = options->argument_count > 1 ? options->arguments[1] : NULL;
    if (!check_name(options->arguments[0])) {
        return EXIT_USAGE;
    }
    if ((sql != NULL) == (options->named != NULL)) {
        return complain("give either a SELECT or --named QUERY");
    }
    if (options->json && options->csv) {
        return complain("--json and --csv exclude each other");
    }
    if (options->at != NULL && options->time_at != NULL) {
        return complain("--at and --time-at exclude each other");
    }
    if ((options->at != NULL || options->time_at != NULL) && options->wait != NULL) {
        return complain("--wait excludes --at and --time-at: the past does not change");
    }
    if (options->rows_max != NULL &&
        !option_count(options->rows_max, "rows-max", &query->rows_max)) {
        return EXIT_USAGE;
    }
    query->model = factum_slice_from(options->arguments[0]);
    query->sql = factum_slice_from(sql);
    query->named = factum_slice_from(options->named);
    query->plan = options->plan;
    return 0;
}

/* Reports at least |waited| as the place: the model has all events up to there that it wants. Its
 * own place is lower if the later ones do not concern it. The time stays that of the last event
 * applied (docs/guide/read-models.md). */
static int query_now(const struct read_models *models, const factum_model_query *query,
                     uint64_t waited)
{
    factum_error err;
    struct table table = {.failed = false};
    const factum_rows rows = {&table, table_columns, table_row};
    factum_model_answer answer = {.size = sizeof answer};
    factum_status status = models_query(models, query, &rows, &answer, &err);
    progress_clear(); /* the bar of a replay */
    int code = table_check(&table);
    if (code != 0) {
        table_finish(&table);
        return code;
    }
    if (status == FACTUM_TIMEOUT) {
        code = fail_late(&err);
    } else if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else {
        if (answer.status.place < waited) {
            answer.status.place = waited;
        }
        code = print_answer(models, &table, &answer);
    }
    table_finish(&table);
    return code;
}

/* --at TIME or TOKEN, --time-at TIME. */
static int read_moment(const struct read_models *models, factum_model_query *query)
{
    const char *at = models->options->at;
    const char *time_at = models->options->time_at;
    if (time_at != NULL) {
        query->at_time_set = true;
        return option_time(time_at, "time-at", &query->at) ? 0 : EXIT_USAGE;
    }
    if (at == NULL) {
        return 0;
    }
    query->at_created_set = factum_time_parse(factum_slice_from(at), &query->at) == FACTUM_OK;
    query->at_position_set = !query->at_created_set;
    if (query->at_created_set) {
        return 0;
    }
    factum_error err;
    factum_status status =
        factum_token_parse(models->store, factum_slice_from(at), &query->at_position, &err);
    if (status == FACTUM_INVALID) {
        return complain("--at takes a time, such as 2026-01-31T12:00:00Z, or a token, not \"%s\"",
                        at);
    }
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

/* Replays the events up to the moment, with the definition of the version in use. The tables of
 * that version are not read, so nothing is waited for. */
static int query_past(const struct read_models *models, const factum_model_query *query)
{
    struct progress progress;
    const factum_progress steps = {&progress, progress_callback};
    factum_model_query past = *query;
    past.progress = &steps;
    progress_begin(&progress, models->options->arguments[0], models->options->quiet);
    int code = query_now(models, &past, 0);
    progress_end(&progress);
    return code;
}

static int wait_and_query(struct read_models *models, const struct wait_limit *limit,
                          factum_model_query *query)
{
    uint64_t place = 0;
    struct progress progress;
    int code = place_to_wait_for(models, &place);
    if (code == 0) {
        code = read_moment(models, query);
    }
    if (code == 0) {
        code = read_models_host(models, models->options->arguments[0]);
    }
    if (code == 0 && (query->at_created_set || query->at_time_set || query->at_position_set)) {
        return query_past(models, query);
    }
    if (code == 0 && (models->path != NULL || models->options->wait != NULL)) {
        progress_begin(&progress, models->options->arguments[0], models->options->quiet);
        code = wait_for(models, &place, limit, &progress);
        progress_end(&progress);
    }
    return code == 0 ? query_now(models, query, place) : code;
}

static int run(const struct options *options)
{
    struct wait_limit limit;
    struct read_models models;
    factum_model_parameter parameters[PARAM_OPTIONS_MAX];
    factum_model_query query = {
        .size = sizeof query, .parameters = parameters, .parameter_count = options->param_count};
    int code = query_options(options, &query);
    if (code == 0) {
        code = read_parameters(options, parameters);
    }
    if (code == 0 && !wait_limit_begin(options, &limit)) {
        code = EXIT_USAGE;
    }
    if (code == 0) {
        code = read_models_open(options, &models);
    }
    if (code != 0) {
        return code;
    }
    code = wait_and_query(&models, &limit, &query);
    return read_models_close(&models, finish_output(code));
}

const struct command command_query = {
    .name = "query",
    .usage = "query NAME [SELECT] [options]",
    .summary = "query a read model in SQL",
    .help = "  --named QUERY       a query of the definition, in place of a SELECT\n"
            "  --param NAME=VALUE  the value of :NAME; may be repeated; NAME alone is NULL\n"
            "  --wait TOKEN        wait for the place of an append, not for all events\n"
            "  --timeout SECONDS   wait at most so long (no limit)\n"
            "  --at TIME|TOKEN     as of then, by when events were recorded\n"
            "  --time-at TIME      as of then, by the times that writers gave their events\n"
            "  --rows-max N        more rows are an error (10000; a server allows 100000)\n"
            "  --plan              how the rows would be found, in place of the rows\n"
            "  --models DIR        where the models are (\"models\" in the store)\n"
            "  --csv               as CSV\n"
            "  --json              as JSON: columns, rows, asOf, behind\n",
    .notes = "On a directory, this command first brings the model up to date. On an address, the\n"
             "server answers from its model as it is, and waits only with --wait. A model that is\n"
             "paused or stopped is queried as it is, unless --wait is given.\n",
    .options = "named param wait timeout at time-at rows-max plan models csv json ",
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};
