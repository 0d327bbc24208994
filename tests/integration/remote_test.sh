#!/usr/bin/env bash
# remote_test.sh - each command on a directory and on the address of a server of an equal store: the same
# output, the same exit code. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
serve() { # serve STORE OPTION...: a server; $address is how it is called
    "$factum" --store "$@" >said 2>&1 &
    server=$!
    for _ in $(seq 100); do
        grep -q '^factum: serving' said && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    address=factum://$(sed -n 's/^factum: serving [^ ]* on \([^ ,]*\).*/\1/p' said)
}

# a store with a little of everything, and a copy of it to serve
S() { "$factum" --store here "$@" >/dev/null 2>&1; }
for i in 1 2 3; do
    S append "order-$i" OrderPlaced "{\"n\":$i}" --tag "customer:$i" --expected no-stream
    S append "order-$i" OrderPaid "{\"n\":$i}" --key "key-$i" --metadata '{"$correlationId":"c"}'
done
S append text-1 Note 'plain' --content-type text/plain
S append gone-1 A '{}'
S delete gone-1
S append dead-1 A '{}'
S delete dead-1 --tombstone
echo '{"properties": {"n": {"type": "integer", "minimum": 0}}}' >placed.json
echo '{"properties": {"n": {"type": "integer", "minimum": 2}}}' >narrow.json
echo '{"type": "object", "required": ["n"]}' >paid.json
echo '{"type": 7}' >no.json
S schema register order/OrderPlaced placed.json
S schema register OrderPaid paid.json
S schema mode order/ warn
S metadata set order-1 '{"$maxCount":1,"a":"b"}'
seq 1 500 | sed 's/.*/{"stream":"many-1","type":"Counted","data":{"n":&}}/' >many.ndjson
S import many.ndjson
cp -r here there
serve there serve --insecure --listen 127.0.0.1:0

strip() { sed -E 's/[0-9.]+ (s|ms)\b/TIME/g; s/"seconds":[0-9.]+/"seconds":0/g; s/, [0-9,]+ events\/s//g; s/\([^()]*TIME\)//g' "$1"; }
# same NAME COMMAND...: equal output and exit code
same() {
    local name=$1 local_code remote_code
    shift
    "$factum" --store here "$@" >local.out 2>local.err </dev/null
    local_code=$?
    "$factum" --store "$address" "$@" >remote.out 2>remote.err </dev/null
    remote_code=$?
    { strip local.out; echo "exit $local_code"; strip local.err; } >local
    { strip remote.out; echo "exit $remote_code"; strip remote.err; } >remote
    diff local remote >out 2>&1
    result $? "$name"
}

# looking
same "read a stream" read order-1
same "read all as JSON" read --all --json
same "read backwards" read --all --backwards --count 7
same "read a stream backwards" read many-1 --backwards --count 3 --json
same "read a category" read --category order
same "read a type" read --type OrderPaid --json
same "read a tag" read --tag customer:2
same "read a correlation" read --correlation c
same "read from a revision" read many-1 --from 490
same "read up to a revision" read many-1 --revision 3
same "read at a time" read --all --at 2000-01-01
same "read a virtual stream" read '$ce-order'
same "read without the system's" read --all --skip-system
same "read a stream that does not exist" read nothing-1
same "read a deleted stream" read gone-1
same "read a tombstoned stream" read dead-1
same "read data that is not text" read text-1
same "read with a wrong option" read --nope
same "streams" streams
same "streams as JSON" streams --json
same "streams by name" streams --sort name --limit 3
same "streams with a prefix" streams --prefix order
same "categories" categories
same "types" types --json
same "tags" tags
same "metadata" metadata get order-1
same "metadata that is not there" metadata get order-2
same "tail the stored events" tail order-2 --timeout 0
same "export" export -
same "export a stream" export order-3 -
same "schemas" schema list
same "schemas as JSON" schema list --all --json
same "a schema" schema show order/OrderPlaced
same "a schema that is not there" schema show Nope
same "a draft of a schema" schema infer OrderPaid
mkdir types
same "types from schemas" schema generate order --to types
mv types/order.gen.h types/order.gen.c .
same "types from schemas again" schema generate order --to . --json
same "no schemas for types" schema generate nothing --to .
same "a check of a schema" schema check order/OrderPlaced paid.json --json
same "a schema that a stored event does not fit" schema check order/OrderPlaced narrow.json
same "the same as JSON" schema check order/OrderPlaced narrow.json --json
same "a document that is no schema" schema check order/OrderPlaced no.json
same "verify" verify
same "verify as JSON" verify --json
token=$("$factum" --store here info --json | sed 's/.*"token":"\([^"]*\)".*/\1/')
same "read after a token" read --all --after "$token"
same "an invalid token" read --all --after nonsense

# writing: the same to both
id=5c6a2d3e-0000-4000-8000-000000000001
unstamped() { # unstamped NAME COMMAND...: as same, for what has positions and times of its own
    same "$@"
}
unstamped "register a schema" schema register Counted paid.json
unstamped "set the mode of a category" schema mode many/ reject
unstamped "append an event that does not fit" append many-1 Counted '{}'
unstamped "append" append new-1 A '{"n":1}' --id $id
unstamped "append again" append new-1 A '{"n":1}' --id $id
unstamped "append with a wrong revision" append new-1 A '{}' --expected 7
unstamped "append with a key" append new-1 B '{}' --key new
unstamped "append with the key again" append new-1 B '{}' --key new
unstamped "append other content with the key" append new-1 C '{}' --key new
unstamped "append to a tombstone" append dead-1 A '{}'
unstamped "append with durability" append new-1 D '{}' --durability os
unstamped "append data that is not JSON" append new-1 E '{'
unstamped "import" import many.ndjson
unstamped "set metadata" metadata set new-1 '{"x":1}'
unstamped "delete" delete order-2
unstamped "delete a stream that does not exist" delete nothing-1
unstamped "tombstone" delete order-3 --tombstone
same "streams afterwards" streams
same "a stream afterwards" read many-1 --backwards --count 1

# backup: at the server
same "a backup" backup "$PWD/kept"
"$factum" verify --backup kept >out 2>&1
result $? "which can be restored"

# what takes directories only
t() { try "$@"; }
t "repair takes no address" 2 "repair works on the directory of a store" "$factum" --store "$address" repair --rebuild-index
t "restore takes no address" 2 "restore works on the directory of a store" "$factum" --store "$address" restore kept
t "serve takes no address" 2 "serve works on the directory of a store" "$factum" --store "$address" serve
FACTUM_STORE=$address t "FACTUM_STORE may be an address" 0 "^order-1  1" env FACTUM_STORE="$address" "$factum" read order-1
t "--connect is --store" 0 "^order-1  1" "$factum" --connect "$address" read order-1
t "after the command too" 0 "^order-1  1" "$factum" read order-1 --connect "$address"
t "ping answers" 0 "^factum [0-9.]+, connected in [0-9.]+ ms, round trip [0-9.]+ ms$" "$factum" ping "$address"
t "ping as JSON" 0 '^\{"server":"factum [0-9.]+","connectNs":[0-9]+,"roundTripNs":[0-9]+\}$' "$factum" ping "$address" --json
t "ping of the store that is named" 0 "^factum" "$factum" --connect "$address" ping
t "ping of a directory" 2 "takes the address of a server" "$factum" ping here
t "ping an address without a server" 11 "connect to 127.0.0.1:1: Connection refused" "$factum" ping factum://127.0.0.1:1
t "read at an address without a server" 11 "connect to 127.0.0.1:1: Connection refused" "$factum" --store factum://127.0.0.1:1 read --all
t "an invalid address" 2 "an address is factum://HOST:PORT" "$factum" --store factum://x:y read --all
t "another kind of address" 2 "no kind of address begins with http://" "$factum" --store http://x read --all

# live
"$factum" --store "$address" tail live-1 --timeout 5 >live 2>&1 &
tail=$!
sleep 0.5
"$factum" --store "$address" append live-1 Seen '{"live":true}' >/dev/null
for _ in $(seq 40); do
    grep -q '"live":true' live && break
    sleep 0.1
done
grep -q '"live":true' live
result $? "tail shows what another process appends"
kill "$tail"
wait "$tail"

kill "$server"
wait "$server"
server=
done_testing
