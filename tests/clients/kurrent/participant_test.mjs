// participant.mjs, which the guide shows, and payment.mjs of the examples, under the contract test of the
// command line.
//
//     participant_test.mjs [WORD OF A CASE'S NAME]...    FACTUM_ADDRESS names the server
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { KurrentDBClient, StreamNotFoundError } from "@kurrent/kurrentdb-client";

import { run, stop, test } from "../tap.mjs";

const start = (name, ...options) =>
  spawn(process.execPath, [fileURLToPath(new URL(name, import.meta.url)), ...options],
    { stdio: ["ignore", "ignore", "inherit"] });
const participant = start("./participant.mjs");
const payment = start("./payment.mjs", "--limit", "500", "--closed", "old-card",
  `kurrentdb://${process.env.FACTUM_ADDRESS}?tls=false`);

// Resolves to {code, report}; code null: it was killed.
const contract_of = (action, undo, ...more) =>
  new Promise((resolve) => {
    execFile(process.env.FACTUM,
      ["--store", `factum://${process.env.FACTUM_ADDRESS}`, "saga", "test-participant", "--json",
       "--do", action, "--undo", undo, ...more],
      (error, out, said) => {
        if (out === "") console.log(`# ${said}`);
        resolve({ code: error === null ? 0 : error.code, report: JSON.parse(out) });
      });
  });
const contract = (...more) => contract_of("stock.ReserveStock", "stock.ReleaseStock", ...more);
const pay = (amountCents, account, orderId = "1") => {
  const data = JSON.stringify({ orderId, account, amountCents });
  return contract_of("payment.Charge", "payment.Refund", "--data", data, "--undo-data", data);
};
const failed = ({ report }) => report.checks.filter((check) => check.outcome !== "passed");

test("a participant of a few lines keeps to the rules", async () => {
  const found = await contract("--data", '{"sku":7,"quantity":2}', "--undo-data", '{"sku":7}');
  assert.deepEqual(failed(found), []);
  assert.equal(found.code, 0);
  assert.equal(found.report.passed, true);
  assert.equal(found.report.checks.length, 14);
});

test("a command whose data it refuses fails", async () => {
  const found = await contract("--data", '{"sku":7,"quantity":11}', "--undo-data", '{"sku":7}');
  assert.equal(found.code, 7);
  const [first, ...others] = failed(found);
  assert.equal(first.check, "do-answered");
  assert.match(first.found, /^it answered CommandFailed \{"code":"stock.none_left"/);
  assert.deepEqual(others.map(({ check }) => check), ["goes-on"]);
});

test("the payment of the examples keeps to the rules too", async () => {
  const found = await pay(500, "card");
  assert.deepEqual(failed(found), []);
  assert.equal(found.code, 0);
});

test("a payment that was declined has nothing to give back", async () => {
  const found = await pay(501, "card", "2");
  assert.deepEqual(failed(found), []);
  const client = KurrentDBClient.connectionString`kurrentdb://${process.env.FACTUM_ADDRESS}?tls=false`;
  await assert.rejects(async () => {
    for await (const { event } of client.readStream("payment-2")) console.log(`# ${event.type}`);
  }, StreamNotFoundError);
  await client.dispose();
});

test("the payment gives nothing back to an account that is closed", async () => {
  const found = await pay(500, "old-card");
  assert.equal(found.code, 7);
  const [first] = failed(found);
  assert.equal(first.check, "undo-answered");
  assert.match(first.found, /^it answered CommandFailed \{"code":"payment.account_closed"/);
});

test("a participant that does not exist is reported", async () => {
  await stop(participant, "SIGKILL");
  const found = await contract("--timeout", "1");
  assert.equal(found.code, 9);
  assert.equal(found.report.checks.filter(({ outcome }) => outcome === "skipped").length, 13);
});

await run(() => Promise.all([participant, payment].map((child) => stop(child, "SIGKILL"))));
