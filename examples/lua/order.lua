-- order.lua - an order: placed, paid, shipped, delivered; or cancelled before it is shipped.
--
-- factum command order 42 Place --decider order.lua --data '{"customerId":"c7","lines":[...]}'
-- Amounts are whole cents. The events fit the schemas in ../orders/schemas.

initial = { status = "none", totalCents = 0, paidCents = 0 }

local events = {
    OrderPlaced = function(state, data)
        state.status = "placed"
        state.customerId = data.customerId
        state.totalCents = data.totalCents
    end,
    PaymentReceived = function(state, data)
        state.paidCents = state.paidCents + data.amountCents
        if state.paidCents >= state.totalCents then
            state.status = "paid"
        end
    end,
    OrderShipped = function(state, data)
        state.status = "shipped"
        state.carrier = data.carrier
    end,
    OrderDelivered = function(state)
        state.status = "delivered"
    end,
    OrderCancelled = function(state)
        state.status = "cancelled"
    end,
}

function evolve(state, event)
    local change = events[event.type]
    if change then
        change(state, event.data)
    end
    return state
end

local function reject(code, text)
    return { reject = code, text = text }
end

local function total(lines)
    local cents = 0
    for _, line in ipairs(lines) do
        cents = cents + line.quantity * line.unitPriceCents
    end
    return cents
end

local commands = {
    Place = function(state, data)
        if state.status ~= "none" then
            return {} -- placed already: nothing to do
        end
        local cents = total(data.lines)
        if cents <= 0 then
            return reject("order.empty", "nothing is ordered")
        end
        return {
            type = "OrderPlaced",
            data = { customerId = data.customerId, lines = data.lines, totalCents = cents },
        }
    end,
    Pay = function(state, data)
        if state.status == "none" or state.status == "cancelled" then
            return reject("order.unknown", "there is no such order")
        end
        if state.status ~= "placed" then
            return {}
        end
        return {
            type = "PaymentReceived",
            data = { paymentId = data.paymentId, amountCents = decimal.scale(data.amount, 2) },
        }
    end,
    Ship = function(state, data)
        if state.status == "shipped" or state.status == "delivered" then
            return {}
        end
        if state.status ~= "paid" then
            return reject("order.not_paid", state.paidCents .. " of " .. state.totalCents .. " cents paid")
        end
        return { type = "OrderShipped", data = { carrier = data.carrier, parcel = data.parcel } }
    end,
    Deliver = function(state, data, command)
        if state.status == "delivered" then
            return {}
        end
        if state.status ~= "shipped" then
            return reject("order.not_shipped", "it is still here")
        end
        return { type = "OrderDelivered", data = { deliveredAt = time.text(command.time) } }
    end,
    Cancel = function(state, data)
        if state.status == "cancelled" then
            return {}
        end
        if state.status ~= "placed" and state.status ~= "paid" then
            return reject("order.too_late", "it is " .. state.status)
        end
        return { type = "OrderCancelled", data = { reason = data.reason } }
    end,
}

function decide(state, command)
    local rule = commands[command.name]
    if not rule then
        return reject("order.bad_command", "there is no command " .. command.name)
    end
    return rule(state, command.data, command)
end
