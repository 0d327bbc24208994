# sagas.sh - the part of demo.sh about sagas: an order is fulfilled by five services, each with a ledger of its own.
# Whatever goes wrong, the ledgers agree in the end. demo.sh sources it.

fulfilment=$root/examples/orders/sagas/order_fulfilment.yaml
saga=("$factum" --store "$served" saga)
rm -rf fulfilment.factum
goods= payment= starts=0
: >payment.log

typed() { # typed LINE: prints a command that is run in another way
    printf '%s$ %s%s\n' "$green" "$1" "$plain"
}
start_server() {
    typed "factum --store fulfilment.factum serve --insecure --allow-deploy --listen 127.0.0.1:$port &"
    serve fulfilment.factum --allow-deploy
    local try
    for try in $(seq 400); do
        ! "$factum" ping "$served" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    must up down "the server"
}
start_goods() { # start_goods OPTION...: stock, shipping, mail and order, in C
    typed "orders-participants $* $served stock shipping mail order &"
    "$programs/orders-participants" "$@" "$served" stock shipping mail order >>goods.log 2>&1 &
    goods=$! others="$goods $payment"
    disown
}
start_payment() { # start_payment OPTION...: the payment; it takes all commands from the first one each time
    local try ready
    ready=$(grep -c '^taking commands' payment.log || true)
    if [ -d node/node_modules ]; then
        typed "node node/payment.mjs $* kurrentdb://127.0.0.1:$port?tls=false &"
        node node/payment.mjs "$@" "kurrentdb://127.0.0.1:$port?tls=false" >>payment.log 2>&1 &
    else
        local options="$* " # in C an option names the command that is not taken
        options=${options/--silent /--silent payment.Charge }
        starts=$((starts + 1))
        typed "orders-participants ${options}--name start-$starts $served payment &"
        # shellcheck disable=SC2086 # options are words
        "$programs/orders-participants" $options --name start-$starts "$served" payment >>payment.log 2>&1 &
    fi
    payment=$! others="$goods $payment"
    disown
    for try in $(seq 400); do
        [ "$(grep -c '^taking commands' payment.log || true)" = "$ready" ] || return 0
        sleep 0.05
    done
    cat payment.log >&2
    must up down "the payment"
}
stop_process() { # stop_process SIGNAL PROCESS: until it is gone
    kill "-$1" "$2"
    while kill -0 "$2" 2>/dev/null; do sleep 0.02; done
}
deploy() { # deploy FILE [OPTION]...
    show "${saga[@]}" deploy "$@" 2>&1 | sed "s,$root/,,g"
}
requested() { # requested ORDER CENTS ACCOUNT ADDRESS: what is asked for
    printf '{"orderId":"%s","customerId":"C7","account":"%s","sku":"tea","quantity":2,"totalCents":%s,"address":"%s"}' \
        "$1" "$3" "$2" "$4"
}
request() { # request ORDER CENTS ACCOUNT ADDRESS
    show "$factum" --store "$served" append "order-$1" FulfilmentRequested "$(requested "$@")" --quiet
}
status_of() { "${saga[@]}" show "order_fulfilment-$1" --json 2>/dev/null | grep -o '"status":"[a-z]*"' || true; }
comes_to() { # comes_to ORDER STATUS: waits until the order's saga has it
    local try
    for try in $(seq 200); do
        [ "$(status_of "$1")" != "\"status\":\"$2\"" ] || return 0
        sleep 0.1
    done
    "${saga[@]}" show "order_fulfilment-$1" >&2 || true
    cat payment.log goods.log >&2
    must "$2" "$(status_of "$1")" "saga order_fulfilment-$1"
}
count_of() { "${saga[@]}" list --status "$1" --json | wc -l; } # count_of STATUS: sagas that have it
look() { # look TEXT COMMAND...: shows it; its output must have TEXT
    local text=$1
    shift
    show "$@" | tee said.txt
    grep -q -- "$text" said.txt || must "$text" otherwise "the output of: $*"
}
trace() { look "$2" "$factum" --store "$served" trace "order_fulfilment-$1"; } # trace ORDER TEXT
sum() { # sum CATEGORY TYPE MEMBER: over all events of the type
    "$factum" --store "$served" read --category "$1" --json |
        sed -n "s/.*\"type\":\"$2\".*\"$3\":\([0-9]*\).*/\1/p" | awk '{ sum += $1 } END { print sum + 0 }'
}
events_of() { # events_of CATEGORY TYPE: how many there are
    "$factum" --store "$served" read --category "$1" --json | grep -c "\"type\":\"$2\"" || true
}
completed_cents() { # of the orders that were completed
    "$factum" --store "$served" read --category order --json | awk '
        match($0, /"stream":"[^"]*"/) { stream = substr($0, RSTART, RLENGTH) }
        match($0, /"totalCents":[0-9]+/) { cents[stream] = substr($0, RSTART + 13, RLENGTH - 13) }
        /"type":"OrderCompleted"/ { sum += cents[stream] }
        END { print sum + 0 }'
}

title "A saga is proven before it runs" \
    "Stock is reserved, the payment charged, a parcel handed over: three services, and no transaction over them. The file
has the commands, the answers, and the undo of each step. The check explores every order of answers, silence,
repetition, crashes and acts of operators: each run ends done, or undone, or asks a person."
show cat "$fulfilment"
look ': sound, [0-9,]* states' "${saga[@]}" check "$fulfilment"
start_server
deploy "$fulfilment"
if [ -d node/node_modules ]; then
    echo "(Stock, shipping, mail and order are in C, the payment in Node with KurrentDB's official client.)"
else
    echo "(All services are in C; with Node 20 and npm the payment is KurrentDB's official client.)"
fi
start_goods --refuse Atlantis
start_payment --closed old-card

title "An order goes through" \
    "The trace shows what caused what, over all services, with the time of each step."
show "$factum" --store "$served" append stock-tea StockReceived '{"quantity":200}' --quiet
request 1 4200 card-1 Bremen
comes_to 1 done
show "${saga[@]}" show order_fulfilment-1
trace 1 'OrderCompleted  *order-1'

title "A declined payment is compensated" \
    "Order 2 costs more than the account may pay. The stock is released again, and the order rejected with that reason."
request 2 250000 card-2 Bremen
comes_to 2 undone
trace 2 PaymentDeclined
look '"reason":"payment.limit"' "$factum" --store "$served" read order-2
look StockReleased "$factum" --store "$served" read stock-tea --backwards --count 1

title "The server and a service are killed in the middle" \
    "40 orders are under way, with services that take their time. The server and the payment get kill -9, and are started
again. The other services wait for the server. Every order continues where it was."
stop_process TERM "$goods"
start_goods --slow 60
for order in $(seq 101 140); do
    printf '{"stream":"order-%s","type":"FulfilmentRequested","data":%s}\n' "$order" \
        "$(requested "$order" $((order * 10)) "card-$order" Bremen)"
done >forty.ndjson
show "$factum" --store "$served" import forty.ndjson --quiet
comes_to 101 done
ended=$(count_of done)
typed "kill -9 $server $payment    ($((ended - 1)) of the 40 are done)"
stop_process KILL "$server"
stop_process KILL "$payment"
[ "$ended" -lt 41 ] || must less 40 "orders that were done before the kill"
start_server
start_payment --closed old-card
for try in $(seq 200); do
    [ "$(count_of open)" != 0 ] || break
    sleep 0.1
done
must 41 "$(count_of done)" "orders that are done"
echo "All 40 are done."
trace 140 'OrderCompleted  *order-140'

title "An operator repairs a stuck saga" \
    "Nobody ships to Atlantis, so order 4 must be undone; but the card is closed by now, and the refund fails for good.
The saga is stuck, and shows where. Each act first prints what it would lead to."
stop_process TERM "$goods"
start_goods --refuse Atlantis
request 4 1900 old-card Atlantis
comes_to 4 stuck
look order_fulfilment-4 "${saga[@]}" list --status stuck
look 'the account old-card is closed' "${saga[@]}" show order_fulfilment-4
trace 4 STUCK
look 'counts as undone' "${saga[@]}" skip order_fulfilment-4 charge_payment --result ok --what-if
must '"status":"stuck"' "$(status_of 4)" "the saga after --what-if"
show "${saga[@]}" edit order_fulfilment-4 --data '{"account":"new-card"}' --by ann --reason 'the customer has a new card'
look 'payment.Refund' "${saga[@]}" retry order_fulfilment-4 charge_payment --by ann --reason 'refund to the new card'
comes_to 4 undone
look '"account":"new-card"' "$factum" --store "$served" read payment-4
look 'the customer has a new card' "$factum" --store "$served" read --type SagaEdited

title "A payment that does not answer" \
    "Was the card charged or not? A second version of the file waits only one second, then refunds the charge. The refund
finds no charge, and appends a tombstone, CommandCancelled, under the id of the charge. When the provider wakes up and
wants to charge, the tombstone refuses it: the order is undone, and nobody pays. Running sagas keep their version."
sed -e 's/^version: 1/version: 2/' -e 's/within: 2m/within: 1s/' "$fulfilment" >order_fulfilment.yaml
show diff "$fulfilment" order_fulfilment.yaml | sed "s,$root/,,g" || true
deploy order_fulfilment.yaml --why 'the provider is slow'
stop_process TERM "$payment"
start_payment --silent --closed old-card
request 5 3300 card-5 Bremen
comes_to 5 undone
look CommandCancelled "$factum" --store "$served" read command:payment-order_fulfilment-5
trace 5 'TIMED OUT'
sed 's/^version: 1/version: 3/' "$fulfilment" >order_fulfilment.yaml
deploy order_fulfilment.yaml --why 'the provider is well again'
stop_process TERM "$payment"
start_payment --closed old-card
request 6 2700 card-6 Bremen
comes_to 6 done # so the charge of order 5, which is an older command, was taken before
must 0 "$("$factum" --store "$served" read --category payment --json | grep -c '"stream":"payment-5"' || true)" \
    "charges of order 5"
if [ ! -d node/node_modules ]; then
    stop_process TERM "$payment"
    tail -n 1 payment.log
    grep -q '^payment: .* 1 too late' payment.log || must 'too late' otherwise "what the payment says"
else
    grep 'too late' payment.log | tail -n 1
fi

title "The ledgers agree" \
    "Each service has its own. Nothing is reserved, charged or sent for an order that was rejected, whatever went wrong."
reserved=$(sum stock StockReserved quantity) released=$(sum stock StockReleased quantity)
shipped=$(sum parcel ParcelHandedOver quantity)
charged=$(sum payment PaymentCharged amountCents) refunded=$(sum payment PaymentRefunded amountCents)
orders=$(events_of order FulfilmentRequested)
completed=$(events_of order OrderCompleted) rejected=$(events_of order OrderRejected)
printf 'stock     %8d reserved - %6d released = %6d shipped\n' "$reserved" "$released" "$shipped"
printf 'payments  %8d charged  - %6d refunded = %6d of completed orders, in cents\n' "$charged" "$refunded" \
    "$(completed_cents)"
printf 'orders    %8d          = %6d completed + %4d rejected\n' "$orders" "$completed" "$rejected"
must "$((reserved - released))" "$shipped" "what was shipped"
must "$((charged - refunded))" "$(completed_cents)" "cents of completed orders"
must "$orders" "$((completed + rejected))" "orders that came to an end"
must "42 3" "$completed $rejected" "orders completed, and rejected"
must "$completed $completed" "$(events_of parcel ParcelHandedOver) $(events_of mail ReceiptSent)" "parcels, and receipts"
must 0 "$(count_of open)" "sagas that are open"
for process in $goods $payment; do
    kill "$process" 2>/dev/null || true
done
others=
stop_server
show "$factum" --store fulfilment.factum verify
