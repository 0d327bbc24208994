#!/usr/bin/env bash
# examples_test.sh - the example programs, run as a user would. Prints TAP.
#
#     examples_test.sh FACTUM EXAMPLES [DATA]
#
# FACTUM is the command line, EXAMPLES the directory of the example programs, DATA a directory with order
# data (northwind-orders.ndjson.gz, ...); cases that need it are skipped without it.
set -u
factum=$(realpath "$1")
examples=$(realpath "$2")
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${3:-${FACTUM_DATA:-$root/../shared/data}}
work=$(mktemp -d "${TMPDIR:-/tmp}/factum-examples.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1 HOME="$work"
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME='Ann Author' GIT_AUTHOR_EMAIL=ann@example.org
export GIT_COMMITTER_NAME='Cy Committer' GIT_COMMITTER_EMAIL=cy@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
no_data="no order data in $data"
count=0
failed=0

# ok NAME COMMAND...: the command succeeds. Its output is shown if not.
ok() {
    local name=$1 status=0
    shift
    count=$((count + 1))
    "$@" >"$work/out" 2>&1 || status=$?
    if [ $status -eq 0 ]; then
        echo "ok $count - $name"
    else
        failed=1
        echo "not ok $count - $name"
        echo "# status $status of: $*"
        sed 's/^/# /' "$work/out" | head -40
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# refuses STATUS TEXT COMMAND...: ends with STATUS and prints TEXT.
refuses() {
    local wanted=$1 text=$2 status=0 said
    shift 2
    said=$("$@" 2>&1) || status=$?
    printf '%s\n(status %s)\n' "$said" "$status"
    [ $status -eq "$wanted" ] && case $said in *"$text"*) ;; *) return 1 ;; esac
}

same() {
    diff -u <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# One number of the row STATUS of a report on standard input.
row() {
    awk -v name="$1" -v column="$2" 'substr($0, 1, 15) ~ "^" name " *$" {
        $0 = substr($0, 16); print $column }'
}

# ---- orders ---------------------------------------------------------------------------------------

story() {
    "$examples/orders-story" story.factum >story.txt || return
    grep -q 'written before' story.txt || return
    grep -q 'Refused:' story.txt || return
    grep -q '^   4  2026-03-05T10:30:00Z  OrderDelivered  {"signed":true}$' story.txt || return
    same "$(sed -n '/at revision 1:/,/^$/p' story.txt | sed -n 's/.*status *//p')" 'payment failed' &&
        same "$(sed -n '/on 4 March/,/^$/p' story.txt | sed -n 's/.*status *//p')" 'shipped' &&
        same "$(sed -n '/state now/,$p' story.txt | sed -n 's/.*status *//p')" 'delivered'
}

# What the demo must show about the read side, if it was built; it checks the figures itself.
read_side=()
if [ -x "$examples/orders-query" ] && command -v curl >"$work/out"; then
    read_side=('^order_summary version 1, [0-9a-f]{12}$' '"rows":\[\[(830,126579302,0|20000,708036357,675840683)'
        '^placed[|]4200$' '"behind":[{]"model":"open_orders","events":1,.*accepted at f1-'
        '^[$] factum --store [^ ]* projection deploy order_summary.sql' '"rows":\[\["open",3\]\].*"version":2'
        '"rows":\[\["placed",3\]\].*"version":1' '^SHA-256 of all rows: ([0-9a-f]{16}) before, \1 after$'
        '"reason":"gift_cards:18: expected 1 row, 0 changed"' '^\{"parked":\[\],"more":false\}$'
        '"by":"ann","why":"the sale of G2 is here"' ' --time-at (1997-01-01|2025-06-30)$' '^ *(21501557|345407034)$'
        '^orders +0$' '^orders +4200$')
fi

# What it must show about sagas: each ledger's line has its own sums, which the demo compares.
saga_side=()
if [ -x "$examples/orders-participants" ] && [ ${#read_side[@]} -gt 0 ]; then
    saga_side=('^order_fulfilment version 1: sound, [0-9,]+ states' '^order_fulfilment-1  done ' 'PaymentDeclined '
        '"reason":"payment.limit"' '^[$] kill -9 [0-9]+ [0-9]+ +[(][0-9]+ of the 40 are done[)]' '^All 40 are done.$'
        'the account old-card is closed' '^order_fulfilment-4 +stuck ' ' --what-if$'
        '("by":"ann".*)?"reason":"the customer has a new card"(.*"by":"ann")?'
        'CommandCancelled' 'TIMED OUT' '^stock +90 reserved - +6 released = +84 shipped$'
        '^payments +57000 charged +- +1900 refunded = +55100 of' '^orders +45 += +42 completed [+] +3 rejected$')
fi

# The demo, with the data of directory $1; its output has everything that it must show.
demo() {
    FACTUM_DEMO_NODE=no FACTUM_DATA=$1 "$root/examples/demo.sh" "$(dirname "$examples")" "$work/demo" >demo.txt 2>&1 || {
        cat demo.txt
        return 1
    }
    local line
    for line in '^[$] orders-story story.factum$' '^[$] factum read (order-1|rental-2) --time-at ' \
        '^  status     (paid|shipped)$' '^  status     (returned|delivered)$' '^[$] factum read --type ' \
        '^[$] factum read --category ' '^all +[0-9]+ +[0-9]+ ' \
        'stream demo-1 is at revision 0, but it should not exist: read it again and retry$' \
        'already appended: recognised' '^ok: [0-9,]+ events in ' '^ +[0-9]+ events a second: ' \
        '^(300 orders in the store, 300 followed, each once, after 3 kills.|\(Neither curl nor)' \
        'Try next:$' "${read_side[@]}" "${saga_side[@]}"; do
        grep -qE -- "$line" demo.txt || {
            echo "nothing like: $line"
            cat demo.txt
            return 1
        }
    done
}

# Every command that the demo advises works, and the README's tour after them in the same shell.
advised() {
    sed -n '/Try next:$/,/^README/p' demo.txt | sed '1d;$d; s/^  //; s/   .*//; s/ *$//' >advice
    sed -n '/^## Five minutes/,/^Now other programs/p' "$root/README.md" |
        sed -n '/^```sh/,/^```$/p' >tour
    if [ "$(grep -c '^factum ' advice)" != $((5 + (${#read_side[@]} > 0))) ] || [ "$(grep -c '^export ' advice)" != 2 ] ||
        ! grep -q '^unset FACTUM_STORE$' tour; then
        cat advice tour
        return 1
    fi
    {
        echo 'set -exE'
        cat advice
        awk '/^```sh exit=/ { sub(/.*=/, ""); code = $0; next } /^```/ { code = 0; next }
            { print $0 (code ? " || [ $? -eq " code " ]" : "") }' tour
        echo '[ "$(factum read order-1 --json | wc -l)" = 3 ]'
    } >try.sh
    rm -rf elsewhere && mkdir elsewhere && (cd elsewhere && bash ../try.sh)
}

same_bytes() {
    "$examples/orders-generate" --orders 2000 --seed 7 >a.ndjson || return
    "$examples/orders-generate" --orders 2000 --seed 7 >b.ndjson || return
    "$examples/orders-generate" --orders 2000 --seed 8 >c.ndjson || return
    cmp a.ndjson b.ndjson || return
    ! cmp -s a.ndjson c.ndjson || return
    same "$(sha256sum <a.ndjson | cut -c1-16)" "$(cat "$root/examples/orders/seed-7.sha256")"
}

# The sums of the generated lines, computed without the fold.
sums() {
    python3 - "$1" <<'END'
import json, sys
orders, events, total, paid, refunded, delivered = set(), 0, 0, 0, 0, 0
last = ""
for line in open(sys.argv[1]):
    event = json.loads(line)
    assert event["time"] >= last, "not in order of time"
    last = event["time"]
    orders.add(event["stream"])
    events += 1
    data = event["data"]
    total += data["totalCents"] if event["type"] == "OrderPlaced" else 0
    paid += data["amountCents"] if event["type"] == "PaymentReceived" else 0
    refunded += data["amountCents"] if event["type"] == "PaymentRefunded" else 0
print(len(orders), events, total, paid, refunded)
END
}

generated() {
    "$factum" --store generated.factum import a.ndjson || return
    "$examples/orders-report" generated.factum >report.txt || return
    cat report.txt
    same "$(for i in 1 2 3 4 6; do row all $i <report.txt; done | xargs)" "$(sums a.ndjson)"
}

piped() {
    "$examples/orders-generate" --orders 50 --seed 3 | "$factum" --store piped.factum import - || return
    same "$("$examples/orders-report" piped.factum | row all 1)" 50
}

# The report as of a time is the report of the events up to then.
past_report() {
    python3 -c 'import json, sys
for line in sys.stdin:
    if json.loads(line)["time"] <= "2025-06-30T12:00:00Z": sys.stdout.write(line)' \
        <a.ndjson >half.ndjson || return
    "$factum" --store half.factum import half.ndjson || return
    same "$("$examples/orders-report" half.factum)" \
        "$("$examples/orders-report" generated.factum --at 2025-06-30T12:00:00Z)"
}

past_of_one() {
    local first
    first=$("$examples/orders-show" generated.factum order-1 --revision 0) || return
    printf '%s\n' "$first"
    same "$(sed -n 's/^  status *//p' <<<"$first")" placed
    same "$(grep -c '^ *[0-9]* .*order' <<<"$first")" "$(grep -c '^ *0 ' <<<"$first")"
}

northwind() {
    gzip -dc "$data/northwind-orders.ndjson.gz" | "$factum" --store northwind.factum import - || return
    "$examples/orders-report" northwind.factum >report.txt || return
    cat report.txt
    same "$(for i in 1 2 3; do row all $i <report.txt; done | xargs)" '830 1639 126579302' &&
        same "$(row shipped 1 <report.txt) $(row placed 1 <report.txt)" '809 21'
}

rentals() {
    gzip -dc "$data/rental-orders.ndjson.gz" | "$factum" --store rental.factum import - || return
    "$examples/orders-report" rental.factum --category rental >report.txt || return
    cat report.txt
    same "$(for i in 1 2 4; do row all $i <report.txt; done | xargs)" '16044 47954 6741651' &&
        same "$(row returned 1 <report.txt) $(row paid 1 <report.txt)" '15861 183'
}

# The rows that a store's read models have, MODEL COUNT HASH, as model_rows.py prints them.
model_rows() {
    local model key rows
    while read -r model key; do
        "$factum" --store "$1" projection deploy "$root/examples/orders/models/$model.sql" --quiet >"$work/deployed" ||
            return
        rows=$("$factum" --store "$1" query "$model" "SELECT * FROM $model ORDER BY $key" --csv --quiet \
            --rows-max 100000 | tail -n +2 | tr -d '\r' | tee rows.csv | sha256sum | cut -c1-16) || return
        echo "$model $(wc -l <rows.csv) $rows"
    done <<'END'
order_summary order_id
open_orders order_id
daily_revenue day, business
product_sales product
customers customer
rental_summary rental_id
purchase_items item
END
}

# Incremental, in three parts, and at once: both have the rows that are folded apart from SQL.
generated_rows() {
    local wanted part lines
    wanted=$(python3 "$root/tests/integration/model_rows.py" a.ndjson) || return
    lines=$(($(wc -l <a.ndjson) / 3 + 1))
    for part in 0 1 2; do
        tail -n +$((part * lines + 1)) a.ndjson | head -n $lines >part.ndjson
        "$factum" --store parts.factum import part.ndjson --quiet && model_rows parts.factum >parts.txt || return
    done
    same "$wanted" "$(cat parts.txt)" && "$factum" --store whole.factum import a.ndjson --quiet &&
        same "$wanted" "$(model_rows whole.factum)"
}

real_rows() {
    local orders files=()
    for orders in northwind rental purchase; do
        files+=("$data/$orders-orders.ndjson.gz")
        "$factum" --store real.factum import "$data/$orders-orders.ndjson.gz" --quiet || return
    done
    same "$(python3 "$root/tests/integration/model_rows.py" "${files[@]}")" "$(model_rows real.factum)" &&
        "$factum" --store real.factum query order_summary --named totals --csv --quiet | grep -q '^830,126579302,' &&
        "$factum" --store real.factum query rental_summary --csv --quiet \
            'SELECT sum(paid_cents) FROM rental_summary' | grep -q '^6741651'
}

model_program() {
    local query=("$examples/orders-query" whole.factum whole.factum/models)
    "${query[@]}" open_orders 'SELECT count(*) FROM open_orders' | head -n 2 >asked.txt || return
    same "$(cat asked.txt)" $'count(*)\n12' &&
        refuses 1 'does not begin with DELETE' "${query[@]}" open_orders 'DELETE FROM open_orders' &&
        refuses 1 'no model nothing' "${query[@]}" nothing 'SELECT 1' &&
        refuses 1 'is not a token' "${query[@]}" open_orders 'SELECT 1' f1-x
}

# A repeated payment, a delivery that comes before its order is shipped, one whose order never is, and a bad event.
dispatched() {
    local put=("$factum" --store dispatch.factum append --quiet)
    local dispatch=("$examples/orders-dispatch" dispatch.factum dispatch.db 0.001)
    "${put[@]}" order-1 PaymentReceived '{"paymentId":"P1","amountCents":500}' || return
    "${put[@]}" order-1 PaymentReceived '{"paymentId":"P1","amountCents":500}' || return
    "${put[@]}" order-1 PaymentReceived '{"paymentId":"P2","amountCents":70}' || return
    "${put[@]}" parcel-T1 ParcelDelivered '{}' || return
    same 'receipt order-1 2 570' "$("${dispatch[@]:0:3}")" || return
    "${put[@]}" order-1 OrderShipped '{"parcel":"T1"}' || return
    same $'receipt order-1 2 570\nparcel T1 order-1 delivered' "$("${dispatch[@]:0:3}")" || return
    "${put[@]}" parcel-T9 ParcelDelivered '{}' || return
    sleep 0.01 # for the event that is recorded after the wait
    "${put[@]}" order-2 PaymentReceived '{"paymentId":"P3","amountCents":1}' || return
    for _ in 1 2; do
        same $'receipt order-1 2 570\nreceipt order-2 1 1\nparcel T1 order-1 delivered\nlate T9 nobody has shipped it' \
            "$("${dispatch[@]}")" || return
    done
    "${put[@]}" order-2 PaymentReceived '{"paymentId":7}' || return
    refuses 1 'paymentId: not a text' "${dispatch[@]}"
}

ok 'orders-story tells its story' story
ok 'the demo shows everything, with orders made there' demo /nowhere
ok "its advice works, and README's tour after it" advised
if [ -e "$data/purchase-orders.ndjson.gz" ]; then
    ok 'the demo shows everything, with real orders' demo "$data"
    ok "its advice works there too, and README's tour after it" advised
else
    skip 'the demo shows everything, with real orders' "$no_data"
    skip "its advice works there too, and README's tour after it" "$no_data"
fi
ok 'orders-story refuses a second run in one store' \
    refuses 1 'order-1001' "$examples/orders-story" story.factum
ok 'the same seed gives the same bytes' same_bytes
ok 'generated orders add up' generated
ok 'generated orders come through a pipe' piped
ok 'a report as of a time is the report of the events until then' past_report
ok 'an order at its first revision is placed' past_of_one
ok 'orders-show names an order that is missing' \
    refuses 1 'order-none' "$examples/orders-show" generated.factum order-none
ok 'orders-show refuses an invalid time' \
    refuses 2 usage "$examples/orders-show" generated.factum order-1 --at noon
ok 'orders-report does not make a store' refuses 1 '' "$examples/orders-report" none.factum
ok 'orders-generate refuses no orders' refuses 2 usage "$examples/orders-generate" --orders 0
if [ ${#read_side[@]} -gt 0 ]; then
    ok 'read models of generated orders have the rows that a fold has' generated_rows
    ok 'a program asks a read model' model_program
    ok 'a projection in C takes each event once' dispatched
    if [ -f "$data/purchase-orders.ndjson.gz" ]; then
        ok 'so have those of real orders, to the cent' real_rows
    else
        skip 'so have those of real orders, to the cent' "$no_data"
    fi
else
    skip 'read models' 'built without them, or no curl'
fi
if [ -f "$data/northwind-orders.ndjson.gz" ]; then
    ok 'the northwind orders add up' northwind
    ok 'the rentals add up' rentals
else
    skip 'the northwind orders add up' "$no_data"
    skip 'the rentals add up' "$no_data"
fi

# ---- the door --------------------------------------------------------------------------------------

# A line typed, followed by another program over the network, after which the input ends.
door() {
    mkfifo typed || return
    "$examples/door" door.factum 127.0.0.1:0 <typed >door.txt 2>&1 &
    local door=$! port
    exec 3>typed
    for _ in $(seq 100); do
        grep -q '^open on' door.txt && break
        sleep 0.05
    done
    port=$(sed -n 's/^open on .*://p' door.txt)
    echo 'first line' >&3
    timeout 20 "$examples/follow" 127.0.0.1 "$port" /api/v1/streams/door-lines 2 >followed.txt 2>&1 &
    local follower=$!
    echo 'second line' >&3
    wait "$follower" || { cat door.txt followed.txt; kill "$door"; return 1; }
    refuses 1 'HTTP/1.1 404' timeout 20 "$examples/follow" 127.0.0.1 "$port" /none || return
    exec 3>&-
    wait "$door" || { cat door.txt; return 1; }
    cat door.txt followed.txt
    grep -qx 'revision 1' door.txt && same "$(grep -c '"type":"LineTyped"' followed.txt)" 2 &&
        same "$("$factum" --store door.factum read door-lines --json | wc -l)" 2
}

door_closed() { # by SIGTERM
    sleep 30 | "$examples/door" door.factum 127.0.0.1:0 >door.txt 2>&1 &
    local door=$!
    for _ in $(seq 100); do
        grep -q '^open on' door.txt && break
        sleep 0.05
    done
    kill -TERM "$door"
    wait "$door"
}

if [ -x "$examples/door" ]; then
    ok 'a program that owns its store opens a door, and another follows' door
    ok 'the door is closed by SIGTERM' door_closed
    ok 'a door that cannot be opened is an error' \
        refuses 1 'ADDRESS:PORT' "$examples/door" door.factum nowhere
else
    skip 'a program that owns its store opens a door' 'built without the server'
fi

# ---- sagas -----------------------------------------------------------------------------------------

# The services of the saga under the contract test of the command line. An undo of the payment finds what was charged.
contract() { # contract SERVICE DO UNDO DATA
    "$factum" --store "$store" saga test-participant --do "$1.$2" --undo "$1.$3" --data "$4" --undo-data "$4" >contract.txt
    local status=$?
    cat contract.txt
    [ $status -eq 0 ] && grep -qx '14 passed, 0 failed, 0 skipped' contract.txt
}
participants() {
    local server services status=0
    "$factum" --store services.factum serve --insecure --listen 127.0.0.1:0 >services.server 2>&1 &
    server=$!
    for _ in $(seq 200); do
        store=factum://$(sed -n 's/^factum: serving .* on \(127[.0-9]*:[0-9]*\).*/\1/p' services.server)
        [ "$store" = factum:// ] || break
        sleep 0.05
    done
    "$factum" --store "$store" append stock-tea StockReceived '{"quantity":6}' --quiet || status=1
    "$examples/orders-participants" "$store" >services.txt 2>&1 &
    services=$!
    contract stock ReserveStock ReleaseStock '{"orderId":"1","sku":"tea","quantity":2}' &&
        contract payment Charge Refund '{"orderId":"1","account":"a","amountCents":5}' || status=1
    kill -TERM "$services"
    wait "$services" || status=1
    cat services.txt
    same "$(grep -c ' too late, ' services.txt)" 5 && grep -q '^stock: .* 1 cancelled, 1 too late, ' services.txt || status=1
    kill "$server"
    wait "$server"
    # Each counts once, however often it was sent: a do with its undo, and the last do.
    local ledger in out
    for ledger in 'stock-tea StockReserved StockReleased' 'payment-1 PaymentCharged PaymentRefunded'; do
        read -r ledger in out <<<"$ledger"
        "$factum" --store services.factum read "$ledger" --json >ledger.json &&
            same '2 1' "$(grep -c "\"$in\"" ledger.json) $(grep -c "\"$out\"" ledger.json)" || status=1
    done
    return $status
}
if [ -x "$examples/orders-participants" ]; then
    ok 'the services of the saga keep the contract of participants' participants
    ok 'orders-participants shows its usage' refuses 2 usage "$examples/orders-participants" factum://localhost:1 baker
    ok 'a server that cannot be reached is an error' refuses 1 'localhost:1' "$examples/orders-participants" \
        --limit 5 factum://localhost:1
else
    skip 'the services of a saga' 'built without sagas, or without the server'
fi

# ---- git -------------------------------------------------------------------------------------------

new_repository() {
    git init -q "$1" && git -C "$1" symbolic-ref HEAD refs/heads/main
}

commit() {
    git -C "$1" add -A && GIT_COMMITTER_DATE="$3" GIT_AUTHOR_DATE="$3" git -C "$1" commit -q -m "$2"
}

# A merge, a rename, a deletion, a binary file, and names of every kind.
odd_repository() {
    new_repository odd || return
    (
        cd odd && seq 1 30 >plain && printf 'x\0y' >binary && echo 1 >'with blank' &&
            echo 1 >$'new\nline' && echo 1 >'100%' && echo 1 >$'not-utf8-\xff' && echo 1 >münster &&
            echo 1 >gone
    ) || return
    commit odd first 2026-01-01T10:00:00Z || return
    git -C odd mv plain moved && rm odd/gone && seq 1 31 >odd/moved || return
    commit odd 'second "quoted" \ and	tab' 2026-01-02T10:00:00Z || return
    git -C odd checkout -q -b side HEAD~1 && echo s >odd/side || return
    GIT_AUTHOR_NAME='' GIT_AUTHOR_EMAIL=bo@example.org commit odd side 2026-01-03T10:00:00Z 2>/dev/null ||
        GIT_AUTHOR_NAME=Bo GIT_AUTHOR_EMAIL=bo@example.org commit odd side 2026-01-03T10:00:00Z || return
    git -C odd checkout -q main || return
    GIT_COMMITTER_DATE=2026-01-04T10:00:00Z GIT_AUTHOR_DATE=2026-01-04T10:00:00Z \
        git -C odd merge -q -m merge side
}

imported() {
    odd_repository || return
    same "$("$examples/git-import" odd.factum odd)" \
        '4 commits: 4 new, 0 recognised; 16 events written' &&
        "$factum" --store odd.factum verify
}

again() {
    same "$("$examples/git-import" odd.factum odd)" \
        '4 commits: 0 new, 4 recognised; 0 events written'
}

state_is() {
    local state
    state=$("$examples/git-report" odd.factum state "${@:2}") || return
    same "$1" "$(awk '$1 != "last" { print $2 }' <<<"$state" | xargs)"
}

renamed() {
    "$examples/git-report" odd.factum file moved >moved.txt || return
    grep -q 'FileRenamed  *+1 -0  from plain$' moved.txt || return
    "$examples/git-report" odd.factum file plain | grep -q 'FileDeleted  *+0 -0  to moved$'
}

odd_names() {
    "$examples/git-report" odd.factum file $'new\nline' &&
        "$examples/git-report" odd.factum file $'not-utf8-\xff' &&
        "$examples/git-report" odd.factum file '100%' &&
        "$examples/git-report" odd.factum file münster &&
        "$factum" --store odd.factum read 'file-new%0Aline'
}

new_commits() {
    echo 2 >>odd/münster
    commit odd third 2026-01-05T10:00:00Z || return
    same "$("$examples/git-import" odd.factum odd)" \
        '5 commits: 1 new, 4 recognised; 2 events written'
}

shallow() {
    git clone -q --depth 1 "file://$work/odd" shallow || return
    "$examples/git-import" shallow.factum shallow 2>notes.txt >said.txt || return
    grep -q 'this clone is shallow' notes.txt && grep -q '^1 commit: 1 new' said.txt || return
    git -C shallow fetch -q --unshallow || return
    refuses 1 'Import into a new store' "$examples/git-import" shallow.factum shallow
}

huge() {
    new_repository huge || return
    python3 -c 'print("""blob
mark :1
data 2
x
commit refs/heads/main
committer Cy <cy@example.org> 1767225600 +0000
data 4
huge""")
for i in range(60000): print(f"M 100644 :1 d{i % 100}/f{i}")' |
        git -C huge fast-import --quiet || return
    same "$("$examples/git-import" huge.factum huge)" \
        '1 commit: 1 new, 0 recognised; 60001 events written' &&
        same "$("$examples/git-import" huge.factum huge)" \
            '1 commit: 0 new, 1 recognised; 0 events written' &&
        same "$("$examples/git-report" huge.factum state | awk '$1 == "files" { print $2 }')" 60000
}

own_history() {
    "$examples/git-import" own.factum "$root" || return
    local commits
    commits=$(git -C "$root" rev-list --count HEAD)
    "$examples/git-report" own.factum state >state.txt || return
    same "$(awk '$1 == "commits" { print $2 }' state.txt)" "$commits" || return
    if [ "$(git -C "$root" rev-list --merges --count HEAD)" -eq 0 ] &&
        [ "$(git -C "$root" rev-parse --is-shallow-repository)" = false ]; then
        same "$(awk '$1 == "files" { print $2 }' state.txt)" \
            "$(git -C "$root" ls-tree -r --name-only HEAD | wc -l)" || return
    fi
    "$examples/git-report" own.factum busiest 3 && "$factum" --store own.factum verify
}

if command -v git >"$work/out"; then
    ok 'a repository with odd names, a merge and a rename is imported' imported
    ok 'a second import recognises every commit' again
    ok 'the state now' state_is '4 8 37 2'
    ok 'the state as of a time' state_is '1 8 36 1' 2026-01-01T12:00:00Z
    ok 'the state as of a commit' state_is '1 8 36 1' "$(git -C odd rev-list --max-parents=0 main)"
    ok 'a commit that does not exist is refused' \
        refuses 1 'no such commit' "$examples/git-report" odd.factum state 0123abcd
    ok 'a rename is in both histories' renamed
    ok 'files with odd names have histories' odd_names
    ok 'later commits are added' new_commits
    ok 'a shallow clone is noted, and what it left out is not mixed in' shallow
    ok 'a commit of 60,000 files is imported in parts' huge
    ok 'an empty repository is distinguished from a broken one' eval \
        'new_repository empty && refuses 1 "no commits yet" "$examples/git-import" e.factum empty'
    ok 'a directory that is no repository is refused' \
        refuses 1 'not a git repository' "$examples/git-import" e.factum /
    ok 'git-report shows its usage' refuses 2 usage "$examples/git-report" odd.factum
    if git -C "$root" rev-parse --verify -q HEAD >"$work/out" 2>&1; then
        ok 'the history of this clone is imported' own_history
    else
        skip 'the history of this clone is imported' 'this is no clone'
    fi
else
    skip 'git examples' 'git is not installed'
fi

echo "1..$count"
exit $failed
