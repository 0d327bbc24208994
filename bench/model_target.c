/* model_target.c - the cost of the target of read models compared with a loop over prepared
 * statements, without the events of a store.
 *
 * Both upsert the same rows of 20,000 orders, one for each event, in batches of 500 and of
 * 5,000, each a transaction that moves a checkpoint first; WAL, synchronous=FULL, the same
 * cache. They take turns in one run, on files of their own; the table shows medians of the
 * rounds and their ratio. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/slice.h"
#include "model.h"
#include "projection/sqlite_target.h"

enum { ROUNDS = 7, ORDERS = 20000, COLUMNS = 3, BATCH_MAX = 5000 };

/* A slice of a literal, as a static initializer. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static const char insert_before[] = "INSERT INTO ";
static const char insert_after[] = " (id, customer, total) VALUES (";
static const char insert_end[] = ") ON CONFLICT (id) DO UPDATE SET total = total + excluded.total";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(bool good, const char *what, const char *text)
{
    if (!good) {
        fprintf(stderr, "model: %s: %s\n", what, text);
        exit(1);
    }
}

/* ---- the events ------------------------------------------------------------------------------ */

static char ids[ORDERS][16];
static factum_value values[BATCH_MAX][COLUMNS];
static struct fct_bound bounds[BATCH_MAX];
static struct fct_bound_event events[BATCH_MAX];

static void fill(unsigned *random, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *random = *random * 1664525u + 1013904223u;
        const char *id = ids[(*random >> 8) % ORDERS];
        values[i][0] = (factum_value){.kind = FACTUM_VALUE_TEXT, .bytes = factum_slice_from(id)};
        values[i][1] =
            (factum_value){.kind = FACTUM_VALUE_TEXT, .bytes = FCT_SLICE("customer-0000042")};
        values[i][2] = (factum_value){.kind = FACTUM_VALUE_INTEGER, .integer = *random >> 20};
    }
}

/* ---- by hand --------------------------------------------------------------------------------- */

struct hand {
    sqlite3 *db;
    sqlite3_stmt *begin, *move, *upsert, *commit;
    int64_t position;
};

static void hand_open(struct hand *hand, const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/hand.db", dir);
    check(sqlite3_open_v2(path, &hand->db,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                          NULL) == SQLITE_OK,
          path, "open");
    const char *setup =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384;"
        "CREATE TABLE point (name TEXT PRIMARY KEY, position INTEGER, epoch INTEGER);"
        "INSERT INTO point VALUES ('orders', 0, 1);"
        "CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL, total BIGINT NOT NULL)";
    check(sqlite3_exec(hand->db, setup, NULL, NULL, NULL) == SQLITE_OK, "set up",
          sqlite3_errmsg(hand->db));
    char upsert[300];
    snprintf(upsert, sizeof upsert, "%sorders%s?1, ?2, ?3%s", insert_before, insert_after,
             insert_end);
    const char *sql[] = {"BEGIN IMMEDIATE",
                         "UPDATE point SET position = ?1 WHERE name = 'orders' AND position = ?2"
                         " AND epoch = 1",
                         upsert, "COMMIT"};
    sqlite3_stmt **to[] = {&hand->begin, &hand->move, &hand->upsert, &hand->commit};
    for (int i = 0; i < 4; i++) {
        check(sqlite3_prepare_v3(hand->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, to[i], NULL) ==
                  SQLITE_OK,
              sql[i], sqlite3_errmsg(hand->db));
    }
}

static void hand_step(struct hand *hand, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    check(code == SQLITE_DONE, "step", sqlite3_errmsg(hand->db));
    sqlite3_reset(statement);
}

static void hand_batch(struct hand *hand, size_t count)
{
    hand_step(hand, hand->begin);
    sqlite3_bind_int64(hand->move, 1, hand->position + 1);
    sqlite3_bind_int64(hand->move, 2, hand->position++);
    hand_step(hand, hand->move);
    for (size_t i = 0; i < count; i++) {
        const factum_value *row = values[i];
        sqlite3_bind_text(hand->upsert, 1, (const char *)row[0].bytes.ptr, (int)row[0].bytes.len,
                          SQLITE_STATIC);
        sqlite3_bind_text(hand->upsert, 2, (const char *)row[1].bytes.ptr, (int)row[1].bytes.len,
                          SQLITE_STATIC);
        sqlite3_bind_int64(hand->upsert, 3, row[2].integer);
        hand_step(hand, hand->upsert);
    }
    hand_step(hand, hand->commit);
}

/* ---- by the target --------------------------------------------------------------------------- */

static const struct fct_part table_parts[] = {
    {.kind = FCT_PART_TEXT, .text = TEXT("CREATE TABLE ")},
    {.kind = FCT_PART_TEMPLATE, .text = TEXT("orders")},
    {.kind = FCT_PART_TEXT,
     .text = TEXT(" (id TEXT PRIMARY KEY, customer TEXT NOT NULL, total BIGINT NOT NULL)")},
};
static struct fct_part upsert_parts[] = {
    {.kind = FCT_PART_TEXT},
    {.kind = FCT_PART_TEMPLATE, .text = TEXT("orders")},
    {.kind = FCT_PART_TEXT},
    {.kind = FCT_PART_PARAMETER, .parameter = 0},
    {.kind = FCT_PART_TEXT, .text = TEXT(", ")},
    {.kind = FCT_PART_PARAMETER, .parameter = 1},
    {.kind = FCT_PART_TEXT, .text = TEXT(", ")},
    {.kind = FCT_PART_PARAMETER, .parameter = 2},
    {.kind = FCT_PART_TEXT},
};
static const struct fct_relation relation = {.statement = {.parts = table_parts, .part_count = 3}};
static const struct fct_statement upsert = {.parts = upsert_parts, .part_count = 9};
static const struct fct_parameter parameters[COLUMNS];
static const struct fct_handler handler = {.statements = &upsert,
                                           .statement_count = 1,
                                           .parameters = parameters,
                                           .parameter_count = COLUMNS};
static const struct fct_definition definition = {.file = TEXT("bench.sql"),
                                                 .relations = &relation,
                                                 .relation_count = 1,
                                                 .handlers = &handler,
                                                 .handler_count = 1};

struct ours {
    struct fct_model_file *file;
    struct fct_target *target;
    struct fct_checkpoint at;
};

static void ours_open(struct ours *ours, const char *dir)
{
    factum_error err = {.text = ""};
    const struct fct_build build = {1, 1};
    const struct fct_model_file_options options = {.dir = dir,
                                                   .name = FCT_SLICE("orders"),
                                                   .write = true,
                                                   .mem = fct_mem_heap(),
                                                   .os = fct_os_real()};
    upsert_parts[0].text = factum_slice_from(insert_before);
    upsert_parts[2].text = factum_slice_from(insert_after);
    upsert_parts[8].text = factum_slice_from(insert_end);
    for (size_t i = 0; i < BATCH_MAX; i++) {
        bounds[i] = (struct fct_bound){.handler = &handler, .values = values[i], .row_count = 1};
        events[i] = (struct fct_bound_event){.bound = &bounds[i], .bound_count = 1};
    }
    check(fct_model_file_open(&options, &ours->file, &err) == FACTUM_OK &&
              fct_model_build_create(ours->file, &definition, build, &err) == FACTUM_OK &&
              fct_sqlite_target_open(ours->file, &definition, build, &ours->target, &err) ==
                  FACTUM_OK &&
              ours->target->ops->take_over(ours->target, &ours->at, &err) == FACTUM_OK,
          "the model", err.text);
}

static void ours_batch(struct ours *ours, size_t count)
{
    factum_error err = {.text = ""};
    const struct fct_target_ops *ops = ours->target->ops;
    struct fct_checkpoint to = ours->at;
    to.position++;
    to.event_count += count;
    factum_status status = ops->begin(ours->target, &ours->at, &to, &err);
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = ops->apply(ours->target, &events[i], &err);
    }
    status = status == FACTUM_OK ? ops->commit(ours->target, &err) : status;
    check(status == FACTUM_OK, "a batch", err.text);
    ours->at = to;
}

/* ---- by turns -------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct hand *hand, struct ours *ours, size_t batch, size_t event_count)
{
    double rate[2][ROUNDS], ratio[ROUNDS];
    unsigned random[2] = {7, 7};
    for (int round = 0; round < ROUNDS; round++) {
        for (int turn = 0; turn < 2; turn++) {
            int which = (round + turn) % 2;
            double spent = 0;
            for (size_t done = 0; done < event_count; done += batch) {
                fill(&random[which], batch);
                double from = now();
                if (which == 0) {
                    hand_batch(hand, batch);
                } else {
                    ours_batch(ours, batch);
                }
                spent += now() - from;
            }
            rate[which][round] = (double)event_count / spent;
        }
        ratio[round] = rate[1][round] / rate[0][round];
    }
    qsort(rate[0], ROUNDS, sizeof(double), by_size);
    qsort(rate[1], ROUNDS, sizeof(double), by_size);
    qsort(ratio, ROUNDS, sizeof(double), by_size);
    printf("batch %5zu: by hand %8.0f events/s, target %8.0f events/s, ratio %.3f (%.3f to %.3f)\n",
           batch, rate[0][ROUNDS / 2], rate[1][ROUNDS / 2], ratio[ROUNDS / 2], ratio[0],
           ratio[ROUNDS - 1]);
}

int model_target(const char *dir)
{
    struct hand hand = {.position = 0};
    struct ours ours = {.file = NULL};
    size_t event_count = (size_t)wl_env("WL_EVENTS", 1000000) / 5;
    for (size_t i = 0; i < ORDERS; i++) {
        snprintf(ids[i], sizeof ids[i], "order-%06zu", i);
    }
    hand_open(&hand, dir);
    ours_open(&ours, dir);
    measure(&hand, &ours, 500, event_count);
    measure(&hand, &ours, 5000, event_count);
    ours.target->ops->close(ours.target);
    fct_model_file_close(ours.file);
    return 0;
}
