/* cmd_saga_list.c - factum saga list, timers: lists sagas, and what they wait for. Layer: cli. */
#include <inttypes.h>
#include <string.h>

#include "cli/sagas.h"
#include "cli/table.h"

#define COUNT_DEFAULT 1000

struct listing {
    const struct options *options;
    factum_arena arena;
    struct table table;
    const char *only_id; /* of timers: the one saga; NULL: all */
    uint64_t count;
    uint64_t last; /* position of the last entry */
    int code;      /* of printing */
};

static bool list_entry(void *data, const factum_saga_entry *entry)
{
    struct listing *listing = data;
    char name[SAGA_ID_TEXT_SIZE];
    char changed[FACTUM_TIME_TEXT_SIZE];
    char due[FACTUM_TIME_TEXT_SIZE];
    listing->count++;
    listing->last = entry->position;
    if (listing->options->json) {
        factum_json_writer to;
        factum_json_writer_in(&to, &listing->arena);
        factum_saga_entry_write(entry, &to);
        listing->code = print_written(&to, &listing->arena);
        return listing->code == 0 && !interrupted;
    }
    const factum_value values[] = {
        table_text(saga_id_text(entry->saga, entry->id, name)),
        table_text(factum_slice_from(factum_saga_status_name(entry->status))),
        table_text(entry->step),
        table_number(entry->version),
        table_time(entry->changed, changed),
        table_time(entry->due, due),
    };
    return table_row(&listing->table, values, sizeof values / sizeof values[0]) && !interrupted;
}

static bool list_timer(void *data, const factum_saga_timer *timer)
{
    struct listing *listing = data;
    char name[SAGA_ID_TEXT_SIZE];
    char due[FACTUM_TIME_TEXT_SIZE];
    char wait[40];
    factum_slice id = saga_id_text(timer->saga, timer->id, name);
    if (listing->only_id != NULL && !same_text(id, factum_slice_from(listing->only_id))) {
        return !interrupted;
    }
    listing->count++;
    if (listing->options->json) {
        factum_json_writer to;
        factum_json_writer_in(&to, &listing->arena);
        factum_saga_timer_write(timer, &to);
        listing->code = print_written(&to, &listing->arena);
        return listing->code == 0 && !interrupted;
    }
    (void)snprintf(wait, sizeof wait, "%.3f", (double)timer->wait / 1e9);
    const factum_value values[] = {
        table_text(id),
        table_text(timer->timer),
        table_time(timer->due, due),
        table_text(factum_slice_from(wait)),
    };
    return table_row(&listing->table, values, sizeof values / sizeof values[0]) && !interrupted;
}

/* Prints the end of the output, after the rows. */
static int end_listing(struct listing *listing, factum_status status, const factum_error *err)
{
    int code = listing->code;
    if (status != FACTUM_OK) {
        code = interrupted ? EXIT_INTERRUPTED : fail_with(status, err);
    } else if (interrupted && code == 0) {
        code = EXIT_INTERRUPTED;
    } else if (code == 0) {
        code = table_check(&listing->table);
    }
    if (code == 0 && !listing->options->json && listing->count > 0 &&
        !table_print(&listing->table, stdout, 0)) {
        (void)complain("out of memory");
        code = EXIT_FAILURE_;
    }
    table_finish(&listing->table);
    factum_arena_finish(&listing->arena);
    return code;
}

static bool read_filter(const struct options *options, factum_saga_filter *filter)
{
    *filter = (factum_saga_filter){.size = sizeof *filter, .count_max = COUNT_DEFAULT};
    if (options->status != NULL) {
        filter->status = option_status(options->status);
        if (filter->status == FACTUM_SAGA_ANY) {
            return false;
        }
    }
    return (options->count == NULL || option_count(options->count, "count", &filter->count_max)) &&
           (options->after == NULL || option_number(options->after, "after", &filter->after));
}

static int run_list(const struct options *options)
{
    static const factum_slice columns[] = {
        {(const uint8_t *)"saga", 4},    {(const uint8_t *)"status", 6},
        {(const uint8_t *)"step", 4},    {(const uint8_t *)"version", 7},
        {(const uint8_t *)"changed", 7}, {(const uint8_t *)"due", 3}};
    struct listing listing = {.options = options};
    struct saga_lists lists;
    factum_saga_filter filter;
    factum_error err;
    if (!read_filter(options, &filter)) {
        return EXIT_USAGE;
    }
    if (options->argument_count > 0) {
        filter.saga = factum_slice_from(options->arguments[0]);
    }
    int code = saga_lists_open(options, &lists);
    if (code != 0) {
        return code;
    }
    factum_arena_init(&listing.arena, 0);
    (void)table_columns(&listing.table, columns, sizeof columns / sizeof columns[0]);
    const factum_saga_each each = {&listing, list_entry};
    factum_status status = saga_lists_list(&lists, &filter, &each, &err);
    code = end_listing(&listing, status, &err);
    if (code == 0 && listing.count == filter.count_max && !options->quiet) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "there may be more: --after %" PRIu64 "\n", listing.last);
    }
    return saga_lists_close(&lists, code);
}

/* Makes the filter for the sagas of one name. */
static bool read_timer_filter(const struct options *options, struct listing *listing,
                              factum_saga_filter *filter)
{
    if (!read_filter(options, filter)) {
        return false;
    }
    if (options->argument_count == 0) {
        return true;
    }
    const char *name = options->arguments[0];
    const char *dash = strchr(name, '-');
    if (dash != NULL) {
        listing->only_id = name;
        /* One saga has few timers: they are selected from all of its name. */
        filter->count_max = UINT64_C(1000000);
    }
    filter->saga =
        (factum_slice){(const uint8_t *)name, dash != NULL ? (size_t)(dash - name) : strlen(name)};
    return dash == NULL || argument_saga(name);
}

static int run_timers(const struct options *options)
{
    static const factum_slice columns[] = {{(const uint8_t *)"saga", 4},
                                           {(const uint8_t *)"timer", 5},
                                           {(const uint8_t *)"due", 3},
                                           {(const uint8_t *)"wait_seconds", 12}};
    struct listing listing = {.options = options};
    struct saga_lists lists;
    factum_saga_filter filter;
    factum_error err;
    if (!read_timer_filter(options, &listing, &filter)) {
        return EXIT_USAGE;
    }
    int code = saga_lists_open(options, &lists);
    if (code != 0) {
        return code;
    }
    factum_arena_init(&listing.arena, 0);
    (void)table_columns(&listing.table, columns, sizeof columns / sizeof columns[0]);
    const factum_saga_timer_each each = {&listing, list_timer};
    factum_status status = saga_lists_timers(&lists, &filter, &each, &err);
    return saga_lists_close(&lists, end_listing(&listing, status, &err));
}

const struct command command_saga_list = {
    .name = "saga list",
    .usage = "saga list [NAME] [options]",
    .summary = "list sagas in the order in which they began",
    .help = "  --status STATUS   only these: waiting, running, compensating, stuck, done, undone,\n"
            "                    completed; open: all that have not ended\n"
            "  --count N         the most to list (1000)\n"
            "  --after POSITION  those that began after it: the next page\n"
            "  --json            one JSON object a line\n",
    .options = "status count after json ",
    .arguments_max = 1,
    .run = run_list,
};

const struct command command_saga_timers = {
    .name = "saga timers",
    .usage = "saga timers [NAME | NAME-ID] [options]",
    .summary = "list timers of sagas, the next one first",
    .help = "  --count N  the most to list (1000)\n"
            "  --json     one JSON object a line\n",
    .options = "count json ",
    .arguments_max = 1,
    .run = run_timers,
};
