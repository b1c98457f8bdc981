// What the page says of itself: the connection at the top, the marks of prices that are not the market's, the feeds, the notice.

import { byId, setData, setText } from "./dom.js";
import { WORDS, spoken } from "./format.js";

const PATIENCE_MS = 5_000; // After this an answer that does not come is worth a word.

const MARKS = {
  demo: ["DEMO", "Recorded prices, played in a loop. This is not the market now."],
  replay: ["REPLAY", "Recorded prices. This is not the market now."],
  delayed: ["DELAYED", "These prices are older than the market's."],
  synthetic: ["SYNTHETIC", "Invented prices. This is not a market."],
};

export const say = (sentence) => setText(byId("notice"), sentence);

export function paintRate(events) {
  setText(byId("rate"), `${events} events/s`);
}

/** `link` is the connection: its state, why, when it is tried again, since when it is open. */
export function paintLink(link, isFrozen) {
  setData(byId("connection"), "state", link.state);
  setText(byId("connection-text"), linkText(link));
  byId("retry-now").hidden = link.retryAt === 0;
  setData(byId("watchlist"), "frozen", String(isFrozen));
  // The countdown is for the eye; a screen reader hears each state once.
  setText(byId("announce"), link.why ? `${link.state}: ${link.why}` : link.state);
}

function linkText({ state, why, retryAt, openedAt }) {
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  switch (state) {
    case "connected": return "connected";
    case "polling": return `polling: ${why}`;
    case "idle": return "nothing to stream";
    case "reconnecting": return `reconnecting in ${seconds} s: ${why}`;
    case "refused": return `refused: ${why}; next try in ${seconds} s`;
    default:
      return Date.now() - openedAt < PATIENCE_MS ? "connecting"
        : "connecting: no answer yet (a browser opens about six streams to one server, other tabs may hold them)";
  }
}

/** The feeds behind the list: each with `feed`, `mode`, `status`, `reason`. */
export function paintFeeds(feeds) {
  const modes = new Set(feeds.map((feed) => feed.mode));
  const mark = Object.keys(MARKS).find((mode) => modes.has(mode));
  byId("origin").hidden = !mark;
  if (mark) {
    setData(byId("origin"), "mode", mark);
    setText(byId("origin-word"), MARKS[mark][0]);
    setText(byId("origin-text"), MARKS[mark][1]);
  }
  const chips = feeds.map(({ feed, status, reason }) => {
    const chip = document.createElement("span");
    chip.className = "feed";
    setData(chip, "status", status ?? "unknown");
    const why = status !== "live" && reason ? `, ${spoken(reason)}` : "";
    chip.textContent = `${feed} ${WORDS[status] ?? ""}${why}`.trim();
    return chip;
  });
  byId("feeds").replaceChildren(...chips);
}
