#!/usr/bin/env bash
# install.sh BUILD PREFIX - installs BUILD under PREFIX, below DESTDIR if it is set, and prints how to use it.
#
# The library goes into PREFIX/lib, where ld.so and pkg-config of every system look if PREFIX is /usr/local;
# LIBDIR names another directory. Meson's output is in BUILD/install.log, and shown if it fails.
set -euo pipefail
build=$1
prefix=$(realpath -m -- "$2")
libdir=${LIBDIR:-lib}
if [ -n "${DESTDIR:-}" ]; then
    DESTDIR=$(realpath -m -- "$DESTDIR")
    export DESTDIR
fi
log=$build/install.log
logged() {
    "$@" >>"$log" 2>&1 || {
        cat "$log" >&2
        echo "install.sh: failed: $*" >&2
        exit 1
    }
}
: >"$log"
logged meson configure "$build" -Dprefix="$prefix" -Dlibdir="$libdir"
logged meson install -C "$build"

echo "installed under ${DESTDIR:-}$prefix:"
printf '  %-35s %s\n' \
    bin/factum 'the command line' \
    include/factum/ 'the C headers' \
    "$libdir/" 'libfactum.so, libfactum.a, libfactum-net.a, pkgconfig/' \
    share/factum/proto/ 'the protocol, for clients in other languages' \
    share/man/man1/factum.1 'the man page' \
    share/doc/factum/ 'README.md, docs/guide, docs/factum.service' \
    share/bash-completion/completions/ 'for bash'
[ -z "${DESTDIR:-}" ] || exit 0

PATH=$PATH:/usr/sbin:/sbin
if [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then
    logged ldconfig
fi
needed=()
[ "$(command -v factum)" = "$prefix/bin/factum" ] ||
    needed+=("PATH=$(printf %q "$prefix/bin"):\"\$PATH\"")
[ "$(pkg-config --variable=prefix factum 2>/dev/null)" = "$prefix" ] ||
    needed+=("PKG_CONFIG_PATH=$(printf %q "$prefix/$libdir/pkgconfig")")
ldconfig -p 2>/dev/null | grep -F "=> $prefix/$libdir/libfactum.so.0" >/dev/null ||
    needed+=("LD_LIBRARY_PATH=$(printf %q "$prefix/$libdir")")
if [ ${#needed[@]} -gt 0 ]; then
    echo 'The system does not search there. Tell it where:'
    printf '  export %s\n' "${needed[@]}"
fi
cat <<'END'
Next:
  factum help
  gcc program.c -o program $(pkg-config --cflags --libs factum)
END
