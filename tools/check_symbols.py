#!/usr/bin/env python3
"""Checks the symbols of the built libraries: check_symbols.py BUILD_DIRECTORY

libfactum.a may define only names that begin with factum_ or fct_. libfactum.so may export only names
that begin with factum_. Neither may contain a function of the test doubles (tests/support).
Prints one line for each violation, and exits with 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

CODE = "TDBRVWCGSiu"  # the letters of nm for code, data and the like; A is the name of a version


def defined(path, *options):
    """(type, name) of each symbol that the library defines; the type of a local one is lower case."""
    run = subprocess.run(["nm", "--defined-only", *options, str(path)],
                         capture_output=True, text=True, check=True)
    for line in run.stdout.splitlines():
        found = re.match(r"[0-9a-f]+ (\w) ([^@\s]+)", line)
        if found:
            yield found.groups()


def external(path, *options):
    return [name for kind, name in defined(path, "--extern-only", *options) if kind in CODE]


def main(arguments):
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    libraries = pathlib.Path(arguments[0]) / "src"
    support = pathlib.Path(arguments[0]) / "tests" / "support" / "libfct_support.a"
    doubles = set(external(support))
    breaches = [] if doubles else [f"{support.name}: defines nothing"]
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
        # The version script makes internal symbols local in libfactum.so, so look at all of them.
        breaches += [f"{name}: {s} is a test double"
                     for s in sorted(doubles & {s for _, s in defined(path)})]
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
