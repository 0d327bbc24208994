/* participants.c - orders-participants: the services of a saga. Layer: example, public API only.
 *
 *     orders-participants [OPTION]... ADDRESS [SERVICE]...
 *     orders-participants factum://localhost:2113 stock shipping mail order
 *
 * Takes the commands of examples/orders/sagas/order_fulfilment.yaml from the server at ADDRESS, and
 * answers them. Without a SERVICE it is all five, each on a thread. Each has a ledger of its own:
 *
 *     stock     stock-SKU     StockReceived, StockReserved, StockReleased
 *     payment   payment-ORDER PaymentCharged, PaymentRefunded; declines with PaymentDeclined
 *     shipping  parcel-ORDER  ParcelHandedOver
 *     mail      mail-ORDER    ReceiptSent
 *     order     order-ORDER   OrderCompleted, OrderRejected
 *
 * Options let things go wrong:
 *     --limit CENTS     payment declines more than that (100000)
 *     --closed ACCOUNT  payment can give nothing back to this account
 *     --refuse ADDRESS  shipping does not go there
 *     --silent TYPE     commands of this type are not taken, as payment.Charge
 *     --slow MS         each answer takes so long
 *     --name NAME       of the checkpoints: with another name it begins with the oldest command
 *                       again ("shop")
 *
 * Ends by SIGTERM or SIGINT, and says how many commands there were. Killed at any moment and
 * started again, it goes on: what a command changes and its answer are one append under the
 * command's id, so that none counts twice.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <factum/factum.h>
#include <factum/json_write.h>
#include <factum/participant.h>
#include <factum/remote.h>

#define NAME_SIZE 64  /* bytes of a checkpoint's name */
#define NODES_MAX 256 /* values in the data of an event */
#define RETRY_LAST_MS 1000

struct shop {
    factum_store *store;
    int64_t limit; /* cents */
    const char *closed;
    const char *refuse;
    const char *silent;
    const char *name;
    long slow; /* ms */
};

/* ---- the data of a command ------------------------------------------------------------------- */

/* A text, in the outbox's memory; empty if there is none. */
static factum_slice text_of(const factum_command *command, const char *name, factum_outbox *outbox)
{
    const factum_json *json = command->json;
    const uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    factum_slice text = {NULL, 0};
    size_t len = 0;
    if (value == FACTUM_JSON_NONE || factum_json_kind_of(json, value) != FACTUM_JSON_TEXT) {
        return text;
    }
    const size_t size = factum_json_at(json, value)->len;
    char *buffer = factum_arena_alloc(factum_outbox_arena(outbox), size + 1);
    if (buffer != NULL && factum_json_unescape(json, value, buffer, size, &len) == FACTUM_OK) {
        text = (factum_slice){(const uint8_t *)buffer, len};
    }
    return text;
}

/* A whole number above 0; otherwise 0. */
static int64_t number_of(const factum_json *json, const char *name)
{
    const uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    int64_t number = 0;
    return value != FACTUM_JSON_NONE && factum_json_to_int64(json, value, &number) == FACTUM_OK &&
                   number > 0
               ? number
               : 0;
}

static bool is_text(factum_slice text, const char *other)
{
    return other != NULL && text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

static factum_status refuse_incomplete(factum_outbox *outbox, const char *what)
{
    return factum_outbox_refuse(outbox, "command.incomplete", "%s is missing or makes no sense",
                                what);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void take_time(const struct shop *shop)
{
    struct timespec rest = {.tv_sec = shop->slow / 1000, .tv_nsec = shop->slow % 1000 * 1000000};
    if (shop->slow > 0) {
        (void)nanosleep(&rest, NULL); /* a signal ends it early: no harm */
    }
}

/* The ledger |prefix|KEY, in the outbox's memory. */
static factum_slice ledger(factum_outbox *outbox, const char *prefix, factum_slice key)
{
    const size_t prefix_len = strlen(prefix);
    factum_slice name = {NULL, 0};
    uint8_t *bytes = factum_arena_alloc(factum_outbox_arena(outbox), prefix_len + key.len);
    if (bytes != NULL) {
        memcpy(bytes, prefix, prefix_len);
        memcpy(bytes + prefix_len, key.ptr, key.len);
        name = (factum_slice){bytes, prefix_len + key.len};
    }
    return name;
}

/* Answers with an event of |stream|, the command's own if it is empty. */
static factum_status answer(const struct shop *shop, factum_outbox *outbox,
                            const factum_new_event *event, factum_expected expected,
                            factum_error *err)
{
    factum_status status = factum_arena_status(factum_outbox_arena(outbox));
    if (status != FACTUM_OK) { /* then a name may be missing */
        snprintf(err->text, sizeof err->text, "no memory for an answer");
        return status;
    }
    take_time(shop);
    return factum_outbox_add(outbox, event, expected, err);
}

/* Answers with what was asked for, in the ledger |prefix|ORDER. */
static factum_status record(const struct shop *shop, const factum_command *command,
                            factum_outbox *outbox, const char *prefix, const char *type,
                            factum_error *err)
{
    const factum_slice order = text_of(command, "orderId", outbox);
    const factum_new_event event = {.stream = ledger(outbox, prefix, order),
                                    .type = factum_slice_from(type),
                                    .data = command->data};
    return order.len == 0 ? refuse_incomplete(outbox, "orderId")
                          : answer(shop, outbox, &event, factum_any(), err);
}

/* ---- stock ----------------------------------------------------------------------------------- */

struct stock {
    int64_t left;
    factum_expected at; /* the revision that |left| is of */
};

static factum_status fold_stock(struct stock *stock, const factum_event *event, factum_error *err)
{
    factum_json_node nodes[NODES_MAX];
    factum_json json;
    factum_status status = factum_json_parse(event->data, NULL, nodes, NODES_MAX, &json, err);
    if (status == FACTUM_OK) {
        const bool out = is_text(event->type, "StockReserved");
        stock->left += out ? -number_of(&json, "quantity") : number_of(&json, "quantity");
        stock->at = factum_at(event->revision);
    }
    return status;
}

/* From its events each time: docs/guide/deciders.md has a cache for streams that get long. */
static factum_status read_stock(factum_store *store, factum_slice stream, struct stock *stock,
                                factum_error *err)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = stream};
    factum_cursor *cursor = NULL;
    factum_event event;
    *stock = (struct stock){.at = factum_no_stream()};
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return FACTUM_OK;
    }
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            status = fold_stock(stock, &event, err);
        }
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* Two orders at once for the last one: the second append finds another revision, and this is called
 * again. */
static factum_status reserve_stock(void *data, const factum_command *command, factum_outbox *outbox,
                                   factum_error *err)
{
    const struct shop *shop = data;
    const factum_slice sku = text_of(command, "sku", outbox);
    const int64_t quantity = number_of(command->json, "quantity");
    const factum_new_event reserved = {.stream = ledger(outbox, "stock-", sku),
                                       .type = factum_slice_from("StockReserved"),
                                       .data = command->data};
    struct stock stock;
    if (sku.len == 0 || quantity == 0) {
        return refuse_incomplete(outbox, "sku or quantity");
    }
    factum_status status = read_stock(shop->store, reserved.stream, &stock, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return stock.left < quantity
               ? factum_outbox_refuse(outbox, "stock.none_left", "%" PRId64 " left", stock.left)
               : answer(shop, outbox, &reserved, stock.at, err);
}

/* Undos are called only if their do has had an effect: then its first event says what. */
static factum_status release_stock(void *data, const factum_command *command, factum_outbox *outbox,
                                   factum_error *err)
{
    const factum_event *reserved = &command->events[0];
    const factum_new_event released = {.stream = reserved->stream,
                                       .type = factum_slice_from("StockReleased"),
                                       .data = reserved->data};
    return answer(data, outbox, &released, factum_any(), err);
}

/* ---- payment --------------------------------------------------------------------------------- */

/* PaymentDeclined is the payment's own word for "failed, without effect". */
static factum_status decline(const struct shop *shop, const factum_command *command,
                             factum_outbox *outbox, factum_error *err)
{
    factum_json_writer to;
    factum_json_writer_in(&to, factum_outbox_arena(outbox));
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "orderId", text_of(command, "orderId", outbox));
    factum_json_put_member_text(&to, "code", factum_slice_from("payment.limit"));
    factum_json_put_member_text(&to, "text", factum_slice_from("more than the limit"));
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    const factum_new_event declined = {.type = factum_slice_from("PaymentDeclined"),
                                       .data = {to.buffer, to.used}};
    return status == FACTUM_OK ? answer(shop, outbox, &declined, factum_any(), err) : status;
}

static factum_status charge(void *data, const factum_command *command, factum_outbox *outbox,
                            factum_error *err)
{
    const struct shop *shop = data;
    const int64_t cents = number_of(command->json, "amountCents");
    if (cents == 0) {
        return refuse_incomplete(outbox, "amountCents");
    }
    return cents > shop->limit ? decline(shop, command, outbox, err)
                               : record(shop, command, outbox, "payment-", "PaymentCharged", err);
}

/* The do may have been declined in the same moment in which the saga gave it up. */
static factum_status refund(void *data, const factum_command *command, factum_outbox *outbox,
                            factum_error *err)
{
    const struct shop *shop = data;
    if (!is_text(command->events[0].type, "PaymentCharged")) {
        return FACTUM_OK; /* CommandSucceeded: nothing was charged */
    }
    if (is_text(text_of(command, "account", outbox), shop->closed)) {
        return factum_outbox_refuse(outbox, "payment.account_closed", "the account %s is closed",
                                    shop->closed);
    }
    return record(shop, command, outbox, "payment-", "PaymentRefunded", err);
}

/* ---- shipping, mail, order ------------------------------------------------------------------- */

static factum_status write_parcel(const factum_command *command, factum_slice order,
                                  factum_outbox *outbox, factum_json_writer *to, factum_error *err)
{
    factum_json_writer_in(to, factum_outbox_arena(outbox));
    factum_json_put_object(to);
    factum_json_put_member_text(to, "orderId", order);
    factum_json_put_member_text(to, "sku", text_of(command, "sku", outbox));
    factum_json_put_member_int64(to, "quantity", number_of(command->json, "quantity"));
    factum_json_put_member_text(to, "trackingNo", ledger(outbox, "T-", order));
    factum_json_put_end(to);
    return factum_json_writer_finish(to, err);
}

static factum_status hand_over(void *data, const factum_command *command, factum_outbox *outbox,
                               factum_error *err)
{
    const struct shop *shop = data;
    const factum_slice order = text_of(command, "orderId", outbox);
    const factum_slice address = text_of(command, "address", outbox);
    factum_json_writer to;
    if (order.len == 0 || address.len == 0) {
        return refuse_incomplete(outbox, "orderId or address");
    }
    if (is_text(address, shop->refuse)) {
        return factum_outbox_refuse(outbox, "shipping.no_route", "nobody goes to %s", shop->refuse);
    }
    factum_status status = write_parcel(command, order, outbox, &to, err);
    const factum_new_event parcel = {.stream = ledger(outbox, "parcel-", order),
                                     .type = factum_slice_from("ParcelHandedOver"),
                                     .data = {to.buffer, to.used}};
    return status == FACTUM_OK ? answer(shop, outbox, &parcel, factum_any(), err) : status;
}

static factum_status send_receipt(void *data, const factum_command *command, factum_outbox *outbox,
                                  factum_error *err)
{
    return record(data, command, outbox, "mail-", "ReceiptSent", err);
}

static factum_status complete(void *data, const factum_command *command, factum_outbox *outbox,
                              factum_error *err)
{
    return record(data, command, outbox, "order-", "OrderCompleted", err);
}

static factum_status reject(void *data, const factum_command *command, factum_outbox *outbox,
                            factum_error *err)
{
    return record(data, command, outbox, "order-", "OrderRejected", err);
}

/* ---- services -------------------------------------------------------------------------------- */

static const struct {
    const char *type;
    factum_command_handler handle;
} handlers[] = {
    {"stock.ReserveStock", reserve_stock},
    {"stock.ReleaseStock", release_stock},
    {"payment.Charge", charge},
    {"payment.Refund", refund},
    {"shipping.HandOver", hand_over},
    {"mail.SendReceipt", send_receipt},
    {"order.Complete", complete},
    {"order.Reject", reject},
};

struct service {
    const char *name;
    bool wanted;
    bool running;
    factum_participant *participant;
    pthread_t thread;
    factum_status status;
    factum_error err;
};

static void print_log(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    (void)level;
    fprintf(stderr, "orders-participants: %s: %s\n", id, text);
}

static factum_status add_handlers(struct service *service, struct shop *shop)
{
    const size_t len = strlen(service->name);
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0] && status == FACTUM_OK; i++) {
        const char *type = handlers[i].type;
        const bool silent = shop->silent != NULL && strcmp(type, shop->silent) == 0;
        if (strncmp(type, service->name, len) == 0 && type[len] == '.' && !silent) {
            status = factum_on_command(service->participant, type, handlers[i].handle, shop,
                                       &service->err);
        }
    }
    return status;
}

static factum_status open_service(struct service *service, struct shop *shop)
{
    static const factum_log_sink log = {.write = print_log};
    char checkpoint[NAME_SIZE];
    snprintf(checkpoint, sizeof checkpoint, "%s-%s", shop->name, service->name);
    const factum_participant_options options = {
        .size = sizeof options,
        .service = factum_slice_from(service->name),
        .checkpoint = factum_slice_from(checkpoint),
        .retry_last_ms = RETRY_LAST_MS,
        .log = &log,
    };
    factum_status status =
        factum_participant_open(shop->store, &options, &service->participant, &service->err);
    return status == FACTUM_OK ? add_handlers(service, shop) : status;
}

/* A service that fails ends the program: main waits for the signal. */
static void *serve(void *data)
{
    struct service *service = data;
    service->status = factum_participant_run(service->participant, NULL, &service->err);
    (void)kill(getpid(), SIGTERM);
    return NULL;
}

static factum_status start_service(struct service *service, struct shop *shop)
{
    service->status = open_service(service, shop);
    if (service->status == FACTUM_OK) {
        service->running = pthread_create(&service->thread, NULL, serve, service) == 0;
        if (!service->running) {
            service->status = FACTUM_NO_MEMORY;
            snprintf(service->err.text, sizeof service->err.text, "no thread for it");
        }
    }
    return service->status;
}

static void report_service(const struct service *service)
{
    factum_participant_info info = {.size = sizeof info};
    if (service->status < 0) {
        fprintf(stderr, "orders-participants: %s: %s\n", service->name, service->err.text);
    }
    if (service->participant != NULL &&
        factum_participant_info_get(service->participant, &info, NULL) == FACTUM_OK) {
        printf("%s: %" PRIu64 " answered, %" PRIu64 " failed, %" PRIu64 " repeated, %" PRIu64
               " cancelled, %" PRIu64 " too late, %" PRIu64 " not taken\n",
               service->name, info.succeeded_count, info.failed_count, info.duplicate_count,
               info.cancelled_count, info.late_count, info.unhandled_count);
    }
}

static bool stop_service(struct service *service)
{
    factum_participant_stop(service->participant);
    if (service->running) {
        (void)pthread_join(service->thread, NULL);
    }
    report_service(service);
    factum_participant_close(service->participant);
    return service->status >= 0;
}

/* Runs the services that are wanted until a signal comes; |signals| are blocked. */
static bool run_services(struct service *services, size_t count, struct shop *shop,
                         const sigset_t *signals)
{
    factum_status status = FACTUM_OK;
    bool well = true;
    int number;
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        if (services[i].wanted) {
            status = start_service(&services[i], shop);
        }
    }
    if (status == FACTUM_OK) {
        printf("taking commands\n");
        (void)fflush(stdout);
        (void)sigwait(signals, &number);
    }
    for (size_t i = 0; i < count; i++) {
        if (services[i].participant != NULL) {
            well = stop_service(&services[i]) && well;
        }
    }
    return well && status == FACTUM_OK;
}

/* ---- the command line ------------------------------------------------------------------------ */

static bool read_number(const char *text, int64_t max, int64_t *number)
{
    char *end;
    const long long value = strtoll(text, &end, 10);
    *number = value;
    return *text >= '0' && *text <= '9' && *end == '\0' && value <= max;
}

static bool read_option(const char *name, const char *value, struct shop *shop)
{
    int64_t number = 0;
    if (strcmp(name, "--closed") == 0) {
        shop->closed = value;
    } else if (strcmp(name, "--refuse") == 0) {
        shop->refuse = value;
    } else if (strcmp(name, "--silent") == 0) {
        shop->silent = value;
    } else if (strcmp(name, "--name") == 0) {
        shop->name = value;
        return strlen(value) < NAME_SIZE - sizeof "-shipping";
    } else if (strcmp(name, "--limit") == 0) {
        return read_number(value, INT64_MAX, &shop->limit);
    } else if (strcmp(name, "--slow") == 0 && read_number(value, 60000, &number)) {
        shop->slow = (long)number;
    } else {
        return false;
    }
    return true;
}

/* The argument after the options; 0 if they are wrong. */
static int read_options(int argc, char **argv, struct shop *shop)
{
    int at = 1;
    while (at + 1 < argc && strncmp(argv[at], "--", 2) == 0) {
        if (!read_option(argv[at], argv[at + 1], shop)) {
            return 0;
        }
        at += 2;
    }
    return at < argc && argv[at][0] != '-' ? at : 0;
}

static bool read_services(char **names, int name_count, struct service *services, size_t count)
{
    for (int i = 0; i < name_count; i++) {
        size_t at = 0;
        while (at < count && strcmp(services[at].name, names[i]) != 0) {
            at++;
        }
        if (at == count) {
            return false;
        }
        services[at].wanted = true;
    }
    for (size_t i = 0; i < count && name_count == 0; i++) {
        services[i].wanted = true;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct service services[] = {{.name = "stock"},
                                 {.name = "payment"},
                                 {.name = "shipping"},
                                 {.name = "mail"},
                                 {.name = "order"}};
    const size_t count = sizeof services / sizeof services[0];
    struct shop shop = {.limit = 100000, .name = "shop"};
    factum_error err;
    sigset_t signals;
    const int at = read_options(argc, argv, &shop);
    if (at == 0 || !read_services(argv + at + 1, argc - at - 1, services, count)) {
        fprintf(stderr, "usage: orders-participants [OPTION VALUE]... ADDRESS [SERVICE]...\n"
                        "       services: stock payment shipping mail order\n"
                        "       options: --limit CENTS, --closed ACCOUNT, --refuse ADDRESS,\n"
                        "                --silent TYPE, --slow MS, --name NAME\n");
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before there are threads */
    factum_remote_enable();
    if (factum_open(argv[at], NULL, &shop.store, &err) != FACTUM_OK) {
        fprintf(stderr, "orders-participants: %s\n", err.text);
        return 1;
    }
    const bool well = run_services(services, count, &shop, &signals);
    if (factum_close(shop.store, &err) != FACTUM_OK) {
        fprintf(stderr, "orders-participants: %s\n", err.text);
        return 1;
    }
    return well ? 0 : 1;
}
