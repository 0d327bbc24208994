#!/usr/bin/env bash
# curl.sh - gRPC's rules about headers, which gRPC's own clients always keep, and HTTP/1.1 on the
# same port. FACTUM_ADDRESS names the server. Prints "ok - NAME" or "not ok - NAME".
set -u
failed=0
features=event_store.client.server_features.ServerFeatures/GetSupportedMethods
read=event_store.client.streams.Streams/Read
empty='\x00\x00\x00\x00\x00'
# A subscription to the stream s-1, from its start.
subscribe='\x00\x00\x00\x00\x15\x0a\x13\x0a\x09\x0a\x05\x1a\x03s-1\x1a\x00\x32\x00\x42\x00\x4a\x02\x12\x00'

call() { # call METHOD BODY [OPTION]...: the headers and trailers of the answer
    local method=$1 body=$2
    shift 2
    printf '%b' "$body" | curl -s -D - -o /dev/null --max-time 10 --http2-prior-knowledge -H 'te: trailers' \
        -H 'content-type: application/grpc' --data-binary @- "$@" "http://$FACTUM_ADDRESS/$method" | tr -d '\r'
}
expect() { # expect NAME WANTED GOT: a case: is WANTED a line of GOT?
    if grep -qx -- "$2" <<<"$3"; then
        echo "ok - $1"
    else
        failed=1
        echo "not ok - $1"
        sed 's/^/# /' <<<"$3"
    fi
}

expect 'a call with nothing but what it needs is answered' 'grpc-status: 0' "$(call $features "$empty")"
expect 'with the content type of gRPC' 'content-type: application/grpc' "$(call $features "$empty")"
expect 'also to application/grpc+proto' 'grpc-status: 0' \
    "$(call $features "$empty" -H 'content-type: application/grpc+proto')"
for bad in x 100 m 123456789m -1m '1 m' 1.5S; do
    expect "the timeout \"$bad\" is refused" 'grpc-status: 3' "$(call $features "$empty" -H "grpc-timeout: $bad")"
done
for good in 1H 1M 9S 9999m 999999u 99999999n; do
    expect "the timeout $good is one" 'grpc-status: 0' "$(call $features "$empty" -H "grpc-timeout: $good")"
done
expect 'a timeout ends a subscription' 'grpc-status: 4' "$(call $read "$subscribe" -H 'grpc-timeout: 200m')"
expect 'a message that is cut off is refused' 'grpc-status: 3' "$(call $features '\x00\x00\x00\x00\x05ab')"
expect 'a prefix that is cut off is refused' 'grpc-status: 3' "$(call $features '\x00\x00')"
expect 'a call without a message is refused' 'grpc-status: 3' "$(call $features '')"
expect 'a second message is refused' 'grpc-status: 3' "$(call $read "$subscribe$subscribe")"
expect 'a compressed message is refused' 'grpc-status: 12' "$(call $features '\x01\x00\x00\x00\x00')"
expect 'a flag that means nothing is refused' 'grpc-status: \(3\|12\|13\)' "$(call $features '\x02\x00\x00\x00\x00')"
expect 'a length beyond every limit is refused' 'grpc-status: 8' "$(call $features '\x00\xff\xff\xff\xffab')"
expect 'a call that is not offered says so' 'grpc-status: 12' "$(call no.such.Service/Call "$empty")"
expect 'HTTP/1.1 is answered on the same port' 'HTTP/1.1 404 Not Found' \
    "$(curl -s -i --max-time 5 "http://$FACTUM_ADDRESS/nothing/there" | tr -d '\r')"
exit $failed
