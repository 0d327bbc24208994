#!/bin/sh
# bug_bank.sh PROGRAM... - is each seeded defect (src/core/bug.h) found by one of the programs? Prints TAP.
# The programs take the defect from FCT_BUG; 77 says that there is none of that number.
set -u
export FCT_CRASH_IMAGES=6000 FCT_CORRUPTIONS=6000
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
ulimit -c 0
for program in "$@"; do # without a defect they find nothing
    if ! FCT_BUG=0 "$program" >/dev/null 2>&1; then
        echo "Bail out! $program fails without a defect"
        exit 1
    fi
done
bug=0
failed=0
while :; do
    bug=$((bug + 1))
    found=
    for program in "$@"; do
        FCT_BUG=$bug "$program" >/dev/null 2>&1
        code=$?
        if [ $code -eq 77 ]; then
            echo "1..$((bug - 1))"
            exit $failed
        fi
        if [ $code -ne 0 ]; then
            found=$(basename "$program")
            break
        fi
    done
    if [ -n "$found" ]; then
        echo "ok $bug - defect $bug is found by $found"
    else
        echo "not ok $bug - defect $bug is not found"
        failed=1
    fi
done
