/* cmd_trace.c - factum trace: which event followed from which, across streams and services. Layer:
 * cli. */
#include <factum/trace.h>

#include "cli/cli.h"

static factum_status write_out(void *data, factum_slice bytes)
{
    FILE *to = data;
    return fwrite(bytes.ptr, 1, bytes.len, to) == bytes.len ? FACTUM_OK : FACTUM_IO;
}

/* Stops on a signal. */
static bool trace_goes_on(void *data, uint64_t done, uint64_t total)
{
    (void)data;
    (void)done;
    (void)total;
    return !interrupted;
}

static int print_trace(const struct options *options, const factum_trace *trace)
{
    factum_error err;
    const factum_trace_sink sink = {.data = stdout, .write = write_out};
    factum_trace_form form = options->json      ? FACTUM_TRACE_JSON
                             : options->dot     ? FACTUM_TRACE_DOT
                             : options->mermaid ? FACTUM_TRACE_MERMAID
                                                : FACTUM_TRACE_TEXT;
    factum_status status =
        factum_trace_print(trace, form, options->full ? UINT64_MAX : 0, &sink, &err);
    if (status == FACTUM_OK && options->json) {
        (void)fputc('\n', stdout);
    }
    return status == FACTUM_OK || status == FACTUM_IO /* finish_output reports it */
               ? 0
               : fail_with(status, &err);
}

static int show_trace(const struct options *options, factum_store *store)
{
    factum_error err;
    factum_trace *trace;
    const factum_progress progress = {.step = trace_goes_on};
    factum_trace_options wanted = {.size = sizeof wanted, .progress = &progress};
    if (options->scan != NULL && !option_count(options->scan, "scan", &wanted.scan_max)) {
        return EXIT_USAGE;
    }
    if (options->stream != NULL) {
        wanted.stream = factum_slice_from(options->stream);
    }
    factum_status status =
        factum_trace_open(store, factum_slice_from(options->arguments[0]), &wanted, &trace, &err);
    if (status != FACTUM_OK) {
        return interrupted ? EXIT_INTERRUPTED : fail_with(status, &err);
    }
    int code = print_trace(options, trace);
    factum_trace_close(trace);
    return code;
}

static int run_trace(const struct options *options)
{
    factum_store *store;
    if (options->json + options->dot + options->mermaid > 1) {
        return complain("--json, --dot and --mermaid are forms of the same: give one");
    }
    int code = open_store(options, false, &store);
    return code == 0 ? close_store(store, show_trace(options, store)) : code;
}

const struct command command_trace = {
    .name = "trace",
    .usage = "trace ID [options]",
    .summary = "show what followed from what, as a tree with the time that each step took",
    .help = "  --full             every event by itself (about 60 lines, equal ones as one)\n"
            "  --json             all nodes and edges, on a line\n"
            "  --dot              a graph for Graphviz\n"
            "  --mermaid          a sequence diagram of the services, for Mermaid\n"
            "  --stream NAME      the stream that has the event with the id\n"
            "  --scan N           look through the newest N events for an id without an index\n"
            "                     (65536)\n",
    .notes =
        "ID is a correlation id, a saga (NAME-ID), a command id, an event's id, or a trace id\n"
        "of 32 hexadecimal digits.\n",
    .options = "full json dot mermaid stream scan ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_trace,
};
