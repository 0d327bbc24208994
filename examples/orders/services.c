/* services.c - see services.h. Layer: example, public API only.
 *
 * The ledgers are listed in participants.c. A handler only determines which events answer a
 * command. <factum/participant.h> appends them once, under the command's id, and prevents a do
 * after its undo.
 */
#include "services.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <factum/factum.h>
#include <factum/json_write.h>

#define NODES_MAX 256 /* values in the data of an event */

/* ---- the data of a command ------------------------------------------------------------------- */

/* A text, in the outbox's memory; empty if |name| is missing. */
static factum_slice text_of(const factum_command *command, const char *name, factum_outbox *outbox)
{
    const factum_json *json = command->json;
    const uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    factum_slice text = factum_slice_from("");
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

/* Answers with the data of the command, in the ledger |prefix|ORDER. */
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

/* Reads its events each time: docs/guide/deciders.md has a cache for long streams. */
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

/* Undos are called only if their do has had an effect, which is its first event. */
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

/* PaymentDeclined is the payment's own event for "failed, without effect". */
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

/* The do may have been declined at the moment when the saga gave it up. */
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

/* ---- all of them ----------------------------------------------------------------------------- */

const struct shop_handler shop_handlers[] = {
    {"stock.ReserveStock", reserve_stock},
    {"stock.ReleaseStock", release_stock},
    {"payment.Charge", charge},
    {"payment.Refund", refund},
    {"shipping.HandOver", hand_over},
    {"mail.SendReceipt", send_receipt},
    {"order.Complete", complete},
    {"order.Reject", reject},
    {NULL, NULL},
};
