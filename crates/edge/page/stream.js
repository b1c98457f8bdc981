// One stream: an EventSource, and the requests that change it while it runs.

import { FIELDS } from "./quotes.js";
import { addressOf } from "./watchlist.js";

const EVENTS = ["hello", "snapshot", "quote", "status", "heartbeat", "reset", "refused", "goodbye"];
const PATCH_MS = 5_000; // A change that is not answered by then has failed.

/**
 * Opens a stream of these symbols. `told(name, data, id)` gets its events, `lost(refused)` its end: `refused` when the
 * browser was given something that is no stream. Nothing is told any more after `close`.
 */
export function openStream(symbols, lastId, { told, lost }) {
  const id = lastId && `&last_event_id=${encodeURIComponent(lastId)}`;
  const source = new EventSource(`/v1/stream?symbols=${addressOf(symbols)}&fields=${FIELDS}${id}`);
  const stream = {
    asked: symbols,
    openedAt: Date.now(),
    heardAt: 0, // when the last event arrived; 0 until `hello`
    helloAt: 0,
    name: "", // what `hello` calls it: the key to changing it
    heartbeatMs: 10_000,
    carries: new Set(), // the symbols that are told
    without: new Set(), // those asked for that are not
    changing: false,
    untold: new Set(), // what was added and has not been told yet
    close: () => source.close(),
  };
  for (const name of EVENTS) {
    source.addEventListener(name, (event) => {
      if (source.readyState === EventSource.CLOSED) return;
      stream.heardAt = Date.now();
      const data = JSON.parse(event.data);
      if (name === "hello") begin(stream, data);
      if (name === "snapshot") stream.untold.delete(data.symbol);
      told(name, data, event.lastEventId);
    });
  }
  // EventSource would try again by itself, with the list it began with, but hides when. The page says when, so it keeps
  // the time itself.
  source.addEventListener("error", () => {
    const refused = source.readyState === EventSource.CLOSED;
    source.close();
    lost(refused);
  });
  return stream;
}

function begin(stream, { stream: name, accepted, effective }) {
  stream.name = name;
  stream.helloAt = Date.now();
  stream.heartbeatMs = effective?.heartbeat_ms ?? stream.heartbeatMs;
  takeState(stream, accepted, stream.asked);
}

/** What was asked for and is not carried is not asked for again on this stream: it would be refused again. */
function takeState(stream, accepted = [], asked) {
  stream.carries = new Set(accepted);
  for (const symbol of asked) if (!stream.carries.has(symbol)) stream.without.add(symbol);
}

/** Whether its last id vouches for the whole list: not while it changes, nor until what was added has been told. */
export const isVouchedFor = (stream) => !stream.changing && stream.untold.size === 0;

/** How the running stream differs from the list that is wanted; `null` when it does not. */
export function differenceOf(stream, wanted) {
  const add = wanted.filter((symbol) => !stream.carries.has(symbol) && !stream.without.has(symbol));
  const listed = new Set(wanted);
  const remove = [...stream.carries].filter((symbol) => !listed.has(symbol));
  return add.length + remove.length > 0 ? { add, remove } : null;
}

/** Changes the running stream; returns the server's answer, or `null` when it has to be opened anew instead. */
export async function changeStream(stream, { add, remove }) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATCH_MS);
  stream.changing = true;
  for (const symbol of add) stream.untold.add(symbol);
  try {
    const answer = await fetch(`/v1/streams/${encodeURIComponent(stream.name)}`, {
      method: "PATCH",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ add, remove }),
      signal: abort.signal,
    });
    if (!answer.ok) return null;
    const state = await answer.json();
    if (!Array.isArray(state.accepted) || remove.some((symbol) => state.accepted.includes(symbol))) return null;
    takeState(stream, state.accepted, add);
    for (const symbol of stream.untold) if (!stream.carries.has(symbol)) stream.untold.delete(symbol);
    return state;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    stream.changing = false;
  }
}
