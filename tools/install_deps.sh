#!/usr/bin/env bash
# install_deps.sh - installs the missing ones of the Debian packages that Factum needs.
#
#     install_deps.sh            to build and run it
#     install_deps.sh --test     and to test it
#     install_deps.sh --bench    and to build the other stores of the benchmark
#     install_deps.sh --ci       everything
#     install_deps.sh --tell     installs nothing, and names the packages that are missing to build it
#
# Does nothing, quickly, if all are installed. Without root it names what to install, and fails.
set -eu

build=(gcc libc6-dev meson ninja-build pkg-config python3 libssl-dev libxxhash-dev libzstd-dev
    zlib1g-dev libnghttp2-dev libuv1-dev libpcre2-dev liblua5.4-dev libsqlite3-dev libyaml-dev
    libcurl4-openssl-dev node-llhttp curl)
test=(g++ binutils libcmocka-dev clang-format-14 git protobuf-compiler python3-grpcio python3-protobuf
    json-schema-test-suite python3-jsonschema python3-yaml)
bench=(liburing-dev liblmdb-dev librocksdb-dev g++)
peers=(libhiredis-dev libpq-dev redis-server nats-server postgresql-15 nghttp2-server nghttp2-client
    iproute2 procps)
ci=(clang patch libclang-rt-14-dev clang-tidy-14 cppcheck
    curl python3-grpcio nghttp2-client golang-go golang-google-grpc-dev prometheus)
# Clients of the server that come from npm. A newer node than Debian's is used if there is one.
command -v npm >/dev/null || ci+=(npm nodejs)

wanted=("${build[@]}")
case ${1:-} in
    '' | --tell) ;;
    --test) wanted+=("${test[@]}") ;;
    --bench) wanted+=("${bench[@]}" "${peers[@]}") ;;
    --ci) wanted+=("${test[@]}" "${bench[@]}" "${ci[@]}") ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "install_deps.sh: no Debian packages here; going on without. Needed: ${wanted[*]}" >&2
    exit 0
fi
installed=$(dpkg-query -W -f '${Package} ${Provides} ${Status}\n' 2>/dev/null |
    sed -n 's/ install ok installed$//p' | tr ', ' '\n\n')
missing_of() { # missing_of PACKAGE...: those that are not installed
    local package
    for package in "$@"; do
        grep -qxF -- "$package" <<<"$installed" || echo "$package"
    done
}
mapfile -t missing < <(missing_of "${wanted[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || [ "${1:-}" = --tell ]; then
    sudo=
    how=' as root'
    if command -v sudo >/dev/null; then
        sudo='sudo '
        how=
    fi
    echo "Some packages are missing. Install them$how, and run the same command again:" >&2
    echo "    ${sudo}apt-get install --no-install-recommends ${missing[*]}" >&2
    if [ "${#wanted[@]}" -eq "${#build[@]}" ]; then
        mapfile -t more < <(missing_of "${test[@]}")
        [ ${#more[@]} -eq 0 ] || echo "For make test add: ${more[*]}" >&2
    fi
    exit 1
fi
echo "installing (a minute or so): ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -q --no-install-recommends "${missing[@]}")
# The lists may be missing or old: fetch them only if installing fails without.
if ! "${install[@]}" >/dev/null 2>&1; then
    apt-get update -q
    "${install[@]}"
fi
