#!/usr/bin/env bash
# format.sh - formats every C file by .clang-format, except for those that are generated.
#
#     tools/format.sh [FILE...]            writes
#     tools/format.sh --check [FILE...]    names what would change, and fails if anything would
set -eu
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
status=0
for file in "${files[@]}"; do
    if ! "$format" "$file" | cmp -s - "$file"; then
        echo "$file: not in the format: tools/format.sh $file"
        status=1
    fi
done
exit $status
