# read_side.sh - the part of demo.sh about the read side: tables in SQL that a server keeps up to date from the
# events, and answers from. demo.sh sources it. The store is orders.factum, with all of its orders.

models=$root/examples/orders/models
today=$(date -u +%F)

# ask MODEL MEMBERS [ANSWER]: a query over HTTP; the answer must contain ANSWER
ask() {
    show curl -sS "$api/models/$1/query" -H "$json" -d "{$2}" | tee said.json
    echo
    case $(tr -d '\n' <said.json) in
        *"${3:-}"*) ;;
        *) must "${3:-}" otherwise "the answer of $1" ;;
    esac
}
# operate MODEL ACT MEMBERS: an act of an operator; the answer comes when it is carried out
operate() {
    show curl -sS "$api/projections/$1/$2" -H "$json" -d "{$3}" | tee said.json
    echo
    grep -q '"done":true' said.json || must done otherwise "$2 of $1"
}
# put STREAM TYPE DATA: appends an event; $token is that of the answer
put() {
    show curl -sS "$api/streams/$1" -H "$json" -d "{\"type\":\"$2\",\"data\":$3}" | tee said.json
    echo
    token=$(sed -n 's/.*"token":"\([^"]*\)","count.*/\1/p' said.json)
    [ -n "$token" ] || must token none "the answer to $2"
}
wait_for() { printf '"wait":"%s","timeoutSeconds":60' "$token"; }
# rows MODEL SQL: all rows, as a SHA-256
rows() {
    curl -sS "$api/models/$1/query" -H "$json" -d "{\"sql\":\"$2\",\"rowsMax\":100000,$(wait_for)}" |
        tr -d '\n' | sed 's/,"asOf".*//' | sha256sum | cut -c1-16
}
has() { "$factum" "$@" --help >/dev/null 2>&1; } # has COMMAND...: does the command exist?
order() { # order CENTS: the data of an OrderPlaced
    printf '{"customerId":"C7","totalCents":%s,"lines":[{"product":"tea","unitPriceCents":%s,"quantity":1}]}' "$1" "$1"
}

title "Read models in SQL" \
    "Each file of examples/orders/models has the tables of a model, in SQL, and the changes for each type of event. The
server keeps them up to date, and applies each event exactly once. An answer says as of when it is."
printf '%s$ factum --store orders.factum serve --insecure --allow-deploy --listen 127.0.0.1:%s &%s\n' \
    "$green" "$port" "$plain"
serve orders.factum --allow-deploy
until "$factum" ping "$served" >/dev/null 2>&1; do sleep 0.05; done
for model in order_summary daily_revenue product_sales customers rental_summary purchase_items; do
    show "$factum" --store "$served" projection deploy "$models/$model.sql"
done
put shop-1 ShopOpened '{"day":"Monday"}'
printf '(A query that names the token waits until the model has all events that were there.)\n'
if [ "$category" = rental ]; then
    ask order_summary "\"query\":\"totals\",$(wait_for)" '"rows":[[830,126579302,0,0]'
    ask daily_revenue "\"query\":\"totals\",$(wait_for)" '[["orders",126579302,0,0],["rentals",6741651,6741651,0]]'
    ask rental_summary "\"query\":\"totals\",$(wait_for)" '[["back",15861,15866,6689834],["out",183,183,51817]]'
    ask purchase_items "\"query\":\"totals\",$(wait_for)" '[[11743,80148,21598,15283]]'
    orders_then=830 cents_then=126579302 past=1997-01-01 cents_past=21501557
else
    ask order_summary "\"query\":\"totals\",$(wait_for)" '"rows":[[20000,708036357,675840683,31954073]]'
    ask daily_revenue "\"query\":\"totals\",$(wait_for)" '[["orders",708036357,675840683,31954073]]'
    orders_then=20000 cents_then=708036357 past=2025-06-30 cents_past=345407034
fi
ask product_sales "\"query\":\"best\",\"parameters\":{\"count\":3},$(wait_for)"
ask customers "\"query\":\"best\",\"parameters\":{\"count\":3},$(wait_for)"

title "A query waits for a write" \
    "An order is placed. The answer has a token, and a query that names it sees the order, however far behind the model
was. \"behind\" says how far it is now."
put order-50001 OrderPlaced "$(order 4200)"
ask order_summary "\"sql\":\"SELECT status, total_cents FROM order_summary WHERE order_id = 'order-50001'\",$(wait_for)" \
    '"rows":[["placed",4200]]'
ask order_summary "\"query\":\"totals\",$(wait_for)" "[$((orders_then + 1)),$((cents_then + 4200)),"

title "A program with a read model of its own" \
    "examples/orders/query.c keeps the same model in a directory of its own, from the server's events. It waits for the
same token, and queries its own tables."
show "$programs/orders-query" "$served" mine order_summary \
    "SELECT status, total_cents FROM order_summary WHERE order_id = 'order-50001'" "$token" | tee said.txt
grep -qx 'placed|4200' said.txt || must "placed|4200" otherwise "the program's own model"

title "mode sync: the answer to a write comes when the model has it" \
    "open_orders.sql says --@ mode sync. A user who places an order sees it on the next page, without a token. A paused
model delays no write: the order is stored, and the answer says which model is behind."
show "$factum" --store "$served" projection deploy "$models/open_orders.sql"
ask open_orders "\"query\":\"oldest\",\"parameters\":{\"count\":2},$(wait_for)"
put order-50002 OrderPlaced "$(order 1900)"
ask open_orders "\"sql\":\"SELECT total_cents FROM open_orders WHERE order_id = 'order-50002'\"" '"rows":[[1900]]'
operate open_orders pause '"why":"to show it"'
put order-50003 OrderPlaced "$(order 2500)"
grep -q '"behind":{"model":"open_orders","events":1,' said.json || must behind otherwise "the answer to a write"
operate open_orders resume '"why":"shown"'
ask open_orders "\"sql\":\"SELECT total_cents FROM open_orders WHERE order_id = 'order-50003'\",$(wait_for)" \
    '"rows":[[2500]]'

title "A new version is built beside the old one" \
    "Version 2 says \"open\" instead of \"placed\". Version 1 answers until the swap, which is one transaction; so is
the rollback."
sed -e 's/^\(--@ projection .* version\) 1/\1 2/' -e "s/'placed'/'open'/" "$models/order_summary.sql" >order_summary.sql
show diff "$models/order_summary.sql" order_summary.sql | sed "s,$root/,,g" || true
show "$factum" --store "$served" projection deploy order_summary.sql --why 'the console says open'
built() { curl -sS "$api/models/$1" | tr '}' '\n' | grep -c '"inUse":'; }
until [ "$(built order_summary)" = 2 ]; do sleep 0.05; done
states='"sql":"SELECT status, count(*) AS orders FROM order_summary WHERE customer = '"'C7'"' GROUP BY status"'
ask order_summary "$states,$(wait_for)" '"rows":[["placed",3]]'
if has projection diff; then
    show "$factum" --store "$served" projection diff order_summary --changes-max 3 2>&1 | tee said.txt
    grep -q 'status=placed -> open' said.txt || must placed none "the rows that the swap changes"
fi
operate order_summary swap '"why":"the console is out","timeoutSeconds":60'
ask order_summary "$states,$(wait_for)" '"rows":[["open",3]]'
operate order_summary rollback '"why":"the report does not know open"'
ask order_summary "$states,$(wait_for)" '"rows":[["placed",3]]'

title "A rebuild gives the same rows" \
    "The same version is built once more from all events, beside the one in use. Its rows are the same, byte for byte."
all='SELECT * FROM product_sales ORDER BY product'
before=$(rows product_sales "$all")
operate product_sales rebuild '"why":"to be sure"'
operate product_sales swap '"why":"it has caught up","timeoutSeconds":60'
after=$(rows product_sales "$all")
must "$before" "$after" "the rows of product_sales after a rebuild"
printf 'SHA-256 of all rows: %s before, %s after\n' "$before" "$after"

title "An event that does not fit is parked" \
    "Order 50002 uses a gift card whose sale is not known. gift_cards.sql expects one row: the event is parked, with the
reason, and so are the later events of this order, in their sequence. All other orders go on."
show "$factum" --store "$served" projection deploy "$models/gift_cards.sql"
put card-G1 GiftCardSold '{"card":"G1","cents":8000}'
put order-50002 GiftCardUsed '{"card":"G2","cents":1000}'
put order-50002 GiftCardUsed '{"card":"G1","cents":900}'
put order-50001 GiftCardUsed '{"card":"G1","cents":4200}'
ask gift_cards "\"query\":\"balances\",$(wait_for)" '"rows":[["G1",3800,1]]'
show curl -sS "$api/models/gift_cards/parked" | tee parked.json
echo
must 2 "$(grep -o '"key":"order-50002"' parked.json | wc -l)" "parked events"
grep -q 'gift_cards:[0-9]*: expected 1 row, 0 changed' parked.json || must expected otherwise "the reason"
position=$(sed -n 's/.*"position":\([0-9]*\).*/\1/p' parked.json | head -n 1)

title "The order is repaired, and tried again" \
    "The sale of the card arrives. The parked events are applied in their sequence; who retried them, and why, is an
event too."
put card-G2 GiftCardSold '{"card":"G2","cents":3000}'
if has parked try; then
    show "$factum" --store "$served" parked try gift_cards "$position" | tee said.txt
    grep -q 2000 said.txt || must 2000 otherwise "what the parked event would change"
fi
operate gift_cards retry '"key":"order-50002","why":"the sale of G2 is here","by":"ann"'
ask gift_cards "\"query\":\"balances\",$(wait_for)" '"rows":[["G1",2900,2],["G2",2000,1]]'
show curl -sS "$api/models/gift_cards/parked"
echo
show "$factum" --store "$served" read '$definition:projection-gift_cards' --backwards --count 1

title "Revenue as of a past date" \
    "The model is replayed up to a moment into a file of its own. --time-at takes events that had happened by
then, however late they were recorded; --at takes events recorded by then: before the payment, not the payment."
put order-50001 PaymentReceived '{"paymentId":"P1","amountCents":4200}'
moment=$("$factum" --store "$served" read order-50001 --json | sed -n '2s/.*"created":"\([^"]*\)".*/\1/p')
query=("$factum" --store "$served" query daily_revenue --models mine)
paid="SELECT business, sum(received_cents) AS received FROM daily_revenue WHERE day >= '$today' GROUP BY business"
show "${query[@]}" "SELECT sum(ordered_cents) AS ordered FROM daily_revenue WHERE business = 'orders'" \
    --time-at "$past" | tee said.txt
grep -qx " *$cents_past" said.txt || must "$cents_past" otherwise "revenue as of $past"
show "${query[@]}" "$paid" --at "$moment" | tee said.txt
grep -q '^orders  *0$' said.txt || must 0 otherwise "revenue before the payment"
show "${query[@]}" "$paid" | tee said.txt
grep -q '^orders  *4200$' said.txt || must 4200 otherwise "revenue after the payment"
stop_server
