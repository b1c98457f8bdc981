// The long poll: what shows moving prices where something between us and the server holds streams back.
//
// One request at a time. Each says the id of the last answer, so that the server answers when something is newer. Why and
// when to poll is not decided here.

import { FIELDS } from "./quotes.js";
import { addressOf } from "./watchlist.js";

const WAIT_MS = 25_000; // Shorter than the proxy timeouts in use, of which 30 s is the shortest.
const MARGIN_MS = 5_000; // An answer that comes later than this after its time has been lost.
const AT_ONCE_MS = 10_000; // The first answer does not wait for a change, but a busy line may keep it.
const PACE_MS = 250; // Least time from one request to the next: four looks a second are as many as a person has.

/**
 * Begins to poll for `symbols()`. `answered(answer)` gets each answer; `failed({ why, status, retryMs })` the end of it
 * all, `retryMs` where the server said when to come back. Nothing is told any more after `stop`. Whoever started it looks
 * at `dueAt`: a timer here would stand still while the computer sleeps, and the day's clock does not.
 */
export function startPolling({ symbols, answered, failed }) {
  let since = "";
  let asking = null; // the abort of the running request
  let again = null; // that of the one whose answer is for another list
  let stopped = false;
  const polling = {
    answers: 0,
    answeredAt: 0, // when the first answer came
    dueAt: Infinity, // when the answer that is waited for counts as lost
    limitMs: 0, // and how long that is after the request
    stop() {
      stopped = true;
      asking?.abort();
    },
    /** Asks anew for everything: an id vouches only for the symbols that it was asked with. */
    listChanged() {
      since = "";
      again = asking;
      asking?.abort();
    },
  };
  (async () => {
    for (;;) {
      const began = Date.now();
      asking = new AbortController();
      polling.limitMs = since ? WAIT_MS + MARGIN_MS : AT_ONCE_MS;
      polling.dueAt = began + polling.limitMs;
      const result = await ask(symbols(), since, asking.signal);
      if (stopped) return;
      polling.dueAt = Infinity;
      if (again === asking) continue;
      asking = null;
      if (result.fault) return failed(result.fault);
      since = result.answer.id;
      polling.answers += 1;
      polling.answeredAt ||= Date.now();
      answered(result.answer);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + PACE_MS - Date.now())));
      if (stopped) return;
    }
  })();
  return polling;
}

async function ask(symbols, since, signal) {
  const id = since && `&since=${encodeURIComponent(since)}&wait=${WAIT_MS / 1000}s`;
  try {
    // Not from a cache: an answer that was kept would have the time of when it was made.
    const response = await fetch(`/v1/quotes?symbols=${addressOf(symbols)}&fields=${FIELDS}${id}`, {
      headers: { Accept: "application/json" }, cache: "no-store", signal,
    });
    const body = await response.json().catch(() => null);
    if (!response.ok) return { fault: faultOf(response, body) };
    if (typeof body?.id !== "string" || !Array.isArray(body.quotes)) throw new Error("no answer of ours");
    return { answer: body };
  } catch {
    return { fault: { why: "the server cannot be reached" } };
  }
}

function faultOf(response, body) {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return {
    status: response.status,
    why: body?.detail || body?.title || `the server answered ${response.status}`,
    retryMs: seconds >= 0 ? seconds * 1_000 : undefined,
  };
}
