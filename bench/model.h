/* model.h - shared by the parts of the bench of read models: the store with the load of
 * workload.h, projections over it, and the output of rows. Parts: model.c. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H
#include <factum/factum.h>
#include <factum/model_rows.h>
#include <sqlite3.h>

#include "workload.h"

enum { MODEL_BATCH = 5000 }; /* events of a transaction; the default of factum_models_options */

static inline factum_slice model_slice(const char *text)
{
    return factum_slice_from(text);
}
static inline void model_must(factum_status status, const char *what, const factum_error *err)
{
    if (status < 0)
        wl_die(what, err->text);
}

/* The store DIR/store. */
factum_store *model_store_open(const char *dir);
void model_store_close(factum_store *store);
/* The place after the last event. */
uint64_t model_place(factum_store *store);
/* Deploys the projection |name|, which keeps one row an order: events, quantity and cents are
 * added up. |mode| is "async" or "sync"; |host| names the host that runs it. */
void model_deploy(factum_store *store, const char *name, const char *mode, const char *host);
/* A host of the |count| projections |names| in DIR/|under|. */
factum_models *model_host(factum_store *store, const char *dir, const char *under,
                          const char *const *names, size_t count);
/* Waits until |name| has every event up to |place|. */
void model_wait(factum_models *models, const char *name, uint64_t place);
/* Runs the query |sql|, as of |at| unless it is NULL. Returns the number in the first column of
 * the last row. */
int64_t model_ask(factum_models *models, const char *name, const char *sql, const uint64_t *at);
/* Removes DIR/|under| with everything in it. */
void model_remove(const char *dir, const char *under);

/* The parts. Each returns 0, or 1 for a wrong result. */
int model_target(const char *dir);
int model_load(const char *dir);
int model_catch_up(const char *dir);
int model_rebuild(const char *dir);
int model_fresh(const char *dir);
int model_as_of(const char *dir);
int model_live(const char *port);
#endif
