#!/usr/bin/env python3
"""Is each seeded defect found? find_bugs.py [OPTION]... BUILD_DIRECTORY PROGRAM...

    --bug NAME          only this defect, and its negative control; may be repeated
    --archive OLD=NEW   link the archive NEW, which has one object for each source, instead of OLD

tests/crash/bugs/NAME.patch is a defect: a unified diff against the sources, after two lines of words:

    Defect: an append is acknowledged although the sync of its batch was skipped.
    Found by: log_crash FCT_CRASH_IMAGES=6000

The runner copies the sources that the patch names, applies the patch to the copies, compiles them by the
build's own commands, and links the program that the patch names with these objects before the archives of
the layers: their symbols are then defined already, and the linker takes no such member from an archive.
The program gets the settings in its environment, and must fail.

The negative control goes the same way with a patch that changes nothing, once for each program and its
settings: the program must pass. Prints TAP, a case for each control and each defect. A patch that does not
apply, or does not compile, fails its case.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM_SECONDS = 300
OUTPUT_LINES_MAX = 12

DEFECT = re.compile(r"^Defect: (.+)\.$")
FOUND_BY = re.compile(r"^Found by: (\w+)((?: \w+=\S+)*)$")
FILE = re.compile(r"^--- a/(\S+)")

# The defect in words, the program that finds it, its settings, and (source, diff) pairs.
Bug = collections.namedtuple("Bug", "name words program settings diffs")


class Trouble(Exception):
    """Why a case failed: one line, and what a command said."""

    def __init__(self, reason, said=""):
        super().__init__(reason)
        self.said = said


def run(command, trouble, **options):
    done = subprocess.run(command, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        raise Trouble(trouble, done.stdout)
    return done.stdout


def read_bug(path):
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    words = DEFECT.match(lines[0]) if lines else None
    found_by = FOUND_BY.match(lines[1]) if len(lines) > 1 else None
    if not words or not found_by:
        raise Trouble(f"bugs/{path.name} does not begin with a line \"Defect: ....\" and a line "
                      "\"Found by: PROGRAM [NAME=VALUE]...\"")
    diffs = []
    for line in lines[2:]:
        source = FILE.match(line)
        if source:
            diffs.append((source.group(1), []))
        if diffs:
            diffs[-1][1].append(line)
    if not diffs:
        raise Trouble(f"bugs/{path.name} changes no file: it has no line \"--- a/src/...\"")
    return Bug(path.stem, words.group(1), found_by.group(1), tuple(found_by.group(2).split()),
               tuple((source, "".join(diff)) for source, diff in diffs))


class Build:
    """The commands of a build directory: how a source is compiled, how a program is linked."""

    def __init__(self, directory, programs, archives):
        self.directory = directory
        self.archives = archives
        self.programs = {pathlib.Path(program).name: os.path.relpath(program, directory)
                         for program in programs}
        self.compiles = {}
        entries = json.loads((directory / "compile_commands.json").read_text(encoding="utf-8"))
        for entry in entries:
            source = (directory / entry["file"]).resolve()
            self.compiles.setdefault(source, shlex.split(entry["command"]))
        self.links = {name: shlex.split(run(["ninja", "-C", directory, "-t", "commands", "-s", target],
                                            f"ninja does not know how {target} is linked"))
                      for name, target in self.programs.items()}

    def compile(self, source, copy, out):
        command = self.compiles.get(ROOT / source)
        if command is None:
            raise Trouble(f"this build does not compile {source} as one file: add its layer to "
                          "bug_layers in tests/crash/meson.build")
        command = list(command)
        for option in ("-MF", "-MQ"):
            at = command.index(option)
            del command[at:at + 2]
        command.remove("-MD")
        command[command.index("-o") + 1] = str(out)
        command[command.index("-c") + 1] = str(copy)
        run([*command, "-w"], f"{source} with the patch does not compile", cwd=self.directory)

    def link(self, program, objects, out):
        command = [self.archives.get(word, word) for word in self.links[program]]
        at = command.index("-o") + 1
        command[at:at + 1] = [str(out), *map(str, objects)]
        run(command, f"{program} does not link with the patched object", cwd=self.directory)


def apply(bug, source, diff, copy):
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / source, copy)
    if diff:
        run(["patch", "--batch", "--forward", "--no-backup-if-mismatch", "--reject-file=-", copy],
            f"bugs/{bug.name}.patch no longer applies to {source}: renew it", input=diff)


def is_found(build, bug, directory):
    """(Does the program fail with the defect? what it printed)"""
    objects = []
    for source, diff in bug.diffs:
        if not (ROOT / source).exists():
            raise Trouble(f"bugs/{bug.name}.patch no longer applies to {source}: the file does not exist")
        copy = directory / source
        apply(bug, source, diff, copy)
        objects.append(copy.with_suffix(".o"))
        build.compile(source, copy, objects[-1])
    program = directory / bug.program
    build.link(bug.program, objects, program)
    environment = {**os.environ, **dict(setting.split("=", 1) for setting in bug.settings)}
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    try:
        done = subprocess.run([program], text=True, errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=PROGRAM_SECONDS,
                              env=environment, cwd=directory)
    except subprocess.TimeoutExpired as late:
        raise Trouble(f"{bug.program} did not end in {PROGRAM_SECONDS} seconds") from late
    program.unlink()
    return done.returncode != 0, done.stdout


def controls_of(bugs):
    """For each program and its settings a bug that changes nothing, in the file of the first defect."""
    controls = {}
    for bug in bugs:
        source = bug.diffs[0][0]
        controls.setdefault((bug.program, bug.settings),
                            Bug(f"control_{len(controls)}", "nothing is changed", bug.program,
                                bug.settings, ((source, ""),)))
    return list(controls.values())


def judge(build, scratch, bug, is_control):
    """(did the case pass? its name, what to say of a failure)"""
    name = f"{bug.name} is found by {bug.program}"
    if is_control:
        name = f"an empty patch is not found by {' '.join((bug.program, *bug.settings))}"
    try:
        if bug.program not in build.programs:
            raise Trouble(f"{bug.program} is no program of the seeded defects: add it to bug_programs "
                          "in tests/crash/meson.build")
        found, said = is_found(build, bug, scratch / bug.name)
    except Trouble as trouble:
        return False, name, f"{trouble}\n{trouble.said}"
    if is_control:
        return not found, name, f"{bug.program} fails without a defect\n{said}"
    return found, name, f"{bug.program} passes although {bug.words}\n{said}"


def print_case(number, passed, name, reason):
    print(f"{'ok' if passed else 'not ok'} {number} - {name}")
    if not passed:
        first, *rest = reason.rstrip().splitlines()
        for line in [first, *rest[-OUTPUT_LINES_MAX:]]:
            print(f"# {line}")
    sys.stdout.flush()
    return passed


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("--archive", action="append", default=[])
    parser.add_argument("--bug", action="append", default=[])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    directory = options.build.resolve()
    archives = dict(pair.split("=", 1) for pair in options.archive)
    try:
        patches = {path.stem: path for path in sorted((HERE / "bugs").glob("*.patch"))}
        for name in options.bug:
            if name not in patches:
                raise Trouble(f"tests/crash/bugs has no {name}.patch")
        bugs = [read_bug(path) for name, path in patches.items()
                if not options.bug or name in options.bug]
        build = Build(directory, options.programs, archives)
    except Trouble as trouble:
        print(f"Bail out! {trouble} {trouble.said}")
        return 1
    if not bugs:
        print("Bail out! tests/crash/bugs has no patch")
        return 1
    cases = [(bug, True) for bug in controls_of(bugs)] + [(bug, False) for bug in bugs]
    print(f"1..{len(cases)}", flush=True)
    with (tempfile.TemporaryDirectory(prefix="bugs-", dir=directory) as scratch,
          concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool):
        results = pool.map(lambda case: judge(build, pathlib.Path(scratch), *case), cases)
        passed = [print_case(number, *result) for number, result in enumerate(results, 1)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
