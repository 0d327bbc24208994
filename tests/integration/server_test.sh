#!/usr/bin/env bash
# server_test.sh - factum serve: how it starts and stops, what it refuses, who is let in. Prints TAP. FACTUM
# names the program; without curl most is skipped.
. "$(dirname "$0")/program.sh"
server=
address=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
serve() { # serve STORE OPTION...: a server; $address is where it listens
    : >said
    "$factum" --store "$@" >said 2>&1 &
    server=$!
    for _ in $(seq 100); do
        grep -q '^factum: serving' said && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    address=$(sed -n 's/^factum: serving [^ ]* on \([^ ,]*\).*/\1/p' said)
    cp said out
}
stop() { # stop SIGNAL: returns the exit code of the server
    kill "-$1" "$server"
    wait "$server"
    local code=$?
    server=
    return $code
}
empty='\0\0\0\0\0' # a gRPC message without fields
# A read of the stream "s-1" as a KurrentDB client asks for it, and one from its end on for ever.
read_s1='\0\0\0\0\x19\x0a\x17\x0a\x09\x0a\x05\x1a\x03s-1\x1a\x00\x28\x02\x42\x00\x4a\x02\x12\x00\x52\x02\x08\x01'
follow_s1='\0\0\0\0\x15\x0a\x13\x0a\x09\x0a\x05\x1a\x03s-1\x1a\x00\x32\x00\x42\x00\x4a\x02\x12\x00'
streams=event_store.client.streams.Streams
features=event_store.client.server_features.ServerFeatures/GetSupportedMethods
call() { # call URL MESSAGE CURL_OPTION...: fields, trailers and the answer as text go to "out"
    local url=$1 message=$2
    shift 2
    # shellcheck disable=SC2059
    printf "$message" | curl -sS --max-time 10 -D heads -o body --data-binary @- \
        -H 'content-type: application/grpc' -H 'te: trailers' "$@" "$url" >errors 2>&1
    local code=$?
    tr -d '\0' <body 2>/dev/null | cat -v heads errors - >out 2>/dev/null
    return $code
}
expect() { # expect NAME PATTERN CALL_ARGUMENT...
    local name=$1 pattern=$2
    shift 2
    call "$@"
    grep -qE -- "$pattern" out
    result $? "$name"
}

# refused before anything is opened
"$factum" --store a append s-1 T '{"n":1}' >/dev/null
t() { try "$1" "$2" "$3" timeout 10 "$factum" --store a serve "${@:4}"; }
t "an address without a port is refused" 2 "listen = localhost .--listen.: must be ADDRESS:PORT" --listen localhost
t "insecure is for loopback" 2 "is not loopback, .*: set insecure-any-address too" --insecure --listen 0.0.0.0:0
t "other addresses need a certificate" 2 "is not loopback, .*: set tls-cert and tls-key" --listen 0.0.0.0:0
t "a certificate needs its key" 2 "tls-cert = x .--tls-cert.: needs its key: set tls-key" --tls-cert x
t "a certificate must exist" 4 "x: No such file" --tls-cert x --tls-key y --listen 127.0.0.1:0
t "an address that the machine lacks is named" 4 "not an address of this machine" --insecure-any-address --insecure --listen 192.0.2.1:0
t "an unknown option is refused" 2 "has no option --verbose" --verbose
mkdir sockets
touch sockets/file
t "a socket takes no file's place" 3 "the file exists and is not a socket; remove it or choose another path" --insecure --listen 127.0.0.1:0 --unix sockets/file

# the configuration
printf 'listen = 127.0.0.1:1 # of the file\ninsecure = true\n' >factum.conf
t "a configuration is checked and printed" 0 "^listen = 127.0.0.1:1 +# factum.conf:1" --config factum.conf --config-check
FACTUM_LISTEN=127.0.0.1:2 t "the environment comes before the file" 0 "^listen = 127.0.0.1:2 +# FACTUM_LISTEN" \
    --config factum.conf --config-check
FACTUM_LISTEN=127.0.0.1:2 t "and a flag before both" 0 "^listen = 127.0.0.1:3 +# --listen" --config factum.conf \
    --config-check --listen 127.0.0.1:3
echo 'lisen = 127.0.0.1:1' >wrong.conf
t "an unknown key is an error" 2 "wrong.conf:1.*lisen" --config wrong.conf --config-check
t "a missing file too" 4 "nothing.conf: No such file" --config nothing.conf
EVENTSTORE_INSECURE=true t "KurrentDB's names are obeyed" 0 "^insecure = true +# EVENTSTORE_INSECURE" --config-check
EVENTSTORE_MEM_DB=true t "or refused by name" 2 "EVENTSTORE_MEM_DB" --config-check

if ! command -v curl >/dev/null || ! curl --version | grep -q HTTP2; then
    skip "a server answers" "no curl with HTTP/2"
    done_testing
fi

# insecure
serve a serve --insecure --listen 127.0.0.1:0 --unix sockets/s
[ -n "$address" ]
result $? "it prints where it listens"
grep -q "insecure: everybody may do everything" said
result $? "and that it is insecure"
grep -q "^factum: serving a on" said && [ ! -e factum-data ]
result $? "it serves the store that --store before the command names"
h2=--http2-prior-knowledge
expect "it reports its features to a client" "batchappend" "http://$address/$features" "$empty" $h2
expect "an unsupported call is refused with the alternative" "persistent subscriptions are not offered: use a catch-up" \
    "http://$address/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create" "$empty" $h2
expect "a stream is read" '"n":1' "http://$address/$streams/Read" "$read_s1" $h2
expect "by the UNIX socket too" '"n":1' "http://x/$streams/Read" "$read_s1" $h2 --unix-socket sockets/s
[ "$(stat -c %a sockets/s)" = 600 ]
result $? "which is its owner's alone"
expect "an unknown call is unimplemented" "grpc-status: 12" "http://$address/$streams/Nothing" "$empty" $h2
expect "half a message is refused" "grpc-status: 3" "http://$address/$streams/Read" '\0\0\0\0\x19\x0a' $h2
expect "an invalid message is refused" "grpc-status: 3" "http://$address/$streams/Read" '\0\0\0\0\x02\xff\xff' $h2
expect "a compressed message is refused" "grpc-status: 12" "http://$address/$streams/Read" '\x01\0\0\0\0' $h2
expect "a huge message is refused at its prefix" "grpc-status: 8" "http://$address/$streams/Read" '\0\xff\xff\xff\xff' $h2
expect "an invalid deadline is refused" "grpc-status: 3" "http://$address/$features" "$empty" $h2 -H 'grpc-timeout: soon'
try "the store is the server's" 6 "in use by another process" "$factum" --store a info
try "the port is taken" 3 "in use by another program" "$factum" --store b serve --insecure --listen "$address"
try "and the socket" 3 "in use by another program" "$factum" --store b serve --insecure --listen 127.0.0.1:0 --unix sockets/s

# stopping: a subscriber gets an error, and nobody waits
# shellcheck disable=SC2059
printf "$follow_s1" >follow
follow() {
    if command -v nghttp >/dev/null; then
        nghttp -v -H':method: POST' -H'content-type: application/grpc' -d follow "$@"
    else
        curl -sS --max-time 10 $h2 -H 'content-type: application/grpc' --data-binary @follow "$@"
    fi
}
follow "http://$address/$streams/Read" >followed 2>&1 &
caller=$!
sleep 0.5
begun=$(date +%s%N)
stop TERM
result $? "SIGTERM ends it with 0"
[ $((($(date +%s%N) - begun) / 1000000)) -lt 5000 ]
result $? "within five seconds, though somebody subscribes"
wait $caller
if command -v nghttp >/dev/null; then # curl loses trailers that come after a GOAWAY
    grep -qa "grpc-status: 14" followed
    result $? "which is told that the server is unavailable"
else
    skip "which is told that the server is unavailable" "no nghttp"
fi
[ ! -e sockets/s ]
result $? "and the socket is gone"

# killed: the socket's file is left, and does not hinder the next start
serve a serve --insecure --listen 127.0.0.1:0 --unix sockets/s
kill -9 "$server"
wait "$server" 2>/dev/null
[ -S sockets/s ]
result $? "kill -9 leaves a socket"
serve a serve --insecure --listen 127.0.0.1:0 --unix sockets/s
expect "which the next start replaces" '"n":1' "http://x/$streams/Read" "$read_s1" $h2 --unix-socket sockets/s
stop INT
result $? "SIGINT ends it with 0"

# a read that was begun ends while the server stops
text=$(head -c 500 /dev/zero | tr '\0' x)
for _ in $(seq 1000); do echo "{\"stream\":\"s-1\",\"type\":\"T\",\"data\":{\"text\":\"$text\"}}"; done >lines
for _ in $(seq 20); do "$factum" --store d append --lines lines >/dev/null; done
serve d serve --insecure --listen 127.0.0.1:0
# shellcheck disable=SC2059
printf '\0\0\0\0\x1b\x0a\x19\x0a\x09\x0a\x05\x1a\x03s-1\x1a\x00\x28\xa0\x8d\x06\x42\x00\x4a\x02\x12\x00\x52\x02\x08\x01' >read
curl -sS --max-time 20 --limit-rate 6M $h2 -H 'content-type: application/grpc' --data-binary @read \
    "http://$address/$streams/Read" >begun 2>errors &
caller=$!
sleep 0.5
stop TERM
result $? "a server that stops while a stream is read ends with 0"
wait $caller
[ "$(wc -c <begun)" -gt 12000000 ]
result $? "and the read was answered to its end"

# with a secret
serve c serve --listen 127.0.0.1:0 --unix sockets/s
secret=$(sed -n "s/.*shown this once: //p" said)
[ ${#secret} -ge 40 ]
result $? "the first start shows the admin's secret"
[ "$(stat -c %a c/admin)" = 600 ] && ! grep -rqF "$secret" c
result $? "of which the store keeps a hash alone"
expect "reads without it are refused" "grpc-status: 16" "http://$address/$streams/Read" "$read_s1" $h2
expect "nor with another" "grpc-status: 16" "http://$address/$streams/Read" "$read_s1" $h2 -u admin:wrong
expect "nor as another" "grpc-status: 16" "http://$address/$streams/Read" "$read_s1" $h2 -u "root:$secret"
expect "the admin reads" "grpc-status: 0" "http://$address/$streams/Read" "$read_s1" $h2 -u "admin:$secret"
expect "again, from memory" "grpc-status: 0" "http://$address/$streams/Read" "$read_s1" $h2 -u "admin:$secret"
expect "a client of the socket is the admin" "grpc-status: 0" "http://x/$streams/Read" "$read_s1" $h2 --unix-socket sockets/s
stop TERM
result $? "it stops"
serve c serve --listen 127.0.0.1:0
! grep -q "shown this once" said
result $? "the secret is shown once only"
expect "and still holds" "grpc-status: 0" "http://$address/$streams/Read" "$read_s1" $h2 -u "admin:$secret"
stop TERM
echo x >c/admin
try "a damaged secret is named" 5 "the admin.s secret in c: the file of the admin.s secret is damaged" timeout 10 "$factum" --store c serve --listen 127.0.0.1:0

# TLS
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 >/dev/null 2>&1
    chmod 644 key.pem
    t "a key that others may read is refused" 2 "key.pem" --tls-cert cert.pem --tls-key key.pem --listen 127.0.0.1:0
    chmod 600 key.pem
    serve a serve --insecure --listen 127.0.0.1:0 --tls-cert cert.pem --tls-key key.pem
    expect "a stream is read by TLS" '"n":1' "https://$address/$streams/Read" "$read_s1" --http2 --cacert cert.pem
    expect "and without, on loopback" '"n":1' "http://$address/$streams/Read" "$read_s1" $h2
    cp cert.pem old.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 >/dev/null 2>&1
    chmod 600 key.pem
    kill -HUP "$server"
    sleep 0.3
    expect "SIGHUP reads the certificate again" '"n":1' "https://$address/$streams/Read" "$read_s1" --http2 --cacert cert.pem
    call "https://$address/$features" "$empty" --http2 --cacert old.pem
    [ $? -ne 0 ]
    result $? "and the old one is not shown any more"
    echo nonsense >cert.pem
    kill -HUP "$server"
    sleep 0.3
    grep -q "the old certificate stays" said
    result $? "an invalid one is reported, and the server continues"
    stop TERM
    result $? "it stops"
else
    skip "a stream is read by TLS" "no openssl"
fi
done_testing
