/* command.c - orders-command: sends a command to an order, and prints the outcome. Layer: example,
 * public API only.
 *
 *     orders-command STORE STREAM place CENTS CUSTOMER [--id ID]
 *     orders-command STORE STREAM pay CENTS PAYMENT [--id ID]
 *     orders-command STORE STREAM ship CARRIER [--id ID]
 *     orders-command STORE STREAM deliver [--id ID]
 *     orders-command STORE STREAM cancel REASON [--id ID]
 *
 * STORE is a directory. With an id the command takes effect once, however often it is sent. Ends
 * with 8 if the order refuses, 3 if the id was used for another command or other writers were
 * faster. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/factum.h>

#include "order_decider.h"

static const struct {
    const char *name;
    order_command_type type;
    int arguments;
} commands[] = {
    {"place", ORDER_PLACE, 2},     {"pay", ORDER_PAY, 2},       {"ship", ORDER_SHIP, 1},
    {"deliver", ORDER_DELIVER, 0}, {"cancel", ORDER_CANCEL, 1},
};

static bool cents_of(const char *text, int64_t *cents)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    *cents = value;
    return *text >= '0' && *text <= '9' && *end == '\0';
}

/* The command's own arguments. */
static bool read_arguments(order_command *command, char **arguments)
{
    switch (command->type) {
    case ORDER_PLACE:
        command->customer_id = factum_slice_from(arguments[1]);
        return cents_of(arguments[0], &command->total_cents);
    case ORDER_PAY:
        command->payment_id = factum_slice_from(arguments[1]);
        return cents_of(arguments[0], &command->amount_cents);
    case ORDER_SHIP:
        command->carrier = factum_slice_from(arguments[0]);
        return true;
    case ORDER_DELIVER:
        return true;
    case ORDER_CANCEL:
        command->reason = factum_slice_from(arguments[0]);
        return true;
    }
    return false;
}

static bool read_command(int argc, char **argv, order_command *command,
                         factum_transact_request *request)
{
    for (size_t i = 0; argc > 3 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[3], commands[i].name) != 0) {
            continue;
        }
        int own = 4 + commands[i].arguments;
        bool with_id = argc == own + 2 && strcmp(argv[own], "--id") == 0;
        if (argc != own && !with_id) {
            return false;
        }
        command->type = commands[i].type;
        request->stream = factum_slice_from(argv[2]);
        request->command = command;
        request->command_id = factum_slice_from(with_id ? argv[own + 1] : NULL);
        return read_arguments(command, argv + 4);
    }
    return false;
}

/* What main returns. */
static int report(factum_status status, const factum_result *result, const factum_error *err)
{
    if (status != FACTUM_OK) {
        fprintf(stderr, "orders-command: %s\n", err->text);
        return status == FACTUM_KEY_CONFLICT || status == FACTUM_WRONG_REVISION ? 3 : 1;
    }
    switch (result->verdict) {
    case FACTUM_ACCEPTED:
        printf("accepted: %" PRIu64 " event%s, revision %" PRIu64 "%s\n", result->event_count,
               result->event_count == 1 ? "" : "s", result->revision,
               result->already ? " (already: counted once)" : "");
        return 0;
    case FACTUM_NOOP:
        printf("nothing to do\n");
        return 0;
    case FACTUM_REJECTED:
        break;
    }
    printf("rejected: %s: %s\n", result->code, result->text);
    return 8;
}

int main(int argc, char **argv)
{
    order_command command = {.type = ORDER_PLACE};
    factum_transact_request request = {.size = sizeof request};
    if (!read_command(argc, argv, &command, &request)) {
        fprintf(stderr, "usage: orders-command STORE STREAM place CENTS CUSTOMER [--id ID]\n"
                        "       ... pay CENTS PAYMENT | ship CARRIER | deliver | cancel REASON\n");
        return 2;
    }
    factum_store *store;
    factum_error err;
    factum_status status = factum_open(argv[1], NULL, &store, &err);
    if (status != FACTUM_OK) {
        fprintf(stderr, "orders-command: %s\n", err.text);
        return 1;
    }
    factum_result result;
    status = factum_transact(store, &order_decider, &request, &result, &err);
    int code = report(status, &result, &err);
    return factum_close(store, NULL) == FACTUM_OK ? code : 1;
}
