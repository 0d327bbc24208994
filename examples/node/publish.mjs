// publish.mjs - appends orders, one after the other, through KurrentDB's official client.
//
//     node publish.mjs [ADDRESS [COUNT [PREFIX]]]
//     node publish.mjs kurrentdb://localhost:2113?tls=false 10 order-
//
// If the server cannot be reached, it tries again with the same event and the same id: if the append
// had arrived and only its answer was lost, the server recognises it. So no event is lost or stored
// twice.
import { jsonEvent, KurrentDBClient } from "@kurrent/kurrentdb-client";

const [address = "kurrentdb://localhost:2113?tls=false", count = "10", prefix = "order-"] =
  process.argv.slice(2);
const client = KurrentDBClient.connectionString(address);
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
// The client's own errors have a type; those of a connection that it could not open have gRPC's code.
const isPassing = ({ type, code }) =>
  code === 14 || ["unavailable", "deadline-exceeded", "cancelled"].includes(type);

for (let number = 1; number <= Number(count); number++) {
  const event = jsonEvent({ type: "OrderPlaced", data: { number, total: 100 * number } });
  for (let attempt = 1; ; attempt++) {
    try {
      await client.appendToStream(prefix + number, event, { streamState: "no_stream" });
      break;
    } catch (error) {
      if (!isPassing(error) || attempt === 300) {
        throw error;
      }
      await pause();
    }
  }
}
console.log(`${count} orders placed, each on disk`);
await client.dispose();
