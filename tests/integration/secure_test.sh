#!/usr/bin/env bash
# secure_test.sh - a server with TLS and a secret, asked by the command line through factums://, and by
# its UNIX socket through factum+unix://. Prints TAP. FACTUM names the program; skipped
# without openssl.
. "$(dirname "$0")/program.sh"
unset FACTUM_SECRET FACTUM_SECRET_FILE FACTUM_CA_FILE
server=
follower=
cleanup() {
    [ -z "$follower" ] || kill -9 "$follower" 2>/dev/null
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null
}
if ! command -v openssl >/dev/null; then
    skip "a server with TLS" "no openssl"
    done_testing
fi

# ---- certificates -----------------------------------------------------------------------------------

authority() { # authority NAME: NAME.pem and NAME.key sign
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 2 \
        -subj "/CN=$1" -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign \
        2>openssl.err
}
# certificate NAME SAN [OPTION]...: NAME.pem and NAME.key, signed by "authority"
certificate() {
    local name=$1 names=$2
    shift 2
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -out "$name.csr" \
        -subj "/CN=$name" 2>openssl.err
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA authority.pem -CAkey authority.key -CAcreateserial -out "$name.pem" \
        -extfile "$name.ext" "$@" 2>openssl.err
    chmod 600 "$name.key"
}
# An expired one: its only day was in the past. `openssl x509` cannot date back, `openssl ca` can.
expired() {
    mkdir -p ca
    : >ca/index
    printf '[ca]\ndefault_ca=own\n[own]\ndatabase=ca/index\nnew_certs_dir=ca\nserial=ca/serial\nrand_serial=yes\n' >ca/conf
    printf 'default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n' >>ca/conf
    openssl ca -batch -config ca/conf -cert authority.pem -keyfile authority.key -in localhost.csr -extfile localhost.ext \
        -startdate 20200101000000Z -enddate 20200102000000Z -notext -out expired.pem >openssl.out 2>openssl.err
    cp localhost.key expired.key
    chmod 600 expired.key
}
authority authority && authority stranger && certificate localhost DNS:localhost,IP:127.0.0.1 -days 2 &&
    certificate elsewhere DNS:elsewhere.example,IP:192.0.2.1 -days 2 && certificate later DNS:localhost,IP:127.0.0.1 -days 2 &&
    expired
made=$?
cp openssl.err out
result $made "openssl makes an authority and its certificates"

# ---- the server -------------------------------------------------------------------------------------

use() { # use NAME: the certificate that the server reads
    cp "$1.pem" served.pem
    cp "$1.key" served.key.new
    chmod 600 served.key.new
    mv served.key.new served.key
}
# Waits until the server in the background has printed where it serves, or has ended.
wait_until_serving() {
    for _ in $(seq 200); do
        grep -q '^factum: serving' said && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    cp said out
}
use localhost
mkdir sockets
"$factum" --store kept serve --listen 127.0.0.1:0 --unix "$PWD/sockets/s" --tls-cert served.pem --tls-key served.key \
    >said 2>&1 &
server=$!
wait_until_serving
port=$(sed -n 's/^factum: serving [^ ]* on 127.0.0.1:\([0-9]*\).*/\1/p' said)
secret=$(sed -n 's/.*shown this once: //p' said)
[ -n "$port" ] && [ ${#secret} -ge 40 ]
result $? "it serves with TLS and shows its secret"
address=factums://localhost:$port
t() { try "$@"; }
with() { FACTUM_CA_FILE=$PWD/authority.pem FACTUM_SECRET=$secret "$@"; }

# ---- all is well ------------------------------------------------------------------------------------

t "ping" 0 "^factum [0-9.]+, connected in [0-9.]+ ms, round trip [0-9.]+ ms$" with "$factum" ping "$address"
t "append" 0 "^revision 0, " with "$factum" --store "$address" append order-1 Placed '{"n":1}'
t "read" 0 '^order-1  0.*Placed' with "$factum" --store "$address" read order-1
t "by the number of its address too" 0 '^order-1  0' with "$factum" --store "factums://127.0.0.1:$port" read order-1
head -c 700000 /dev/zero | tr '\0' x | sed 's/.*/{"stream":"big-1","type":"T","data":"&"}/' >big.ndjson
t "import an event of 700,000 bytes" 0 "" with "$factum" --store "$address" import big.ndjson
with "$factum" --store "$address" read big-1 --json >big.out 2>out
[ "$(tr -cd x <big.out | wc -c)" -ge 700000 ]
result $? "comes back whole"
t "the secret in the address" 0 "^factum" env FACTUM_CA_FILE=authority.pem "$factum" ping "factums://admin:$secret@localhost:$port"
printf '%s\n' "$secret" >secret
chmod 600 secret
t "the secret in a file" 0 "^factum" env FACTUM_CA_FILE=authority.pem FACTUM_SECRET_FILE=secret "$factum" ping "$address"

# ---- what is refused --------------------------------------------------------------------------------

# refused NAME CODE PATTERN ADDRESS [VARIABLE]...: no secret may be in the output
refused() {
    local name=$1 code=$2 pattern=$3 to=$4
    shift 4
    t "$name" "$code" "$pattern" env "$@" timeout 20 "$factum" --store "$to" read order-1
    ! grep -qF "$secret" out
    result $? "$name: the secret is not printed"
}
refused "the authority is unknown" 11 'certificate is not trusted: .*issuer' "$address" FACTUM_SECRET="$secret"
refused "another authority" 11 'certificate is not trusted: ' "$address" FACTUM_CA_FILE=stranger.pem FACTUM_SECRET="$secret"
refused "no file of an authority" 4 'nothing.pem' "$address" FACTUM_CA_FILE=nothing.pem FACTUM_SECRET="$secret"
refused "another secret" 10 "has no right" "$address" FACTUM_CA_FILE=authority.pem FACTUM_SECRET="${secret%?????}wrong"
refused "no secret" 10 "has no right" "$address" FACTUM_CA_FILE=authority.pem
refused "another user" 10 "has no right" "factums://root@localhost:$port" FACTUM_CA_FILE=authority.pem FACTUM_SECRET="$secret"

# ---- a certificate is replaced under a tail ----------------------------------------------------------

sees() { # sees TEXT: does the tail show it?
    for _ in $(seq 100); do
        grep -q "$1" followed && return 0
        sleep 0.1
    done
    cp followed out
    return 1
}
reload() { # reload NAME: SIGHUP, until the server shows that certificate
    use "$1"
    kill -HUP "$server"
    for _ in $(seq 100); do
        openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | openssl x509 -noout -subject -enddate >shown 2>/dev/null
        openssl x509 -in "$1.pem" -noout -subject -enddate | cmp -s - shown && return 0
        sleep 0.1
    done
    cp shown out
    return 1
}
with "$factum" --store "$address" tail live-1 >followed 2>&1 &
follower=$!
sleep 0.3
with "$factum" --store "$address" append live-1 Seen '{"live":"before"}' >/dev/null 2>out
sees before
result $? "a tail shows appended events"
reload later
result $? "SIGHUP shows another certificate"
with "$factum" --store "$address" append live-1 Seen '{"live":"later"}' >out 2>&1
result $? "which new clients accept"
sees later
result $? "and the tail continues"
reload elsewhere
result $? "one for another host"
refused "another host's certificate" 11 'certificate is not trusted: hostname mismatch' "$address" FACTUM_CA_FILE=authority.pem FACTUM_SECRET="$secret"
refused "another address's certificate" 11 'certificate is not trusted: IP address mismatch' "factums://127.0.0.1:$port" FACTUM_CA_FILE=authority.pem FACTUM_SECRET="$secret"
reload expired
result $? "one that has expired"
refused "an expired certificate" 11 'certificate is not trusted: certificate has expired' "$address" FACTUM_CA_FILE=authority.pem FACTUM_SECRET="$secret"
reload localhost
result $? "and the first one again"
with "$factum" --store "$address" append live-1 Seen '{"live":"last"}' >out 2>&1
result $? "which clients accept again"
sees last
result $? "all this time the tail was not interrupted"
cp followed out
[ "$(grep -c '"live"' followed)" -eq 3 ] && ! grep -qi 'factum:' followed
result $? "and it showed each event once"
kill "$follower"
wait "$follower" 2>/dev/null
follower=

# ---- plain text and TLS on one port ------------------------------------------------------------------

t "plain text on loopback is served" 0 '^order-1  0' env FACTUM_SECRET="$secret" "$factum" --store "factum://localhost:$port" read order-1

# ---- the socket -------------------------------------------------------------------------------------

unix=factum+unix://$PWD/sockets/s
t "the socket needs no secret: ping" 0 "^factum" "$factum" ping "$unix"
t "append" 0 "^revision 1, " "$factum" --store "$unix" append order-1 Paid '{"n":2}'
t "read" 0 '^order-1  1.*Paid' "$factum" --store "$unix" read order-1
"$factum" --store "$unix" tail order-1 --timeout 1 >followed 2>&1
grep -q Paid followed
result $? "tail"
t "a socket that does not exist" 11 'sockets/none: No such file' "$factum" ping "factum+unix://$PWD/sockets/none"
touch sockets/file
t "a file that is no socket" 11 'sockets/file: Connection refused' "$factum" ping "factum+unix://$PWD/sockets/file"
t "a path that is relative" 2 'the path of a socket begins with /' "$factum" ping "factum+unix://sockets/s"

kill "$server"
wait "$server"
result $? "the server stops in order"
server=
t "a server that is gone" 11 'Connection refused' with "$factum" ping "$address"
! grep -rqF "$secret" kept
result $? "and its store has nothing of the secret"

# ---- only TLS ----------------------------------------------------------------------------------------

# Beyond loopback plain text is refused; not tested where the machine has no other address.
outer=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m1 -E '^[0-9]+(\.[0-9]+){3}$')
if [ -z "$outer" ]; then
    skip "plain text beyond loopback is refused" "no other address"
else
    certificate outer "IP:$outer" -days 2
    use outer
    "$factum" --store kept serve --listen "$outer:0" --tls-cert served.pem --tls-key served.key >said 2>&1 &
    server=$!
    wait_until_serving
    port=$(sed -n "s/^factum: serving [^ ]* on $outer:\([0-9]*\).*/\1/p" said)
    t "a server beyond loopback is read by TLS" 0 '^order-1  0' with "$factum" --store "factums://$outer:$port" read order-1
    refused "plain text there is refused" 11 '' "factum://$outer:$port" FACTUM_SECRET="$secret"
    with "$factum" ping "factums://$outer:$port" >out 2>&1
    result $? "and it keeps serving"
    kill "$server"
    wait "$server"
    result $? "and stops in order"
    server=
fi
done_testing
