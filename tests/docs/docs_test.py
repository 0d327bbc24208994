#!/usr/bin/env python3
"""Runs what the documentation shows, so that it stays true. Prints TAP.

README.md, docs/guide/*.md and examples/README.md are read from top to bottom, each in a fresh directory:

    ```sh              a block of commands, run by bash -e with the built programs on PATH
    ```sh exit=4       the same; it has to end with this status
    ```sh skip         not run here; may only name targets of the Makefile ("make demo"), which must exist
    ```sh install      needs an installation: tests/integration/install_test.sh runs it
    ```sh needs=a,b    the same as sh, where the programs a and b are on PATH, otherwise skipped. "py:grpc" is a
                       module of python3, "network" the environment variable FACTUM_NETWORK, "sql" a library
                       with read models (FACTUM_SQL, set by meson.build), "saga" one with sagas (FACTUM_SAGA)
    ```js file=a.mjs   any language: the block becomes a file for the commands that follow
    ```c               with a main(): compiled with warnings as errors, and run;
                       without: compiled inside a function, not run
    ```text            right after one of them: what it prints, standard error included. "..." stands for
                       any text in a line, or alone on a line for any lines

A server that a block leaves in the background runs until the end of the page. ":2113" in blocks and in what they
print stands for a free port, on which `factum serve` listens by default.

Other blocks are not run. Links between the files are checked too, those inside docs/ as well. Every command
and option that the command line knows is in its help, the man page and docs/reference.md. Every function of the
public headers is in docs/reference.md. Every file, function and test that docs/internals/*.md names exists.

Environment, set by tests/docs/meson.build: FACTUM_BIN_PATH (directories, ':'), FACTUM_INCLUDE (directories,
':'), FACTUM_LIBRARY (the library's file, then flags for the linker), CC.
"""
import fnmatch
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIME_LIMIT = 120
PORT = 0  # a free one for each page
SESSIONS = []  # of the commands of a page: what they leave running ends with it
WARNINGS = ["-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
PRELUDE = """#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <factum/delivery.h>
#include <factum/factum.h>
#include <factum/model_rows.h>
#include <factum/participant.h>
#include <factum/remote.h>
#include <factum/server.h>
factum_status snippet(factum_store *store, factum_error *err);
factum_status snippet(factum_store *store, factum_error *err)
{
    factum_status status = FACTUM_OK;
    (void)status; (void)store; (void)err;
"""


class Block:
    def __init__(self, language, options, text, line, expected):
        self.language, self.options, self.text = language, options, text
        self.line, self.expected = line, expected


def blocks_of(path):
    """The blocks of a file, each with the text block that follows it, if any."""
    found = []
    lines = path.read_text(encoding="utf-8").split("\n")
    inside = None
    last_end = -1
    for number, line in enumerate(lines, 1):
        if inside is None and line.startswith("```"):
            words = line[3:].split()
            inside = (words[0] if words else "", words[1:], number)
            body = []
        elif inside is not None and line.startswith("```"):
            language, options, start = inside
            follows = all(not l.strip() for l in lines[last_end:start - 1]) and last_end >= 0
            if language == "text" and found and follows and found[-1].expected is None:
                found[-1].expected = body
            elif language != "text":
                found.append(Block(language, options, "\n".join(body) + "\n", start, None))
            last_end = number if language != "text" else -1
            inside = None
        elif inside is not None:
            body.append(line)
    return found


def matches(expected, actual):
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            parts = [re.escape(part) for part in line.rstrip().split("...")]
            pattern += r"[^\n]*?".join(parts) + r"[ \t]*\n"
    return re.fullmatch(pattern, actual.rstrip("\n") + "\n") is not None


def environment(directory):
    own = ("GIT_", "FACTUM_")  # ours, not a user's
    env = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    env["PATH"] = os.environ.get("FACTUM_BIN_PATH", "") + ":" + env.get("PATH", "")
    env.update(TZ="UTC", LC_ALL="C.UTF-8", NO_COLOR="1", HOME=str(directory))
    env["PROTO"] = str(ROOT / "proto")
    env["EXAMPLES"] = str(ROOT / "examples")
    if PORT:
        env["FACTUM_LISTEN"] = f"127.0.0.1:{PORT}"
    return env


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ported(text):
    return re.sub(r"(?<=[:\s])2113\b", str(PORT), text) if PORT else text


def end_sessions():
    for session in SESSIONS:
        try:
            os.killpg(session, signal.SIGKILL)
        except ProcessLookupError:
            pass
    SESSIONS.clear()


def lacking(needs):
    """The first need of a block that is missing here, or None."""
    for need in needs:
        if need == "network":
            here = bool(os.environ.get("FACTUM_NETWORK"))
        elif need == "sql":
            here = bool(os.environ.get("FACTUM_SQL"))
        elif need == "saga":
            here = bool(os.environ.get("FACTUM_SAGA"))
        elif need.startswith("py:"):
            here = subprocess.run(["python3", "-c", f"import {need[3:]}"], check=False,
                                  stderr=subprocess.DEVNULL).returncode == 0
        else:
            here = shutil.which(need) is not None
        if not here:
            return need
    return None


def run(command, directory):
    with subprocess.Popen(command, cwd=directory, env=environment(directory),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True) as process:
        SESSIONS.append(process.pid)
        try:
            output, _ = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            end_sessions()
            output, _ = process.communicate()
            return 124, output.decode("utf-8", "replace") + "\n(timed out)\n"
    return process.returncode, output.decode("utf-8", "replace")


def compiler():
    command = shlex.split(os.environ.get("CC", "cc")) + WARNINGS
    for directory in os.environ.get("FACTUM_INCLUDE", str(ROOT / "include")).split(":"):
        command += ["-I", directory]
    return command


def run_shell(block, directory):
    if "skip" in block.options:
        makefile = (ROOT / "Makefile").read_text() if (ROOT / "Makefile").exists() else ""
        for line in filter(None, map(str.strip, block.text.split("\n"))):
            words = line.split("#")[0].split()
            if words[0] != "make":
                return f"a skipped block may hold only make: {line}"
            for target in words[1:]:
                if "=" not in target and not re.search(rf"^[^\t#]*\b{re.escape(target)}\b[^=]*:",
                                                       makefile, re.MULTILINE):
                    return f"the Makefile has no target {target}"
        return None
    wanted = next((int(o[5:]) for o in block.options if o.startswith("exit=")), 0)
    status, output = run(["bash", "-e", "-o", "pipefail", "-c", ported(block.text)], directory)
    return judge(block, status, wanted, output)


def run_c(block, directory):
    source = directory / "example.c"
    if "int main(" not in block.text:
        source.write_text(PRELUDE + block.text + "\n    return status;\n}\n")
        flags = ["-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-unused-parameter",
                 "-Wno-unused-function", "-Wno-unused-value"]
        status, output = run(compiler() + flags + ["-fsyntax-only", str(source)], directory)
        return judge(block, status, 0, output)
    source.write_text(block.text)
    program = str(directory / "example")
    library = shlex.split(os.environ.get("FACTUM_LIBRARY", "-lfactum"))
    status, output = run(compiler() + [str(source), "-o", program] + library, directory)
    if status == 0:
        status, output = run([program], directory)
    return judge(block, status, 0, output)


def judge(block, status, wanted, output):
    if status != wanted:
        return f"ended with {status}, not {wanted}:\n{output}"
    expected = None if block.expected is None else [ported(line) for line in block.expected]
    if expected is not None and not matches(expected, output):
        return "printed something else:\n" + output + "instead of:\n" + "\n".join(expected)
    return None


def slug(heading):
    text = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def broken_links(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        if not file.exists():
            broken.append(target)
        elif anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            if anchor not in map(slug, headings):
                broken.append(target)
    return broken


def commands_of():
    """{command: its options}, as the program's bash completion has them."""
    status, script = run(["factum", "completions", "bash"], ROOT)
    found = re.findall(r"^    ([a-z]+)\) COMPREPLY=\(\$\(compgen -W '([^']*)'", script, re.MULTILINE)
    return {} if status != 0 else {name: options.split() for name, options in found}


def undescribed(command, options):
    """The parts of a command that its help, the man page or the reference lack, or None."""
    _, usage = run(["factum", command, "--help"], ROOT)
    manual = (ROOT / "docs" / "man" / "factum.1").read_text(encoding="utf-8")
    manual = re.sub(r"\\f[BIR]", "", manual).replace("\\-", "-")
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = []
    for name, text in (("--help", usage), ("the man page", manual), ("docs/reference.md", reference)):
        words = [command] + [o for o in options if o != "--help"]
        lost = [w for w in words if not re.search(rf"(?<![\w-]){w}(?![\w-])", text)]
        missing += [f"{name}: {', '.join(lost)}"] if lost else []
    return "\n".join(missing) or None


def undocumented_functions():
    """The functions of include/factum that no row of docs/reference.md names. In a row `factum_list_open`, `_next`
    name factum_list_open and factum_list_next, and `factum_typed_...` all functions that begin so."""
    functions = []
    for header in sorted((ROOT / "include" / "factum").glob("*.h")):
        code = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
        functions += re.findall(r"^(?:FACTUM_API|static inline)[^;{]*?\b(factum_\w+)\(", code, re.M)
    named, beginnings = set(), ()
    for row in (ROOT / "docs" / "reference.md").read_text(encoding="utf-8").split("\n"):
        whole = re.findall(r"\bfactum_\w+\b(?!\.\.\.)", row)
        named.update(whole)
        beginnings += tuple(re.findall(r"\b(factum_\w+)\.\.\.", row))
        for ending in re.findall(r"(?<!\w)_\w+", row):
            for name in whole:
                words = name.split("_")
                named.update("_".join(words[:n]) + ending for n in range(1, len(words)))
    lost = [name for name in functions if name not in named and not name.startswith(beginnings)]
    return ", ".join(lost) or None


def unknown_names(path, files, words):
    """The files and the identifiers that a page names and the tree does not have."""
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"(?<![\w/*.-])[\w*][\w*/-]*\.(?:\[ch\]|c|h|py|sh|toml|patch|build)(?!\w)", text))
    lost = [name for name in names
            if not re.search(r"\bNAME\b", name) and not any(fnmatch.fnmatch("/" + file, "*/" + name) for file in files)]
    lost += set(re.findall(r"(?<![\w.*/$-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w*/.-])", text)) - words
    return ", ".join(sorted(lost)) or None


def option(block, name):
    return next((o[len(name) + 1:] for o in block.options if o.startswith(name + "=")), None)


def run_page(path, name, directory, tap):
    global PORT
    PORT = free_port()
    for block in blocks_of(path):
        runner = {"sh": run_shell, "c": run_c}.get(block.language)
        file = option(block, "file")
        if file is not None:
            (directory / file).write_text(ported(block.text), encoding="utf-8")
        elif runner is not None and "install" not in block.options:
            first = block.text.strip().split("\n")[0]
            say = f"{name}:{block.line} {first}".replace("#", "\\#")
            needs = option(block, "needs")
            lack = lacking(needs.split(",")) if needs else None
            if lack is not None:
                tap.skip(say, f"no {lack}")
            else:
                tap.say(say, runner(block, directory))
    end_sessions()
    PORT = 0


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)

    def say(self, name, problem):
        self.count += 1
        self.failed += problem is not None
        print(f"{'not ok' if problem else 'ok'} {self.count} - {name}", flush=True)
        if problem:
            print("\n".join("# " + line for line in problem.rstrip().split("\n")), flush=True)


def main():
    runnable = [ROOT / "README.md"] + sorted((ROOT / "docs" / "guide").glob("*.md"))
    runnable.append(ROOT / "examples" / "README.md")
    wanted = sys.argv[1:]
    tap = Tap()
    for path in runnable:
        name = str(path.relative_to(ROOT))
        if wanted and name not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="factum-docs-") as directory:
            run_page(path, name, pathlib.Path(directory), tap)
    for path in runnable + sorted((ROOT / "docs").glob("*.md")) + sorted(
            (ROOT / "docs" / "internals").glob("*.md")):
        if not wanted:
            broken = broken_links(path)
            tap.say(f"links of {path.relative_to(ROOT)}",
                    "broken: " + ", ".join(broken) if broken else None)
    if not wanted:
        tap.say("docs/reference.md has every public function", undocumented_functions())
        folders = ("src", "include", "tests", "tools")
        files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
        words = set()
        for file in files:
            words.add(file.stem)
            if file.suffix in (".c", ".h", ".py", ".sh", ".build", ".proto"):
                words.update(re.findall(r"\w+", file.read_text(encoding="utf-8", errors="replace")))
        for path in sorted((ROOT / "docs" / "internals").glob("*.md")):
            tap.say(f"names in {path.relative_to(ROOT)}",
                    unknown_names(path, [str(file.relative_to(ROOT)) for file in files], words))
        commands = commands_of()
        tap.say("the program lists its commands", None if len(commands) > 10 else "fewer than 11")
        for command, options in commands.items():
            tap.say(f"factum {command} is described", undescribed(command, options))
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
