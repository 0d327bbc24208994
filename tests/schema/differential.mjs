// differential.mjs - ajv's answers to lines {"draft", "schema", "data"}: true, false, or null for a schema that it
// refuses. Run by differential_test.py in the folder that has ajv.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const require = createRequire(`${process.cwd()}/`);
const makers = {
  '07': require('ajv').default,
  '2019-09': require('ajv/dist/2019').default,
  '2020-12': require('ajv/dist/2020').default,
};
// One instance for each draft: creating one takes longer than compiling a schema.
const made = Object.fromEntries(Object.entries(makers).map(([draft, Maker]) =>
  [draft, new Maker({ strict: false, validateFormats: false, logger: false })]));
let known = '';
let validate = null;
const out = [];
for (const text of readFileSync(0, 'utf8').split('\n')) {
  if (text === '') continue;
  const line = JSON.parse(text);
  const key = JSON.stringify([line.draft, line.schema]);
  if (key !== known) {
    known = key;
    try {
      validate = made[line.draft].compile(line.schema);
    } catch {
      validate = null;
    }
  }
  let answer = null;
  try {
    answer = validate === null ? null : validate(line.data);
  } catch {
    answer = null;
  }
  out.push(answer);
}
process.stdout.write(JSON.stringify(out));
