#!/usr/bin/env bash
# run.sh - other people's clients against the real server, each in a process of its own. Prints TAP.
#
#     run.sh [SUITE]...     FACTUM names the program
#
# Without suites: those that take seconds, or with FACTUM_CLIENTS=all every one. Each suite gets a
# server of its own with an empty store, which must end without an error. What a machine does not have
# (npm, its registry, python3-grpcio, Go, h2load, promtool) is skipped, and counted.
#
# A folder here is a suite's: package.json, a lock file without hosts, tests. Its packages are
# installed into FACTUM_CLIENTS_OUT (build/clients), without running their scripts, when the lock file
# has changed. A test prints "ok - NAME" and "not ok - NAME", and other lines for people.
here=$(cd "$(dirname "$0")" && pwd)
FACTUM=$(realpath "${FACTUM:?}")
export FACTUM
# shellcheck source=tests/integration/program.sh
. "$here/../integration/program.sh"
out=${FACTUM_CLIENTS_OUT:-$here/../../build/clients}
fast='python slow schemas kurrent participant curl h2load http prometheus'
all="$fast unix eventstore emmett restart go"
export PYTHONDONTWRITEBYTECODE=1
server=

# ---- the server ------------------------------------------------------------------------------------

# The tests' variables are no settings of the server, which would complain about them.
start_server() { # start_server SUITE: sets $server and $address
    env -u FACTUM_ADDRESS -u FACTUM_PID -u FACTUM_CLIENTS -u FACTUM_CLIENTS_OUT "$FACTUM" \
        --store "$work/$1" serve --insecure --listen 127.0.0.1:0 --unix "$work/socket" \
        >"$work/$1.server" 2>&1 &
    server=$!
    address=
    local tries=0
    until [ -n "$address" ] || [ $tries -eq 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
        address=$(sed -n 's/^factum: serving .* on \(127\.0\.0\.1:[0-9]*\) and .*/\1/p' "$work/$1.server")
    done
    export FACTUM_ADDRESS=$address FACTUM_PID=$server
    [ -n "$address" ]
}
stop_server() { # stop_server SUITE: a case
    local status
    kill "$server" 2>/dev/null
    wait "$server"
    status=$?
    server=
    # The suite "schemas" causes a message in the mode "warn".
    grep -v -e '^factum: serving' -e '^factum: schema-violation: an event of stream schemas-warn ' \
        "$work/$1.server" >out
    echo "exit $status" >>out
    [ $status -eq 0 ] && [ "$(wc -l <out)" -eq 1 ]
    result $? "$1: the server prints nothing more, and stops on SIGTERM"
    rm -rf "${work:?}/$1"
}
cleanup() {
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null
}

# ---- what the suites need --------------------------------------------------------------------------

# Installs the packages of npm: 2 if its registry is not reachable, 1 for other failures; the file "out" has the reason.
packages() { # packages FOLDER
    local to=$out/$1 wanted
    mkdir -p "$to"
    wanted=$(cat "$here/$1/package.json" "$here/$1/package-lock.json" | sha256sum)
    if [ "$(cat "$to/installed" 2>/dev/null)" != "$wanted" ]; then
        cp "$here/$1"/{package.json,package-lock.json,.npmrc} "$to/"
        if ! (cd "$to" && timeout 120 npm ci --ignore-scripts --fetch-retries=1 --fetch-timeout=20000) >out 2>&1; then
            ! grep -qE 'ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET|code E[45]..' out || return 2
            return 1
        fi
        echo "$wanted" >"$to/installed"
    fi
    # Node looks for packages above the test, so that the tests go where the packages are.
    cp "$here"/*.mjs "$out/"
    ! ls "$here/$1"/*.mjs >/dev/null 2>&1 || cp "$here/$1"/*.mjs "$to/"
}

# The clients want Node 20; Debian 12 has 18, and npm has a newer one.
find_node() {
    local major
    major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
    node=node
    [ "${major:-0}" -lt 20 ] || return 0
    packages node || return
    node=$(find "$out/node/node_modules" -path '*/bin/node' -type f | head -n 1)
    [ -n "$node" ]
}
with_npm() { # with_npm SUITE FOLDER: false after it was skipped or has failed
    command -v npm >/dev/null || {
        skip "$1" 'npm is not installed'
        return 1
    }
    local status=0
    find_node || status=$?
    [ $status -ne 0 ] || packages "$2" || status=$?
    [ $status -ne 2 ] || skip "$1" "npm's registry is not reachable"
    [ $status -ne 1 ] || result 1 "$1: its packages are installed"
    [ $status -eq 0 ]
}
find_python() {
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import grpc' 2>/dev/null && return
    done
    return 1
}

# ---- suites ----------------------------------------------------------------------------------------

# The cases that a test printed, and one more if its exit status does not agree with them.
report() { # report SUITE STATUS LOG
    local line cases=0 bad=0
    while IFS= read -r line; do
        case $line in
            'ok - '*)
                count=$((count + 1))
                cases=$((cases + 1))
                echo "ok $count - $1: ${line#ok - }"
                ;;
            'not ok - '*)
                count=$((count + 1))
                cases=$((cases + 1))
                bad=1
                failed=1
                echo "not ok $count - $1: ${line#not ok - }"
                ;;
            *) echo "# ${line#\# }" ;;
        esac
    done <"$3"
    if { [ "$2" -ne 0 ] && [ $bad -eq 0 ]; } || [ $cases -eq 0 ]; then
        echo "exit status $2 after $cases cases" >out
        result 1 "$1: ends by itself"
    fi
}
run_with_server() { # run_with_server SUITE SECONDS COMMAND...
    local name=$1 seconds=$2 status
    shift 2
    if ! start_server "$name"; then
        cp "$work/$name.server" out
        result 1 "$name: the server starts"
        return
    fi
    TMPDIR=$work timeout --kill-after=5 "$seconds" "$@" >"$work/$name.log" 2>&1 </dev/null
    status=$?
    report "$name" $status "$work/$name.log"
    stop_server "$name"
}

suite_python() {
    find_python || {
        skip python 'python3-grpcio is not installed'
        return
    }
    run_with_server python 300 "$python" "$here/python/streams_cases.py"
}
suite_unix() { # the suite python over a UNIX socket
    find_python || {
        skip unix 'python3-grpcio is not installed'
        return
    }
    run_with_server unix 300 env "FACTUM_ADDRESS=unix:$work/socket" "$python" "$here/python/streams_cases.py"
}
suite_slow() {
    find_python || {
        skip slow 'python3-grpcio is not installed'
        return
    }
    run_with_server slow 300 "$python" "$here/python/slow_cases.py"
}
suite_schemas() {
    find_python || {
        skip schemas 'python3-grpcio is not installed'
        return
    }
    run_with_server schemas 300 "$python" "$here/python/schemas_cases.py"
}
suite_kurrent() {
    with_npm kurrent kurrent || return
    run_with_server kurrent 300 "$node" "$out/kurrent/client_test.mjs"
}
suite_participant() {
    with_npm participant kurrent || return
    "$FACTUM" saga --help >/dev/null 2>&1 || {
        skip participant 'it is built without sagas'
        return
    }
    sed -n '/^```js file=participant.mjs$/,/^```$/{/^```/!p}' "$here/../../docs/guide/participants.md" |
        diff - "$here/kurrent/participant.mjs" >out
    result $? "participant: the guide shows what is tested"
    cp "$here/../../examples/node/payment.mjs" "$out/kurrent/"
    run_with_server participant 300 "$node" "$out/kurrent/participant_test.mjs"
}
suite_restart() { # it starts its own
    with_npm restart kurrent || return
    run_with_server restart 300 "$node" "$out/kurrent/restart_test.mjs"
}
suite_eventstore() {
    with_npm eventstore eventstore || return
    run_with_server eventstore 300 "$node" "$out/eventstore/client_test.mjs"
}
suite_emmett() {
    with_npm emmett emmett || return
    run_with_server emmett 300 "$node" "$out/emmett/client_test.mjs"
}
suite_go() {
    local source=/usr/share/gocode/src/google.golang.org/grpc
    { command -v go >/dev/null && [ -d $source ]; } || {
        skip go 'golang-go and golang-google-grpc-dev are not installed'
        return
    }
    mkdir -p "$out/go"
    if ! (cd "$here/go" && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$out/go/cache GOFLAGS=-p=2 \
        go build -o "$out/go/client" main.go) >out 2>&1; then
        result 1 'go: the client is built'
        return
    fi
    run_with_server go 300 "$out/go/client"
}
suite_curl() {
    command -v curl >/dev/null || {
        skip curl 'curl is not installed'
        return
    }
    run_with_server curl 300 "$here/curl.sh"
}
suite_h2load() {
    command -v h2load >/dev/null || {
        skip h2load 'nghttp2-client is not installed'
        return
    }
    run_with_server h2load 60 "$here/h2load.sh"
}
suite_http() { # eventsource starts its own, to kill them
    with_npm http http || return
    run_with_server http 300 bash -c 'status=0
        for name in cloudevents eventsource; do "$1" "$2/${name}_test.mjs" || status=1; done
        exit $status' http "$node" "$out/http"
}
suite_prometheus() {
    { command -v promtool && command -v curl; } >/dev/null || {
        skip prometheus 'prometheus (promtool) or curl is not installed'
        return
    }
    run_with_server prometheus 300 "$here/prometheus.sh"
}

[ $# -gt 0 ] || {
    [ "${FACTUM_CLIENTS:-}" = all ] && set -- $all || set -- $fast
}
for name; do
    case " $all " in
        *" $name "*) "suite_$name" ;;
        *) result 1 "there is a suite $name" ;;
    esac
done
done_testing
