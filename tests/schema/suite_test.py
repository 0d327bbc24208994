#!/usr/bin/env python3
"""suite_test.py - runs files of JSON Schema's official test format through `factum schema validate --batch`.
Prints TAP: one case for each file, with its counts.

    suite_test.py         FACTUM names the program

Runs every required test of draft-06 and draft-07 in Debian's json-schema-test-suite, with the suite's remotes
under its own address, and the optional tests that are not about formats; skipped if the package is not
installed. Then runs the files in 2020-12/ and 2019-09/, which were written from the specifications. There, a
group may have "formats": true beside its "schema": then formats are checked. A test with "valid": null expects
that the schema is refused, with the text "error" in the answer. A test with "errors" lists the pointers and
texts that it expects, in order.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

FACTUM = os.environ["FACTUM"]
HERE = pathlib.Path(__file__).resolve().parent
DEBIAN = pathlib.Path(os.environ.get("JSON_SCHEMA_TEST_SUITE", "/usr/share/json-schema-test-suite"))
BASE = "http://localhost:1234/"
# Optional tests of 2018 with which today's specification disagrees, by file and description.
OPTIONAL_SKIPPED = {
    "zeroTerminatedFloats.json": "a whole float is an integer from draft-06 on",
    "format.json": "formats are annotations; formats/ here has cases for them",
    "content.json": "contentEncoding and contentMediaType are annotations",
    "ecmascript-regex.json": "checked by pattern_test.mjs",
}


def remotes():
    found = {}
    root = DEBIAN / "remotes"
    for path in sorted(root.rglob("*.json")):
        found[BASE + path.relative_to(root).as_posix()] = json.loads(path.read_text(encoding="utf-8"))
    return found


def batch(lines, *options):
    """The answers to lines, one for each."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([FACTUM, "schema", "validate", "--batch", *options], input=text, check=False,
                          capture_output=True, text=True, encoding="utf-8", timeout=300)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(answers) != len(lines):
        raise RuntimeError(f"exit {done.returncode}, {len(answers)} answers to {len(lines)} lines\n{done.stderr}")
    return answers


def fault(test, answer):
    """The fault of an answer, or None."""
    if answer["valid"] is not test["valid"]:
        return f"wanted {test['valid']}, got {json.dumps(answer)}"
    if "error" in test and test["error"] not in answer["error"]:
        return f"wanted the error {test['error']!r}, got {answer['error']!r}"
    if "errors" in test:
        got = [[e["pointer"], e["schema"], e["text"]][: len(w)] if len(w) == 3 else [e["pointer"], e["text"]]
               for e, w in zip(answer["errors"], test["errors"])]
        if len(answer["errors"]) != len(test["errors"]) or got != test["errors"]:
            return f"wanted the errors {test['errors']}, got {answer['errors']}"
    return None


class Tap:
    def __init__(self):
        self.count = self.failed = 0
        self.totals = collections.Counter()

    def file(self, draft, path, given):
        """Runs a file as one case."""
        groups = json.loads(path.read_text(encoding="utf-8"))
        plain, strict = [], []
        for group in groups:
            for test in group["tests"]:
                line = {"schema": group["schema"], "data": test["data"]}
                here = dict(given if "$ref" in json.dumps(group["schema"]) else {}, **group.get("remotes", {}))
                if here:
                    line["remotes"] = here
                (strict if group.get("formats") else plain).append((group, test, line))
        problems = []
        for cases, options in ((plain, []), (strict, ["--formats"])):
            if not cases:
                continue
            answers = batch([line for _, _, line in cases], "--draft", draft, *options)
            for (group, test, _), answer in zip(cases, answers):
                wrong = fault(test, answer)
                if wrong:
                    problems.append(f"{group['description']}: {test['description']}: {wrong}")
        count = len(plain) + len(strict)
        self.totals[draft] += count
        self.say(f"draft {draft} {path.stem}: {count - len(problems)} of {count}", problems)

    def say(self, name, problems=()):
        self.count += 1
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}", flush=True)
        for problem in problems:
            print(f"# {problem}", flush=True)

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)


def main():
    tap = Tap()
    if (DEBIAN / "tests").is_dir():
        given = remotes()
        for draft in ("06", "07"):
            root = DEBIAN / "tests" / f"draft{int(draft)}"
            for path in sorted(root.glob("*.json")):
                tap.file(draft, path, given)
            for path in sorted((root / "optional").rglob("*.json")):
                if path.parent.name == "format":
                    continue
                if path.name in OPTIONAL_SKIPPED:
                    tap.skip(f"draft {draft} optional {path.stem}", OPTIONAL_SKIPPED[path.name])
                else:
                    tap.file(draft, path, given)
    else:
        tap.skip("the official tests of draft-06 and draft-07", f"no {DEBIAN}: apt-get install json-schema-test-suite")
    for draft in ("2019-09", "2020-12"):
        for path in sorted((HERE / draft).glob("*.json")):
            tap.file(draft, path, {})
    for draft, count in tap.totals.items():
        print(f"# draft {draft}: {count} tests")
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
