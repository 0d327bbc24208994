// Compares schema/pattern.h with `new RegExp(pattern, "u")`, on patterns that are made from the grammar
// of ECMA-262 by a fixed seed, on patterns as people write them, and on Debian's json-schema-test-suite.
//
//     PATTERN_ANSWERS=build/x/tests/schema/pattern_answers node pattern_test.mjs [SEED [COUNT]]
//
// Prints TAP, and as comments how many patterns are refused, by reason. A pattern that Node accepts and
// that is refused as UNSUPPORTED or TOO_BIG counts; anything else that differs fails.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { people } from "./pattern_people.mjs";

const SEED = Number(process.argv[2] ?? 20231);
const COUNT = Number(process.argv[3] ?? 20000);
const SUITE = "/usr/share/json-schema-test-suite/tests";
// Shares of the valid patterns. The second is for patterns made of constructs that may have to be refused.
const REFUSED_SHARE_MAX = 0.01;
const KNOTS_REFUSED_SHARE_MAX = 0.25;
const LIMITED_SHARE_MAX = 0.0001; // of texts

// mulberry32: the same numbers on every machine.
let state = SEED >>> 0;
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = (n) => Math.floor(random() * n);
const one = (list) => list[below(list.length)];
const chance = (share) => random() < share;
const many = (low, high, make) => Array.from({ length: low + below(high - low + 1) }, make);

// Characters of patterns and texts: few letters, so that texts match often; those around the edges of
// \d \w \s and of UTF-8's lengths. All are as old as Unicode 10: versions do not matter.
const LETTERS = ["a", "a", "b", "b", "c", "A", "z", "0", "1", "9", "_", "-", " "];
const RARE = ["\n", "\r", "\t", "\v", "\f", "\0", "\x1f", "\x7f", "\x85", "\u00a0", "\u1680", "\u180e",
  "\u2000", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\ud7ff",
  "\ue000", "\uffff", "\u{10000}", "\u{1f4a9}", "\u{10ffff}", "é", "É", "ß", "Σ", "я", "א", "ا", "あ", "漢",
  "한", "²", "Ⅷ", "€", "+", "«", "\u0301", "\u0660", "\u212a", "\u017f", ":", "/", "@", "[", "`", "{",
  "^", "$", "\\", ".", "*", "?", "(", ")", "]", "}", "|", "~", ",", "=", "!", "<", ">", "#", "&"];
const SYNTAX = "^$\\.*+?()[]{}|/";
const plainChar = () => (chance(0.85) ? one(LETTERS) : one(RARE));
const hex = (n, size) => n.toString(16).padStart(size, "0");

const PROPERTIES = ["L", "Letter", "Lu", "Uppercase_Letter", "Ll", "LC", "Cased_Letter", "Nd", "digit",
  "Decimal_Number", "N", "P", "punct", "Sc", "Zs", "Cc", "cntrl", "Cs", "M", "Combining_Mark",
  "gc=Lo", "General_Category=Letter", "Script=Greek", "sc=Grek", "sc=Cyrillic", "Script=Han", "scx=Hira",
  "Script_Extensions=Latin", "sc=Latn", "sc=Zinh", "sc=Qaai", "Script=Common", "Any", "ASCII", "Assigned",
  "Alphabetic", "Alpha", "Uppercase", "Lower", "White_Space", "space", "ID_Start", "IDC", "XIDS",
  "Hex_Digit", "AHex", "Noncharacter_Code_Point", "Ideographic", "Math", "Cased", "Dash", "Pattern_Syntax"];
const BAD_PROPERTIES = ["letter", "Latin", "Script", "sc=", "gc=Latin", "Xan", "L&", "IsGreek", "",
  "^L", " L", "Lu ", "Bidi_Class=L", "Block=Basic_Latin", "General_Category", "scx=greek", "L_", "l"];

const charEscape = () => {
  const c = plainChar();
  const code = c.codePointAt(0);
  switch (below(7)) {
    case 0: return "\\" + one([..."fnrtv"]);
    case 1: return "\\" + one([...SYNTAX]);
    case 2: return "\\c" + one([..."aAjJmzZ"]);
    case 3: return "\\u{" + (chance(0.2) ? "000" : "") + hex(code, 0) + "}";
    case 4: return code < 256 ? "\\x" + hex(code, 2) : "\\u{" + hex(code, 0).toUpperCase() + "}";
    case 5: return chance(0.5) ? one(["\\0", "\\ud83d\\udca9", "\\uD83D\\uDCA9", "\\ud83d", "\\udca9",
      "\\ud83d\\u0061", "\\u{d83d}\\u{dca9}", "\\ud83dx"]) : [...c].length === 1 && c.length === 1
      ? "\\u" + hex(code, 4) : "\\" + one([...SYNTAX]);
    default: return "\\" + one([...SYNTAX]);
  }
};
const property = () =>
  "\\" + one(["p", "P"]) + "{" + (chance(0.96) ? one(PROPERTIES) : one(BAD_PROPERTIES)) + "}";
const setEscape = () => (chance(0.7) ? "\\" + one([..."dDsSwW"]) : property());

const classChar = () => {
  if (chance(0.2)) return one([charEscape(), "\\b", "\\-"]);
  const c = plainChar();
  return "\\]^".includes(c) && chance(0.97) ? "\\" + c : c;
};
const codeOf = (text) => { // of an output of classChar, or nothing
  try {
    const found = text.length === 1 || [...text].length === 1 ? text : JSON.parse(`"${text}"`);
    return [...found].length === 1 ? found.codePointAt(0) : undefined;
  } catch {
    return undefined;
  }
};
const classRange = () => {
  let low = classChar();
  let high = classChar();
  const [a, b] = [codeOf(low), codeOf(high)];
  if (a !== undefined && b !== undefined && a > b && chance(0.97)) [low, high] = [high, low];
  return low + "-" + high;
};
const classItem = () => {
  const kind = random();
  if (kind < 0.5) return classChar();
  if (kind < 0.75) return chance(0.8) ? one(["a-c", "0-9", "A-Z", "a-z", "\\x00-\\x7f", "\\u0000-\\uffff",
    "\\ud800-\\udfff", "\\u{10000}-\\u{10ffff}", "\\ud7ff-\\ue000", " -~", "+--", "\\ud83d-\\uffff"])
    : classRange();
  if (kind < 0.99) return setEscape();
  return one(["[:alpha:", "\\d-a", "a-\\w", "\\1", "\\B", "\\k", "-", "&&", "[a"]);
};
const charClass = () =>
  "[" + (chance(0.3) ? "^" : "") + (chance(0.05) ? "-" : "") + many(0, 3, classItem).join("") +
  (chance(0.05) ? "-" : "") + "]";

const repetition = () =>
  one(["*", "*", "+", "+", "?", "?", "{2}", "{0}", "{1,2}", "{0,2}", "{2,}", "{0,}", "{1}", "{03}",
    "{0,99999999999999999999}"]) + (chance(0.25) ? "?" : "");

// A pattern. |groups| counts its captures, |names| has those with names.
let groups, names;
const atom = (depth) => {
  const kind = random();
  if (kind < 0.42) {
    const c = plainChar();
    return SYNTAX.includes(c) && c !== "/" && chance(0.97) ? "\\" + c : c;
  }
  if (kind < 0.50) return charEscape();
  if (kind < 0.56) return setEscape();
  if (kind < 0.60) return ".";
  if (kind < 0.73) return charClass();
  if (kind < 0.78) {
    if (groups === 0) return "\\" + one(["1", "k<a>", "k", "2"]).slice(0, chance(0.05) ? 9 : 0) + "d";
    if (names.length > 0 && chance(0.4)) return `\\k<${one(names)}>`;
    return "\\" + (1 + below(groups + (chance(0.1) ? 1 : 0)));
  }
  if (depth === 0) return one(LETTERS);
  if (kind < 0.88) return "(?:" + disjunction(depth - 1) + ")";
  if (kind < 0.97) {
    groups++;
    return "(" + disjunction(depth - 1) + ")";
  }
  groups++;
  const name = one(["a", "b", "n1", "é", "$", "_x", "\\u0061b", "\\u{1d49c}", "𝒜b"]) + groups;
  names.push(name);
  return `(?<${name}>` + disjunction(depth - 1) + ")";
};
// Of one length, which a look-behind needs here; sometimes with more, which is refused.
const fixed = () =>
  chance(0.08) ? disjunction(1) : many(1, 3, () => many(0, 3, () =>
    one([() => one(LETTERS), charClass, setEscape, () => "\\b", () => "^", () => "[ab]{2}",
      () => { groups++; return "(" + one(LETTERS) + ")"; }])()).join("")).join("|");
const assertion = (depth) => {
  const kind = random();
  if (kind < 0.25) return "^";
  if (kind < 0.45) return "$";
  if (kind < 0.65) return one(["\\b", "\\B"]);
  if (depth === 0) return "^";
  if (kind < 0.75) return "(?=" + disjunction(depth - 1) + ")" + (chance(0.02) ? "*" : "");
  if (kind < 0.85) return "(?!" + disjunction(depth - 1) + ")";
  return one(["(?<=", "(?<!"]) + fixed() + ")";
};
// Constructs that PCRE2 knows and ECMA-262 does not, and typing errors.
const WRONG = ["(?i)", "(?i:a)", "a++", "a*+", "(?>a)", "(?#x)", "\\A", "\\Z", "\\z", "\\G", "\\h", "\\R", "\\X",
  "\\K", "\\Qa\\E", "(?R)", "(?1)", "(?&a)", "(?P<a>b)", "(?P=a)", "(?|a)", "\\N", "\\e", "\\a", "\\-", "\\8", "{", "}",
  "]", "(", ")", "[", "\\", "a{2,1}", "{2}", "x{,3}", "\\01", "\\00", "\\x1", "\\u12", "\\u{}", "\\u{110000}", "\\c",
  "\\c1", "\\p", "\\pL", "\\p{", "^*", "$+", "\\b?", "(?<=a)*", "(?<!a)+", "(?=a)?", "(?!a){2}", "a**", "a???",
  "(?<a>x)(?<a>y)", "(?<1>a)", "(?<>a)", "(?<a", "\\k<zz>", "\\ka", "(*ACCEPT)", "(*UTF)", "[b-a]", "[\\d-z]",
  "(?<a-b>c)", "\\g1", "\\g{1}", "\\o{12}", "\\é", "\\_", "\\ ", "[[.a.]]", "a{,}", "(?", "(?<", "(?:", "[^"];
const term = (depth) => {
  if (chance(0.15)) return assertion(depth);
  if (chance(0.004)) return one(WRONG);
  return atom(depth) + (chance(0.3) ? repetition() : "");
};
const alternative = (depth) => many(0, 4, () => term(depth)).join("");
const disjunction = (depth) =>
  many(1, chance(0.3) ? 3 : 1, () => alternative(depth)).join("|");
const makePattern = () => {
  groups = 0;
  names = [];
  if (chance(0.02)) return many(1, 3, () => chance(0.5) ? one(WRONG) : alternative(1)).join("");
  const pattern = disjunction(1 + below(3));
  return (chance(0.4) ? "^" : "") + pattern + (chance(0.4) ? "$" : "");
};

// Patterns of little but groups, repetitions and back-references, on texts of two letters: where captures
// are kept, lost and undone. A reference may come before its group.
const knot = (depth, expected) => {
  const kind = random();
  if (kind < 0.3) return one(["a", "b", ".", "[^a]"]);
  if (kind < 0.55) return "\\" + (1 + below(expected));
  if (kind < 0.6 || depth === 0) return one(["^", "$", "", "\\b"]);
  const inner = many(1, chance(0.35) ? 2 : 1, () => many(0, 3, () => knot(depth - 1, expected)).join("")).join("|");
  if (kind < 0.68) return one(["(?=", "(?!"]) + inner + ")";
  if (kind < 0.72) {
    groups++;
    return one(["(?<=", "(?<!"]) + one(["(a)", "(a|b)", "(a)|b", "(.)b", "\\1(a)", "(a)\\1", "(a|b){2}", "(?:(a)|b){2}"]) + ")";
  }
  const captured = kind < 0.92;
  groups += captured ? 1 : 0;
  return (captured ? "(" : "(?:") + inner + ")" + (chance(0.5) ? repetition() : "");
};
const makeKnot = () => {
  const expected = 1 + below(4);
  groups = 0;
  let pattern = many(1, 5, () => knot(3, expected)).join("");
  for (; groups < expected; groups++) pattern += "(a)" + one(["", "?", "*"]);
  return "^" + pattern + (chance(0.7) ? "$" : "");
};
const AB = ["", ...["a", "b"], ...[..."abcdefgh"].map((_, i) => (i + 8).toString(2).slice(1).replaceAll("0", "a").replaceAll("1", "b")),
  "aaaa", "abab", "aabb", "abba", "babb", "aaaaa", "ababa", "aabaab", "abcab"];

// Texts for a pattern, made of its own characters and of others; short, since Node has no limit.
const makeTexts = (pattern) => {
  const own = [...pattern.replace(/[^\p{L}\p{N} _-]/gu, "")];
  const char = () => (own.length > 0 && chance(0.5) ? one(own) : plainChar());
  return ["", one(LETTERS), ...Array.from({ length: 8 }, () => many(1, 7, char).join(""))];
};

// V8 also tries places in the middle of a surrogate pair (/\B/u matches "c\u{1d49c}b" there), which the
// standard's AdvanceStringIndex never reaches: then the places that it does reach are tried one by one.
const insidePair = (text, at) => at > 0 && text.codePointAt(at - 1) > 0xffff;
const search = (pattern, expression, text) => {
  const found = expression.exec(text);
  if (found === null || !insidePair(text, found.index)) return found !== null;
  const sticky = new RegExp(pattern, "uy");
  for (let at = 0; at <= text.length; at++) {
    sticky.lastIndex = at;
    if (!insidePair(text, at) && sticky.test(text)) return true;
  }
  return false;
};

const node = ({ pattern, texts }) => {
  let expression;
  try {
    expression = new RegExp(pattern, "u");
  } catch (error) {
    return { status: "INVALID", text: String(error.message) };
  }
  return { status: "OK", text: texts.map((text) => (search(pattern, expression, text) ? "1" : "0")).join("") };
};

const factum = (questions) => {
  const run = spawnSync(process.env.PATTERN_ANSWERS, {
    input: questions.map((question) => JSON.stringify(question) + "\n").join(""),
    encoding: "utf8", maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(`pattern_answers: ${run.error ?? run.signal ?? run.status}: ${run.stderr}`);
  return run.stdout.trimEnd().split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { status: line.slice(0, space), text: line.slice(space + 1) };
  });
};

let count = 0;
let failed = 0;
const report = (name, wrong) => {
  count++;
  failed += wrong.length > 0 ? 1 : 0;
  console.log(`${wrong.length > 0 ? "not ok" : "ok"} ${count} - ${name}`);
  for (const line of wrong.slice(0, 20)) console.log(`# ${line}`);
  if (wrong.length > 20) console.log(`# and ${wrong.length - 20} more`);
};

const compare = (name, questions, shareMax) => {
  const answers = factum(questions);
  const wrong = answers.length === questions.length ? [] : ["answers are missing"];
  const reasons = new Map();
  let valid = 0;
  let tested = 0;
  let matched = 0;
  let limited = 0;
  questions.forEach((question, i) => {
    const theirs = node(question);
    const ours = answers[i] ?? { status: "nothing" };
    valid += theirs.status === "OK" ? 1 : 0;
    if (theirs.status === "OK" && ["UNSUPPORTED", "TOO_BIG"].includes(ours.status)) {
      const reason = ours.text.replace(/, at byte \d+ of a pattern,/, "").replace(/\d+/g, "N");
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      return;
    }
    // A text over a limit has no answer to compare, but there must be few of them.
    const known = theirs.status === "OK" && ours.status === "OK" && ours.text.length === theirs.text.length
      ? [...theirs.text].map((letter, at) => ("SRHB".includes(ours.text[at]) ? ours.text[at] : letter)).join("") : "";
    if (theirs.status !== ours.status || (theirs.status === "OK" && known !== ours.text)) {
      wrong.push(JSON.stringify({ ...question, theirs, ours }));
      return;
    }
    if (theirs.status === "OK") {
      tested += theirs.text.length;
      matched += theirs.text.replaceAll("0", "").length;
      limited += ours.text.replace(/[01]/g, "").length;
    }
  });
  const refused = [...reasons.values()].reduce((sum, n) => sum + n, 0);
  if (refused > shareMax * valid) wrong.push(`${refused} of ${valid} valid patterns are refused`);
  if (limited > LIMITED_SHARE_MAX * tested) wrong.push(`${limited} of ${tested} texts are over a limit`);
  report(name, wrong);
  console.log(`# ${questions.length} patterns, ${valid} valid, ${tested} texts (${matched} match, ` +
    `${limited} over a limit), ${refused} refused`);
  for (const [reason, n] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(`#   ${n} ${reason}`);
};

// Every schema of the suite that has nothing but `pattern` or `patternProperties`, and each of its tests that
// these two decide. An expression is expected to be invalid where the suite says so for "format".
const suiteCases = (folder) => {
  const cases = [];
  const add = (pattern, data, valid, what) => cases.push({ pattern, texts: [data], valid, what });
  for (const file of ["pattern.json", "patternProperties.json", "optional/ecmascript-regex.json", "optional/format/regex.json"]) {
    const path = `${SUITE}/${folder}/${file}`;
    if (!existsSync(path)) continue;
    for (const group of JSON.parse(readFileSync(path, "utf8"))) {
      const keywords = Object.keys(group.schema);
      for (const test of group.tests) {
        const what = `${folder}/${file}: ${group.description}: ${test.description}`;
        if (typeof test.data === "string" && typeof group.schema.pattern === "string") {
          add(group.schema.pattern, test.data, test.valid, what);
        } else if (group.schema.format === "regex" && typeof test.data === "string") {
          add(test.data, undefined, test.valid, what);
        } else if (keywords.join() === "patternProperties" && test.data?.constructor === Object) {
          for (const pattern of Object.keys(group.schema.patternProperties))
            for (const name of Object.keys(test.data)) add(pattern, name, undefined, what);
        }
      }
    }
  }
  return cases;
};
const suite = (folder) => {
  const cases = suiteCases(folder);
  const questions = cases.map(({ pattern, texts }) => ({ pattern, texts: texts[0] === undefined ? [] : texts }));
  const answers = factum(questions);
  const wrong = cases.length > 0 ? [] : ["no cases"];
  cases.forEach(({ pattern, texts, valid, what }, i) => {
    const ours = answers[i];
    const expected = texts[0] === undefined ? (valid ? "OK" : "INVALID")
      : "OK " + (valid === undefined ? node(questions[i]).text : valid ? "1" : "0");
    const got = texts[0] === undefined || ours.status !== "OK" ? ours.status : `OK ${ours.text}`;
    if (got !== expected) wrong.push(`${what}: ${pattern}: ${got} ${ours.text}, not ${expected}`);
  });
  report(`${folder} of json-schema-test-suite`, wrong);
  console.log(`# ${cases.length} cases`);
};

compare("patterns as people write them are as in Node", people, 0);
compare("wrong patterns are refused as in Node", WRONG.map((pattern) => ({ pattern, texts: ["", "a"] })), 0);
compare(`patterns of the grammar are as in Node (seed ${SEED})`, Array.from({ length: COUNT }, () => {
  const pattern = makePattern();
  return { pattern, texts: makeTexts(pattern) };
}), REFUSED_SHARE_MAX);
compare(`groups and back-references are as in Node (seed ${SEED})`,
  Array.from({ length: COUNT }, () => ({ pattern: makeKnot(), texts: AB })), KNOTS_REFUSED_SHARE_MAX);
for (const folder of ["draft4", "draft6", "draft7"]) {
  if (existsSync(`${SUITE}/${folder}`)) suite(folder);
  else console.log(`ok ${++count} - ${folder} # SKIP json-schema-test-suite is not installed`);
}
console.log(`1..${count}`);
process.exit(failed > 0 ? 1 : 0);
