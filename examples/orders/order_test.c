/* order_test.c - the rules of an order: given events, when a command comes, then events follow.
 * Layer: example, public API only. Needs no store. */
#include <factum/testing.h>

#include "order_decider.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
#define PLACED(cents)                                                                              \
    {                                                                                              \
        .type = ORDER_PLACED, .as.placed = {.totalCents = (cents) }                                \
    }
#define PAID(cents, id)                                                                            \
    {                                                                                              \
        .type = ORDER_PAYMENT_RECEIVED, .as.payment_received = {                                   \
            .amountCents = (cents),                                                                \
            .paymentId = TEXT(id)                                                                  \
        }                                                                                          \
    }
#define SHIPPED                                                                                    \
    {                                                                                              \
        .type = ORDER_SHIPPED, .as.shipped = {.has_carrier = true, .carrier = TEXT("UPS") }        \
    }

FACTUM_TEST(an_order_is_placed_with_its_lines)
{
    const order_line lines[] = {{TEXT("Teapot, \"blue\""), 2450, 2}};
    const order_command command = {.type = ORDER_PLACE,
                                   .customer_id = TEXT("C7"),
                                   .lines = lines,
                                   .line_count = 1,
                                   .total_cents = 4900};
    const order_event placed = {.type = ORDER_PLACED, .as.placed = {TEXT("C7"), {lines, 1}, 4900}};
    factum_test_when(factum_test_, "place", &order_decider, &command);
    factum_test_then(factum_test_, "placed", &order_decider, &placed, 1);
    const order_state *state = FACTUM_STATE(order);
    if (state != NULL && (state->customer_id.len != 2 || state->customer_id.ptr[1] != '7')) {
        factum_test_fail(factum_test_, "placed", "the customer is not kept");
    }
}

FACTUM_TEST(an_order_is_placed_once)
{
    FACTUM_GIVEN(order, PLACED(1200));
    FACTUM_WHEN(order, {.type = ORDER_PLACE, .total_cents = 1300});
    FACTUM_THEN_REJECTED("order.exists");
}

FACTUM_TEST(an_order_of_nothing_is_refused)
{
    FACTUM_WHEN(order, {.type = ORDER_PLACE});
    FACTUM_THEN_REJECTED("order.empty");
}

FACTUM_TEST(what_is_not_placed_cannot_be_paid)
{
    FACTUM_WHEN(order, {.type = ORDER_PAY, .amount_cents = 100});
    FACTUM_THEN_REJECTED("order.unknown");
}

FACTUM_TEST(an_order_that_is_not_paid_is_not_shipped)
{
    FACTUM_GIVEN(order, PLACED(1200));
    FACTUM_WHEN(order, {.type = ORDER_SHIP});
    FACTUM_THEN_REJECTED("order.not_paid");
}

FACTUM_TEST(a_part_is_not_enough)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(500, "P-1"));
    FACTUM_WHEN(order, {.type = ORDER_SHIP});
    FACTUM_THEN_REJECTED("order.not_paid");
}

FACTUM_TEST(parts_add_up_and_then_it_is_shipped)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(500, "P-1"));
    FACTUM_WHEN(order, {.type = ORDER_PAY, .amount_cents = 700, .payment_id = TEXT("P-2")});
    FACTUM_THEN(order, PAID(700, "P-2"));
    FACTUM_WHEN(order, {.type = ORDER_SHIP, .carrier = TEXT("UPS")});
    FACTUM_THEN(order, SHIPPED);
}

FACTUM_TEST(the_same_payment_counts_once)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(500, "P-1"), PAID(100, "P-2"));
    FACTUM_WHEN(order, {.type = ORDER_PAY, .amount_cents = 500, .payment_id = TEXT("P-1")});
    FACTUM_THEN_NOOP();
}

FACTUM_TEST(nothing_is_paid_twice)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(1200, "P-1"));
    FACTUM_WHEN(order, {.type = ORDER_PAY, .amount_cents = 1200, .payment_id = TEXT("P-2")});
    FACTUM_THEN_REJECTED("order.already_paid");
}

FACTUM_TEST(no_more_is_paid_than_is_open)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(1000, "P-1"));
    FACTUM_WHEN(order, {.type = ORDER_PAY, .amount_cents = 201, .payment_id = TEXT("P-2")});
    FACTUM_THEN_REJECTED("order.paid_too_much");
}

FACTUM_TEST(a_payment_after_a_failed_one_counts)
{
    FACTUM_GIVEN(order, PLACED(1200), {.type = ORDER_PAYMENT_FAILED});
    FACTUM_WHEN(order, {.type = ORDER_PAY, .amount_cents = 1200, .payment_id = TEXT("P-1")});
    FACTUM_THEN(order, PAID(1200, "P-1"));
}

FACTUM_TEST(what_is_shipped_is_not_shipped_again)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(1200, "P-1"), SHIPPED);
    FACTUM_WHEN(order, {.type = ORDER_SHIP});
    FACTUM_THEN_NOOP();
}

FACTUM_TEST(only_what_is_shipped_is_delivered)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(1200, "P-1"));
    FACTUM_WHEN(order, {.type = ORDER_DELIVER});
    FACTUM_THEN_REJECTED("order.not_shipped");
}

FACTUM_TEST(a_delivery_may_be_signed_for)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(1200, "P-1"), SHIPPED);
    FACTUM_WHEN(order, {.type = ORDER_DELIVER, .was_signed = true});
    FACTUM_THEN(order,
                {.type = ORDER_DELIVERED, .as.delivered = {.has_signed_ = true, .signed_ = true}});
    FACTUM_WHEN(order, {.type = ORDER_DELIVER});
    FACTUM_THEN_NOOP();
}

FACTUM_TEST(an_order_is_cancelled_and_its_money_given_back)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(500, "P-1"));
    FACTUM_WHEN(order, {.type = ORDER_CANCEL, .reason = TEXT("too slow")});
    FACTUM_THEN(order, {.type = ORDER_CANCELLED, .as.cancelled = {.reason = TEXT("too slow")}},
                {.type = ORDER_PAYMENT_REFUNDED, .as.payment_refunded = {.amountCents = 500}});
    FACTUM_WHEN(order, {.type = ORDER_CANCEL});
    FACTUM_THEN_NOOP();
}

FACTUM_TEST(a_cancelled_order_is_not_paid)
{
    FACTUM_GIVEN(order, PLACED(1200), {.type = ORDER_CANCELLED});
    FACTUM_WHEN(order, {.type = ORDER_PAY, .amount_cents = 1200, .payment_id = TEXT("P-1")});
    FACTUM_THEN_REJECTED("order.cancelled");
}

FACTUM_TEST(what_is_shipped_is_not_cancelled)
{
    FACTUM_GIVEN(order, PLACED(1200), PAID(1200, "P-1"), SHIPPED);
    FACTUM_WHEN(order, {.type = ORDER_CANCEL});
    FACTUM_THEN_REJECTED("order.shipped");
}

int main(void)
{
    static const factum_test_case cases[] = {
        FACTUM_CASE(an_order_is_placed_with_its_lines),
        FACTUM_CASE(an_order_is_placed_once),
        FACTUM_CASE(an_order_of_nothing_is_refused),
        FACTUM_CASE(what_is_not_placed_cannot_be_paid),
        FACTUM_CASE(an_order_that_is_not_paid_is_not_shipped),
        FACTUM_CASE(a_part_is_not_enough),
        FACTUM_CASE(parts_add_up_and_then_it_is_shipped),
        FACTUM_CASE(the_same_payment_counts_once),
        FACTUM_CASE(nothing_is_paid_twice),
        FACTUM_CASE(no_more_is_paid_than_is_open),
        FACTUM_CASE(a_payment_after_a_failed_one_counts),
        FACTUM_CASE(what_is_shipped_is_not_shipped_again),
        FACTUM_CASE(only_what_is_shipped_is_delivered),
        FACTUM_CASE(a_delivery_may_be_signed_for),
        FACTUM_CASE(an_order_is_cancelled_and_its_money_given_back),
        FACTUM_CASE(a_cancelled_order_is_not_paid),
        FACTUM_CASE(what_is_shipped_is_not_cancelled),
    };
    return factum_test_run(cases, sizeof cases / sizeof cases[0]);
}
