// schema.mjs - JSON.parse and ajv 8 on the events of bench/schema.c, in the same form.
//
//   node schema.mjs SCHEMA EVENTS [SECONDS]      run in the folder that has ajv
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const require = createRequire(`${process.cwd()}/`);
const Ajv = require('ajv/dist/2020').default;
const [schema, file, wanted] = process.argv.slice(2);
const seconds = Number(wanted ?? 0.5);
const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
const validate = new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse(readFileSync(schema, 'utf8')));
const ROUNDS = 7;
function measure(what, name, events, check) {
  const texts = events.map((line) => Buffer.from(line));
  const bytes = texts.reduce((sum, text) => sum + text.length, 0) / texts.length;
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    let count = 0;
    let spent = 0;
    do {
      for (const text of texts) {
        const data = JSON.parse(text.toString());
        if (check && !validate(data)) throw new Error(JSON.stringify(validate.errors));
      }
      count += texts.length;
      const used = process.cpuUsage(start);
      spent = (used.user + used.system) / 1e6;
    } while (spent < seconds / ROUNDS);
    best = Math.max(best, count / spent);
  }
  console.log(`${what.padEnd(28)} ${name} (${Math.floor(bytes)} bytes)  ${best.toFixed(0).padStart(10)} events/s  ` +
    `${(best * bytes / 1e6).toFixed(0).padStart(6)} MB/s`);
}
const half = lines.length / 2;
for (const [name, events] of [['200 B', lines.slice(0, half)], ['600 B', lines.slice(half)]]) {
  measure('node: JSON.parse', name, events, false);
  measure('node: JSON.parse and ajv 8', name, events, true);
}
