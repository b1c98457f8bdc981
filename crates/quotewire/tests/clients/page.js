// The page of the browser clients: it does what the test asks for and reports what it is told, a line at a time.

import { fetchEventSource } from "/modules/@microsoft/fetch-event-source/lib/esm/index.js";

const NAMES = ["hello", "snapshot", "quote", "status", "heartbeat", "lagged", "reset", "refused", "goodbye"];

/** Lines leave in order, one request at a time. */
let sent = Promise.resolve();
const say = (key, told) => {
  sent = sent.then(() => fetch(`/say/${key}`, { method: "POST", body: JSON.stringify(told) }));
};

const listen = (key, source) => {
  for (const name of NAMES) {
    source.addEventListener(name, (e) => say(key, { event: e.type, id: e.lastEventId, data: e.data }));
  }
  source.onerror = () => say(key, { trouble: `readyState ${source.readyState}` });
};

const KINDS = {
  EventSource: (key, url) => listen(key, new EventSource(url)),
  "event-source-polyfill": (key, url) => listen(key, new window.EventSourcePolyfill(url)),
  // Its documents: a stream that ends is over; throw in `onclose` for what `onerror` does, which is to come back.
  "fetch-event-source": (key, url) => fetchEventSource(url, {
    openWhenHidden: true,
    onmessage: ({ event, id, data }) => say(key, { event, id, data }),
    onclose: () => { say(key, { ended: "the stream is over" }); throw new Error("come back"); },
    onerror: (error) => say(key, { trouble: String(error) }),
  }),
};

for (;;) {
  const answer = await fetch("/next");
  if (answer.status === 200) {
    const { key, kind, url } = await answer.json();
    KINDS[kind](key, url);
  }
}
