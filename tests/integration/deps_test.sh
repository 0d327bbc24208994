#!/usr/bin/env bash
# deps_test.sh - what install_deps.sh prints about missing packages, for root and for others. Prints TAP.
#
# dpkg-query, apt-get, id and sudo are stand-ins: nothing is installed.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/factum-deps.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
for program in bash env sed tr grep cat; do
    ln -s "$(command -v $program)" "$work/bin/"
done
stand_in() { # stand_in NAME SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}
count=0
failed=0
# prints NAME STATUS OPTION: a case: install_deps.sh ends with STATUS and prints the text on standard input
prints() {
    local status=0
    cat >"$work/wanted"
    PATH="$work/bin" "$root/tools/install_deps.sh" ${3:+"$3"} >"$work/out" 2>&1 || status=$?
    count=$((count + 1))
    if [ $status -eq "$2" ] && cmp -s "$work/wanted" "$work/out"; then echo "ok $count - $1"; else
        echo "not ok $count - $1"
        sed 's/^/# /' "$work/out"
        failed=1
    fi
}
have() { # have PACKAGE...: these are installed
    stand_in dpkg-query "printf '%s  install ok installed\n' $*"
}
build='gcc libc6-dev meson ninja-build pkg-config python3 libssl-dev libxxhash-dev libzstd-dev libnghttp2-dev libuv1-dev
    libpcre2-dev liblua5.4-dev libsqlite3-dev libyaml-dev libcurl4-openssl-dev node-llhttp curl'
stand_in apt-get "echo \"\$@\" >>'$work/apt.log'"
stand_in id 'echo 1000'

# shellcheck disable=SC2086
have $build g++ binutils libcmocka-dev git protobuf-compiler python3-grpcio python3-protobuf json-schema-test-suite \
    python3-jsonschema python3-yaml
prints 'other users than root get the commands to type first' 1 '' <<'END'
Some packages are missing. Install them as root, and run the same command again:
    apt-get install --no-install-recommends zlib1g-dev
For make test add: clang-format-14
END
stand_in sudo :
prints 'with sudo where there is one, and all that the tests need' 1 --test <<'END'
Some packages are missing. Install them, and run the same command again:
    sudo apt-get install --no-install-recommends zlib1g-dev clang-format-14
END
stand_in id 'echo 0'
prints 'with --tell root gets the commands without a question' 1 --tell <<'END'
Some packages are missing. Install them, and run the same command again:
    sudo apt-get install --no-install-recommends zlib1g-dev
For make test add: clang-format-14
END
prints 'for root they are installed' 0 '' <<'END'
installing (a minute or so): zlib1g-dev
END
count=$((count + 1))
if [ "$(cat "$work/apt.log")" = 'install -y -q --no-install-recommends zlib1g-dev' ]; then
    echo "ok $count - with apt-get"
else
    echo "not ok $count - with apt-get"
    failed=1
fi
# shellcheck disable=SC2086
have $build zlib1g-dev
prints 'nothing is printed if nothing is missing' 0 '' </dev/null
echo "1..$count"
exit $failed
