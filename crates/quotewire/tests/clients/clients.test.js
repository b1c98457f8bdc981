// Other people's clients against the real server: each goes through the same scenario, and what it does in its own way
// is compared with what is on record in `clients.js`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { headerOf, liveSymbols, startProxy, startServer, until, untilStreams } from "../browser/harness.js";
import { startBrowser } from "./browsers.js";
import { CLIENTS, RETRY, events, startClient, version } from "./clients.js";
import { README, filled } from "./table.js";

/** A client may be asked to wait for a minute, and some wait twice that. */
const WAIT_MS = 150_000;

/** Scenarios with restarts that run at the same time; those that mostly wait all do. */
const BUSY_MAX = 6;

const passed = new Map(CLIENTS.map((client) => [client.name, []]));
let browsers;

before(async () => {
  const [chromium, firefox] = await Promise.all([startBrowser("chromium"), startBrowser("firefox")]);
  browsers = { chromium, firefox };
});

after(async () => {
  await Promise.all(Object.values(browsers ?? {}).map((browser) => browser.stop()));
  const rows = CLIENTS.map((client) => [client.name, version(client), passed.get(client.name).join(", "), client.note ?? ""]);
  const widths = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at].length)));
  console.log("\nclient, version, what it passed, what to know");
  for (const row of rows) console.log(`  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}`.trimEnd());
});

/** A market slow enough for heartbeats between its quotes. */
const serve = (limits = "") => startServer({
  config: `[server]\nheartbeat = "300ms"\ndrain = "0s"\ncors_origins = [${Object.values(browsers).map((b) => `"${b.url}"`)}]\n`
    + `[limits]\n${limits}\n[[feeds]]\nkind = "sim"\nsymbols = 2\nrate = 2\n`,
});

const path = (symbols) => `/v1/stream?symbols=${symbols.join(",")}`;
const isStream = (head) => head.startsWith("GET /v1/stream");
const streams = (proxy) => proxy.heads.filter(isStream);
const named = (run, name) => events(run).filter((e) => e.event === name);

/** Waits for a run to satisfy `check`, and tells what the client said when it does not. */
const untilRun = async (what, run, check) => {
  try {
    return await until(what, check, WAIT_MS);
  } catch (error) {
    const last = run.lines.slice(-5).map((line) => JSON.stringify(line).slice(0, 300)).join("\n");
    throw new Error(`${error.message.slice(0, 300)}\nlast lines:\n${last}\n${run.stderr ?? ""}`);
  }
};

/** Every event is what the wire promises: its name is its type, ids are ours, and no symbol goes back. */
function wellFormed(all, ids) {
  let last = null;
  const latest = {};
  for (const { event, id, data } of all) {
    assert.equal(data.type, event);
    if (event === "hello" || event === "refused") { // The first event of a connection.
      if (last !== null) assert.equal(id || null, ids === "sticky" ? last : null, `ids are ${ids}: the one of a later ${event}`);
      if (ids !== "sticky") last = null;
      if (event === "hello" && data.epoch !== latest.epoch) Object.assign(latest, { epoch: data.epoch, seq: {} });
    }
    if (["snapshot", "quote", "status", "reset"].includes(event)) {
      assert.match(id, new RegExp(`^${latest.epoch}-[0-9]+$`), event);
      last = id;
    } else if (last !== null) {
      assert.equal(id || null, ids === "bare" ? null : last, `ids are ${ids}: the one of a ${event}`);
    }
    if (data.symbol) {
      assert.ok(data.seq > (latest.seq[data.symbol] ?? 0), `${data.symbol}: ${data.seq} after ${latest.seq[data.symbol]}`);
      latest.seq[data.symbol] = data.seq;
    }
  }
}

/** Who came back: the program, when the library said that it was done, else the library. */
const whoCameBack = (lines) => (lines.some((line) => line.ended !== undefined) ? "program" : "library");

/** At most so many of these at the same time. */
function gate(count) {
  const queue = [];
  return async (body) => {
    if (count === 0) await new Promise((resolve) => { queue.push(resolve); });
    else count -= 1;
    try { return await body(); } finally { const next = queue.shift(); if (next) next(); else count += 1; }
  };
}
const busy = gate(BUSY_MAX);

/** Events, a cut connection, a server that stops and another one in its place. */
async function follows(client) {
  const server = await serve();
  const proxy = await startProxy(server.port);
  let run = null;
  let next = null;
  try {
    const symbols = await liveSymbols(server, 2);
    run = startClient(client, browsers, proxy.url + path(symbols));
    await untilRun("hello, snapshots, a quote and a heartbeat after it", run, () => {
      const names = events(run).map((e) => e.event);
      return names.slice(names.indexOf("quote")).includes("heartbeat") && names.includes("quote");
    });
    assert.deepEqual(events(run).slice(0, 3).map((e) => e.event), ["hello", "snapshot", "snapshot"]);
    assert.deepEqual(events(run)[0].data.accepted, symbols);
    assert.equal(run.lines.some((line) => line.data === ""), client.facts.empty, "blocks without data are shown");
    assert.equal(headerOf(streams(proxy)[0], "Accept"), client.facts.accept);
    assert.equal(headerOf(streams(proxy)[0], "Last-Event-ID"), null);
    passed.get(client.name).push("events");

    const beforeCut = run.lines.length;
    proxy.cut();
    await untilRun("a quote after the second hello", run, () => {
      const all = events(run);
      return all.slice(all.findLastIndex((e) => e.event === "hello")).some((e) => e.event === "quote") && named(run, "hello").length === 2;
    });
    const all = events(run);
    const lastId = all.slice(0, all.findLastIndex((e) => e.event === "hello")).findLast((e) => ["snapshot", "quote", "status"].includes(e.event)).id;
    const resumed = streams(proxy)[1];
    const inAddress = new URL(resumed.split(" ")[1], proxy.url).searchParams.get("lastEventId");
    assert.deepEqual([headerOf(resumed, "Last-Event-ID"), inAddress], client.facts.resumes === "Last-Event-ID" ? [lastId, null] : [null, lastId]);
    assert.equal(named(run, "reset").length, 0);
    assert.equal(named(run, "hello")[1].data.epoch, named(run, "hello")[0].data.epoch);
    wellFormed(all, client.facts.ids);
    assert.equal(whoCameBack(run.lines.slice(beforeCut)), client.facts.afterCut);
    passed.get(client.name).push("resume");

    const beforeStop = run.lines.length;
    proxy.away(); // Nothing listens from now on; what is connected stays.
    const stopped = server.stop();
    await untilRun("goodbye", run, () => named(run, "goodbye").length === 1);
    proxy.cut(); // Else a client may ask the draining server again over the connection it has kept.
    await stopped;
    assert.equal(named(run, "goodbye")[0].data.reason, "drain");
    passed.get(client.name).push("goodbye");

    next = await serve();
    const newest = named(run, "quote").at(-1).id;
    const after = () => run.lines.slice(beforeStop);
    if (client.facts.afterRestart === "nobody") {
      await untilRun("the end of all tries", run, () => after().some((line) => line.trouble === "readyState 2"));
    } else if (!client.triesInSilence) {
      await untilRun("a try while the server is away", run, () =>
        ["ended", "trouble"].some((word) => after().filter((line) => line[word] !== undefined).length > 1));
    }
    proxy.port = next.port;
    await proxy.back();
    const first = run;
    if (client.facts.afterRestart === "nobody") {
      run = startClient(client, browsers, `${proxy.url}${path(symbols)}&last_event_id=${newest}`); // As a page must.
    }
    await untilRun("a quote after the reset", run, () => {
      const told = events(run);
      return named(run, "reset").length === 1 && told.slice(told.findIndex((e) => e.event === "reset")).some((e) => e.event === "quote");
    });
    const told = events(run);
    const at = told.findIndex((e) => e.event === "reset");
    assert.equal(told[at].data.reason, "unknown_epoch");
    assert.deepEqual(told.slice(at - 1, at + 3).map((e) => e.event), ["hello", "reset", "snapshot", "snapshot"]);
    wellFormed(told, client.facts.ids);
    if (run === first) assert.equal(whoCameBack(after()), client.facts.afterRestart);
    passed.get(client.name).push("restart");
  } finally {
    await run?.stop();
    await proxy.stop();
    await server.stop();
    await next?.stop();
  }
}

/** A server without room says so, and the client comes back when it was asked to. */
async function isRefused(client) {
  const server = await serve("streams = 1");
  const proxy = await startProxy(server.port);
  let run = null;
  try {
    const symbols = await liveSymbols(server, 2);
    const control = new AbortController();
    await fetch(server.url + path(symbols), { signal: control.signal });
    await untilStreams(server, 1);
    run = startClient(client, browsers, proxy.url + path(symbols));
    const refused = await untilRun("refused", run, () => named(run, "refused")[0]);
    assert.equal(refused.data.reason, "too_many_streams");
    const answer = await fetch(server.url + path(symbols), { headers: { Accept: headerOf(streams(proxy)[0], "Accept") } });
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "text/event-stream"]);
    await answer.text();
    control.abort();
    await untilStreams(server, 0);
    await untilRun("hello when there is room", run, () => named(run, "hello").length > 0);
    const asked = refused.data.retry_ms;
    // From request to request: what a browser reports comes late on a busy machine, its requests do not.
    const [first, second] = proxy.headsAt.filter((_, at) => isStream(proxy.heads[at]));
    const waited = second - first;
    assert.ok(RETRY[client.facts.retry](waited, asked), `retry ${client.facts.retry}: asked for ${asked} ms, waited ${waited} ms`);
    const upTo = run.lines.findIndex((line) => line.event === "hello");
    assert.equal(whoCameBack(run.lines.slice(0, upTo)), client.facts.afterEnd);
    passed.get(client.name).push("refused");
  } finally {
    await run?.stop();
    await proxy.stop();
    await server.stop();
  }
}

describe("other people's clients", { concurrency: true }, () => {
  for (const client of CLIENTS) {
    test(`${client.name}: events, a cut connection, a restarted server`, () => busy(() => follows(client)));
    test(`${client.name}: is refused and comes back`, () => isRefused(client));
  }
  test("the README says what is on record (`npm run table` writes it)", () => {
    const text = readFileSync(README, "utf8");
    assert.equal(text, filled(text));
  });
  test("npm eventsource alone lets Node end while it waits to come back", () => busy(async () => {
    const server = await serve();
    const proxy = await startProxy(server.port);
    try {
      const client = { command: ["node", "node/eventsource.mjs"], args: ["alone"] };
      const run = startClient(client, browsers, proxy.url + path(await liveSymbols(server, 2)));
      await untilRun("a quote", run, () => named(run, "quote").length > 0);
      proxy.cut();
      assert.equal(await run.gone, 0);
    } finally {
      await proxy.stop();
      await server.stop();
    }
  }));
  // What a TCP balancer without a server behind it does.
  for (const [browser, last] of [["chromium", "readyState 0"], ["firefox", "readyState 2"]]) {
    test(`${browser} EventSource: a connection that is closed unanswered leaves it in ${last}`, () => busy(async () => {
      const server = await serve();
      const proxy = await startProxy(server.port);
      try {
        const client = CLIENTS.find((c) => c.name === `${browser} EventSource`);
        const run = startClient(client, browsers, proxy.url + path(await liveSymbols(server, 2)));
        await untilRun("a quote", run, () => named(run, "quote").length > 0);
        proxy.refusing = true;
        proxy.cut();
        const troubles = () => run.lines.filter((line) => line.trouble !== undefined);
        await untilRun("the end of the stream and of a try", run, () => troubles().length > 1);
        assert.deepEqual(troubles().slice(0, 2).map((line) => line.trouble), ["readyState 0", last]);
      } finally {
        await proxy.stop();
        await server.stop();
      }
    }));
  }
  test("event-source-polyfill replaces the `lastEventId` that its page began with", () => busy(async () => {
    const server = await serve();
    const proxy = await startProxy(server.port);
    try {
      const client = CLIENTS.find((c) => c.kind === "event-source-polyfill");
      const run = startClient(client, browsers, `${proxy.url}${path(await liveSymbols(server, 2))}&lastEventId=1-1`);
      await untilRun("a quote after the reset", run, () => named(run, "reset").length === 1 && named(run, "quote").length > 0);
      proxy.cut();
      await untilRun("the second hello", run, () => named(run, "hello").length === 2);
      const ids = new URL(streams(proxy)[1].split(" ")[1], proxy.url).searchParams.getAll("lastEventId");
      assert.deepEqual([ids.length, ids[0].split("-")[0]], [1, named(run, "hello")[0].data.epoch]);
    } finally {
      await proxy.stop();
      await server.stop();
    }
  }));
});
