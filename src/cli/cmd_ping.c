/* cmd_ping.c - factum ping: can the server be reached, and does it let us in? Layer: cli. */
#include <inttypes.h>

#include <factum/remote.h>

#include "cli/cli.h"

#define NS_PER_MS 1e6

static int run_ping(const struct options *options)
{
    factum_ping_report report = {.size = sizeof report};
    factum_error err;
    const char *address = options->argument_count > 0 ? options->arguments[0] : options->store;
    if (!is_address(address)) {
        return complain("ping takes the address of a server, factum://HOST:PORT");
    }
    factum_status status = factum_ping(address, &report, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (options->json) {
        (void)printf("{\"server\":");
        print_json_text(stdout, factum_slice_from(report.server));
        (void)printf(",\"connectNs\":%" PRIu64 ",\"roundTripNs\":%" PRIu64 "}\n", report.connect_ns,
                     report.round_trip_ns);
    } else if (!options->quiet) {
        print_text(stdout, factum_slice_from(report.server));
        (void)printf(", connected in %.2f ms, round trip %.2f ms\n",
                     (double)report.connect_ns / NS_PER_MS,
                     (double)report.round_trip_ns / NS_PER_MS);
    }
    return 0;
}

const struct command command_ping = {
    .name = "ping",
    .usage = "ping [ADDRESS] [--json]",
    .summary = "test the connection to a server",
    .help = "  --json             the figures as JSON\n",
    .notes =
        "Without ADDRESS: that of --store, --connect or FACTUM_STORE. The exit status is 11 if "
        "the server\ncannot be reached, and 10 if the login is refused.\n",
    .options = "json ",
    .arguments_max = 1,
    .run = run_ping,
};
