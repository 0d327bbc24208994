// payment.mjs - the payment service of a saga, through KurrentDB's official client.
//
//     node payment.mjs [--limit CENTS] [--closed ACCOUNT] [--silent] [ADDRESS]
//     node payment.mjs --limit 100000 kurrentdb://localhost:2113?tls=false
//
// Takes payment.Charge and payment.Refund of examples/orders/sagas/order_fulfilment.yaml, and keeps
// a ledger in the streams payment-ORDER. A charge of more than --limit cents is declined, a refund
// to the account --closed fails, and with --silent charges are not taken at all.
//
// The rules of a participant (docs/guide/participants.md) are these:
//  1. The effects of a command, and its answer, are one append under the command's id as key. Sent
//     again, or read again after a restart, it is recognised, and takes effect once.
//  2. An undo takes the key of its do first. If that succeeds, the do was not done, and cannot be
//     done any more. If the key is used, the ledger shows whether there is something to refund.
//  3. A key that was used for something else is not a failure: the command is answered, or cancelled.
import { parseArgs } from "node:util";
import { jsonEvent, KurrentDBClient, START, StreamNotFoundError } from "@kurrent/kurrentdb-client";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    limit: { type: "string", default: "100000" },
    closed: { type: "string" },
    silent: { type: "boolean", default: false },
  },
});
const [address = "kurrentdb://localhost:2113?tls=false"] = positionals;
const client = KurrentDBClient.connectionString(address);
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

// Appends under |key|, which names one append for ever. False: it names another one.
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

const answer = async ({ metadata }, stream, type, data) => {
  const { $commandId, $correlationId, $sagaId, traceparent } = metadata;
  const done = await append($commandId, stream, type, data, {
    $causationId: $commandId,
    $correlationId,
    $sagaId,
    traceparent,
  });
  if (!done) console.log(`${$commandId} comes too late: it was answered or cancelled before`);
};
const fail = (command, code, text) =>
  answer(command, command.streamId, "CommandFailed", { code, text });
const ledger = ({ data }) => `payment-${data.orderId}`;

// True if the command |id| has charged something.
const hasCharged = async (stream, id) => {
  try {
    for await (const { event } of client.readStream(stream)) {
      if (event.type === "PaymentCharged" && event.metadata.$causationId === id) return true;
    }
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
  return false;
};

const commands = {
  "payment.Charge": async (command) => {
    const { orderId, amountCents } = command.data;
    if (options.silent) return;
    if (!(amountCents > 0)) {
      await fail(command, "command.incomplete", "amountCents is missing or makes no sense");
    } else if (amountCents > Number(options.limit)) {
      const declined = { orderId, code: "payment.limit", text: "more than the limit" };
      await answer(command, command.streamId, "PaymentDeclined", declined);
    } else {
      await answer(command, ledger(command), "PaymentCharged", command.data);
    }
  },

  "payment.Refund": async (command) => {
    const { $undoes, $sagaId } = command.metadata;
    const never = await append($undoes, command.streamId, "CommandCancelled", {}, { $sagaId });
    if (never || !(await hasCharged(ledger(command), $undoes))) {
      await answer(command, command.streamId, "CommandSucceeded", {});
    } else if (command.data.account === options.closed) {
      await fail(command, "payment.account_closed", `the account ${options.closed} is closed`);
    } else {
      await answer(command, ledger(command), "PaymentRefunded", command.data);
    }
  },
};

// If the connection is lost, it continues after the last command that was answered.
for (let last = START; ; await pause()) {
  try {
    const all = { fromRevision: last, resolveLinkTos: true };
    const subscription = client.subscribeToStream("$ce-command:payment", all);
    subscription.on("confirmation", () => console.log("taking commands"));
    for await (const { event, link } of subscription) {
      await commands[event.type]?.(event);
      last = link.revision;
    }
  } catch (error) {
    console.error(`subscribing again: ${error.message}`);
  }
}
