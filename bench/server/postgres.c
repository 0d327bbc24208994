/* postgres.c - the client of PostgreSQL with an append function, postgres.sql.
 *
 * One append, which is a transaction, is in flight on a connection. The load is COPY, the fastest
 * way in. A live append notifies; a subscriber listens, and reads the new events.
 */
#ifdef WITH_POSTGRES
#include "door.h"

#include <libpq-fe.h>
#include <poll.h>

struct client {
    PGconn *pg;
    uint64_t tag;
    char from[32]; /* the position after which a subscriber reads */
};

static void checked(PGconn *pg, PGresult *result, const char *what)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        wl_die(what, PQerrorMessage(pg));
    PQclear(result);
}

#define EVENTS_AFTER                                                                               \
    "SELECT position, stream, version, type, data, meta FROM events WHERE position > $1 ORDER BY " \
    "position LIMIT 1000"
#define EVENTS_OF                                                                                  \
    "SELECT position, stream, version, type, data, meta FROM events WHERE stream = $1 ORDER BY "   \
    "version"
enum { COLUMN_POSITION = 0, COLUMN_DATA = 4, COLUMN_META = 5 };

static void *postgres_dial(void)
{
    static const char *const statements[][2] = {
        {"append", "SELECT append_event($1,$2,$3,$4,$5,$6)"},
        {"notify", "SELECT notify_append($1,$2,$3,$4,$5,$6)"},
        {"after", EVENTS_AFTER},
        {"stream", EVENTS_OF},
    };
    char info[160];
    snprintf(info, sizeof info,
             "host=127.0.0.1 port=%d user=postgres dbname=postgres connect_timeout=2", port);
    PGconn *pg = PQconnectdb(info);
    if (PQstatus(pg) != CONNECTION_OK) {
        PQfinish(pg);
        return NULL;
    }
    struct client *client = calloc(1, sizeof *client);
    client->pg = pg;
    PGresult *there = PQexec(pg, "SELECT 1 FROM pg_proc WHERE proname = 'notify_append'");
    bool made = PQntuples(there) == 1;
    PQclear(there);
    for (size_t i = 0; made && i < 4; i++)
        checked(pg, PQprepare(pg, statements[i][0], statements[i][1], 0, NULL), "prepare");
    return client;
}

static void postgres_hangup(void *conn)
{
    struct client *client = conn;
    PQfinish(client->pg);
    free(client);
}

static int postgres_fd(void *conn)
{
    return PQsocket(((struct client *)conn)->pg);
}

static void postgres_put(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode)
{
    struct client *client = conn;
    uint64_t expected = __builtin_bswap64(event->version - 1);
    const char *values[6] = {event->name, (char *)&expected, (const char *)event->id,
                             event->type, event->data,       event->meta};
    const int sizes[6] = {0, 8, 16, 0, 0, 0}, formats[6] = {0, 1, 1, 0, 0, 0};
    if (!PQsendQueryPrepared(client->pg, mode == PUT_LIVE ? "notify" : "append", 6, values, sizes,
                             formats, 1))
        wl_die("append", PQerrorMessage(client->pg));
    client->tag = tag;
}

static void postgres_flush(void *conn)
{
    PQflush(((struct client *)conn)->pg);
}

static void postgres_take(void *conn)
{
    struct client *client = conn;
    if (!PQconsumeInput(client->pg))
        wl_die("append", PQerrorMessage(client->pg));
    while (!PQisBusy(client->pg)) {
        PGresult *result = PQgetResult(client->pg);
        if (!result) {
            acked(client->tag);
            break;
        }
        checked(client->pg, result, "append");
    }
}

static void postgres_prepare(void *conn)
{
    PGconn *pg = ((struct client *)conn)->pg;
    checked(pg, PQexec(pg, "TRUNCATE events RESTART IDENTITY"), "truncate");
}

static bool postgres_first(void *conn)
{
    PGconn *pg = ((struct client *)conn)->pg;
    PGresult *result = PQexec(pg, "SELECT data FROM events WHERE position = 1");
    bool there = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    PQclear(result);
    return there;
}

static void copy_out(PGconn *pg, char *rows, size_t *size, bool end)
{
    if (PQputCopyData(pg, rows, (int)*size) != 1)
        wl_die("copy", PQerrorMessage(pg));
    *size = 0;
    if (!end)
        return;
    if (PQputCopyEnd(pg, NULL) != 1)
        wl_die("copy", PQerrorMessage(pg));
    for (PGresult *result; (result = PQgetResult(pg));)
        checked(pg, result, "copy");
}

static void postgres_load(void *conn)
{
    enum { ROWS_SIZE = 1 << 20, TRANSACTION = 10000 };
    PGconn *pg = ((struct client *)conn)->pg;
    uint32_t *plan = wl_load_plan(params.streams, params.events);
    uint64_t *versions = calloc(WL_ALL_STREAMS(params.streams), sizeof *versions);
    char *rows = malloc(ROWS_SIZE);
    size_t size = 0;
    wl_init(); /* its offsets belong to this file */
    postgres_prepare(conn);
    for (uint32_t i = 0; i < params.events; i++) {
        if (i % TRANSACTION == 0)
            PQclear(PQexec(pg, "COPY events(stream, version, id, type, data, meta) FROM STDIN"));
        wl_event event;
        char id[33] = "";
        wl_make(&event, i, plan[i], versions[plan[i]]++);
        for (int k = 0; k < 16; k++)
            wl_hex(id + 2 * k, 2, event.id[k]);
        size += (size_t)snprintf(rows + size, 1024, "%s\t%" PRIu64 "\t%s\t%s\t%s\t%s\n", event.name,
                                 event.version, id, event.type, event.data, event.meta);
        bool end = i % TRANSACTION == TRANSACTION - 1 || i + 1 == params.events;
        if (size > ROWS_SIZE - 2048 || end)
            copy_out(pg, rows, &size, end);
    }
    free(plan);
    free(versions);
    free(rows);
}

static void postgres_loaded(void *conn)
{
    PGconn *pg = ((struct client *)conn)->pg;
    checked(pg, PQexec(pg, "VACUUM ANALYZE events"), "vacuum");
}

static int rows_of(PGconn *pg, const char *statement, const char *value, PGresult **result)
{
    *result = PQexecPrepared(pg, statement, 1, &value, NULL, NULL, 0);
    if (PQresultStatus(*result) != PGRES_TUPLES_OK)
        wl_die("read", PQerrorMessage(pg));
    return PQntuples(*result);
}

static void consume(const PGresult *result, int row, wl_sink *sink)
{
    wl_consume(sink, PQgetvalue(result, row, COLUMN_DATA),
               (size_t)PQgetlength(result, row, COLUMN_DATA), PQgetvalue(result, row, COLUMN_META),
               (size_t)PQgetlength(result, row, COLUMN_META));
}

static void postgres_replay(void *conn, wl_sink *sink)
{
    char from[32] = "0";
    for (int n = 1000; n == 1000;) {
        PGresult *result;
        n = rows_of(((struct client *)conn)->pg, "after", from, &result);
        for (int i = 0; i < n; i++)
            consume(result, i, sink);
        if (n)
            snprintf(from, sizeof from, "%s", PQgetvalue(result, n - 1, COLUMN_POSITION));
        PQclear(result);
    }
}

static void postgres_stream(void *conn, const char *name, wl_sink *sink)
{
    PGresult *result;
    int n = rows_of(((struct client *)conn)->pg, "stream", name, &result);
    for (int i = 0; i < n; i++)
        consume(result, i, sink);
    PQclear(result);
}

static void postgres_subscribe(void *conn, const char *stream)
{
    struct client *client = conn;
    (void)stream;
    PGresult *result = PQexec(client->pg, "SELECT coalesce(max(position), 0) FROM events");
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        wl_die("subscribe", PQerrorMessage(client->pg));
    snprintf(client->from, sizeof client->from, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    checked(client->pg, PQexec(client->pg, "LISTEN events"), "listen");
}

static bool notified(PGconn *pg)
{
    bool any = false;
    for (PGnotify *notify; (notify = PQnotifies(pg)); any = true)
        PQfreemem(notify);
    return any;
}

static void postgres_news(void *conn)
{
    struct client *client = conn;
    if (poll(&(struct pollfd){.fd = PQsocket(client->pg), .events = POLLIN}, 1, 3000) <= 0)
        wl_die("listen", "no event in 3 s");
    if (!PQconsumeInput(client->pg))
        wl_die("listen", PQerrorMessage(client->pg));
    while (notified(client->pg)) {
        PGresult *result;
        int n = rows_of(client->pg, "after", client->from, &result);
        for (int i = 0; i < n; i++)
            arrived(PQgetvalue(result, i, COLUMN_DATA),
                    (size_t)PQgetlength(result, i, COLUMN_DATA));
        if (n)
            snprintf(client->from, sizeof client->from, "%s",
                     PQgetvalue(result, n - 1, COLUMN_POSITION));
        PQclear(result);
    }
}

const struct door postgres_door = {
    .name = "postgres",
    .one_a_connection = true,
    .dial = postgres_dial,
    .hangup = postgres_hangup,
    .fd = postgres_fd,
    .put = postgres_put,
    .flush = postgres_flush,
    .take = postgres_take,
    .first = postgres_first,
    .prepare = postgres_prepare,
    .load = postgres_load,
    .loaded = postgres_loaded,
    .replay = postgres_replay,
    .stream = postgres_stream,
    .subscribe = postgres_subscribe,
    .news = postgres_news,
};
#endif
