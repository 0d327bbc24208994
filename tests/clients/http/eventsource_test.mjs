// eventsource: the live tail as a browser's EventSource reads it, on servers that this test kills.
//
//     eventsource_test.mjs [WORD OF A CASE'S NAME]...    FACTUM names the program, TMPDIR a directory
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EventSource } from "eventsource";

import { run, serve, sleep, stop, test, until } from "../tap.mjs";

const KILLS = 2;
const directory = mkdtempSync(join(tmpdir(), "factum-eventsource-"));
const shared = await serve(join(directory, "shared"));

const post = async (address, path, body, type = "application/json") => {
  const answer = await fetch(`http://${address}/api/v1${path}`, {
    method: "POST", headers: { "content-type": type }, body: typeof body === "string" ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(3000),
  });
  const text = await answer.text();
  assert(answer.ok, `${answer.status}: ${text}`);
  return JSON.parse(text);
};

// What an EventSource received: |events|, |tokens|, |refusals| (problem details) and |lost| connections.
const follow = (address, path) => {
  const me = { events: [], tokens: [], refusals: [], lost: [], opened: 0, resumed: [] };
  me.source = new EventSource(`http://${address}/api/v1${path}`, {
    fetch: (url, init) => {
      me.resumed.push(init.headers["Last-Event-ID"]);
      return fetch(url, init);
    },
  });
  me.source.onopen = () => me.opened++;
  me.source.onmessage = ({ data, lastEventId }) => {
    me.events.push(JSON.parse(data));
    me.tokens.push(lastEventId);
  };
  me.source.addEventListener("error", (event) => {
    if (event.data) me.refusals.push(JSON.parse(event.data));
    else me.lost.push(event);
  });
  me.got = (count) => until(() => me.events.length >= count, `${count} events of ${path}`);
  return me;
};
const read = async (address, path) => {
  const events = [];
  for (let after = ""; ;) {
    const page = await (await fetch(`http://${address}/api/v1${path}?limit=500${after}`)).json();
    events.push(...page.events);
    if (page.events.length < 500) return events;
    after = `&after=${page.next}`;
  }
};

test("a tail gives stored events, and then new ones", async () => {
  const { address } = shared;
  await post(address, "/streams/tail-1", [{ type: "a", data: 0 }, { type: "b", data: 1 }]);
  const tail = follow(address, "/streams/tail-1");
  await tail.got(2);
  await post(address, "/streams/tail-2", { type: "other" });
  const { token } = await post(address, "/streams/tail-1", { type: "c", data: 2 });
  await tail.got(3);
  assert.deepEqual(tail.events, await read(address, "/streams/tail-1"));
  assert.equal(tail.tokens[2], token);
  assert.equal(new Set(tail.tokens).size, 3);
  assert.equal(tail.opened, 1);
  tail.source.close();
});

test("tails of a category, a type, a tag and everything get each event of theirs", async () => {
  const { address } = shared;
  const tails = ["category=cat", "type=wanted", "tag=customer:C7", "prefix=cat-"]
    .map((query) => follow(address, `/events?${query}`));
  const end = follow(address, "/events?from=end");
  await until(() => end.opened && tails.every(({ opened }) => opened), "the tails");
  await post(address, "/events", { events: [
    { stream: "cat-1", type: "wanted", data: 1 },
    { stream: "dog-1", type: "wanted", data: 2, tags: ["customer:C7"] },
    { stream: "cat-2", type: "unwanted", data: 3, tags: ["customer:C7"] },
  ] });
  await Promise.all([...tails.map((tail) => tail.got(2)), end.got(3)]);
  assert.deepEqual(tails.map(({ events }) => events.map(({ data }) => data)), [[1, 3], [1, 2], [2, 3], [1, 3]]);
  assert.deepEqual(end.events.map(({ data }) => data), [1, 2, 3]);
  for (const { source } of [...tails, end]) source.close();
});

test("line ends inside of JSON, and a megabyte, come as they are", async () => {
  const { address } = shared;
  const tail = follow(address, "/streams/lines");
  await post(address, "/streams/lines", '{"type": "raw",\r"data": {\r"a":\n1,\r\n"b": "\\r\\n\u2028ä",\n\n"c": [\n]}}');
  const binary = await fetch(`http://${address}/api/v1/streams/lines`, {
    method: "POST", body: '{\r"a":\n\n1\r\n}',
    headers: { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "raw", "content-type": "application/json" },
  });
  assert.equal(binary.status, 201);
  await post(address, "/streams/lines", { type: "big", data: "ä€𝄞".repeat(120_000) });
  await tail.got(3);
  assert.deepEqual(tail.events[0].data, { a: 1, b: "\r\n\u2028ä", c: [] });
  assert.deepEqual(tail.events[1].data, { a: 1 });
  assert.equal(tail.events[2].data, "ä€𝄞".repeat(120_000));
  tail.source.close();
});

test("a tail that goes on after an event has no gap and nothing twice", async () => {
  const { address } = shared;
  await post(address, "/streams/after", Array.from({ length: 1000 }, (_, data) => ({ type: "n", data })));
  const whole = follow(address, "/streams/after");
  await whole.got(1000);
  whole.source.close();
  const rest = follow(address, `/streams/after?after=${encodeURIComponent(whole.tokens[499])}`);
  await post(address, "/streams/after", { type: "n", data: 1000 });
  await rest.got(501);
  assert.deepEqual(rest.events.map(({ data }) => data), Array.from({ length: 501 }, (_, i) => 500 + i));
  rest.source.close();
});

test("an invalid tail is refused, and not tried again", async () => {
  const { address } = shared;
  for (const [path, code] of [["/events?after=nonsense", 400], ["/events?nonsense", 400], ["/nonsense", 404]]) {
    const tail = follow(address, path);
    await until(() => tail.source.readyState === EventSource.CLOSED, `the end of ${path}`);
    assert.deepEqual(tail.lost.map((error) => error.code), [code]);
    assert.equal(tail.resumed.length, 1);
  }
});

test("a stream that is tombstoned ends its tail with an error", async () => {
  const { address } = shared;
  await post(address, "/streams/grave", { type: "a" });
  const tail = follow(address, "/streams/grave");
  await tail.got(1);
  const answer = await fetch(`http://${address}/api/v1/streams/grave?tombstone`, { method: "DELETE" });
  assert(answer.ok, await answer.text());
  await until(() => tail.source.readyState === EventSource.CLOSED, "the end of the tail");
  assert.deepEqual(tail.refusals.map(({ code }) => code), ["STREAM_DELETED"]);
  assert.equal(tail.lost.at(-1).code, 410);
  assert.deepEqual(tail.events.map(({ type }) => type), ["a", "$streamDeleted"]);
});

// Appends one event at a time, and repeats it after an error: its id makes both one event.
const publish = (address, stream) => {
  const me = { ids: [], retries: 0, stopping: false };
  const work = async () => {
    while (!me.stopping) {
      const event = { id: randomUUID(), type: "published", data: me.ids.length };
      for (let done = false; !done;) {
        try {
          const { revision } = await post(address, `/streams/${stream}`, event);
          assert.equal(revision, me.ids.length);
          done = true;
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          me.retries++;
          await sleep(20);
        }
      }
      me.ids.push(event.id);
    }
  };
  me.done = work();
  return me;
};

test("a tail resumes after kills of the server, without a gap and nothing twice", async () => {
  const store = join(directory, "killed");
  let server = await serve(store);
  const { address, port } = server;
  const publishers = ["kill-0", "kill-1"].map((stream) => publish(address, stream));
  const [all, one, category] = ["/events", "/streams/kill-0", "/events?category=kill"].map((path) => follow(address, path));
  const tails = [all, one, category];
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const before = tails.map(({ events }) => events.length);
      await until(() => tails.every(({ events }, i) => events.length > before[i] + 10), `events after kill ${kill}`);
      await stop(server.child, "SIGKILL");
      server = await serve(store, port);
    }
    await until(() => tails.every(({ opened }) => opened > KILLS), "the last resumption");
    publishers.forEach((each) => (each.stopping = true));
    await Promise.all(publishers.map(({ done }) => done));
    const stored = await read(address, "/events");
    assert.equal(stored.length, publishers[0].ids.length + publishers[1].ids.length);
    await Promise.all([all.got(stored.length), category.got(stored.length), one.got(publishers[0].ids.length)]);
    await sleep(50); // time for duplicates to arrive
    const order = stored.map(({ id }) => id);
    assert.deepEqual(all.events.map(({ id }) => id), order);
    assert.deepEqual(category.events.map(({ id }) => id), order);
    assert.deepEqual(one.events.map(({ id }) => id), publishers[0].ids);
    publishers.forEach(({ ids }, i) => {
      assert.deepEqual(stored.filter(({ stream }) => stream === `kill-${i}`).map(({ id }) => id), ids);
    });
    for (const { resumed, lost, refusals } of tails) {
      assert.equal(resumed[0], undefined);
      assert(resumed.slice(1).every((token) => token.startsWith("f1-")), "Last-Event-ID is a token");
      assert(lost.length >= KILLS);
      assert.deepEqual(refusals, []);
    }
    console.log(`# ${stored.length} events, ${publishers.reduce((sum, each) => sum + each.retries, 0)} tries again`);
  } finally {
    publishers.forEach((each) => (each.stopping = true));
    tails.forEach(({ source }) => source.close());
    await stop(server.child);
  }
});

test("a tail that had no event yet misses nothing that comes while the server is away", async () => {
  const store = join(directory, "away");
  let server = await serve(store);
  const { address, port } = server;
  await post(address, "/streams/away", { type: "before" });
  const tail = follow(address, "/events?from=end");
  let caughtUp = 0;
  tail.source.addEventListener("caught-up", () => caughtUp++);
  try {
    await until(() => caughtUp === 1, "the message that it has caught up");
    await stop(server.child, "SIGKILL");
    server = await serve(store, port);
    await post(address, "/streams/away", { type: "missed" });
    await tail.got(1);
    assert.deepEqual(tail.events.map(({ type }) => type), ["missed"]);
  } finally {
    tail.source.close();
    await stop(server.child);
  }
});

test("a server that stops ends each tail with a message, and the next one goes on", async () => {
  const store = join(directory, "stopped");
  let server = await serve(store);
  const { address, port } = server;
  await post(address, "/streams/stop", { type: "before" });
  const tails = ["/events", "/streams/stop", "/streams/stop?from=end", "/streams/never"].map((path) => follow(address, path));
  try {
    await until(() => tails.every(({ opened }) => opened === 1), "the tails");
    await post(address, "/streams/stop", { type: "live" });
    await Promise.all([tails[0].got(2), tails[1].got(2), tails[2].got(1)]);
    const began = Date.now();
    await stop(server.child);
    assert.equal(server.child.exitCode, 0);
    assert(Date.now() - began < 3000, `ended after ${Date.now() - began} ms`);
    await until(() => tails.every(({ refusals }) => refusals.length === 1), "the errors");
    for (const { refusals: [problem] } of tails) {
      assert.equal(problem.code, "CANCELLED");
      assert.match(problem.detail, /shutting down/);
    }
    server = await serve(store, port);
    await until(() => tails.every(({ opened }) => opened === 2), "the resumption");
    await post(address, "/streams/stop", { type: "after" });
    await Promise.all([tails[0].got(3), tails[1].got(3), tails[2].got(2)]);
    const types = tails.map(({ events }) => events.map(({ type }) => type));
    assert.deepEqual(types, [["before", "live", "after"], ["before", "live", "after"], ["live", "after"], []]);
  } finally {
    tails.forEach(({ source }) => source.close());
    await stop(server.child);
  }
});

await run(async () => {
  await stop(shared.child);
  rmSync(directory, { recursive: true, force: true });
});
