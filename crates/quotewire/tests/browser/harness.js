// What every test here needs: the real server, a real browser, other origins, and a connection that can be cut.
//
// Nothing sleeps: every wait is for a condition and has a deadline. Every process is ended by the handle that started it.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** The browser, from `CHROMIUM` or Debian's package. */
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** The server, from `QUOTEWIRE_BIN` or where cargo puts the debug build. */
export const QUOTEWIRE_BIN = process.env.QUOTEWIRE_BIN ?? path.resolve(HERE, "../../../../target/debug/quotewire");

/** How long any single wait may take; generous, because the machine may be building at the same time. */
export const DEADLINE_MS = 20_000;

/** One sentence when something that the tests cannot do without is missing, else `null`. */
export function whatIsMissing() {
  if (!existsSync(CHROMIUM)) {
    return `no Chromium at ${CHROMIUM}: install it (Debian: apt-get install chromium) or set CHROMIUM to its path`;
  }
  if (!existsSync(QUOTEWIRE_BIN)) {
    return `no server at ${QUOTEWIRE_BIN}: build it (cargo build -p quotewire) or set QUOTEWIRE_BIN to its path`;
  }
  return null;
}

/** Waits until `check` gives something truthy and returns it; `what` names it in the failure. */
export async function until(what, check, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  let last;
  while (Date.now() < end) {
    last = await check();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${deadlineMs} ms: ${what} (last seen: ${JSON.stringify(last)})`);
}

/** Starts `quotewire serve` and waits until it says where it listens. `config` is the text of a TOML file. */
export async function startServer({ args = ["--sim"], config = null, listen = "127.0.0.1:0" } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "quotewire-browser-"));
  const all = ["serve", "--listen", listen, "--admin-listen", "127.0.0.1:0"];
  if (config === null) all.push(...args);
  else {
    const file = path.join(folder, "quotewire.toml");
    writeFileSync(file, config);
    all.push("--config", file);
  }
  const child = spawn(QUOTEWIRE_BIN, all, { stdio: ["ignore", "ignore", "pipe"], cwd: folder });
  const said = [];
  const ended = new Promise((resolve) => {
    child.on("error", (error) => { said.push(String(error)); resolve(); });
    child.on("exit", resolve);
  });
  let url = null;
  let admin = null;
  const ready = new Promise((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      url ??= line.match(/listening on (http:\/\/\S+)/)?.[1] ?? null;
      admin ??= line.match(/admin on (http:\/\/\S+)/)?.[1] ?? null;
      if (url && admin) resolve();
    });
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const hard = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(hard);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const kill = async () => { child.kill("SIGKILL"); await ended; };
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, DEADLINE_MS); });
  await Promise.race([ready, ended, late]);
  clearTimeout(timer);
  if (!url || !admin) {
    await stop();
    throw new Error(`the server did not say where it listens; it said:\n${said.join("\n")}`);
  }
  return { url, admin, port: Number(new URL(url).port), stop, kill, said };
}

/** The value of a metric that has no labels. */
export async function metric(server, name) {
  const text = await (await fetch(`${server.admin}/metrics`)).text();
  const line = text.split("\n").find((l) => l.startsWith(`${name} `));
  if (line === undefined) throw new Error(`/metrics has no ${name}`);
  return Number(line.slice(name.length + 1));
}

/** Waits until exactly `count` streams are open on the server. */
export function untilStreams(server, count, deadlineMs = DEADLINE_MS) {
  const name = "quotewire_edge_streams_open";
  return until(`${name} is ${count}`, async () => (await metric(server, name)) === count, deadlineMs);
}

/** The first `count` symbols, of those that contain `search`, that the server lists as live. */
export async function liveSymbols(server, count, search = "") {
  return until(`${count} live symbols`, async () => {
    const { symbols } = await (await fetch(`${server.url}/v1/symbols?search=${search}&limit=100`)).json();
    const live = symbols.filter((s) => s.status === "live").map((s) => s.symbol);
    return live.length >= count && live.slice(0, count);
  });
}

/** Starts a browser with a fresh profile. */
export function startBrowser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

/** Opens a tab that remembers what went wrong in it: console errors, uncaught faults, refused content. */
export async function newPage(context) {
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (line) => line.type() === "error" && page.faults.push(line.text()));
  page.on("pageerror", (error) => page.faults.push(`uncaught: ${error.message}`));
  return page;
}

/** A tiny web server of another origin that shows one page, the way a tutorial's reader would. */
export async function serveHtml(html) {
  const site = { html, url: "", stop: null };
  const server = http.createServer((request, response) => {
    const found = request.url === "/";
    response.writeHead(found ? 200 : 204, { "Content-Type": "text/html; charset=utf-8" });
    response.end(found ? site.html : undefined);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.url = `http://127.0.0.1:${server.address().port}`;
  site.stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
  return site;
}

/** A TCP proxy before the server: it keeps the request heads it saw and when it saw them, can cut or silence every
 * connection, can close new ones unanswered (and counts those), can be away so that connecting fails, and can be turned to
 * another server by its `port`. */
export async function startProxy(port) {
  const pairs = new Set();
  const proxy = { port, heads: [], headsAt: [], refusing: false, refused: 0 };
  const server = net.createServer((client) => {
    if (proxy.refusing) {
      proxy.refused += 1;
      return client.destroy();
    }
    const upstream = net.connect(proxy.port, "127.0.0.1");
    const pair = [client, upstream];
    pairs.add(pair);
    let head = "";
    client.on("data", (bytes) => {
      head += bytes.toString("latin1");
      for (let end; (end = head.indexOf("\r\n\r\n")) >= 0; head = head.slice(end + 4)) {
        proxy.heads.push(head.slice(0, end));
        proxy.headsAt.push(performance.now());
      }
    });
    client.pipe(upstream).pipe(client);
    for (const socket of pair) {
      socket.on("error", () => {}); // A reset of one side ends the other by `close`.
      socket.on("close", () => { pair.forEach((s) => s.destroy()); pairs.delete(pair); });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.cut = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  proxy.stall = () => pairs.forEach(([client, upstream]) => { upstream.unpipe(client); upstream.pause(); });
  proxy.away = () => { server.close(); }; // Connections that stand stay.
  proxy.back = () => new Promise((resolve, reject) => {
    server.once("error", reject).listen(Number(new URL(proxy.url).port), "127.0.0.1", resolve);
  });
  proxy.stop = () => new Promise((resolve) => { server.close(resolve); proxy.cut(); });
  return proxy;
}

/** The value of a header in a raw request head, `null` when it is not there. */
export function headerOf(head, name) {
  const line = head.split("\r\n").find((l) => l.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}
