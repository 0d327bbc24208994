# write_side.sh - the part of demo.sh about the write side: a server that checks every event by the schema of its
# type, and decides commands by a decider in Lua. Each command takes effect once. demo.sh sources it.

served=factum://127.0.0.1:$port
api=http://127.0.0.1:$port/api/v1
json='content-type: application/json'
curl=$(command -v curl || true)

# everywhere_refused POINTER EVENT: by each publisher that is here, at the same place of the event
everywhere_refused() {
    local pointer=$1 event=$2 said doors=c
    refused 1 "$programs/publish" "$served" order-7 OrderPlaced "$event" 2>&1 | tee said-c.txt
    if [ -n "$curl" ]; then
        doors+=' http'
        show curl -sS "$api/streams/order-7" -H "$json" -d "{\"type\":\"OrderPlaced\",\"data\":$event}" |
            tee said-http.txt
        echo
    fi
    if [ -d node/node_modules ]; then
        doors+=' node'
        refused 1 node node/append.mjs "kurrentdb://127.0.0.1:$port?tls=false" order-7 OrderPlaced "$event" 2>&1 |
            tee said-node.txt
    fi
    for said in $doors; do
        grep -q -- "$pointer: " "said-$said.txt" || must refused otherwise "the event, at $pointer, by $said"
    done
    must 0 "$("$factum" --store "$served" read order-7 --json 2>/dev/null | wc -l)" "events of order-7"
}

title "A bad event is refused by every protocol" \
    "A schema is registered for the type. From then on an event that does not fit is not stored: not from C, not by
HTTP, not through KurrentDB's client for Node. Each gets the same place and the same rule."
printf '%s$ factum --store rules.factum serve --insecure --allow-deploy --listen 127.0.0.1:%s &%s\n' \
    "$green" "$port" "$plain"
serve rules.factum --allow-deploy
until "$factum" ping "$served" >/dev/null 2>&1; do sleep 0.05; done
for type in OrderPlaced PaymentReceived OrderShipped OrderDelivered OrderCancelled; do
    show "$factum" --store "$served" schema register "order/$type" "$root/examples/orders/schemas/$type.json"
done
everywhere_refused /lines/0/quantity \
    '{"customerId":"C7","lines":[{"product":"tea","unitPriceCents":4200,"quantity":0}],"totalCents":4200}'

title "A schema is proven on stored events" \
    "One order without a currency is stored. A version that requires one is refused: the message names the
event, and the place in it."
show "$programs/publish" "$served" order-8 OrderPlaced \
    '{"customerId":"C7","lines":[{"product":"tea","unitPriceCents":4200,"quantity":1}],"totalCents":4200}'
sed 's/"required": \["customerId", /&"currency", /' "$root/examples/orders/schemas/OrderPlaced.json" >stricter.json
refused 7 "$factum" --store "$served" schema register order/OrderPlaced stricter.json 2>&1 | tee said.txt
grep -q order-8 said.txt || must named hidden "the event that breaks the schema"

title "A decider enforces the rules" \
    "examples/lua/order.lua is deployed into the store: every command for an order is decided by it, on the state
that is folded from the order's events. An order that is not paid is not shipped."
show "$factum" --store "$served" decider deploy order "$root/examples/lua/order.lua" --why 'the first rules'
command=("$factum" --store "$served" command order)
show "${command[@]}" 9 Place --data '{"customerId":"C7","lines":[{"product":"tea","unitPriceCents":2100,"quantity":2}]}'
refused 8 "${command[@]}" 9 Ship --data '{"carrier":"DHL","parcel":"T1"}'
if [ -n "$curl" ]; then
    title "A command takes effect once" \
        "A payment is sent three times at once, with one key. It is decided once, and each sender gets the answer."
    pay() { curl -sS -o "paid$1.json" -H "$json" -H 'idempotency-key: pay-9' -d '{"paymentId":"P9","amount":42}' \
        "$api/commands/order/9/Pay"; }
    printf '%s$ curl %s/commands/order/9/Pay -H "idempotency-key: pay-9" -d ...    (three at once)%s\n' \
        "$green" "$api" "$plain"
    for sender in 1 2 3; do
        pay "$sender" &
        senders[sender]=$!
    done
    wait "${senders[@]}"
    for sender in 1 2 3; do
        printf '%s\n' "$(cat "paid$sender.json")"
    done
    must 1 "$(sed 's/"already":[a-z]*,//' paid?.json | sed 's/}$/}\n/' | grep . | sort -u | wc -l)" "different answers"
else
    show "${command[@]}" 9 Pay --data '{"paymentId":"P9","amount":42}'
fi
must 2 "$("$factum" --store "$served" read order-9 --json | wc -l)" "events of order-9"
show "${command[@]}" 9 Ship --data '{"carrier":"DHL","parcel":"T1"}'

title "The state, and which event set each field" \
    "As of revision 1, when the order was paid; and now."
show "$factum" --store "$served" state order-9 --revision 1 --blame
show "$factum" --store "$served" state order-9 --blame
stop_server
