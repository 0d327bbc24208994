#!/usr/bin/env python3
"""Builds, checks and tests, and counts: run_tests.py [OPTION]... BUILD_DIRECTORY

    --suite NAME      only this suite of tests, which must not be empty; may be repeated
    --static          the checks of the source and of the libraries too, one case each
    --in-memory       files of tests that honour TMPDIR go to /dev/shm, if it has 4 GiB, can have programs,
                      and TMPDIR is not set: on a disk such tests mostly wait for syncs
    --multiplier N    timeouts of tests are N times as long
    --verbose         print what tests print even if they pass

Every case that a test prints as TAP counts as one; a test that prints no TAP counts as one. A test that
ends before its plan, by a signal or late, has one failed case more. While the tests run, the number of
ended ones is shown. Each skipped case is printed with its reason. At the end come each failed case with the
beginning of its output, and the slowest tests. The last line is "N passed, N failed" or
"N passed, N failed, N skipped"; exits with 1 if anything failed.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASE = re.compile(r"^(not )?ok\b(?:\s+\d+)?(?:\s+-)?\s*(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)\s*(#\s*skip.*)?$", re.IGNORECASE)
DIRECTIVE = re.compile(r"#\s*(skip|todo)\b\s*", re.IGNORECASE)
ENDED = re.compile(r"^\s*(\d+)/(\d+)\s")
PROGRESS_EVERY = 15  # seconds, where there is no terminal
OUTPUT_LINES_MAX = 120
LONGEST_SHOWN = 12
MEMORY_MIN = 4 << 30
FAILURE_SHOWN = 600  # characters of the output of a failed case


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.skips = []  # (case, reason)
        self.failures = []  # the lines that report it

    def skip(self, case, reason):
        self.skipped += 1
        self.skips.append((case.strip() or "all of it", reason.strip() or "no reason given"))

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.skips += other.skips

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count_tap(output):
    """(the cases of a TAP text, whether it holds as many as it planned); None if it is no TAP."""
    count = Count()
    planned = None
    failing = False
    for line in output.splitlines():
        if failing and line.startswith("#"):
            count.failures[-1] = (count.failures[-1] + " | " + line[1:].strip())[:FAILURE_SHOWN]
            continue
        failing = False
        plan = PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
            if planned == 0 and plan.group(2):
                count.skip("", DIRECTIVE.sub("", plan.group(2)))
                planned = 1
            continue
        case = CASE.match(line)
        if case:
            directive = DIRECTIVE.search(case.group(2))
            if directive:
                count.skip(case.group(2)[:directive.start()], case.group(2)[directive.end():])
            elif case.group(1):
                count.failed += 1
                count.failures.append(case.group(2).strip())
                failing = True
            else:
                count.passed += 1
    seen = count.passed + count.failed + count.skipped
    if planned is None and seen == 0:
        return None, False
    return count, planned is not None and seen == planned


def count_test(test):
    """The cases of one test of Meson's log, and any other failure."""
    tap, complete = count_tap(test.get("stdout", ""))
    result = test["result"]
    if tap is None:
        count = Count()
        if result in ("OK", "EXPECTEDFAIL"):
            count.passed = 1
        elif result == "SKIP":
            count.skip("", "")
        else:
            count.failed = 1
        return count, "" if count.failed == 0 else result.lower()
    trouble = ""
    if result in ("TIMEOUT", "INTERRUPT"):
        trouble = result.lower()
    elif test["returncode"] < 0 or test["returncode"] >= 128:
        trouble = f"ended by signal {abs(test['returncode']) % 128}"
    elif not complete:
        trouble = "did not run the cases that it planned"
    elif tap.failed == 0 and (test["returncode"] != 0
                              or result not in ("OK", "SKIP") and not tap.skipped):
        # cmocka prints "not ok # SKIP" for a skipped case, which Meson takes for a failure.
        trouble = f"{result.lower()}, exit status {test['returncode']}"
    if trouble:
        tap.failed += 1
    return tap, trouble


def show(title, text):
    lines = text.rstrip().splitlines()
    print(f"---- {title}")
    if len(lines) > OUTPUT_LINES_MAX:
        print(f"({len(lines) - OUTPUT_LINES_MAX} lines before these)")
    print("\n".join(lines[-OUTPUT_LINES_MAX:]), flush=True)


def duration(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    """Shows progress: one line on a terminal, elsewhere a line now and then."""

    def __init__(self):
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stdout.isatty()

    def show(self, text):
        now = time.monotonic()
        if self.terminal:
            print(f"\r\033[K{text}, {duration(now - self.started)}", end="", flush=True)
        elif now - self.shown >= PROGRESS_EVERY:
            print(f"{text}, {duration(now - self.started)}", flush=True)
            self.shown = now

    def end(self):
        if self.terminal:
            print("\r\033[K", end="", flush=True)


def follow(command, what):
    """Runs it, shows the progress in its lines "12/160 ..." and "[12/160] ..."; (status, output)."""
    progress = Progress()
    output = []
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "PYTHONUNBUFFERED": "1"}) as run:
        for line in run.stdout:
            output.append(line)
            ended = ENDED.match(line.replace("[", " ", 1).replace("]", " ", 1))
            if ended:
                progress.show(f"{what}: {ended.group(1)} of {ended.group(2)}")
    progress.end()
    return run.returncode, "".join(output)


def run_static(build):
    """The checks that need no test program, as many at once as there are processors."""
    checks = (
        ("headers", ["tools/check_layers.py", "--headers"]),
        ("tidy", ["tools/tidy.py"]),
        ("format", ["tools/format.sh", "--check"]),
        ("layers", ["tools/check_layers.py"]),
        ("symbols", ["tools/check_symbols.py", str(build)]),
        ("tidy_test", ["tools/tidy_test.py"]),
        ("run_tests_test", ["tools/run_tests_test.py"]))

    def run_check(check):
        return subprocess.run(check[1], cwd=ROOT, text=True, capture_output=True, check=False)

    count = Count()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(run_check, checks))
    for (name, command), run in zip(checks, runs):
        if run.returncode == 0:
            count.passed += 1
        else:
            count.failed += 1
            show(f"static check {name} failed: {' '.join(command)}", run.stdout + run.stderr)
    print(f"static checks: {count}", flush=True)
    return count


def run_meson(build, options):
    """Runs Meson's tests and counts the cases of its log."""
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(build), "--no-rebuild", "-t", str(options.multiplier)]
    for suite in options.suite:
        command += ["--suite", suite]
    _, output = follow(command, "test programs done")
    count = Count()
    tests = []
    if log.exists():
        tests = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    if not tests:
        count.failed = 1
        show("no test ran", output)
        return count
    suites = {}  # a test is counted for the first of its suites
    seen = set()
    failures = []
    for test in sorted(tests, key=lambda test: test["name"]):
        suite, _, name = test["name"].partition(" / ")
        cases, trouble = count_test(test)
        names = suite.rpartition(":")[2].split("+")
        suites.setdefault(names[0], Count()).add(cases)
        seen.update(names)
        if cases.failed or options.verbose:
            title = f"{test['name']}: {cases}" + (f" ({trouble})" if trouble else "")
            show(title, test.get("stdout", "") + test.get("stderr", ""))
        if trouble and test.get("stderr", "").strip():
            trouble += ": " + " | ".join(test["stderr"].strip().splitlines()[-5:])[-FAILURE_SHOWN:]
        if cases.failed:
            failures += [f"{test['name']}: {failure}" for failure in cases.failures + [trouble] if failure]
        for case, reason in cases.skips:
            print(f"skipped in {test['name']}: {case}: {reason}")
        count.add(cases)
    for suite, cases in suites.items():
        print(f"{suite}: {cases}")
    for suite in options.suite:
        if suite not in seen:
            print(f"{suite}: no such test")
            count.failed += 1
    longest = sorted(tests, key=lambda test: -test["duration"])[:LONGEST_SHOWN]
    print("longest:", ", ".join(f"{test['name']} {test['duration']:.0f} s" for test in longest))
    for failure in failures:
        print(f"failed in {failure}")
    return count


def introspect(build, what):
    run = subprocess.run(["meson", "introspect", what, str(build)], text=True, capture_output=True,
                         check=True)
    return json.loads(run.stdout)


def targets_of(build, suites):
    """The targets that the tests of these suites need, for ninja; all targets without suites."""
    if not suites:
        return []
    files = {target["id"]: target["filename"] for target in introspect(build, "--targets")}
    wanted = set()
    for test in introspect(build, "--tests"):
        if not any(suite.rpartition(":")[2] in suites for suite in test["suite"]):
            continue
        needed = list(test["cmd"])
        for target in test.get("depends", []):
            needed += files.get(target, [])
        built = {name for names in files.values() for name in names}
        wanted.update(name for name in needed if name in built)
    return sorted(os.path.relpath(name, build) for name in wanted)


def run_build(build, suites, static):
    targets = targets_of(build, suites)
    if targets and static:  # check_symbols.py looks at the shared library
        targets += [os.path.relpath(name, build) for target in introspect(build, "--targets")
                    if target["type"] == "shared library" for name in target["filename"]]
    status, output = follow(["ninja", "-C", str(build), *targets], "building")
    if status != 0:
        show("the build failed", output)
    return status == 0


@contextlib.contextmanager
def temporary_files(in_memory):
    """Sets TMPDIR while the tests run."""
    memory = "/dev/shm"
    if (not in_memory or "TMPDIR" in os.environ or not os.access(memory, os.W_OK) or
            os.statvfs(memory).f_flag & os.ST_NOEXEC or shutil.disk_usage(memory).free < MEMORY_MIN):
        yield
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="ft.", ignore_cleanup_errors=True) as path:
        os.environ["TMPDIR"] = path  # short: it begins the names of sockets
        try:
            yield
        finally:
            del os.environ["TMPDIR"]


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("--multiplier", type=float, default=1)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    build = options.build.resolve()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    started = time.monotonic()
    count = Count()
    if run_build(build, options.suite, options.static):
        if options.static:
            count.add(run_static(build))
        with temporary_files(options.in_memory):
            count.add(run_meson(build, options))
    else:
        count.failed = 1
    print(f"took {duration(time.monotonic() - started)} minutes")
    print(count)
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
