// @eventstore/db-client, the older client: every call that it has.
//
//     client_test.mjs [WORD OF A CASE'S NAME]...    FACTUM_ADDRESS names the server
import * as eventstore from "@eventstore/db-client";

import { defineCases } from "../streams_cases.mjs";
import { PATIENT, run } from "../tap.mjs";

const address = process.env.FACTUM_ADDRESS;
const connect = (more = "") =>
  eventstore.EventStoreDBClient.connectionString(`esdb://${address}?tls=false${PATIENT}${more}`);
const client = connect();
const lib = {
  ...eventstore,
  connect,
  discover: () => eventstore.EventStoreDBClient.connectionString(`esdb+discover://${address}?tls=false`),
};

defineCases(client, lib, (expectedRevision) => ({ expectedRevision }));

await run(() => client.dispose());
