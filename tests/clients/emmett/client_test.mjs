// Emmett: its command handler over its event store for EventStoreDB.
//
//     client_test.mjs [WORD OF A CASE'S NAME]...    FACTUM_ADDRESS names the server
import assert from "node:assert/strict";

import { getEventStoreDBEventStore } from "@event-driven-io/emmett-esdb";
import { CommandHandler, STREAM_DOES_NOT_EXIST, isExpectedVersionConflictError } from "@event-driven-io/emmett";
import { EventStoreDBClient } from "@eventstore/db-client";

import { run, test, unique } from "../tap.mjs";

const client = EventStoreDBClient.connectionString(`esdb://${process.env.FACTUM_ADDRESS}?tls=false`);
const store = getEventStoreDBEventStore(client);
const evolve = (state, { type, data }) =>
  type === "ProductAdded" ? { count: state.count + data.count } : { ...state, confirmed: true };
const initialState = () => ({ count: 0 });
const handle = CommandHandler({ evolve, initialState });
// Each of the two packages has its own class for it.
const isConflict = (error) =>
  isExpectedVersionConflictError(error) || /^Expected version .* does not match current/.test(error.message);
const add = (count) => () => ({ type: "ProductAdded", data: { count }, metadata: { by: "test" } });

test("commands are handled one after the other, each from the state before it", async () => {
  const cart = unique("shopping_cart");
  const first = await handle(store, cart, add(2));
  assert.equal(first.nextExpectedStreamVersion, 0n);
  await handle(store, cart, (state) => {
    assert.equal(state.count, 2);
    return [add(3)(), { type: "Confirmed", data: {} }];
  });
  const { state, currentStreamVersion, streamExists } = await store.aggregateStream(cart, { evolve, initialState });
  assert.deepEqual(state, { count: 5, confirmed: true });
  assert.equal(currentStreamVersion, 2n);
  assert.equal(streamExists, true);
});

test("a command without events writes nothing", async () => {
  const cart = unique("shopping_cart");
  await handle(store, cart, () => []);
  assert.equal((await store.readStream(cart)).streamExists, false);
});

test("of twenty commands at once none is lost: a conflict throws, and is tried again", async () => {
  const cart = unique("shopping_cart");
  await handle(store, cart, add(0));
  let conflicts = 0;
  const insist = async () => {
    for (;;) {
      try {
        return await handle(store, cart, add(1), { retry: { retries: 0 } });
      } catch (error) {
        assert(isConflict(error), error.stack);
        conflicts++;
      }
    }
  };
  await Promise.all(Array.from({ length: 20 }, insist));
  assert(conflicts > 0);
  const { state } = await store.aggregateStream(cart, { evolve, initialState });
  assert.equal(state.count, 20);
});

test("expected versions are checked", async () => {
  const cart = unique("shopping_cart");
  const append = (expectedStreamVersion) =>
    store.appendToStream(cart, [add(1)()], { expectedStreamVersion });
  assert.equal((await append(STREAM_DOES_NOT_EXIST)).nextExpectedStreamVersion, 0n);
  assert.equal((await append(0n)).nextExpectedStreamVersion, 1n);
  await assert.rejects(() => append(STREAM_DOES_NOT_EXIST), isConflict);
  await assert.rejects(() => append(7n), isConflict);
});

test("events are read with their versions and positions", async () => {
  const cart = unique("shopping_cart");
  await handle(store, cart, add(1));
  await handle(store, cart, add(2));
  const { events } = await store.readStream(cart, { from: 1n });
  assert.deepEqual(events.map(({ type, data, metadata }) => [type, data.count, metadata.streamPosition, metadata.by]),
    [["ProductAdded", 2, 1n, "test"]]);
  assert(events[0].metadata.globalPosition > 0n);
});

await run(() => client.dispose());
