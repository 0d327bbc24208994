#!/usr/bin/env bash
# h2load.sh - 100 connections with 100 calls each at a time. FACTUM_ADDRESS names the server. Prints
# "ok - NAME" or "not ok - NAME".
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '\0\0\0\0\0' >"$dir/empty"
h2load -n 30000 -c 100 -m 100 -d "$dir/empty" -H 'content-type: application/grpc' -H 'te: trailers' \
    "http://$FACTUM_ADDRESS/event_store.client.server_features.ServerFeatures/GetSupportedMethods" \
    >"$dir/said" 2>&1
if grep -q '^requests: 30000 total, .* 30000 succeeded, 0 failed, 0 errored, 0 timeout$' "$dir/said"; then
    echo 'ok - 30,000 calls over 100 connections succeed'
    grep '^finished' "$dir/said"
else
    echo 'not ok - 30,000 calls over 100 connections succeed'
    tail -20 "$dir/said"
    exit 1
fi
