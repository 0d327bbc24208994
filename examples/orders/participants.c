/* participants.c - orders-participants: the services of a saga. Layer: example, public API only.
 *
 *     orders-participants [OPTION]... ADDRESS [SERVICE]...
 *     orders-participants factum://localhost:2113 stock shipping mail order
 *
 * Takes the commands of examples/orders/sagas/order_fulfilment.yaml from the server at ADDRESS, and
 * answers them. Without a SERVICE it runs all five, each on a thread. Each has a ledger of its own:
 *
 *     stock     stock-SKU     StockReceived, StockReserved, StockReleased
 *     payment   payment-ORDER PaymentCharged, PaymentRefunded; declines with PaymentDeclined
 *     shipping  parcel-ORDER  ParcelHandedOver
 *     mail      mail-ORDER    ReceiptSent
 *     order     order-ORDER   OrderCompleted, OrderRejected
 *
 * Options for failures:
 *     --limit CENTS     payment declines more than that (100000)
 *     --closed ACCOUNT  payment cannot refund to this account
 *     --refuse ADDRESS  shipping does not deliver to this address
 *     --silent TYPE     commands of this type are ignored, such as payment.Charge
 *     --slow MS         each answer takes this long
 *     --name NAME       of the checkpoints: with another name it begins with the oldest command
 *                       again ("shop")
 *
 * Ends by SIGTERM or SIGINT, and prints how many commands it took. Killed at any moment and started
 * again, it continues: the effects of a command and its answer are one append under the command's
 * id, so that no command takes effect twice.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <factum/factum.h>
#include <factum/remote.h>

#include "services.h"

#define NAME_SIZE 64 /* bytes of a checkpoint's name */
#define RETRY_LAST_MS 1000

/* ---- services -------------------------------------------------------------------------------- */

struct service {
    const char *name;
    factum_participant *participant;
    pthread_t thread;
    factum_status status;
    factum_error err;
    bool wanted;
    bool running;
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
    for (size_t i = 0; shop_handlers[i].type != NULL && status == FACTUM_OK; i++) {
        const char *type = shop_handlers[i].type;
        const bool silent = shop->silent != NULL && strcmp(type, shop->silent) == 0;
        if (strncmp(type, service->name, len) == 0 && type[len] == '.' && !silent) {
            status = factum_on_command(service->participant, type, shop_handlers[i].handle, shop,
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

/* Runs the chosen services until a signal comes; |signals| are blocked. */
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
