/* saga.c - the bench of sagas.
 *
 *     saga run DIR        sagas of four steps, beside their commits made by hand
 *     saga live PORT,PORT the same over a server that runs sagas, by hand over one that does not
 *     saga timers DIR     timers armed, and ten thousand due at once, beside the same commits
 *     saga fill DIR       leaves running sagas in the store, for recover
 *     saga recover DIR    the start with running sagas: time and memory
 *     saga check DIR      states a second of the checker
 *     saga stamp DIR      the cost of a trace for an append
 *
 * SAGA_COUNT: running sagas of fill (100000). Prints rows in the form of workload.h, whose
 * parameters it takes.
 */
#include "saga.h"

/* ---- what the parts share -------------------------------------------------------------------- */

factum_store *saga_store_open(const char *dir, const factum_clock *clock)
{
    char path[700];
    factum_store *store;
    factum_error err;
    factum_store_options options = {.size = sizeof options};
    if (clock != NULL)
        options.clock = clock;
    snprintf(path, sizeof path, "%s/store", dir);
    saga_must(factum_open(path, &options, &store, &err), path, &err);
    return store;
}

void saga_store_close(factum_store *store)
{
    factum_error err;
    saga_must(factum_close(store, &err), "close", &err);
}

const char *hand_dir(const char *dir)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/hand", dir);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        wl_die(path, NULL);
    return path;
}

uint64_t saga_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void saga_settle(void)
{
    uint64_t before;
    do {
        before = saga_cpu();
        wl_sleep_until(wl_now() + 30000000);
    } while (saga_cpu() - before > 2000000);
}

void saga_deploy(factum_store *store, const char *text)
{
    factum_saga *saga;
    factum_error err;
    factum_saga_deploy_options options = {.size = sizeof options};
    options.act.size = sizeof options.act;
    saga_must(factum_saga_load(saga_slice(text), NULL, &saga, &err), "load", &err);
    saga_must(factum_saga_deploy(store, saga, &options, NULL, NULL, &err), "deploy", &err);
    factum_saga_free(saga);
}

static void say(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    if (level <= FACTUM_LOG_WARN)
        fprintf(stderr, "%s: %s\n", id, text);
}

factum_sagas *saga_host(factum_store *store, const char *dir, const factum_clock *monotonic)
{
    static const factum_log_sink log = {.write = say};
    char path[700];
    factum_sagas *sagas;
    factum_error err;
    snprintf(path, sizeof path, "%s/models", dir != NULL ? dir : "");
    factum_sagas_options options = {.size = sizeof options,
                                    .path = dir != NULL ? path : NULL,
                                    .timers_max = 1000000,
                                    .log = &log,
                                    .monotonic = monotonic};
    saga_must(factum_sagas_open(store, &options, &sagas, &err), "sagas", &err);
    return sagas;
}

factum_sagas_info saga_figures(factum_sagas *sagas)
{
    factum_sagas_info info = {.size = sizeof info};
    factum_error err;
    saga_must(factum_sagas_info_get(sagas, &info, &err), "sagas", &err);
    return info;
}

void saga_ready(factum_sagas *sagas)
{
    while (!saga_figures(sagas).ready)
        wl_sleep_until(wl_now() + 1000000);
}

uint64_t saga_starts(factum_store *store, const char *type, uint64_t first, uint64_t count)
{
    enum { COMMIT = 1000 };
    static char streams[COMMIT][32], data[COMMIT][64];
    static factum_new_event events[COMMIT];
    static factum_expectation any[COMMIT];
    factum_append_result result = {0};
    factum_error err;
    for (uint64_t done = 0; done < count;) {
        size_t n = 0;
        for (; n < COMMIT && done < count; n++, done++) {
            char id[SAGA_ID_LEN + 1];
            saga_id(id, first + done);
            snprintf(streams[n], sizeof streams[n], "order-%s", id);
            snprintf(data[n], sizeof data[n], "{\"orderId\":\"%s\",\"quantity\":3}", id);
            events[n] = (factum_new_event){.stream = saga_slice(streams[n]),
                                           .type = saga_slice(type),
                                           .data = saga_slice(data[n])};
            any[n] = (factum_expectation){events[n].stream, factum_any()};
        }
        factum_append_request request = {.size = sizeof request,
                                         .events = events,
                                         .event_count = n,
                                         .expectations = any,
                                         .expectation_count = n};
        saga_must(factum_append(store, &request, &result, NULL, &err), "starts", &err);
    }
    return result.position;
}

/* ---- the parts ------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const char *dir);
    } parts[] = {{"run", saga_run},    {"live", saga_live},       {"timers", saga_timers},
                 {"fill", saga_fill},  {"recover", saga_recover}, {"check", saga_check},
                 {"stamp", saga_stamp}};
    for (size_t i = 0; argc == 3 && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argv[2]);
    }
    fprintf(stderr, "usage: saga run|timers|fill|recover|check|stamp DIR | live PORT,PORT\n");
    return 2;
}
