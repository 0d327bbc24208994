#!/usr/bin/env python3
"""limits_test.py - hostile schemas and documents: each is validated, or refused with the name of a limit,
within a few seconds. Prints TAP.

    limits_test.py        FACTUM names the program
"""
import json
import os
import subprocess
import sys
import time

FACTUM = os.environ["FACTUM"]
SECONDS = float(os.environ.get("FACTUM_LIMIT_SECONDS", "3"))


def doubling(levels):
    """Each definition refers to the next one twice."""
    defs = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)}
    defs[f"d{levels}"] = {"type": "integer"}
    return {"$ref": "#/$defs/d0", "$defs": defs}


def nested(levels):
    return json.loads('{"items":' * levels + "true" + "}" * levels)


def many_names(count):
    return {f"n{i}": 0 for i in range(count)}


WORD = "a" * 30 + "!"
CASES = [
    # what, schema, data, valid, a part of the error
    ("100,000 alternatives", {"anyOf": [{}] * 100000}, 1, None, "over the limit of 50000 subschemas"),
    ("30,000 alternatives for 1,000 items", {"items": {"anyOf": [{"const": 1}] * 30000 + [True]}}, [0] * 1000, None,
     "over the limit of 2000000 steps"),
    ("references that double 40 times", doubling(40), 1, None, "over the limit of 2000000 steps"),
    ("references that double 12 times", doubling(12), 1, True, None),
    ("a schema in 100 levels", nested(100), 1, None, "nesting deeper than"),
    ("a schema of 2 MiB", {"description": "x" * (2 << 20)}, 1, None, "over the limit of 1048576"),
    ("a chain of 3,000 references", {"$ref": "#/$defs/d0", "$defs": {
        **{f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(3000)}, "d3000": {"type": "integer"}}}, 1, None,
     "over the limit of 2048 subschemas inside each other"),
    ("a loop of 1,000 references", {"$ref": "#/$defs/d0", "$defs": {
        f"d{i}": {"$ref": f"#/$defs/d{(i + 1) % 1000}"} for i in range(1000)}}, 1, None,
     "leads back to itself without going into the data"),
    ("100,000 different numbers", {"uniqueItems": True}, list(range(100000)), True, None),
    ("100,000 numbers and one twice", {"uniqueItems": True}, list(range(100000)) + [5.0], False, None),
    ("50,000 different objects", {"uniqueItems": True}, [{"a": i, "b": [i]} for i in range(50000)], True, None),
    ("20,000 objects in another order", {"uniqueItems": True},
     [{"a": i, "b": 1} if i % 2 else {"b": 1, "a": i} for i in range(20000)], True, None),
    ("a pattern that backtracks without end", {"pattern": "^(a+)+$"}, WORD, None, "to match the pattern"),
    ("1,000 strings for a pattern that backtracks a lot", {"items": {"not": {"pattern": "^(a+)+$"}}}, ["a" * 13 + "!"] * 1000,
     None, "over the limit of 2000000 steps"),
    ("a pattern for names", {"patternProperties": {"^(a+)+$": True}}, {WORD: 1}, None, "to match the pattern"),
    ("a string of 100,000 bytes for a pattern", {"pattern": "x"}, "a" * 100000, None, "65536 bytes"),
    ("a pattern of 10,000 bytes", {"pattern": "a" * 10000}, "a", None, "#/pattern: "),
    ("a huge exponent", {"minimum": 1, "maximum": 10}, 1, True, None),
    ("50,000 values of an enum for 1,000 items", {"items": {"enum": list(range(50000))}}, [49999] * 1000, None,
     "over the limit of 2000000 steps"),
    ("10,000 required names", {"required": list(many_names(10000))}, many_names(10000), None,
     "over the limit of 2000000 steps"),
    ("500 required names", {"required": list(many_names(500))}, many_names(500), True, None),
    ("1,000 dependencies on a large object", {"dependentRequired": {f"n{i}": ["n0"] for i in range(1000)}},
     many_names(20000), None, "over the limit of 2000000 steps"),
    ("500 branches that evaluate 2,000 properties", {
        "allOf": [{"additionalProperties": True, "properties": {f"n{i}": True}} for i in range(500)],
        "unevaluatedProperties": False}, many_names(2000), True, None),
    ("20,000 patterns", {"patternProperties": {f"^a{i}$": True for i in range(20000)}}, {"a1": 1}, True, None),
    ("50 anchors in 50 scopes", {"$id": "http://x/r", "$ref": "s0", "$defs": {f"s{i}": {
        "$id": f"s{i}", "$dynamicAnchor": "a", "$defs": {"x": {"$dynamicAnchor": f"b{i}"}},
        "allOf": [{"$ref": f"s{i + 1}"} if i < 49 else {"items": {"$dynamicRef": "#a"}}]} for i in range(50)}},
     [[[1]]], True, None),
]
RAW = [
    ("an exponent of 18 digits", '{"schema":{"minimum":1,"multipleOf":3},"data":1e999999999999999999}', False, None),
    ("a number of 100,000 digits", '{"schema":{"multipleOf":7,"minimum":0},"data":7%s}' % ("0" * 100000), True, None),
    ("a number of 100,000 decimals", '{"schema":{"multipleOf":0.1},"data":0.%s1}' % ("0" * 100000), False, None),
    ("a divisor that is tiny", '{"schema":{"multipleOf":1e-999999999},"data":12345}', True, None),
    ("data in 70 levels", '{"schema":true,"data":%s}' % ("[" * 70 + "]" * 70), None, "nesting deeper than"),
    ("a member twice in the data", '{"schema":true,"data":{"a":1,"a":2}}', None, '"a"'),
    ("a member twice in the schema", '{"schema":{"type":"null","type":"object"},"data":1}', None, '"type"'),
    ("half a surrogate pair for a pattern", '{"schema":{"pattern":"a"},"data":"\\ud800"}', None, "cannot be matched"),
    ("half a surrogate pair without one", '{"schema":{"maxLength":1},"data":"\\ud800"}', True, None),
    ("half a surrogate pair in a name of the schema", '{"schema":{"properties":{"\\ud800":{}}},"data":1}', None,
     "half of a surrogate pair"),
    ("no JSON", '{"schema":', None, "not valid JSON"),
    ("an empty line", "", None, "not valid JSON"),
    ("no data", '{"schema":{}}', None, 'a line is an object with "schema" and "data"'),
    ("an array", "[]", None, 'a line is an object with "schema" and "data"'),
    ("remotes that are no object", '{"schema":{},"data":1,"remotes":[1]}', None, '"remotes" is an object'),
    ("a remote that is no schema and is not used", '{"schema":{},"data":1,"remotes":{"http://x/y":1}}', True, None),
]


def judge(text):
    """The answer to one line, and how long it took."""
    began = time.monotonic()
    done = subprocess.run([FACTUM, "schema", "validate", "--batch"], input=text + "\n", capture_output=True, text=True,
                          check=False, timeout=120)
    seconds = time.monotonic() - began
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 1:
        return {"valid": "?", "error": f"exit {done.returncode}, {len(lines)} lines {done.stderr[:200]}"}, seconds
    return json.loads(lines[0]), seconds


def main():
    count, failed = 0, 0
    cases = [(w, json.dumps({"schema": s, "data": d}), v, e) for w, s, d, v, e in CASES] + RAW
    for what, text, valid, error in cases:
        answer, seconds = judge(text)
        count += 1
        ok = answer["valid"] is valid and (error is None or error in answer.get("error", "")) and seconds < SECONDS
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {count} - {what}: {seconds:.2f} s".replace("#", "\\#"), flush=True)
        if not ok:
            print(f"# wanted {valid} {error}, got {json.dumps(answer)[:400]}")
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
