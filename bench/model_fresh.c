/* model_fresh.c - the cost of reading a model: a wait for a place that it has reached, small
 * queries one after another and from two threads, and queries as of a moment. */
#include "model.h"

#include <pthread.h>

enum { REPS_MAX = 15 };

static const char *const name = "first";

static int reps_of(const wl_params_t *p)
{
    return p->reps < REPS_MAX ? p->reps : REPS_MAX;
}

/* ---- a wait for a place that was reached ----------------------------------------------------- */

static double wait_ns(factum_models *models, uint64_t place)
{
    enum { WAITS = 200000 };
    factum_error err;
    uint64_t from = wl_now();
    for (int i = 0; i < WAITS; i++) {
        if (factum_models_wait(models, model_slice(name), place, 0, NULL, &err) != FACTUM_OK)
            wl_die("wait", err.text);
    }
    return (double)(wl_now() - from) / WAITS;
}

/* ---- queries --------------------------------------------------------------------------------- */

struct asker {
    factum_models *models;
    double secs;
    uint64_t count;
};

static void *ask_away(void *data)
{
    struct asker *asker = data;
    uint64_t until = wl_now() + (uint64_t)(asker->secs * 1e9);
    char sql[120];
    while (wl_now() < until) {
        snprintf(sql, sizeof sql, "SELECT events FROM first WHERE id = 'order-%08u'",
                 (unsigned)(wl_mix(asker->count) % 10000));
        if (model_ask(asker->models, name, sql, NULL) < 0)
            wl_die("query", "no row");
        asker->count++;
    }
    return NULL;
}

static double ask_rate(factum_models *models, int threads, double secs)
{
    struct asker askers[16];
    pthread_t ids[16];
    uint64_t count = 0;
    uint64_t from = wl_now();
    for (int i = 0; i < threads; i++) {
        askers[i] = (struct asker){.models = models, .secs = secs};
        if (pthread_create(&ids[i], NULL, ask_away, &askers[i]) != 0)
            wl_die("thread", NULL);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        count += askers[i].count;
    }
    return (double)count * 1e9 / (double)(wl_now() - from);
}

/* The same rows from SQLite alone, with a statement that is prepared each time. */
static double ask_sqlite(const char *dir, double secs)
{
    char path[700], sql[120];
    sqlite3 *db;
    uint64_t count = 0, from = wl_now(), until = from + (uint64_t)(secs * 1e9);
    snprintf(path, sizeof path, "%s/models/%s.db", dir, name);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        wl_die(path, sqlite3_errmsg(db));
    while (wl_now() < until) {
        sqlite3_stmt *statement;
        snprintf(sql, sizeof sql, "SELECT events FROM first WHERE id = 'order-%08u'",
                 (unsigned)(wl_mix(count) % 10000));
        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
            sqlite3_step(statement) != SQLITE_ROW)
            wl_die(sql, sqlite3_errmsg(db));
        sqlite3_finalize(statement);
        count++;
    }
    sqlite3_close(db);
    return (double)count * 1e9 / (double)(wl_now() - from);
}

int model_fresh(const char *dir)
{
    wl_params_t p = wl_params();
    double wait[REPS_MAX], one[REPS_MAX], two[REPS_MAX], alone[REPS_MAX];
    int reps = reps_of(&p);
    factum_store *store = model_store_open(dir);
    uint64_t place = model_place(store);
    model_deploy(store, name, "async", "bench");
    factum_models *models = model_host(store, dir, "models", &name, 1);
    model_wait(models, name, place);
    for (int i = 0; i < reps; i++) {
        wait[i] = wait_ns(models, place);
        one[i] = ask_rate(models, 1, p.secs);
        two[i] = ask_rate(models, 2, p.secs);
        alone[i] = ask_sqlite(dir, p.secs);
    }
    wl_emit_reps("factum", "wait", "already there", wait, reps, "ns");
    wl_emit_reps("factum", "model_query", "1 thread", one, reps, "queries/s");
    wl_emit_reps("factum", "model_query", "2 threads", two, reps, "queries/s");
    wl_emit_reps("sqlite", "model_query", "1 thread", alone, reps, "queries/s");
    factum_models_close(models);
    model_store_close(store);
    return 0;
}

/* ---- as of a moment -------------------------------------------------------------------------- */

/* Milliseconds of a query as of |place|. */
static double as_of_ms(factum_models *models, uint64_t place, int64_t *events)
{
    uint64_t from = wl_now();
    *events = model_ask(models, name, "SELECT sum(events) FROM first", &place);
    return (double)(wl_now() - from) / 1e6;
}

/* The position of the event |back| before the last one of the orders. */
static uint64_t position_before_end(factum_store *store, uint64_t back)
{
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    factum_read_request request = {.size = sizeof request,
                                   .source = FACTUM_SOURCE_CATEGORY,
                                   .name = model_slice("order"),
                                   .from = FACTUM_FROM_END,
                                   .backwards = true,
                                   .count_max = back + 1};
    uint64_t position = 0;
    factum_status status;
    model_must(factum_read(store, &request, &cursor, &err), "read", &err);
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK)
        position = event.position;
    model_must(status, "next", &err);
    factum_cursor_close(cursor);
    return position;
}

int model_as_of(const char *dir)
{
    wl_params_t p = wl_params();
    double first[REPS_MAX], again[REPS_MAX], near[REPS_MAX], back[REPS_MAX];
    int reps = reps_of(&p);
    int64_t n = 0;
    factum_store *store = model_store_open(dir);
    model_deploy(store, name, "async", "bench");
    uint64_t end = position_before_end(store, 1000), later = position_before_end(store, 0),
             before = position_before_end(store, 2000);
    for (int i = 0; i < reps; i++) {
        factum_models *models = model_host(store, dir, "models", &name, 1);
        model_wait(models, name, later);
        first[i] = as_of_ms(models, end, &n);
        bool right = n == (int64_t)p.events - 1000;
        again[i] = as_of_ms(models, end, &n);
        right = right && n == (int64_t)p.events - 1000;
        near[i] = as_of_ms(models, later, &n);
        right = right && n == (int64_t)p.events;
        back[i] = as_of_ms(models, before, &n);
        right = right && n == (int64_t)p.events - 2000;
        if (!right)
            wl_die("as of", "wrong count of events");
        factum_models_close(models);
    }
    wl_emit_reps("factum", "as_of", "first question, near the end", first, reps, "ms");
    wl_emit_reps("factum", "as_of", "the same moment again", again, reps, "ms");
    wl_emit_reps("factum", "as_of", "1,000 events later", near, reps, "ms");
    wl_emit_reps("factum", "as_of", "2,000 events earlier", back, reps, "ms");
    model_store_close(store);
    return 0;
}
