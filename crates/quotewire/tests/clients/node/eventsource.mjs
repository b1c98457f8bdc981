// npm `eventsource`: the browsers' interface, in Node.

import { EventSource } from "eventsource";
import { event, NAMES, trouble } from "./say.mjs";

const source = new EventSource(process.argv[2]);
for (const name of NAMES) source.addEventListener(name, (e) => event(e.type, e.lastEventId, e.data));
// While it waits to come back it does not keep Node alive; a program that does nothing else must.
if (process.argv[3] !== "alone") setInterval(() => {}, 60_000);
source.onerror = (e) => trouble(`readyState ${source.readyState}, ${e.code ?? "no code"}: ${e.message ?? ""}`);
