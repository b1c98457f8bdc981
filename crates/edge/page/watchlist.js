// The watchlist: which symbols, in which order. Kept in the address, so that a link and a reload show the same.

export const MAX_SYMBOLS = 200; // What one address line can carry; longer lists want the POST form of the stream.
const STORAGE_KEY = "quotewire.watchlist";

const symbols = new Set(); // The order is the order on screen.

export const list = () => [...symbols];
export const isListed = (symbol) => symbols.has(symbol);
export const listSize = () => symbols.size;

/** The symbols as a part of an address. */
export const addressOf = (some) => some.map((s) => encodeURIComponent(s).replaceAll("%3A", ":")).join(",");

/** Splits what a person typed or a link carries into symbols. */
export function symbolsOf(text) {
  return [...new Set(text.split(/[\s,;]+/).map((s) => s.toUpperCase()).filter(Boolean))];
}

/** Puts symbols on the list as far as there is room; returns those that are new on it. */
export function put(some) {
  const fresh = some.filter((s) => !symbols.has(s)).slice(0, Math.max(0, MAX_SYMBOLS - symbols.size));
  for (const symbol of fresh) symbols.add(symbol);
  return fresh;
}

export const take = (symbol) => symbols.delete(symbol);

/** The list of the link, else the one of the last visit, else `null`: a first visit. */
export function savedList() {
  const linked = new URLSearchParams(location.search).get("symbols");
  if (linked !== null) return symbolsOf(linked);
  try {
    const stored = JSON.parse(localStorage.getItem(STORAGE_KEY));
    return Array.isArray(stored) ? symbolsOf(stored.join(",")) : null;
  } catch {
    return null; // Storage is switched off or holds something else.
  }
}

export function saveList() {
  const others = new URLSearchParams(location.search);
  others.delete("symbols");
  const rest = others.toString();
  history.replaceState(null, "", `${location.pathname}?symbols=${addressOf(list())}${rest && "&"}${rest}`);
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(list()));
  } catch {
    // A full or forbidden storage costs the next visit its list; the link still has it.
  }
}
