/* model_probe.c - asks a model for model_sizes_test.py, in one process, through the public API:
 *
 *   model_probe STORE MODEL diff             which rows a swap would change
 *   model_probe STORE MODEL SQL POSITION...  one query as of each position, one after another
 *
 * Each answer is a line of JSON: the result, the seconds it took, how often progress was reported,
 * whether it was in order, and this process's peak of memory so far.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <factum/model_rows.h>

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Peak of memory in KiB; 0: unknown. */
static unsigned long peak(void)
{
    char line[256];
    unsigned long value = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            value = strtoul(line + 6, NULL, 10);
        }
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    return value;
}

static int fail(const char *what, const factum_error *err)
{
    (void)fprintf(stderr, "%s: %s\n", what, err->text);
    return 1;
}

/* ---- the model is there ---------------------------------------------------------------------- */

static bool see_build(void *data, const factum_build_status *status)
{
    bool *found = data;
    *found = *found || status->in_use;
    return !*found;
}

static factum_status wait_for_model(factum_models *models, factum_slice model, factum_error *err)
{
    static const struct timespec pause = {.tv_nsec = 5000000};
    double end = seconds_now() + 60;
    bool found = false;
    const factum_build_each each = {&found, see_build};
    factum_status status;
    do {
        (void)nanosleep(&pause, NULL);
        status = factum_models_list(models, model, &each, err);
    } while (!found && (status == FACTUM_OK || status == FACTUM_NOT_FOUND) && seconds_now() < end);
    return status;
}

/* ---- diff ------------------------------------------------------------------------------------ */

struct change_counts {
    uint64_t of[FACTUM_ROW_CHANGED + 1];
};

static bool count_change(void *data, factum_slice table, factum_row_change kind,
                         const factum_slice *columns, size_t count, const factum_value *before,
                         const factum_value *after)
{
    struct change_counts *counts = data;
    (void)table;
    (void)columns;
    (void)count;
    (void)before;
    (void)after;
    counts->of[kind]++;
    return true;
}

static int probe_diff(factum_models *models, factum_slice model)
{
    factum_error err;
    struct change_counts counts = {{0}};
    const factum_changes changes = {&counts, count_change};
    uint64_t total = 0;
    double begun = seconds_now();
    factum_status status = factum_models_diff(models, model, 0, &changes, NULL, &total, &err);
    if (status != FACTUM_OK) {
        return fail("diff", &err);
    }
    (void)printf("{\"added\":%" PRIu64 ",\"removed\":%" PRIu64 ",\"changed\":%" PRIu64
                 ",\"total\":%" PRIu64 ",\"seconds\":%.3f,\"peak\":%lu}\n",
                 counts.of[FACTUM_ROW_ADDED], counts.of[FACTUM_ROW_REMOVED],
                 counts.of[FACTUM_ROW_CHANGED], total, seconds_now() - begun, peak());
    return 0;
}

/* ---- as of ----------------------------------------------------------------------------------- */

struct steps {
    unsigned count;
    uint64_t done;
    uint64_t total;
    bool wrong; /* progress went back, or beyond its end */
};

static bool take_step(void *data, uint64_t done, uint64_t total)
{
    struct steps *steps = data;
    steps->wrong = steps->wrong || done < steps->done || (total != 0 && done > total);
    steps->count++;
    steps->done = done;
    steps->total = total;
    return true;
}

static bool take_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    (void)names;
    return count > 0;
}

/* The integers of the first row. */
static bool print_row(void *data, const factum_value *values, size_t count)
{
    (void)data;
    for (size_t i = 0; i < count; i++) {
        (void)printf("%s%" PRId64, i > 0 ? "," : "", values[i].integer);
    }
    return true;
}

static int probe_as_of(factum_models *models, factum_slice model, const char *sql, const char *at)
{
    factum_error err;
    struct steps steps = {.count = 0};
    const factum_progress progress = {&steps, take_step};
    const factum_rows rows = {NULL, take_columns, print_row};
    const factum_model_query query = {.size = sizeof query,
                                      .model = model,
                                      .sql = factum_slice_from(sql),
                                      .at_position_set = true,
                                      .at_position = strtoull(at, NULL, 10),
                                      .progress = &progress,
                                      .rows_max = 1};
    double begun = seconds_now();
    (void)printf("{\"row\":[");
    factum_status status = factum_models_query(models, &query, &rows, NULL, &err);
    if (status != FACTUM_OK) {
        return fail("query", &err);
    }
    (void)printf("],\"seconds\":%.3f,\"steps\":%u,\"wrong\":%s,\"whole\":%s,\"peak\":%lu}\n",
                 seconds_now() - begun, steps.count, steps.wrong ? "true" : "false",
                 steps.done == steps.total ? "true" : "false", peak());
    return 0;
}

static int probe(factum_models *models, int argc, char **argv)
{
    factum_error err;
    const factum_slice model = factum_slice_from(argv[2]);
    int code = 0;
    if (wait_for_model(models, model, &err) != FACTUM_OK) {
        return fail(argv[2], &err);
    }
    if (strcmp(argv[3], "diff") == 0) {
        return probe_diff(models, model);
    }
    for (int i = 4; i < argc && code == 0; i++) {
        code = probe_as_of(models, model, argv[3], argv[i]);
    }
    return code;
}

int main(int argc, char **argv)
{
    factum_error err;
    factum_store *store = NULL;
    factum_models *models = NULL;
    char path[4096];
    int code = 1;
    if (argc < 4) {
        (void)fprintf(stderr, "usage: model_probe STORE MODEL diff | SQL POSITION...\n");
        return 2;
    }
    (void)snprintf(path, sizeof path, "%s/models", argv[1]);
    const factum_models_options options = {.size = sizeof options, .path = path, .no_run = true};
    if (factum_open(argv[1], NULL, &store, &err) != FACTUM_OK) {
        return fail(argv[1], &err);
    }
    if (factum_models_open(store, &options, &models, &err) == FACTUM_OK) {
        code = probe(models, argc, argv);
    } else {
        (void)fail(path, &err);
    }
    factum_models_close(models);
    return factum_close(store, &err) == FACTUM_OK ? code : fail(argv[1], &err);
}
