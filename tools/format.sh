#!/usr/bin/env bash
# format.sh - formats every C file by .clang-format, except for those that are generated.
#
#     tools/format.sh [FILE...]            writes
#     tools/format.sh --check [FILE...]    names files that would change, and fails if any would
set -euo pipefail
cd "$(dirname "$0")/.."
check=
if [ "${1:-}" = --check ]; then
    check=1
    shift
fi
format=
for candidate in clang-format-14 clang-format; do
    if command -v "$candidate" >/dev/null && "$candidate" --version | grep -q 'version 14\.'; then
        format=$candidate
        break
    fi
done
if [ -z "$format" ]; then
    echo 'format.sh: needs clang-format 14 (Debian: clang-format-14)' >&2
    exit 1
fi
if [ $# -eq 0 ]; then
    mapfile -d '' -t files < <(
        find src include tests examples bench -name '*.[ch]' ! -name '*.gen.[ch]' -type f -print0 2>/dev/null | sort -z)
else
    files=("$@")
fi
[ ${#files[@]} -gt 0 ] || exit 0
if [ -z "$check" ]; then
    exec "$format" -i "${files[@]}"
fi
# One process checks many files; it prints a line for each place, with the name of the file.
unformatted=$(printf '%s\0' "${files[@]}" | xargs -0 -P 2 -n 64 "$format" --dry-run 2>&1 |
    sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: warning: code should be clang-formatted.*/\1/p' | sort -u)
[ -z "$unformatted" ] && exit 0
sed 's/.*/&: not in the format: tools\/format.sh &/' <<<"$unformatted"
exit 1
