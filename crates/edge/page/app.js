// The console page: a watchlist, one EventSource, at most one paint per animation frame.
//
// Events only write into rows and mark them dirty; `paint` alone touches the document, and only cells whose text
// changed. All text goes in through `textContent`, so nothing a venue or a link says can become markup.
"use strict";

(() => {
  if (!("EventSource" in window)) return; // The sentence in the document stays visible.

  const FIELDS = "bid,bid_size,ask,ask_size,last,change_pct_24h,ts_recv,status";
  const DEFAULT_ROWS = 12;
  const MAX_ROWS = 200; // What one address line can carry; longer lists want the POST form of the stream.
  const SILENCE_MS = 15_000; // The server speaks at least every 10 s.
  const SWITCH_GRACE_MS = 1_500; // Prices stay bright this long while the stream is reopened for another list.
  const RETRY_FIRST_MS = 1_000;
  const RETRY_MAX_MS = 15_000;
  const FLASH_MS = 350; // Least time between two flashes of a cell: fewer than three a second.
  const STORAGE_KEY = "quotewire.watchlist";

  const byId = (id) => document.getElementById(id);
  const setText = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };
  const setData = (node, name, value) => {
    if (node.dataset[name] !== value) node.dataset[name] = value;
  };

  // --- the watchlist: which symbols, in which order -----------------------------------------------------------------

  const rows = new Map(); // symbol -> row; the order is the order on screen

  /** Splits what a person typed or a link carries into symbols. */
  function symbolsOf(text) {
    return [...new Set(text.split(/[\s,;]+/).map((s) => s.toUpperCase()).filter(Boolean))];
  }

  const listText = () => [...rows.keys()].map((s) => encodeURIComponent(s).replaceAll("%3A", ":")).join(",");

  /** The list of the link, else the one of the last visit, else `null`: a first visit. */
  function savedList() {
    const linked = new URLSearchParams(location.search).get("symbols");
    if (linked !== null) return symbolsOf(linked);
    try {
      const stored = JSON.parse(localStorage.getItem(STORAGE_KEY));
      return Array.isArray(stored) ? symbolsOf(stored.join(",")) : null;
    } catch {
      return null; // Storage is switched off or holds something else.
    }
  }

  function saveList() {
    const others = new URLSearchParams(location.search);
    others.delete("symbols");
    const rest = others.toString();
    history.replaceState(null, "", `${location.pathname}?symbols=${listText()}${rest && "&"}${rest}`);
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify([...rows.keys()]));
    } catch {
      // A full or forbidden storage costs the next visit its list; the link still has it.
    }
  }

  /** Adds what is not yet there and reopens the stream once. */
  function addSymbols(symbols) {
    const wanted = symbols.filter((s) => !rows.has(s));
    const fresh = wanted.slice(0, Math.max(0, MAX_ROWS - rows.size));
    for (const symbol of fresh) addRow(symbol);
    if (fresh.length < wanted.length) say(`This page shows at most ${MAX_ROWS} symbols; ${wanted.length - fresh.length} left out.`);
    else if (fresh.length === 0 && symbols.length > 0) say(`${symbols.join(", ")} is on the list already.`);
    else say("");
    if (fresh.length === 0) return;
    saveList();
    listChanged();
  }

  function removeSymbol(symbol) {
    const row = rows.get(symbol);
    if (!row) return;
    const next = row.tr.nextElementSibling ?? row.tr.previousElementSibling;
    rows.delete(symbol);
    row.tr.remove();
    (next?.querySelector(".remove") ?? byId("search")).focus();
    saveList();
    listChanged();
  }

  function listChanged() {
    byId("empty").hidden = rows.size > 0;
    byId("watchlist").hidden = rows.size === 0;
    const address = `${location.origin}/v1/stream?symbols=${listText().replaceAll("'", "%27")}`;
    setText(byId("command"), rows.size > 0 ? `curl -N '${address}'` : `curl '${location.origin}/v1/symbols'`);
    openStream(false);
  }

  // --- rows and painting --------------------------------------------------------------------------------------------

  const dirty = new Set();
  let paintAsked = false;
  const widest = {}; // field -> most digits after the point seen in the column: what aligns the points

  function addRow(symbol) {
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
    remove.addEventListener("click", () => removeSymbol(symbol));
    tr.addEventListener("keydown", (event) => event.key === "Delete" && removeSymbol(symbol));
    byId("rows").append(tr);
    const row = { symbol, tr, cells, quote: {}, status: "connecting", reason: "", rejected: "" };
    rows.set(symbol, row);
    touch(row);
  }

  function touch(row) {
    dirty.add(row);
    if (paintAsked) return;
    paintAsked = true;
    requestAnimationFrame(paint);
  }

  const touchAll = () => rows.forEach(touch);

  function paint() {
    paintAsked = false;
    const frozen = isFrozen();
    for (const row of dirty) if (rows.get(row.symbol) === row) paintRow(row, frozen);
    dirty.clear();
  }

  /** Whether what is on screen may no longer be what the server says. */
  function isFrozen() {
    if (link.state === "connected") return false;
    return link.state !== "connecting" || Date.now() - link.heardAt > SWITCH_GRACE_MS;
  }

  const WORDS = {
    connecting: "waiting", unknown: "waiting", live: "live", stale: "stale", suspect: "suspect",
    halted: "halted", closed: "closed", delisted: "delisted",
  };

  function paintRow(row, frozen) {
    const { quote, cells } = row;
    for (const field of ["bid", "ask", "last"]) paintPrice(cells[field], field, quote[field]);
    for (const field of ["bid_size", "ask_size"]) paintNumber(cells[field], field, quote[field]);
    paintChange(cells.change.cell, quote.change_pct_24h);
    setText(cells.age.cell, ageText(quote.ts_recv));
    let status = Object.hasOwn(WORDS, row.status) ? row.status : "unknown";
    let word = WORDS[status];
    let reason = status === "live" ? "" : row.reason;
    if (row.rejected) [status, word, reason] = ["rejected", "refused", row.rejected];
    else if (frozen && status === "live") [status, word, reason] = ["offline", "not live", "no connection"];
    setData(row.tr, "status", status);
    setText(cells.status.cell.querySelector(".word"), word);
    setText(cells.status.cell.querySelector(".reason"), reason.replaceAll("_", " "));
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

  function paintChange(cell, value) {
    const percent = value === null || value === undefined ? NaN : Number(value);
    if (Number.isNaN(percent)) {
      setData(cell, "sign", "none");
      return setText(cell, "–");
    }
    const text = Math.abs(percent).toFixed(2);
    const sign = Number(text) === 0 ? "none" : percent > 0 ? "plus" : "minus";
    setData(cell, "sign", sign);
    setText(cell, `${{ none: "", plus: "+", minus: "−" }[sign]}${text} %`);
  }

  /** The time since our server heard of it, by the server's clock. */
  function ageText(tsRecv) {
    if (typeof tsRecv !== "number") return "–";
    const seconds = Math.max(0, (Date.now() * 1000 + link.clockOffsetUs - tsRecv) / 1e6);
    if (seconds < 1) return "now";
    if (seconds < 100) return `${Math.floor(seconds)} s`;
    if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 360_000) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86_400)} d`;
  }

  // --- the stream ---------------------------------------------------------------------------------------------------

  const link = {
    source: null, // the one EventSource, or null between two
    state: "connecting", // connecting, connected, reconnecting, refused, idle
    why: "",
    retryAt: 0,
    attempt: 0,
    lastId: "",
    heardAt: 0, // when the last event arrived
    openedAt: 0,
    events: 0, // since the last second
    clockOffsetUs: 0, // server's clock minus ours
    feeds: new Map(), // feed -> { mode, status, reason }
  };

  function setState(state, why = "") {
    const changed = link.state !== state;
    link.state = state;
    link.why = why;
    paintLink();
    if (changed) touchAll();
  }

  function closeStream() {
    link.source?.close();
    link.source = null;
  }

  /** Opens the stream of the present list. `resume` says that the list is still the one of the last event id. */
  function openStream(resume) {
    closeStream();
    link.retryAt = 0;
    if (!resume) link.lastId = "";
    if (rows.size === 0) return setState("idle");
    setState("connecting");
    const id = link.lastId && `&last_event_id=${encodeURIComponent(link.lastId)}`;
    const source = new EventSource(`/v1/stream?symbols=${listText()}&fields=${FIELDS}${id}`);
    link.source = source;
    link.openedAt = Date.now();
    for (const name of Object.keys(HANDLERS)) {
      source.addEventListener(name, (event) => {
        if (source !== link.source) return;
        link.heardAt = Date.now();
        link.events += 1;
        if (event.lastEventId) link.lastId = event.lastEventId;
        HANDLERS[name](JSON.parse(event.data));
      });
    }
    // EventSource would try again by itself, but hides when; the page says when, so it keeps the time itself.
    source.addEventListener("error", () => {
      if (source !== link.source) return;
      const refused = source.readyState === EventSource.CLOSED;
      closeStream();
      if (refused) askWhy();
      else retry("reconnecting", "connection lost");
    });
  }

  function retry(state, why, afterMs) {
    closeStream();
    const backoff = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** link.attempt) * (0.5 + Math.random() / 2);
    link.attempt += 1;
    link.retryAt = Date.now() + (afterMs ?? Math.max(RETRY_FIRST_MS, backoff));
    setState(state, why);
  }

  /** An EventSource is not told why it was refused; the plain request for the same symbols is. */
  async function askWhy() {
    setState("connecting");
    const asked = link.source;
    let state = "refused";
    let why;
    try {
      const answer = await fetch(`/v1/quotes?symbols=${listText()}`, { headers: { Accept: "application/json" } });
      const body = await answer.json().catch(() => ({}));
      if (answer.ok) {
        takeRejected(body.rejected ?? []);
        const none = [...rows.values()].every((row) => row.rejected);
        why = none ? "no symbol of this list is known here" : "the stream was refused";
      } else why = body.detail || body.title || `the server answered ${answer.status}`;
    } catch {
      [state, why] = ["reconnecting", "the server cannot be reached"];
    }
    if (link.source === asked && link.state === "connecting") retry(state, why);
  }

  function takeRejected(rejected) {
    for (const { symbol, reason } of rejected) {
      const row = rows.get(String(symbol).toUpperCase());
      if (!row) continue;
      row.rejected = String(reason || "unknown");
      touch(row);
    }
    const named = [...rows.values()].filter((row) => row.rejected).map((row) => `${row.symbol} (${spoken(row.rejected)})`);
    if (named.length > 0) say(`Not streamed: ${named.join(", ")}.`);
  }

  const setClock = (serverTime) => {
    if (typeof serverTime === "number") link.clockOffsetUs = serverTime - Date.now() * 1000;
  };

  const HANDLERS = {
    hello(data) {
      setClock(data.server_time);
      link.attempt = 0;
      link.feeds.clear();
      for (const feed of data.feeds ?? []) link.feeds.set(feed.feed ?? feed.name, { ...feed });
      for (const row of rows.values()) row.rejected = "";
      takeRejected(data.rejected ?? []);
      setState("connected");
      paintFeeds();
      touchAll();
    },
    snapshot(data) {
      const row = rows.get(data.symbol);
      if (!row) return;
      row.quote = data;
      takeStatus(row, data);
    },
    quote(data) {
      const row = rows.get(data.symbol);
      if (!row) return;
      Object.assign(row.quote, data); // What is missing stays; null means it became absent.
      takeStatus(row, data);
    },
    status(data) {
      const row = rows.get(data.symbol);
      if (row) takeStatus(row, { reason: "", ...data });
      const feed = data.symbol === undefined && link.feeds.get(data.feed);
      if (feed) {
        Object.assign(feed, { status: data.status, reason: data.reason ?? "" });
        paintFeeds();
      }
    },
    heartbeat(data) {
      setClock(data.server_time);
    },
    reset() {
      // Another life of the table: what is shown stays until its snapshot comes, and is not called live.
      for (const row of rows.values()) Object.assign(row, { status: "connecting", reason: "" });
      touchAll();
    },
    refused(data) {
      retry("refused", spoken(data.reason), data.retry_ms);
    },
    goodbye(data) {
      retry("reconnecting", `the server said goodbye: ${spoken(data.reason)}`, data.retry_ms);
    },
  };

  function takeStatus(row, data) {
    if (data.status) row.status = data.status;
    if (data.status || data.reason !== undefined) row.reason = data.reason ?? "";
    touch(row);
  }

  const spoken = (reason) => String(reason ?? "no reason given").replaceAll("_", " ");

  // --- the strip at the top -----------------------------------------------------------------------------------------

  function linkText() {
    const seconds = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
    switch (link.state) {
      case "connected": return "connected";
      case "idle": return "nothing to stream";
      case "reconnecting": return `reconnecting in ${seconds} s: ${link.why}`;
      case "refused": return `refused: ${link.why}; next try in ${seconds} s`;
      default:
        return Date.now() - link.openedAt < 5_000 ? "connecting"
          : "connecting: no answer yet (a browser opens about six streams to one server, other tabs may hold them)";
    }
  }

  function paintLink() {
    setData(byId("connection"), "state", link.state);
    setText(byId("connection-text"), linkText());
    byId("retry-now").hidden = link.retryAt === 0;
    setData(byId("watchlist"), "frozen", String(isFrozen()));
    // The countdown is for the eye; a screen reader hears each state once.
    const once = link.why ? `${link.state}: ${link.why}` : link.state;
    setText(byId("announce"), once);
  }

  const MARKS = {
    demo: ["DEMO", "Recorded prices, played in a loop. This is not the market now."],
    replay: ["REPLAY", "Recorded prices. This is not the market now."],
    delayed: ["DELAYED", "These prices are older than the market's."],
    synthetic: ["SYNTHETIC", "Invented prices. This is not a market."],
  };

  function paintFeeds() {
    const modes = new Set([...link.feeds.values()].map((feed) => feed.mode));
    const mark = Object.keys(MARKS).find((mode) => modes.has(mode));
    byId("origin").hidden = !mark;
    if (mark) {
      setData(byId("origin"), "mode", mark);
      setText(byId("origin-word"), MARKS[mark][0]);
      setText(byId("origin-text"), MARKS[mark][1]);
    }
    const chips = [...link.feeds].map(([name, feed]) => {
      const chip = document.createElement("span");
      chip.className = "feed";
      setData(chip, "status", feed.status ?? "unknown");
      const reason = feed.status !== "live" && feed.reason ? `, ${spoken(feed.reason)}` : "";
      chip.textContent = `${name} ${WORDS[feed.status] ?? ""}${reason}`.trim();
      return chip;
    });
    byId("feeds").replaceChildren(...chips);
  }

  const say = (sentence) => setText(byId("notice"), sentence);

  function everySecond() {
    setText(byId("rate"), `${link.events} events/s`);
    link.events = 0;
    if (link.source && Date.now() - Math.max(link.heardAt, link.openedAt) > SILENCE_MS) {
      retry("reconnecting", `nothing heard for ${SILENCE_MS / 1000} s`);
    } else if (link.retryAt !== 0 && Date.now() >= link.retryAt) openStream(true);
    paintLink();
    touchAll(); // Ages move on; cells whose text is the same are not written.
  }

  // --- search -------------------------------------------------------------------------------------------------------

  const search = { asked: 0, timer: 0, choice: -1 };

  async function lookUp(text, limit) {
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
      found = await lookUp(word, 12);
    } catch (error) {
      return asked === search.asked && say(`The search failed: ${error.message}.`);
    }
    if (asked !== search.asked || document.activeElement !== byId("search")) return;
    const options = found.symbols.map(({ symbol, status }, place) => {
      const option = document.createElement("li");
      option.id = `found-${place}`;
      option.setAttribute("role", "option");
      option.dataset.symbol = symbol;
      const name = document.createElement("span");
      name.textContent = symbol;
      const note = document.createElement("span");
      note.className = "note";
      note.textContent = rows.has(symbol) ? "on the list" : (WORDS[status] ?? "");
      option.append(name, " ", note);
      return option;
    });
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

  function submit(chosen) {
    const typed = byId("search").value;
    const symbols = chosen ? symbolsOf(typed).slice(0, -1).concat(chosen) : symbolsOf(typed);
    byId("search").value = "";
    hideFound();
    addSymbols(symbols);
  }

  function wireSearch() {
    const input = byId("search");
    const soon = () => {
      clearTimeout(search.timer);
      search.timer = setTimeout(showFound, 120);
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

  // --- start --------------------------------------------------------------------------------------------------------

  /** A first visit shows the first symbols there are, and waits for the feeds when there are none yet. */
  async function showDefaultList() {
    try {
      const { symbols } = await lookUp("", DEFAULT_ROWS);
      if (rows.size > 0) return;
      if (symbols.length > 0) {
        symbols.forEach(({ symbol }) => addRow(symbol));
        say("");
        return listChanged();
      }
      say("No feed has told its symbols yet; looking again.");
    } catch {
      say("The list of symbols could not be loaded; trying again.");
    }
    setTimeout(() => rows.size === 0 && showDefaultList(), 1_000);
  }

  byId("unsupported").hidden = true;
  byId("app").hidden = false;
  wireSearch();
  byId("retry-now").addEventListener("click", () => openStream(true));
  byId("default-list").addEventListener("click", showDefaultList);
  byId("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(byId("command").textContent);
      say("Copied.");
    } catch {
      getSelection().selectAllChildren(byId("command")); // Without a clipboard (plain http) it is at least marked.
    }
  });
  window.addEventListener("online", () => link.retryAt !== 0 && openStream(true));
  window.addEventListener("pagehide", closeStream);
  window.addEventListener("pageshow", (event) => event.persisted && openStream(true));
  setInterval(everySecond, 1_000);

  const saved = savedList();
  if (saved === null) showDefaultList();
  else {
    saved.slice(0, MAX_ROWS).forEach(addRow);
    listChanged();
  }
})();
