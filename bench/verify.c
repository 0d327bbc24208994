/* verify.c - how fast a store is verified, compared with a replay in the same run (E16). Both
 * are given in events a second of wall time and, as the machine may be busy, of CPU time. */
#include "backend.h"
#include <factum/factum.h>
#include <time.h>

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void emit(const char *as, const char *what, uint64_t events, uint64_t since, double cpu)
{
    char par[64];
    wl_emit(as, "verify", what, (double)events / ((double)(wl_now() - since) / 1e9), "events/s", 0);
    snprintf(par, sizeof par, "%s, of CPU", what);
    wl_emit(as, "verify", par, (double)events / (cpu_seconds() - cpu), "events/s", 0);
}

void factum_bench_verify(const char *as, const char *dir)
{
    factum_store *store = factum_bench_open(dir, false);
    factum_verify_report report = {.size = sizeof report};
    factum_error err;
    wl_sink s = {0}, warm = {0};
    factum_bench_replay(store, &warm);
    double cpu = cpu_seconds();
    uint64_t t0 = wl_now();
    factum_bench_replay(store, &s);
    emit(as, "replay", s.events, t0, cpu);
    cpu = cpu_seconds();
    t0 = wl_now();
    if (factum_verify(store, NULL, &report, &err) != FACTUM_OK)
        wl_die("factum verify", err.text);
    emit(as, "all", report.events, t0, cpu);
    if (report.events != s.events)
        wl_die("factum verify", "wrong events");
    factum_bench_close(store);
}
