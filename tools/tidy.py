#!/usr/bin/env python3
"""Checks what a reader should not have to check. tidy_test.py tests it.

For C: lines of 100 columns, functions of 70 lines, files of 1000 (internal headers 250), an opening
comment in every file of src/, include/ and tests/support/, no banned function.
Every .c and every test script is named by a meson.build.
For prose: none of the words that readers have to decode (WORDS).
For all text: no FIXME, TODO only with the number of an issue, no path of one machine.

Prints one line for each breach, and exits with 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 1000
HEADER_LINES_MAX = 250

# (functions, what to use instead, where they are allowed)
BANNED = [
    ("strcpy stpcpy wcscpy", "fct_buf, memcpy of a known size", ()),
    ("strcat strncat wcscat", "fct_buf", ()),
    ("sprintf vsprintf", "snprintf", ()),
    ("gets", "fgets", ()),
    ("scanf sscanf fscanf", "a parser that sees overflow", ("tests/", "bench/")),
    ("strtok", "fct_slice", ("bench/",)),
    ("atoi atol atoll atof", "strtoll and its errors, or fct_slice", ("bench/",)),
    ("alloca", "an arena, or a fixed array", ()),
    ("setjmp longjmp sigsetjmp siglongjmp", "a status", ()),
    ("rand srand random srandom rand_r drand48", "fct_random, or the random of os", ()),
    ("tmpnam tempnam mktemp", "mkstemp, mkdtemp", ()),
    ("system popen", "posix_spawn, with arguments", ("tests/", "bench/")),
    ("asctime ctime gmtime localtime", "fct_time_text, gmtime_r", ()),
    ("strerror", "the text of factum_error, strerror_r", ("src/core/status.c", "src/cli/", "tests/", "bench/", "examples/")),
    ("malloc calloc realloc reallocarray aligned_alloc posix_memalign free strdup strndup",
     "struct fct_mem (core/mem.h)",
     ("src/core/mem.c", "src/os/", "src/sim/sim_node.c", "src/cli/", "tests/", "bench/",
      "examples/")),
]
# Words that readers have to decode, and what to write instead (CONTRIBUTING.md, Prose).
WORDS = [
    (r"anew|afresh", "again, create again, rebuild"),
    (r"of late", "recent"),
    (r"untold", "undelivered"),
    (r"what of", "name the thing"),
    (r"(?:is|are|was|were) none(?!,)", "none exists, no X exists"),
    (r"but for", "except"),
    (r"patience", "spin budget"),
    (r"crowds?", "waiting callers"),
    (r"doomed", "obsolete"),
    (r"set aside", "quarantine"),
    (r"it is there\b(?! (?:are|is|was))", "it exists"),
    (r"hereby|whereof|whereby|thereof|therein|herein|wherein|thereby", "plain words"),
]
WORD = re.compile(r"(?<![\w-])(?:" + "|".join(f"({words})" for words, _ in WORDS).replace(" ", r"\s+")
                  + r")(?![\w-])", re.IGNORECASE)
COMMENT_EDGE = re.compile(r"\n[ \t]*(?:\*|#|//)")
PROSE = (".c", ".h", ".md", ".py", ".sh", ".mjs", ".build", ".proto", ".1", ".sql", ".yaml")
# Texts of others, generated code, and the page that lists the words.
NO_PROSE = ("tools/tidy", "tests/generate/", "tests/schema/data/", "CONTRIBUTING.md")
FOLDERS = (".ci", "bench", "docs", "examples", "include", "src", "tests", "tools")
C_FOLDERS = ("src/", "include/", "tests/", "examples/", "bench/")
MACHINE = re.compile(r"(?<![\w.$}*~:/-])/(work|root|home)/\w")
TEMPORARY = re.compile(r"(?<![\w.$}-])/tmp\b")
COMMENT_OR_TEXT = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def blank(text):
    """The code alone: comments and literals become spaces, lines stay where they are."""
    return COMMENT_OR_TEXT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def functions(code):
    """(name, first line, last line) of each function: its braces stand in the first column."""
    lines = code.split("\n")
    opened = None
    for number, line in enumerate(lines):
        if line == "{":
            first = number
            while first > 0 and lines[first - 1].strip() and not re.search(
                    r"[;}]\s*$|^\s*#|\\$", lines[first - 1]):
                first -= 1
            opened = first
        elif line == "}" and opened is not None:
            head = re.search(r"(\w+)\s*\(", " ".join(lines[opened:number]))
            yield head.group(1) if head else "?", opened + 1, number + 1
            opened = None


def banned_calls(name, code):
    for words, instead, allowed in BANNED:
        if name.startswith(allowed):
            continue
        pattern = r"(?<![\w.>])(?:" + "|".join(words.split()) + r")\s*\("
        for found in re.finditer(pattern, code):
            word = found.group().rstrip("( \t\n")
            before = code[code.rfind("\n", 0, found.start()) + 1:found.start()]
            if re.search(r"\bvoid\s*\*?\s*$|\(\s*\*$", before):
                continue  # a member or a declaration of that name
            yield code.count("\n", 0, found.start()) + 1, f"{word}: use {instead}"


def check_c(name, text):
    """The breaches of one C file, as (line, text)."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {COLUMNS_MAX}"
        if line != line.rstrip() or "\t" in line:
            yield number, "a tab, or a space at the end"
    internal_header = name.startswith("src/") and name.endswith(".h")
    limit = HEADER_LINES_MAX if internal_header else FILE_LINES_MAX
    if len(lines) - 1 > limit:
        yield 1, f"{len(lines) - 1} lines, at most {limit}"
    base = name.rsplit("/", 1)[-1]
    if name.startswith(("src/", "include/", "tests/support/")) and not text.startswith(f"/* {base} - "):
        yield 1, f'does not open with "/* {base} - what it is"'
    code = blank(text)
    for function, first, last in functions(code):
        if last - first > FUNCTION_LINES_MAX:
            yield first, f"{function}: {last - first} lines, at most {FUNCTION_LINES_MAX}"
    yield from banned_calls(name, code)
    if not name.startswith(("tests/", "bench/")) and not name.endswith("_test.c"):
        for found in TEMPORARY.finditer(text):
            yield text.count("\n", 0, found.start()) + 1, "a path of this machine"


def check_text(name, text):
    """What holds for every text file."""
    if name.startswith("tools/tidy"):
        return  # speaks of these words
    for number, line in enumerate(text.split("\n"), 1):
        if re.search(r"\bFIXME\b|\bXXX\b", line):
            yield number, "FIXME: mend it, or TODO(#issue)"
        if re.search(r"\bTODO\b(?!\(#(?:\d+|n)\))", line):
            yield number, "TODO without the number of its issue: TODO(#n)"
        if MACHINE.search(line):
            yield number, "a path of this machine"


def check_words(name, text):
    """Banned words: in comments and texts of C, anywhere in other prose."""
    if not name.endswith(PROSE) or name.startswith(NO_PROSE):
        return
    if name.endswith((".c", ".h")):
        prose = [(m.start(), m.group()) for m in COMMENT_OR_TEXT.finditer(text)]
    else:
        prose = [(0, text)]
    for start, part in prose:
        part = COMMENT_EDGE.sub(lambda m: "\n" + " " * (len(m.group()) - 1), part)
        for found in WORD.finditer(part):
            said = " ".join(found.group().split())
            if said.endswith(("None", "NONE")):
                continue  # Python's, and constants
            yield text.count("\n", 0, start + found.start()) + 1, f'"{said}": {WORDS[found.lastindex - 1][1]}'


def is_built(root, name):
    """A meson.build beside it or above names it."""
    path = pathlib.PurePosixPath(name)
    for folder in path.parents:
        build = root / folder / "meson.build"
        if not build.exists():
            continue
        text = build.read_text(encoding="utf-8")
        words = [path.relative_to(folder).as_posix()]
        for ending in ("_test.c", "_fuzz.c", ".c"):
            if name.endswith(ending):
                words.append(words[0][:-len(ending)])  # in a list of tests, targets or programs
        if any(f"'{word}'" in text for word in words):
            return True
    return False


def tracked(root):
    """What git tracks: a file that a user left in the clone is not looked at. In a tree without
    git, what lies in the folders of the project."""
    try:
        run = subprocess.run(["git", "ls-files", "-z", "--cached"], cwd=root, capture_output=True,
                             text=True, check=False)
        names = [name for name in run.stdout.split("\0") if name]
    except FileNotFoundError:
        names = []
    if not names:  # also if the tree is inside another clone, which does not track it
        names = [path.relative_to(root).as_posix()
                 for folder in FOLDERS for path in (root / folder).rglob("*")]
    return sorted(name for name in set(names) if (root / name).is_file())


def check_tree(root):
    breaches = []
    for name in tracked(root):
        try:
            text = (root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if "/corpus/" not in name and "/golden/" not in name:
            breaches += [(name, *b) for b in check_text(name, text)]
            breaches += [(name, *b) for b in check_words(name, text)]
        if name.startswith(C_FOLDERS) and name.endswith((".c", ".h")):
            breaches += [(name, *b) for b in check_c(name, text)]
        runs = name.startswith(C_FOLDERS) and name.endswith(".c")
        tests = name.startswith("tests/") and name.endswith(("_test.sh", "_test.py"))
        if (runs or tests) and not is_built(root, name):
            breaches.append((name, 1, "no meson.build names it"))
    return breaches


def main():
    breaches = check_tree(ROOT)
    for name, line, text in breaches:
        print(f"{name}:{line}: {text}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
