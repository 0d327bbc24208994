#!/usr/bin/env python3
"""differential_test.py - random schemas and documents, validated by Factum, by ajv 8 and by python3-jsonschema.
Prints TAP.

    differential_test.py [SEED [SCHEMAS]]      FACTUM names the program

A schema is made of a few names and small values, so that keywords meet, and each gets documents of which
some are made to fit. Every disagreement has to be one of the known differences below, which are theirs. ajv comes
from npm by the lock file in ajv/; it and python3-jsonschema are skipped where they are missing.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

FACTUM = os.path.realpath(os.environ["FACTUM"])
HERE = pathlib.Path(__file__).resolve().parent
OUT = pathlib.Path(os.environ.get("FACTUM_CLIENTS_OUT", HERE.parents[1] / "build" / "clients")) / "ajv"
DRAFTS = ["07", "2019-09", "2020-12"]
URIS = {"07": "http://json-schema.org/draft-07/schema#",
        "2019-09": "https://json-schema.org/draft/2019-09/schema",
        "2020-12": "https://json-schema.org/draft/2020-12/schema"}
NAMES = ["a", "b", "c", "ab", "x1", "\u00e4", "a/b"]
PATTERNS = ["^a", "b$", "[0-9]+", "^.{2,3}$", "a|b", "^\\S*$", "\\u00e4"]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


class Maker:
    """Schemas of a draft, at random."""

    def __init__(self, rng, draft):
        self.rng = rng
        self.draft = draft
        self.defs = rng.randint(0, 3)

    def value(self, depth=2):
        rng = self.rng
        kind = rng.randrange(12 if depth > 0 else 8)
        if kind < 2:
            return rng.choice([0, 1, 2, 3, 5, 10, -1, 7])
        if kind == 2:
            return rng.choice([0.5, 1.5, 2.0, -0.25, 1e3, 0.1, 1.0])
        if kind < 6:
            return rng.choice(["", "a", "b", "ab", "abc", "12", "a1", "\u00e4", "\U0001f600", "x\ny", "a/b"])
        if kind == 6:
            return rng.choice([True, False])
        if kind == 7:
            return None
        if kind < 10:
            return [self.value(depth - 1) for _ in range(rng.randrange(5))]
        return {name: self.value(depth - 1) for name in rng.sample(NAMES, rng.randrange(5))}

    def values(self):
        """Different values: ajv refuses an enum with a value twice, which drafts from 07 on only advise against."""
        found = {json.dumps(v, sort_keys=True).replace(".0", ""): v for v in
                 (self.value(1) for _ in range(self.rng.randint(1, 4)))}
        return list(found.values())

    def reference(self, level, in_place):
        """A reference that cannot loop: down to a later definition, or to the root from inside the data."""
        rng = self.rng
        later = list(range(level + 1, self.defs))
        where = "definitions" if self.draft == "07" else "$defs"
        if later and (in_place or rng.random() < 0.7):
            return f"#/{where}/d{rng.choice(later)}"
        return None if in_place else "#"

    def keyword(self, depth, level, in_place):
        rng = self.rng
        sub = lambda: self.schema(depth - 1, level, False)
        same = lambda: self.schema(depth - 1, level, in_place)
        new = self.draft != "07"
        options = [
            lambda: {"type": rng.choice(TYPES)},
            lambda: {"type": rng.sample(TYPES, rng.randint(2, 3))},
            lambda: {"enum": self.values()},
            lambda: {"const": self.value(1)},
            lambda: {"minimum": rng.choice([0, 1, 1.5, -1])}, lambda: {"maximum": rng.choice([2, 5, 2.5])},
            lambda: {"exclusiveMinimum": rng.choice([0, 1])}, lambda: {"exclusiveMaximum": rng.choice([2, 5.0])},
            lambda: {"multipleOf": rng.choice([1, 2, 5, 0.5, 0.1, 0.01])},
            lambda: {"minLength": rng.randrange(3)}, lambda: {"maxLength": rng.randrange(4)},
            lambda: {"pattern": rng.choice(PATTERNS)},
            lambda: {"minItems": rng.randrange(3)}, lambda: {"maxItems": rng.randrange(4)},
            lambda: {"uniqueItems": rng.choice([True, True, False])},
            lambda: {"minProperties": rng.randrange(3)}, lambda: {"maxProperties": rng.randrange(4)},
            lambda: {"required": rng.sample(NAMES, rng.randint(1, 2))},
        ]
        if depth > 0:
            options += [
                lambda: {"properties": {n: sub() for n in rng.sample(NAMES, rng.randint(1, 3))}},
                lambda: {"properties": {n: sub() for n in rng.sample(NAMES, rng.randint(1, 3))}},
                lambda: {"patternProperties": {p: sub() for p in rng.sample(PATTERNS, rng.randint(1, 2))}},
                lambda: {"additionalProperties": sub()}, lambda: {"propertyNames": sub()},
                lambda: {"items": sub()}, lambda: {"contains": sub()},
                lambda: {"allOf": [same() for _ in range(rng.randint(1, 3))]},
                lambda: {"anyOf": [same() for _ in range(rng.randint(1, 3))]},
                lambda: {"oneOf": [same() for _ in range(rng.randint(1, 3))]},
                lambda: {"not": same()},
                lambda: {"if": same(), "then": same()}, lambda: {"if": same(), "else": same()},
                lambda: {"if": same(), "then": same(), "else": same()},
            ]
            if self.draft == "2020-12":
                options += [lambda: {"prefixItems": [sub() for _ in range(rng.randint(1, 3))]}] * 2
            else:
                options += [lambda: {"items": [sub() for _ in range(rng.randint(1, 3))], "additionalItems": sub()}]
            if new:
                options += [
                    lambda: {"unevaluatedProperties": rng.choice([False, sub()])},
                    lambda: {"unevaluatedItems": rng.choice([False, sub()])},
                    lambda: {"dependentRequired": {n: rng.sample(NAMES, 1) for n in rng.sample(NAMES, 2)}},
                    lambda: {"dependentSchemas": {n: same() for n in rng.sample(NAMES, 2)}},
                    lambda: {"contains": sub(), "minContains": rng.randrange(3)},
                    lambda: {"contains": sub(), "maxContains": rng.randrange(1, 3)},
                ]
            else:
                options += [lambda: {"dependencies": {rng.choice(NAMES): same(), rng.choice(NAMES):
                                                      rng.sample(NAMES, 1)}}]
        return rng.choice(options)()

    def schema(self, depth, level=-1, in_place=True):
        rng = self.rng
        if rng.random() < 0.06:
            return rng.choice([True, True, False])
        made = {}
        if self.defs and rng.random() < 0.15:
            reference = self.reference(level, in_place)
            if reference is not None:
                made["$ref"] = reference
                if self.draft == "07":
                    return made
        for _ in range(rng.randint(1, 4)):
            made.update(self.keyword(depth, level, in_place))
        return made

    def root(self):
        made = self.schema(3)
        if isinstance(made, bool):
            made = {"allOf": [made]}
        if self.defs:
            made["definitions" if self.draft == "07" else "$defs"] = {
                f"d{i}": self.schema(2, i) for i in range(self.defs)}
        if "$ref" in made and self.draft == "07":
            made = {"allOf": [{"$ref": made.pop("$ref")}], **made}
        return {"$schema": URIS[self.draft], **made}

    def fit(self, schema, depth=3):
        """A document that follows some of the schema's hints."""
        rng = self.rng
        if not isinstance(schema, dict) or depth == 0 or rng.random() < 0.1:
            return self.value(1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return rng.choice(schema["enum"])
        for key in ("allOf", "anyOf", "oneOf"):
            if key in schema and rng.random() < 0.4:
                return self.fit(rng.choice(schema[key]), depth - 1)
        objects = {"properties", "required", "patternProperties", "additionalProperties", "propertyNames",
                   "unevaluatedProperties", "dependentRequired", "dependentSchemas", "dependencies"}
        arrays = {"items", "prefixItems", "contains", "uniqueItems", "unevaluatedItems", "minItems"}
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if "object" in kinds or objects & schema.keys() and not kinds:
            names = set(schema.get("required", [])) | set(rng.sample(NAMES, rng.randrange(4)))
            names |= {n for n in schema.get("properties", {}) if rng.random() < 0.6}
            return {n: self.fit(schema.get("properties", {}).get(n, schema.get("additionalProperties", True)), depth - 1)
                    for n in sorted(names)}
        if "array" in kinds or arrays & schema.keys() and not kinds:
            first = schema.get("prefixItems", schema["items"] if isinstance(schema.get("items"), list) else [])
            rest = schema.get("items") if not isinstance(schema.get("items"), list) else schema.get("additionalItems")
            made = [self.fit(s, depth - 1) for s in first][: rng.randint(0, 4)]
            return made + [self.fit(rng.choice([rest, schema.get("contains", rest)]), depth - 1)
                           for _ in range(rng.randrange(3))]
        return self.value(1)


def make(seed, schemas, per_schema):
    rng = random.Random(seed)
    lines = []
    for i in range(schemas):
        maker = Maker(rng, DRAFTS[i % len(DRAFTS)])
        schema = maker.root()
        for k in range(per_schema):
            data = maker.value() if k % 3 == 2 else maker.fit(schema)
            lines.append({"draft": maker.draft, "schema": schema, "data": data})
    return lines


# ---- the three validators --------------------------------------------------------------------------------------------

def ask_factum(lines):
    text = "".join(json.dumps({"schema": l["schema"], "data": l["data"]}) + "\n" for l in lines)
    done = subprocess.run([FACTUM, "schema", "validate", "--batch"], input=text, capture_output=True, text=True,
                          check=True, timeout=300)
    return [json.loads(line) for line in done.stdout.splitlines()]


def install_ajv():
    """None, or why ajv is missing."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "no node or npm"
    lock = (HERE / "ajv" / "package-lock.json").read_text(encoding="utf-8")
    mark = OUT / "installed"
    if mark.exists() and mark.read_text(encoding="utf-8") == lock:
        return None
    OUT.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / "ajv" / name, OUT / name)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1",
                           "--fetch-timeout=20000"], cwd=OUT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return "npm ci failed: " + done.stderr.strip().splitlines()[-1]
    mark.write_text(lock, encoding="utf-8")
    return None


def ask_ajv(lines):
    done = subprocess.run(["node", str(HERE / "differential.mjs")], input="".join(json.dumps(l) + "\n" for l in lines),
                          capture_output=True, text=True, check=True, cwd=OUT, timeout=300)
    return json.loads(done.stdout)


def ask_python(lines):
    import jsonschema  # pylint: disable=import-outside-toplevel
    kinds = {"07": jsonschema.Draft7Validator, "2019-09": jsonschema.Draft201909Validator,
             "2020-12": jsonschema.Draft202012Validator}
    answers, known, validator = [], None, None
    for line in lines:
        if line["schema"] is not known:
            known = line["schema"]
            validator = kinds[line["draft"]](known)
        try:
            answers.append(validator.is_valid(line["data"]))
        except (RecursionError, jsonschema.exceptions.RefResolutionError, AttributeError, TypeError):
            answers.append(None)
    return answers


# ---- known differences ----------------------------------------------------------------------------------------------

def text_of(line):
    return json.dumps(line["schema"])


def fraction_in_multiple(line):
    return any(f'"multipleOf": {x}' in text_of(line) for x in ("0.1", "0.01", "0.5"))


def evaluated_beside(line):
    text = text_of(line)
    return '"unevaluated' in text and ('"additional' in text or '"contains"' in text or '"items"' in text or
                                       '"if"' in text or '"dependentSchemas"' in text or '"$ref"' in text)


KNOWN = [
    # validator, reason, a function of the line and the answer: does the reason apply
    ("ajv", "multipleOf of fractions is done in binary floating point", lambda line, _: fraction_in_multiple(line)),
    # {"anyOf": [{"minimum": 1}, {"items": {"type": "number"}}], "unevaluatedItems": false} accepts ["a"]
    ("ajv", "keeps what a failed branch has evaluated",
     lambda line, answer: answer is True and '"unevaluated' in text_of(line)),
    # {"contains": {"contains": {"type": "number"}, "items": [{"type": "null"}]}} accepts [[]]
    ("ajv", "an empty array passes \"contains\" beside \"items\" with an array",
     lambda line, answer: answer is True and '"contains"' in text_of(line) and '"items": [' in text_of(line)),
    ("python", "multipleOf of fractions is done in binary floating point", lambda line, _: fraction_in_multiple(line)),
    ("python", "4.10.3 raises an exception: \"unevaluatedItems\" looks into schemas that are true or no arrays",
     lambda line, answer: answer is None and '"unevaluated' in text_of(line)),
    ("python", "4.10.3 does not see all that is evaluated beside \"unevaluatedProperties\" and \"unevaluatedItems\"",
     lambda line, answer: answer is not None and evaluated_beside(line)),
]


def reason_for(who, line, answer):
    return next((reason for name, reason, applies in KNOWN if name == who and applies(line, answer)), None)


def compare(who, lines, ours, theirs):
    """Problems, and how often each known difference was met."""
    problems, known = [], {}
    for line, mine, other in zip(lines, ours, theirs):
        if mine["valid"] is other:
            continue
        reason = reason_for(who, line, other)
        if reason is None:
            problems.append(f"Factum {json.dumps(mine)[:300]}, {who} {other}: " +
                            json.dumps({k: line[k] for k in ("schema", "data")}))
        else:
            known[reason] = known.get(reason, 0) + 1
    return problems, known


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20260101
    schemas = int(sys.argv[2]) if len(sys.argv) > 2 else 1300
    lines = make(seed, schemas, 8)
    ours = ask_factum(lines)
    count, failed = 0, 0

    def say(problems, name, directive=""):
        nonlocal count, failed
        count += 1
        failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {count} - {name}{directive}", flush=True)
        for problem in problems[:20]:
            print(f"# {problem}", flush=True)

    refused = [f"{a['error']}: {text_of(l)}" for l, a in zip(lines, ours) if a["valid"] is None]
    valid = sum(a["valid"] is True for a in ours)
    say(refused, f"{len(lines)} pairs from seed {seed} have an answer, {valid} of them valid")
    say([] if len(lines) / 5 < valid < len(lines) * 4 / 5 else ["too few of one answer"], "both answers are frequent")
    missing = install_ajv()
    judges = [("ajv", ask_ajv, missing)]
    try:
        import jsonschema  # pylint: disable=import-outside-toplevel,unused-import
        judges.append(("python", ask_python, None))
    except ImportError:
        judges.append(("python", ask_python, "no python3-jsonschema"))
    for who, ask, why_not in judges:
        if why_not is not None:
            say([], f"{who} agrees", f" # SKIP {why_not}")
            continue
        problems, known = compare(who, lines, ours, ask(lines))
        say(problems, f"{who} agrees on {len(lines)} pairs except {sum(known.values())} known differences, "
                      f"{len(problems)} others")
        for reason, times in sorted(known.items()):
            print(f"# {who}: {times} times: {reason}")
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
