/* cmd_care.c - factum info, verify, repair: looking after a store. Layer: cli. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"

/* ---- info ------------------------------------------------------------------------------------ */

static void info_json(const factum_store *store, const factum_info *info, uint64_t place)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(info->store_id, id);
    (void)printf("{\"storeId\":\"%s\",\"format\":\"%u.%u\",\"readOnly\":%s,\"damaged\":%s,"
                 "\"events\":%" PRIu64 ",\"streams\":%" PRIu64 ",\"endPosition\":%" PRIu64
                 ",\"durablePosition\":%" PRIu64 ",\"segments\":%" PRIu64 ",\"logBytes\":%" PRIu64
                 ",\"preparedBytes\":%" PRIu64 ",\"indexBytes\":%" PRIu64 ",\"indexRuns\":%" PRIu64
                 ",\"recoveredBytes\":%" PRIu64 ",\"tornBytes\":%" PRIu64 ",\"reason\":",
                 id, info->format_major, info->format_minor, info->read_only ? "true" : "false",
                 info->damaged ? "true" : "false", info->event_count, info->stream_count,
                 info->end_position, info->durable_position, info->segment_count, info->log_bytes,
                 info->prepared_bytes, info->index_bytes, info->index_runs, info->recovered_bytes,
                 info->torn_bytes);
    print_json_text(stdout, factum_slice_from(info->reason));
    (void)printf(",");
    print_json_token(store, place);
    (void)printf("}\n");
}

static void info_text(const factum_store *store, const factum_info *info, uint64_t place)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    char token[FACTUM_TOKEN_SIZE];
    char a[64];
    char b[64];
    factum_uuid_format(info->store_id, id);
    (void)printf("store      %s, format %u.%u%s\n", id, info->format_major, info->format_minor,
                 info->read_only ? ", read-only" : "");
    format_count(info->event_count, a);
    format_things(info->stream_count, "stream", "streams", b);
    (void)printf("events     %s in %s\n", a, b);
    (void)printf("end        position %" PRIu64 ", durable up to %" PRIu64 "\n", info->end_position,
                 info->durable_position);
    factum_token_format(store, place, token);
    (void)printf("token      %s\n", token);
    format_size(info->log_bytes, a);
    format_things(info->segment_count, "segment", "segments", b);
    (void)printf("log        %s in %s", a, b);
    format_size(info->prepared_bytes, a);
    (void)printf(", %s prepared\n", a);
    format_size(info->index_bytes, a);
    format_things(info->index_runs, "run", "runs", b);
    (void)printf("index      %s in %s\n", a, b);
    if (info->torn_bytes > 0) {
        format_things(info->torn_bytes, "byte", "bytes", a);
        (void)printf("recovery   truncated %s that were never acknowledged\n", a);
    }
    if (info->reason[0] != '\0') {
        (void)printf("%sproblem    %s%s\n", colour("\033[31m"), info->reason, colour("\033[0m"));
    }
}

static int run_info(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_info info = {.size = sizeof info};
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    uint64_t place = 0;
    factum_status status = factum_info_get(store, &info, &err);
    if (status == FACTUM_OK) {
        status = factum_visible_place(store, &place, &err);
    }
    if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else if (options->json) {
        info_json(store, &info, place);
    } else {
        info_text(store, &info, place);
    }
    if (code == 0) {
        damage_shown(); /* as "problem" or "reason" */
    }
    return close_store(store, code);
}

const struct command command_info = {
    .name = "info",
    .usage = "info [--json]",
    .summary = "show the contents and the state of the store",
    .help = "  --json             as JSON\n",
    .options = "json ",
    .run = run_info,
};

/* ---- verify ---------------------------------------------------------------------------------- */

static void verify_print(const struct options *options, const factum_verify_report *report,
                         double seconds)
{
    char events[64];
    char streams[64];
    char segments[64];
    char batches[64];
    char bytes[32];
    if (options->json) {
        (void)printf("{\"events\":%" PRIu64 ",\"streams\":%" PRIu64 ",\"records\":%" PRIu64
                     ",\"batches\":%" PRIu64 ",\"segments\":%" PRIu64 ",\"logBytes\":%" PRIu64
                     ",\"postingsChecked\":%" PRIu64 ",\"chain\":\"%016" PRIx64
                     "\",\"problems\":%" PRIu64 ",\"firstProblem\":",
                     report->events, report->streams_checked, report->records, report->batches,
                     report->segments, report->log_bytes, report->index_postings_checked,
                     report->chain, report->problems);
        print_json_text(stdout, factum_slice_from(report->first_problem));
        (void)printf(",\"seconds\":%.3f}\n", seconds);
        return;
    }
    format_things(report->events, "event", "events", events);
    format_things(report->streams_checked, "stream", "streams", streams);
    format_things(report->segments, "segment", "segments", segments);
    format_things(report->batches, "batch", "batches", batches);
    format_size(report->log_bytes, bytes);
    if (report->problems == 0) {
        (void)printf("%sok%s: %s in %s, %s in %s, %s; index agrees; chain %016" PRIx64
                     " (%.2f s)\n",
                     colour("\033[32m"), colour("\033[0m"), events, streams, bytes, segments,
                     batches, report->chain, seconds);
    }
}

static int run_verify(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_verify_report report = {.size = sizeof report};
    struct progress progress;
    if (options->backup != NULL) {
        return verify_backup(options);
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    progress_begin(&progress, "verify", options->quiet);
    factum_progress callback = {&progress, progress_callback};
    factum_status status = factum_verify(store, &callback, &report, &err);
    progress_end(&progress);
    if (status == FACTUM_OK || status == FACTUM_CORRUPT) {
        verify_print(options, &report, seconds_now() - progress.started);
    }
    if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    }
    return close_store(store, code);
}

const struct command command_verify = {
    .name = "verify",
    .usage = "verify [--backup DIR] [--json]",
    .summary = "read everything and check it: checksums, chain, revisions, index",
    .help = "  --backup DIR       check the backup in DIR instead; needs no store\n"
            "  --json             the report as JSON\n",
    .options = "backup json ",
    .run = run_verify,
};

/* ---- repair ---------------------------------------------------------------------------------- */

static int run_repair(const struct options *options)
{
    factum_error err;
    factum_repair_options repair = {.size = sizeof repair, .rebuild_index = options->rebuild_index};
    if (options->accept_loss != NULL) {
        repair.accept_loss = true;
        if (!option_number(options->accept_loss, "accept-loss", &repair.accept_loss_from)) {
            return EXIT_USAGE;
        }
    }
    if (!repair.rebuild_index && !repair.accept_loss) {
        return complain(
            "choose what to do: --rebuild-index, or --accept-loss POSITION (factum verify "
            "names it)");
    }
    struct progress progress;
    progress_begin(&progress, "repair", options->quiet);
    const factum_progress watch = {&progress, progress_callback};
    factum_status status = factum_repair(options->store, &repair, &watch, &err);
    progress_end(&progress);
    if (status != FACTUM_OK) {
        return status == FACTUM_CANCELLED && interrupted ? EXIT_INTERRUPTED
                                                         : fail_with(status, &err);
    }
    if (options->json) {
        (void)printf("{\"rebuiltIndex\":%s,\"acceptedLoss\":%s",
                     repair.rebuild_index ? "true" : "false",
                     repair.accept_loss ? "true" : "false");
        if (repair.accept_loss) {
            (void)printf(",\"from\":%" PRIu64, repair.accept_loss_from);
        }
        (void)printf("}\n");
    } else if (!options->quiet && repair.accept_loss) {
        (void)printf(
            "repaired: what followed position %" PRIu64
            " is given up; what could be read of it is kept in the store's log directory\n",
            repair.accept_loss_from);
    } else if (!options->quiet) {
        (void)printf("repaired: the index is new; nothing was lost\n");
    }
    return 0;
}

const struct command command_repair = {
    .name = "repair",
    .usage = "repair --rebuild-index | --accept-loss POSITION",
    .summary = "repair a store that verify finds damaged",
    .help = "  --rebuild-index         rebuild the index from the log; loses nothing\n"
            "  --accept-loss POSITION  give up everything from the damaged position on; restore a "
            "backup\n"
            "                          instead if there is one\n"
            "  --json                  what was done as JSON\n",
    .options = "rebuild-index accept-loss json ",
    .run = run_repair,
};
