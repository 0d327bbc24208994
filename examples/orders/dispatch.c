/* dispatch.c - orders-dispatch: a projection in C with a database of its own. Layer: example,
 * public API only.
 *
 *     orders-dispatch STORE DATABASE [SECONDS]
 *
 * Keeps three tables of the SQLite file DATABASE up to date from the events of STORE, each event
 * exactly once (<factum/delivery.h>), then prints them and ends; a second run continues where the
 * first one ended.
 *
 *     receipts  the payments of each order. The bank repeats its messages: PaymentReceived with a
 *               paymentId that came before changes nothing (the inbox).
 *     parcels   the state of each parcel. The carrier's ParcelDelivered, in the stream
 *               parcel-<id>, may be stored before the shop's OrderShipped, which names the order
 *               of the parcel. It waits for that (the resequencer), until events come that were
 *               recorded SECONDS later (3,600). Then it is parked:
 *     late      deliveries of parcels that nobody has shipped.
 *
 * Invariants:
 *  1. The effects of an event, the ids that it takes, and the checkpoint are one transaction.
 *  2. The checkpoint stays before the first event that waits in the resequencer. So no event is
 *     lost with the process; waiting events, and those after them, are given again, and change
 *     nothing the second time.
 *  3. The only clock is the time at which events were recorded: two runs over the same events
 *     park the same. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/factum.h>

#include "dispatch_db.h"
#include "order.gen.h"

#define SECOND 1e9
#define NODES_MAX 256                 /* values in the data of an event */
#define TEXTS_MAX ((size_t)64 * 1024) /* bytes of its texts */
#define PARCEL_PREFIX (sizeof "parcel-" - 1)

struct dispatch {
    sqlite3 *db;
    factum_resequencer *resequencer; /* NULL: dispatch_again could not make it */
    int64_t wait_max;                /* ns */
    factum_json_node nodes[NODES_MAX];
    factum_arena arena;
};

static bool is_type(const factum_event *event, const char *type)
{
    return event->type.len == strlen(type) && memcmp(event->type.ptr, type, event->type.len) == 0;
}

/* ---- payments: the inbox --------------------------------------------------------------------- */

static factum_status take_payment(struct dispatch *d, const factum_event *event,
                                  const order_payment_received *payment, factum_error *err)
{
    const factum_inbox_message message = {
        .size = sizeof message,
        .consumer = factum_slice_from("receipts"),
        .id = payment->paymentId,
        .position = event->position,
    };
    factum_status status = dispatch_begin(d->db, err);
    if (status == FACTUM_OK) {
        status = factum_inbox_take(d->db, &message, err);
    }
    if (status != FACTUM_OK) {
        return status == FACTUM_EXISTS ? FACTUM_OK : status; /* a repetition has no effect */
    }
    const struct dispatch_values values = {.texts = {event->stream},
                                           .text_count = 1,
                                           .number = payment->amountCents,
                                           .number_set = true};
    return dispatch_run(d->db,
                        "INSERT INTO receipts VALUES (?1, 1, ?2) ON CONFLICT (order_id) DO UPDATE"
                        " SET payments = payments + 1, cents = cents + excluded.cents",
                        &values, NULL, err);
}

/* ---- parcels: the resequencer ---------------------------------------------------------------- */

static factum_slice parcel_of(factum_slice stream)
{
    return (factum_slice){stream.ptr + PARCEL_PREFIX, stream.len - PARCEL_PREFIX};
}

static bool has_row(struct dispatch *d, const char *sql, factum_slice parcel)
{
    factum_error err;
    const struct dispatch_values values = {.texts = {parcel}, .text_count = 1};
    int64_t found = -1;
    return dispatch_run(d->db, sql, &values, &found, &err) == FACTUM_OK && found == 1;
}

/* Is the order of the parcel known? If the query fails, the event waits and is asked about
 * again. */
static factum_turn parcel_turn(void *data, const factum_sequenced *item)
{
    struct dispatch *d = data;
    factum_slice parcel = parcel_of(item->key);
    if (has_row(d, "SELECT 1 FROM parcels WHERE parcel = ?1", parcel)) {
        return FACTUM_TURN_NOW;
    }
    return has_row(d, "SELECT 1 FROM late WHERE parcel = ?1", parcel) ? FACTUM_TURN_PARK
                                                                      : FACTUM_TURN_WAIT;
}

static factum_status parcel_delivered(void *data, const factum_sequenced *item, factum_error *err)
{
    struct dispatch *d = data;
    const struct dispatch_values values = {.texts = {parcel_of(item->key)}, .text_count = 1};
    return dispatch_run(d->db, "UPDATE parcels SET state = 'delivered' WHERE parcel = ?1", &values,
                        NULL, err);
}

static factum_status parcel_late(void *data, const factum_sequenced *item,
                                 factum_park_reason reason, factum_error *err)
{
    struct dispatch *d = data;
    const char *why = reason == FACTUM_PARK_LATE   ? "nobody has shipped it"
                      : reason == FACTUM_PARK_ROOM ? "too many wait"
                                                   : "an earlier event of it is here";
    const struct dispatch_values values = {.texts = {parcel_of(item->key), factum_slice_from(why)},
                                           .text_count = 2,
                                           .number = (int64_t)item->event->position,
                                           .number_set = true};
    return dispatch_run(d->db,
                        "INSERT OR IGNORE INTO late (parcel, reason, position)"
                        " VALUES (?1, ?2, ?3)",
                        &values, NULL, err);
}

static factum_status ship_parcel(struct dispatch *d, const factum_event *event,
                                 const order_shipped *shipped, factum_error *err)
{
    if (!shipped->has_parcel) {
        return FACTUM_OK;
    }
    const struct dispatch_values values = {.texts = {shipped->parcel, event->stream},
                                           .text_count = 2};
    return dispatch_run(d->db, "INSERT OR IGNORE INTO parcels VALUES (?1, ?2, 'shipped')", &values,
                        NULL, err);
}

static factum_status give_parcel(struct dispatch *d, const factum_event *event, factum_error *err)
{
    const factum_sequenced item = {
        .size = sizeof item, .key = event->stream, .sequence = event->revision, .event = event};
    if (event->stream.len <= PARCEL_PREFIX ||
        memcmp(event->stream.ptr, "parcel-", PARCEL_PREFIX) != 0) {
        return FACTUM_OK; /* not the stream of a parcel */
    }
    factum_status status = factum_resequencer_give(d->resequencer, &item, event->created, err);
    return status < 0 ? status : FACTUM_OK; /* waiting, released, parked or dropped */
}

static factum_status open_resequencer(struct dispatch *d, factum_error *err)
{
    const factum_resequencer_options options = {.size = sizeof options,
                                                .data = d,
                                                .turn = parcel_turn,
                                                .release = parcel_delivered,
                                                .park = parcel_late,
                                                .wait_max = d->wait_max};
    return factum_resequencer_open(&options, &d->resequencer, err);
}

static uint64_t first_held(void *data)
{
    struct dispatch *d = data;
    factum_resequencer_info info = {.size = sizeof info};
    factum_error err;
    if (d->resequencer == NULL ||
        factum_resequencer_info_get(d->resequencer, &info, &err) != FACTUM_OK) {
        return 0;
    }
    return info.first_held;
}

/* ---- each event ------------------------------------------------------------------------------ */

static factum_status take_order_event(struct dispatch *d, const factum_event *event,
                                      factum_error *err)
{
    factum_json json;
    order_event parsed;
    factum_arena_reset(&d->arena);
    factum_status status = factum_json_parse(event->data, NULL, d->nodes, NODES_MAX, &json, err);
    if (status == FACTUM_OK) {
        status = order_event_parse(event->type, &json, &d->arena, &parsed, err);
    }
    if (status != FACTUM_OK) {
        return status; /* the run ends before this event, with this error */
    }
    return parsed.type == ORDER_PAYMENT_RECEIVED
               ? take_payment(d, event, &parsed.as.payment_received, err)
               : ship_parcel(d, event, &parsed.as.shipped, err);
}

static factum_status take_event(void *data, const factum_event *event, factum_error *err)
{
    struct dispatch *d = data;
    bool shipped = is_type(event, "OrderShipped");
    if (d->resequencer == NULL) {
        return FACTUM_NO_MEMORY;
    }
    factum_status status = is_type(event, "ParcelDelivered") ? give_parcel(d, event, err)
                                                             : take_order_event(d, event, err);
    if (status == FACTUM_OK) { /* what has its turn now, and what has waited too long */
        status = factum_resequencer_run(d->resequencer, event->created, shipped, err);
    }
    return status < 0 ? status : FACTUM_OK;
}

/* The events that wait in the resequencer come again too. */
static void start_again(void *data)
{
    struct dispatch *d = data;
    factum_error err;
    dispatch_undo(d->db);
    factum_resequencer_close(d->resequencer);
    d->resequencer = NULL;
    if (open_resequencer(d, &err) != FACTUM_OK) {
        fprintf(stderr, "orders-dispatch: %s\n", err.text);
    }
}

static factum_status load(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err)
{
    return dispatch_load(((struct dispatch *)data)->db, token, err);
}

static factum_status save(void *data, const char *from, const char *to, factum_error *err)
{
    return dispatch_save(((struct dispatch *)data)->db, from, to, err);
}

/* ---- the program ----------------------------------------------------------------------------- */

static factum_status follow(struct dispatch *d, factum_store *store, factum_error *err)
{
    const factum_slice types[] = {factum_slice_from("PaymentReceived"),
                                  factum_slice_from("OrderShipped"),
                                  factum_slice_from("ParcelDelivered")};
    const factum_query_item item = {.types = types, .type_count = 3};
    const factum_query query = {.items = &item, .item_count = 1};
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_QUERY, .query = &query};
    const factum_follow_keeper keeper = {d, load, save, start_again};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = factum_slice_from("orders-dispatch"),
                                           .request = &request,
                                           .data = d,
                                           .each = take_event,
                                           .keeper = &keeper,
                                           .first_held = first_held};
    const factum_follow_until until = {.size = sizeof until, .caught_up = true};
    factum_follow *follower = NULL;
    factum_status status = open_resequencer(d, err);
    if (status == FACTUM_OK) {
        status = factum_follow_open(store, &options, &follower, err);
    }
    if (status == FACTUM_OK) {
        status = factum_follow_run(follower, &until, err);
    }
    factum_follow_close(follower);
    factum_resequencer_close(d->resequencer);
    return status;
}

static int print_row(void *data, int count, char **values, char **names)
{
    (void)names;
    printf("%s", (const char *)data);
    for (int i = 0; i < count; i++) {
        printf(" %s", values[i] != NULL ? values[i] : "-");
    }
    return putchar('\n') == EOF;
}

static factum_status print_tables(sqlite3 *db, factum_error *err)
{
    char receipt[] = "receipt", parcel[] = "parcel", late[] = "late";
    int code =
        sqlite3_exec(db, "SELECT * FROM receipts ORDER BY order_id", print_row, receipt, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "SELECT * FROM parcels ORDER BY parcel", print_row, parcel, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "SELECT parcel, reason FROM late ORDER BY position", print_row,
                            late, NULL);
    }
    if (code != SQLITE_OK) {
        (void)snprintf(err->text, sizeof err->text, "SQLite: %s", sqlite3_errmsg(db));
        return FACTUM_IO;
    }
    return FACTUM_OK;
}

static factum_status dispatch(const char *path, const char *database, double seconds,
                              factum_error *err)
{
    struct dispatch d = {.wait_max = (int64_t)(seconds * SECOND)};
    factum_store *store = NULL;
    factum_arena_init(&d.arena, TEXTS_MAX);
    factum_status status = factum_open(path, NULL, &store, err);
    if (status == FACTUM_OK) {
        status = dispatch_open(database, &d.db, err);
    }
    if (status == FACTUM_OK) {
        status = follow(&d, store, err);
    }
    if (status == FACTUM_OK) {
        status = print_tables(d.db, err);
    }
    (void)sqlite3_close(d.db);
    factum_arena_finish(&d.arena);
    factum_error closing;
    if (factum_close(store, &closing) != FACTUM_OK && status == FACTUM_OK) {
        *err = closing;
        status = FACTUM_IO;
    }
    return status;
}

int main(int argc, char **argv)
{
    factum_error err = {.text = ""};
    char *end = NULL;
    double seconds = argc == 4 ? strtod(argv[3], &end) : 3600;
    if (argc < 3 || argc > 4 || (end != NULL && *end != '\0') || !(seconds > 0 && seconds < 1e9)) {
        fprintf(stderr, "usage: orders-dispatch STORE DATABASE [SECONDS]\n");
        return 2;
    }
    if (dispatch(argv[1], argv[2], seconds, &err) != FACTUM_OK) {
        fprintf(stderr, "orders-dispatch: %s\n", err.text);
        return 1;
    }
    return 0;
}
