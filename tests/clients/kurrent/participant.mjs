import { jsonEvent, KurrentDBClient } from "@kurrent/kurrentdb-client";
const address = process.env.FACTUM_ADDRESS ?? "localhost:2113";
const client = KurrentDBClient.connectionString(`kurrentdb://${address}?tls=false`);

// Appends under |key|, for which there is one append for ever. False: it was another one.
const append = async (key, stream, type, data, metadata) => {
  const event = jsonEvent({ type, data, metadata: { $idempotencyKey: key, ...metadata } });
  try {
    await client.appendToStream(stream, event);
    return true;
  } catch (error) {
    if (/was used for an append with other content/.test(error.message)) return false;
    throw error;
  }
};
// Answers |command| with an event.
const answer = ({ metadata }, stream, type, data) => {
  const { $commandId, $correlationId, $sagaId, traceparent } = metadata;
  return append($commandId, stream, type, data,
    { $causationId: $commandId, $correlationId, $sagaId, traceparent });
};

const commands = {
  "stock.ReserveStock": (command) =>
    command.data.quantity > 10
      ? answer(command, command.streamId, "CommandFailed", { code: "stock.none_left", text: "10 left" })
      : answer(command, `stock-${command.data.sku}`, "StockReserved", command.data),

  "stock.ReleaseStock": async (command) => {
    const { $undoes, $sagaId } = command.metadata;
    const never = await append($undoes, command.streamId, "CommandCancelled", {}, { $sagaId });
    return never
      ? answer(command, command.streamId, "CommandSucceeded", {})
      : answer(command, `stock-${command.data.sku}`, "StockReleased", command.data);
  },
};

const all = { fromRevision: "start", resolveLinkTos: true };
for await (const { event } of client.subscribeToStream("$ce-command:stock", all)) {
  await commands[event.type]?.(event);
}
