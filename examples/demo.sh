#!/usr/bin/env bash
# demo.sh [BUILD [WORK]] - real events, stored, replayed, folded and audited, in a new store each time.
#
# The purchase, rental and Northwind orders if ../shared/data has them, otherwise orders that
# examples/orders generates; and the clone's own git history. Every command is shown before it runs. Fails
# if any result is wrong. WORK, which is emptied first, is build/demo by default.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "${1:-build/release}" && pwd)
factum=$build/src/factum
programs=$build/examples
data=${FACTUM_DATA:-$PWD/../shared/data}
root=$PWD
work=${2:-$PWD/build/demo}
rm -rf "$work"
mkdir -p "$work"
cd "$work"
export FACTUM_STORE=orders.factum
bold= plain= green=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' plain=$'\033[0m' green=$'\033[32m'
fi
step=0
title() { # title TEXT WHAT_IT_SHOWS
    step=$((step + 1))
    printf '\n%s%d. %s%s\n%s\n\n' "$bold" "$step" "$1" "$plain" "$2"
}
show() { # show COMMAND...: prints it as a user would type it, and runs it
    local word line=
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=@%+-]* | '') line+=" '${word//"'"/"'\\''"}'" ;;
            *) line+=" $word" ;;
        esac
    done
    line=${line//"$build/src/"/}
    line=${line//"$programs/"/}
    line=${line//"$root/../"/../}
    printf '%s$%s%s\n' "$green" "${line//"$root"/.}" "$plain"
    "$@"
}
must() { # must EXPECTED GOT WHAT
    if [ "$1" != "$2" ]; then
        echo "demo: $3: $2, not $1" >&2
        exit 1
    fi
}
refused() { # refused CODE COMMAND...: must end with this code
    local code=0 want=$1
    shift
    show "$@" || code=$?
    must "$want" "$code" "exit code of: $*"
}
timed() { # timed EVENTS WHAT COMMAND...: runs it without output and prints how fast it was
    local events=$1 what=$2 from=${EPOCHREALTIME/./} micros
    shift 2
    "$@" >/dev/null
    micros=$((${EPOCHREALTIME/./} - from + 1))
    printf '%10d events a second: %s (%d in %d.%02d s)\n' $((events * 1000000 / micros)) "$what" "$events" \
        $((micros / 1000000)) $((micros / 10000 % 100))
}
total() { # total CATEGORY COLUMN: of the last line of the report
    "$programs/orders-report" orders.factum --category "$1" | awk -v column="$2" 'END {print $column}'
}

title "One order, from the inside" \
    "A program (examples/orders/story.c) places an order, and two clerks decide on it at the same time. Its
state is never stored: it is folded from its events, as of now or of any moment before."
show "$programs/orders-story" story.factum

if [ -f "$data/purchase-orders.ndjson.gz" ]; then
    title "388,000 real order events" \
        "Lines of JSON become events in streams, one stream for each order. Every 1,000 are one commit, and are
on disk when it returns."
    for orders in northwind rental purchase; do
        show "$factum" import "$data/$orders-orders.ndjson.gz"
    done
    must 16044 "$("$factum" streams --prefix rental- | wc -l)" "rentals"
    must 11973 "$("$factum" streams --prefix purchaseorder- | wc -l)" "purchase order items"
    must 126579302 "$(total order 4)" "cents of all orders"
    must 6741651 "$(total rental 5)" "cents paid for rentals"
    stream=rental-2 middle=2005-05-26 type=RentalPaid category=rental at=2005-06-01
else
    title "20,000 generated orders" \
        "(Real ones are used if ../shared/data has them.) Lines of JSON become events in streams, one
stream for each order. Every 1,000 are one commit, and are on disk when it returns."
    printf '%s$ orders-generate --orders 20000 --seed 1 >orders.ndjson%s\n' "$green" "$plain"
    "$programs/orders-generate" --orders 20000 --seed 1 >orders.ndjson
    show "$factum" import orders.ndjson
    must 20000 "$("$factum" streams --prefix order- | wc -l)" "orders"
    stream=order-1 middle=2025-01-03 type=PaymentReceived category=order at=2025-06-30
fi

title "A stream's history" \
    "All events of one order: stream, revision in it, event type, when it happened; then the data."
show "$factum" read "$stream"

title "The same order as of a time in the middle" \
    "Only events that had happened by then, and the state that follows from them. Compare it with the state now."
show "$factum" read "$stream" --time-at "$middle"
show "$programs/orders-show" orders.factum "$stream" --at "$middle" | grep -v '^ *[0-9]'
show "$programs/orders-show" orders.factum "$stream" | grep -v '^ *[0-9]'

title "Events across streams" \
    "By event type, oldest first; and by category (the name before the '-'), newest first."
show "$factum" read --type "$type" --count 2
show "$factum" read --category "$category" --backwards --count 2

title "All orders, folded: a report now, and as of $at" \
    "The second is not a saved report. It is computed from the same events, without those after that day."
show "$programs/orders-report" orders.factum --category "$category"
show "$programs/orders-report" orders.factum --category "$category" --at "$at"

title "A concurrent write is refused" \
    "Two people want to place order demo-1. Both require that it does not exist yet; the second is refused."
show "$factum" append demo-1 OrderPlaced '{"total":4200}' --expected no-stream
refused 3 "$factum" append demo-1 OrderPlaced '{"total":9}' --expected no-stream

title "A retried write is recognised" \
    "The answer to a payment was lost, so it is sent again, with its key. It is stored once."
show "$factum" append demo-1 PaymentReceived '{"amount":4200}' --expected 0 --key pay-demo-1
show "$factum" append demo-1 PaymentReceived '{"amount":4200}' --expected 0 --key pay-demo-1 | tee again.txt
grep -q 'already appended' again.txt || must recognised written "the second payment"
show "$factum" read demo-1
must 2 "$("$factum" read demo-1 --json | wc -l)" "events of demo-1"

if git -C "$root" rev-parse --verify -q HEAD >/dev/null 2>&1; then
    title "This repository's own history as events" \
        "A commit is one atomic append to a stream for each file that it changed and one for its author."
    show "$programs/git-import" git.factum "$root"
    show "$programs/git-report" git.factum busiest 5
    show "$factum" --store git.factum verify
fi

title "Verification" \
    "Everything is read from disk and checked: checksums, the chain over all commits, revisions, the index.
The imports keep their place in streams of their own, so there are a few more events than lines."
show "$factum" verify
show "$factum" info

# ---- the server: a publisher, a subscriber, and a kill of the server under both ---------------------

orders=300
server= others=
stop_all() { # only processes that this script has started
    local process
    for process in $server $others; do
        kill -9 "$process" 2>/dev/null || true
    done
}
serve() { # serve STORE [OPTION]...: a server of it on $port, in the background
    "$factum" --store "$1" serve --insecure --listen "127.0.0.1:$port" --quiet "${@:2}" >>serve.log 2>&1 &
    server=$!
    disown
}
stop_server() {
    kill "$server"
    while kill -0 "$server" 2>/dev/null; do sleep 0.05; done
    server=
}
free_port() { # one on which nobody listens now
    local try
    for try in $(seq 100); do
        port=$((20000 + (RANDOM + try) % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
    done
    must found none "a free port"
}
node_ready() { # KurrentDB's client in $work/node, if there is Node 20 and the registry answers
    [ "${FACTUM_DEMO_NODE:-yes}" = yes ] && command -v npm >/dev/null &&
        [ "$(node -p 'process.versions.node.split(".")[0] >= 20' 2>/dev/null)" = true ] &&
        cp -r "$root/examples/node" node && rm -rf node/node_modules &&
        (cd node && timeout 40 npm install --silent --no-fund --no-audit --ignore-scripts >npm.log 2>&1)
}
publish_by_curl() { # publish_by_curl COUNT: each order until it is acknowledged; a retry is recognised
    local number tries
    for number in $(seq "$1"); do
        tries=0
        until curl -sf -o /dev/null -m 5 -H 'content-type: application/json' -H "idempotency-key: place-$number" \
            -d "{\"type\":\"OrderPlaced\",\"data\":{\"number\":$number}}" \
            "http://127.0.0.1:$port/api/v1/streams/order-$number"; do
            tries=$((tries + 1))
            [ $tries -lt 100 ] || return 1
            sleep 0.1
        done
    done
    echo "$1 orders placed, each on disk"
}
served() { # served PUBLISHER: a command
    local publishing following share kills=0
    serve served.factum
    printf '%s$ factum --store served.factum serve --insecure --listen 127.0.0.1:%s &%s\n' "$green" "$port" "$plain"
    printf '%s$ follow 127.0.0.1 %s /api/v1/events?category=order %s >followed.ndjson &%s\n' \
        "$green" "$port" "$orders" "$plain"
    timeout 600 "$programs/follow" 127.0.0.1 "$port" '/api/v1/events?category=order' "$orders" >followed.ndjson 2>follow.log &
    following=$! others=$!
    printf '%s$ %s &%s\n' "$green" "$1" "$plain"
    $1 >published.txt 2>&1 &
    publishing=$! others="$others $!"
    for share in 1 2 3; do
        until [ "$(wc -l <followed.ndjson)" -ge $((orders * share / 4)) ] || ! kill -0 $publishing 2>/dev/null; do
            sleep 0.02
        done
        printf '%s$ kill -9 %s%s    (%d orders have arrived)\n' "$green" "$server" "$plain" "$(wc -l <followed.ndjson)"
        kill -9 "$server"
        kills=$((kills + 1))
        sleep 0.3
        serve served.factum
    done
    wait "$publishing" || { cat published.txt >&2; must 0 1 "the publisher"; }
    wait "$following" || must 0 1 "the subscriber"
    others=
    cat published.txt
    stop_server
    must "$orders" "$("$factum" --store served.factum read --category order --json | wc -l)" "orders in the store"
    must "$orders" "$(sed 's/.*"stream":"\([^"]*\)".*/\1/' followed.ndjson | sort -u | wc -l)" "orders followed"
    must "$orders" "$(wc -l <followed.ndjson)" "events followed"
    echo "$orders orders in the store, $orders followed, each once, after $kills kills."
    show "$factum" --store served.factum verify
}
if [ -x "$programs/door" ]; then # built with the server
    trap stop_all EXIT
    free_port
    publisher=
    if node_ready; then
        publisher="node node/publish.mjs kurrentdb://127.0.0.1:$port?tls=false $orders"
        how="Node, with KurrentDB's official client (examples/node/publish.mjs)"
    elif command -v curl >/dev/null; then
        publisher="publish_by_curl $orders"
        how="curl; with Node 20 and npm it is KurrentDB's official client"
    fi
    if [ -n "$publisher" ]; then
        title "Services publish and subscribe while the server is killed" \
            "The publisher is $how, the subscriber a C
program (examples/follow.c). The server gets kill -9 three times. Nothing is lost, and nothing comes twice."
        served "$publisher"
    else
        printf '\n(Neither curl nor Node is here: the publisher and its subscriber are left out.)\n'
    fi
    . "$root/examples/write_side.sh"
    if [ -x "$programs/orders-query" ] && [ -n "$curl" ]; then # built with read models
        . "$root/examples/read_side.sh"
    else
        printf '\n(Without curl, or read models, the read side is left out.)\n'
    fi
    if [ -x "$programs/orders-participants" ]; then # built with sagas
        . "$root/examples/sagas.sh"
    else
        printf '\n(Without sagas, their part is left out.)\n'
    fi
fi

title "How fast it was" \
    "On this machine, now, through the command line: other work on it can make them ten times lower. make bench
measures the library beside other stores."
events=$("$factum" info --json | sed 's/.*"events":\([0-9]*\).*/\1/')
"$factum" export --quiet --count 1000 >thousand.ndjson
timed "$events" "read in order and written out as JSON" "$factum" export --quiet
timed "$events" "read from disk and verified" "$factum" verify --quiet
timed 1000 "appended one by one, each on disk before the next" \
    "$factum" --store single.factum import --quiet --batch 1 thousand.ndjson

advice() { # advice COMMAND WHAT_IT_SHOWS
    printf '  %-75s %s\n' "$1" "$2"
}
printf '\n%sThe stores are in %s. Try next:%s\n' "$bold" "${work#"$root/"}" "$plain"
echo "  export PATH=$(printf %q "$build/src"):$(printf %q "$build/examples"):\"\$PATH\""
echo "  export FACTUM_STORE=$(printf %q "$work/orders.factum")"
advice 'factum types --sort count' 'which events there are'
advice "factum read $stream --json" 'a history for programs'
advice "factum append demo-2 OrderPlaced '{\"total\": 4200}' --expected no-stream" 'another order'
advice 'factum read --backwards --count 3' 'the newest events of all'
if [ -d orders.factum/models ]; then
    advice "factum query product_sales --named best --param count=5" 'what sells best'
fi
advice 'factum help' 'every command; factum COMMAND --help'
echo 'README.md has a tour of five minutes, in a store of its own, with and without the server; docs/guide goes on by task.'
