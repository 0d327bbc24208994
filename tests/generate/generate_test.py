#!/usr/bin/env python3
"""Generates types from schemas that are hard on a generator, compiles and runs them. Prints TAP.

Each file of sets/ is one category:

    {"category": "order", "options": ["--keep-unknown"],
     "types": {"OrderPlaced": {schema}},
     "events": [["OrderPlaced", {data}]],                   parsed and printed: the same by value
     "lost": [["OrderPlaced", {data}, {printed}]],          members that the type does not name
     "refused": [["OrderPlaced", {data}, "text of the error"]],
     "header": ["text that stands in the header"]}

The generated files are compiled as C99 and as C++17, by gcc and by clang where installed, with
warnings as errors, and the resulting program (roundtrip.c) runs the events.

Environment, set by tests/generate/meson.build: FACTUM, FACTUM_LIBRARY, FACTUM_INCLUDE.
"""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FACTUM = shlex.split(os.environ.get("FACTUM", "factum"))
INCLUDE = os.environ.get("FACTUM_INCLUDE", str(ROOT / "include"))
LIBRARY = shlex.split(os.environ.get("FACTUM_LIBRARY", "-lfactum"))
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Wswitch-enum", "-Werror"]
# The first and the last build a program; the others only compile, to see the warnings of each.
COMPILERS = [("gcc", ["-std=c99"]), ("clang", ["-std=c99"]),
             ("g++", ["-x", "c++", "-std=c++17"]), ("clang++", ["-x", "c++", "-std=c++17"])]

FOLD = """#include "{name}.gen.h"
int fold(const {name}_event *event);
int fold(const {name}_event *event)
{{
    switch (event->type) {{
{cases}    }}
    return 0;
}}
"""


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def say(self, name, problem):
        self.count += 1
        self.failed += problem is not None
        print(f"{'not ok' if problem else 'ok'} {self.count} - {name}".replace("#", "\\#"), flush=True)
        if problem:
            print("\n".join("# " + line for line in problem.rstrip().split("\n")), flush=True)

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)
    return done.returncode, done.stdout, done.stderr


def write_schemas(folder, types):
    folder.mkdir(parents=True)
    for name, schema in types.items():
        (folder / f"{name}.json").write_text(json.dumps(schema), encoding="utf-8")


def generate(category, source, target, *options):
    return run(FACTUM + ["schema", "generate", category, "--from", str(source), "--to", str(target),
                         *options])


def compile_all(folder, name, tap, label):
    """The programs that were built, by compiler."""
    programs = []
    for compiler, flags in COMPILERS:
        say = f"{label}: {compiler} {flags[-1]}"
        if shutil.which(compiler) is None:
            tap.skip(say, f"no {compiler}")
            continue
        program = folder / compiler
        runs = compiler in ("gcc", "clang++")
        ends = ["-x", "none", *LIBRARY, "-o", str(program)] if runs else ["-fsyntax-only"]
        status, _, errors = run(
            [compiler, *WARNINGS, "-I", INCLUDE, "-I", str(folder),
             f'-DHEADER="{name}.gen.h"', f"-DPREFIX={name}", *flags, str(HERE / "roundtrip.c"),
             str(folder / f"{name}.gen.c"), *ends])
        tap.say(say, errors[:3000] if status != 0 else None)
        if status == 0 and runs:
            programs.append((compiler, program))
    return programs


def judge(line, kind, wanted):
    """The fault of the answer to one event, or None."""
    if kind == "events":
        return None if line == "ok" else line
    if kind == "lost":
        if line.startswith("lost ") and json.loads(line[5:]) == wanted:
            return None
        return line
    return None if line.startswith("refused") and wanted in line else f"{line}, not {wanted}"


def run_events(program, tests):
    lines = [(kind, test) for kind in ("events", "lost", "refused") for test in tests.get(kind, [])]
    text = "".join(f"{test[0]}\t{test[1] if isinstance(test[1], str) else json.dumps(test[1])}\n"
                   for _, test in lines)
    status, output, errors = run([str(program)], input=text)
    answers = output.split("\n")[:-1]
    if status != 0 or len(answers) != len(lines):
        return f"ended with {status} after {len(answers)} of {len(lines)} events: {errors}"
    problems = []
    for (kind, test), answer in zip(lines, answers):
        problem = judge(answer, kind, test[2] if len(test) > 2 else None)
        if problem:
            problems.append(f"{test[0]} {test[1]}: {problem}")
    return "\n".join(problems) or None


def test_set(path, folder, tap):
    tests = json.loads(path.read_text(encoding="utf-8"))
    label = path.stem
    write_schemas(folder / "schemas", tests["types"])
    status, output, errors = generate(tests["category"], folder / "schemas", folder, "--json",
                                      *tests.get("options", []))
    tap.say(f"{label}: generated", errors or output if status != 0 else None)
    if status != 0:
        return
    header = pathlib.Path(json.loads(output)["files"][0])
    name = header.name[:-len(".gen.h")]
    text = header.read_text(encoding="utf-8")
    missing = [part for part in tests.get("header", []) if part not in text]
    tap.say(f"{label}: the header has what is wanted", "\n".join(missing) or None)
    for compiler, program in compile_all(folder, name, tap, label):
        tap.say(f"{label}: events, by {compiler}", run_events(program, tests))


def test_new_type_breaks_folds(folder, tap):
    """A fold that names all types compiles without flags; when the schemas have one more type, it does not."""
    schema = {"type": "object"}
    types = {"Opened": schema, "Closed": schema}
    cases = "".join(f"    case DOOR_{name.upper()}:\n        break;\n" for name in types)
    write_schemas(folder / "two", types)
    write_schemas(folder / "three", {**types, "Locked": schema})
    (folder / "fold.c").write_text(FOLD.format(name="door", cases=cases), encoding="utf-8")
    for schemas, good in (("two", True), ("three", False)):
        status, _, errors = generate("door", folder / schemas, folder)
        if status != 0:
            tap.say(f"a fold over {schemas} types", errors)
            continue
        for compiler, flags in COMPILERS:
            say = f"a fold of two over {schemas} types {'compiles' if good else 'does not compile'}: {compiler}"
            if shutil.which(compiler) is None:
                tap.skip(say, f"no {compiler}")
                continue
            status, _, errors = run([compiler, *flags, "-I", INCLUDE, "-I", str(folder), "-c",
                                     str(folder / "fold.c"), "-o", "/dev/null"])
            named = "DOOR_LOCKED" in errors
            tap.say(say, None if (status == 0) == good and named != good else errors or "it compiles")


def test_golden(folder, tap):
    """The generated types in the repository are what the generator writes today, byte by byte."""
    for kept in ("tests/golden/generated", "examples/orders"):
        made = folder / kept
        made.mkdir(parents=True)
        status, _, errors = generate("order", ROOT / kept / "schemas", made)
        if status != 0:
            tap.say(f"golden {kept}", errors)
            continue
        for file in ("order.gen.h", "order.gen.c"):
            same = (ROOT / kept / file).read_bytes() == (made / file).read_bytes()
            tap.say(f"golden {kept}/{file}", None if same else
                    f"differs; if that is wanted: factum schema generate order --from "
                    f"{kept}/schemas --to {kept}")


def test_command(folder, tap):
    """How the command treats files and directories."""
    def expect(say, wanted, part, category, source, *options):
        status, output, errors = generate(category, folder / source, folder, *options)
        good = status == wanted and part in output + errors
        tap.say(f"the command: {say}", None if good else f"{status}, not {wanted}: {output}{errors}")
        return output

    schemas = folder / "shop"
    write_schemas(schemas, {"Opened": {"type": "object"}})
    write_schemas(schemas / "Sold", {"2": {"properties": {"stale": True}}, "10": {"properties": {"fresh": True}}})
    (schemas / "notes.txt").write_text("no schema")
    (schemas / ".hidden.json").write_text("no schema")
    expect("writes", 0, "shop.gen.h", "shop", "shop")
    text = (folder / "shop.gen.h").read_text(encoding="utf-8")
    tap.say("the command: the newest version counts",
            None if " fresh;" in text and "stale" not in text else text)
    output = expect("lists files", 0, "shop.gen.c", "shop", "shop", "--json")
    answer = json.loads(output)
    tap.say("the command: reports whether something changed", None if answer["changed"] is False
            and answer["types"] == ["Opened", "Sold"] and answer["category"] == "shop" else output)
    (folder / "shop.gen.c").write_text("mine")
    (folder / "shop.gen.h").unlink()
    expect("leaves other files alone", 3, "exists and was not generated", "shop", "shop")
    tap.say("the command: writes both files or none",
            "the header exists" if (folder / "shop.gen.h").exists() else None)
    expect("overwrites by force", 0, "shop.gen.c", "shop", "shop", "--force")
    status, _, errors = generate("shop", folder / "shop", folder / "made")
    tap.say("the command: makes the directory that it writes to",
            None if status == 0 and (folder / "made" / "shop.gen.h").exists() else errors)
    expect("a directory that is missing", 4, "No such file", "shop", "nowhere")
    (folder / "empty").mkdir()
    expect("a directory without schemas", 4, "has no schema", "shop", "empty")
    write_schemas(folder / "wrong", {"Bad": {"$ref": "#"}})
    expect("a schema with a loop", 2, "the schema of Bad: a $ref that leads to itself", "shop", "wrong")
    (folder / "wrong" / "Bad.json").write_text("{\n]")
    expect("a schema that is not JSON", 2, "the schema of Bad: not valid JSON", "shop", "wrong")
    (folder / "wrong" / "Bad.json").write_text(" " * (1 << 20) + "{}")
    expect("a schema over the limit", 2, "over the limit of 1048576 bytes", "shop", "wrong")
    write_schemas(schemas / "Opened", {"1": {}})
    expect("a type twice", 2, "there is both Opened.json and Opened/N.json", "shop", "shop")
    status, _, errors = run(FACTUM + ["schema", "generate", "shop", "--from", str(schemas)])
    tap.say("the command: --to is demanded", None if status == 2 and "--to" in errors else errors)
    status, _, errors = run(FACTUM + ["--store", str(folder / "store"), "schema", "generate", "shop",
                                      "--from", str(schemas), "--to", str(folder)])
    tap.say("the command: a directory and a store exclude each other",
            None if status == 2 and "exclude each other" in errors else errors)


def test_store(folder, tap):
    """The schemas of a store generate the same types as the same schemas in files."""
    def ask(*words, text=None):
        return run(FACTUM + ["--store", str(folder / "store"), *words], input=text)

    def expect(say, wanted, part, *words, text=None):
        status, output, errors = ask(*words, text=text)
        good = status == wanted and part in output + errors
        tap.say(f"from a store: {say}", None if good else f"{status}, not {wanted}: {output}{errors}")
        return output

    def register(subject, schema):
        status, output, errors = ask("schema", "register", subject, "-", text=json.dumps(schema))
        tap.say(f"from a store: {subject} is registered", output + errors if status else None)

    def member(name):
        return {"type": "object", "properties": {name: {"type": "integer"}}}

    # Closed has a schema for all categories, and shop has an event of it; Sold has one for shop. Other and
    # Unused are not shop's. Of Rare there are fewer events than in the category, of Closed more.
    for stream, event in (("shop-1", "Closed"), ("shop-1", "Sold"), ("bank-1", "Closed"),
                          ("bank-1", "Closed"), ("bank-1", "Closed"), ("bank-1", "Other"),
                          ("shop-2", "Rare"), ("shopping-1", "Unused")):
        ask("append", stream, event, "{}")
    expect("no schema", 4, "no schema for category shop", "schema", "generate", "shop", "--to", str(folder))
    register("shop/Opened", member("stale"))
    register("shop/Opened", member("fresh"))
    for subject in ("Closed", "Sold", "Other", "Rare", "Unused"):
        register(subject, member("plain"))
    register("shop/Sold", member("own"))
    register("bank/Audited", member("bank"))
    output = expect("writes", 0, "shop.gen.h", "schema", "generate", "shop", "--to", str(folder), "--json")
    tap.say("from a store: the types of the category", None
            if json.loads(output or "{}").get("types") == ["Closed", "Opened", "Rare", "Sold"] else output)
    made = [(folder / f"shop.gen.{end}").read_bytes() for end in "hc"]
    write_schemas(folder / "files", {"Closed": member("plain"), "Opened": member("fresh"),
                                     "Rare": member("plain"), "Sold": member("own")})
    generate("shop", folder / "files", folder)
    tap.say("from a store: the same as from files", None
            if made == [(folder / f"shop.gen.{end}").read_bytes() for end in "hc"] else made[0].decode())
    expect("a category without events and schemas", 4, "no schema for category nothing", "schema",
           "generate", "nothing", "--to", str(folder))
    expect("a category that cannot be one", 2, "at most 1024", "schema", "generate", "x" * 2000, "--to", str(folder))
    status, _, errors = run(FACTUM + ["--store", str(folder / "nowhere"), "schema", "generate", "shop", "--to",
                                      str(folder)])
    tap.say("from a store: a missing store", None if status == 4 else f"{status}: {errors}")


def main():
    tap = Tap()
    wanted = sys.argv[1:]
    for path in sorted((HERE / "sets").glob("*.json")):
        if wanted and path.stem not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="factum-generate-") as folder:
            test_set(path, pathlib.Path(folder), tap)
    if not wanted:
        for test in (test_command, test_store, test_new_type_breaks_folds, test_golden):
            with tempfile.TemporaryDirectory(prefix="factum-generate-") as folder:
                test(pathlib.Path(folder), tap)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
