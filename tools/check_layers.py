#!/usr/bin/env python3
"""Checks the includes of the tree against tools/layers.toml.

    check_layers.py              the includes of every .c and .h; only a *_test.c may include
                                 "support/..." (tests/support) and, whatever its layer, "sim/...".
                                 No two files of a layer have a static function or a struct of the
                                 same name: each layer of the library can be compiled as one file
    check_layers.py --headers    every header compiles alone; public ones also as C99 and C++17

Prints one line for each violation, and exits with 1 if there is one.
"""
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
OWN = re.compile(r'^(?:static [^;={}()]*?\b(\w+)\(|(?:struct|enum|union) (\w+) \{)', re.MULTILINE)
# As the project arguments of meson.build: every internal file is compiled with these.
INTERNAL = ["-std=c17", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic", "-Wundef",
            "-isystem/usr/share/include/llhttp", "-isystem/usr/include/lua5.4"]  # Debian: not in /usr/include
PUBLIC = {
    "C99": ["-x", "c", "-std=c99", "-Wall", "-Wextra", "-pedantic-errors", "-Wundef"],
    "C++17": ["-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-pedantic-errors", "-Wundef"],
}


def closure(layers):
    """Layer -> all layers that it may use, itself included."""
    reach = {}

    def visit(name, path):
        if name in path:
            raise SystemExit(f"layers.toml: a circle: {' -> '.join([*path, name])}")
        if name not in layers:
            raise SystemExit(f"layers.toml: {path[-1]} uses {name}, which is no layer")
        if name not in reach:
            found = {name}
            for lower in layers[name]:
                found |= visit(lower, [*path, name])
            reach[name] = found
        return reach[name]

    for name in layers:
        visit(name, [])
    return reach


def is_system(header, listed):
    return any(header.startswith(h) if h.endswith("/") else header == h for h in listed)


def check_source(root, path, table, reach):
    """The breaches of one file under src/."""
    name = path.relative_to(root).as_posix()
    layer = path.relative_to(root / "src").parts[0]
    is_test = path.name.endswith("_test.c")
    if layer not in reach:
        yield name, 1, f"{layer} is no layer of tools/layers.toml"
        return
    text = path.read_text(encoding="utf-8")
    for found in INCLUDE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        quote, header = found.groups()
        if quote == "<":
            if header.startswith("factum/") and not (root / "include" / header).exists():
                yield name, line, f"<{header}> does not exist"
            excepted = table["system"].get("except", {}).get(name, [])
            if (is_system(header, table["system"]["headers"]) and not is_test
                    and layer not in table["system"]["only_in"] and header not in excepted):
                yield name, line, f"<{header}> is for {', '.join(table['system']['only_in'])} only"
            continue
        if header.startswith("support/"):
            if not is_test:
                yield name, line, f'"{header}" is for tests only'
            elif not (root / "tests" / header).exists():
                yield name, line, f'"{header}" does not exist in tests/'
            continue
        other = header.split("/")[0]
        if header.startswith("factum/"):
            yield name, line, f'"{header}" is a public header: <{header}>'
        elif "/" not in header or header.startswith(".") or not (root / "src" / header).exists():
            yield name, line, f'"{header}" is not a path from src/'
        elif other not in reach[layer] and not (is_test and other == "sim"):
            yield name, line, f'{layer} may not use {other} ("{header}")'
        elif header.endswith("_int.h") and other != layer:
            yield name, line, f'"{header}" is private to {other}'


def check_names(root):
    """File-local names that two .c files of one layer share."""
    owners = {}
    for path in files(root, "src"):
        layer = path.relative_to(root / "src").parts[0]
        if path.suffix != ".c" or path.name.endswith("_test.c") or layer == "cli":
            continue
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        for found in OWN.finditer(text):
            own = found.group(1) or found.group(2)
            owner = owners.setdefault((layer, own), name)
            if owner != name:
                line = text.count("\n", 0, found.start()) + 1
                yield name, line, f"{own} is also in {owner}"


def check_public(root, path):
    """Installed headers include only the standard library and each other."""
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    for found in INCLUDE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        quote, header = found.groups()
        if quote == '"':
            yield name, line, f'"{header}" is not installed: <factum/...>'
        elif header.startswith("factum/") and not (root / "include" / header).exists():
            yield name, line, f"<{header}> does not exist"


def check_program(root, path):
    """Programs and examples use the public API: <factum/...> and the files beside them."""
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    for found in INCLUDE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        quote, header = found.groups()
        if quote == '"' and not (path.parent / header).exists():
            yield name, line, f'"{header}" is not beside it'


def files(root, folder):
    return sorted(p for p in (root / folder).rglob("*") if p.suffix in (".c", ".h"))


def check_includes(root):
    table = tomllib.loads((root / "tools" / "layers.toml").read_text(encoding="utf-8"))
    reach = closure(table["layers"])
    breaches = list(check_names(root))
    for path in files(root, "src"):
        breaches += check_source(root, path, table, reach)
    for path in files(root, "include"):
        breaches += check_public(root, path)
    for path in files(root, "examples"):
        breaches += check_program(root, path)
    return breaches


def compile_header(root, header, label, command):
    run = subprocess.run([*command, "-Werror", "-fsyntax-only", "-"], cwd=root, text=True,
                         input=f"#include <{header}>\ntypedef int used;\n", capture_output=True, check=False)
    return [] if run.returncode == 0 else [(header, 1, f"does not compile alone as {label}:\n"
                                            + run.stderr.rstrip())]


def check_headers(root):
    c = shlex.split(os.environ.get("CC", "cc"))
    cxx = shlex.split(os.environ.get("CXX", "c++"))
    jobs = []
    for path in files(root, "src"):
        if path.suffix == ".h":
            jobs.append((path.relative_to(root / "src").as_posix(), "C17",
                         [*c, "-x", "c", *INTERNAL, "-Isrc", "-Iinclude"]))
    for path in files(root, "tests/support"):
        if path.suffix == ".h":
            jobs.append((path.relative_to(root / "tests").as_posix(), "C17",
                         [*c, "-x", "c", *INTERNAL, "-D_GNU_SOURCE", "-Itests", "-Isrc", "-Iinclude"]))
    for path in files(root, "include"):
        for label, flags in PUBLIC.items():
            jobs.append((path.relative_to(root / "include").as_posix(), label,
                         [*(cxx if label == "C++17" else c), *flags, "-Iinclude"]))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [b for found in pool.map(lambda job: compile_header(root, *job), jobs) for b in found]


def main(arguments):
    if arguments not in ([], ["--headers"]):
        raise SystemExit(__doc__)
    breaches = check_headers(ROOT) if arguments else check_includes(ROOT)
    for name, line, text in breaches:
        print(f"{name}:{line}: {text}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
