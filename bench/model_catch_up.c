/* model_catch_up.c - projections that read a store from its start, and a rebuild, beside a loop
 * written by hand that does the same: the public cursor, factum/json.h, prepared statements, a
 * checkpoint in the transaction of each batch; WAL, synchronous=FULL, the same cache. Rounds of all
 * kinds take turns, on new files; each ends when all events are applied. */
#include "model.h"

#include <factum/json.h>
#include <pthread.h>

enum { NODES = 256, HANDS = 3, REPS_MAX = 15 };

/* ---- by hand --------------------------------------------------------------------------------- */

enum work { WORK_READ, WORK_PARSE, WORK_BARE, WORK_ALL }; /* BARE: SQLite without parsing */

struct hand {
    factum_store *store;
    const char *dir;
    int number;
    enum work work;
    sqlite3 *db;
    sqlite3_stmt *begin, *move, *upsert, *commit;
    uint64_t event_count;
    int64_t sum; /* keeps the compiler from leaving work out */
};

static void hand_check(const struct hand *hand, bool good, const char *what)
{
    if (!good)
        wl_die(what, sqlite3_errmsg(hand->db));
}

static void hand_open(struct hand *hand)
{
    char path[700], more[720];
    snprintf(path, sizeof path, "%s/hand%d.db", hand->dir, hand->number);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(more, sizeof more, "%s%s", path, ends[i]);
        unlink(more);
    }
    hand_check(hand,
               sqlite3_open_v2(path, &hand->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                               NULL) == SQLITE_OK,
               path);
    hand_check(hand,
               sqlite3_exec(hand->db,
                            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                            "PRAGMA cache_size=-16384;"
                            "CREATE TABLE point (one INTEGER PRIMARY KEY, position INTEGER);"
                            "INSERT INTO point VALUES (1, 0);"
                            "CREATE TABLE orders (id TEXT PRIMARY KEY, events BIGINT NOT NULL,"
                            " quantity BIGINT NOT NULL, cents BIGINT NOT NULL)",
                            NULL, NULL, NULL) == SQLITE_OK,
               "set up");
    static const char *const sql[] = {
        "BEGIN IMMEDIATE", "UPDATE point SET position = ?1 WHERE one = 1",
        "INSERT INTO orders (id, events, quantity, cents) VALUES (?1, 1, ?2, ?3)"
        " ON CONFLICT (id) DO UPDATE SET events = events + 1,"
        " quantity = quantity + excluded.quantity, cents = cents + excluded.cents",
        "COMMIT"};
    sqlite3_stmt **to[] = {&hand->begin, &hand->move, &hand->upsert, &hand->commit};
    for (int i = 0; i < 4; i++)
        hand_check(hand,
                   sqlite3_prepare_v3(hand->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, to[i],
                                      NULL) == SQLITE_OK,
                   sql[i]);
}

static void hand_step(struct hand *hand, sqlite3_stmt *statement)
{
    hand_check(hand, sqlite3_step(statement) == SQLITE_DONE, "step");
    sqlite3_reset(statement);
}

static void hand_close(struct hand *hand)
{
    sqlite3_stmt *all[] = {hand->begin, hand->move, hand->upsert, hand->commit};
    for (int i = 0; i < 4; i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(hand->db);
}

/* The members that the statement needs. */
static void hand_parse(struct hand *hand, factum_slice data, factum_slice *id, int64_t *quantity,
                       int64_t *cents)
{
    static _Thread_local factum_json_node nodes[NODES];
    factum_json json;
    factum_error err;
    if (factum_json_parse(data, NULL, nodes, NODES, &json, &err) != FACTUM_OK)
        wl_die("parse", err.text);
    uint32_t order = factum_json_find(&json, FACTUM_JSON_ROOT, model_slice("orderId"));
    uint32_t many = factum_json_find(&json, FACTUM_JSON_ROOT, model_slice("quantity"));
    uint32_t price = factum_json_find(&json, FACTUM_JSON_ROOT, model_slice("unitPriceCents"));
    if (factum_json_kind_of(&json, order) != FACTUM_JSON_TEXT ||
        (factum_json_at(&json, order)->flags & FACTUM_JSON_ESCAPED) ||
        factum_json_to_int64(&json, many, quantity) != FACTUM_OK ||
        factum_json_to_int64(&json, price, cents) != FACTUM_OK)
        wl_die("parse", "not an order");
    *id = factum_json_inside(&json, order);
    hand->sum += *quantity;
}

static void hand_event(struct hand *hand, const factum_event *event)
{
    factum_slice id = event->stream;
    int64_t quantity = 1, cents = (int64_t)event->data.len;
    if (hand->work == WORK_ALL || hand->work == WORK_PARSE)
        hand_parse(hand, event->data, &id, &quantity, &cents);
    if (hand->work != WORK_ALL && hand->work != WORK_BARE) {
        hand->sum += id.ptr[0];
        return;
    }
    sqlite3_bind_text(hand->upsert, 1, (const char *)id.ptr, (int)id.len, SQLITE_STATIC);
    sqlite3_bind_int64(hand->upsert, 2, quantity);
    sqlite3_bind_int64(hand->upsert, 3, cents);
    hand_step(hand, hand->upsert);
}

static void *hand_run(void *data)
{
    struct hand *hand = data;
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_CATEGORY, .name = model_slice("order")};
    bool writes = hand->work == WORK_ALL || hand->work == WORK_BARE;
    uint64_t last = 0;
    factum_status status;
    hand_open(hand);
    model_must(factum_read(hand->store, &request, &cursor, &err), "read", &err);
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        if (writes && hand->event_count % MODEL_BATCH == 0)
            hand_step(hand, hand->begin);
        hand_event(hand, &event);
        last = event.position;
        if (++hand->event_count % MODEL_BATCH == 0 && writes) {
            sqlite3_bind_int64(hand->move, 1, (sqlite3_int64)last);
            hand_step(hand, hand->move);
            hand_step(hand, hand->commit);
        }
    }
    model_must(status, "next", &err);
    if (writes && hand->event_count % MODEL_BATCH != 0) {
        sqlite3_bind_int64(hand->move, 1, (sqlite3_int64)last);
        hand_step(hand, hand->move);
        hand_step(hand, hand->commit);
    }
    factum_cursor_close(cursor);
    hand_close(hand);
    return NULL;
}

/* Events a second of |count| loops at once, each on a thread of its own. */
static double by_hand(factum_store *store, const char *dir, int count, enum work work)
{
    struct hand hands[HANDS] = {{NULL}};
    pthread_t threads[HANDS];
    uint64_t from = wl_now(), events = 0;
    for (int i = 0; i < count; i++) {
        hands[i] = (struct hand){.store = store, .dir = dir, .number = i, .work = work};
        if (pthread_create(&threads[i], NULL, hand_run, &hands[i]) != 0)
            wl_die("thread", NULL);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        events += hands[i].event_count;
    }
    return (double)events * 1e9 / (double)(wl_now() - from);
}

/* CPU time of this process, all threads. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- by projections -------------------------------------------------------------------------- */

static const char *const names[HANDS] = {"first", "second", "third"};

static double by_projections(factum_store *store, const char *dir, int count, uint64_t events,
                             uint64_t place)
{
    model_remove(dir, "models");
    uint64_t from = wl_now();
    factum_models *models = model_host(store, dir, "models", names, (size_t)count);
    for (int i = 0; i < count; i++)
        model_wait(models, names[i], place);
    double rate = (double)events * count * 1e9 / (double)(wl_now() - from);
    for (int i = 0; i < count; i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT sum(events) FROM %s", names[i]);
        if (model_ask(models, names[i], sql, NULL) != (int64_t)events)
            wl_die(names[i], "events are missing");
    }
    factum_models_close(models);
    return rate;
}

static void deploy_all(factum_store *store)
{
    for (int i = 0; i < HANDS; i++)
        model_deploy(store, names[i], "async", "bench");
}

enum kind { READ, PARSE, BARE, HAND, ONE, HAND3, THREE, KINDS };

static double run_kind(factum_store *store, const char *dir, enum kind kind, uint64_t events,
                       uint64_t place)
{
    switch (kind) {
    case READ:
        return by_hand(store, dir, 1, WORK_READ);
    case PARSE:
        return by_hand(store, dir, 1, WORK_PARSE);
    case BARE:
        return by_hand(store, dir, 1, WORK_BARE);
    case HAND:
        return by_hand(store, dir, 1, WORK_ALL);
    case HAND3:
        return by_hand(store, dir, HANDS, WORK_ALL);
    case ONE:
        return by_projections(store, dir, 1, events, place);
    default:
        return by_projections(store, dir, HANDS, events, place);
    }
}

static void emit_ratio(const char *metric, const char *param, double rate[KINDS][REPS_MAX],
                       enum kind ours, enum kind hand, int reps)
{
    double ratio[REPS_MAX];
    for (int i = 0; i < reps; i++)
        ratio[i] = rate[ours][i] / rate[hand][i];
    if (ratio[0] > 0)
        wl_emit_reps("factum", metric, param, ratio, reps, "");
}

/* WL_APPENDS: only these kinds, by the words of |key|. */
int model_catch_up(const char *dir)
{
    static const char *const key[] = {"read", "parse", "bare", "hand", "one", "hand3", "three"};
    static const char *const who[] = {"hand", "hand", "hand", "hand", "factum", "hand", "factum"};
    static const char *const what[] = {"read only",        "read and parse", "SQLite, no parsing",
                                       "one projection",   "one projection", "three projections",
                                       "three projections"};
    wl_params_t p = wl_params();
    static double rate[KINDS][REPS_MAX], cpu[KINDS][REPS_MAX];
    int reps = p.reps < REPS_MAX ? p.reps : REPS_MAX;
    factum_store *store = model_store_open(dir);
    deploy_all(store);
    uint64_t place = model_place(store);
    by_hand(store, dir, 1, WORK_READ); /* brings the pages into memory */
    for (int i = 0; i < reps; i++) {
        for (int k = 0; k < KINDS; k++) {
            int kind = i % 2 ? KINDS - 1 - k : k;
            double from = cpu_seconds();
            if (!wl_wanted(key[kind]))
                continue;
            rate[kind][i] = run_kind(store, dir, (enum kind)kind, p.events, place);
            cpu[kind][i] = p.events * (kind >= HAND3 ? HANDS : 1) / (cpu_seconds() - from);
        }
    }
    emit_ratio("catch_up_ratio", "one projection", rate, ONE, HAND, reps);
    emit_ratio("catch_up_ratio", "three projections", rate, THREE, HAND3, reps);
    emit_ratio("catch_up_cpu_ratio", "one projection", cpu, ONE, HAND, reps);
    emit_ratio("catch_up_cpu_ratio", "three projections", cpu, THREE, HAND3, reps);
    for (int k = 0; k < KINDS; k++) {
        if (!wl_wanted(key[k]))
            continue;
        wl_emit_reps(who[k], "catch_up", what[k], rate[k], reps, "events/s");
        wl_emit_reps(who[k], "catch_up_cpu", what[k], cpu[k], reps, "events a CPU second");
    }
    model_store_close(store);
    return 0;
}

/* ---- a rebuild ------------------------------------------------------------------------------- */

struct building {
    bool there;
    bool live;
    uint64_t place;
};

static bool look_for_building(void *data, const factum_build_status *status)
{
    struct building *building = data;
    if (!status->in_use && status->place >= building->place) {
        building->live = true;
    }
    building->there = building->there || !status->in_use;
    return true;
}

/* Waits until the build beside the version in use has every event. */
static void wait_for_building(factum_models *models, const char *name, uint64_t place)
{
    struct building building = {.place = place};
    factum_build_each each = {&building, look_for_building};
    factum_error err;
    while (!building.live) {
        model_must(factum_models_list(models, model_slice(name), &each, &err), "list", &err);
        wl_sleep_until(wl_now() + 10000000);
    }
}

int model_rebuild(const char *dir)
{
    wl_params_t p = wl_params();
    double rate[REPS_MAX], cpu[REPS_MAX];
    int reps = p.reps < REPS_MAX ? p.reps : REPS_MAX;
    factum_error err;
    factum_act_result done = {.size = sizeof done};
    factum_store *store = model_store_open(dir);
    uint64_t place = model_place(store);
    model_remove(dir, "models");
    for (int i = 0; i < reps; i++) {
        /* one name for each round, so that no other build exists beside the version in use */
        char name[32], sql[80];
        const char *const only = name;
        snprintf(name, sizeof name, "rebuilt%d", i);
        snprintf(sql, sizeof sql, "SELECT sum(events) FROM %s", name);
        model_deploy(store, name, "async", "bench");
        factum_models *models = model_host(store, dir, "models", &only, 1);
        model_wait(models, name, place);
        factum_act_request request = {
            .size = sizeof request, .act = FACTUM_ACT_REBUILD, .projection = model_slice(name)};
        uint64_t from = wl_now();
        double cpu_from = cpu_seconds();
        model_must(factum_projection_act_record(store, &request, &done, &err), "rebuild", &err);
        wait_for_building(models, name, place);
        cpu[i] = p.events / (cpu_seconds() - cpu_from);
        rate[i] = (double)p.events * 1e9 / (double)(wl_now() - from);
        request.act = FACTUM_ACT_SWAP;
        model_must(factum_projection_act_record(store, &request, &done, &err), "swap", &err);
        if (factum_models_act_wait(models, model_slice(name), done.revision, 30000, &err) !=
            FACTUM_OK)
            wl_die("swap", err.text);
        if (model_ask(models, name, sql, NULL) != (int64_t)p.events)
            wl_die("rebuild", "events are missing");
        factum_models_close(models);
        model_remove(dir, "models");
    }
    wl_emit_reps("factum", "rebuild", "one projection", rate, reps, "events/s");
    wl_emit_reps("factum", "rebuild_cpu", "one projection", cpu, reps, "events a CPU second");
    model_store_close(store);
    return 0;
}
