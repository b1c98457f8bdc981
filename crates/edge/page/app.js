// The console page: a watchlist that moves. This file is its beginning and the changes of its list.

import { byId, setText } from "./dom.js";
import * as link from "./link.js";
import { lookUp, wireSearch } from "./search.js";
import { say } from "./strip.js";
import { addRow, freezeBy, removeRow } from "./table.js";
import { MAX_SYMBOLS, addressOf, isListed, list, listSize, put, saveList, savedList, take } from "./watchlist.js";

const DEFAULT_ROWS = 12;
const LONG_AWAY_MS = 60_000; // Who comes back to the page after this may have changed networks.

/** Puts symbols on the list and on screen; returns those that are new. A row shows one symbol, so patterns are left out. */
function show(symbols) {
  const fresh = put(symbols.filter((symbol) => !symbol.includes("*")));
  for (const symbol of fresh) addRow(symbol, removeSymbol);
  return fresh;
}

function addSymbols(symbols) {
  const wanted = symbols.filter((symbol) => !isListed(symbol));
  const patterns = wanted.filter((symbol) => symbol.includes("*"));
  const fresh = show(wanted);
  const left = wanted.length - patterns.length - fresh.length;
  if (patterns.length > 0) say(`${patterns.join(", ")} is a pattern; this page shows single symbols.`);
  else if (left > 0) say(`This page shows at most ${MAX_SYMBOLS} symbols; ${left} left out.`);
  else if (fresh.length === 0 && symbols.length > 0) say(`${symbols.join(", ")} is on the list already.`);
  else say("");
  if (fresh.length === 0) return;
  saveList();
  listChanged();
}

function removeSymbol(symbol) {
  if (!take(symbol)) return;
  removeRow(symbol);
  link.forget(symbol);
  saveList();
  listChanged();
}

function listChanged() {
  byId("empty").hidden = listSize() > 0;
  byId("watchlist").hidden = listSize() === 0;
  const address = `${location.origin}/v1/stream?symbols=${addressOf(list()).replaceAll("'", "%27")}`;
  setText(byId("command"), listSize() > 0 ? `curl -N '${address}'` : `curl '${location.origin}/v1/symbols'`);
  link.listChanged();
}

/** A first visit shows the first symbols there are, and waits for the feeds when there are none yet. */
async function showDefaultList() {
  try {
    const { symbols } = await lookUp("", DEFAULT_ROWS);
    if (listSize() > 0) return;
    if (symbols.length > 0) {
      show(symbols.map(({ symbol }) => symbol));
      say("");
      return listChanged();
    }
    say("No feed has told its symbols yet; looking again.");
  } catch {
    say("The list of symbols could not be loaded; trying again.");
  }
  setTimeout(() => listSize() === 0 && showDefaultList(), 1_000);
}

async function copyCommand() {
  try {
    await navigator.clipboard.writeText(byId("command").textContent);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(byId("command")); // Without a clipboard (plain http) it is at least marked.
  }
}

function start() {
  byId("unsupported").hidden = true;
  byId("app").hidden = false;
  freezeBy(link.isFrozen);
  wireSearch(addSymbols);
  byId("retry-now").addEventListener("click", link.openIfWaiting);
  byId("default-list").addEventListener("click", showDefaultList);
  byId("copy").addEventListener("click", copyCommand);
  window.addEventListener("online", link.openIfWaiting);
  window.addEventListener("pagehide", link.close);
  window.addEventListener("pageshow", (event) => event.persisted && link.open());
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (Date.now() - hiddenAt > LONG_AWAY_MS) link.tryStreamBeside();
  });
  setInterval(link.everySecond, 1_000);
  const saved = savedList();
  if (saved === null) return showDefaultList();
  show(saved);
  listChanged();
}

if ("EventSource" in window) start(); // Otherwise the sentence in the document stays visible.
