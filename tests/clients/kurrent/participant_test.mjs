// participant.mjs, which the guide shows, under the contract test of the command line.
//
//     participant_test.mjs [WORD OF A CASE'S NAME]...    FACTUM_ADDRESS names the server
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { run, stop, test } from "../tap.mjs";

const participant = spawn(process.execPath,
  [fileURLToPath(new URL("./participant.mjs", import.meta.url))],
  { stdio: ["ignore", "ignore", "inherit"] });

// Resolves to {code, report}; code null: it was killed.
const contract = (...more) =>
  new Promise((resolve) => {
    execFile(process.env.FACTUM,
      ["--store", `factum://${process.env.FACTUM_ADDRESS}`, "saga", "test-participant", "--json",
       "--do", "stock.ReserveStock", "--undo", "stock.ReleaseStock", ...more],
      (error, out, said) => {
        if (out === "") console.log(`# ${said}`);
        resolve({ code: error === null ? 0 : error.code, report: JSON.parse(out) });
      });
  });
const failed = ({ report }) => report.checks.filter((check) => check.outcome !== "passed");

test("a participant of a few lines keeps to the rules", async () => {
  const found = await contract("--data", '{"sku":7,"quantity":2}', "--undo-data", '{"sku":7}');
  assert.deepEqual(failed(found), []);
  assert.equal(found.code, 0);
  assert.equal(found.report.passed, true);
  assert.equal(found.report.checks.length, 14);
});

test("data that it refuses is no success", async () => {
  const found = await contract("--data", '{"sku":7,"quantity":11}', "--undo-data", '{"sku":7}');
  assert.equal(found.code, 7);
  const [first, ...others] = failed(found);
  assert.equal(first.check, "do-answered");
  assert.match(first.found, /^it answered CommandFailed \{"code":"stock.none_left"/);
  assert.deepEqual(others.map(({ check }) => check), ["goes-on"]);
});

test("a participant that is not there is missed", async () => {
  await stop(participant, "SIGKILL");
  const found = await contract("--timeout", "1");
  assert.equal(found.code, 9);
  assert.equal(found.report.checks.filter(({ outcome }) => outcome === "skipped").length, 13);
});

await run(() => stop(participant, "SIGKILL"));
