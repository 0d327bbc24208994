// subscribe.mjs - prints the events of a category as they come, through KurrentDB's official client.
//
//     node subscribe.mjs [ADDRESS [CATEGORY]]
//
// If the connection is lost, it subscribes again after the last event that it has seen: no event is
// missing and none comes twice. A real subscriber stores that number together with the effects of
// the event.
import { KurrentDBClient, START } from "@kurrent/kurrentdb-client";

const [address = "kurrentdb://localhost:2113?tls=false", category = "order"] = process.argv.slice(2);
const client = KurrentDBClient.connectionString(address);
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

for (let last = START; ; await pause()) {
  try {
    const subscription = client.subscribeToStream(`$ce-${category}`, {
      fromRevision: last,
      resolveLinkTos: true,
    });
    for await (const { event, link } of subscription) {
      console.log(event.streamId, Number(event.revision), event.type, JSON.stringify(event.data));
      last = link.revision;
    }
  } catch (error) {
    console.error(`subscribing again: ${error.message}`);
  }
}
