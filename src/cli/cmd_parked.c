/* cmd_parked.c - factum parked: the events that read models could not apply. The list also has the
 * commands that endpoints did not accept, and the sagas that are stuck. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/read_models.h"
#include "cli/table.h"
#ifdef FCT_WITH_SAGA
#include "cli/parked_deliveries.h"
#include "cli/parked_sagas.h"
#endif

/* ---- the list -------------------------------------------------------------------------------- */

static void print_time(const char *name, int64_t time)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    if (time == 0) {
        (void)printf(",\"%s\":null", name);
        return;
    }
    factum_time_format(time, text);
    (void)printf(",\"%s\":\"%s\"", name, text);
}

static void print_parked_json(const struct read_models *models, const factum_parked *parked)
{
    (void)printf("{\"name\":\"%.*s\",\"version\":%" PRIu64 ",\"key\":", (int)parked->model.len,
                 (const char *)parked->model.ptr, parked->version);
    print_json_text(stdout, parked->key);
    (void)printf(",\"position\":%" PRIu64 ",\"type\":", parked->position);
    print_json_text(stdout, parked->type);
    (void)printf(",\"reason\":");
    if (parked->reason.len > 0) {
        print_json_text(stdout, parked->reason);
    } else {
        (void)printf("null"); /* waits for the first parked event of its key */
    }
    (void)printf(",\"attempts\":%" PRIu64, parked->attempts);
    print_time("nextAttempt", parked->next_attempt);
    print_time("since", parked->since);
    (void)printf(",\"kind\":\"event\",");
    print_json_token(models->store, parked->position);
    (void)printf("}");
}

struct listing {
    const struct read_models *models;
    struct table table;
};

static bool list_one(void *data, const factum_parked *parked)
{
    struct listing *listing = data;
    char since[FACTUM_TIME_TEXT_SIZE];
    if (listing->models->options->json) {
        print_parked_json(listing->models, parked);
        (void)printf("\n");
        return !interrupted;
    }
    factum_time_format(parked->since, since);
    const factum_slice waits = factum_slice_from("(waits for those before it)");
    const factum_value values[] = {
        table_text(parked->model),
        table_number(parked->version),
        table_number(parked->position),
        table_text(parked->type),
        table_text(parked->key),
        table_number(parked->attempts),
        table_text(factum_slice_from(since)),
        table_text(factum_slice_from("event")),
        table_text(parked->reason.len > 0 ? parked->reason : waits),
    };
    return table_row(&listing->table, values, sizeof values / sizeof values[0]) && !interrupted;
}

/* Lists events of models; then all others that wait, unless |name| is a model. */
static int list_all(struct listing *listing, factum_slice name)
{
    factum_error err;
    const struct read_models *models = listing->models;
    const factum_slice key = factum_slice_from(models->options->key);
    const factum_parked_each each = {listing, list_one};
    factum_status status = FACTUM_OK;
    if (models->models != NULL || models->path == NULL) { /* false: no host here keeps models */
        status = models_parked(models, name, key, &each, &err);
    }
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
#ifdef FCT_WITH_SAGA
    if (name.len == 0 && !interrupted) {
        return parked_sagas_list(models, key, &listing->table);
    }
#endif
    return 0;
}

static int list_parked(struct read_models *models, factum_slice name)
{
    static const char *const names[] = {"name",     "version", "position", "type",  "key",
                                        "attempts", "since",   "kind",     "reason"};
    factum_slice columns[sizeof names / sizeof names[0]];
    struct listing listing = {.models = models};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        columns[i] = factum_slice_from(names[i]);
    }
    (void)table_columns(&listing.table, columns, sizeof names / sizeof names[0]);
    int code = list_all(&listing, name);
    if (code == 0 && listing.table.failed) {
        (void)complain("there are too many to print as a table: name a --key, or use --json");
        code = EXIT_FAILURE_;
    } else if (code == 0 && table_row_count(&listing.table) > 0) {
        (void)table_print(&listing.table, stdout, 0);
    }
    table_finish(&listing.table);
    return code == 0 && interrupted ? EXIT_INTERRUPTED : code;
}

/* Opens the models of this host to look at them; |name| (or NULL) is a model to look up. */
static int look_at(struct read_models *models, const char *name)
{
    if (models->path == NULL && name != NULL) {
        return read_models_host(models, name);
    }
    int code = name != NULL ? read_models_look_up(models, name) : 0;
    return code == 0 ? read_models_look(models) : code;
}

static int run_list(const struct options *options)
{
    struct read_models models;
    const char *name = options->argument_count > 0 ? options->arguments[0] : NULL;
    if (name != NULL && !check_name(name)) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    if (code != 0) {
        return code;
    }
    code = look_at(&models, name);
    if (code == 0) {
        code = list_parked(&models, factum_slice_from(name));
    }
    return read_models_close(&models, finish_output(code));
}

/* ---- one event ------------------------------------------------------------------------------- */

/* The parked events to find. */
struct search {
    const struct read_models *models;
    uint64_t position;
    size_t count;
    bool print;
};

static void print_parked(const factum_parked *parked)
{
    char since[FACTUM_TIME_TEXT_SIZE];
    char attempts[64];
    factum_time_format(parked->since, since);
    format_things(parked->attempts, "attempt", "attempts", attempts);
    (void)printf("%.*s version %" PRIu64 ", key ", (int)parked->model.len,
                 (const char *)parked->model.ptr, parked->version);
    print_text(stdout, parked->key);
    (void)printf(", parked %s, %s", since, attempts);
    if (parked->next_attempt != 0) {
        factum_time_format(parked->next_attempt, since);
        (void)printf(", the next one %s", since);
    }
    (void)printf("\n  ");
    print_text(stdout, parked->reason.len > 0
                           ? parked->reason
                           : factum_slice_from("waits for the events of its key before it"));
    (void)printf("\n");
}

static bool look_at_parked(void *data, const factum_parked *parked)
{
    struct search *search = data;
    if (parked->position != search->position) {
        return true;
    }
    if (search->print && search->models->options->json) {
        (void)printf(search->count == 0 ? "{\"parked\":[" : ",");
        print_parked_json(search->models, parked);
    } else if (search->print) {
        print_parked(parked);
    }
    search->count++;
    return true;
}

static int print_event_at(const struct read_models *models, const factum_event *event)
{
    factum_slice line;
    factum_error err;
    if (!models->options->json) {
        print_event(event);
        return 0;
    }
    factum_ndjson *ndjson = factum_ndjson_create();
    if (ndjson == NULL) {
        (void)complain("out of memory");
        return EXIT_FAILURE_;
    }
    factum_status status = factum_ndjson_format(ndjson, event, &line, &err);
    if (status == FACTUM_OK) {
        line.len -= line.len > 0 && line.ptr[line.len - 1] == '\n' ? 1 : 0;
        (void)printf("],\"event\":");
        (void)fwrite(line.ptr, 1, line.len, stdout);
        (void)printf("}\n");
    }
    factum_ndjson_destroy(ndjson);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

static int show_event(const struct read_models *models, uint64_t position)
{
    factum_error err;
    factum_event event;
    factum_cursor *cursor;
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_ALL,
        .from = FACTUM_FROM_POSITION,
        .from_value = position,
        .count_max = 1,
    };
    factum_status status = factum_read(models->store, &request, &cursor, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    status = factum_cursor_next(cursor, &event, &err);
    int code = 0;
    if (status == FACTUM_OK && event.position == position) {
        code = print_event_at(models, &event);
    } else if (status == FACTUM_OK || status == FACTUM_DONE) {
        (void)complain("the event itself is not there any more");
        code = EXIT_NOT_FOUND;
    } else {
        code = fail_with(status, &err);
    }
    factum_cursor_close(cursor);
    return code;
}

/* Finds the event at |position|, or any of |key|, or any at all if neither is given. */
static int find_parked(const struct read_models *models, struct search *search, factum_slice key)
{
    factum_error err;
    const factum_parked_each each = {search, look_at_parked};
    factum_status status =
        models_parked(models, factum_slice_from(models->options->arguments[0]), key, &each, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

static int no_parked(const struct read_models *models, uint64_t position)
{
    (void)complain("no event at position %" PRIu64
                   " is parked in %s: factum parked list shows those that are",
                   position, models->options->arguments[0]);
    return EXIT_NOT_FOUND;
}

static int run_show(const struct options *options)
{
    struct read_models models;
    struct search search = {.models = &models, .print = true};
    if (!check_name(options->arguments[0]) ||
        !argument_position(options->arguments[1], &search.position)) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    if (code != 0) {
        return code;
    }
    code = look_at(&models, options->arguments[0]);
    if (code == 0) {
        code = find_parked(&models, &search, (factum_slice){NULL, 0});
    }
    if (code == 0) {
        code = search.count == 0 ? no_parked(&models, search.position)
                                 : show_event(&models, search.position);
    }
    return read_models_close(&models, finish_output(code));
}

/* ---- acts ------------------------------------------------------------------------------------ */

/* A service may have the name of a model: --delivery selects the service. */
#ifdef FCT_WITH_SAGA
#define WITH_DELIVERIES(run) (run)
#else
#define WITH_DELIVERIES(run) complain("--delivery: this program was built without sagas")
#endif

static bool count_one(void *data, const factum_parked *parked)
{
    (void)parked;
    (*(uint64_t *)data)++;
    return true;
}

static int count_parked(const struct read_models *models, factum_slice key, uint64_t *count)
{
    factum_error err;
    const factum_parked_each each = {count, count_one};
    *count = 0;
    factum_status status =
        models_parked(models, factum_slice_from(models->options->arguments[0]), key, &each, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

/* Hosts the model here, unless another host keeps it: what that host has parked is not known
 * here. */
static int host_if_here(struct read_models *models)
{
    int code =
        models->path == NULL ? read_models_look_up(models, models->options->arguments[0]) : 0;
    return code != 0 || models->elsewhere ? code
                                          : read_models_host(models, models->options->arguments[0]);
}

/* The act is done already: a failure to count changes nothing. */
static void report_still_parked(const struct read_models *models)
{
    factum_error err;
    char text[64];
    uint64_t count = 0;
    const factum_parked_each each = {&count, count_one};
    const factum_slice name = factum_slice_from(models->options->arguments[0]);
    factum_status status = models_parked(models, name, (factum_slice){NULL, 0}, &each, &err);
    if (status == FACTUM_OK && count > 0) {
        format_things(count, "event is", "events are", text);
        (void)fprintf(stderr, "factum: %s still parked\n", text);
    } else if (status != FACTUM_OK) {
        (void)fprintf(stderr, "factum: the count of parked events is unknown: %s\n", err.text);
    }
}

static int retry_key(struct read_models *models, factum_slice key)
{
    uint64_t count = 1;
    const struct options *options = models->options;
    int code = host_if_here(models);
    if (code == 0 && !models->elsewhere && key.len > 0) {
        code = count_parked(models, key, &count);
    }
    if (code == 0 && count == 0) {
        (void)complain(
            "no event of the key %s is parked in %s: factum parked list shows those that are",
            options->arguments[1], options->arguments[0]);
        code = EXIT_NOT_FOUND;
    }
    if (code == 0) {
        code = act_run(models, key.len > 0 ? FACTUM_ACT_RETRY : FACTUM_ACT_RETRY_ALL, key, 0);
    }
    if (code == 0 && !models->elsewhere && !options->quiet) {
        report_still_parked(models);
    }
    return code;
}

static int run_retry(const struct options *options)
{
    struct read_models models;
    const char *key = options->argument_count > 1 ? options->arguments[1] : NULL;
    if (key != NULL && key[0] == '\0') {
        return complain("KEY is empty; without it the events of every key are tried");
    }
    if (options->delivery) {
        return WITH_DELIVERIES(parked_deliveries_retry(options));
    }
    if (!check_name(options->arguments[0])) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    return code == 0 ? read_models_close(&models, retry_key(&models, factum_slice_from(key)))
                     : code;
}

static int skip_position(struct read_models *models, uint64_t position)
{
    struct search search = {.models = models, .position = position};
    int code = host_if_here(models);
    if (code == 0 && !models->elsewhere) {
        code = find_parked(models, &search, (factum_slice){NULL, 0});
    }
    if (code == 0 && !models->elsewhere && search.count == 0) {
        code = no_parked(models, position);
    }
    if (code == 0) {
        code = act_run(models, FACTUM_ACT_SKIP, (factum_slice){NULL, 0}, position);
    }
    if (code == 0 && !models->elsewhere && !models->options->quiet) {
        report_still_parked(models);
    }
    return code;
}

static int run_skip(const struct options *options)
{
    struct read_models models;
    uint64_t position = 0;
    if (options->why == NULL || options->why[0] == '\0') {
        return complain("a skipped event or command is never applied or delivered: give --why");
    }
    if (options->delivery) {
        return WITH_DELIVERIES(parked_deliveries_skip(options));
    }
    if (!check_name(options->arguments[0]) ||
        !argument_position(options->arguments[1], &position)) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    return code == 0 ? read_models_close(&models, skip_position(&models, position)) : code;
}

/* ---- trying ---------------------------------------------------------------------------------- */

static int try_position(struct read_models *models, uint64_t position)
{
    factum_error err;
    struct row_changes changes = {.options = models->options, .shown_max = UINT64_MAX};
    int code = look_at(models, models->options->arguments[0]);
    if (code != 0) {
        return code;
    }
    factum_status status = models_try(models, factum_slice_from(models->options->arguments[0]),
                                      position, &changes, &err);
    if (changes.failed) {
        (void)complain("out of memory");
        code = EXIT_FAILURE_;
    } else if (status != FACTUM_OK) {
        code = fail_with(status, &err);
        code = status == FACTUM_INVALID ? EXIT_INVALID : code; /* the event is refused once more */
    } else {
        row_changes_end(&changes);
    }
    row_changes_free(&changes);
    return code;
}

static int run_try(const struct options *options)
{
    struct read_models models;
    uint64_t position = 0;
    if (!check_name(options->arguments[0]) ||
        !argument_position(options->arguments[1], &position)) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    return code == 0 ? read_models_close(&models, finish_output(try_position(&models, position)))
                     : code;
}

/* ---- the family ------------------------------------------------------------------------------ */

static const struct command parked_list = {
    .name = "parked list",
    .usage = "parked list [NAME] [--key KEY]",
    .summary = "list what waits for an operator: parked events, of one model or of all",
    .help = "  --key KEY          of one key\n"
            "  --models DIR       where the models are (\"models\" in the store)\n"
            "  --json             one JSON object a line\n",
    .notes = "Without NAME also the commands that endpoints did not take, and the sagas that are "
             "stuck.\n",
    .options = "key models json ",
    .arguments_max = 1,
    .run = run_list,
};

static const struct command parked_show = {
    .name = "parked show",
    .usage = "parked show NAME POSITION",
    .summary = "show a parked event: why it is parked, and the event itself",
    .help = "  --models DIR       where the models are (\"models\" in the store)\n"
            "  --json             as JSON\n",
    .options = "models json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_show,
};

#define ACT_HELP                                                                                   \
    "  --by NAME          who (the name of this user)\n"                                           \
    "  --timeout SECONDS  the longest wait until it is carried out (no limit)\n"                   \
    "  --models DIR       where the models are (\"models\" in the store)\n"                        \
    "  --json             the answer as JSON\n"

static const struct command parked_retry = {
    .name = "parked retry",
    .usage = "parked retry NAME [KEY]",
    .summary = "apply the parked events of a key, or of all, in their order until one fails",
    .help = "  --why TEXT         why; stored with it\n"
            "  --delivery         NAME is a service: deliver its parked commands again\n" ACT_HELP,
    .notes =
        "With --delivery it first prints what is delivered, and in which order. That is not "
        "recorded, so\nit takes no --why and no --by. In a directory nothing is delivered until "
        "a host of the\nendpoints runs.\n",
    .options = "why by delivery timeout models json ",
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run_retry,
};

static const struct command parked_skip = {
    .name = "parked skip",
    .usage = "parked skip NAME POSITION --why TEXT",
    .summary = "leave a parked event out for good; those that wait for it are tried",
    .help = "  --why TEXT         why; stored with it; required\n"
            "  --delivery         NAME is a service: its parked command at POSITION\n" ACT_HELP,
    .options = "why by delivery timeout models json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_skip,
};

static const struct command parked_try = {
    .name = "parked try",
    .usage = "parked try NAME POSITION",
    .summary = "show which rows a parked event would change, and change none",
    .help = "  --models DIR       where the models are (\"models\" in the store)\n"
            "  --json             as JSON, a change a line, then the counts\n",
    .notes = "It is applied in a transaction that is rolled back. The exit status is 7,\n"
             "with the reason, if it still cannot be applied.\n",
    .options = "models json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_try,
};

static const struct command *const family[] = {&parked_list, &parked_show, &parked_retry,
                                               &parked_skip, &parked_try,  NULL};

const struct command command_parked = {
    .name = "parked",
    .usage = "parked list | show | retry | skip | try ...",
    .summary = "list what waits for an operator, and act on it",
    .help = "",
    .notes = "A parked event and all later ones of its key wait, while other keys go on.\n",
    .options = "",
    .family = family,
};
