/* backend.h - the functions of a store that embedded.c measures. */
#ifndef BACKEND_H
#define BACKEND_H
#include "workload.h"

typedef struct backend {
    const char *name;
    void *(*open)(const char *dir, bool relaxed);
    /* one durable commit of n events; exits unless all expected versions hold */
    void (*append)(void *db, wl_event *const *ev, int n);
    void (*replay)(void *db, wl_sink *s);                   /* all events, in global order */
    void (*stream)(void *db, const char *name, wl_sink *s); /* one stream, in order */
    void (*close)(void *db);
    bool own_group, relaxed, appends_only;
} backend;

/* factum.c */
void *factum_bench_open(const char *dir, bool relaxed);
void factum_bench_append(void *db, wl_event *const *ev, int n);
void factum_bench_replay(void *db, wl_sink *s);
void factum_bench_stream(void *db, const char *name, wl_sink *s);
void factum_bench_close(void *db);
/* a256 (completions), listeners and contention */
void factum_bench_extra(void *db, uint64_t *ver, const wl_params_t *p);
/* bytes of zeros at the end of the closed store's last segment */
double factum_bench_ahead(const char *dir);
/* Runs a step that no other backend has, on the load in |dir|; false if |step| is not one of these:
 * absent: the time to look for a stream that does not exist
 * query: the time for the first 100 events of a query in a load with tags (WL_TAGS), and of a tag
 * verify: the rate of a verify, and of a replay */
bool factum_bench_step(const char *step, const char *as, const char *dir);
void factum_bench_verify(const char *as, const char *dir); /* verify.c */
void factum_bench_each(void *db,
                       void (*each)(void *arg, const char *name, size_t name_len, const char *data,
                                    size_t len, uint64_t position),
                       void *arg);
/* appends some 30 MB in commits of 100 and ends the process by SIGKILL */
void factum_bench_kill(const char *dir);
#endif
