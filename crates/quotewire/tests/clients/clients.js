// The clients: how each is started, and what is on record about it.
//
// `facts` is what the tests measure. It stands here so that a client that changes its ways, to the better or the worse,
// fails a test and this record is mended.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CHROMIUM } from "../browser/harness.js";
import { FIREFOX } from "./browsers.js";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, "../../../..");

/** Where the programs of the Rust clients are, and the Python that has the packages of `python/requirements.txt`. */
export const RUST_BIN = process.env.QUOTEWIRE_CLIENTS_BIN ?? path.join(ROOT, "target/clients/debug");
export const PYTHON = path.join(HERE, "python/.venv/bin/python");

/** What most do. `accept`: the header it sends. `resumes`: where its last id travels. `afterCut`, `afterEnd`,
 * `afterRestart`: who comes back when the connection breaks, the stream ends, the server is away: the `library`, the
 * `program` around it, or `nobody`. `retry`: how long it waits when it is asked to, see `RETRY`. `ids`: whether an event without an id shows
 * the last one (`sticky`), only that of its own connection (`fresh`), or none (`bare`). `empty`: whether blocks without data
 * are shown as events. */
const STANDARD = {
  accept: "text/event-stream", resumes: "Last-Event-ID", afterCut: "library", afterEnd: "library",
  afterRestart: "library", retry: "honoured", ids: "sticky", empty: false,
};
const BY_HAND = { ...STANDARD, afterCut: "program", afterEnd: "program", afterRestart: "program" };

/** How a wait fits what was asked for, both in milliseconds. A timer may be a little early. */
export const RETRY = {
  honoured: (waited, asked) => waited >= asked - 250 && waited < 2 * asked - 250,
  doubled: (waited, asked) => waited >= 2 * asked - 250,
  jittered: (waited, asked) => waited >= asked / 2 - 250 && waited < 1.5 * asked, // Between a half and the whole.
};

/** What a page does with a browser's own EventSource and with two packages that are written for pages. */
const inBrowser = (browser) => [
  {
    name: `${browser} EventSource`, browser, kind: "EventSource",
    facts: browser === "firefox" ? { ...STANDARD, afterRestart: "nobody" } : STANDARD,
    note: browser === "firefox" ? "gives up when the server cannot be reached, or closes without an answer: a page that sees "
      + "`readyState` 2 makes a new EventSource with `last_event_id=`" : "",
  },
  {
    name: `${browser} event-source-polyfill`, browser, kind: "event-source-polyfill", package: "event-source-polyfill",
    facts: { ...STANDARD, resumes: "lastEventId=" },
    note: "a page that begins with an id calls it `lastEventId` too",
  },
  {
    name: `${browser} fetch-event-source`, browser, kind: "fetch-event-source", package: "@microsoft/fetch-event-source",
    facts: { ...STANDARD, afterEnd: "program", afterRestart: "program", ids: "bare" },
    note: "a clean end is final unless `onclose` throws",
  },
];

/** All of them. */
export const CLIENTS = [
  ...inBrowser("chromium"),
  ...inBrowser("firefox"),
  { name: "npm eventsource", package: "eventsource", command: ["node", "node/eventsource.mjs"], facts: STANDARD,
    note: "Node ends while it waits to come back, unless something else keeps it alive" },
  {
    name: "npm eventsource-client", package: "eventsource-client", command: ["node", "node/eventsource-client.mjs"],
    facts: { ...STANDARD, ids: "bare" },
  },
  {
    name: "PyPI httpx-sse", package: "httpx-sse", command: [PYTHON, "python/use_httpx_sse.py"],
    facts: { ...BY_HAND, ids: "fresh" },
    note: "reads one response; httpx gives up after 5 s of silence unless told otherwise",
  },
  {
    name: "PyPI sseclient-py", package: "sseclient-py", command: [PYTHON, "python/use_sseclient.py"],
    facts: { ...BY_HAND, ids: "bare" },
    note: "reads one response",
  },
  {
    name: "PyPI aiohttp-sse-client", package: "aiohttp-sse-client", command: [PYTHON, "python/use_aiohttp_sse_client.py"],
    facts: { ...STANDARD, afterCut: "program", afterRestart: "program", retry: "doubled", ids: "fresh" },
    note: "a torn connection is the program's business; aiohttp ends it after 5 minutes unless told otherwise",
  },
  {
    name: "PyPI requests-sse", package: "requests-sse", command: [PYTHON, "python/use_requests_sse.py"],
    facts: { ...STANDARD, retry: "doubled" },
  },
  {
    name: "Rust eventsource-client", package: "eventsource-client", command: [path.join(RUST_BIN, "use_eventsource_client")],
    triesInSilence: true, // It tells of the end of a stream, and not of tries that fail.
    facts: { ...STANDARD, retry: "jittered", ids: "fresh" },
    note: "a connection that ends before its first id makes it forget the one it had: "
      + "everything comes anew, without `reset`",
  },
  {
    name: "Rust sse-stream", package: "sse-stream", command: [path.join(RUST_BIN, "use_sse_stream")],
    facts: { ...BY_HAND, ids: "bare" },
    note: "reads one response body",
  },
  {
    name: "curl and a shell", command: ["bash", "curl.sh"], facts: { ...BY_HAND, ids: "bare" },
    note: "needs `Accept: text/event-stream`",
  },
];

/** One sentence when something that the tests cannot do without is missing, else `null`. */
export function whatIsMissing() {
  const needed = [
    [CHROMIUM, "apt-get install chromium, or set CHROMIUM to its path"],
    [FIREFOX, "apt-get install firefox-esr, or set FIREFOX to its path"],
    [PYTHON, "cargo xtask ci --only setup"],
    [path.join(HERE, "node_modules"), "cargo xtask ci --only setup"],
    [path.join(RUST_BIN, "use_sse_stream"), "cargo xtask ci --only clients builds it"],
  ];
  const absent = needed.find(([file]) => !existsSync(file));
  return absent ? `there is no ${absent[0]} (${absent[1]})` : null;
}

/** The version of a client: that of the lock file, or what the program says. */
export function version(client) {
  const read = (file) => readFileSync(path.join(HERE, file), "utf8");
  if (client.name.startsWith("PyPI")) return read("python/requirements.txt").match(new RegExp(`^${client.package}==(\\S+)`, "m"))[1];
  if (client.name.startsWith("Rust")) return read("rust/Cargo.lock").match(new RegExp(`name = "${client.package}"\nversion = "(.+)"`))[1];
  if (client.package) return JSON.parse(read("package-lock.json")).packages[`node_modules/${client.package}`].version;
  const program = { chromium: CHROMIUM, firefox: FIREFOX }[client.browser] ?? "curl";
  return execFileSync(program, ["--version"], { encoding: "utf8" }).match(/[0-9]+(\.[0-9]+)+/)[0];
}

/** Starts a client on an address. `lines` grows with what it says; each line has the time at which it came. */
export function startClient(client, browsers, url) {
  const run = { lines: [], stop: () => {} };
  const told = (line) => run.lines.push({ ...line, at: performance.now() });
  if (client.browser) {
    browsers[client.browser].open(client.kind, url, told);
    return run;
  }
  const [program, ...args] = client.command;
  // A process group of its own: a shell's curl must not outlive the shell.
  const child = spawn(program, [...args, url, ...(client.args ?? [])], { cwd: HERE, stdio: ["ignore", "pipe", "pipe"], detached: true });
  run.stderr = "";
  child.stderr.on("data", (bytes) => { run.stderr += bytes; });
  createInterface({ input: child.stdout }).on("line", (line) => told(JSON.parse(line)));
  run.gone = new Promise((resolve) => {
    child.on("exit", (code) => resolve(code));
    child.on("error", (error) => { run.stderr += error; resolve(null); });
  });
  run.stop = async () => {
    try { process.kill(-child.pid, "SIGKILL"); } catch { /* It has ended by itself. */ }
    await run.gone;
  };
  return run;
}

/** The events of a run, with their data as objects; blocks that a client shows without data are left out. */
export function events(run) {
  return run.lines.filter((line) => line.event !== undefined && line.data !== "").map((line) => ({
    ...line, data: typeof line.data === "string" ? JSON.parse(line.data) : line.data,
  }));
}
