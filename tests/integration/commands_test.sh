#!/usr/bin/env bash
# commands_test.sh - deciders and commands at a server: deployed, decided, shown, refused; by curl, by the command
# line, by all protocols. Prints TAP. FACTUM names the program.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/program.sh"
unset FACTUM_SECRET FACTUM_SECRET_FILE FACTUM_CA_FILE FACTUM_ALLOW_DEPLOY
if ! command -v curl >/dev/null || ! curl --version | grep -q HTTP2; then
    skip "commands over HTTP" "no curl with HTTP/2"
    done_testing
fi
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
serve() { # serve OPTION...: a server on the store; $url and $address are where it is
    : >said
    "$factum" --store store serve --listen 127.0.0.1:0 --unix "$work/socket" "$@" >said 2>&1 &
    server=$!
    for _ in $(seq 200); do
        grep -q '^factum: serving' said && break
        sleep 0.05
    done
    url=http://$(sed -n 's/^factum: serving [^ ]* on \([^ ,]*\).*/\1/p' said)
    api=$url/api/v1
    address=factum://${url#http://}
}
stop() {
    kill "$server" && wait "$server" 2>/dev/null
    server=
}
json='content-type: application/json'
lua='content-type: text/x-lua'
# call NAME STATUS PATTERN CURL_OPTION...: the status of the answer, and a pattern in its head or body
call() {
    local name=$1 status=$2 pattern=$3
    shift 3
    local got
    got=$(curl -sS --max-time 20 -D head -o body -w '%{http_code}' "$@" 2>errors)
    cat head body errors >out 2>/dev/null
    [ "$got" = "$status" ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" out; }
    local bad=$?
    [ $bad -eq 0 ] || echo "status $got, not $status, or nothing like: $pattern" >>out
    result $bad "$name"
}
order=$root/examples/lua/order.lua
U() { "$factum" --store "factum+unix://$work/socket" "$@"; }
R() { "$factum" --store "$address" "$@"; }
placed='{"customerId":"c7","lines":[{"product":"A","quantity":2,"unitPriceCents":450}]}'

# ---- who may deploy -------------------------------------------------------------------------------

serve --insecure
refused='it needs the right .*"deploy.*: use the UNIX socket, or start the server with --allow-deploy'
call "over TCP nothing is deployed" 403 "$refused" "$api/deciders/order" -H "$lua" --data-binary "@$order"
try "nor by the command line" 10 "--allow-deploy" R decider deploy order "$order"
try "nor by an append" 10 "--allow-deploy" R append '$definition:decider-order' T '{}' --system
echo '{"stream":"$definition:decider-order","type":"T","data":{}}' >definition.ndjson
try "nor by an import" 10 "--allow-deploy" R import definition.ndjson --system
call "nor by an append over HTTP" 403 "$refused" "$api/streams/\$definition:decider-order?system" -H "$json" \
    -d '{"type":"T"}'
call "nor by one to several streams" 403 "$refused" "$api/events?system" -H "$json" \
    -d '{"events":[{"stream":"a","type":"T"},{"stream":"$definition:decider-order","type":"T"}]}'
call "nor is a definition's metadata set" 403 "$refused" -X PUT "$api/streams/\$definition:decider-order/metadata" \
    -H "$json" -d '{"$maxCount":1}'
call "nor one deleted" 403 "$refused" -X DELETE "$api/streams/\$definition:decider-order"
# KurrentDB's Append: the options with the name of the stream, expecting nothing; and the event.
grpc() { printf '\0\0\0\0'"$1"; } # a message's head, its length as \xHH
name='$definition:decider-order'
{
    grpc '\x21' && printf '\x0a\x1f\x0a\x1b\x1a\x19' && printf '%s' "$name" && printf '\x22\x00'
} >append.bin
call "nor by KurrentDB's protocol" 200 '^(grpc-status: 7|exception: access-denied)' --http2-prior-knowledge \
    -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @append.bin \
    "$url/event_store.client.streams.Streams/Append"
call "nothing was written" 200 '^\{"deciders":\[\]\}$' "$api/deciders"
try "over the UNIX socket it is deployed" 0 "^order revision 0, [0-9a-f]{12}$" U decider deploy order "$order" \
    --why "the first"
try "the same again changes nothing" 0 "has this decider already: revision 0" U decider deploy order "$order"
echo 'initial = = 1' >bad.lua
try "one that does not load is refused" 7 "bad.lua:1: unexpected symbol" U decider deploy order bad.lua
call "also over HTTP" 422 'order.lua:1: unexpected symbol' --unix-socket "$work/socket" "$api/deciders/order" \
    -H "$lua" --data-binary @bad.lua
try "every reader sees it" 0 "^order  revision 0  [0-9a-f]{12}  20.*  the first$" R decider list
call "also over HTTP" 200 '"text":"-- order.lua - an order' "$api/deciders/order"

# ---- commands --------------------------------------------------------------------------------------

call "an order that is not paid is not shipped" 422 '"code":"order.not_paid","verdict":"rejected"' -X POST \
    "$api/commands/order/1/Ship"
# Three at once: they count once, and each has the events.
for i in 1 2 3; do
    curl -sS --max-time 20 "$api/commands/order/1/Place" -H "$json" -H 'idempotency-key: cart-1' -d "$placed" \
        -o "answer$i" 2>/dev/null &
    sending[i]=$!
done
wait "${sending[@]}"
sed 's/"already":[a-z]*,//' answer1 answer2 answer3 | sed 's/}$/}\n/' | grep . | sort -u >out
[ "$(wc -l <out)" = 1 ] && grep -q '"verdict":"accepted","count":1,"stream":"order-1","revision":0,' out &&
    [ "$(grep -o '"already":false' answer1 answer2 answer3 | wc -l)" = 1 ]
result $? "the same command three times at once counts once, with one answer"
call "one event is stored" 200 '"lastRevision":0,' "$api/streams/order-1/info"
call "another command under the key is a conflict" 409 '"code":"KEY_CONFLICT"' "$api/commands/order/1/Place" \
    -H "$json" -H 'idempotency-key: cart-1' -d '{}'
call "nothing to do" 200 '"verdict":"nothing"' "$api/commands/order/1/Place" -H "$json" -d "$placed"
call "a payment" 200 '"type":"PaymentReceived".*"data":\{"amountCents":900' "$api/commands/order/1/Pay" -H "$json" \
    -d '{"paymentId":"p1","amount":9}'
call "then it is shipped" 200 'etag: "2"' "$api/commands/order/1/Ship" -H "$json" -d '{"carrier":"UPS"}'
try "the command line decides by it too" 0 "^1 event, revision 3" R command order 1 Deliver
try "on the store's own socket too" 8 "rejected: order.too_late" U command order 1 Cancel
call "another category has no decider" 404 'no decider is deployed for the category cart: deploy one' \
    "$api/commands/cart/1/Go" -H "$json" -d '{}'
# 24 commands on one stream at once: all are decided, or refused with the advice to retry.
for i in $(seq 24); do
    curl -sS --max-time 20 "$api/commands/order/$((i % 2))/Noise" -H "$json" -d '{}' -o "noise$i" \
        -w '%{http_code}\n' >"code$i" 2>/dev/null &
    noise[i]=$!
done
wait "${noise[@]}"
cat code[0-9]* | sort | uniq -c >out
! grep -vqE ' (422|503)$' out
result $? "many at once are decided, or asked to come again"

# ---- states ----------------------------------------------------------------------------------------

call "the state" 200 '"events":4,"decider":0,"state":\{.*"status":"delivered"' "$api/streams/order-1/state"
call "at a revision, with who has set what" 200 \
    '^\{"path":".paidCents","value":900,"revision":1,"type":"PaymentReceived"' \
    "$api/streams/order-1/state?revision=1&blame"
call "before it began" 200 '"events":0.*"status":"none"' "$api/streams/order-1/state?at=2001-01-01"
try "the command line prints the same" 0 '"revision":1,.*"status":"paid"' R state order-1 --revision 1 --json

# ---- another version, and a hostile one ------------------------------------------------------------

cat >second.lua <<'LUA'
initial = {}
function evolve(state, event) return state end
function decide(state, command)
    if command.name == "Spin" then while true do end end
    if command.name == "Grow" then
        local all = {}
        for i = 1, 1 << 30 do all[i] = string.rep("x", 1 << 20) end
    end
    if command.name == "Deep" then return decide(state, command) end
    if command.name == "Open" then return io.open("/etc/passwd") end
    return { type = "Made", data = { version = 2 } }
end
LUA
try "a new version is deployed" 0 "revision 1" U decider deploy order second.lua --why "another"
call "and decides the next command" 200 '"data":\{"version":2\}' "$api/commands/order/2/Go" -H "$json" -d '{}'
try "the first one is still to be read" 0 "^-- order.lua" R decider show order --revision 0
call "a script that never ends is stopped" 422 'order.lua:4: stopped after 1,000,000 instructions' \
    "$api/commands/order/2/Spin" -H "$json" -d '{}'
call "one that takes all memory too" 422 'order.lua:[0-9]+: .*(bytes|MiB|memory)' "$api/commands/order/2/Grow" \
    -H "$json" -d '{}'
call "one that calls itself too" 422 'order.lua:' "$api/commands/order/2/Deep" -H "$json" -d '{}'
call "one that reaches for files finds none" 422 "order.lua:10: attempt to index a nil value" \
    "$api/commands/order/2/Open" -H "$json" -d '{}'
for i in $(seq 16); do
    curl -sS --max-time 30 "$api/commands/order/$i/Spin" -H "$json" -d '{}' -o /dev/null -w '%{http_code}\n' \
        >"code$i" 2>/dev/null &
    spin[i]=$!
done
call "while sixteen spin, a read is answered" 200 '"state":"present"' "$api/streams/order-1/info"
wait "${spin[@]}"
call "and the server keeps running" 200 '"verdict":"accepted"' "$api/commands/order/2/Go" -H "$json" -d '{}'
call "what has happened is counted" 200 '^factum_commands_total\{outcome="already"\} 2' "$url/metrics"
stop

# ---- with --allow-deploy ---------------------------------------------------------------------------

serve --insecure --allow-deploy
call "with --allow-deploy code comes over TCP" 201 '"revision":2,' "$api/deciders/order" -H "$lua" \
    --data-binary "@$order"
call "unless another revision was expected" 412 '"code":"WRONG_REVISION"' "$api/deciders/order" -H "$lua" \
    -H 'if-match: "0"' --data-binary @second.lua
try "by the command line too" 0 "^cart revision 0" R decider deploy cart second.lua
stop
FACTUM_ALLOW_DEPLOY=true serve --insecure
call "the environment allows it" 200 '"already":true' "$api/deciders/order" -H "$lua" --data-binary "@$order"
stop
serve
secret=$(sed -n 's/.*shown this once: //p' said)
call "nobody deploys without a login" 401 "" "$api/deciders/order" -H "$lua" --data-binary @second.lua
call "nor decides" 401 "" "$api/commands/order/2/Go" -H "$json" -d '{}'
call "the admin decides" 200 '"verdict":"nothing"' -u "admin:$secret" "$api/commands/order/1/Ship" -H "$json" -d '{}'
call "and does not deploy" 403 "--allow-deploy" -u "admin:$secret" "$api/deciders/order" -H "$lua" \
    --data-binary @second.lua
try "the UNIX socket needs no login" 0 "^order revision 3" U decider deploy order second.lua
stop
done_testing
