// What the page holds of each symbol when a stream and a poll tell of it side by side. This module of the page needs no
// browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const text = readFileSync(new URL("../../../edge/page/quotes.js", import.meta.url), "utf8");

/** The module as a page that was just loaded has it; the number keeps node from handing out the one of before. */
let loaded = 0;
const fresh = () => import(`data:text/javascript,${encodeURIComponent(`${text}//${(loaded += 1)}`)}`);

const SYMBOL = "KRAKEN:ETH-USD";
const whole = (seq, bid, more = {}) => ({ symbol: SYMBOL, seq, bid, ask: "9", status: "live", reason: "confirmed", ...more });

test("what is older than what is held says nothing new", async () => {
  const quotes = await fresh();
  quotes.takeEpoch("a");
  quotes.takeWhole(whole(10, "1.10"));
  quotes.takeWhole(whole(9, "1.09"));
  quotes.takeDelta({ symbol: SYMBOL, seq: 8, bid: "1.08" });
  quotes.takeStatus({ symbol: SYMBOL, seq: 7, status: "stale" });
  assert.deepEqual([quotes.quoteOf(SYMBOL).quote.bid, quotes.quoteOf(SYMBOL).status], ["1.10", "live"]);
  quotes.takeDelta({ symbol: SYMBOL, seq: 11, bid: "1.11" });
  quotes.takeDelta({ symbol: SYMBOL, seq: 10, bid: "1.10" });
  quotes.takeStatus({ symbol: SYMBOL, seq: 12, status: "stale", reason: "silence" });
  const { quote, status, reason } = quotes.quoteOf(SYMBOL);
  assert.deepEqual([quote.bid, quote.ask, status, reason], ["1.11", "9", "stale", "silence"]);
});

test("another epoch is told anew from any sequence, and nothing of the old one is called live", async () => {
  const quotes = await fresh();
  quotes.takeEpoch("a");
  quotes.takeWhole(whole(1_000, "1.10"));
  quotes.takeEpoch("a");
  assert.equal(quotes.quoteOf(SYMBOL).status, "live");
  quotes.takeEpoch("b");
  assert.deepEqual([quotes.quoteOf(SYMBOL).quote.bid, quotes.quoteOf(SYMBOL).status], ["1.10", "connecting"]);
  quotes.takeWhole(whole(3, "2.20"));
  assert.deepEqual([quotes.quoteOf(SYMBOL).quote.bid, quotes.quoteOf(SYMBOL).status], ["2.20", "live"]);
});

test("a delta without its quote is not shown as one, and an absent field is absent", async () => {
  const quotes = await fresh();
  quotes.takeDelta({ symbol: SYMBOL, seq: 5, bid: "1" });
  assert.equal(quotes.quoteOf(SYMBOL), undefined);
  assert.equal(quotes.areTold([SYMBOL]), false);
  quotes.takeWhole(whole(6, "1"));
  quotes.takeDelta({ symbol: SYMBOL, seq: 7, ask: null });
  assert.deepEqual([quotes.quoteOf(SYMBOL).quote.ask, quotes.areTold([SYMBOL])], [null, true]);
});
