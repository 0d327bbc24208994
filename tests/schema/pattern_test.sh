#!/usr/bin/env bash
# pattern_test.sh - runs pattern_test.mjs if node is installed. Prints TAP.
set -u
if ! command -v node >/dev/null; then
    echo "1..0 # SKIP node is not installed: tools/install_deps.sh --ci"
    exit 0
fi
exec node "$(dirname "$0")/pattern_test.mjs" "$@"
