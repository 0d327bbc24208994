// cloudevents, the official SDK: its events in the three modes of HTTP, to both routes that append.
//
// The SDK makes the requests of the binary and of the structured mode; a batch is its events in an
// array. What is read is an event as everywhere, not a CloudEvent.
//
//     cloudevents_test.mjs [WORD OF A CASE'S NAME]...    FACTUM_ADDRESS names the server
import assert from "node:assert/strict";

import { CloudEvent, HTTP, emitterFor, Mode } from "cloudevents";

import { run, test, unique } from "../tap.mjs";

const base = `http://${process.env.FACTUM_ADDRESS}/api/v1`;
const TIME = "2024-02-29T12:30:00.250Z";

const make = (more = {}) => new CloudEvent({ type: "com.example.placed", source: "/orders", ...more });
const batch = (events) => ({
  headers: { "content-type": "application/cloudevents-batch+json; charset=utf-8" },
  body: JSON.stringify(events),
});
const send = async (path, { headers, body }, more = {}) => {
  const answer = await fetch(base + path, { method: "POST", headers: { ...headers, ...more }, body });
  return { ...(await answer.json()), status: answer.status, media: answer.headers.get("content-type") };
};
const read = async (path) => {
  const answer = await fetch(base + path);
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body.events;
};
const sent = async (path, message, more) => {
  const answer = await send(path, message, more);
  assert.equal(answer.status, 201, JSON.stringify(answer));
  assert.equal(answer.already, false);
  return answer;
};
const refused = async (status, code, detail, answer) => {
  const got = await answer;
  assert.equal(got.status, status, JSON.stringify(got));
  assert.equal(got.media, "application/problem+json");
  assert.equal(got.code, code);
  assert.match(got.detail, detail);
  return got;
};
const MODES = { binary: HTTP.binary, structured: HTTP.structured, batched: (event) => batch([event]) };

for (const [mode, message] of Object.entries(MODES)) {
  test(`a ${mode} event keeps its id, type, time, data and attributes`, async () => {
    const stream = unique("order");
    const event = make({
      time: TIME, data: { total: 4200, note: "grün ✓\r\n" }, subject: "C7", dataschema: "http://example.com/s",
      correlationid: "c-1", causationid: "c-0", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      number: 5, flag: true,
    });
    const answer = await sent(`/streams/${stream}`, message(event));
    assert.equal(answer.revision, 0);
    const [stored, ...more] = await read(`/streams/${stream}`);
    assert.equal(more.length, 0);
    assert.equal(stored.id, event.id);
    assert.equal(stored.type, event.type);
    assert.equal(stored.time, TIME);
    assert.equal(stored.position, answer.position);
    assert.deepEqual(stored.data, event.data);
    // A header field is always text.
    const [number, flag] = mode === "binary" ? ["5", "true"] : [5, true];
    assert.deepEqual(stored.metadata, {
      source: "/orders", subject: "C7", dataschema: "http://example.com/s", traceparent: event.traceparent,
      number, flag, correlationid: "c-1", $correlationId: "c-1", causationid: "c-0", $causationId: "c-0",
    });
  });

  test(`a ${mode} event goes to the stream of its subject`, async () => {
    const subject = unique("order/a b");
    const event = make({ subject, data: { a: [1, null] } });
    const answer = await sent("/events", message(event));
    assert.deepEqual(answer.streams, [{ stream: subject, revision: 0 }]);
    const [stored] = await read(`/streams/${encodeURIComponent(subject)}`);
    assert.equal(stored.id, event.id);
    assert.deepEqual(stored.data, event.data);
    assert.equal(stored.metadata.subject, undefined);
  });

  test(`a ${mode} event of bytes keeps them`, async () => {
    const stream = unique("bytes");
    const data = Uint8Array.from({ length: 256 }, (_, i) => i);
    await sent(`/streams/${stream}`, message(make({ datacontenttype: "application/octet-stream", data })));
    const [stored] = await read(`/streams/${stream}`);
    assert.equal(stored.contentType, "application/octet-stream");
    assert.deepEqual(Buffer.from(stored.data, "base64"), Buffer.from(data));
  });

  test(`a ${mode} event of text keeps it`, async () => {
    const stream = unique("text");
    const data = "zwölf\n\t\"€\" 𝄞";
    await sent(`/streams/${stream}`, message(make({ datacontenttype: "text/plain; charset=utf-8", data })));
    const [stored] = await read(`/streams/${stream}`);
    assert.equal(stored.contentType, "text/plain; charset=utf-8");
    assert.equal(Buffer.from(stored.data, "base64").toString(), data);
  });

  test(`a ${mode} event without data has none`, async () => {
    const stream = unique("none");
    await sent(`/streams/${stream}`, message(make()));
    const [stored] = await read(`/streams/${stream}`);
    assert(!("data" in stored));
  });

  test(`a ${mode} event that is sent twice is appended once`, async () => {
    const stream = unique("twice");
    for (const event of [make({ data: 1 }), make({ id: "no UUID", data: 2 })]) {
      const first = await sent(`/streams/${stream}`, message(event));
      for (const again of Object.values(MODES)) {
        const answer = await send(`/streams/${stream}`, again(event));
        assert.equal(answer.status, 200, JSON.stringify(answer));
        assert.equal(answer.already, true);
        assert.equal(answer.position, first.position);
      }
    }
    const stored = await read(`/streams/${stream}`);
    assert.deepEqual(stored.map(({ data }) => data), [1, 2]);
    assert.equal(stored[0].metadata.id, undefined);
    assert.equal(stored[1].metadata.id, "no UUID");
  });
}

test("the same id of another source is another event", async () => {
  const stream = unique("sources");
  for (const source of ["/a", "/b"]) await sent(`/streams/${stream}`, HTTP.binary(make({ source, id: "1" })));
  const stored = await read(`/streams/${stream}`);
  assert.equal(stored.length, 2);
  assert.notEqual(stored[0].id, stored[1].id);
});

test("the SDK's emitters send as its messages do", async () => {
  const stream = unique("emitter");
  for (const mode of [Mode.BINARY, Mode.STRUCTURED]) {
    const emit = emitterFor((message, { path }) => send(path, message), { mode });
    const answer = await emit(make({ data: { mode } }), { path: `/streams/${stream}` });
    assert.equal(answer.status, 201, JSON.stringify(answer));
  }
  const stored = await read(`/streams/${stream}`);
  assert.deepEqual(stored.map(({ data }) => data.mode), [Mode.BINARY, Mode.STRUCTURED]);
});

test("a batch is one append, in its order", async () => {
  const stream = unique("batch");
  const events = Array.from({ length: 300 }, (_, n) => make({ data: { n } }));
  const answer = await sent(`/streams/${stream}`, batch(events));
  assert.equal(answer.count, 300);
  assert.equal(answer.revision, 299);
  const stored = await read(`/streams/${stream}?limit=1000`);
  assert.deepEqual(stored.map(({ id }) => id), events.map(({ id }) => id));
  const again = await send(`/streams/${stream}`, batch(events));
  assert.equal(again.already, true, JSON.stringify(again));
  assert.equal(again.position, answer.position);
});

test("a batch goes to the streams of its subjects", async () => {
  const [a, b] = [unique("a"), unique("b")];
  const events = [a, b, a].map((subject, n) => make({ subject, data: n }));
  const answer = await sent("/events", batch(events));
  const byName = Object.fromEntries(answer.streams.map(({ stream, revision }) => [stream, revision]));
  assert.deepEqual(byName, { [a]: 1, [b]: 0 });
  assert.deepEqual((await read(`/streams/${a}`)).map(({ data }) => data), [0, 2]);
  assert.deepEqual((await read(`/streams/${b}`)).map(({ data }) => data), [1]);
});

test("all of a batch is appended or nothing", async () => {
  const stream = unique("nothing");
  const good = make({ subject: stream });
  await refused(400, "INVALID", /^event 2 of 2: .*"subject"/, send("/events", batch([good, make()])));
  const { type: _, ...untyped } = make({ subject: stream }).toJSON();
  await refused(400, "INVALID", /^event 3 of 3: .*"type"/, send(`/streams/${stream}`, batch([good, make(), untyped])));
  await refused(409, "WRONG_REVISION", /is not at revision 3/, send(`/streams/${stream}?expected=3`, batch([good])));
  const answer = await fetch(`${base}/streams/${stream}`);
  assert.equal(answer.status, 404, await answer.text());
});

test("what is expected of the stream holds or is refused", async () => {
  const stream = unique("expected");
  const path = `/streams/${stream}`;
  await sent(path, HTTP.binary(make()), { "if-none-match": "*" });
  const late = await refused(412, "WRONG_REVISION", /./, send(path, HTTP.binary(make()), { "if-none-match": "*" }));
  assert.equal(late.actualRevision, 0);
  await sent(path, HTTP.structured(make()), { "if-match": '"0"' });
  await refused(412, "WRONG_REVISION", /./, send(path, batch([make()]), { "if-match": '"0"' }));
  await sent(`${path}?expected=1`, batch([make()]));
  assert.equal((await read(path)).length, 3);
});

test("a key makes retries of a message one append", async () => {
  const path = `/streams/${unique("key")}`;
  const message = batch([make(), make()]);
  const first = await sent(path, message, { "idempotency-key": "k-1" });
  const again = await send(path, message, { "idempotency-key": "k-1" });
  assert.equal(again.status, 200, JSON.stringify(again));
  assert.equal(again.position, first.position);
  await refused(409, "KEY_CONFLICT", /./, send(path, HTTP.binary(make()), { "idempotency-key": "k-1" }));
  assert.equal((await read(path)).length, 2);
});

test("bodies that are not events are refused, and say why", async () => {
  const path = `/streams/${unique("refused")}`;
  const without = (name) => {
    const { [`ce-${name}`]: _, ...headers } = HTTP.binary(make()).headers;
    return { headers };
  };
  for (const name of ["id", "source", "type"]) {
    await refused(400, "INVALID", new RegExp(`"${name}"`), send(path, without(name)));
  }
  const old = new CloudEvent({ type: "T", source: "/s", specversion: "0.3" }, false);
  await refused(400, "INVALID", /version 1\.0/, send(path, HTTP.binary(old)));
  await refused(400, "INVALID", /version 1\.0/, send(path, HTTP.structured(old)));
  await refused(400, "INVALID", /not valid JSON/, send(path, { ...HTTP.structured(make()), body: "{" }));
  await refused(400, "INVALID", /no events/, send(path, batch([])));
  await refused(400, "INVALID", /"subject"/, send("/events", HTTP.binary(make())));
  // The SDK sends a string as JSON unless a content type is set.
  await refused(400, "INVALID", /^data: not valid JSON/, send(path, HTTP.binary(make({ data: "plain" }))));
  await refused(415, "UNSUPPORTED", /CloudEvents/, send(path, { headers: { "content-type": "text/plain" }, body: "x" }));
  assert.equal((await fetch(base + path)).status, 404);
});

test("events are found by type and by correlation", async () => {
  const mark = unique("mark");
  const events = ["a", "b"].map((kind) => make({ type: `${mark}.${kind}`, subject: unique(), correlationid: mark }));
  await sent("/events", batch(events));
  const ids = async (query) => (await read(`/events?${query}`)).map(({ id }) => id);
  assert.deepEqual(await ids(`correlation=${mark}`), events.map(({ id }) => id));
  assert.deepEqual(await ids(`type=${mark}.b`), [events[1].id]);
});

await run();
