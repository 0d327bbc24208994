# program.sh - functions for the tests of the factum program. To be sourced; prints TAP.
#
# FACTUM names the program. The test runs in an empty directory of its own, $work, which is
# removed at the end, after the function cleanup of the test. It ends with `done_testing`.
set -u
factum=${FACTUM:?}
work=$(mktemp -d "${TMPDIR:-/tmp}/factum-test.XXXXXX")
cleanup() { :; }
trap 'cleanup; rm -rf "$work"' EXIT
cd "$work" || exit 1
export NO_COLOR=1 LC_ALL=C.UTF-8
unset FACTUM_STORE
count=0
failed=0
result() { # result STATUS NAME: a case; the file "out" is shown if it failed
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else
        echo "not ok $count - $2"
        sed 's/^/# /' out | head -20
        failed=1
    fi
}
skip() { # skip NAME REASON
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}
# try NAME CODE PATTERN COMMAND...: a case: exit code and a line of output (stdout and stderr) that fits
try() {
    local name=$1 code=$2 pattern=$3
    shift 3
    "$@" >out 2>&1 </dev/null
    local got=$?
    [ $got -eq "$code" ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" out; }
    local bad=$?
    [ $bad -eq 0 ] || echo "exit $got, not $code, or no line like: $pattern" >>out
    result $bad "$name"
}
done_testing() {
    echo "1..$count"
    exit $failed
}
