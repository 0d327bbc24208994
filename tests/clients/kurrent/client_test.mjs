// @kurrent/kurrentdb-client: every call that it has, over its two stacks (grpc-js and Rust).
//
//     client_test.mjs [WORD OF A CASE'S NAME]...    FACTUM_ADDRESS names the server
import assert from "node:assert/strict";

import * as kurrent from "@kurrent/kurrentdb-client";

import { all, defineCases, follow } from "../streams_cases.mjs";
import { PATIENT, run, test, unique, until } from "../tap.mjs";

const address = process.env.FACTUM_ADDRESS;
const connect = (more = "") =>
  kurrent.KurrentDBClient.connectionString(`kurrentdb://${address}?tls=false${PATIENT}${more}`);
const client = connect();
const lib = {
  ...kurrent,
  connect,
  discover: () => kurrent.KurrentDBClient.connectionString(`kurrentdb+discover://${address}?tls=false`),
};

defineCases(client, lib, (streamState) => ({ streamState }));

test("reads of $all are filtered by the server", async () => {
  const mark = unique("filtered").replace("-", "");
  await client.appendToStream(`${mark}-1`, kurrent.jsonEvent({ type: "a", data: {} }));
  await client.appendToStream(unique(), kurrent.jsonEvent({ type: `${mark}type`, data: {} }));
  const read = (filter) => all(client.readAll({ filter }));
  assert.equal((await read(kurrent.streamNameFilter({ prefixes: [mark] }))).length, 1);
  assert.equal((await read(kurrent.eventTypeFilter({ regex: `^${mark}` }))).length, 1);
  assert.equal((await read(kurrent.streamNameFilter({ prefixes: [`$idx-ce-${mark}`] }))).length, 1);
  assert.equal((await read(kurrent.streamNameFilter({ prefixes: [`$idx-et-${mark}type`] }))).length, 1);
});

test("an index without events is not found", async () => {
  for (const index of ["$idx-ce-nowhere", "$idx-et-Never"]) {
    await assert.rejects(all(client.readAll({ filter: kurrent.streamNameFilter({ prefixes: [index] }) })),
      /NotFound/);
  }
});

test("caught up is reported with the revision", async () => {
  const stream = unique();
  await client.appendToStream(stream, kurrent.jsonEvent({ type: "a", data: {} }));
  const caughtUp = await new Promise((resolve) => {
    const subscription = client.subscribeToStream(stream, { fromRevision: kurrent.END });
    subscription.on("caughtUp", (what) => subscription.unsubscribe().then(() => resolve(what)));
  });
  assert.equal(caughtUp?.revision, 0n);
});

test("300 subscriptions of one client are live at once, and end without harm", async () => {
  const many = connect();
  const streams = Array.from({ length: 300 }, () => unique("many"));
  const subscriptions = streams.map((stream) => follow(many.subscribeToStream(stream)));
  await until(() => subscriptions.every((each) => each.caughtUp > 0), "300 live subscriptions");
  await Promise.all(streams.map((stream) =>
    many.appendToStream(stream, kurrent.jsonEvent({ type: "a", data: {} }))));
  await until(() => subscriptions.every((each) => each.events.length === 1), "an event for each");
  await Promise.all(subscriptions.map((each) => each.stop()));
  assert(subscriptions.every((each) => each.error === null));
  const stream = unique();
  await many.appendToStream(stream, kurrent.jsonEvent({ type: "a", data: {} }));
  assert.equal((await all(many.readStream(stream))).length, 1);
  const again = follow(many.subscribeToStream(stream));
  await until(() => again.events.length === 1, "a subscription after them");
  await again.stop();
  await many.dispose();
});

test("an event that does not fit its schema is refused with its place", async () => {
  const type = unique("Typed").replace("-", "");
  const answer = await fetch(`http://${address}/api/v1/schemas/${type}`, {
    method: "POST",
    headers: { "content-type": "application/schema+json" },
    body: JSON.stringify({ properties: { qty: { type: "integer", minimum: 1 } } }),
  });
  assert.equal(answer.status, 201);
  const good = kurrent.jsonEvent({ type, data: { qty: 1 } });
  const bad = kurrent.jsonEvent({ type, data: { qty: 0 } });
  const stream = unique();
  const fails = (...options) => assert.rejects(client.appendToStream(stream, [good, bad], ...options),
    (error) => error.message.includes("event 1: /qty: ") && error.message.includes(`schema ${type} 1`));
  await fails();
  // With credentials the client takes Append instead of BatchAppend.
  await fails({ credentials: { username: "admin", password: "changeit" } });
  await assert.rejects(all(client.readStream(stream)), kurrent.StreamNotFoundError);
});

await run(() => client.dispose());
