// The rows on screen: at most one paint per animation frame.
//
// Events only mark rows as touched; `paint` alone writes to the document, and only cells whose text changed. All text goes
// in through `textContent`, so nothing a venue or a link says can become markup.

import { serverNowUs } from "./clock.js";
import { byId, setData, setText } from "./dom.js";
import { WORDS, ageText, percentOf } from "./format.js";
import { quoteOf, refusalOf } from "./quotes.js";

const FLASH_MS = 350; // Least time between two flashes of a cell: fewer than three a second.

const rows = new Map(); // symbol -> { symbol, tr, cells }
const touched = new Set();
const widest = {}; // field -> most digits after the point seen in the column: what aligns the points
let paintAsked = false;
let frozen = () => false;

/** Says how the table learns whether what is on screen may no longer be what the server says. */
export const freezeBy = (isFrozen) => { frozen = isFrozen; };

export function addRow(symbol, onRemove) {
  const tr = byId("row").content.firstElementChild.cloneNode(true);
  const cells = {};
  for (const cell of tr.querySelectorAll("[data-field]")) {
    const part = (name) => cell.querySelector(`.${name}`);
    cells[cell.dataset.field] = { cell, int: part("int"), frac: part("frac"), arrow: part("arrow"), shown: null, flashedAt: 0 };
  }
  const colon = symbol.indexOf(":");
  tr.dataset.symbol = symbol;
  tr.querySelector(".name").textContent = symbol.slice(colon + 1);
  tr.querySelector(".venue").textContent = colon < 0 ? "all venues" : symbol.slice(0, colon);
  const remove = tr.querySelector(".remove");
  remove.setAttribute("aria-label", `Remove ${symbol}`);
  remove.addEventListener("click", () => onRemove(symbol));
  tr.addEventListener("keydown", (event) => event.key === "Delete" && onRemove(symbol));
  byId("rows").append(tr);
  rows.set(symbol, { symbol, tr, cells });
  touch(symbol);
}

/** Takes a row off the screen at once, and hands the focus to its neighbour. */
export function removeRow(symbol) {
  const row = rows.get(symbol);
  if (!row) return;
  const next = row.tr.nextElementSibling ?? row.tr.previousElementSibling;
  rows.delete(symbol);
  row.tr.remove();
  (next?.querySelector(".remove") ?? byId("search")).focus();
}

export function touch(symbol) {
  const row = rows.get(symbol);
  if (!row) return;
  touched.add(row);
  if (paintAsked) return;
  paintAsked = true;
  requestAnimationFrame(paint);
}

export function touchAll() {
  for (const symbol of rows.keys()) touch(symbol);
}

function paint() {
  paintAsked = false;
  const isFrozen = frozen();
  for (const row of touched) if (rows.get(row.symbol) === row) paintRow(row, isFrozen);
  touched.clear();
}

function paintRow({ symbol, tr, cells }, isFrozen) {
  const of = quoteOf(symbol);
  const quote = of?.quote ?? {};
  for (const field of ["bid", "ask", "last"]) paintPrice(cells[field], field, quote[field]);
  for (const side of ["bid", "ask"]) {
    // Whose it is, of a symbol that stands for several venues.
    const venue = quote[`${side}_venue`] ?? "";
    if (cells[side].cell.title !== venue) cells[side].cell.title = venue;
  }
  for (const field of ["bid_size", "ask_size"]) paintNumber(cells[field], field, quote[field]);
  const { sign, text } = percentOf(quote.change_pct_24h);
  setData(cells.change.cell, "sign", sign);
  setText(cells.change.cell, text);
  setText(cells.age.cell, ageText(heardUs(of), serverNowUs()));
  let status = of && Object.hasOwn(WORDS, of.status) ? of.status : of ? "unknown" : "connecting";
  let word = WORDS[status];
  let reason = status === "live" || !of ? "" : of.reason;
  const refusal = refusalOf(symbol);
  if (refusal) [status, word, reason] = ["rejected", "refused", refusal];
  else if (isFrozen && status === "live") [status, word, reason] = ["offline", "not live", "no connection"];
  setData(tr, "status", status);
  setText(cells.status.cell.querySelector(".word"), word);
  setText(cells.status.cell.querySelector(".reason"), reason.replaceAll("_", " "));
}

/** When the venue was last heard: what came with the price, or what a poll's answer says if that is later. */
function heardUs(of) {
  const times = [of?.quote.ts_recv, of?.heardUs].filter((time) => typeof time === "number");
  return times.length > 0 ? Math.max(...times) : undefined;
}

/** Writes a number as the venue wrote it, split at the point so that the points of a column stand in line. */
function paintNumber(target, field, value) {
  const text = value ?? "";
  if (target.shown === text) return false;
  target.shown = text;
  const point = text.indexOf(".");
  setText(target.int, text === "" ? "–" : point < 0 ? text : text.slice(0, point));
  setText(target.frac, point < 0 ? "" : text.slice(point));
  const digits = point < 0 ? 0 : text.length - point - 1;
  if (digits > (widest[field] ?? 0)) {
    widest[field] = digits;
    byId("watchlist").style.setProperty(`--${field.replace("_", "-")}-digits`, String(digits));
  }
  return true;
}

function paintPrice(target, field, value) {
  const before = target.shown;
  if (!paintNumber(target, field, value) || !before || !value) return;
  // A double tells apart any two neighbouring prices of up to 15 digits, and this only chooses an arrow.
  const step = Math.sign(Number(value) - Number(before));
  if (step === 0) return;
  const move = step > 0 ? "up" : "down";
  setText(target.arrow, step > 0 ? "▲" : "▼");
  const now = Date.now();
  const turned = target.cell.dataset.move !== move;
  target.cell.dataset.move = move;
  if (now - target.flashedAt < FLASH_MS && !turned) return;
  target.flashedAt = now;
  // Two equal animations by turns: changing the name starts the flash anew without reading the layout.
  target.cell.dataset.flash = target.cell.dataset.flash === "a" ? "b" : "a";
}
