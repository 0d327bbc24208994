#!/usr/bin/env bash
# run.sh BUILD - measures goals E1 to E11, E13, E15, E16, M1 to M5 and F1 to F7: Factum beside SQLite, LMDB,
# RocksDB and the bare log, its read models beside a loop written by hand, and its sagas beside their commits
# made by hand, in one run.
#
#   make bench                         everything, about ten minutes; bench/results/
#   ONLY="raw-pre factum" make bench   some sections: raw-pre raw factum lmdb rocksdb sqlite-full
#                                      factum-10M models models-live sagas sagas-live
#   WL_SECS=0.2 WL_EVENTS=100000       a quick look (parameters: workload.h)
#   BENCH_DIR=/some/disk               where data goes (default /var/tmp); not a tmpfs
#   NICE=-10 SETTLE=10 NOISE=15 TRIES=2   priority; seconds of waiting for a quiet CPU before a section; a
#                                      section in which others took more than NOISE % is run again
# A timing never fails it; wrong or lost events do.
set -u
cd "$(dirname "$0")" || exit 1
build=$(cd .. && cd "${1:-build/bench}" && pwd) || exit 1
bin=$build/bench
: "${ONLY:=raw-pre factum raw lmdb rocksdb sqlite-full factum-10M models models-live sagas sagas-live}"
: "${BENCH_DIR:=/var/tmp}" "${NICE:=-10}" "${SETTLE:=10}" "${NOISE:=15}" "${TRIES:=2}"
export WL_SECS="${WL_SECS:-0.7}" WL_REPS="${WL_REPS:-3}" WL_EVENTS="${WL_EVENTS:-1000000}"
mkdir -p results
tsv=$PWD/results/results.tsv
work=$(mktemp -d "$BENCH_DIR/factum-bench.XXXXXX") || exit 1
nice=(nice -n "$NICE")
"${nice[@]}" true 2>/dev/null || nice=()
. ./sections.sh
trap clean_up EXIT
trap 'exit 130' INT TERM
: >"$tsv"

appends() { bench "$bin/embedded" append "$1" "$dir"; }
store() {
    bench "$bin/embedded" append "$1" "$dir"
    bench "$bin/embedded" load "$1" "$dir"
    bench "$bin/embedded" open "$1" "$dir"
}
projected() {
    store "$1"
    bench "$bin/embedded" projection "$1" "$dir"
}
factum() {
    projected factum
    "$bin/embedded" kill factum "$dir" >/dev/null 2>&1
    WL_OPEN="after kill -9" bench "$bin/embedded" open factum "$dir"
}

# Ten times as much: 10 million events in a million streams, each with one of 1,000 tags.
big() {
    local as=factum-10M part index
    export WL_EVENTS=$((WL_EVENTS * 10)) WL_STREAMS=1000000 WL_TAGS=1
    for part in load open absent query verify; do
        WL_NAME=$as bench "$bin/embedded" $part factum "$dir"
    done
    index=$(du -sb "$dir/load/index" | cut -f1)
    row $as index bytes/event "$(awk "BEGIN {printf \"%.2f\", $index / $WL_EVENTS}")" B
    unset WL_STREAMS WL_TAGS
    WL_EVENTS=$((WL_EVENTS / 10))
}

# Read models: from a store on disk, then of a server that runs.
models() {
    local part
    for part in load catch-up rebuild fresh as-of; do
        LIMIT=300 bench "$bin/model" $part "$dir" || return
    done
}
models_live() {
    local port pid
    port=$(free_port)
    launch "$build/src/factum" serve --insecure --allow-deploy --listen "127.0.0.1:$port" \
        --store "$dir/store"
    for _ in {1..100}; do
        ss -ltnH "sport = :$port" | grep -q . && break
        sleep 0.1
    done
    bench "$bin/model" live "$port"
    stop "$pid"
}


# Sagas: run by this process, then by a server. By hand over a server without sagas.
sagas() {
    local part
    for part in run timers fill recover check stamp; do
        mkdir -p "$dir/${part/recover/fill}"
        LIMIT=300 bench "$bin/saga" $part "$dir/${part/recover/fill}" || return
    done
}
serve_sagas() { # serve_sagas NAME OPTION...: its port is in $port, its pid in $pid
    port=$(free_port)
    launch "$build/src/factum" serve --insecure --allow-deploy --listen "127.0.0.1:$port" \
        --store "$dir/$1" "${@:2}"
    for _ in {1..100}; do
        ss -ltnH "sport = :$port" | grep -q . && break
        sleep 0.1
    done
}
sagas_live() {
    local port pid with with_pid
    serve_sagas with
    with=$port with_pid=$pid
    serve_sagas without --no-run
    LIMIT=300 bench "$bin/saga" live "$with,$port"
    stop "$with_pid"
    stop "$pid"
}

row env events load "$WL_EVENTS" ""
section raw-pre appends
section factum factum
section raw projected
section lmdb store
section rocksdb store
section sqlite-full store
section factum-10M big
section models models
section models-live models_live
section sagas sagas
section sagas-live sagas_live
row env seconds run $SECONDS s
python3 table.py "$tsv" | tee results/table.txt
exit $failed
