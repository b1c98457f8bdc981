// From what the server writes to what a person reads. Knows neither the document nor the stream.

/** Every status that the wire knows, in the words of the page. */
export const WORDS = {
  connecting: "waiting", unknown: "waiting", live: "live", stale: "stale", suspect: "suspect",
  halted: "halted", closed: "closed", delisted: "delisted",
};

export const spoken = (reason) => String(reason ?? "no reason given").replaceAll("_", " ");

/** How long ago `thenUs` was at `nowUs`, both in microseconds of the server's clock. */
export function ageText(thenUs, nowUs) {
  if (typeof thenUs !== "number") return "–";
  const seconds = Math.max(0, (nowUs - thenUs) / 1e6);
  if (seconds < 1) return "now";
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 360_000) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A change in percent with its sign told in a word: `none`, `plus` or `minus`. */
export function percentOf(value) {
  const percent = value === null || value === undefined ? NaN : Number(value);
  if (Number.isNaN(percent)) return { sign: "none", text: "–" };
  const digits = Math.abs(percent).toFixed(2);
  const sign = Number(digits) === 0 ? "none" : percent > 0 ? "plus" : "minus";
  return { sign, text: `${{ none: "", plus: "+", minus: "−" }[sign]}${digits} %` };
}
