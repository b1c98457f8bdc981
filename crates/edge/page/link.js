// The connection: which of stream and poll feeds the page, and what is said of it.
//
// The stream comes first. A stream that stays mute while a poll is answered is held back by something between us: then
// polls feed the page, and the stream is tried again beside them now and then. Whatever is doubtful counts as lost: prices
// are called live only while an answer is not overdue.

import { setClock } from "./clock.js";
import { spoken } from "./format.js";
import { startPolling } from "./poll.js";
import * as quotes from "./quotes.js";
import { changeStream, differenceOf, isVouchedFor, openStream } from "./stream.js";
import { paintFeeds, paintLink, paintRate, say } from "./strip.js";
import { touch, touchAll } from "./table.js";
import { addressOf, isListed, list, listSize } from "./watchlist.js";

const HELLO_MS = 5_000; // `hello` comes at once; a stream that is mute for so long is held back, or there is no way at all.
const TRIAL_GRACE_MS = 2_000; // When polls begin to be answered, the mute stream is waited for a little longer.
const PROOF_MS = 1_000; // Beside polls a stream must speak again so long after `hello`: some let the first bytes through.
const STREAM_AGAIN_MS = 300_000; // How often the stream is tried beside the polls.
const SILENCE_HEARTBEATS = 1.5; // A stream speaks at least once a heartbeat; one and a half have room for the way.
const SILENCE_LEAST_MS = 2_000;
const SWITCH_GRACE_MS = 1_500; // Prices stay bright this long while the stream is reopened for another list.
const FEEDS_MS = 10_000; // Beside polls the feeds are asked for this often; a stream tells them by itself.
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;
const HELD = "something between us holds streams back";
const KEPT_OUT = "something between us refuses streams";

const link = {
  state: "connecting", // connecting, connected, polling, reconnecting, refused, idle
  why: "",
  retryAt: 0,
  bidden: false, // whether `retryAt` is the server's wish
  openedAt: Date.now(),
  heardAt: 0, // when anything was last heard
};
let stream = null; // the one that feeds the page, or is on trial
let polling = null; // the polls that feed the page, or are to show whether the stream is held back
let held = ""; // why streams are not to be relied on, once that is known
let attempt = 0;
let silences = 0; // streams in a row that fell silent after their first events
let streamAgainAt = 0;
let feedsAt = 0;
let lastId = ""; // of the last event or answer
let events = 0; // since the last second
const feeds = new Map(); // feed -> { feed, mode, status, reason }

/** Whether what is on screen may no longer be what the server says. */
export function isFrozen() {
  if (link.state === "connected" || link.state === "polling") return false;
  return link.state !== "connecting" || Date.now() - link.heardAt > SWITCH_GRACE_MS;
}

function setState(state, why = "") {
  const changed = link.state !== state;
  Object.assign(link, { state, why });
  paintLink(link, isFrozen());
  if (changed) touchAll();
}

function closeStream() {
  if (stream && !isVouchedFor(stream)) lastId = "";
  stream?.close();
  stream = null;
}

function stopPolling() {
  polling?.stop();
  polling = null;
}

/** Ends everything, as for a page that goes into the background for good. */
export function close() {
  closeStream();
  stopPolling();
}

/** Begins anew for the present list: with the stream, and with polls beside it where streams are known to be held back. */
export function open() {
  close();
  Object.assign(link, { retryAt: 0, bidden: false });
  quotes.keepOnly(list());
  if (listSize() === 0) return setState("idle");
  setState("connecting");
  link.openedAt = Date.now();
  tryStream();
  if (held) poll();
}

/** For a person who asks, or a network that is back: what is waited for is tried now. */
export function openIfWaiting() {
  if (link.retryAt !== 0) open();
  else tryStreamBeside();
}

function retry(state, why, afterMs) {
  close();
  const backoff = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
  attempt += 1;
  link.retryAt = Date.now() + (afterMs ?? Math.max(RETRY_FIRST_MS, backoff));
  link.bidden = afterMs !== undefined;
  setState(state, why);
}

/** The list on screen is another one: what runs is told, and what waits is begun unless the server bade to wait. */
export function listChanged() {
  if (listSize() > 0 && link.retryAt !== 0 && link.bidden) return;
  if (listSize() === 0 || !(stream || polling)) return open();
  if (polling) {
    quotes.keepOnly(list());
    polling.listChanged();
  }
  syncStream();
}

// --- the stream -----------------------------------------------------------------------------------------------------

function tryStream() {
  // An id vouches for what has been told; who has symbols that were not begins without one.
  const wanted = list();
  const id = quotes.areTold(wanted.filter((symbol) => !quotes.refusalOf(symbol))) ? lastId : "";
  const opened = openStream(wanted, id, {
    told(name, data, eventId) {
      if (opened !== stream) return;
      link.heardAt = Date.now();
      events += 1;
      if (eventId) lastId = eventId;
      TELLS[name](data);
      if (opened.heardAt - opened.helloAt > opened.heartbeatMs) silences = 0;
      if (polling && opened.heardAt - opened.helloAt >= PROOF_MS && opened === stream) takeOver();
    },
    lost(refused) {
      if (opened !== stream) return;
      closeStream();
      if (polling) return putOff();
      if (refused) askWhy();
      else retry("reconnecting", "connection lost");
    },
  });
  stream = opened;
}

/** Tries the stream while polls feed the page. */
export function tryStreamBeside() {
  if (polling && !stream && link.state === "polling") tryStream();
}

/** The stream feeds the page from here. */
function takeOver() {
  stopPolling();
  held = "";
  attempt = 0;
  setState("connected");
}

/** A trial that came to nothing: the polls go on alone. */
function putOff() {
  closeStream();
  streamAgainAt = Date.now() + STREAM_AGAIN_MS;
}

/** Makes the running stream tell of exactly the list: what was clicked while it opened, or while it changed, too. */
async function syncStream() {
  const running = stream;
  if (!running?.name || running.changing) return;
  const difference = differenceOf(running, list());
  if (!difference) return;
  const state = await changeStream(running, difference);
  if (running !== stream) return;
  if (!state) {
    lastId = "";
    return polling ? putOff() : open();
  }
  quotes.keepOnly(running.carries);
  takeRejected(state.rejected);
  touchAll();
  syncStream();
}

/** A symbol that a person took off is asked for again when it comes back. */
export function forget(symbol) {
  quotes.forgetRefusal(symbol);
  stream?.without.delete(symbol);
}

const TELLS = {
  hello(data) {
    setClock(data.server_time);
    quotes.takeEpoch(data.epoch);
    takeFeeds(data.feeds);
    quotes.forgetRefusals();
    takeRejected(data.rejected);
    // A slow answer is no held one: only polls that were answered before raise the question.
    if (!polling || (!held && polling.answers === 0)) takeOver();
    touchAll();
    syncStream();
  },
  snapshot(data) {
    if (!isListed(data.symbol)) return; // Taken off while it was on its way.
    quotes.takeWhole(data);
    touch(data.symbol);
  },
  quote(data) {
    quotes.takeDelta(data);
    touch(data.symbol);
  },
  status(data) {
    if (data.symbol === undefined) return takeFeedStatus(data);
    quotes.takeStatus(data);
    touch(data.symbol);
  },
  heartbeat(data) {
    setClock(data.server_time);
  },
  reset() {
    quotes.doubt();
    touchAll();
  },
  refused(data) {
    if (polling) putOff();
    else retry("refused", spoken(data.reason), data.retry_ms);
  },
  goodbye(data) {
    if (polling) putOff();
    else retry("reconnecting", `the server said goodbye: ${spoken(data.reason)}`, data.retry_ms);
  },
};

/** An EventSource is not told why it was refused; the plain request for the same symbols is. */
async function askWhy() {
  setState("connecting");
  const asked = stream;
  let state = "refused";
  let why;
  try {
    const answer = await fetch(`/v1/quotes?symbols=${addressOf(list())}`, { headers: { Accept: "application/json" }, cache: "no-store" });
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) {
      takeRejected(body.rejected);
      const none = list().every((symbol) => quotes.refusalOf(symbol));
      why = none ? "no symbol of this list is known here" : "the stream was refused";
      // Once may be a restart behind a proxy. The server itself would have refused both.
      if (!none && attempt >= 2 && stream === asked && link.state === "connecting") return pollInstead(KEPT_OUT);
    } else why = body.detail || body.title || `the server answered ${answer.status}`;
  } catch {
    [state, why] = ["reconnecting", "the server cannot be reached"];
  }
  if (stream === asked && link.state === "connecting") retry(state, why);
}

// --- the polls ------------------------------------------------------------------------------------------------------

/** Goes over to polls for a known reason. */
function pollInstead(why) {
  held = why;
  putOff();
  setState("connecting");
  poll();
}

function poll() {
  const started = startPolling({
    symbols: list,
    answered(answer) {
      if (started === polling) takeAnswer(answer);
    },
    failed({ why, status, retryMs }) {
      if (started !== polling) return;
      const refused = retryMs !== undefined || (status >= 400 && status < 500);
      // Without `held` this was only the question whether there is a way to the server at all, and the stream is as mute.
      retry(refused ? "refused" : "reconnecting", why, retryMs);
    },
  });
  polling = started;
}

function takeAnswer(answer) {
  link.heardAt = Date.now();
  attempt = 0;
  lastId = answer.id;
  events += answer.quotes.length;
  setClock(answer.server_time);
  if (answer.reset) quotes.forgetAll();
  quotes.takeEpoch(answer.id.split("-")[0]);
  for (const quote of answer.quotes) {
    quotes.takeWhole(quote, typeof quote.age_us === "number" ? answer.server_time - quote.age_us : undefined);
    touch(quote.symbol);
  }
  if (answer.reset) touchAll();
  quotes.forgetRefusals();
  takeRejected(answer.rejected);
  held ||= HELD;
  if (link.state !== "polling") setState("polling", held);
  if (Date.now() - feedsAt > FEEDS_MS) askFeeds();
}

async function askFeeds() {
  feedsAt = Date.now();
  try {
    const answer = await fetch("/v1/feeds", { cache: "no-store" });
    const body = await answer.json();
    const venues = new Set(list().map((symbol) => symbol.slice(0, Math.max(0, symbol.indexOf(":")))));
    if (polling) takeFeeds(body.feeds.filter(({ venue }) => venues.has(venue)));
  } catch {
    // The next answer asks again, and whether the server is there is seen by the polls.
  }
}

// --- both -----------------------------------------------------------------------------------------------------------

function takeFeeds(told = []) {
  feeds.clear();
  for (const feed of told) feeds.set(feed.feed, { ...feed });
  paintFeeds([...feeds.values()]);
}

function takeFeedStatus({ feed, status, reason = "" }) {
  if (!feeds.has(feed)) return;
  Object.assign(feeds.get(feed), { status, reason });
  paintFeeds([...feeds.values()]);
}

function takeRejected(rejected = []) {
  quotes.takeRejected(rejected);
  for (const { symbol } of rejected) touch(String(symbol).toUpperCase());
  const named = list().filter((symbol) => quotes.refusalOf(symbol))
    .map((symbol) => `${symbol} (${spoken(quotes.refusalOf(symbol))})`);
  if (named.length > 0) say(`Not streamed: ${named.join(", ")}.`);
}

export function everySecond() {
  paintRate(events);
  events = 0;
  const now = Date.now();
  if (link.retryAt !== 0) {
    if (now >= link.retryAt) open();
  } else if (now > polling?.dueAt) {
    retry("reconnecting", `nothing heard for ${Math.round((polling.limitMs + (held ? 0 : HELLO_MS)) / 1000)} s`);
  } else if (stream && stream.heardAt !== 0) watchSilence(now);
  else if (stream) watchMute(now);
  else if (polling && link.state === "polling" && now >= streamAgainAt) tryStreamBeside();
  paintLink(link, isFrozen());
  touchAll(); // Ages move on; cells whose text is the same are not written.
}

/** A stream that has said nothing yet. */
function watchMute(now) {
  if (now - stream.openedAt < HELLO_MS) return;
  if (!polling) return poll();
  if (polling.answers > 0 && now - polling.answeredAt > TRIAL_GRACE_MS) putOff();
}

/** A stream that has spoken. One that falls silent is opened anew; when that does so as well, it is being held back. */
function watchSilence(now) {
  const limitMs = Math.max(SILENCE_LEAST_MS, SILENCE_HEARTBEATS * stream.heartbeatMs);
  if (now - stream.heardAt <= limitMs) return;
  silences += 1;
  if (silences < 2 && !polling) return retry("reconnecting", `nothing heard for ${Math.round(limitMs / 1000)} s`);
  silences = 1; // What it did twice it may do again: the next time tells at once.
  if (polling) putOff();
  else pollInstead(HELD);
}
