#!/usr/bin/env bash
# data_test.sh - what import and append accept, what they refuse with which message, and which parts
# of a store survive export and import. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
t() { try "$@"; }
has() { # has NAME PATTERN: a line of the last output
    grep -qE -- "$2" out
    result $? "$1"
}
F() { "$factum" "$@"; }
from() { # from FILE COMMAND...: with FILE as standard input
    local file=$1
    shift
    "$@" <"$file"
}
nested() { printf "%0$1d" 0 | tr 0 '['; printf "%0$1d" 0 | tr 0 ']'; }
# An exported event without the members that differ in a copy.
content() { sed 's/,"revision".*//' "$1"; }
# Commits as groups of streams: one line for each run of the same number.
commits() { awk 'match($0, /"commit":[0-9]+/) { c = substr($0, RSTART, RLENGTH)
    printf "%s%s", c == last ? " " : "\n", substr($0, 12, index($0, ",") - 13); last = c }' "$1"; }

# one limit of depth
nested 64 >d64
nested 65 >d65
t "data may be 64 deep" 0 "revision 0" from d64 F --store a append d-1 T -
t "metadata may be 64 deep" 0 "revision 1" F --store a append d-1 T --metadata "{\"a\":$(nested 63)}"
F --store a export >a.ndjson
t "and comes back from its export" 0 "^2 events" F --store a2 import a.ndjson
t "65 is refused by append" 2 "^factum: DATA is not valid JSON: nesting deeper than 64 at byte 64; --bytes" \
    from d65 F --store a append d-1 T -
echo "{\"stream\":\"d\",\"type\":\"T\",\"data\":$(cat d65)}" >deep.ndjson
t "and by import, with its place" 2 "^factum: deep.ndjson:1: not valid JSON: nesting deeper than 64 at byte 96$" \
    F --store a2 import deep.ndjson
t "as bytes it is taken" 0 "revision 2" from d65 F --store a append d-1 T - --bytes

# an append takes JSON, or with --bytes any bytes
t "broken JSON is no fact" 2 "DATA is not valid JSON: the text ends where a ',' or '}' should be at byte 14" \
    F --store b append o-1 T '{"total": 4200'
t "nor is a member without quotes" 2 "unexpected word total where a member's name in \" quotes should be at byte 1" \
    F --store b append o-1 T '{total:1}'
printf '{}\n{}\n' >two
t "nor are two values" 2 "trailing characters after the value at byte 3" from two F --store b append o-1 T -
t "nor is an empty input" 2 "DATA is empty" F --store b append o-1 T -
t "nor an empty argument" 2 "DATA is empty" F --store b append o-1 T ''
t "nothing of it was written" 4 "no store|no stream" F --store b read o-1
t "metadata that is not JSON is refused with the reason" 2 "metadata is not valid JSON: number with a leading zero at byte 6" \
    F --store b append o-1 T --metadata '{"a":01}'
t "no bytes can be asked for" 0 "revision 0" F --store b append o-1 T - --bytes
t "so can text" 0 "revision 1" F --store b append o-1 T '{"total": 4200' --bytes
t "data can be left out" 0 "revision 2" F --store b append o-1 T
t "the nil id is refused" 2 "takes a UUID other than the nil one" \
    F --store b append o-1 T --id 00000000-0000-0000-0000-000000000000
t "second 60 is refused" 2 "second 60, which exists only as 23:59:60 UTC" \
    F --store b append o-1 T --time 2025-03-10T12:34:60Z
t "a leap second is not" 0 "revision 3" F --store b append o-1 T --time 2016-12-31T23:59:60Z
t "and stays in its minute" 0 '"time":"2016-12-31T23:59:59.999999999Z"' F --store b read o-1 --json
t "an invalid content type" 2 'has content type "png": a content type is "type/subtype"' \
    F --store b append o-1 T x --content-type png
t "bytes have one content type" 2 "exclude each other" \
    F --store b append o-1 T x --content-type image/png --bytes
t "lines bring their content types" 2 "content types stand in the lines" \
    F --store b append --lines two --content-type image/png

# content types
cat >types.ndjson <<'N'
{"stream":"c-1","type":"Png","contentType":"image/png","data":"aGk="}
{"stream":"c-1","type":"Acme","contentType":"application/vnd.acme+json","data":{"a":1}}
{"stream":"c-1","type":"Text","contentType":"text/plain; charset=utf-8","data":"aGVsbG8="}
{"stream":"c-1","type":"None","contentType":"image/png","data":""}
N
t "content types are imported" 0 "^4 events" F --store c import types.ndjson
F --store c append c-1 Shell '<a/>' --content-type text/xml >out
F --store c export >c1.ndjson
F --store c2 import c1.ndjson >out 2>&1
F --store c2 export >c2.ndjson
diff <(content c1.ndjson) <(content c2.ndjson) >out
result $? "and exported as they were"
cp c2.ndjson out
has "image/png" '"data":"aGk=","contentType":"image/png"'
has "a kind of JSON is JSON" '"data":\{"a":1\},"contentType":"application/vnd.acme\+json"'
has "a type of the command line" '"data":"PGEvPg==","contentType":"text/xml"'
t "a text that is no media type is refused" 2 '^factum: standard input:1: "contentType" at byte 39 must be a media type' \
    from <(echo '{"stream":"s","type":"T","contentType":"nonsense","data":"aGk="}') F --store c import -

# what is in a line
line() { # line NAME PATTERN LINE: a bad line and its text
    t "$1" 2 "^factum: standard input:1: $2" from <(printf '%s\n' "$3") F --store l import -
}
line "a member twice" 'duplicate member "stream" at byte 16 \(--lenient' '{"stream":"x-1","stream":"y-1","type":"T"}'
line "a member with a slip" 'unknown member "dat" at byte 25: a line has stream, type, data' '{"stream":"s","type":"T","dat":1}'
line "the nil id" '"id" at byte 30 must be another UUID' \
    '{"stream":"s","type":"T","id":"00000000-0000-0000-0000-000000000000"}'
line "second 60" '"time" at byte 32 must be a time whose second exists' \
    '{"stream":"s","type":"T","time":"2025-06-29T23:59:60Z"}'
line "a lone surrogate" '"stream" at byte 10 has a lone surrogate' '{"stream":"\ud800","type":"T"}'
line "NaN" 'not valid JSON: unexpected word NaN where a value should be at byte 32' '{"stream":"s","type":"T","data":NaN}'
line "invalid UTF-8" 'not valid JSON: invalid UTF-8 in a string at byte 11' $'{"stream":"\xff","type":"T"}'
t "lenient takes the last of duplicates and ignores unknown members" 0 "^1 event imported" \
    from <(echo '{"stream":"x-1","stream":"y-1","type":"T","dat":1}') F --store l import - --lenient
t "that is the last" 0 "^y-1  0  T" F --store l read
t "lines of an append are as strict" 2 '^factum: .*:1: unknown member "dat"' \
    F --store l append --lines <(echo '{"stream":"s","type":"T","dat":1}')
t "and as lenient" 0 "revision 0" \
    F --store l append --lines <(echo '{"stream":"s","type":"T","dat":1}') --lenient
F --store l export >l.ndjson
gzip -k l.ndjson
for form in xz bzip2; do
    command -v $form >/dev/null || continue
    $form -c l.ndjson >l.$form
    t "$form is named" 2 "^factum: l.$form is compressed with $form: decompress it first" F --store l import l.$form
done
iconv -f UTF-8 -t UTF-16 l.ndjson >l.utf16
t "UTF-16 is named" 2 "^factum: l.utf16 is UTF-16 text: convert it to UTF-8" F --store l import l.utf16
head -c 4000 "$factum" >l.binary
t "a binary file is named" 2 "^factum: l.binary is a binary file" F --store l import l.binary

# bad lines that are skipped
yes '{"stream":"s","ty' | head -30 >bad.ndjson
t "no event at all is no success" 2 "^factum: bad.ndjson: no line is an event" \
    F --store k import bad.ndjson --on-error skip
has "the tenth bad line is shown" '^factum: bad.ndjson:10: not valid JSON: the text ends inside a string at byte 17$'
! grep -q 'bad.ndjson:11' out
result $? "the eleventh is not"
has "but counted" '^factum: bad.ndjson: 20 more bad lines were skipped$'
F --store k import bad.ndjson --on-error skip --quiet >out 2>&1
[ "$(wc -l <out)" = 2 ]
result $? "quiet prints only the count"
has "with all of them" '^factum: bad.ndjson: 30 bad lines were skipped$'
(cat bad.ndjson && echo '{"stream":"s","type":"T"}') >one.ndjson
t "one event is a success" 0 "^1 event imported.* 30 bad lines$" F --store k import one.ndjson --on-error skip

# counts
for i in 1 2 3; do
    echo '{"stream":"a-1","type":"A"}' | F --store n import - --again >out 2>&1
    F --store n append a-1 B '{}' >out 2>&1
done
for n in 1 2 3 4 5 6; do
    [ "$(F --store n export --count $n | wc -l)" = $n ]
    result $? "an export of $n lines has $n lines"
done
[ "$(F --store n export --count 9 | wc -l)" = 6 ]
result $? "and all of them if there are fewer"

# damaged sources
seq 1 20000 | sed 's/.*/{"stream":"n-&","type":"T","data":{"n":&,"r":"abc&def"}}/' >big.ndjson
gzip -kc big.ndjson >good.gz
spoil() { # spoil FROM TO: 40 bytes in the middle of the file are others
    cp "$1" "$2"
    head -c 40 /dev/zero | tr '\0' Z | dd of="$2" bs=1 seek=$(($(stat -c %s "$1") / 2)) conv=notrunc 2>/dev/null
}
spoil good.gz bad.gz
t "a damaged gz is reported as such" 1 "^factum: bad.gz: the compressed file is damaged at byte [0-9]+" F --store g import bad.gz
! grep -q "not valid JSON" out
result $? "and its lines are not blamed"
has "the end of the import is reported" "^factum: nothing from line [0-9]+ on was imported"
has "the readable lines were imported" "^[0-9]+,[0-9]+ events imported"
t "a good file continues there" 0 "lines 1 to [0-9]+ were imported before" F --store g import good.gz
[ "$(F --store g read --type T --json | wc -l)" = 20000 ]
result $? "every line is stored once"
head -2000 big.ndjson | gzip -c >small.gz
spoil small.gz small-bad.gz
lines=$(zcat small-bad.gz 2>/dev/null | grep -c '"}}$')
F --store g2 import small-bad.gz >out 2>&1
has "a small one too" "^factum: small-bad.gz: the compressed file is damaged at byte"
imported=$(F --store g2 read --type T --json | wc -l)
[ "$imported" -gt 0 ] && [ "$imported" -le "$lines" ]
result $? "with what zcat can read of it ($imported of $lines)"
if command -v zstd >/dev/null; then
    zstd -q -c big.ndjson >good.zst
    spoil good.zst bad.zst
    t "a damaged zst is reported as such" 1 "^factum: bad.zst: the compressed file is damaged at byte [0-9]+" \
        F --store g3 import bad.zst
fi

# Ctrl-C while the producer is silent
mkfifo pipe
for seconds in 0.5 3 20; do # until it has read what is in the pipe
    rm -rf i
    "$factum" --store i import - <pipe >out 2>&1 &
    importer=$!
    exec 9>pipe
    head -5 big.ndjson >&9
    sleep $seconds
    kill -INT $importer
    wait $importer
    code=$?
    exec 9>&-
    ! grep -q 'stopped after line 5;' out || break
done
[ $code = 130 ]
result $? "an interrupt ends an import that waits"
has "and reports where" "^factum: stopped after line 5; run the same command again"
! grep -q "Interrupted system call" out
result $? "and nothing of system calls"

# commits and keys
F --store k1 append o-1 Paid '{"n":1}' --key pay-1 >out
printf '%s\n' '{"stream":"t-1","type":"Debit"}' '{"stream":"t-2","type":"Credit"}' >pair.ndjson
F --store k1 append --lines pair.ndjson --key pair-1 >out
F --store k1 append --lines pair.ndjson >out
F --store k1 append o-1 Shipped '{}' >out
F --store k1 append o-2 Gone '{}' --key gone >out
F --store k1 delete o-2 >out
F --store k1 append o-2 Back '{}' --key back >out
F --store k1 export >k1.ndjson
t "commits and keys are imported" 0 "^10 events imported" F --store k2 import k1.ndjson --batch 2
F --store k2 export >k2.ndjson
diff <(content k1.ndjson) <(content k2.ndjson) >out
result $? "and exported again"
diff <(commits k1.ndjson | sed -n 3p) <(commits k2.ndjson | sed -n 3p) >out
result $? "a commit of two stays one"
t "a retry in the copy is recognised" 0 "already appended" F --store k2 append o-1 Paid '{"n":1}' --key pay-1
t "also of two streams" 0 "already appended" F --store k2 append --lines pair.ndjson --key pair-1
t "also in a stream that began again" 0 "already appended" F --store k2 append o-2 Back '{}' --key back
t "other content is a conflict" 3 "pay-1 was used for an append with other content" \
    F --store k2 append o-1 Paid '{"n":2}' --key pay-1
t "lines of an export keep their key in an append" 0 "already appended" \
    F --store k2 append --lines <(grep -h pair-1 k1.ndjson)
t "an append has one key" 2 '"key" differs from that of the first line' \
    F --store k2 append --lines <(grep -h '"key"' k1.ndjson)
F --store k1 export --category t >part.ndjson
F --store k3 import part.ndjson >out 2>&1
t "a part of a store has its commits" 0 "already appended" F --store k3 append --lines pair.ndjson --key pair-1
F --store k1 export t-1 >half.ndjson
F --store k4 import half.ndjson >out 2>&1
t "a part of a commit is not taken for all of it" 3 "was used for an append with other content" \
    F --store k4 append --lines pair.ndjson --key pair-1
printf '%s\n' '{"stream":"q-1","type":"A","commit":1}' '{"stream":"q-2","type":"A","commit":1}' \
    '{"stream":"q-3","type":"A","commit":2}' '{"stream":"q-3","type":"B","commit":2' \
    '{"stream":"q-3","type":"C","commit":2}' >broken.ndjson
t "a bad line holds its commit back" 2 "the lines before line 3 are imported, where a commit begins" \
    F --store k5 import broken.ndjson
t "which is not there" 4 "no stream q-3" F --store k5 read q-3
t "the one before it is" 0 "^q-2  0  A" F --store k5 read q-2
sed -i '4s/$/}/' broken.ndjson
t "once corrected, the import continues" 0 "^3 events imported" F --store k5 import broken.ndjson
F --store k5 export >k5.ndjson
[ "$(grep q-3 k5.ndjson | grep -o '"commit":[0-9]*' | sort -u | wc -l)" = 1 ]
result $? "and the commit is whole"
(seq 1 3000 | sed 's/.*/{"stream":"w-&","type":"T","commit":7}/'
seq 1 2500 | sed 's/.*/{"stream":"w-&","type":"U","commit":8,"key":"big"}/') >wide.ndjson
t "commits may be bigger than a batch" 0 "^5,500 events imported" F --store k6 import wide.ndjson --batch 100
F --store k6 export >k6.ndjson
[ "$(grep -o '"commit":[0-9]*' k6.ndjson | sort -u | wc -l)" = 2 ]
result $? "and stay whole"
seq 1 100001 | sed 's/.*/{"stream":"m","type":"T","commit":7}/' >most.ndjson
t "a commit has its limit" 2 "^factum: most.ndjson:100001: a commit has at most 100,000 lines" \
    F --store k7 import most.ndjson
t "a commit at the limit is imported" 0 "^100,000 events imported" \
    F --store k7 import <(head -100000 most.ndjson)
t "once" 0 "^0 events imported" F --store k7 import <(head -100000 most.ndjson)
printf '%s\n' '{"stream":"z","type":"A","key":"k"}' '{"stream":"z","type":"A","key":"k"}' \
    '{"stream":"z","type":"B","key":"k"}' >same.ndjson
t "a key of an earlier line is no other's" 2 \
    "^factum: same.ndjson:2: idempotency key k is that of an earlier line: the lines of one append" \
    F --store k8 import same.ndjson
sed -i 2d same.ndjson
t "with other content too" 2 "^factum: same.ndjson:2: idempotency key k was used" F --store k9 import same.ndjson
has "what comes before it is imported" "^1 event imported"

# a refusal in the middle of commits under way keeps each stream in order
for n in $(seq 1 30); do echo "{\"stream\":\"s\",\"type\":\"T$n\",\"key\":\"k$n\"}"; done >order.ndjson
F --store k10 append other T --key k5 >out 2>&1
t "a key that is taken stops an import" 2 "^factum: order.ndjson:5: idempotency key k5 was used" \
    F --store k10 import order.ndjson
sed 's/"k5"/"k5 again"/' order.ndjson >corrected.ndjson
t "once corrected, the import continues" 0 "imported" F --store k10 import corrected.ndjson
[ "$(F --store k10 read s --json | sed 's/.*"type":"T\([0-9]*\)".*/\1/' | tr '\n' ' ')" = "$(seq 1 30 | tr '\n' ' ')" ]
result $? "in the order of the lines"

# killed and run again, with keys: nothing is lost, nothing is stored twice
awk 'BEGIN { for (i = 1; i <= 60000; i++) {
    key = i % 7 == 0 ? "" : ",\"key\":\"key-" i "\""
    printf "{\"stream\":\"x-%d\",\"type\":\"T\",\"data\":%d,\"commit\":%d%s}\n", i % 500, i, i, key
    if (i % 5 == 0) printf "{\"stream\":\"y-%d\",\"type\":\"T\",\"data\":%d,\"commit\":%d%s}\n", i % 500, i, i, key
} }' >keyed.ndjson
kills=0
for delay in 0.05 0.1 0.15 0.2 0.3 0.4 0.5 0.6; do
    "$factum" --store kill --quiet import --batch 300 keyed.ndjson >out 2>&1 &
    importer=$!
    sleep $delay
    kill -KILL $importer 2>/dev/null && kills=$((kills + 1))
    wait $importer 2>/dev/null
done
[ $kills -gt 2 ]
result $? "an import with keys is killed ($kills times)"
t "and completed" 0 "" F --store kill import keyed.ndjson
F --store kill read --type T --json >all.ndjson
[ "$(wc -l <all.ndjson)" = 72000 ]
result $? "every line is stored once"
diff <(sed 's/,"commit.*//' keyed.ndjson | sort) \
    <(sed 's/,"id":"[^"]*"//; s/,"revision.*//' all.ndjson | sort) >out
result $? "as it was"
diff <(grep '"x-3"' keyed.ndjson | sed 's/,"commit.*//') \
    <(F --store kill read x-3 --json | sed 's/,"id":"[^"]*"//; s/,"revision.*//') >out
result $? "in its order"
t "a key of before the kills is recognised" 0 "already appended" F --store kill append x-1 T 1 --key key-1
t "the store is whole" 0 "^ok: " F --store kill verify
done_testing
