// append.mjs - appends one event through KurrentDB's official client.
//
//     node append.mjs ADDRESS STREAM TYPE JSON
//     node append.mjs kurrentdb://localhost:2113?tls=false order-42 OrderPlaced '{"totalCents":4200}'
//
// If the server refuses the event, the program prints the server's message and ends with 1.
import { jsonEvent, KurrentDBClient } from "@kurrent/kurrentdb-client";

const [address, stream, type, text] = process.argv.slice(2);
if (text === undefined) {
  console.error("usage: node append.mjs ADDRESS STREAM TYPE JSON");
  process.exit(2);
}
const client = KurrentDBClient.connectionString(address);
try {
  const { nextExpectedRevision } = await client.appendToStream(
    stream,
    jsonEvent({ type, data: JSON.parse(text) }),
  );
  console.log(`${stream} is at revision ${nextExpectedRevision}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
await client.dispose();
