#!/usr/bin/env bash
# demo.sh [BUILD] - real events, stored, replayed, folded and audited, in a new store each time.
#
# The clone's own git history; the purchase, rental and Northwind orders where ../shared/data has them, else
# orders that examples/orders makes. Every command is shown before it runs. Fails if anything is not as it must be.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "${1:-build/release}" && pwd)
factum=$build/src/factum
programs=$build/examples
data=$PWD/../shared/data
root=$PWD
work=$PWD/build/demo
rm -rf "$work"
mkdir -p "$work"
cd "$work"
export FACTUM_STORE=orders.factum
bold= plain= green=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' plain=$'\033[0m' green=$'\033[32m'
fi
title() { printf '\n%s== %s ==%s\n' "$bold" "$1" "$plain"; }
show() { # show COMMAND...: prints and runs it
    printf '%s$ %s%s\n' "$green" "${*//$build\/src\//}" "$plain" | sed "s|$programs/||g"
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

title "One order, step by step: folded, refused, recognised"
show "$programs/orders-story" story.factum

if [ -f "$data/purchase-orders.ndjson.gz" ]; then
    title "388,000 real order events"
    for orders in northwind rental purchase; do
        show "$factum" import "$data/$orders-orders.ndjson.gz" | tee import.txt
    done
    stream=rental-1 type=RentalPaid category=rental at=2005-06-01T00:00:00Z
    must 16044 "$("$factum" streams --prefix rental- | wc -l)" "rentals"
    must 11973 "$("$factum" streams --prefix purchaseorder- | wc -l)" "purchase order items"
else
    title "Orders, made here (the real ones are not beside this checkout)"
    "$programs/orders-generate" --orders 20000 --seed 1 >orders.ndjson
    show "$factum" import orders.ndjson
    stream=order-1 type=PaymentReceived category=order at=2025-06-30T00:00:00Z
    must 20000 "$("$factum" streams --prefix order- | wc -l)" "orders"
fi

title "A stream's history"
show "$factum" read "$stream"
title "The same, as of a time in the middle"
show "$factum" read "$stream" --time-at "$at"
title "Events of one type, and the newest of one category"
show "$factum" read --type "$type" --count 2
show "$factum" read --category "$category" --backwards --count 2
title "All orders, folded"
show "$programs/orders-report" orders.factum --category "$category"
title "As of $at"
show "$programs/orders-report" orders.factum --category "$category" --at "$at"

title "A concurrent write is refused, a retry is recognised"
show "$factum" append demo-1 OrderPlaced '{"total":4200}' --expected no-stream
refused 3 "$factum" append demo-1 OrderPlaced '{"total":9}' --expected no-stream
show "$factum" append demo-1 PaymentReceived '{"amount":4200}' --expected 0 --key pay-demo-1
show "$factum" append demo-1 PaymentReceived '{"amount":4200}' --expected 0 --key pay-demo-1
must 2 "$("$factum" read demo-1 --json | wc -l)" "events of demo-1"

if git -C "$root" rev-parse --verify -q HEAD >/dev/null 2>&1; then
    title "This repository's own history as events"
    show "$programs/git-import" git.factum "$root"
    show "$programs/git-report" git.factum busiest 5
    show "$factum" --store git.factum verify
fi

title "Is it all true? Everything is read from disk and checked"
show "$factum" verify
show "$factum" info

cat <<END

${bold}The stores are in build/demo. Try next:${plain}
  export FACTUM_STORE=$work/orders.factum PATH=$build/src:\$PATH
  factum types --sort count
  factum read $stream --json
  factum append order-1001 OrderPlaced '{"total": 4200}' --expected no-stream
  factum help
README.md has a tour of five minutes; docs/guide goes on by task.
END
