#!/usr/bin/env bash
# prometheus.sh - /metrics as Prometheus reads it: promtool's rules for both formats, and with
# FACTUM_CLIENTS=all a Prometheus that scrapes for some seconds. FACTUM_ADDRESS names the server,
# TMPDIR a directory. Prints "ok - NAME" or "not ok - NAME".
set -u
failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/factum-prometheus.XXXXXX")
prometheus=
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    [ -z "$prometheus" ] || { kill "$prometheus" && wait "$prometheus"; } 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1
result() { # result STATUS NAME: a case; the file "out" is shown if it failed
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
    else
        failed=1
        echo "not ok - $2"
        sed 's/^/# /' out | head -20
    fi
}
scrape() { # scrape ACCEPT: the files "head.txt" and "body"
    curl -s -D head.txt -o body --max-time 10 -H "accept: $1" "http://$FACTUM_ADDRESS/metrics"
}
value() { # value SAMPLE
    sed -n "s/^$1 //p" body
}
checked() { # checked NAME MEDIA: cases: the content type of the scrape, and promtool's verdict
    tr -d '\r' <head.txt >out
    grep -q "^content-type: $2" out
    result $? "$1: it has its content type"
    # promtool prints its objections to the names on stderr, and fails for them.
    promtool check metrics <body >out 2>&1 && [ ! -s out ]
    result $? "$1: promtool finds nothing wrong"
}
append() {
    curl -s -o answer -w '%{http_code}' --max-time 10 -H 'content-type: application/json' \
        -d '[{"type":"a","data":1},{"type":"b","data":2}]' "http://$FACTUM_ADDRESS/api/v1/streams/metrics"
}

# A store that has seen appends and refusals, so that no family is without values.
append >out
curl -s -o answer --max-time 10 "http://$FACTUM_ADDRESS/api/v1/streams/none"

scrape 'text/plain;version=0.0.4'
checked 'the text format' 'text/plain; version=0.0.4'
cp body text
scrape 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5'
# promtool 2 reads the text format only: what differs is a counter's family, and the end.
[ "$(tail -n 1 body)" = '# EOF' ]
result $? 'OpenMetrics: it ends with # EOF'
awk '/^# TYPE .* counter$/ {counters[$3]} {lines[NR] = $0}
    END {for (i = 1; i <= NR; i++) {split(lines[i], word, " ")
        if ((word[2] == "HELP" || word[2] == "TYPE") && word[3] in counters)
            sub(" " word[3] " ", " " word[3] "_total ", lines[i])
        if (lines[i] != "# EOF") print lines[i]}}' body >as_text
mv as_text body
checked 'OpenMetrics' 'application/openmetrics-text; version=1.0.0'
diff <(sed 's/ [^ ]*$//; /^#/d' text) <(sed 's/ [^ ]*$//; /^#/d' body) >out
result $? 'both formats have the same samples'

before=$(value factum_events_appended_total)
append >out
scrape text/plain
echo "$before, then $(value factum_events_appended_total)" >out
[ "$(value factum_events_appended_total)" -eq $((before + 2)) ]
result $? 'an append of two events counts two'
echo "$(value factum_appends_total) appends, $(value factum_append_duration_seconds_count) durations" >out
[ "$(value factum_appends_total)" -eq "$(value factum_append_duration_seconds_count)" ]
result $? 'each append has a duration'
grep -q '^factum_refusals_total{status="NOT_FOUND"} [1-9]' body
cp body out
result $? 'a refusal is counted under its status'

# ---- Prometheus itself -----------------------------------------------------------------------------

query() { # query EXPRESSION: its value, or nothing
    curl -s --max-time 5 -G --data-urlencode "query=$1" "http://$door/api/v1/query" |
        sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p'
}
scraped() {
    door=127.0.0.1:$1
    cat >config.yml <<END
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs: [{job_name: factum, static_configs: [{targets: ["$FACTUM_ADDRESS"]}]}]
END
    prometheus --config.file=config.yml --storage.tsdb.path=data --web.listen-address="$door" >prometheus.log 2>&1 &
    prometheus=$!
    local tries=0
    until [ "$(query 'count_over_time(up{job="factum"}[1m]) >= bool 3')" = 1 ] || [ $tries -eq 100 ]; do
        sleep 0.2
        tries=$((tries + 1))
    done
    curl -s --max-time 5 "http://$door/api/v1/targets" >out
    cat prometheus.log >>out
    [ "$(query 'min_over_time(up{job="factum"}[1m])')" = 1 ]
    result $? 'Prometheus scrapes it, every time'
    scrape text/plain
    query factum_events_appended_total >out
    [ "$(cat out)" = "$(value factum_events_appended_total)" ]
    result $? 'Prometheus has the values of the server'
    query 'histogram_quantile(0.99, factum_append_duration_seconds_bucket)' >out
    grep -qE '^[0-9.e-]+$' out
    result $? 'Prometheus makes a quantile of the durations'
}
if [ "${FACTUM_CLIENTS:-}" = all ]; then
    scraped $((20000 + $$ % 10000))
fi
exit $failed
