#!/usr/bin/env bash
# damage_test.sh - damage to a store by disks and by people, and the messages of the command line. Prints TAP.
# FACTUM names the program. Cases that need root (a file system of their own, another user) are skipped without it.
. "$(dirname "$0")/program.sh"
mounted=
cleanup() {
    [ -z "$mounted" ] || umount "$work/disk"
    chmod -R u+w "$work"
}
# t NAME CODE PATTERN ARGUMENT...: a case: factum on the store "x"
t() {
    local name=$1 code=$2 pattern=$3
    shift 3
    try "$name" "$code" "$pattern" "$factum" --store "${store:-x}" "$@"
}
flip() { # flip FILE OFFSET
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "$(printf '\\%03o' $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
seg() { printf 'x/log/%020d.seg' "$1"; }
fresh() {
    rm -rf x
    cp -a good x
}

# Two sealed segments and a third.
pad=$(head -c 900 /dev/zero | tr '\0' p)
seq 1 4000 | sed "s/.*/{\"stream\":\"s-&\",\"type\":\"T\",\"data\":{\"n\":&,\"pad\":\"$pad\"}}/" >in.ndjson
"$factum" --store good import --quiet --batch 50 in.ndjson >out 2>&1
"$factum" --store other import --quiet --batch 50 in.ndjson >>out 2>&1
[ -e "good/log/00000000000000000003.seg" ] && [ ! -e "good/log/00000000000000000004.seg" ]
result $? "a store of three segments"

# segments that were moved or removed
fresh
rm "$(seg 2)"
t "a segment is missing" 5 "segment 0*2.seg is missing from the log: restore it" info
fresh
rm "$(seg 1)"
t "the first segment is missing" 5 "0*2.seg is the first file, but not the first segment of the log" read
fresh
rm "$(seg 3)"
t "the last segment is missing" 5 "the segment after it is missing; acknowledged up to" verify
t "and the rest can be read" 5 "^s-1  0  T" read s-1
grep -q "this may not be all" out
result $? "but not as if it were all"
t "a stream that may have been lost is not reported missing" 5 "this may not be all" read s-4000
t "an export of it does not end well" 5 "this may not be all" export --quiet
t "nothing is appended" 5 "read-only: .*--accept-loss [0-9]+$" append s-1 T
t "info reports it once" 5 "^problem .*is damaged" info
[ "$(grep -c damaged out)" = 1 ]
result $? "and no more than once"
fresh
rm x/log/*.seg
t "all segments are missing" 5 "segments are missing from x/log: restore them" read
fresh
cp "$(seg 2)" "$(seg 9)"
t "a copy of a segment under another number" 5 \
    "0*9.seg contains segment number 2: .* otherwise move it out" read
fresh
cp "$(seg 2)" "$(seg 4)"
t "a copy of a segment as the next one" 5 "its seal or its successor is wrong" verify
fresh
mv "$(seg 2)" x/log/second.seg
t "a segment that was renamed" 5 "segment 0*2.seg is missing" read
fresh
mv "$(seg 2)" y
mv "$(seg 3)" "$(seg 2)"
mv y "$(seg 3)"
t "two segments that changed places" 5 "0*2.seg contains segment number 3: rename it" read
fresh
cp other/log/00000000000000000002.seg "$(seg 2)"
t "a segment of another store" 5 "0*2.seg belongs to another store: restore it" read

# bytes that have changed
fresh
flip "$(seg 1)" 500000
t "a flipped bit is found by reading" 5 "0*1.seg is damaged at position [0-9]+ .*restore a backup" read
t "and by verify" 5 "is damaged at position [0-9]+" verify
at=$(sed -n 's/.*--accept-loss \([0-9]*\)$/\1/p' out)
t "and the events before it can be read" 0 "^s-1  0  T" read s-1
t "a loss at another place is not accepted" 2 "the damage begins at position $at, not at 4096" \
    repair --accept-loss 4096
t "the loss is accepted" 0 "what followed position $at is given up" repair --accept-loss "$at"
t "and then the store is good" 0 "^ok: " verify
t "and can be written" 0 "^revision" append s-1 T
ls x/log/lost-* >out 2>&1
result $? "the bytes that were given up are kept"
t "nothing is given up twice" 2 "nothing to give up" repair --accept-loss "$at"
fresh
truncate -s 300000 "$(seg 3)"
t "a file that was cut" 5 "0*3.seg is damaged at position" verify
fresh
truncate -s 100 "$(seg 1)"
t "a file that was cut in its header" 5 "0*1.seg is too short to have a header: restore" verify
fresh
flip "$(seg 1)" 60
t "a flipped bit in a header" 5 "the header of segment 0*1.seg is damaged: restore" read
fresh
python3 - "$(seg 1)" <<'PYTHON'
import struct
import sys

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff

with open(sys.argv[1], "r+b") as file:
    header = bytearray(file.read(4096))
    struct.pack_into("<H", header, 8, 2)
    struct.pack_into("<I", header, 4092, crc32c(header[:4092]))
    file.seek(0)
    file.write(header)
PYTHON
t "a store of a newer format" 1 "segment 0*1.seg was written by a newer version of Factum: open it with that one" read
t "is not written either" 1 "was written by a newer version" append s-1 T
fresh
for file in x/index/*.run; do flip "$file" 40; done
t "damage of the index is no loss" 5 "rebuilt from the log, and nothing is lost" verify
t "and is gone" 0 "^ok: " verify
fresh
rm -rf x/index
t "a missing index is rebuilt" 0 "^ok: " verify

# directories that are no stores
echo text >file
store=file t "a file is no store" 2 "file is not a directory" read
store=file/x t "nor is one in a file" 2 "file/x is not a directory" append s T
mkdir full
echo text >full/text
store=full t "nor is a directory of other things" 3 "contains other files and no store" append s T
[ "$(ls full)" = text ]
result $? "and nothing is put there"
store=none/x t "a store in no directory" 4 "in which the store none/x is to be created" append s T

# a backup is no store, and a store no backup
fresh
for target in x x/log x/index; do
    t "no backup into $target" 3 "$target is a store, or lies in one" backup "$target"
done
ln -s x/log link
t "nor through a link" 3 "link is a store, or lies in one" backup link
t "and nothing was harmed" 0 "^ok: " verify
t "a backup beside it" 0 "copied" backup beside
store=other t "another store does not go there" 3 "holds a backup of another store" backup beside
t "no restore over a store" 3 "not empty" restore beside

# a backup that is damaged
copy() { printf 'beside/%020d.seg' "$1"; }
t "a sound backup verifies" 0 "^ok: .* in 3 files, up to position [0-9]+; it can be restored" verify --backup beside
flip "$(copy 1)" 500000
flip "$(copy 2)" 9000
t "each damaged file of a backup is named" 5 "^factum: 0*1.seg of the backup is damaged: at position [0-9]+: " \
    verify --backup beside
grep -q "^factum: 0*2.seg of the backup is damaged: at position [0-9]*: " out
result $? "the second one too"
grep -q "^factum: the backup in beside has 2 problems and cannot be restored: run factum backup with its store" out
result $? "and the message has the remedy"
t "as JSON" 5 '"problems":2,"firstProblem":"0*1.seg .*","problemList":\["0*1.seg .*","0*2.seg .*"\]' \
    verify --backup beside --json
store=y t "it is not restored" 5 "0*1.seg of the backup is damaged: .*; run factum backup with its store" restore beside
[ ! -e y ]
result $? "and nothing is left"
t "the next backup copies it again, and reports it" 0 \
    "0*2.seg of the backup was damaged and was copied again" backup beside
t "and once only" 0 '"copiedFiles":1,.*"repairedFiles":0' backup beside --json
t "then it verifies" 0 "^ok: " verify --backup beside
store=y t "and is restored" 0 "^3 files, 3 copied" restore beside
store=y t "to a good store" 0 "^ok: " verify
rm -rf y
flip "$(copy 2)" 9000
flip "$(seg 2)" 9000
t "damage of both is no success" 5 "0*2.seg is damaged in the backup .*, and in the store " backup beside
t "nor is damage of the store" 5 "segment 0*2.seg of the store is damaged: at position .*nothing was backed up" backup new
flip "$(seg 2)" 9000
echo '{' >beside/factum-backup.json
t "a manifest that is damaged" 5 "the backup's manifest is damaged \(factum-backup.json: it is not a JSON object\)" \
    verify --backup beside
store=other t "is not that of another store" 3 "holds a backup of another store" backup beside
t "it is written again" 0 "factum-backup.json of the backup was damaged: all files were copied again" backup beside
t "and verifies" 0 "^ok: " verify --backup beside
t "a store is no backup" 4 "no backup at x: it is a store itself; name the directory that factum backup wrote" \
    verify --backup x
t "nor is a directory of other things" 4 "no backup at full: it has no factum-backup.json" verify --backup full
t "nor is a file" 4 "no backup at file: it is not a directory" verify --backup file
t "nor a directory that does not exist" 4 "no backup at none: the directory does not exist" verify --backup none

# another process
fresh
"$factum" --store x tail --timeout 3 >/dev/null 2>&1 &
sleep 0.7
for command in "read s-1" "append s-1 T" "repair --rebuild-index" "backup b"; do
    # shellcheck disable=SC2086
    t "a store in use: ${command%% *}" 6 "x is in use by another process: stop that one first" $command
done
wait

# rights
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    fresh
    chmod -R a+rX,a-w x
    chmod a+rx .
    real=$factum
    cat >nobody <<END
#!/bin/sh
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$real" "\$@"
END
    chmod 755 nobody
    if setpriv --reuid 65534 --regid 65534 --clear-groups "$real" version >out 2>&1; then
        factum=$work/nobody
        t "a user with read access can read" 0 "^s-1  0  T" read s-1
        t "and verify" 0 "^ok: " verify
        t "and not write" 1 "open x/LOCK: Permission denied" append s-1 T
        chmod 000 x/log
        t "a user without read access gets the reason" 1 "x/log: Permission denied" read s-1
        factum=$real
    else
        skip "a user with read access" "the program is not readable for others"
    fi
else
    skip "a user with read access" "not root"
fi

# what a backup must not be made of, or over
fresh
t "a backup below a store is refused" 3 "is a store, or lies in one" backup x/sub
t "and below its log" 3 "is a store, or lies in one" backup x/log/sub
[ ! -e x/sub ] && [ ! -e x/log/sub ]
result $? "and nothing is made there"
cp -a x older
t "a store takes appends again" 0 "^revision" append s-1 T
t "and is backed up" 0 "up to position" backup newer
flip newer/factum-backup.json 20
store=older t "an older one does not replace it where the manifest is damaged" 3 \
    "has no manifest that verifies, and may have more than this store" backup newer
t "the one it is of mends it" 0 "all files were copied again|up to position" backup newer
rm -rf pipes && mkdir pipes && cp newer/factum-backup.json pipes && mkfifo pipes/00000000000000000001.seg
timeout 20 "$factum" verify --backup pipes >out 2>&1
[ $? -ne 124 ] && grep -q "it is a pipe, not a file" out
result $? "a pipe in the place of a file is named, and not waited for"

# a full disk
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=12m tmpfs disk 2>out; then
    mounted=yes
    store=disk/s
    t "an append that fits is written" 0 "^revision 0" append a-1 T
    seq 1 20 | while read -r _; do cat in.ndjson; done >big.ndjson
    t "a full disk refuses an import" 1 "No space left on device" import --batch 50 big.ndjson
    grep -q "make space and run the same command again; reading still works" out
    result $? "and the message has the remedy"
    t "reading goes on" 0 "^a-1  0  T" read a-1
    t "nothing is damaged" 0 "^ok: " verify
    mount -o remount,size=200m disk
    t "appends go on when there is space" 0 "^revision 1" append a-1 T
    t "and the import where it was" 0 "lines 1 to [0-9]+ were imported before" import big.ndjson
    [ "$("$factum" --store disk/s read --type T --json | wc -l)" = 80002 ]
    result $? "without a gap or a double"
else
    skip "a full disk" "no file system can be mounted"
fi
done_testing
