// The field that finds symbols and adds them: a combobox for pointer, keyboard and screen reader.

import { byId } from "./dom.js";
import { WORDS } from "./format.js";
import { say } from "./strip.js";
import { isListed, symbolsOf } from "./watchlist.js";

const TYPING_MS = 120; // A pause in typing that is worth a question.
const FOUND_MAX = 12;

const search = { asked: 0, timer: 0, choice: -1 };

export async function lookUp(text, limit) {
  const answer = await fetch(`/v1/symbols?search=${encodeURIComponent(text)}&limit=${limit}`);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

/** Shows what matches the last word typed; a slower answer to an older question is dropped. */
async function showFound() {
  const asked = (search.asked += 1);
  const word = byId("search").value.split(/[\s,;]+/).at(-1);
  let found;
  try {
    found = await lookUp(word, FOUND_MAX);
  } catch (error) {
    return asked === search.asked && say(`The search failed: ${error.message}.`);
  }
  if (asked !== search.asked || document.activeElement !== byId("search")) return;
  const options = found.symbols.map(optionOf);
  if (options.length === 0 || found.total > options.length) {
    const more = document.createElement("li");
    more.className = "more";
    more.setAttribute("role", "presentation");
    more.textContent = options.length === 0 ? "No symbol has this in its name." : `${found.total - options.length} more: type on to narrow`;
    options.push(more);
  }
  byId("found").replaceChildren(...options);
  byId("found").hidden = false;
  byId("search").setAttribute("aria-expanded", "true");
  choose(-1);
}

function optionOf({ symbol, status }, place) {
  const option = document.createElement("li");
  option.id = `found-${place}`;
  option.setAttribute("role", "option");
  option.dataset.symbol = symbol;
  const name = document.createElement("span");
  name.textContent = symbol;
  const note = document.createElement("span");
  note.className = "note";
  note.textContent = isListed(symbol) ? "on the list" : (WORDS[status] ?? "");
  option.append(name, " ", note);
  return option;
}

function hideFound() {
  search.asked += 1;
  clearTimeout(search.timer);
  byId("found").hidden = true;
  byId("search").setAttribute("aria-expanded", "false");
  choose(-1);
}

function choose(place) {
  const options = byId("found").querySelectorAll("[role=option]");
  search.choice = options.length === 0 || byId("found").hidden ? -1 : place < -1 ? options.length - 1 : place >= options.length ? 0 : place;
  options.forEach((option, at) => option.setAttribute("aria-selected", String(at === search.choice)));
  const chosen = options[search.choice];
  if (!chosen) return byId("search").removeAttribute("aria-activedescendant");
  byId("search").setAttribute("aria-activedescendant", chosen.id);
  chosen.scrollIntoView({ block: "nearest" });
}

/** Makes the field work; `add(symbols)` gets what a person settled on. */
export function wireSearch(add) {
  const input = byId("search");
  const soon = () => {
    clearTimeout(search.timer);
    search.timer = setTimeout(showFound, TYPING_MS);
  };
  const submit = (chosen) => {
    const typed = input.value;
    const symbols = chosen ? symbolsOf(typed).slice(0, -1).concat(chosen) : symbolsOf(typed);
    input.value = "";
    hideFound();
    add(symbols);
  };
  input.addEventListener("input", soon);
  input.addEventListener("focus", soon);
  input.addEventListener("blur", hideFound);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hideFound();
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (byId("found").hidden) soon();
    else choose(event.key === "ArrowDown" ? search.choice + 1 : search.choice < 0 ? -2 : search.choice - 1);
  });
  byId("found").addEventListener("mousedown", (event) => {
    event.preventDefault(); // Or the field would lose the focus and hide the list before the click.
    const option = event.target.closest("[role=option]");
    if (option) submit(option.dataset.symbol);
  });
  byId("add").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(byId("found").querySelector("[aria-selected=true]")?.dataset.symbol);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target === input) return;
    event.preventDefault();
    input.focus();
  });
}
