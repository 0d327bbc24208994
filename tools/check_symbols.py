#!/usr/bin/env python3
"""Reads what the built libraries give away: check_symbols.py BUILD_DIRECTORY

libfactum.a may define factum_ and fct_ names only, libfactum.so may export factum_ names only.
Prints one line for each breach, and exits with 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

CODE = "TDBRVWCGSiu"  # what nm calls code, data and the like; A is the name of a version


def external(path, *options):
    run = subprocess.run(["nm", "--extern-only", "--defined-only", *options, str(path)],
                         capture_output=True, text=True, check=True)
    for line in run.stdout.splitlines():
        found = re.match(r"[0-9a-f]+ (\w) ([^@\s]+)", line)
        if found and found.group(1) in CODE:
            yield found.group(2)


def main(arguments):
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    libraries = pathlib.Path(arguments[0]) / "src"
    breaches = []
    for name, options, allowed in (("libfactum.a", [], ("factum_", "fct_")),
                                   ("libfactum.so", ["--dynamic"], ("factum_",))):
        path = libraries / name
        if not path.exists():
            breaches.append(f"{name}: not built")
            continue
        symbols = sorted(set(external(path, *options)))
        if not symbols:
            breaches.append(f"{name}: defines nothing")
        breaches += [f"{name}: {s} lacks the prefix {' or '.join(allowed)}"
                     for s in symbols if not s.startswith(allowed)]
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
