#!/usr/bin/env bash
# models_test.sh - read models at a server: deployed over the UNIX socket, fed, asked by curl, poisoned, acted on, held
# up by slow and hostile queries, stopped and killed. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
unset FACTUM_SECRET FACTUM_SECRET_FILE FACTUM_CA_FILE FACTUM_ALLOW_DEPLOY FACTUM_NO_RUN
if ! command -v curl >/dev/null || ! curl --version | grep -q HTTP2; then
    skip "read models over HTTP" "no curl with HTTP/2"
    done_testing
fi
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
serve() { # serve OPTION...: a server on the store; $api is where it is
    : >said
    "$factum" --store store serve --listen 127.0.0.1:0 --unix "$work/socket" --insecure "$@" >said 2>&1 &
    server=$!
    for _ in $(seq 200); do
        grep -q '^factum: serving' said && break
        sleep 0.05
    done
    url=http://$(sed -n 's/^factum: serving [^ ]* on \([^ ,]*\).*/\1/p' said)
    api=$url/api/v1
}
stop() {
    kill "$server" && wait "$server" 2>/dev/null
    local code=$?
    server=
    return $code
}
json='content-type: application/json'
sql='content-type: application/sql'
# call NAME STATUS PATTERN CURL_OPTION...: the status of the answer, and a pattern in its head or body
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
# ask NAME STATUS PATTERN SQL [MEMBERS]: a query to the model orders
ask() { call "$1" "$2" "$3" "$api/models/orders/query" -H "$json" -d "{\"sql\":\"$4\"${5:-}}"; }
# place FIRST LAST: orders of 10 each, as one append; $token is its place
place() {
    local i
    for i in $(seq "$1" "$2"); do
        printf '{"stream":"order-%d","type":"OrderPlaced","data":{"orderId":"o%d","total":10}}\n' "$i" "$i"
    done >orders.ndjson
    token=$(curl -sS --max-time 40 "$api/events" -H 'content-type: application/x-ndjson' --data-binary @orders.ndjson |
        sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
}
wait_for() { printf ',"wait":"%s","timeoutSeconds":30' "$token"; }

definition() { # definition VERSION [DIRECTIVE]
    cat <<SQL
--@ projection orders version $1
--@ from category order
${2:---@ mode async}
--@ poison retry 0 within 1s then park
--@ tables
CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (total >= 0));
CREATE TABLE {{totals}} (name TEXT PRIMARY KEY, n INTEGER NOT NULL, total INTEGER NOT NULL);
--@ on OrderPlaced
INSERT INTO {{orders}} (id, total) VALUES (:orderId, :total);
--@ on OrderPlaced
INSERT INTO {{totals}} (name, n, total) VALUES ('all', 1, :total)
ON CONFLICT (name) DO UPDATE SET n = {{totals}}.n + 1, total = {{totals}}.total + excluded.total;
--@ query by_total
SELECT id FROM {{orders}} WHERE total >= :least ORDER BY id;
SQL
}

# ---- deployed, fed, asked --------------------------------------------------------------------------

serve
definition 1 >v1.sql
call "over TCP nothing is deployed" 403 "use the UNIX socket" "$api/projections" -H "$sql" --data-binary @v1.sql
call "over the UNIX socket it is" 201 '"name":"orders","version":1,"hash":"[0-9a-f]{64}","revision":0,.*"done":true' --unix-socket "$work/socket" \
    "$api/projections?why=first" -H "$sql" --data-binary @v1.sql
call "the same again changes nothing" 200 '"already":true' --unix-socket "$work/socket" "$api/projections" -H "$sql" \
    --data-binary @v1.sql
sed 's/ON CONFLICT/IN CONFLICT/' v1.sql >bad.sql
call "one that is wrong is refused with its line" 422 'projection.sql:1[0-9]' --unix-socket "$work/socket" \
    "$api/projections" -H "$sql" --data-binary @bad.sql
place 1 500
ask "a query that waits sees all of it" 200 '"rows":\[\["all",500,5000\]\],"asOf":\{"token":"f1' \
    "SELECT * FROM totals" "$(wait_for)"
call "a named query" 200 '"columns":\["id"\],"rows":\[\],' "$api/models/orders/query" -H "$json" \
    -d '{"query":"by_total","parameters":{"least":11}}'
call "which needs its parameters" 400 'least' "$api/models/orders/query" -H "$json" -d '{"query":"by_total"}'
call "the list of models" 200 '"name":"orders","version":1,"inUse":true,"state":"live"' "$api/models"
call "the figures" 200 'factum_model_behind_events\{model="orders",version="1",in_use="true"\} 0' "$url/metrics"

# ---- poison ----------------------------------------------------------------------------------------

curl -sS "$api/streams/order-bad" -H "$json" -o /dev/null \
    -d '[{"type":"OrderPlaced","data":{"orderId":"bad","total":-1}},{"type":"OrderPlaced","data":{"orderId":"bad2","total":1}}]'
place 501 502
ask "other orders go on" 200 '"rows":\[\["all",502,5020\]\]' "SELECT * FROM totals" "$(wait_for)"
call "the bad one is parked, with the events after it in its stream" 200 '"keys":1,"events":2' "$api/models/orders"
call "and the reason is shown" 200 '"key":"order-bad","position":[0-9]+,"type":"OrderPlaced","reason":"[^"]*CHECK' "$api/models/orders/parked"
position=$(sed -n '1s/.*"position":\([0-9]*\),"type.*/\1/p' body)
call "tried, it still does not fit" 422 'CHECK constraint failed' -X POST "$api/models/orders/parked/$position/try"
call "skipped by an operator" 200 '"done":true' "$api/projections/orders/skip" -H "$json" \
    -d "{\"position\":$position,\"why\":\"a test\",\"by\":\"ann\"}"
call "and what waited for it tried again" 200 '"done":true' "$api/projections/orders/retry" -H "$json" \
    -d '{"key":"order-bad"}'
ask "it counts now" 200 '"rows":\[\["all",503,5021\]\]' "SELECT * FROM totals"
call "nothing is parked" 200 '^\{"parked":\[\],"more":false\}' "$api/models/orders/parked"
call "the author of an act is recorded" 200 '"by":"ann"' --unix-socket "$work/socket" \
    "$api/streams/\$definition:projection-orders"
call "a swap without a second version is refused" 409 "" --unix-socket "$work/socket" \
    "$api/projections/orders/swap" -H "$json" -d '{}'
call "acts that change what runs need the right to deploy" 403 "--allow-deploy" "$api/projections/orders/pause" \
    -H "$json" -d '{}'

# ---- slow and hostile queries ----------------------------------------------------------------------

slow='WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n'
for i in 1 2 3; do
    curl -sS --max-time 40 "$api/models/orders/query" -H "$json" -d "{\"sql\":\"$slow\"}" -o "slow$i" \
        -w '%{http_code}\n' >"code$i" 2>/dev/null &
    slow_job[i]=$!
done
sleep 0.3
ask "while slow queries run, another is answered" 200 '"rows":\[\["all",503,5021\]\]' "SELECT * FROM totals"
kill -0 "${slow_job[1]}" 2>out
result $? "before the slow ones end"
place 503 503
ask "the model goes on" 200 '"rows":\[\["all",504,5031\]\]' "SELECT * FROM totals" "$(wait_for)"
wait "${slow_job[@]}"
cat code1 code2 code3 slow1 >out
[ "$(cat code1 code2 code3 | sort -u)" = 504 ] && ! grep -q '"behind"' slow1
result $? "the slow ones are stopped by their time"
for text in "DELETE FROM orders" "SELECT 1; DROP TABLE orders" "ATTACH DATABASE '/tmp/x' AS x" \
    "PRAGMA writable_schema=1" "SELECT * FROM factum_checkpoint" "SELECT load_extension('x')" \
    "SELECT readfile('/etc/passwd')" "SELECT * FROM orders__v1"; do
    ask "refused: $text" 400 '"code":"INVALID"' "$text"
done
ask "too many rows" 413 '"code":"TOO_BIG"' "SELECT * FROM orders" ',"rowsMax":10'
ask "and the model is as it was" 200 '"rows":\[\["all",504,5031\]\]' "SELECT * FROM totals"

# ---- stopped, started, killed ----------------------------------------------------------------------

stop
result $? "the server stops"
serve
ask "started again it goes on where it was" 200 '"rows":\[\["all",504,5031\]\]' "SELECT * FROM totals"
place 504 2500
kill -9 "$server" && wait "$server" 2>/dev/null
serve
place 2501 2600
ask "killed in the middle and started again, each event counts once" 200 '"rows":\[\["all",2601,26001\]\]' \
    "SELECT * FROM totals" "$(wait_for)"
for round in 1 2 3; do
    for k in $(seq 200); do # one by one, until it is killed
        place "$((2600 + round * 200 + k))" "$((2600 + round * 200 + k))" 2>/dev/null || break
        kill -0 "$server" 2>/dev/null || break
    done &
    placing=$!
    sleep "0.$((round * 2 + 2))"
    kill -9 "$server" && wait "$server" 2>/dev/null
    wait "$placing"
    serve
done
events=$(curl -sS "$api/types?prefix=OrderPlaced" | sed -n 's/.*"events":\([0-9]*\).*/\1/p')
cp body out
[ "$events" -gt 2602 ]
result $? "orders were accepted between three more kills"
place 9001 9001
ask "the model has the events of the store, except the skipped one" 200 \
    "\"rows\":\[\[\"all\",$events," "SELECT * FROM totals" "$(wait_for)"

# ---- mode sync -------------------------------------------------------------------------------------

definition 2 "--@ mode sync" >v2.sql
call "a second version is built beside" 201 '"done":true' --unix-socket "$work/socket" "$api/projections" -H "$sql" \
    --data-binary @v2.sql
for _ in $(seq 200); do
    curl -sS --max-time 40 "$api/models/orders" | grep -q '"version":2,"inUse":false,"state":"live"' && break
    sleep 0.05
done
call "the diff shows what would change" 200 '^\{"changes":\[\],"tables":\[\],"total":0,"more":false\}$' \
    "$api/projections/orders/diff?limit=5"
call "and comes into use" 200 '"done":true' --unix-socket "$work/socket" "$api/projections/orders/swap" -H "$json" \
    -d '{"timeoutSeconds":30}'
before=$events
for i in 1 2 3 4 5; do
    place "$((9100 + i))" "$((9100 + i))"
    ask "an append of mode sync is seen without a wait ($i)" 200 "\"rows\":\[\[\"all\",$((before + i))," \
        "SELECT * FROM totals"
done
call "paused" 200 '"done":true' --unix-socket "$work/socket" "$api/projections/orders/pause" -H "$json" -d '{}'
call "an append is accepted, and names the model that is behind" 201 '"behind":\{"model":"orders","events":1,' \
    "$api/streams/order-late" -H "$json" -d '{"type":"OrderPlaced","data":{"orderId":"late","total":1}}'
token=$(sed -n 's/.*"token":"\([^"]*\)","count.*/\1/p' body)
ask "a query that waits for it is refused with the reason" 504 'accepted at f1.*behind by 1 event,.*"behind":\{"events":1,' "SELECT 1" \
    ",\"wait\":\"$token\",\"timeoutSeconds\":0.2"
stop
serve --no-run
call "with --no-run no model is asked" 501 "no read models" "$api/models"
call "but definitions are shown" 200 '"name":"orders".*"paused":true,.*"state":"paused"' "$api/projections"
stop
done_testing
