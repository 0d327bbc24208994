#!/usr/bin/env bash
# install_test.sh - an installation by make install is usable: by the shell, by a C compiler, by ld.so. Prints TAP.
#
# The build is made without dpkg-architecture, as on a Debian without dpkg-dev.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/factum-install.XXXXXX")
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8
unset FACTUM_STORE DESTDIR LIBDIR PKG_CONFIG_PATH LD_LIBRARY_PATH
count=0
failed=0
ok() { # ok NAME COMMAND...
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/out" 2>&1; then echo "ok $count - $name"; else
        echo "not ok $count - $name"
        sed 's/^/# /' "$work/out" | head -40
        failed=1
    fi
}

# Every program except dpkg-architecture; ldconfig only records that it was called.
mkdir "$work/bin"
ln -sf /usr/bin/* /bin/* "$work/bin/" && rm -f "$work/bin/dpkg-architecture"
cat >"$work/bin/ldconfig" <<END
#!/bin/sh
echo "\$*" >>'$work/ldconfig.log'
END
chmod +x "$work/bin/ldconfig"
export PATH="$work/bin"
prefix=$work/prefix

configured() {
    meson setup "$work/build" "$root" -Dtests=false -Dwhole_layers=true --buildtype=plain && ninja -C "$work/build"
}
installed() {
    "$root/tools/install.sh" "$work/build" "$prefix" >"$work/said" 2>&1 || {
        cat "$work/said" "$work/build/install.log"
        return 1
    }
}
brief() { # what was installed, what to export, what to do next; no output of Meson
    cat "$work/said"
    [ "$(wc -l <"$work/said")" -le 15 ] && head -1 "$work/said" | grep -qx "installed under $prefix:" &&
        ! grep -qi 'meson\|ninja\|cleaning' "$work/said"
}
everything() { # that is named
    local file
    for file in bin/factum include/factum/factum.h lib/libfactum.so lib/libfactum.so.0 lib/libfactum.a \
        lib/pkgconfig/factum.pc share/man/man1/factum.1 share/doc/factum/README.md \
        share/doc/factum/docs/guide/append.md share/doc/factum/docs/reference.md \
        share/bash-completion/completions/factum.bash include/factum/server.h lib/libfactum-net.a \
        lib/pkgconfig/factum-net.pc share/factum/proto/factum/v1/store.proto \
        share/factum/proto/factum/v1/schemas.proto \
        share/factum/proto/kurrent/streams.proto share/doc/factum/docs/factum.service; do
        [ -f "$prefix/$file" ] || {
            echo "no $file"
            return 1
        }
    done
}
exported() { eval "$(grep '^  export ' "$work/said")" && command "$@"; }
commanded() {
    [ "$(exported bash -c 'command -v factum')" = "$prefix/bin/factum" ] && exported factum version
}
# The C program of README.md, compiled by README's line.
compiled() {
    sed -n '/^```c$/,/^```$/p' "$root/README.md" | sed '1d;$d' >orders.c
    line=$(grep '^gcc ' "$root/README.md") && [ -s orders.c ] && exported bash -ec "$line"
}
run() {
    exported factum append order-1 OrderPlaced '{}' && exported factum append order-1 Paid '{}' &&
        exported factum append order-1 OrderShipped '{}' && [ "$(exported ./orders | tail -1)" = OrderDelivered ]
}
linked() { exported ldd ./orders | grep -F "$prefix/lib/libfactum.so.0"; }
# A C program with <factum/server.h>, by the line of the guide.
door_compiled() {
    cp "$root/examples/door.c" . && line=$(grep '^gcc .*factum-net' "$root/docs/guide/clients.md") || return
    exported bash -ec "$line -D_POSIX_C_SOURCE=200809L"
}
door_runs() {
    echo Hello | ./door door.factum 127.0.0.1:0 >door.txt && cat door.txt && grep -qx 'revision 0' door.txt &&
        [ "$(exported factum --store door.factum read door-lines | tail -1)" = '    Hello' ]
}
completes() {
    # shellcheck disable=SC1091
    . "$prefix/share/bash-completion/completions/factum.bash" && complete -p factum | grep '_factum factum'
}
ldconfig_called() { # by root without DESTDIR
    cat "$work/ldconfig.log"
    [ "$(id -u)" -ne 0 ] || grep -qx '' "$work/ldconfig.log"
}
staged() {
    : >"$work/ldconfig.log"
    cd "$work" && DESTDIR=stage "$root/tools/install.sh" build /usr/local >said || return
    cat said
    grep -qx "installed under $work/stage/usr/local:" said && ! grep -q export said &&
        [ -f stage/usr/local/lib/libfactum.so.0 ] && [ -f stage/usr/local/lib/pkgconfig/factum.pc ] &&
        [ ! -s ldconfig.log ]
}
refused() { # failures to write are reported with the reason
    touch "$work/file"
    ! "$root/tools/install.sh" "$work/build" "$work/file/prefix" >"$work/said" 2>&1 && cat "$work/said" &&
        grep -q '^install.sh: failed: meson install' "$work/said" && grep -q 'Not a directory' "$work/said"
}
made() { # the Makefile passes its prefix on
    make -C "$root" -n install PREFIX="$prefix" | grep -F "tools/install.sh build/release '$prefix'"
}

cd "$work" || exit 1
ok 'it is built without dpkg-architecture' configured
ok 'it is installed' installed
ok 'the installed files are listed in a few lines' brief
ok 'everything is installed' everything
ok 'factum is found after the exports that were printed' commanded
ok "README's program is compiled by README's line" compiled
ok 'and runs' run
ok 'with the installed library' linked
ok 'a program with a server is compiled with factum-net' door_compiled
ok 'and opens it' door_runs
ok 'the completion is loaded' completes
ok 'ldconfig was called' ldconfig_called
ok 'an installation for a package is staged below DESTDIR' staged
ok 'a prefix that cannot be made is an error' refused
ok 'make install does this' made
echo "1..$count"
exit $failed
