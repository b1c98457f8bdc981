// What the server said of each symbol, put together from snapshots, deltas and polls. Knows nothing of rows.
//
// A stream on trial and a poll may tell of the same symbol side by side. Within one epoch the sequence decides: what is
// older than what is held says nothing new, because a poll and a snapshot tell the whole quote.

/** What is asked of each symbol, by streams and polls alike. */
export const FIELDS = "bid,bid_size,ask,ask_size,last,change_pct_24h,ts_recv,status,bid_venue,ask_venue";

const held = new Map(); // symbol -> { quote, status, reason, seq, heardUs }
const refused = new Map(); // symbol -> why it is not served
let epoch = "";

export const quoteOf = (symbol) => held.get(symbol);

/** Whether every one of these symbols has been told whole, which is what an event id vouches for. */
export const areTold = (symbols) => symbols.every((symbol) => held.has(symbol));

/** Takes a whole quote. `heardUs` is when the venue was last heard on it, where the answer says so. */
export function takeWhole(data, heardUs) {
  if (isOld(data)) return;
  const { status = "unknown", reason = "", seq = 0 } = data;
  held.set(data.symbol, { quote: data, status, reason, seq, heardUs });
}

/** Takes the changes of a quote: what is missing stays, `null` means it became absent. */
export function takeDelta(data) {
  const of = held.get(data.symbol);
  if (!of || isOld(data)) return;
  Object.assign(of.quote, data);
  takeStatus(data);
}

export function takeStatus(data) {
  const of = held.get(data.symbol);
  if (!of || isOld(data)) return;
  of.seq = data.seq ?? of.seq;
  if (data.status) Object.assign(of, { status: data.status, reason: data.reason ?? "" });
}

function isOld(data) {
  return data.seq < held.get(data.symbol)?.seq;
}

/** Another life of the table: what is held stays until it is told anew, and is not called live. */
export function doubt() {
  for (const of of held.values()) Object.assign(of, { status: "connecting", reason: "", seq: 0 });
}

/** Whose sequences these are. Those of another epoch cannot be compared. */
export function takeEpoch(name) {
  if (epoch && epoch !== name) doubt();
  epoch = name;
}

export const forgetAll = () => held.clear();

/** Forgets every symbol but these: nobody tells of the others any more. */
export function keepOnly(symbols) {
  const kept = new Set(symbols);
  for (const symbol of held.keys()) if (!kept.has(symbol)) held.delete(symbol);
}

export const refusalOf = (symbol) => refused.get(symbol) ?? "";
export const refusals = () => [...refused];

/** Takes the list of symbols that an answer left out. */
export function takeRejected(rejected = []) {
  for (const { symbol, reason } of rejected) refused.set(String(symbol).toUpperCase(), String(reason || "unknown"));
}

export const forgetRefusal = (symbol) => refused.delete(symbol);
export const forgetRefusals = () => refused.clear();
