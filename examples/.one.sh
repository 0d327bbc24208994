#!/usr/bin/env bash
# demo.sh [BUILD [WORK]] - real events, stored, replayed, folded and audited, in a new store each time.
#
# The purchase, rental and Northwind orders where ../shared/data has them, else orders that
# examples/orders makes; and the clone's own git history. Every command is shown before it runs. Fails if
# anything is not as it must be. WORK, which is emptied first, is build/demo if it is not named.
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
show() { # show COMMAND...: prints it as one would type it, and runs it
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
refused() { # refused CODE COMMAND...: has to end with this code
    local code=0 want=$1
    shift
    show "$@" || code=$?
    must "$want" "$code" "exit code of: $*"
}
timed() { # timed EVENTS WHAT COMMAND...: runs it unseen and prints how fast it was
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

orders=300
server= others=
stop_all() { # what this script has started, and nothing else
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
free_port() { # one of which nobody listens now
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
trap stop_all EXIT
free_port
served=factum://127.0.0.1:$port
if [ "${NODE:-}" ]; then node_ready; fi
began=$SECONDS
. "$root/examples/sagas.sh"
echo "took $((SECONDS-began)) s"
