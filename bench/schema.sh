#!/usr/bin/env bash
# schema.sh BUILD [SECONDS] - events parsed and checked against a JSON Schema in a second on one core: Factum, and
# JSON.parse with ajv 8 in Node on the same events, if Node and npm are installed.
set -u
cd "$(dirname "$0")" || exit 1
bin=$(cd .. && cd "${1:-build/bench}" && pwd)/bench/schema || exit 1
seconds=${2:-2}
work=$(mktemp -d "${TMPDIR:-/tmp}/factum-bench-schema.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
"$bin" order.schema.json --dump "$work/events" || exit 1
"$bin" order.schema.json "$seconds" || exit 1
cp ../tests/schema/ajv/{package.json,package-lock.json,.npmrc} "$work/"
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo 'node or npm is not installed: ajv is not measured'
elif ! (cd "$work" && timeout 120 npm ci --ignore-scripts >/dev/null 2>&1); then
    echo "npm's registry is not reachable: ajv is not measured"
else
    (cd "$work" && node "$OLDPWD/schema.mjs" "$OLDPWD/order.schema.json" "$work/events" "$seconds")
fi
