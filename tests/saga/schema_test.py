#!/usr/bin/env python3
"""schema_test.py - docs/saga.schema.json against the definitions of this folder: it accepts all sound ones, and
refuses the wrong ones whose first line demands it. Prints TAP; skipped without python3-yaml.

    schema_test.py        FACTUM names the program
"""
import json
import os
import pathlib
import re
import subprocess
import sys

try:
    import yaml
except ImportError:
    print("1..0 # SKIP python3-yaml is not installed")
    sys.exit(0)

FACTUM = os.environ["FACTUM"]
HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = json.loads((HERE.parents[1] / "docs" / "saga.schema.json").read_text(encoding="utf-8"))
JSON_WORD = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z|true\Z|false\Z|null\Z")


def value_of(node):
    """A node as JSON, by the rules of definitions: a plain scalar is a string unless it is one of JSON's words or numbers."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: value_of(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    if node.style is None and node.value == "":
        return None
    if node.style is None and JSON_WORD.match(node.value):
        return json.loads(node.value)
    return node.value


def judge(documents):
    """The validator's answer to each document."""
    lines = "".join(json.dumps({"schema": SCHEMA, "data": d}) + "\n" for d in documents)
    done = subprocess.run([FACTUM, "schema", "validate", "--batch"], input=lines, check=True, capture_output=True,
                          text=True, encoding="utf-8", timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def cases():
    """Each file with whether the schema must accept it. Files that are not valid YAML are left to the loader's tests."""
    found = []
    for path in sorted(HERE.glob("definitions/**/*.yaml")):
        text = path.read_text(encoding="utf-8")
        first = text.splitlines()[0].split()
        wrong = path.parent.name == "wrong"
        if wrong and first[2] == "yaml":
            continue
        found.append((path, value_of(yaml.compose(text)), not (wrong and first[-1] == "schema")))
    return found


def main():
    found = cases()
    answers = judge([document for _, document, _ in found])
    failed = len(answers) != len(found) or len(found) < 80
    print(f"1..{len(found)}")
    for number, ((path, _, accepted), answer) in enumerate(zip(found, answers), 1):
        good = answer["valid"] is accepted
        failed = failed or not good
        print(f"{'ok' if good else 'not ok'} {number} - {path.relative_to(HERE)}"
              f" is {'accepted' if accepted else 'refused'}")
        if not good:
            print(f"# {json.dumps(answer)[:500]}")
    sys.exit(1 if failed else 0)


main()
