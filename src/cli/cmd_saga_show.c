/* cmd_saga_show.c - factum saga show and factum saga graph: one saga as a table; a saga or a
 * definition as a picture. Layer: cli. Only reads the store: a saga is the fold of its stream, so
 * no host is needed. */
#include <inttypes.h>
#include <string.h>

#include "cli/sagas.h"
#include "cli/table.h"

/* ---- show ------------------------------------------------------------------------------------ */

static bool add_step(struct table *table, const factum_saga_step *step)
{
    char started[FACTUM_TIME_TEXT_SIZE];
    char ended[FACTUM_TIME_TEXT_SIZE];
    char due[FACTUM_TIME_TEXT_SIZE];
    const factum_value values[] = {
        table_text(step->name),         table_text(factum_slice_from(step->phase)),
        table_text(step->command),      table_text(step->undo),
        table_number(step->attempts),   table_time(step->started, started),
        table_time(step->ended, ended), table_time(step->due, due),
        table_text(step->text),
    };
    return table_row(table, values, sizeof values / sizeof values[0]);
}

static int print_steps(const factum_saga_view *view)
{
    static const char *const names[] = {"step",    "phase", "command", "undo",  "sent",
                                        "started", "ended", "due",     "reason"};
    struct table table = {0};
    factum_slice columns[sizeof names / sizeof names[0]];
    size_t count = sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++) {
        columns[i] = factum_slice_from(names[i]);
    }
    bool good = table_columns(&table, columns, count);
    for (size_t i = 0; i < view->step_count && good; i++) {
        good = add_step(&table, &view->steps[i]);
    }
    int code = table_check(&table);
    if (code == 0 && !table_print(&table, stdout, 0)) { /* uncut: the reasons are long */
        (void)complain("out of memory");
        code = EXIT_FAILURE_;
    }
    table_finish(&table);
    return code;
}

static void print_line(const char *name, factum_slice text)
{
    if (text.len > 0) {
        (void)printf("%-12s ", name);
        print_text(stdout, text);
        (void)printf("\n");
    }
}

static void print_time(const char *name, int64_t time)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    if (time != 0) {
        factum_time_format(time, text);
        print_line(name, factum_slice_from(text));
    }
}

static int print_view(const factum_saga_view *view)
{
    print_text(stdout, view->saga);
    (void)printf("-");
    print_text(stdout, view->id);
    (void)printf("  %s  version %" PRIu64 "  revision %" PRIu64 "%s%s\n",
                 factum_saga_status_name(view->status), view->version, view->revision,
                 view->pivot_passed ? "  past its pivot" : "", view->late ? "  late" : "");
    print_time("started", view->started);
    print_time("changed", view->changed);
    print_time("deadline", view->deadline);
    print_line("correlation", view->correlation_id);
    print_line("failure", view->failure_code);
    print_line("", view->failure_text); /* below its code */
    print_line("kept", view->kept);
    if (view->replies_recorded > 0) {
        (void)printf("%-12s %" PRIu64 " recorded: early, late or again\n", "replies",
                     view->replies_recorded);
    }
    (void)printf("\n");
    return print_steps(view);
}

static int show_view(const struct options *options, const factum_saga_view *view)
{
    factum_arena arena;
    factum_json_writer to;
    if (!options->json) {
        return print_view(view);
    }
    factum_arena_init(&arena, 0);
    factum_json_writer_in(&to, &arena);
    factum_saga_view_write(view, &to);
    int code = print_written(&to, &arena);
    factum_arena_finish(&arena);
    return code;
}

static int run_show(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_saga_view view = {.size = sizeof view};
    if (!argument_saga(options->arguments[0])) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_status status =
        factum_saga_view_get(store, factum_slice_from(options->arguments[0]), &view, &err);
    code = status == FACTUM_OK ? show_view(options, &view) : fail_with(status, &err);
    factum_saga_view_free(&view);
    return close_store(store, code);
}

/* ---- graph ----------------------------------------------------------------------------------- */

struct newest {
    factum_saga *saga;
    factum_status status; /* of loading it */
    factum_error err;
};

/* Versions come oldest first, so the last call leaves the newest. A fault of an older one is
 * forgotten with it. */
static bool take_newest(void *data, const factum_saga_deployed *deployed)
{
    struct newest *newest = data;
    factum_saga_free(newest->saga);
    newest->saga = NULL;
    newest->status = factum_saga_load(deployed->text, NULL, &newest->saga, &newest->err);
    return true;
}

static factum_status view_definition(factum_store *store, const char *name, factum_saga_view *view,
                                     factum_error *err)
{
    struct newest newest = {.status = FACTUM_OK};
    const factum_saga_deployed_each each = {&newest, take_newest};
    factum_status status = factum_saga_deployments(store, factum_slice_from(name), &each, err);
    if (status == FACTUM_OK && newest.status != FACTUM_OK) {
        *err = newest.err;
        status = newest.status;
    }
    if (status == FACTUM_OK) {
        status = factum_saga_view_of(newest.saga, view, err);
    }
    factum_saga_free(newest.saga);
    return status;
}

static int run_graph(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_slice text;
    factum_saga_view view = {.size = sizeof view};
    const char *name = options->arguments[0];
    bool is_saga = strchr(name, '-') != NULL; /* a definition's name has no '-', NAME-ID has one */
    if (options->dot && options->mermaid) {
        return complain("--dot and --mermaid exclude each other");
    }
    if (is_saga && !argument_saga(name)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = is_saga
                               ? factum_saga_view_get(store, factum_slice_from(name), &view, &err)
                               : view_definition(store, name, &view, &err);
    if (status == FACTUM_OK) {
        status = factum_saga_graph(&view, options->dot ? FACTUM_SAGA_DOT : FACTUM_SAGA_MERMAID,
                                   &text, &err);
    }
    if (status == FACTUM_OK) {
        (void)fwrite(text.ptr, 1, text.len, stdout);
    } else {
        code = fail_with(status, &err);
    }
    factum_saga_view_free(&view);
    return close_store(store, code);
}

const struct command command_saga_show = {
    .name = "saga show",
    .usage = "saga show NAME-ID [options]",
    .summary = "show one saga: its steps, and what it waits for",
    .help = "  --json  as JSON\n",
    .options = "json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_show,
};

const struct command command_saga_graph = {
    .name = "saga graph",
    .usage = "saga graph NAME | NAME-ID [options]",
    .summary = "draw the steps of a definition, or of one saga as it is now",
    .help = "  --mermaid  as Mermaid (the default)\n"
            "  --dot      for Graphviz\n",
    .options = "mermaid dot ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_graph,
};
