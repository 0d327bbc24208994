-- order_test.lua - the rules of order.lua, by given / when / expect: factum test order_test.lua

local lines = {
    { product = "A", quantity = 2, unitPriceCents = 450 },
    { product = "B", quantity = 1, unitPriceCents = 300 },
}
local placed = { type = "OrderPlaced", data = { customerId = "c7", lines = lines, totalCents = 1200 } }
local paid = { type = "PaymentReceived", data = { paymentId = "p1", amountCents = 1200 } }
local shipped = { type = "OrderShipped", data = { carrier = "DHL", parcel = "t1" } }

test("an order has the total of its lines", {
    when = { name = "Place", data = { customerId = "c7", lines = lines } },
    expect = placed,
    state = { status = "placed", customerId = "c7", totalCents = 1200, paidCents = 0 },
})

test("an order is placed once", {
    given = { placed },
    when = { name = "Place", data = { customerId = "c7", lines = lines } },
    expect = {},
})

test("nothing is no order", {
    when = { name = "Place", data = { customerId = "c7", lines = json.array() } },
    expect = { reject = "order.empty" },
})

test("amounts are scaled by their digits", {
    given = { placed },
    when = { name = "Pay", data = { paymentId = "p1", amount = 4.35 } },
    expect = { type = "PaymentReceived", data = { paymentId = "p1", amountCents = 435 } },
    state = { status = "placed", customerId = "c7", totalCents = 1200, paidCents = 435 },
})

test("shipping needs payment", {
    given = { placed },
    when = { name = "Ship", data = { carrier = "DHL", parcel = "t1" } },
    expect = { reject = "order.not_paid", text = "0 of 1200 cents paid" },
})

test("a paid order is shipped", {
    given = { placed, paid },
    when = { name = "Ship", data = { carrier = "DHL", parcel = "t1" } },
    expect = shipped,
})

test("the time comes with the command", {
    given = { placed, paid, shipped },
    when = { name = "Deliver", time = time.parse("2026-03-01T10:00:00Z") },
    expect = { type = "OrderDelivered", data = { deliveredAt = "2026-03-01T10:00:00Z" } },
})

test("what is shipped is not cancelled", {
    given = { placed, paid, shipped },
    when = { name = "Cancel", data = { reason = "late" } },
    expect = { reject = "order.too_late" },
})

test("an event of a later program does not matter", {
    given = { placed, { type = "GiftWrapped", data = { paper = "red" } } },
    state = { status = "placed", customerId = "c7", totalCents = 1200, paidCents = 0 },
})
