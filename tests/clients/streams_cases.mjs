// The calls that @kurrent/kurrentdb-client and @eventstore/db-client have in common, and their errors.
//
// Quirks of the clients that these cases allow for: kurrentdb-client calls append's expectation streamState, and
// reads the sub-second part of "created" of a read as zero; readAll of db-client ignores its filter.
// kurrentdb-client reads from the end backwards, and from the start forwards, whatever it is given. It does not cancel a read
// that is given up, whose bytes keep the connection's window: a few megabytes of those, and all its
// reads stall. Neither client can delete a stream on condition that it exists.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { test, unique, until } from "./tap.mjs";

export const all = async (events) => {
  const found = [];
  for await (const each of events) found.push(each);
  return found;
};

// A subscription with what it gave; |stop| ends it.
export const follow = (subscription) => {
  const got = { events: [], caughtUp: 0, error: null };
  subscription.on("data", (resolved) => got.events.push(resolved));
  subscription.on("caughtUp", () => got.caughtUp++);
  subscription.on("error", (error) => (got.error = error));
  got.stop = () => subscription.unsubscribe();
  return got;
};

const throwsKind = async (call, Kind, check = () => {}) => {
  await assert.rejects(call, (error) => {
    assert(error instanceof Kind, `${error?.constructor?.name}: ${error?.stack}`);
    check(error);
    return true;
  });
};

const appendCases = (client, lib, expecting) => {
  const { jsonEvent, binaryEvent, NO_STREAM, STREAM_EXISTS, ANY } = lib;
  const made = (count) => Array.from({ length: count }, (_, n) => jsonEvent({ type: "made", data: { n } }));

  test("an append returns the next revision and the position", async () => {
    const stream = unique();
    const first = await client.appendToStream(stream, made(3), expecting(NO_STREAM));
    assert.equal(first.success, true);
    assert.equal(first.nextExpectedRevision, 2n);
    assert.equal(first.position.commit, first.position.prepare);
    const second = await client.appendToStream(stream, made(1), expecting(2n));
    assert.equal(second.nextExpectedRevision, 3n);
    assert(second.position.commit > first.position.commit);
    await client.appendToStream(stream, made(1), expecting(STREAM_EXISTS));
    await client.appendToStream(stream, made(1), expecting(ANY));
    await client.appendToStream(stream, made(1)[0]);
    assert.equal((await all(client.readStream(stream))).length, 7);
  });

  test("an append with credentials of its own goes through the other call, with equal answers", async () => {
    const stream = unique();
    const credentials = { username: "admin", password: "changeit" };
    const first = await client.appendToStream(stream, made(2), { ...expecting(NO_STREAM), credentials });
    assert.equal(first.nextExpectedRevision, 1n);
    await throwsKind(() => client.appendToStream(stream, made(1), { ...expecting(7n), credentials }),
      lib.WrongExpectedVersionError, (error) => assert.equal(error.streamName, stream));
    await throwsKind(() => client.appendToStream(stream, made(1), { ...expecting(NO_STREAM), credentials }),
      lib.WrongExpectedVersionError);
    await client.tombstoneStream(stream);
    await throwsKind(() => client.appendToStream(stream, made(1), { credentials }), lib.StreamDeletedError);
  });

  test("a wrong revision throws, with both revisions", async () => {
    const stream = unique();
    await client.appendToStream(stream, made(2));
    for (const [expected, actual] of [[NO_STREAM, 1n], [5n, 1n]]) {
      await throwsKind(() => client.appendToStream(stream, made(1), expecting(expected)),
        lib.WrongExpectedVersionError, (error) => {
          assert.equal(error.streamName, stream);
          assert.equal(error.actualState ?? error.actualVersion, actual);
        });
    }
    await throwsKind(() => client.appendToStream(unique(), made(1), expecting(STREAM_EXISTS)),
      lib.WrongExpectedVersionError);
    assert.equal((await all(client.readStream(stream))).length, 2);
  });

  test("a wrong revision is an answer for those who want no exception", async () => {
    const stream = unique();
    await client.appendToStream(stream, made(1));
    const quiet = lib.connect("&throwOnAppendFailure=false");
    const answer = await quiet.appendToStream(stream, made(1), expecting(NO_STREAM));
    assert.equal(answer.success, false);
    await quiet.dispose();
  });

  test("the same events again are one append", async () => {
    const stream = unique();
    const same = made(2).map((event) => ({ ...event, id: randomUUID() }));
    const first = await client.appendToStream(stream, same, expecting(NO_STREAM));
    const again = await client.appendToStream(stream, same, expecting(NO_STREAM));
    assert.deepEqual(again, first);
    assert.deepEqual(await client.appendToStream(stream, same), first);
    assert.equal((await all(client.readStream(stream))).length, 2);
  });

  test("events come back as they were: JSON, bytes, metadata, ids, time", async () => {
    const stream = unique();
    const id = randomUUID();
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    await client.appendToStream(stream, [
      jsonEvent({ id, type: "json \u2603", data: { text: "\u00e4\u2603\u{1F600}", deep: [1, { x: null }] },
                  metadata: { $correlationId: "c-1", more: [true] } }),
      binaryEvent({ type: "bytes", data: bytes, metadata: bytes }),
    ]);
    const [json, binary] = (await all(client.readStream(stream))).map((resolved) => resolved.event);
    assert.equal(json.id, id);
    assert.equal(json.streamId, stream);
    assert.equal(json.revision, 0n);
    assert.equal(json.isJson, true);
    assert.equal(json.type, "json \u2603");
    assert.deepEqual(json.data, { text: "\u00e4\u2603\u{1F600}", deep: [1, { x: null }] });
    assert.deepEqual(json.metadata, { $correlationId: "c-1", more: [true] });
    assert(Math.abs(json.created.getTime() - Date.now()) < 60_000, json.created);
    assert.equal(binary.isJson, false);
    assert.deepEqual(new Uint8Array(binary.data), bytes);
    assert.deepEqual(new Uint8Array(binary.metadata), bytes);
  });

  test("a thousand appends at once are each answered once", async () => {
    const stream = unique();
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, n) =>
      client.appendToStream(stream, jsonEvent({ type: "n", data: { n } }))));
    const revisions = new Set(answers.map((answer) => answer.nextExpectedRevision));
    assert.equal(revisions.size, 1000);
    assert.equal((await all(client.readStream(stream))).length, 1000);
  });

  test("one append of 30,000 events is atomic, and a deadline that has passed is one", async () => {
    const stream = unique();
    await throwsKind(() => client.appendToStream(stream, made(30_000), { deadline: 1 }),
      lib.DeadlineExceededError);
    const answer = await client.appendToStream(stream, made(30_000), expecting(NO_STREAM));
    assert.equal(answer.nextExpectedRevision, 29_999n);
    let count = 0n;
    for await (const { event } of client.readStream(stream)) assert.equal(event.revision, count++);
    assert.equal(count, 30_000n);
  });

  test("an event of 15 MiB is written, read and followed; one of 20 MiB is refused", async () => {
    const stream = unique();
    const big = (size) => binaryEvent({ type: "big", data: new Uint8Array(size << 20).fill(7) });
    const got = follow(client.subscribeToStream(stream));
    await client.appendToStream(stream, big(15));
    const [{ event }] = await all(client.readStream(stream));
    assert.equal(event.data.length, 15 << 20);
    await until(() => got.events.length === 1 || got.error, "the big event");
    assert.equal(got.error, null);
    assert.equal(got.events[0].event.data.length, 15 << 20);
    await got.stop();
    await assert.rejects(() => client.appendToStream(stream, big(20)), /MaximumAppendEventSizeExceeded|[Ss]ize/);
    await client.appendToStream(stream, made(1));
  });

  test("an append beyond 32 MiB throws, with the limit", async () => {
    const parts = Array.from({ length: 5 }, () => binaryEvent({ type: "part", data: new Uint8Array(8 << 20) }));
    for (const options of [{}, { credentials: { username: "a", password: "b" } }]) {
      await throwsKind(() => client.appendToStream(unique(), parts, options), lib.MaxAppendSizeExceededError,
        (error) => assert.equal(error.maxAppendSize, 32 << 20));
    }
  });

  test("an append without events succeeds", async () => {
    const stream = unique();
    assert.equal((await client.appendToStream(stream, [])).success, true);
    await client.appendToStream(stream, made(2));
    assert.equal((await client.appendToStream(stream, [], expecting(1n))).nextExpectedRevision, 1n);
  });

  test("names of every kind are kept", async () => {
    for (const stream of [unique("\u00fcml\u00e4ut \u2603/%?#"), unique("a b\tc"), unique("$system"), unique("x".repeat(900))]) {
      await client.appendToStream(stream, made(1));
      const [{ event }] = await all(client.readStream(stream));
      assert.equal(event.streamId, stream);
    }
  });
};

const readCases = (client, lib) => {
  const { jsonEvent, END, BACKWARDS } = lib;
  const filled = async (count, type = "made") => {
    const stream = unique();
    await client.appendToStream(stream,
      Array.from({ length: count }, (_, n) => jsonEvent({ type, data: { n } })));
    return stream;
  };
  const revisions = async (stream, options) =>
    (await all(client.readStream(stream, options))).map(({ event }) => Number(event.revision));

  test("a stream is read in both directions, from everywhere", async () => {
    const stream = await filled(10);
    assert.deepEqual(await revisions(stream, { maxCount: 2 }), [0, 1]);
    assert.deepEqual(await revisions(stream, { fromRevision: 8n }), [8, 9]);
    assert.deepEqual(await revisions(stream, { fromRevision: 99n }), []);
    assert.deepEqual(await revisions(stream, { fromRevision: END, direction: BACKWARDS, maxCount: 2 }), [9, 8]);
    assert.deepEqual(await revisions(stream, { fromRevision: 1n, direction: BACKWARDS }), [1, 0]);
  });

  test("a stream that does not exist throws at the first event", async () => {
    const stream = unique();
    await throwsKind(() => all(client.readStream(stream)), lib.StreamNotFoundError,
      (error) => assert.equal(error.streamName, stream));
    await throwsKind(() => all(client.readStream(stream, { direction: BACKWARDS, fromRevision: END })),
      lib.StreamNotFoundError);
  });

  test("a read that is given up leaves the connection usable", async () => {
    const stream = await filled(500);
    for (let i = 0; i < 20; i++) {
      for await (const { event } of client.readStream(stream)) if (event.revision === 3n) break;
    }
    assert.equal((await all(client.readStream(stream, { maxCount: 7 }))).length, 7);
  });

  // A client may send the end of a request after its answer has come.
  test("thousands of small reads, eight at once, are all answered", async () => {
    const stream = await filled(1);
    const readSome = async () => {
      for (let i = 0; i < 600; i++) assert.equal((await all(client.readStream(stream))).length, 1);
    };
    await Promise.all(Array.from({ length: 8 }, readSome));
  });

  test("thirty reads at once get everything", async () => {
    const stream = await filled(2000);
    const counts = await Promise.all(Array.from({ length: 30 }, async () => (await all(client.readStream(stream))).length));
    assert.deepEqual(new Set(counts), new Set([2000]));
  });

  test("$all is read in both directions, from positions", async () => {
    const stream = await filled(3);
    const [first, second, third] = (await all(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 3 }))).reverse();
    assert.equal(first.event.streamId, stream);
    assert.equal(first.event.position.commit, first.event.position.prepare);
    const after = await all(client.readAll({ fromPosition: second.event.position }));
    assert.deepEqual(after.map(({ event }) => event.id), [second.event.id, third.event.id]);
    const before = await all(client.readAll({ fromPosition: third.event.position, direction: BACKWARDS, maxCount: 2 }));
    assert.deepEqual(before.map(({ event }) => event.id), [second.event.id, first.event.id]);
    assert.equal((await all(client.readAll({ maxCount: 5 }))).length, 5);
  });

  test("the links of a category are resolved", async () => {
    const category = unique("cat").replace("-", "");
    await client.appendToStream(`${category}-1`, jsonEvent({ type: "a", data: {} }));
    await client.appendToStream(`${category}-2`, jsonEvent({ type: "b", data: {} }));
    const resolved = await all(client.readStream(`$ce-${category}`, { resolveLinkTos: true }));
    assert.deepEqual(resolved.map(({ event, link }) => [event.streamId, event.type, link.streamId, Number(link.revision)]),
      [[`${category}-1`, "a", `$ce-${category}`, 0], [`${category}-2`, "b", `$ce-${category}`, 1]]);
    const [{ event }] = await all(client.readStream(`$ce-${category}`, { maxCount: 1 }));
    assert.equal(event.type, "$>");
  });
};

const removalCases = (client, lib) => {
  const { jsonEvent, ANY, NO_STREAM, BACKWARDS, END } = lib;
  const one = () => jsonEvent({ type: "one", data: {} });
  const made = async () => {
    const stream = unique();
    await client.appendToStream(stream, [one(), one()]);
    return stream;
  };

  test("a deleted stream is not found, and goes on", async () => {
    const stream = await made();
    const { position } = await client.deleteStream(stream, { expectedRevision: 1n });
    assert.equal(position.commit, position.prepare);
    await throwsKind(() => all(client.readStream(stream)), lib.StreamNotFoundError);
    assert.equal((await client.appendToStream(stream, [])).nextExpectedRevision, 1n);
    const answer = await client.appendToStream(stream, one());
    assert.equal(answer.nextExpectedRevision, 2n);
    const [{ event }] = await all(client.readStream(stream));
    assert.equal(event.revision, 2n);
  });

  test("a tombstoned stream throws for every call", async () => {
    const stream = await made();
    await client.tombstoneStream(stream, { expectedRevision: 1n });
    const named = (error) => assert.equal(error.streamName, stream);
    await throwsKind(() => all(client.readStream(stream)), lib.StreamDeletedError, named);
    await throwsKind(() => client.appendToStream(stream, one()), lib.StreamDeletedError, named);
    await throwsKind(() => client.deleteStream(stream), lib.StreamDeletedError, named);
    await throwsKind(() => client.tombstoneStream(stream), lib.StreamDeletedError, named);
    const got = follow(client.subscribeToStream(stream));
    await until(() => got.error, "the error");
    assert(got.error instanceof lib.StreamDeletedError, got.error.stack);
    assert.equal(got.events.length, 0);
  });

  test("a wrong revision deletes nothing", async () => {
    const stream = await made();
    for (const call of ["deleteStream", "tombstoneStream"]) {
      for (const expectedRevision of [9n, NO_STREAM]) {
        await throwsKind(() => client[call](stream, { expectedRevision }), lib.WrongExpectedVersionError);
      }
      await throwsKind(() => client[call](unique(), { expectedRevision: 0n }), lib.WrongExpectedVersionError);
    }
    await throwsKind(() => client.deleteStream(unique(), { expectedRevision: ANY }), lib.WrongExpectedVersionError);
    assert.equal((await all(client.readStream(stream))).length, 2);
    await client.tombstoneStream(unique(), { expectedRevision: NO_STREAM });
  });

  test("metadata is set, read, and applied", async () => {
    const stream = await made();
    const { metadata: none } = await client.getStreamMetadata(stream);
    assert(none === undefined || Object.keys(none).length === 0, JSON.stringify(none));
    await client.setStreamMetadata(stream, { maxCount: 1, own: { deep: true } });
    const { metadata, streamName } = await client.getStreamMetadata(stream);
    assert.equal(streamName, stream);
    assert.deepEqual(metadata, { maxCount: 1, own: { deep: true } });
    assert.deepEqual((await all(client.readStream(stream))).map(({ event }) => event.revision), [1n]);
    await client.setStreamMetadata(stream, { truncateBefore: 2 });
    await client.appendToStream(stream, one());
    assert.deepEqual((await all(client.readStream(stream, { direction: BACKWARDS, fromRevision: END })))
      .map(({ event }) => event.revision), [2n]);
  });
};

const subscriptionCases = (client, lib) => {
  const { jsonEvent, START, END } = lib;
  const put = (stream, count = 1, type = "made") =>
    client.appendToStream(stream, Array.from({ length: count }, (_, n) => jsonEvent({ type, data: { n } })));

  test("a subscription gets stored events, new ones, and nothing twice", async () => {
    const stream = unique();
    await put(stream, 100);
    const got = follow(client.subscribeToStream(stream, { fromRevision: START }));
    for (let i = 0; i < 20; i++) await put(stream, 5);
    await until(() => got.events.length >= 200, "200 events");
    assert.deepEqual(got.events.map(({ event }) => Number(event.revision)), Array.from({ length: 200 }, (_, n) => n));
    assert.equal(got.error, null);
    await got.stop();
  });

  test("a subscription starts after its revision, or at the end, or before the stream", async () => {
    const stream = unique();
    const early = follow(client.subscribeToStream(stream));
    await put(stream, 3);
    const after = follow(client.subscribeToStream(stream, { fromRevision: 1n }));
    const end = client.subscribeToStream(stream, { fromRevision: END });
    const late = follow(end);
    await new Promise((resolve) => end.once("confirmation", resolve));
    await put(stream, 1);
    await until(() => early.events.length === 4 && after.events.length === 2 && late.events.length === 1, "events");
    assert.deepEqual(after.events.map(({ event }) => event.revision), [2n, 3n]);
    assert.equal(late.events[0].event.revision, 3n);
    await Promise.all([early.stop(), after.stop(), late.stop()]);
  });

  test("a subscription ends with an error when its stream is tombstoned", async () => {
    const stream = unique();
    await put(stream);
    const got = follow(client.subscribeToStream(stream));
    await until(() => got.events.length === 1, "the event");
    await client.tombstoneStream(stream);
    await until(() => got.error, "the end");
    assert(got.error instanceof lib.StreamDeletedError, got.error.stack);
  });

  test("$all is followed from a position", async () => {
    const stream = unique();
    const { position } = await put(stream);
    const got = follow(client.subscribeToAll({ fromPosition: position }));
    await put(stream, 3);
    await until(() => got.events.length >= 3, "three events");
    assert.deepEqual(got.events.map(({ event }) => [event.streamId, event.revision]),
      [[stream, 1n], [stream, 2n], [stream, 3n]]);
    await got.stop();
  });

  test("filters of $all choose by stream and type, and report checkpoints", async () => {
    const mark = unique("mark").replace("-", "");
    const { position: fromPosition } = await put(unique());
    const places = [];
    const checkpointReached = (_, position) => { places.push(position.commit); };
    const filters = {
      prefix: lib.streamNameFilter({ prefixes: [`${mark}a`], checkpointInterval: 1, maxSearchWindow: 10, checkpointReached }),
      regex: lib.streamNameFilter({ regex: `^${mark}[ab]-` }),
      type: lib.eventTypeFilter({ prefixes: [`${mark}T`] }),
      typeRegex: lib.eventTypeFilter({ regex: `^${mark}(?!T)` }),
      user: lib.excludeSystemEvents(),
    };
    const got = Object.fromEntries(Object.entries(filters).map(([key, filter]) =>
      [key, follow(client.subscribeToAll({ fromPosition, filter }))]));
    await put(`${mark}a-1`, 2, `${mark}T`);
    await put(`${mark}b-1`, 1, `${mark}U`);
    await put(`${mark}c-1`, 30, `${mark}T2`);
    const last = jsonEvent({ type: "last", data: {} });
    await client.appendToStream(unique(), last);
    await until(() => got.user.events.some(({ event }) => event.id === last.id) && got.type.events.length === 32 &&
      got.regex.events.length === 3 && places.length > 1, "the events");
    assert.equal(got.prefix.events.length, 2);
    assert.equal(got.typeRegex.events.length, 1);
    assert(got.user.events.every(({ event }) => !event.type.startsWith("$")));
    assert.deepEqual(places, [...new Set(places)].sort((a, b) => (a < b ? -1 : 1)));
    for (const each of Object.values(got)) {
      assert.equal(each.error, null);
      await each.stop();
    }
  });

  test("a category is followed", async () => {
    const category = unique("live").replace("-", "");
    const got = follow(client.subscribeToStream(`$ce-${category}`, { resolveLinkTos: true }));
    await put(`${category}-1`);
    await put(`${category}-2`);
    await until(() => got.events.length === 2, "two events");
    assert.deepEqual(got.events.map(({ event, link }) => [event.streamId, Number(link.revision)]),
      [[`${category}-1`, 0], [`${category}-2`, 1]]);
    await got.stop();
  });
};

const otherCases = (client, lib) => {
  test("the standard projections are listed as running", async () => {
    const listed = await client.listProjections();
    assert.deepEqual(listed.map((each) => [each.name, each.status]).sort(), [
      ["$by_category", "Running"], ["$by_correlation_id", "Running"], ["$by_event_type", "Running"],
      ["$stream_by_category", "Running"], ["$streams", "Running"]]);
    assert.equal((await client.getProjectionStatus("$by_category")).projectionStatus ??
      (await client.getProjectionStatus("$by_category")).status, "Running");
    await assert.rejects(() => client.getProjectionStatus("nothing"));
  });

  test("calls that are not offered are refused, and harm nothing", async () => {
    const settings = (lib.persistentSubscriptionToStreamSettingsFromDefaults ?? (() => ({})))();
    const calls = {
      createProjection: ["p", "fromAll()"], updateProjection: ["p", "fromAll()"], deleteProjection: ["p"],
      enableProjection: ["p"], disableProjection: ["p"], abortProjection: ["p"], resetProjection: ["p"],
      getProjectionState: ["p"], getProjectionResult: ["p"], restartSubsystem: [],
      createPersistentSubscriptionToStream: ["s", "g", settings], createPersistentSubscriptionToAll: ["g", settings],
      updatePersistentSubscriptionToStream: ["s", "g", settings], updatePersistentSubscriptionToAll: ["g", settings],
      deletePersistentSubscriptionToStream: ["s", "g"], deletePersistentSubscriptionToAll: ["g"],
      getPersistentSubscriptionToStreamInfo: ["s", "g"], getPersistentSubscriptionToAllInfo: ["g"],
      listAllPersistentSubscriptions: [], listPersistentSubscriptionsToStream: ["s"],
      listPersistentSubscriptionsToAll: [], replayParkedMessagesToStream: ["s", "g"],
      replayParkedMessagesToAll: ["g"], restartPersistentSubscriptionSubsystem: [],
      multiStreamAppend: [[{ streamName: "s", events: [lib.jsonEvent({ type: "t", data: {} })], expectedState: "any" }]],
      appendRecords: [[{ streamName: "s", record: lib.jsonEvent({ type: "t", data: {} }) }]],
    };
    for (const [call, args] of Object.entries(calls)) {
      if (client[call]) await assert.rejects(async () => client[call](...args), undefined, call);
    }
    const group = client.subscribeToPersistentSubscriptionToStream("s", "g");
    const error = await new Promise((resolve) => group.on("error", resolve));
    assert(error instanceof Error);
    const stream = unique();
    await client.appendToStream(stream, lib.jsonEvent({ type: "t", data: {} }));
    assert.equal((await all(client.readStream(stream))).length, 1);
  });

  test("a client finds the server by gossip", async () => {
    const discovering = lib.discover();
    const stream = unique();
    await discovering.appendToStream(stream, lib.jsonEvent({ type: "t", data: {} }));
    assert.equal((await all(discovering.readStream(stream))).length, 1);
    await discovering.dispose();
  });
};

// |lib| is the client's module, with connect and discover, which make clients.
export const defineCases = (client, lib, expecting) => {
  appendCases(client, lib, expecting);
  readCases(client, lib);
  removalCases(client, lib);
  subscriptionCases(client, lib);
  otherCases(client, lib);
};
