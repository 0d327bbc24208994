#!/usr/bin/env bash
# trace_test.sh - factum trace on a directory and at a server, and what a request's headers leave in events: flows
# of three days without a span, ids, broken traces, retries. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
unset FACTUM_SECRET FACTUM_SECRET_FILE FACTUM_CA_FILE
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
F() { "$factum" --store store "$@"; }

# ---- a saga of three days, of which no span was kept -----------------------------------------------

# event N STREAM TYPE DAY CAUSE COMMAND DATA: a line; its id ends with N
event() {
    printf '{"stream":"%s","type":"%s","id":"00000000-0000-4000-8000-%012d","time":"2026-01-0%dT00:00:00Z",' \
        "$2" "$3" "$1" "$4"
    printf '"metadata":{"$correlationId":"flow-1"'
    [ -z "$5" ] || printf ',"$causationId":"%s"' "$5"
    [ -z "$6" ] || printf ',"$commandId":"%s"' "$6"
    printf '},"data":%s}\n' "${7:-{\}}"
}
id() { printf '00000000-0000-4000-8000-%012d' "$1"; }
{
    event 1 order-42 OrderPlaced 1 "" ""
    event 2 saga:fulfil-42 SagaStarted 1 "$(id 1)" ""
    event 3 command:stock-fulfil-42 stock.Reserve 1 "$(id 1)" saga:fulfil-42/reserve/do/1
    event 4 stock-7 StockReserved 2 saga:fulfil-42/reserve/do/1 ""
    event 5 saga:fulfil-42 StepSucceeded 2 "$(id 4)" "" '{"step":"reserve"}'
    event 6 command:payment-fulfil-42 payment.Charge 2 "$(id 4)" saga:fulfil-42/charge/do/1
    event 7 payment-9 CommandFailed 3 saga:fulfil-42/charge/do/1 "" '{"code":"card.declined","text":"no money"}'
    event 8 command:stock-fulfil-42 stock.Release 3 "$(id 7)" saga:fulfil-42/reserve/undo/1
    event 9 saga:fulfil-42 SagaStuck 3 "$(id 7)" "" '{"step":"reserve","undo":true,"why":"silent","text":"x"}'
} >flow.ndjson
try "a flow is imported" 0 "" F import flow.ndjson --quiet
try "its tree is complete without any span" 0 "flow-1: 9 events in 6 streams of 4 services" F trace flow-1
try "every event but the first has its cause" 0 '"roots":1,"causesNotFound":0,"open":1,"stuck":1,"failed":1' \
    F trace flow-1 --json
try "a failure has its reason" 0 'CommandFailed  payment-9 .* FAILED  card.declined: no money' F trace flow-1
try "an unanswered command is open" 0 'stock.Release .* OPEN' F trace flow-1
try "a step that needs somebody is stuck" 0 'SagaStuck .* STUCK  reserve  silent: x' F trace flow-1
for one in fulfil-42 saga:fulfil-42 saga:fulfil-42/charge/do/1 "$(id 7)"; do
    try "$one leads to the same tree" 0 ': 9 events in 6 streams' F trace "$one"
done
try "an event is found in its stream" 0 ': 9 events' F trace "$(id 4)" --stream stock-7
try "nothing is found, and the searched range is printed" 4 "none of the store's [0-9]+ events" F trace nothing
try "it prints how to search further" 4 'newest 2 events, back to position .*look further back' F trace nothing --scan 2
try "a graph for Graphviz" 0 '^  n[0-9]+ -> n[0-9]+ \[label=' F trace flow-1 --dot
try "a diagram for Mermaid" 0 '^  p[0-9]--\)p[0-9]: stock.Release .*OPEN' F trace flow-1 --mermaid
try "one form at a time" 2 "give one" F trace flow-1 --dot --json
try "a number is one" 2 "scan" F trace flow-1 --scan x
if command -v dot >/dev/null; then
    F trace flow-1 --dot --full >flow.dot
    try "Graphviz takes it" 0 "" dot -Tsvg -o flow.svg flow.dot
else
    skip "Graphviz takes it" "no dot"
fi

# ---- ten thousand events ---------------------------------------------------------------------------

{
    event 100 import-1 Imported 3 "" ""
    # A process for each event would take minutes.
    seq 101 10099 | awk -v line="$(event 101 row-101 RowAdded 3 "$(id 100)" "")" '{
        made = line
        sub(/row-101/, "row-" $1, made)
        sub(/000000000101"/, sprintf("%012d\"", $1), made)
        print made
    }'
} | sed 's/flow-1/flow-big/' >big.ndjson
try "a flow of ten thousand is imported" 0 "" F import big.ndjson --quiet
try "equal ones are one line" 0 'RowAdded  row-[0-9]+ .* x 999[0-9]' F trace flow-big
try "all are in the JSON" 0 '"events":10000,' F trace flow-big --json
F trace flow-big >out
[ "$(wc -l <out)" -lt 70 ]
result $? "it fits on a page"
F trace flow-big --full >out
[ "$(wc -l <out)" -eq 10002 ] || [ "$(wc -l <out)" -eq 10003 ]
result $? "unless all of it is wanted"

# ---- over HTTP -------------------------------------------------------------------------------------

if ! command -v curl >/dev/null || ! "$factum" serve --help >/dev/null 2>&1; then
    skip "traces over HTTP" "no curl, or no server"
    done_testing
fi
"$factum" --store store serve --listen 127.0.0.1:0 --insecure >said 2>&1 &
server=$!
for _ in $(seq 200); do
    grep -q '^factum: serving' said && break
    sleep 0.05
done
url=http://$(sed -n 's/^factum: serving [^ ]* on \([^ ,]*\).*/\1/p' said)
api=$url/api/v1
R() { "$factum" --store "factum://${url#http://}" "$@"; }
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
R trace flow-1 --json >by_cli
call "a trace over HTTP" 200 "content-type: application/json" "$api/traces/flow-1"
{ cat body; echo; } | cmp - by_cli >out
result $? "it is what the command line prints"
for form in dot mermaid; do
    R trace flow-1 --$form >by_cli
    call "as $form" 200 "" "$api/traces/flow-1?format=$form"
    cmp body by_cli >out
    result $? "it is the same as --$form"
done
call "by Accept" 200 "content-type: text/vnd.graphviz" "$api/traces/flow-1" -H "accept: text/vnd.graphviz"
call "a command's id in the path" 200 '"kind":"command"' "$api/traces/saga:fulfil-42%2Fcharge%2Fdo%2F1"
call "an unknown format" 400 '"format\\" is json' "$api/traces/flow-1?format=png"
call "an unknown id" 404 "is not a correlation id" "$api/traces/nothing"
call "ten thousand events" 200 '"events":10000,' "$api/traces/flow-big"

# ---- what a header leaves --------------------------------------------------------------------------

json='content-type: application/json'
trace=0af7651916cd43dd8448eb211c80319c
parent="traceparent: 00-$trace-b7ad6b7169203331-01"
event='{"type":"T","data":{}}'
last() { call "$1" 200 "$2" "$api/streams/$3?backwards&limit=1"; }
call "an append in a trace" 201 "" "$api/streams/a-1" -H "$json" -H "$parent" -H "tracestate: v=1" \
    -H "x-correlation-id: flow-2" -H "x-causation-id: why" -d "$event"
last "leaves it on the event" "\"traceparent\": *\"00-$trace-[0-9a-f]{16}-01\", *\"tracestate\": *\"v=1\"" a-1
last "with the ids of the flow" '"\$correlationId": *"flow-2", *"\$causationId": *"why"' a-1
! grep -q b7ad6b7169203331 body
result $? "and a parent of its own"
call "the trace leads to it" 200 '"kind":"trace"' "$api/traces/$trace"
call "the event's own ids stay" 201 "" "$api/streams/a-2" -H "$json" -H "$parent" -H "x-correlation-id: x" \
    -d '{"type":"T","data":{},"metadata":{"$correlationId":"own","traceparent":"bad"}}'
last "as it is" '"metadata": *\{"\$correlationId": *"own", *"traceparent": *"bad"\}' a-2
call "a broken traceparent" 201 "" "$api/streams/a-3" -H "$json" -H "traceparent: 00-$trace-zz-01" -d "$event"
last "begins a new trace" '"traceparent": *"00-[0-9a-f]{32}-[0-9a-f]{16}-01"' a-3
! grep -q "$trace" body
result $? "which is not the broken one"
call "two traceparents" 201 "" "$api/streams/a-4" -H "$json" -H "$parent" -H "$parent" -d "$event"
! curl -sS "$api/streams/a-4" | grep -q "$trace"
result $? "do not exist"
call "an append with a key" 201 "" "$api/streams/a-5" -H "$json" -H "$parent" -H "idempotency-key: k" -d "$event"
call "is the same in another trace and flow" 200 '"already":true' "$api/streams/a-5" -H "$json" \
    -H "traceparent: 00-11111111111111111111111111111111-2222222222222222-00" -H "x-correlation-id: other" \
    -H "idempotency-key: k" -d "$event"
call "several streams" 201 "" "$api/events" -H "$json" -H "$parent" \
    -d '{"events":[{"stream":"b-1","type":"T","data":{}},{"stream":"b-2","type":"T","data":{}}]}'
last "have it too" "00-$trace-" b-2
call "without a header" 201 "" "$api/streams/a-6" -H "$json" -d "$event"
curl -sS "$api/streams/a-6" >out
! grep -q "traceparent" out
result $? "nothing is added"
call "an id that is too long" 400 "at most 1024 bytes" "$api/streams/a-7" -H "$json" \
    -H "x-correlation-id: $(printf '%01025d' 1)" -d "$event"
kill "$server" && wait "$server" 2>/dev/null
server=
done_testing
