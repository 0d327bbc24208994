// Publishers and subscribers that outlive ten deaths of the server (kill -9): each event that was
// acknowledged is stored once, and a subscriber that resumes has no gap and nothing twice.
//
// A publisher appends at the revision that it knows, and after an error tries the same event with the
// same id and revision again: whether the first try was written or not, it is one event.
//
//     restart_test.mjs    FACTUM names the program, TMPDIR a directory
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { BACKWARDS, END, KurrentDBClient, NO_STREAM, START, jsonEvent, streamNameFilter } from "@kurrent/kurrentdb-client";

import { run, serve, sleep, stop, test, until, within } from "../tap.mjs";

const KILLS = 10;
const PUBLISHERS = 4;
const directory = mkdtempSync(join(tmpdir(), "factum-restart-"));
const connect = (address) => KurrentDBClient.connectionString(`kurrentdb://${address}?tls=false`);

const publisher = (client, stream) => {
  const me = { stream, acknowledged: [], retries: 0, stopping: false };
  const work = async () => {
    while (!me.stopping) {
      const n = me.acknowledged.length;
      const event = jsonEvent({ id: randomUUID(), type: "published", data: { n } });
      for (let done = false; !done;) {
        try {
          const streamState = n === 0 ? NO_STREAM : BigInt(n - 1);
          const answer = await within(3000, "an append", client.appendToStream(stream, event, { streamState }));
          assert.equal(answer.nextExpectedRevision, BigInt(n));
          done = true;
        } catch (error) {
          if (error.type === "wrong-expected-version" || error instanceof assert.AssertionError) throw error;
          me.retries++;
          await sleep(50);
        }
      }
      me.acknowledged.push(event.id);
    }
  };
  me.done = work();
  return me;
};

// |open| subscribes after the last event that was received, or from the start.
const subscriber = (open) => {
  const me = { ids: [], resumed: -1, stopping: false, current: null };
  const follow = async () => {
    let last = null;
    while (!me.stopping) {
      me.resumed++;
      try {
        me.current = open(last);
        for await (const { event } of me.current) {
          if (!event) continue;
          last = event;
          me.ids.push(event.id);
        }
      } catch {
        await sleep(50);
      }
    }
  };
  me.done = follow();
  return me;
};

test("ten kills of the server lose nothing and double nothing", async () => {
  let server = await serve(join(directory, "store"));
  const { address, port } = server;
  const clients = Array.from({ length: PUBLISHERS + 2 }, () => connect(address));
  const publishers = Array.from({ length: PUBLISHERS }, (_, i) => publisher(clients[i], `restart-${i}`));
  const ofOne = subscriber((last) =>
    clients[PUBLISHERS].subscribeToStream("restart-0", { fromRevision: last?.revision ?? START }));
  const ofAll = subscriber((last) => clients[PUBLISHERS + 1].subscribeToAll({
    fromPosition: last?.position ?? START, filter: streamNameFilter({ prefixes: ["restart-"] }) }));
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const before = publishers.map((each) => each.acknowledged.length);
      await until(() => publishers.every((each, i) => each.acknowledged.length > before[i] + 5),
        `appends after kill ${kill}`);
      await sleep(Math.random() * 200);
      await stop(server.child, "SIGKILL");
      server = await serve(join(directory, "store"), port);
    }
    publishers.forEach((each) => (each.stopping = true));
    await Promise.all(publishers.map((each) => each.done));
    const total = publishers.reduce((sum, each) => sum + each.acknowledged.length, 0);
    await until(() => ofOne.ids.length >= publishers[0].acknowledged.length && ofAll.ids.length >= total,
      "the subscribers' ends");

    const reader = connect(address);
    for (const { stream, acknowledged } of publishers) {
      const stored = [];
      for await (const { event } of reader.readStream(stream)) {
        assert.equal(event.revision, BigInt(stored.length));
        assert.equal(event.data.n, stored.length);
        stored.push(event.id);
      }
      assert.deepEqual(stored, acknowledged);
    }
    assert.deepEqual(ofOne.ids, publishers[0].acknowledged);
    const order = [];
    for await (const { event } of reader.readAll()) {
      if (event.streamId.startsWith("restart-")) order.push(event.id);
    }
    assert.deepEqual(ofAll.ids, order);
    assert.equal(new Set(order).size, total);
    assert(ofOne.resumed >= KILLS && ofAll.resumed >= KILLS);
    for await (const { event } of reader.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 })) {
      assert(event.position.commit > 0n);
    }
    console.log(`# ${total} events, ${publishers.reduce((sum, each) => sum + each.retries, 0)} tries again`);
  } finally {
    for (const each of [ofOne, ofAll]) each.stopping = true;
    publishers.forEach((each) => (each.stopping = true));
    await stop(server.child);
  }
}, 120_000);

test("a server that is stopped answers what it took, ends its subscriptions with an error, and ends in time", async () => {
  const store = join(directory, "stopped");
  let server = await serve(store);
  const client = connect(server.address);
  const make = (n) => jsonEvent({ id: randomUUID(), type: "stop", data: { n } });
  await client.appendToStream("stop", make(-1));
  const ends = Array.from({ length: 20 }, () => new Promise((resolve) => {
    client.subscribeToStream("stop").on("error", resolve);
  }));
  const live = client.subscribeToStream("stop");
  ends.push(new Promise((resolve) => live.on("error", resolve)));
  await new Promise((resolve) => live.once("caughtUp", resolve));
  const events = Array.from({ length: 500 }, (_, n) => make(n));
  const appends = events.map((event) => client.appendToStream("stop", event));
  const settled = Promise.allSettled(appends);
  await appends[0];
  const began = Date.now();
  await stop(server.child);
  assert(Date.now() - began < 5000, `ended after ${Date.now() - began} ms`);
  assert.equal(server.child.exitCode, 0);
  for (const error of await within(5000, "the subscribers' errors", Promise.all(ends))) {
    assert(["unavailable", "cancelled"].includes(error.type), error.stack);
  }
  const outcomes = await within(15_000, "the appends' ends", settled);
  server = await serve(store, server.port);
  const stored = [];
  for await (const { event } of connect(server.address).readStream("stop")) stored.push(event.id);
  assert.equal(new Set(stored).size, stored.length);
  outcomes.forEach((outcome, n) => {
    if (outcome.status === "fulfilled") assert(stored.includes(events[n].id), `append ${n} is lost`);
    else assert(["unavailable", "cancelled"].includes(outcome.reason.type), outcome.reason.stack);
  });
  console.log(`# ${outcomes.filter(({ status }) => status === "fulfilled").length} of 500 were written`);
  await stop(server.child);
}, 60_000);

await run(async () => rmSync(directory, { recursive: true, force: true }));
