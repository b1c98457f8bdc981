// npm `eventsource-client`: an async iterator that reconnects by itself.

import { createEventSource } from "eventsource-client";
import { ended, event, trouble } from "./say.mjs";

const source = createEventSource({
  url: process.argv[2],
  onScheduleReconnect: ({ delay }) => trouble(`comes back after ${delay} ms`),
});
for await (const message of source) event(message.event ?? "message", message.id, message.data);
ended("the iterator is done");
