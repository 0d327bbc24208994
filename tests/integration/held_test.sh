#!/usr/bin/env bash
# held_test.sh - a store that a process holds: LOCK removed, the directory moved, the process killed and then
# the end of the log lost, the index of another history put there. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
trap '' PIPE # the holder may have ended and read no more
holder=
cleanup() { [ -z "$holder" ] || kill -9 "$holder" 2>/dev/null; }
# t NAME CODE PATTERN STORE ARGUMENT...: a case: factum on STORE
t() {
    local name=$1 code=$2 pattern=$3
    shift 3
    try "$name" "$code" "$pattern" "$factum" --store "$@"
}
events() { "$factum" --store "$1" read --all --skip-system --json 2>/dev/null | wc -l; }
mkfifo lines
hold() { # hold STORE: a process that appends each line that is written to descriptor 3
    "$factum" --store "$1" import --quiet --batch 1 - <lines >held 2>&1 &
    holder=$! held=$1
    exec 3>lines
}
line() { # line N: one event, then time for it and the heartbeat that follows; the first line also waits for the store to open
    echo "{\"stream\":\"s-1\",\"type\":\"T\",\"data\":{\"n\":$1}}" >&3 2>/dev/null
    for _ in $(seq 400); do
        [ "$1" != 1 ] || grep -rqaF '"n":1' "$held" 2>/dev/null && break
        sleep 0.05
    done
    sleep 0.3
}
die() { # as kill -9 does
    kill -9 "$holder"
    wait "$holder" 2>/dev/null
    exec 3>&-
    holder=
}

# LOCK removed
hold a
line 1
rm a/LOCK
t "without LOCK a store is in use" 6 "the store a is in use by another process: stop that one first" a append s-2 T
line 2
exec 3>&-
wait "$holder"
result $? "and its holder keeps appending"
holder=
[ "$(events a)" = 2 ]
result $? "with all that it appended"

# moved, and another store made in its place
hold b
line 1
mv b b.bad
t "another store is made in the place" 0 "^revision 0" b append s-2 T
line 2
line 3
exec 3>&-
wait "$holder"
[ $? -ne 0 ] && grep -q "its directory was moved, replaced or removed; open it where it is now" held
result $? "the holder of the store that was moved stops with the reason"
holder=
t "its events are in the moved directory" 0 "^s-1  0  T" b.bad read s-1
t "and it verifies" 0 "^ok: " b.bad verify
[ "$(events b)" = 1 ]
result $? "the other one has its own event and no other"
t "and verifies too" 0 "^ok: " b verify

# killed while idle; then the end of the log is lost
hold c
for n in 1 2 3; do line $n; done
die
segment=c/log/00000000000000000001.seg
end=$(od -An -v -tx1 -w8 "$segment" | awk '$0 !~ /^( 00)+$/ {last = NR} END {print last * 8}')
cp -a c whole
for size in 512 4096; do
    rm -rf c && cp -a whole c
    dd if=/dev/zero of="$segment" bs="$size" seek=$(((end - 1) / size)) count=1 conv=notrunc 2>out
    t "a lost block of $size bytes at the end is noticed" 5 \
        "is damaged at position [0-9]+ .*restore a backup, or give up the rest: factum repair --accept-loss" c verify
done
rm -rf c && cp -a whole c
truncate -s 4096 "$segment"
t "a segment that ends after its header is noticed" 5 "the file is too short|no batch verifies there" c verify
rm -rf c && cp -a whole c
rm "$segment"
t "a missing segment is noticed" 5 "the log's segments are missing from c/log: restore them from a backup" c verify
[ ! -e "$segment" ]
result $? "and verify creates none"
rm -f c/log/LAST c/log/END
rm -rf c/index
t "verify creates no store" 4 "no store" c verify
[ ! -e "$segment" ]
result $? "where only a directory is left"

# the newest of several segments
pad=$(head -c 900 /dev/zero | tr '\0' p)
hold d
seq 1 1300 | sed "s/.*/{\"stream\":\"s-&\",\"type\":\"T\",\"data\":{\"n\":&,\"pad\":\"$pad\"}}/" >&3
line 1
die
newest=$(ls d/log/*.seg | tail -1)
[ "$newest" != d/log/00000000000000000001.seg ]
result $? "a store of several segments"
rm "$newest"
t "its newest segment is missed" 5 "the segment after it is missing" d verify
position=$("$factum" --store d verify 2>&1 | sed -n 's/.*accept-loss \([0-9]*\).*/\1/p')
t "the advice can be followed" 0 "" d repair --accept-loss "$position"
t "to a store that verifies" 0 "^ok: " d verify
t "and takes appends" 0 "^revision" d append s-1 T

# the index of another history
for n in $(seq 1 200); do echo "{\"stream\":\"aa-$((n % 10))\",\"type\":\"T\",\"data\":{}}"; done >aa
for n in $(seq 1 30000); do echo "{\"stream\":\"bb-$((n % 10))\",\"type\":\"T\",\"data\":{\"n\":$n}}"; done >bb
sed 's/bb-/cc-/; s/"n":/"longer":/' bb >cc
{ "$factum" --store e import --quiet aa && "$factum" --store e backup copy &&
    "$factum" --store f restore copy && "$factum" --store e import --quiet bb &&
    "$factum" --store f import --quiet cc; } >out 2>&1
result $? "two stores that went different ways"
rm -rf f/index
cp -a e/index f/index
t "the index of the other one is refused" 5 \
    "belongs to another history than the index names at position [0-9]+: .*factum repair --rebuild-index" f read cc-3
t "also by an append" 5 "belongs to another history" f append cc-3 T
t "the advice can be followed" 0 "" f repair --rebuild-index
[ "$("$factum" --store f read cc-3 --json | wc -l)" = 3000 ] && [ "$("$factum" --store f read bb-3 --json 2>/dev/null | wc -l)" = 0 ]
result $? "and gives the store its own events"
t "which verifies" 0 "^ok: " f verify
done_testing
