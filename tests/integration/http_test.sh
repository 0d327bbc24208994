#!/usr/bin/env bash
# http_test.sh - the HTTP API of factum serve, as curl sees it: over HTTP/1.1, HTTP/2 and a UNIX socket; a
# live tail that is followed while the server is killed. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
if ! command -v curl >/dev/null || ! curl --version | grep -q HTTP2; then
    skip "the HTTP API" "no curl with HTTP/2"
    done_testing
fi
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
serve() { # serve ADDRESS: a server on the store; $url is where it is
    : >said
    "$factum" --store store serve --insecure --listen "$1" --unix "$work/socket" >said 2>&1 &
    server=$!
    for _ in $(seq 200); do
        grep -q '^factum: serving' said && break
        sleep 0.05
    done
    url=http://$(sed -n 's/^factum: serving [^ ]* on \([^ ,]*\).*/\1/p' said)
}
json='content-type: application/json'
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

serve 127.0.0.1:0
api=$url/api/v1
for version in --http1.1 --http2-prior-knowledge; do
    n=order-${version//[^0-9]/}
    call "$version: an event is appended" 201 '"revision":0,' $version "$api/streams/$n" -H "$json" \
        -d '{"type":"Placed","data":{"n":1},"tags":["red"]}'
    call "and read" 200 '"data":\{"n":1\},"tags":\["red"\],"revision":0,' $version "$api/streams/$n"
    call "and not appended twice where none was expected" 412 '"actualRevision":0' $version \
        "$api/streams/$n" -H "$json" -H 'if-none-match: *' -d '{"type":"Placed"}'
    call "lines are appended" 201 'etag: "2"' $version "$api/streams/$n" \
        -H 'content-type: application/x-ndjson' --data-binary $'{"type":"A"}\n{"type":"B"}\n'
    call "lines are read, and their trailer has the next place" 200 'factum-next: f1-' $version \
        -H 'accept: application/x-ndjson' "$api/streams/$n" --raw
    call "a CloudEvent is appended" 201 '"revision":3,' $version "$api/streams/$n" \
        -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /s' -H 'ce-type: T' -H "$json" -d '[1]'
    call "the head alone is given" 200 'etag: "3"' $version -I "$api/streams/$n"
    call "a key is recognised" 201 '"already":false' $version "$api/streams/$n" -H "$json" \
        -H "idempotency-key: $n" -d '{"type":"Keyed"}'
    call "the second time" 200 '"already":true' $version "$api/streams/$n" -H "$json" \
        -H "idempotency-key: $n" -d '{"type":"Keyed"}'
    if [ $version = --http1.1 ]; then # curl 7.88 mistakes the reset after an early answer for a failure
        head -c 60000000 /dev/zero >big
        call "a body that is too big is refused" 413 'TOO_BIG' $version "$api/streams/$n" -H "$json" \
            -H 'expect:' --data-binary @big
    fi
    call "the connection stays usable" 200 '"state":"present"' $version "$api/streams/$n/info"
    call "metadata is put" 200 '"revision":0' $version -X PUT "$api/streams/$n/metadata" -H "$json" \
        -d '{"$maxCount":2}'
    call "another method is refused with the allowed ones" 405 'allow: .*GET' $version -X PATCH "$api/events"
    call "another host is refused" 403 'is not this server' $version -H 'host: evil.example' "$api/events"
    call "another origin is refused" 403 'DENIED' $version -H 'origin: http://evil.example' "$api/events"
done
call "by the UNIX socket" 200 '"name":"red"' --unix-socket socket http://x/api/v1/tags
call "it is live" 204 '' "$url/health/live"
call "its figures" 200 '^factum_appends_total [1-9]' "$url/metrics"
call "and as OpenMetrics" 200 '^# EOF' -H 'accept: application/openmetrics-text' "$url/metrics"

# A live tail, killed and resumed: every acknowledged event once, in order.
follow() { # follow FILE FIELD: the events after an id
    curl -sN --max-time 60 -H 'accept: text/event-stream' ${2:+-H "$2"} "$api/streams/live" >>"$1" 2>/dev/null &
    follower=$!
}
await() { # await PATTERN FILE
    for _ in $(seq 200); do
        grep -q -- "$1" "$2" 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}
follow followed ''
await 'caught up' followed
for i in $(seq 10); do
    curl -sS "$api/streams/live" -H "$json" -d "{\"type\":\"T\",\"data\":$i}" >/dev/null
done
await '"data":10,' followed
result $? "a live tail gives new events"
kill -9 "$server"
wait "$server" 2>/dev/null
wait $follower 2>/dev/null
result 0 "the server is killed"
id=$(sed -n 's/^id: //p' followed | tail -1)
serve "${url#http://}"
follow followed "last-event-id: $id"
for i in $(seq 11 20); do
    curl -sS "$api/streams/live" -H "$json" -d "{\"type\":\"T\",\"data\":$i}" >/dev/null
done
await '"data":20,' followed
sed -n 's/^data: .*"data":\([0-9]*\),.*/\1/p' followed >out
seq 20 | cmp -s - out
result $? "it resumes by its last id, without a gap or a double"
kill -TERM "$server"
wait "$server"
result $? "SIGTERM ends the server"
server=
wait $follower
cp followed out
grep -q '^event: error' followed && grep -q '"code":"CANCELLED"' followed
result $? "and its tail is ended with an error"
done_testing
