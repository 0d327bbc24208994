/* model.c - the bench of read models.
 *
 *     model load DIR           creates the store DIR/store with WL_EVENTS events of orders
 *     model catch-up DIR       projections from the start, and a loop written by hand
 *     model rebuild DIR        the act REBUILD, while nothing else happens
 *     model fresh DIR          a wait for a place that was reached; queries
 *     model as-of DIR          queries as of a moment
 *     model live PORT          a server: append to visible, and the cost of "mode sync"
 *     model target DIR         the target alone, without a store
 *
 * Prints rows in the form of workload.h, whose parameters it takes. */
#include "model.h"

#include <sys/wait.h>

/* ---- what the parts share -------------------------------------------------------------------- */

factum_store *model_store_open(const char *dir)
{
    char path[700];
    factum_store *store;
    factum_error err;
    snprintf(path, sizeof path, "%s/store", dir);
    model_must(factum_open(path, NULL, &store, &err), path, &err);
    return store;
}

void model_store_close(factum_store *store)
{
    factum_error err;
    model_must(factum_close(store, &err), "close", &err);
}

uint64_t model_place(factum_store *store)
{
    uint64_t place;
    factum_error err;
    model_must(factum_visible_place(store, &place, &err), "place", &err);
    return place;
}

void model_deploy(factum_store *store, const char *name, const char *mode, const char *host)
{
    char text[1200];
    factum_projection *projection;
    factum_error err;
    snprintf(text, sizeof text,
             "--@ projection %s version 1\n--@ from category order\n--@ mode %s\n--@ host %s\n"
             "--@ tables\n"
             "CREATE TABLE {{%s}} (id TEXT PRIMARY KEY, events BIGINT NOT NULL,\n"
             "    quantity BIGINT NOT NULL, cents BIGINT NOT NULL);\n"
             "--@ on ItemAdded, ItemRemoved, OrderPlaced, OrderShipped\n"
             "INSERT INTO {{%s}} (id, events, quantity, cents)\n"
             "VALUES (:orderId, 1, :quantity, :unitPriceCents)\n"
             "ON CONFLICT (id) DO UPDATE SET events = {{%s}}.events + 1,\n"
             "    quantity = {{%s}}.quantity + excluded.quantity,\n"
             "    cents = {{%s}}.cents + excluded.cents;\n",
             name, mode, host, name, name, name, name, name);
    model_must(factum_projection_load(model_slice(text), NULL, &projection, &err), name, &err);
    model_must(factum_projection_deploy(store, projection, NULL, NULL, &err), name, &err);
    factum_projection_free(projection);
}

factum_models *model_host(factum_store *store, const char *dir, const char *under,
                          const char *const *names, size_t count)
{
    char path[700];
    factum_slice list[8];
    factum_models *models;
    factum_error err;
    snprintf(path, sizeof path, "%s/%s", dir, under);
    for (size_t i = 0; i < count; i++)
        list[i] = model_slice(names[i]);
    factum_models_options options = {.size = sizeof options,
                                     .path = path,
                                     .names = list,
                                     .name_count = count,
                                     .batch_events_max = MODEL_BATCH};
    model_must(factum_models_open(store, &options, &models, &err), path, &err);
    return models;
}

void model_wait(factum_models *models, const char *name, uint64_t place)
{
    factum_error err;
    factum_status status;
    /* a host that has just been opened knows no model yet */
    while ((status = factum_models_wait(models, model_slice(name), place, 60000, NULL, &err)) ==
           FACTUM_NOT_FOUND)
        wl_sleep_until(wl_now() + 200000);
    if (status != FACTUM_OK)
        wl_die(name, err.text);
}

static bool model_no_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data, (void)names, (void)count;
    return true;
}
static bool model_keep_number(void *data, const factum_value *values, size_t count)
{
    (void)count;
    *(int64_t *)data = values[0].integer;
    return true;
}

int64_t model_ask(factum_models *models, const char *name, const char *sql, const uint64_t *at)
{
    int64_t number = -1;
    factum_error err;
    factum_model_answer answer = {.size = sizeof answer};
    factum_rows rows = {&number, model_no_columns, model_keep_number};
    factum_model_query query = {
        .size = sizeof query, .model = model_slice(name), .sql = model_slice(sql)};
    query.at_position_set = at != NULL;
    query.at_position = at != NULL ? *at : 0;
    model_must(factum_models_query(models, &query, &rows, &answer, &err), sql, &err);
    return number;
}

void model_remove(const char *dir, const char *under)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", dir, under);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    int how;
    if (pid < 0 || waitpid(pid, &how, 0) != pid || how != 0)
        wl_die(path, "cannot be removed");
}

/* ---- the store ------------------------------------------------------------------------------- */

int model_load(const char *dir)
{
    enum { COMMIT = 1000 };
    static wl_event events[COMMIT];
    static factum_new_event list[COMMIT];
    static factum_expectation streams[COMMIT]; /* of each stream of the commit, once */
    wl_params_t p = wl_params();
    factum_error err;
    factum_append_result result;
    uint64_t *versions = calloc(p.streams, sizeof *versions);
    /* Number of the commit that wrote it last, from 1. */
    uint32_t *written = calloc(p.streams, sizeof *written);
    wl_writer writer;
    factum_store *store = model_store_open(dir);
    wl_writer_init(&writer, versions, p.streams, 0, 1, 0);
    for (uint32_t done = 0; done < p.events; done += COMMIT) {
        size_t stream_count = 0;
        for (int i = 0; i < COMMIT; i++) {
            wl_event *e = &events[i];
            wl_next(&writer, e);
            list[i] = (factum_new_event){.stream = {(const uint8_t *)e->name, e->name_len},
                                         .type = {(const uint8_t *)e->type, e->type_len},
                                         .data = {(const uint8_t *)e->data, e->data_len},
                                         .metadata = {(const uint8_t *)e->meta, e->meta_len}};
            memcpy(list[i].id.bytes, e->id, 16);
            if (written[e->stream] != done / COMMIT + 1)
                streams[stream_count++] = (factum_expectation){list[i].stream, factum_any()};
            written[e->stream] = done / COMMIT + 1;
        }
        factum_append_request request = {.size = sizeof request,
                                         .events = list,
                                         .event_count = COMMIT,
                                         .expectations = streams,
                                         .expectation_count = stream_count};
        model_must(factum_append(store, &request, &result, NULL, &err), "load", &err);
    }
    model_store_close(store);
    free(versions);
    free(written);
    return 0;
}

/* ---- the parts ------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const char *dir);
    } parts[] = {{"load", model_load},    {"catch-up", model_catch_up}, {"rebuild", model_rebuild},
                 {"fresh", model_fresh},  {"as-of", model_as_of},       {"live", model_live},
                 {"target", model_target}};
    for (size_t i = 0; argc == 3 && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argv[2]);
    }
    fprintf(stderr, "usage: model load|catch-up|rebuild|fresh|as-of|target DIR | live PORT\n");
    return 2;
}
