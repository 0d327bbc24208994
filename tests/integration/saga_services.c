/* saga_services.c - one service of the sagas of kill_sagas_test.py, or one more host of them, as a
 * process that is killed.
 *
 *     saga_services ADDRESS COMMANDS CHECKPOINT SEED SILENT_MS
 *     saga_services ADDRESS host DIRECTORY
 *
 * Takes the commands whose types begin with COMMANDS, which is "SERVICE." and may name one of them,
 * from the server at ADDRESS. The services are stock, vans, payment, shipping, mail and order. The
 * answer to a command is drawn from SEED and its id, so that a process that is killed during a
 * command and started again draws the same: most are done, some are refused, some are refused with
 * an event of the service's own, and some are not answered before SILENT_MS are over. Refunds to
 * the account "closed" and parcels to the address "nowhere" are always refused, and charges of the
 * account "slow" are silent. Each effect is one event in the order's ledger, "SERVICE-ORDER".
 *
 * The host runs the same sagas as the server does, at the same time, and prints every second how
 * often the other one was faster.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <factum/factum.h>
#include <factum/json.h>
#include <factum/participant.h>
#include <factum/remote.h>
#include <factum/sagas.h>

#define RETRY_LAST_MS 500
#define PER_MILLE UINT64_C(1000)

/* Shares of 1,000 commands. */
struct kind {
    const char *command;
    const char *effect;   /* the event in the ledger */
    const char *declined; /* the event that refuses in place of CommandFailed, or NULL */
    uint32_t refused;
    uint32_t silent;
};

static const struct kind kinds[] = {
    {"stock.Reserve", "StockReserved", "StockUnavailable", 60, 6},
    {"stock.Release", "StockReleased", NULL, 250, 6},
    {"vans.Reserve", "VanReserved", NULL, 40, 6},
    {"vans.Release", "VanReleased", NULL, 250, 6},
    {"payment.Charge", "PaymentReceived", "PaymentDeclined", 80, 6},
    {"payment.Refund", "PaymentRefunded", NULL, 250, 6},
    {"shipping.HandOver", "ParcelHandedOver", NULL, 60, 6},
    {"mail.SendReceipt", "ReceiptSent", NULL, 100, 6},
    {"order.Complete", "OrderCompleted", NULL, 100, 6},
    {"order.Reject", "OrderRejected", NULL, 100, 6},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

struct service {
    factum_slice name;
    const char *commands;
    uint64_t seed;
    uint32_t silent_ms;
};

struct handler {
    const struct service *service;
    const struct kind *kind;
};

/* ---- the answer to a command ----------------------------------------------------------------- */

/* FNV-1a over the seed, |salt| and the text. */
static uint64_t draw(const struct service *service, uint8_t salt, factum_slice text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ service->seed;
    hash = (hash ^ salt) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ text.ptr[i]) * UINT64_C(0x100000001b3);
    }
    hash ^= hash >> 32; /* the low bits of a short text's hash are poorly mixed */
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> 33;
}

/* The text of a member; empty if it is missing. Borrowed from the command. */
static factum_slice text_of(const factum_command *command, const char *name)
{
    const uint32_t value =
        factum_json_find(command->json, FACTUM_JSON_ROOT, factum_slice_from(name));
    factum_slice none = {NULL, 0};
    if (value == FACTUM_JSON_NONE ||
        factum_json_kind_of(command->json, value) != FACTUM_JSON_TEXT ||
        factum_json_is_escaped(command->json, value)) {
        return none;
    }
    return factum_json_inside(command->json, value);
}

static bool is_text(factum_slice text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

static void say_nothing(uint32_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&rest, NULL); /* a signal may end it early, which does no harm */
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The ledger "SERVICE-ORDER", in the outbox's memory. */
static factum_status ledger(const struct handler *handler, const factum_command *command,
                            factum_outbox *outbox, factum_slice *stream)
{
    const factum_slice order = text_of(command, "orderId");
    const factum_slice service = handler->service->name;
    const size_t size = service.len + 1 + order.len + 1;
    char *name = factum_arena_alloc(factum_outbox_arena(outbox), size);
    if (order.len == 0 || name == NULL) {
        return order.len == 0 ? FACTUM_INVALID : FACTUM_NO_MEMORY;
    }
    snprintf(name, size, "%.*s-%.*s", (int)service.len, (const char *)service.ptr, (int)order.len,
             (const char *)order.ptr);
    *stream = factum_slice_from(name);
    return FACTUM_OK;
}

static factum_status refuse(const struct handler *handler, const factum_command *command,
                            factum_outbox *outbox, factum_error *err)
{
    const struct kind *kind = handler->kind;
    if (kind->declined == NULL) {
        return factum_outbox_refuse(outbox, "test.drawn", "%s is refused", kind->command);
    }
    const factum_new_event event = {.type = factum_slice_from(kind->declined),
                                    .data = command->data};
    return factum_outbox_add(outbox, &event, factum_any(), err);
}

/* An undo is called only if its do was answered; then its effect may still have been declined. */
static bool has_nothing_to_undo(const factum_command *command)
{
    if (!command->undo || command->event_count == 0) {
        return command->undo;
    }
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (is_text(command->events[0].type, kinds[i].effect)) {
            return false;
        }
    }
    return true;
}

static factum_status handle(void *data, const factum_command *command, factum_outbox *outbox,
                            factum_error *err)
{
    const struct handler *handler = data;
    const struct kind *kind = handler->kind;
    factum_new_event event = {.type = factum_slice_from(kind->effect), .data = command->data};
    if (draw(handler->service, 1, command->id) % PER_MILLE < kind->silent ||
        (!command->undo && is_text(text_of(command, "account"), "slow"))) {
        say_nothing(handler->service->silent_ms);
    }
    if (has_nothing_to_undo(command)) {
        return FACTUM_OK; /* CommandSucceeded */
    }
    if (command->undo && is_text(text_of(command, "account"), "closed")) {
        return factum_outbox_refuse(outbox, "payment.account_closed", "the account is closed");
    }
    if (draw(handler->service, 2, command->id) % PER_MILLE < kind->refused ||
        is_text(text_of(command, "address"), "nowhere")) {
        return refuse(handler, command, outbox, err);
    }
    const factum_status status = ledger(handler, command, outbox, &event.stream);
    return status == FACTUM_OK ? factum_outbox_add(outbox, &event, factum_any(), err) : status;
}

/* ---- the process ----------------------------------------------------------------------------- */

static void print_log(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)level;
    fprintf(stderr, "%s: %s: %s\n", (const char *)data, id, text);
}

static factum_status add_handlers(factum_participant *participant, const struct service *service,
                                  struct handler *handlers, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < KIND_COUNT && status == FACTUM_OK; i++) {
        const char *command = kinds[i].command;
        handlers[i] = (struct handler){.service = service, .kind = &kinds[i]};
        if (strncmp(command, service->commands, strlen(service->commands)) == 0) {
            status = factum_on_command(participant, command, handle, &handlers[i], err);
        }
    }
    return status;
}

/* Returns only after a failure. */
static factum_status run(factum_store *store, const struct service *service, char *checkpoint,
                         factum_error *err)
{
    struct handler handlers[KIND_COUNT];
    const factum_log_sink log = {.data = checkpoint, .write = print_log};
    const factum_participant_options options = {
        .size = sizeof options,
        .service = service->name,
        .checkpoint = factum_slice_from(checkpoint),
        .retry_last_ms = RETRY_LAST_MS,
        .log = &log,
    };
    factum_participant *participant;
    factum_status status = factum_participant_open(store, &options, &participant, err);
    if (status == FACTUM_OK) {
        status = add_handlers(participant, service, handlers, err);
    }
    if (status == FACTUM_OK) {
        status = factum_participant_run(participant, NULL, err);
    }
    factum_participant_close(participant);
    return status;
}

static factum_status run_host(factum_store *store, char *directory, factum_error *err)
{
    const factum_log_sink log = {.data = directory, .write = print_log};
    const factum_sagas_options options = {.size = sizeof options, .path = directory, .log = &log};
    factum_sagas_info info = {.size = sizeof info};
    factum_sagas *sagas;
    factum_status status = factum_sagas_open(store, &options, &sagas, err);
    while (status == FACTUM_OK) {
        say_nothing(1000);
        status = factum_sagas_info_get(sagas, &info, err);
        printf("commits %" PRIu64 " conflicts %" PRIu64 " %s\n", info.commit_count,
               info.conflict_count, info.reason);
        (void)fflush(stdout);
    }
    factum_sagas_close(sagas);
    return status;
}

int main(int argc, char **argv)
{
    factum_store *store;
    factum_error err;
    if (argc != 6 && (argc != 4 || strcmp(argv[2], "host") != 0)) {
        fprintf(stderr, "usage: saga_services ADDRESS COMMANDS CHECKPOINT SEED SILENT_MS\n"
                        "       saga_services ADDRESS host DIRECTORY\n");
        return 2;
    }
    factum_remote_enable();
    factum_status status = factum_open(argv[1], NULL, &store, &err);
    if (status != FACTUM_OK) {
        fprintf(stderr, "%s: %s\n", argv[3], err.text);
        return 1;
    }
    if (argc == 4) {
        (void)run_host(store, argv[3], &err);
    } else {
        const struct service service = {.name = {(const uint8_t *)argv[2], strcspn(argv[2], ".")},
                                        .commands = argv[2],
                                        .seed = strtoull(argv[4], NULL, 10),
                                        .silent_ms = (uint32_t)strtoul(argv[5], NULL, 10)};
        (void)run(store, &service, argv[3], &err);
    }
    fprintf(stderr, "%s: %s\n", argv[3], err.text);
    (void)factum_close(store, NULL);
    return 1;
}
