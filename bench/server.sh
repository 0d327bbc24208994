#!/usr/bin/env bash
# server.sh BUILD - measures goals V1 to V9: the server of BUILD beside Redis 7 Streams, PostgreSQL, NATS
# JetStream (which does not sync), the floor (server/floor.c) and bare HTTP/2, in one run.
#
#   make bench-server                     everything, several minutes; bench/results/server.*
#   ONLY="floor factum" make bench-server some sections: floor http2 http2-sync factum factum-many
#                                         redis-always redis-everysec jetstream postgres
#   WL_SECS=0.2 WL_EVENTS=100000          a quick look (parameters: workload.h); other settings: run.sh
# Peers that are not installed are named and left out. A timing never fails it; wrong or lost events do.
set -u
cd "$(dirname "$0")" || exit 1
build=$(cd .. && cd "${1:-build/bench}" && pwd) || exit 1
bin=$build/bench
: "${ONLY:=floor http2 http2-sync factum factum-many redis-always redis-everysec jetstream postgres}"
: "${BENCH_DIR:=/var/tmp}" "${NICE:=-10}" "${SETTLE:=10}" "${NOISE:=15}" "${TRIES:=2}"
export WL_SECS="${WL_SECS:-0.7}" WL_REPS="${WL_REPS:-3}" WL_EVENTS="${WL_EVENTS:-1000000}"
mkdir -p results
tsv=$PWD/results/server.tsv
work=$(mktemp -d "$BENCH_DIR/factum-bench.XXXXXX") || exit 1
chmod 755 "$work"
nice=(nice -n "$NICE")
"${nice[@]}" true 2>/dev/null || nice=()
. ./sections.sh
trap clean_up EXIT
trap 'exit 130' INT TERM
: >"$tsv"
skipped=()

there() { # there PEER PROGRAM
    command -v "$2" >/dev/null && return
    skipped+=("$1")
    return 1
}
# MB of a server's processes: all except the files they map, shared pages counted once; with the growth of
# shared memory since $shm0 (PostgreSQL's buffers)
mem() {
    local p kb t=0
    for p in "$1" $(pgrep -P "$1"); do
        kb=$(awk '/^Pss_Anon:/ {s += $2} END {print s + 0}' "/proc/$p/smaps_rollup" 2>/dev/null)
        t=$((t + ${kb:-0}))
    done
    awk -v k="$t" -v s="$(shmem)" -v z="$shm0" 'BEGIN {s -= z; printf "%.1f", (k + (s > 0 ? s : 0)) / 1024}'
}
shmem() { awk '/^Shmem:/ {print $2}' /proc/meminfo; }
memory() { row "$peer" memory "$1" "$(mem "$pid")" MB; }
disk() { row "$peer" disk "bytes/event" "$(($(du -s --block-size=1 "$1" | cut -f1) / WL_EVENTS))" B; }

# ---- the peers: start starts one, client STEP... runs a step -------------------------------
# Idle, then appends on an empty store, then all the rest on the load. Arguments: the signals of a clean
# and of a hard stop, and the directory of the data.
steps() {
    local how t0
    local -A signal=([clean]=$1 [hard]=$2)
    client load || return
    memory "after load"
    [[ $peer == postgres ]] || disk "$3"
    client replay
    client rehydrate
    memory "after replay"
    ! declare -F more >/dev/null || more
    client e2e
    for how in clean hard; do
        sleep 0.2
        stop "$pid" "${signal[$how]}"
        sync
        t0=$("$bin/server" - 0 now)
        start
        client ready "$t0" "$how stop before" || return
    done
    stop "$pid" "$1"
}
begin() {
    port=$(free_port)
    unset -f more
    start
    client ready
    memory "idle, empty"
}
again() { # an empty store
    stop "$pid"
    rm -rf "${dir:?}"/*
    port=$(free_port)
    start
    client ready
}

floor() {
    peer=floor
    start() { launch "$bin/server" floor "$port" serve "$dir"; }
    client() { bench "$bin/server" floor "$port" "$@"; }
    begin
    client append
    again
    for step in load replay e2e; do client $step; done
    stop "$pid"
}
# Nothing stored: nghttp2's server answers POSTs of an event's size with a small file; h2load asks.
http2() {
    local conns streams n rate
    there http2 nghttpd && there http2 h2load || return
    port=$(free_port)
    head -c 200 /dev/zero | tr '\0' x >"$dir/answer"
    head -c 460 /dev/zero | tr '\0' y >"$dir/body"
    launch nghttpd --no-tls -a 127.0.0.1 -d "$dir" "$port"
    sleep 0.3
    while read -r conns streams n; do
        rate=$(timeout 60 "${nice[@]}" h2load -t 1 -c "$conns" -m "$streams" -n "$n" -d "$dir/body" \
            "http://127.0.0.1:$port/answer" | sed -n 's/^finished in [^,]*, \([0-9.]*\) req.*/\1/p')
        row http2 append "c${conns}w$streams" "${rate:-0}" requests/s
    done <<-N
	1 1 15000
	1 16 100000
	1 64 300000
	1 256 300000
	16 1 90000
	64 1 90000
	256 1 90000
	N
    stop "$pid"
}
http2_sync() {
    peer=http2-sync
    start() { launch "$bin/server" http2-sync "$port" serve "$dir"; }
    client() { bench "$bin/server" http2-sync "$port" "$@"; }
    begin
    client append
    stop "$pid"
}
factum_server() {
    start() { launch "$build/src/factum" serve --insecure --listen "127.0.0.1:$port" --store "$dir/store"; }
    client() { bench "$bin/server" "$peer" "$port" "$@"; }
}
factum() {
    factum_server
    peer=factum
    begin
    client append "$pid"
    for peer in factum-unary factum-v1; do
        again
        [[ $peer == factum-v1 ]] && export WL_APPENDS="c1w1 c1w256"
        client append "$pid"
        unset WL_APPENDS
    done
    peer=factum
    again
    more() {
        client cpu "$pid"
        local peer=factum-v1
        client replay
        client rehydrate
        client cpu "$pid"
    }
    steps TERM KILL "$dir"
}
factum_many() { # 1,000 subscribers
    factum_server
    peer=factum
    port=$(free_port)
    start
    client ready
    client subscribers "$pid"
    stop "$pid"
}
redis() { # redis always|everysec
    local sync=$1
    there "redis-$sync" redis-server || return
    peer=redis-$sync
    start() {
        launch redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save "" --appendonly yes \
            --appendfsync "$sync" --auto-aof-rewrite-percentage 0
    }
    client() { bench "$bin/server" "redis:$peer" "$port" "$@"; }
    begin
    [[ $sync == always ]] || export WL_APPENDS="c1w1 c1w16 c1w64 c1w256"
    client append
    unset WL_APPENDS
    if [[ $sync == always ]]; then
        again
        steps TERM KILL "$dir"
    else
        stop "$pid"
    fi
}
jetstream() {
    there jetstream nats-server || return
    peer=jetstream-nosync
    start() {
        printf 'listen: "127.0.0.1:%s"\njetstream { store_dir: "%s" }\n' "$port" "$dir" >"$work/nats.conf"
        launch nats-server -c "$work/nats.conf"
    }
    client() { bench "$bin/server" "jetstream:$peer" "$port" "$@"; }
    begin
    export WL_APPENDS="c1w1 c1w16 c1w64 c1w256" # with one publisher
    client append
    unset WL_APPENDS
    again
    steps TERM KILL "$dir"
}
postgres() {
    local pgbin as=()
    pgbin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -1)
    there postgres "$pgbin/postgres" || return
    peer=postgres
    if [ "$(id -u)" -eq 0 ]; then
        as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
        chown postgres "$dir"
    fi
    "${as[@]}" "$pgbin/initdb" -D "$dir/data" -A trust -E UTF8 --locale=C -U postgres >>"$work/log" 2>&1
    cat >>"$dir/data/postgresql.conf" <<-C
	listen_addresses = '127.0.0.1'
	unix_socket_directories = ''
	max_connections = 300
	shared_buffers = 512MB
	max_wal_size = 4GB
	C
    start() { launch "${as[@]}" "$pgbin/postgres" -D "$dir/data" -p "$port"; }
    client() { bench "$bin/server" postgres "$port" "$@"; }
    begin
    "$pgbin/psql" -h 127.0.0.1 -p "$port" -U postgres -q -v ON_ERROR_STOP=1 -f server/postgres.sql \
        >>"$work/log" 2>&1
    client append
    steps INT QUIT "$dir/data"
}
shm0=$(shmem)

row env events load "$WL_EVENTS" ""
row env load_before run "$(cut -d' ' -f1 /proc/loadavg)" ""
section floor floor
section http2 http2
section http2-sync http2_sync
section factum factum
section factum-many factum_many
section redis-always redis always
section redis-everysec redis everysec
section jetstream jetstream
section postgres postgres
row env load_after run "$(cut -d' ' -f1 /proc/loadavg)" ""
row env seconds run $SECONDS s
[ ${#skipped[@]} -eq 0 ] || echo "not installed, left out: ${skipped[*]}" >&2
python3 table_server.py "$tsv" | tee results/server.txt
exit $failed
