#!/usr/bin/env bash
# cli_test.sh - the command line as its users see it: call, output, exit code. Prints TAP.
# FACTUM names the program. Real order data is used where FACTUM_DATA or ../shared/data has it.
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${FACTUM_DATA:-$root/../shared/data}
. "$(dirname "$0")/program.sh"
t() { try "$@"; }
F() { "$factum" "$@"; }

t "help lists the commands" 0 "^  import " F help
t "each command has help" 0 "usage: factum append" F append --help
t "an unknown command is a usage error" 2 "no command nothing" F nothing
t "an unknown option is a usage error" 2 "no option --nope" F read --nope
no_option() { # no_option COMMAND WORD ARGUMENT...: the word is refused, and nothing is written
    t "factum $1 has no option $2" 2 "^factum: factum $1 has no option $2; -- goes before arguments \
that begin with -; factum $1 --help lists the options$" F "$1" "${@:3}"
}
no_option append -v -v T '{}'
no_option import -q -q in.ndjson
no_option read -n -n 1
no_option tail -5 -5
no_option backup -bk -bk
[ ! -e factum-data ]
result $? "and no store is made"
t "-- goes before a name that begins with -" 0 "revision 0" F --store dash append -- -v T '{}'
t "such a name is read" 0 "^-v  0  T" F --store dash read -- -v
t "a negative number is data" 0 "revision 1" F --store dash append --expected 0 -- -v T -5
t "also without --" 0 "revision 0" F --store dash append v T -5
t "and is kept" 0 "^    -5$" F --store dash read v
minus() { echo '{"stream":"m","type":"A"}' | F --store dash import -; }
t "- alone is standard input" 0 "^1 event imported" minus
t "-h is help" 0 "^usage: factum append" F append -h
t "-h before the command is help" 0 "^usage: factum " F -h
t "-V is the version" 0 "^factum [0-9]+\.[0-9]+\.[0-9]+$" F -V
t "--version is the version" 0 "^factum [0-9]+\.[0-9]+\.[0-9]+$" F --version
t "help --help is help" 0 "^usage: factum \[--store DIR\] COMMAND" F help --help
t "help -h is help" 0 "^usage: factum \[--store DIR\] COMMAND" F help -h
t "help of an unknown command" 2 "^factum: no command nothing; factum help lists them" F help nothing
t "reading without a store explains how to make one" 4 "no store at factum-data" F read x
[ ! -e factum-data ]
result $? "reading does not make a store"
t "append makes the store" 0 "revision 0, position 4160, durability sync" \
    F append order-1 OrderPlaced '{"total":5}' --expected no-stream --tag customer:7
t "append with the right revision" 0 "revision 1" F append order-1 Paid '{}' --expected 0
t "append with the wrong revision" 3 \
    "stream order-1 is at revision 1, not 0: read it again and retry" \
    F append order-1 Paid '{}' --expected 0
t "append as JSON" 0 '^\{"revision":2,"position":[0-9]+,' F append order-1 Shipped '{}' --json
t "a key is recognised" 0 "revision 3" F append order-1 X '{}' --key k
t "a key is recognised again" 0 "already appended" F append order-1 X '{}' --key k
t "a key with other content" 3 "other content" F append order-1 Y '{}' --key k
t "durability os is named" 0 "durability os" F append order-2 A '{}' --durability os
t "read a stream" 0 "^order-1  0  OrderPlaced" F read order-1
t "read backwards" 0 "^order-1  3  X" F read order-1 --backwards --count 1
t "read as JSON" 0 '^\{"stream":"order-1","type":"OrderPlaced","id":"' F read order-1 --json
t "read a tag" 0 "customer:7" F read --tag customer:7
t "read by type" 0 "Shipped" F read --type Shipped
t "append as JSON has a token" 0 '"token":"f1-[0-9a-f]{16}-0-[0-9]+"' F append place-7 A '{}' --json
token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' out)
t "read after a token" 0 "" F read --after "$token"
[ ! -s out ]
result $? "nothing comes after the last place"
F append place-7 B '{}' >out 2>&1
t "later events are read after it" 0 "^place-7  1  B" F read --after "$token"
[ "$(F read --after "$token" | grep -c '^place')" = 1 ]
result $? "and nothing else"
t "backwards, a token is where to begin" 0 "^place-7  0  A" \
    F read --after "$token" --backwards --count 1
t "two starts are one too many" 2 "exclude each other" F read --after "$token" --from 1
t "a text that is no token" 2 "^factum: \"42\" is not a token" F read --after 42
t "a token of another store" 3 "belongs to another history" \
    F read --after f1-0123456789abcdef-0-42
t "read a missing stream" 4 "no stream order-9" F read order-9
t "two sources are one too many" 2 "choose one" F read order-1 --all
t "a bad time is explained" 2 "takes a time" F read --at yesterday
t "streams" 0 "^ +4  order-1" F streams
t "categories" 0 "^ +5  order" F categories
t "types as JSON" 0 '^\{"name":"OrderPlaced","events":1,' F types --json
t "tags" 0 "^ +[0-9]+  customer:7" F tags
t "streams of a category" 0 "^ +1  order-2" F streams --category order
t "streams of a category that does not exist" 0 "" diff /dev/null <(F streams --category none)
t "streams sorted by name" 0 "^ +4  order-1" F streams --sort name --limit 1
t "a category is for streams only" 2 "no option --category" F types --category order
t "an order that is not known" 2 "takes first, name or count" F streams --sort age
t "a place that is no token" 2 "^factum: \"x\" is not a token" F streams --after x
page() { F types --json --limit 2 ${1:+--after "$1"} >page 2>/dev/null && sed -n '$s/.*token":"\([^"]*\)".*/\1/p' page; }
pages() {
    local after=
    while after=$(page "$after") && [ -n "$after" ]; do cut -d'"' -f4 page; done
}
pages >paged
F types --json | cut -d'"' -f4 >whole # not at the same time: a store has one user
t "pages together are the whole list" 0 "" diff paged whole
t "metadata set" 0 "metadata revision 0" F metadata set order-1 '{"$maxCount":1}'
t "metadata get" 0 'maxCount' F metadata get order-1
t "metadata limits a read" 0 "^order-1  3  X" F read order-1
t "metadata that is no object" 2 "JSON object" F metadata set order-1 '[]'
t "delete" 0 "deleted" F delete order-1
t "a deleted stream is not found" 4 "it was deleted" F read order-1
t "tombstone" 0 "ended for ever" F delete order-2 --tombstone
t "append after a tombstone" 3 "deleted for ever" F append order-2 A '{}'
t "info" 0 "^events +[0-9]+ in" F info
t "info as JSON" 0 '^\{"storeId":"' F info --json
t "info has the token of the last place" 0 '^token +f1-[0-9a-f]{16}-0-[0-9]+$' F info
t "verify" 0 "^ok: " F verify
t "tail ends by itself" 0 "OrderPlaced" F tail --all --timeout 1
t "tail prints where it ended" 0 "^factum: continue with --after f1-" F tail --all --timeout 0
token=$(sed -n 's/^factum: continue with --after //p' out)
F append place-7 C '{}' >out 2>&1
t "the next tail goes on there" 0 "^place-7  2  C" F tail --all --timeout 0 --after "$token"
[ "$(grep -cE "^[a-z0-9-]+  [0-9]+  " out)" = 1 ]
result $? "and repeats nothing"
t "tail --quiet does not print it" 0 "" F tail place-7 --timeout 0 --quiet --after "$token"
! grep -q "continue with" out
result $? "because it is quiet"
t "binary data" 0 "revision 0" F append b-1 Blob "$(printf '\001x')" --bytes
t "completions" 0 "complete -o default -F _factum factum" F completions bash
t "version" 0 "^factum [0-9]+\.[0-9]+\.[0-9]+$" F version
bash -n <(F completions bash) 2>out
result $? "the completion script is bash"
complete_words() { # WANTED WORD...: the last word is completed to WANTED
    local wanted=$1
    shift
    (
        eval "$(F completions bash)"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        COMPREPLY=()
        _factum
        echo "${COMPREPLY[*]}"
        [ "${COMPREPLY[*]}" = "$wanted" ]
    )
}
t "a command is completed" 0 "" complete_words "read repair restore" factum --store x re
t "an option is completed" 0 "" complete_words "--backwards" factum read order-1 --b
t "a value is completed" 0 "" complete_words "no-stream" factum append s T --expected no
t "get and set are completed" 0 "" complete_words "get set" factum metadata ''
t "help's command is completed" 0 "" complete_words "completions" factum help comp
t "an argument is left to bash" 0 "" complete_words "" factum import file

# counts agree in number
F --store one append one-1 A '{}' >out 2>&1
t "info counts one" 0 "^events     1 in 1 stream$" F --store one info
t "one segment" 0 "^log        .* in 1 segment, .* prepared$" F --store one info
t "one run" 0 "^index      .* in 1 run$" F --store one info
t "verify counts one" 0 "^ok: 1 event in 1 stream, .* in 1 segment, [0-9]+ batch(es)?; index agrees; chain " \
    F --store one verify
t "backup counts one" 0 "^1 file, 1 copied " F --store one backup one-backup
F --store one append two-1 A '{}' >out 2>&1
t "info counts two" 0 "^events     2 in 2 streams$" F --store one info
t "verify counts two" 0 "^ok: 2 events in 2 streams, .* in 1 segment, [0-9]+ batches; " F --store one verify

# import and export
cat >in.ndjson <<'N'
{"stream":"i-1","type":"A","data":{"x":0.15,"y":12345678901234567890},"time":"1948-01-26T22:59:00Z"}
{"stream":"i-1","type":"B","data":[1, 2],"tags":["t"],"metadata":{"$correlationId":"c"}}
{"stream":"i-2","type":"C"}
N
t "import" 0 "^3 events imported" F --store s import in.ndjson
t "import again changes nothing" 0 "^0 events imported" F --store s import in.ndjson
t "import --again" 0 "^3 events imported" F --store s import in.ndjson --again
F --store s2 import in.ndjson >out 2>&1
F --store s2 export >e1.ndjson 2>out
F --store s3 import e1.ndjson >out 2>&1
F --store s3 export >e2.ndjson 2>out
diff <(sed 's/,"position.*//' e1.ndjson) <(sed 's/,"position.*//' e2.ndjson) >out
result $? "export, import, export gives the same events"
grep -q '"data":{"x":0.15,"y":12345678901234567890}' e1.ndjson
result $? "data is kept byte for byte"
gzip -k in.ndjson
t "import of gzip" 0 "^3 events" F --store s4 import in.ndjson.gz
head -c 60 in.ndjson.gz >cut.gz
t "gzip that breaks off" 1 "ends too soon" F --store s5 import cut.gz
printf '{"stream":"x","type":"A"}\nnonsense\n{"stream":"x","type":"B"}\n' >bad.ndjson
t "a bad line stops and is named" 2 "^factum: bad.ndjson:2: not valid JSON: unexpected word nonsense where a value should be at byte 0" F --store s6 import bad.ndjson
t "earlier events are stored" 0 "^x  0  A" F --store s6 read x
t "a bad line is skipped" 0 "2 events imported.*1 bad line$" F --store s7 import bad.ndjson --on-error skip
t "a missing file" 4 "No such file" F import nothing.ndjson
seq 1 3000 | sed 's/.*/{"stream":"n-&","type":"T","data":&}/' >many.ndjson
head -1500 many.ndjson >half.ndjson
F --store s8 import --batch 400 half.ndjson >out 2>&1
t "an import goes on where it was" 0 "^1,500 events imported" F --store s8 import many.ndjson
t "append --lines is one commit" 0 "^3 events, position" F --store s9 append --lines in.ndjson

# what an append refuses, and that nothing is written
t "an empty key is refused" 2 "--key is empty" F --store s2 append x T --key ''
t "metadata has to be an object" 2 "takes a JSON object" F --store s2 append x T --metadata '[1]'
t "lines bring their own ids and tags" 2 "leave them out" F --store s2 append --lines in.ndjson --tag a
t "no lines are no append" 2 "has no events" F --store s2 append --lines /dev/null
t "a system stream is kept" 2 "kept for the system" F --store s2 append '$x' T
t "a name that is no UTF-8 is shown" 2 'not UTF-8 text: "x\\xff"' F --store s2 append $'x\xff' T
range="from 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z"
t "a time out of range is explained" 2 "$range, not \"9999-01-01\"$" F --store s2 append x T --time 9999-01-01
t "the day that begins before the range too" 2 "$range, not \"1677-09-21\"$" \
    F --store s2 append x T --time 1677-09-21
t "and one nanosecond before it" 2 "$range" F --store s2 append x T --time 1677-09-21T00:12:43.145224191Z
t "and one after it" 2 "$range" F --store s2 append x T --time 2262-04-11T23:47:16.854775808Z
for time in 1677-09-21T00:12:43.145224192Z 2262-04-11T23:47:16.854775807Z; do
    t "the limit $time is a time" 0 "revision" F --store time append time T --time "$time"
    t "and is kept" 0 "^time  [01]  T  $time$" F --store time read time
done
head -c 16777217 /dev/zero | tr '\0' a >big
oversize() { F --store s2 append x T - --bytes <big; }
t "an oversize event names the limit" 2 "standard input: over the limit of 16777216 bytes" oversize
seq 1 100001 | sed 's/.*/{"stream":"n","type":"T"}/' >many_lines
t "too many events for one append" 2 "more than 100000 lines" F --store s2 append --lines many_lines
t "nothing of it was written" 4 "no stream x" F --store s2 read x
t "a system stream with --system" 0 "revision 0" F --store s9 append '$x' T --system
t "deleting a stream that does not exist" 4 "nothing to delete" F --store s9 delete nothing
t "an option before the command is explained" 2 "only --store, --connect and --quiet come before" F --json info
t "--store without a directory" 2 "takes a directory" F --store
t "a count of nothing" 2 "takes 1 or more" F --store s9 read --count 0
t "a limit that is no number" 2 "takes a whole number" F --store s9 streams --limit x
t "tail without waiting shows the stored events" 0 "i-2  0  C" F --store s9 tail i-2 --timeout 0

# what is shown
json_lines() { printf '{\n  "a": 1\n}\n' | F --store v append v-1 T -; }
json_lines >out 2>&1
t "JSON of several lines is JSON" 0 '"data":\{   "a": 1 \},"revision"' F --store v read v-1 --json
t "and is shown on one line" 0 '^    \{ "a": 1 \}$' F --store v read v-1
F --store v append $'w-\xc2\x9b1' T $'one\ntwo' --bytes >out 2>&1
t "control characters are shown, not sent to the terminal" 0 '^w-\\xc2\\x9b1  0  T' F --store v read --type T --backwards
t "lines of text stay lines" 0 '^    two$' F --store v read --type T --backwards
F --store v append v-2 T $'\x9bx' --bytes >out 2>&1
t "bytes are counted" 0 '^    \(2 bytes\)$' F --store v read v-2
t "errors send no control characters either" 3 'stream w-\\xc2\\x9b1 is at' \
    F --store v append $'w-\xc2\x9b1' T '{}' --expected 7
quiet_head() { # a reader that goes away: no message, and its own exit code
    F --store s8 "$@" 2>err | head -1 >/dev/null
    local code=${PIPESTATUS[0]}
    [ ! -s err ] && { [ "$code" = 141 ] || [ "$code" = 0 ]; }
}
t "read into head" 0 "" quiet_head read
t "export into head" 0 "" quiet_head export
t "tail into head" 0 "" quiet_head tail
full() { F --store s8 read >/dev/full; }
t "a full disk is no success" 1 "output could not be written" full

# bad lines: each has its number, whoever finds it
{
    printf '\xef\xbb\xbf{"stream":"x","type":"A"}\n\n{"stream":"x"}\n{"stream":"$x","type":"A"}\n'
    printf '{"stream":"x","type":"A","data":"%s"}\n' "$(cat big)"
    printf '{"stream":"$$x","type":"A"}\n{"stream":"x","type":"B"}\n'
    head -c 20000000 /dev/zero | tr '\0' a
    printf '\n{"stream":"x","type":"C"}'
} >worse.ndjson
t "every bad line is skipped" 0 "^3 events imported .* 5 bad lines$" \
    F --store w1 import worse.ndjson --on-error skip
cp out said
for bad in '3: "type" is missing' '4: names of streams that begin with [$]' \
    '5: the line is longer than 16 MiB' '6: stream [$][$]x is a metastream' '8: the line is longer'; do
    cp said out
    grep -q "^factum: worse.ndjson:$bad" said
    result $? "line $bad"
done
t "the good lines are in order" 0 "^x  2  C" F --store w1 read x
t "a second run skips nothing twice" 0 "^0 events imported" F --store w1 import worse.ndjson
t "a line that is too long stops" 2 ":5: the line is longer than 16 MiB" \
    F --store w2 import <(sed 3,4d worse.ndjson | sed '3i {"stream":"y","type":"A"}\n{"stream":"y","type":"A"}') 
t "and the lines before it are stored" 0 "^y  1  A" F --store w2 read y
F --store t1 append t-1 A >out 2>&1
F --store t1 delete t-1 --tombstone >out 2>&1
F --store t1 export >t.ndjson 2>out
t "a tombstone is imported" 0 "^2 events" F --store t2 import t.ndjson
t "and recognised when it comes last" 0 "^0 events imported" F --store t2 import t.ndjson
t "an event after a tombstone is a bad line" 0 "1 event imported.* 1 bad line$" F --store t2 import \
    --on-error skip <(printf '{"stream":"t-1","type":"X"}\n{"stream":"t-2","type":"X"}\n')

# stopping an import
seq 1 400000 | sed 's/.*/{"stream":"k-&","type":"T","data":&}/' >long.ndjson
for signal in KILL INT; do
    "$factum" --store kill --quiet import --batch 10 long.ndjson >out 2>&1 &
    for _ in {1..300}; do [ ! -e kill/log/LAST ] || break; sleep 0.1; done # it has begun to write
    sleep 0.5
    kill -$signal $! 2>/dev/null
    wait $!
    code=$?
    [ $code = 137 ] || [ $code = 130 ]
    result $? "an import ends by SIG$signal"
done
grep -q "stopped after line [0-9]*; run the same command again" out
result $? "and prints how to continue"
t "the import is completed" 0 "lines 1 to [0-9]+ were imported before" F --store kill import long.ndjson
[ "$(F --store kill read --type T --json | wc -l)" = 400000 ]
result $? "every line is stored once"
t "no progress bar without a terminal" 0 "^400,000 events" F --store kill2 import long.ndjson
! grep -q '%' out
result $? "and no trace of one"
if command -v script >/dev/null; then
    script -qec "'$factum' --store kill3 import --batch 100 long.ndjson" /dev/null </dev/null >out 2>&1
    grep -q 'import \[#*\.*\] *[0-9]* %.* events, [0-9,]*/s, [0-9]*:[0-9]* left' out
    result $? "a progress bar on a terminal"
    # Smaller batches where the disk is so quick that the end comes before the signal; more seconds where the
    # machine is so busy that the signal comes before the bar.
    for try in "50 1" "5 1" "1 1" "50 5" "50 20"; do
        rm -rf kill4
        script -qec "stty cols 40; timeout --foreground -s INT ${try#* } '$factum' --store kill4 import \
--batch ${try% *} long.ndjson" /dev/null </dev/null >out 2>&1
        tr '\r' '\n' <out | sed 's/\x1b\[K//g' | grep '^import' >bars
        ! grep -q '^import.* left$' bars || ! grep -q 'stopped after line' out || break
    done
    grep -q '^import *[0-9]* %.*, [0-9]*:[0-9]* left$' bars && ! grep '.\{40\}' bars
    result $? "a progress bar is narrower than a terminal of 40 columns"
    grep -q $'\r\e\\[Kfactum: stopped after line [0-9]*; run the same command again' out
    result $? "a message after the bar has a line of its own"
fi

# backup, restore, repair, lock
t "backup" 0 "copied" F --store s8 backup bk
t "backup again copies little" 0 "copied" F --store s8 backup bk
t "restore" 0 "^[0-9]+ files?, [0-9]+ copied" F --store r8 restore bk
t "the restored store verifies" 0 "^ok: " F --store r8 verify
token=$(F --store s8 append after-1 T '{}' --json | sed 's/.*"token":"\([^"]*\)".*/\1/')
F --store r8 append after-1 T '{}' >out 2>&1
t "a token from after the backup is refused there" 3 "another history" \
    F --store r8 read --after "$token"
t "restore over a store is refused" 3 "not empty" F --store s8 restore bk
printf 'x' | dd of=bk/00000000000000000001.seg bs=1 seek=5000 conv=notrunc 2>/dev/null
t "a damaged backup is found" 5 "the backup in bk has 1 problem and cannot be restored" F verify --backup bk
t "a damaged backup is refused" 5 "is damaged" F --store r9 restore bk
[ ! -e r9 ] || [ -z "$(ls -A r9)" ]
result $? "and leaves nothing"
t "rebuilding the index" 0 "the index is new" F --store s8 repair --rebuild-index
t "the rebuilt index agrees" 0 "^ok: " F --store s8 verify
F --store s8 tail --all --timeout 3 >/dev/null 2>&1 &
sleep 0.7
t "a store in use is locked" 6 "in use by another process" F --store s8 info
wait
printf 'xxxx' | dd of=r8/log/00000000000000000001.seg bs=1 seek=9000 conv=notrunc 2>/dev/null
t "damage is found" 5 "damaged" F --store r8 verify

echo '{"required": ["n"]}' >a.json
echo '{"required": ["n", "m"]}' >b.json
t "a schema is registered" 0 "^order/T version 1; 0 stored events fit" \
    F --store s9 schema register order/T a.json
t "and another" 0 "^order/T version 2" F --store s9 schema register order/T b.json
t "the newest again" 0 "^order/T has this schema already: version 2$" \
    F --store s9 schema register order/T b.json
t "an older one again" 0 "^order/T has this schema already: version 1, not the newest$" \
    F --store s9 schema register order/T a.json
t "and as JSON" 0 '"version":1,.*"already":true,"newest":false,' \
    F --store s9 schema register order/T a.json --json
t "no mode is reject" 0 "^2 +reject .* order/T$" F --store s9 schema list
t "the mode of a category" 0 "^order/: warn$" F --store s9 schema mode order/ warn
t "is that of its types" 0 "^2 +warn .* order/T$" F --store s9 schema list
t "the type's own mode" 0 "^T: off$" F --store s9 schema mode T off
t "goes before it" 0 "^2 +off .* order/T$" F --store s9 schema list
t "the subject's own mode" 0 "^order/T: reject$" F --store s9 schema mode order/T reject
t "goes before both" 0 "^2 +reject .* order/T$" F --store s9 schema list
t "a mode is taken back" 0 "^order/T: unset$" F --store s9 schema mode order/T unset
t "and the others count again" 0 "^2 +off .* order/T$" F --store s9 schema list
t "an unknown mode" 2 "a mode is off, warn, reject or unset, not \"on\"" \
    F --store s9 schema mode order/T on

if [ -f "$data/rental-orders.ndjson.gz" ]; then
    t "rental orders" 0 "^47,954 events" F --store d import "$data/rental-orders.ndjson.gz"
    t "northwind orders" 0 "^1,639 events" F --store d import "$data/northwind-orders.ndjson.gz"
    t "purchase orders" 0 "^338,247 events" F --store d import "$data/purchase-orders.ndjson.gz"
    [ "$(F --store d streams --prefix rental- | wc -l)" = 16044 ]
    result $? "16,044 rentals"
    [ "$(F --store d streams --prefix purchaseorder- | wc -l)" = 11973 ]
    result $? "11,973 purchase order items"
    sum=$(F --store d read --type RentalPaid --json | sed 's/.*"amountCents":\([0-9]*\).*/\1/' |
        awk '{s += $1} END {print s}')
    [ "$sum" = 6741651 ]
    result $? "rental payments add up to 6741651 cents"
    [ "$(F --store d read --category purchaseorder --time-at 1990-01-01 --json | wc -l)" -gt 0 ]
    result $? "events of 1948 are read as of their time"
    t "all of it verifies" 0 "^ok: 387,[0-9]+ events|^ok: 388,[0-9]+ events" F --store d verify
else
    skip "the real order data" "no order data in $data"
fi
done_testing
