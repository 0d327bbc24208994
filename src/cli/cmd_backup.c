/* cmd_backup.c - factum backup, restore, verify --backup. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"

static void print_backup(const struct options *options, const factum_backup_report *report,
                         double seconds)
{
    char files[64];
    char bytes[32];
    if (options->json) {
        (void)printf("{\"files\":%" PRIu64 ",\"copiedFiles\":%" PRIu64 ",\"bytes\":%" PRIu64
                     ",\"copiedBytes\":%" PRIu64 ",\"repairedFiles\":%" PRIu64
                     ",\"endPosition\":%" PRIu64 ",\"seconds\":%.3f}\n",
                     report->files, report->copied_files, report->bytes, report->copied_bytes,
                     report->repaired_files, report->end_position, seconds);
    } else if (!options->quiet) {
        format_things(report->files, "file", "files", files);
        format_size(report->copied_bytes, bytes);
        (void)printf("%s, %" PRIu64 " copied (%s), up to position %" PRIu64 " (%.2f s)\n", files,
                     report->copied_files, bytes, report->end_position, seconds);
    }
}

static int run_backup(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_backup_report report = {.size = sizeof report};
    struct progress progress;
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    progress_begin(&progress, "backup", options->quiet);
    factum_progress callback = {&progress, progress_callback};
    factum_status status = factum_backup(store, options->arguments[0], &callback, &report, &err);
    progress_end(&progress);
    if (status == FACTUM_OK) {
        print_backup(options, &report, seconds_now() - progress.started);
    } else {
        code = fail_with(status, &err);
    }
    return close_store(store, code);
}

const struct command command_backup = {
    .name = "backup",
    .usage = "backup DIR [--json]",
    .summary = "copy the store into DIR, or bring an earlier backup there up to date",
    .help = "  --json             the figures as JSON\n",
    .notes = "Existing files are read to their end; a damaged copy is replaced.\n",
    .options = "json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_backup,
};

static int run_restore(const struct options *options)
{
    factum_error err;
    factum_backup_report report = {.size = sizeof report};
    struct progress progress;
    progress_begin(&progress, "restore", options->quiet);
    factum_progress callback = {&progress, progress_callback};
    factum_status status =
        factum_restore(options->arguments[0], options->store, &callback, &report, &err);
    progress_end(&progress);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    print_backup(options, &report, seconds_now() - progress.started);
    return 0;
}

const struct command command_restore = {
    .name = "restore",
    .usage = "restore BACKUP --store DIR",
    .summary = "create a store in DIR, which must not exist or be empty, from a backup",
    .help = "  --json             the figures as JSON\n",
    .notes = "Every file is checked against the backup's manifest before anything is written.\n",
    .options = "json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_restore,
};

/* ---- verify --backup ------------------------------------------------------------------------- */

/* Receives the problems: to standard error, and into a JSON list. */
struct problems {
    struct progress *progress;
    FILE *list; /* or NULL */
    unsigned count;
};

static void note_problem(void *data, factum_log_level level, const char *id, const char *text)
{
    struct problems *problems = data;
    (void)level;
    (void)id;
    progress_end(problems->progress);
    (void)fprintf(stderr, "factum: ");
    print_text(stderr, factum_slice_from(text));
    (void)fputc('\n', stderr);
    if (problems->list != NULL) {
        (void)fputs(problems->count > 0 ? "," : "", problems->list);
        print_json_text(problems->list, factum_slice_from(text));
    }
    problems->count++;
}

static void print_verified(const struct options *options, const factum_backup_verify_report *report,
                           const char *list, double seconds)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    char events[32];
    char bytes[32];
    if (options->json) {
        factum_uuid_format(report->store_id, id);
        (void)printf("{\"storeId\":\"%s\",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
                     ",\"events\":%" PRIu64 ",\"records\":%" PRIu64 ",\"batches\":%" PRIu64
                     ",\"endPosition\":%" PRIu64 ",\"problems\":%" PRIu64 ",\"firstProblem\":",
                     id, report->files, report->bytes, report->events, report->records,
                     report->batches, report->end_position, report->problems);
        print_json_text(stdout, factum_slice_from(report->first_problem));
        (void)printf(",\"problemList\":[%s],\"seconds\":%.3f}\n", list, seconds);
    } else if (report->problems == 0) {
        format_count(report->events, events);
        format_size(report->bytes, bytes);
        (void)printf("%sok%s: %s event%s, %s in %" PRIu64 " file%s, up to position %" PRIu64
                     "; it can be restored (%.2f s)\n",
                     colour("\033[32m"), colour("\033[0m"), events, report->events == 1 ? "" : "s",
                     bytes, report->files, report->files == 1 ? "" : "s", report->end_position,
                     seconds);
    }
}

/* The problems are printed already. Prints how many there are, and what to do. */
static int report_damaged(const char *dir, uint64_t count)
{
    (void)fprintf(stderr, "factum: the backup in ");
    print_text(stderr, factum_slice_from(dir));
    (void)fprintf(stderr,
                  " has %" PRIu64 " problem%s and cannot be restored: run factum backup with its "
                  "store, which copies what is damaged again, or use an older backup\n",
                  count, count == 1 ? "" : "s");
    return EXIT_DAMAGED;
}

int verify_backup(const struct options *options)
{
    factum_error err;
    factum_backup_verify_report report = {.size = sizeof report};
    struct progress progress;
    struct problems problems = {.progress = &progress};
    char *list = NULL;
    size_t size = 0;
    if (options->json) {
        problems.list = open_memstream(&list, &size);
        if (problems.list == NULL) {
            (void)complain("out of memory");
            return EXIT_FAILURE_;
        }
    }
    const factum_log_sink sink = {&problems, note_problem};
    progress_begin(&progress, "verify", options->quiet);
    factum_progress callback = {&progress, progress_callback};
    factum_status status = factum_backup_verify(options->backup, &sink, &callback, &report, &err);
    progress_end(&progress);
    int code = 0;
    if (problems.list != NULL && fclose(problems.list) != 0) {
        (void)complain("out of memory");
        code = EXIT_FAILURE_;
    }
    if (code == 0 && (status == FACTUM_OK || status == FACTUM_CORRUPT)) {
        print_verified(options, &report, list == NULL ? "" : list,
                       seconds_now() - progress.started);
    }
    free(list);
    if (code != 0 || status == FACTUM_OK) {
        return code;
    }
    return status == FACTUM_CORRUPT ? report_damaged(options->backup, report.problems)
                                    : fail_with(status, &err);
}
