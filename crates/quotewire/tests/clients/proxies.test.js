// nginx and HAProxy with the configurations that we ship, between the real server and real clients.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { liveSymbols, startProxy, startServer, until, untilStreams } from "../browser/harness.js";
import { startBrowser } from "./browsers.js";
import { CLIENTS, events, startClient } from "./clients.js";
import { placeOf, startProxyServer, version } from "./proxies.js";

/** A proxy asks to wait up to 40 s. */
const WAIT_MS = 90_000;

const BUFFERING_ON = ["proxy_buffering off;", "proxy_buffering on;"];

/** What is tested as it is shipped: the name, the proxy, the changes. The second shows that our header is enough. */
const SETUPS = [
  ["nginx", "nginx", []],
  ["nginx with buffering on", "nginx", [BUFFERING_ON]],
  ["HAProxy", "haproxy", []],
];

/** A browser, a Node, a Python client and curl. */
const READERS = ["chromium EventSource", "npm eventsource", "PyPI httpx-sse", "curl and a shell"]
  .map((name) => CLIENTS.find((client) => client.name === name));
const curl = READERS[3];

const passed = [];
let browsers;

before(async () => { browsers = { chromium: await startBrowser("chromium") }; });

after(async () => {
  await browsers?.chromium.stop();
  console.log("\nproxy, version, what was seen through it");
  for (const [name, kind, what] of passed) console.log(`  ${name.padEnd(24)}  ${version(kind).padEnd(8)}  ${what}`);
});

const serve = ({ heartbeat = "300ms", feed = "symbols = 2\nrate = 2" } = {}) => startServer({
  config: `[server]\nheartbeat = "${heartbeat}"\ndrain = "0s"\ncors_origins = ["${browsers.chromium.url}"]\n[[feeds]]\nkind = "sim"\n${feed}\n`,
});

/** A stream of all symbols, or one that has nothing but heartbeats to say: the market has no mark prices. */
const all = (symbols) => `/v1/stream?symbols=${symbols.join(",")}`;
const quiet = (symbols) => `${all(symbols)}&fields=mark`;
const named = (run, name) => events(run).filter((e) => e.event === name);

/** Hands a server and a proxy before it to `body`, and ends both. */
async function between(kind, changes, settings, body) {
  const server = await serve(settings);
  let proxy = null;
  try {
    const symbols = await liveSymbols(server, 2);
    proxy = await startProxyServer(kind, placeOf(server), changes);
    await body({ server, proxy, symbols });
  } finally {
    await proxy?.stop();
    await server.stop();
  }
}

/** Waits for `check`, and tells what the clients said last when it does not come true. */
const untilAll = (what, runs, check) => until(what, check, WAIT_MS).catch((error) => {
  const last = runs.map((run) => run.lines.slice(-3).map((line) => JSON.stringify(line).slice(0, 200)).join("\n"));
  throw new Error(`${error.message}\n${last.join("\n--\n")}`);
});

/** Ends these runs when `body` is done. */
async function during(runs, body) {
  try { return await body(); } finally { await Promise.all(runs.map((run) => run.stop())); }
}

/** How many of the first quotes of `run` came before `direct`, which has no proxy, was told the next one. */
function inTime(run, direct) {
  const order = named(direct, "quote");
  return named(run, "quote").slice(0, 12).filter((quote) => {
    const at = order.findIndex((other) => other.data.seq === quote.data.seq);
    return at >= 0 && at + 1 < order.length && quote.at < order[at + 1].at;
  }).length;
}

describe("proxies", { concurrency: 4 }, () => {
  for (const [name, kind, changes] of SETUPS) {
    const saw = (what) => passed.push([name, kind, what]);

    test(`${name}: every event passes before the next one is published`, () => between(kind, changes, {}, async ({ server, proxy, symbols }) => {
      const direct = startClient(curl, browsers, server.url + all(symbols));
      await until("a direct quote", () => named(direct, "quote").length > 0);
      const runs = READERS.map((client) => startClient(client, browsers, proxy.url + all(symbols)));
      await during([direct, ...runs], async () => {
        await until("quotes for all", () => [direct, ...runs].every((run) => named(run, "quote").length >= 14), WAIT_MS);
        for (const [at, run] of runs.entries()) {
          assert.deepEqual(events(run).slice(0, 3).map((e) => e.event), ["hello", "snapshot", "snapshot"]);
          assert.ok(named(run, "heartbeat").length > 0, "heartbeats pass");
          assert.equal(named(run, "hello").length, 1, "on one connection");
          // A busy machine may be late once or twice; what is held back is late every time.
          assert.ok(inTime(run, direct) >= 9, `${READERS[at].name}: ${inTime(run, direct)} of 12 quotes in time`);
        }
      });
      saw(`events in time: ${READERS.map((client) => client.name).join(", ")}`);
    }));

    test(`${name}: curl posts a stream of lines, which is changed and closed from outside`, () => between(kind, changes, {}, async ({ proxy, symbols }) => {
      const ask = (method, where, body) => fetch(proxy.url + where, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
      const post = (body) => ["--header", "Accept: application/x-ndjson", "--json", JSON.stringify(body)];
      const run = startClient({ command: ["curl", "--silent", "--no-buffer", ...post({ symbols: symbols.slice(0, 1) })] }, browsers, `${proxy.url}/v1/stream`);
      const typed = (type) => run.lines.filter((line) => line.type === type);
      await during([run], async () => {
        const { stream } = await until("hello", () => typed("hello")[0]);
        await until("a quote", () => typed("quote").length > 0, WAIT_MS);
        const changed = await ask("PATCH", `/v1/streams/${stream}`, { add: symbols.slice(1), max_rate: 1 });
        assert.equal(changed.status, 200);
        assert.deepEqual((await changed.json()).accepted.sort(), [...symbols].sort());
        await until("the snapshot of what was added", () => typed("snapshot").some((line) => line.symbol === symbols[1]), WAIT_MS);
        assert.equal((await ask("DELETE", `/v1/streams/${stream}`)).status, 204);
        await until("goodbye", () => typed("goodbye").length === 1, WAIT_MS);
        assert.equal(typed("goodbye")[0].reason, "closed");
        assert.equal(await run.gone, 0, "a clean end");
      });
      const many = Array.from({ length: 5_000 }, (_, at) => `SIM:NO-SUCH-SYMBOL-${at}`);
      const long = await ask("POST", "/v1/stream", { symbols: [...symbols, ...many], limit: 1 });
      assert.equal(long.status, 200);
      assert.match(await long.text(), /"reason":"limit"/);
      saw("NDJSON by curl, POST of 5,002 symbols, PATCH, DELETE");
    }));

    test(`${name}: a client that leaves frees its stream, though nothing is sent`, () => between(kind, changes, { heartbeat: "10s" }, async ({ server, proxy, symbols }) => {
      const control = new AbortController();
      const answer = await fetch(proxy.url + quiet(symbols), { signal: control.signal, headers: { "Accept-Encoding": "gzip, br, zstd" } });
      assert.equal(answer.headers.get("content-type"), "text/event-stream");
      assert.equal(answer.headers.get("content-encoding"), null, "nothing is compressed");
      assert.equal(answer.headers.get("cache-control"), "no-store, no-transform");
      await untilStreams(server, 1);
      control.abort();
      await untilStreams(server, 0, 8_000); // Before the next heartbeat could find out.
      saw("not compressed; a client that leaves is noticed at once");
    }));

    test(`${name}: a restart is told in-band, and who was told comes back to a reset`, async () => {
      // The proxy keeps its address of the server; what stands behind that address changes.
      const server = await serve();
      const [door, adminDoor] = [await startProxy(server.port), await startProxy(placeOf(server).adminPort)];
      const portOf = (proxy) => Number(new URL(proxy.url).port);
      let [proxy, next] = [null, null];
      const runs = [];
      try {
        const symbols = await liveSymbols(server, 2);
        proxy = await startProxyServer(kind, { port: portOf(door), adminPort: portOf(adminDoor) }, [...changes, ["https://quotes.example", browsers.chromium.url]]);
        const readers = READERS.slice(0, 3);
        runs.push(...readers.map((client) => startClient(client, browsers, proxy.url + all(symbols))));
        await until("quotes for all", () => runs.every((run) => named(run, "quote").length > 0), WAIT_MS);
        door.refusing = adminDoor.refusing = true;
        await server.stop();
        await untilAll("goodbye and refused for all", runs, () => runs.every((run) => named(run, "goodbye").length === 1 && named(run, "refused").length > 0));
        // By the server while it drains, over a connection that the proxy kept, or by the proxy.
        for (const run of runs) assert.match(named(run, "refused")[0].data.reason, /^(draining|unavailable)$/);
        const told = await fetch(proxy.url + all(symbols), { headers: { Accept: "text/event-stream", Origin: browsers.chromium.url } });
        assert.deepEqual([told.status, told.headers.get("content-type")], [200, "text/event-stream"]);
        assert.equal(told.headers.get("access-control-allow-origin"), browsers.chromium.url);
        const [, retryMs] = (await told.text()).match(/^retry: ([0-9]+)\nevent: refused\ndata: {"type":"refused","reason":"unavailable","retry_ms":\1}\n\n$/);
        assert.ok(retryMs >= 15_000 && retryMs <= 40_000, `retry ${retryMs}`);
        const plain = await fetch(proxy.url + all(symbols));
        assert.deepEqual([plain.status, plain.headers.get("retry-after")], [503, "15"], "others get a status that they understand");
        next = await serve();
        [door.port, adminDoor.port] = [next.port, placeOf(next).adminPort];
        door.refusing = adminDoor.refusing = false;
        await untilAll("a reset for all", runs, () => runs.every((run) => named(run, "reset").length === 1));
        for (const run of runs) assert.equal(named(run, "reset")[0].data.reason, "unknown_epoch");
        saw(`goodbye, refused while the server is away, reset: ${readers.map((client) => client.name).join(", ")}`);
      } finally {
        await Promise.all(runs.map((run) => run.stop()));
        await proxy?.stop();
        await Promise.all([door, adminDoor].map((each) => each.stop()));
        await server.stop();
        await next?.stop();
      }
    });
  }

  const TIMEOUTS = { nginx: [["proxy_read_timeout 30s;", "proxy_read_timeout 1s;"]], haproxy: [["timeout server 30s", "timeout server 1s"]] };
  for (const [kind, short] of Object.entries(TIMEOUTS)) {
    test(`${kind}: heartbeats keep a quiet stream open beyond the timeout`, () => between(kind, short, {}, async ({ proxy, symbols }) => {
      const run = startClient(curl, browsers, proxy.url + quiet(symbols));
      await during([run], async () => {
        await until("heartbeats of three seconds", () => named(run, "heartbeat").length >= 10, WAIT_MS);
        assert.equal(run.lines.filter((line) => line.ended !== undefined).length, 0);
      });
      passed.push([kind, kind, "heartbeats keep a quiet stream open beyond the timeout"]);
    }));

    test(`${kind}: a timeout shorter than the heartbeat cuts a quiet stream`, () => between(kind, short, { heartbeat: "10s" }, async ({ proxy, symbols }) => {
      const run = startClient(curl, browsers, proxy.url + quiet(symbols));
      await during([run], async () => {
        await until("the cut", () => run.lines.some((line) => line.ended !== undefined), WAIT_MS);
        assert.equal(named(run, "heartbeat").length, 0);
      });
    }));
  }

  // What the long poll is for: nginx that is told to pay no heed to our header, with the version of HTTP that it speaks to
  // servers by default. Compression on top of buffering does the same.
  const HELD = [
    ["speaks HTTP/1.0", [BUFFERING_ON, ["proxy_http_version 1.1;", "proxy_http_version 1.0; proxy_ignore_headers X-Accel-Buffering;"]]],
    ["compresses", [BUFFERING_ON, ["gzip off;", "proxy_ignore_headers X-Accel-Buffering;"]]],
  ];
  for (const [how, changes] of HELD) {
    test(`nginx that ignores our header and ${how} holds events back until the stream ends`, () => between("nginx", changes, {}, async ({ server, proxy, symbols }) => {
      const direct = startClient(curl, browsers, server.url + all(symbols));
      const control = new AbortController();
      let text = "";
      const held = fetch(proxy.url + all(symbols), { signal: control.signal, headers: { "Accept-Encoding": how === "compresses" ? "gzip" : "identity" } })
        .then(async (answer) => { for await (const part of answer.body.pipeThrough(new TextDecoderStream())) text += part; });
      held.catch(() => {}); // When it breaks something else has failed before.
      await during([direct], async () => {
        await untilStreams(server, 2);
        await until("direct quotes", () => named(direct, "quote").length >= 3, WAIT_MS); // Four KiB are let out at once.
        assert.equal(text, "", "not even hello has come");
        await server.stop();
        await held;
        assert.match(text, /event: hello[^]*event: goodbye/, "held back, not lost");
      });
      passed.push(["nginx, header ignored", "nginx", `${how}: nothing comes until the stream ends`]);
    }));
  }

  test("an address of 20 KiB passes nginx; HAProxy takes half of that", async () => {
    const names = Array.from({ length: 900 }, (_, at) => `SIM:NO-SUCH-SYMBOL-${at}`);
    for (const [kind, status] of [["nginx", 200], ["haproxy", 400]]) {
      await between(kind, [], {}, async ({ proxy, symbols }) => {
        const control = new AbortController();
        const answer = await fetch(proxy.url + all([...symbols, ...names]), { signal: control.signal });
        assert.equal(answer.status, status);
        control.abort();
      });
    }
  });
});
