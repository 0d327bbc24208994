#!/usr/bin/env bash
# saga_ops_test.sh - operators of sagas: the command line in a directory, at an address, and HTTP print the same and do the
# same; and who may write the streams of sagas. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
unset FACTUM_SECRET FACTUM_SECRET_FILE FACTUM_CA_FILE FACTUM_ALLOW_DEPLOY FACTUM_NO_RUN FACTUM_STORE
if ! command -v curl >/dev/null || ! curl --version | grep -q HTTP2; then
    skip "sagas over HTTP" "no curl with HTTP/2"
    done_testing
fi
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
serve() {
    : >said
    "$factum" --store store serve --listen 127.0.0.1:0 --unix "$work/socket" --insecure "$@" >said 2>&1 &
    server=$!
    for _ in $(seq 200); do
        grep -q '^factum: serving' said && break
        sleep 0.05
    done
    address=$(sed -n 's/^factum: serving [^ ]* on \([^ ,]*\).*/\1/p' said)
    api=http://$address/api/v1
}
json='content-type: application/json'
# call NAME STATUS PATTERN CURL_OPTION...
call() {
    local name=$1 status=$2 pattern=$3
    shift 3
    local got
    got=$(curl -sS --max-time 40 -D head -o body -w '%{http_code}' "$@" 2>errors)
    cat head body errors >out 2>/dev/null
    [ "$got" = "$status" ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" out; }
    local bad=$?
    [ $bad -eq 0 ] || echo "status $got, not $status, or nothing like: $pattern" >>out
    result $bad "$name"
}
# check NAME COMMAND...: it succeeds
check() {
    local name=$1
    shift
    "$@" >out 2>&1
    result $? "$name"
}
cat >order.yaml <<'YAML'
saga: order
version: 1
start: OrderPlaced
id: .orderId
keep: {orderId, amount}
steps:
  - charge: {do: pay.Charge, with: {orderId, amount}, ok: Charged, fail: Declined, within: 30m,
             undo: pay.Refund, undo_with: {orderId}}
  - ship: {do: ship.HandOver, with: {orderId}, ok: Shipped, fail: Refused, pivot: true, within: 2h}
YAML
f() { "$factum" --store store "$@"; }
r() { "$factum" --connect "factum://$address" "$@"; }

check "a saga is deployed in a directory" f saga deploy order.yaml
for i in 1 2 3; do f append "order-$i" OrderPlaced "{\"orderId\":\"$i\",\"amount\":5}" --quiet; done
f append order-4 OrderPlaced '{"orderId":"4"}' --quiet
serve
for _ in $(seq 200); do [ "$(r saga list --json | wc -l)" = 4 ] && break; sleep 0.05; done
r saga list --json >by_address
r saga show order-1 --json >show_address
r saga timers --json >timers_address
call "HTTP lists the sagas" 200 '"status":"stuck"' "$api/sagas"
sed -e 's/^{"sagas":\[//' -e 's/\],"more".*$//' -e 's/},$/}/' body >by_http; echo >>by_http
check "as the command line does" diff by_address by_http
call "HTTP lists the timers" 200 '"timer":"charge"' "$api/saga-timers"
sed -e 's/^{"timers":\[//' -e 's/\],"more".*$//' -e 's/},$/}/' body >timers_http; echo >>timers_http
check "as the command line does" diff timers_address timers_http
call "HTTP shows a saga" 200 'etag: "3"|etag: "2"' "$api/sagas/order/1"
echo >>body
check "as the command line does" diff show_address body
call "a filter is a filter" 200 '^\{"sagas":\[\{"saga":"order","id":"4"[^}]*\}\],"more":false\}' "$api/sagas?status=stuck"
call "another status is refused" 400 'status' "$api/sagas?status=lost"
call "a picture is drawn" 200 'flowchart TD' "$api/sagas/order/1/graph"
call "no saga is no saga" 404 'there is no saga order-9' "$api/sagas/order/9"
call "the versions have their texts" 200 '"text":"saga: order' "$api/sagas/order"

call "what if" 200 '"whatIf":true.*compensates' "$api/sagas/order/1/cancel" -H "$json" -d '{"whatIf":true}'
call "an act needs a reason" 400 'needs a reason' "$api/sagas/order/1/cancel" -H "$json" -d '{}'
call "at an old revision it is refused" 412 'something has happened' "$api/sagas/order/1/cancel" -H "$json" \
    -H 'if-match: "0"' -d '{"reason":"x"}'
call "it is done" 200 '"verb":"cancel","whatIf":false' "$api/sagas/order/1/cancel" -H "$json" -d '{"reason":"x","by":"ann"}'
call "once" 409 'SagaCancelled by ann' "$api/sagas/order/1/cancel" -H "$json" -d '{"reason":"x"}'
try "the command line gets the same refusal at the address" 3 "SagaCancelled by ann" r saga cancel order-1 --reason x
try "edit over the address" 0 "what is kept changes" r saga edit order-4 --data '{"amount":7}' --reason lost
try "retry over the address" 0 "sends pay.Charge" r saga retry order-4 --reason mended
try "skip over the address" 0 "counts as done" r saga skip order-2 charge --result ok --reason "by hand"
try "timers are moved" 0 "fires at 2100-01-01" r saga timer order-2 ship --to 2100-01-01T00:00:00Z --reason slow

refused='it needs the right .*deploy'
call "nobody appends to a saga over HTTP" 403 "$refused" "$api/streams/saga:order-1" -H "$json" -d '[{"type":"SagaDone"}]'
call "nor in an append of many streams" 403 "$refused" "$api/events" -H "$json" \
    -d '{"events":[{"stream":"a","type":"T"},{"stream":"saga:order-1","type":"T"}]}'
call "nor sets its metadata" 403 "$refused" -X PUT "$api/streams/saga:order-1/metadata" -H "$json" -d '{}'
call "nor deletes it" 403 "$refused" -X DELETE "$api/streams/saga:order-1"
try "nor appends over gRPC" 10 "--allow-deploy" r append saga:order-1 SagaDone '{}'
try "a stream of commands is open" 0 "" r append command:pay-order-1 CommandCancelled '{}' --quiet
try "over the UNIX socket users who may deploy can append" 0 "" "$factum" --connect "factum+unix://$work/socket" append \
    saga:other-1 ReplyRecorded '{}' --quiet

r append order-6 OrderPlaced '{"orderId":"6"}' --quiet
for _ in $(seq 200); do [ "$(r saga list --status stuck | grep -c order-6)" = 1 ] && break; sleep 0.05; done
try "what is parked has the sagas that are stuck" 0 "^order .* charge +order-6 .* saga +" r parked list
try "as JSON" 0 '^\{"name":"order","version":1,"key":"order-6","step":"charge","reason":".+"kind":"saga"' r parked list --json
r parked list >parked_address 2>&1
kill "$server" && wait "$server" 2>/dev/null
server=
f parked list >parked_directory 2>&1
check "the directory has them too" diff parked_address parked_directory
check "an endpoint is deployed" f endpoint deploy pay https://pay.example.com/commands
check "and one that no saga needs" f endpoint deploy mail https://mail.example.com/commands
try "it is not removed while a saga needs it" 3 "saga order-[0-9] \(version 1\) has not ended and needs pay" f endpoint remove pay
try "which keeps it" 0 "^pay " f endpoint list pay
try "unless one insists" 0 "^pay removed" f endpoint remove pay --force --why "it is gone"
try "the other one is removed" 0 "^mail removed" f endpoint remove mail
f saga list order --status open --json | grep -v other >by_directory
check "the directory has them too" grep -q '"id":"2".*"step":"ship"' by_directory
try "and is acted on" 0 "closed as it is" f saga complete order-3 --reason "given up"
try "which is the end of it" 3 "closed by an operator" f saga retry order-3 charge --reason again
done_testing
