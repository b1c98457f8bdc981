// EventSource the way tutorials teach it: a page of another origin, the plain API, one test for each thing it promises.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  headerOf, liveSymbols, newPage, serveHtml, startBrowser, startProxy, startServer, until, untilStreams,
} from "./harness.js";

const NAMES = ["hello", "snapshot", "quote", "status", "heartbeat", "reset", "goodbye", "refused"];

/** What a newcomer writes: it keeps everything that arrives in `window.seen`. */
const TUTORIAL = `<!doctype html><title>quotes</title><script>
  const seen = window.seen = { opens: 0, errors: [], unnamed: [], named: [], states: [] };
  window.listen = (url, options) => {
    const source = window.source = new EventSource(url, options);
    seen.states.push(source.readyState);
    source.onopen = () => { seen.opens += 1; seen.states.push(source.readyState); };
    source.onerror = () => { seen.errors.push({ state: source.readyState, at: performance.now() }); };
    source.onmessage = (e) => seen.unnamed.push({ name: e.type, id: e.lastEventId, text: e.data, data: JSON.parse(e.data) });
    for (const name of ${JSON.stringify(NAMES)}) {
      source.addEventListener(name, (e) => seen.named.push({ name, id: e.lastEventId, text: e.data, data: JSON.parse(e.data), at: performance.now() }));
    }
  };
</script>`;

let site, server, browser, symbols;

before(async () => {
  site = await serveHtml(TUTORIAL);
  server = await startServer({
    config: `[server]\ncors_origins = ["${site.url}"]\n\n[[feeds]]\nkind = "sim"\n`,
  });
  browser = await startBrowser();
  symbols = (await liveSymbols(server, 3)).join(",");
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await site?.stop();
});

/** Opens the tutorial's page, hands it to `body`, and sees that nothing went wrong in it and nothing stays open. */
async function tutorial(body, { base = server.url, query = "", allowed = /^$/ } = {}) {
  const context = await browser.newContext();
  try {
    const page = await newPage(context);
    await page.goto(site.url);
    await page.evaluate((url) => window.listen(url), `${base}/v1/stream?symbols=${symbols}${query}`);
    await body(page);
    assert.deepEqual(page.faults.filter((fault) => !allowed.test(fault)), []);
  } finally {
    await context.close();
  }
  await untilStreams(server, 0);
}

const seen = (page) => page.evaluate(() => window.seen);
const enough = (page, list, count) =>
  until(`${count} events in ${list}`, async () => {
    const all = await seen(page);
    return all[list].length >= count && all;
  });

test("onopen fires when the stream stands", () => tutorial(async (page) => {
  await until("onopen", async () => (await seen(page)).opens === 1);
}));

test("onmessage gets everything with named=false, and each payload says its type", () => tutorial(async (page) => {
  const { unnamed, named } = await enough(page, "unnamed", 8);
  assert.equal(named.length, 0);
  assert.equal(unnamed[0].data.type, "hello");
  assert.deepEqual(new Set(unnamed.map((e) => e.name)), new Set(["message"]));
  assert.ok(unnamed.some((e) => e.data.type === "snapshot") && unnamed.some((e) => e.data.type === "quote"));
}, { query: "&named=false" }));

test("addEventListener gets the named events, and onmessage none of them", () => tutorial(async (page) => {
  const { unnamed, named } = await enough(page, "named", 8);
  assert.equal(unnamed.length, 0);
  assert.equal(named[0].name, "hello");
  assert.deepEqual(named.slice(1, 4).map((e) => e.name), ["snapshot", "snapshot", "snapshot"]);
  for (const event of named) assert.equal(event.data.type, event.name);
}));

test("comments are on the wire and no event comes of them", () => tutorial(async (page) => {
  const control = new AbortController();
  const answer = await fetch(`${server.url}/v1/stream?symbols=${symbols}`, { signal: control.signal });
  const { value } = await answer.body.getReader().read();
  assert.match(new TextDecoder().decode(value), /^:/, "the stream begins with a comment");
  control.abort();
  const { unnamed, named } = await enough(page, "named", 4);
  assert.equal(unnamed.length, 0);
  assert.equal(named[0].name, "hello");
}));

test("lastEventId is the id of the stream and never goes back", () => tutorial(async (page) => {
  const { named } = await enough(page, "named", 20);
  const epoch = named[0].data.epoch;
  const ids = named.filter((e) => e.name !== "hello").map((e) => e.id);
  for (const id of ids) assert.match(id, new RegExp(`^${epoch}-[0-9]+$`));
  const numbers = ids.map((id) => Number(id.split("-")[1]));
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
}));

test("a cut connection is taken up again by itself, from Last-Event-ID, without reset or loss of order", async () => {
  const proxy = await startProxy(server.port);
  try {
    await tutorial(async (page) => {
      await enough(page, "named", 10);
      proxy.cut();
      const all = await until("a second hello and a delta after it", async () => {
        const now = await seen(page);
        const again = now.named.findLastIndex((e) => e.name === "hello");
        return again > 0 && now.named.slice(again).some((e) => e.name === "quote") && now;
      });
      const again = all.named.findLastIndex((e) => e.name === "hello");
      const streams = proxy.heads.filter((head) => head.startsWith("GET /v1/stream"));
      assert.equal(streams.length, 2);
      assert.equal(headerOf(streams[0], "Last-Event-ID"), null);
      assert.equal(headerOf(streams[1], "Last-Event-ID"), all.named[again - 1].id);
      assert.equal(all.named.filter((e) => e.name === "reset").length, 0);
      assert.equal(all.named[again].data.epoch, all.named[0].data.epoch);
      const latest = {};
      for (const { data } of all.named.filter((e) => e.data.symbol)) {
        assert.ok(data.seq > (latest[data.symbol] ?? 0), `${data.symbol}: seq ${data.seq} after ${latest[data.symbol]}`);
        latest[data.symbol] = data.seq;
      }
      assert.equal(all.opens, 2);
    }, { base: proxy.url, allowed: /net::ERR_/ });
  } finally {
    await proxy.stop();
  }
});

test("retry is honoured: the browser waits as long as the server asked", async () => {
  const proxy = await startProxy(server.port);
  try {
    await tutorial(async (page) => {
      const { named } = await enough(page, "named", 4);
      const asked = named[0].data.effective.retry_ms;
      assert.ok(asked >= 1000 && asked <= 60_000, `retry ${asked}`);
      proxy.cut();
      const all = await until("a second hello", async () => {
        const now = await seen(page);
        return now.named.filter((e) => e.name === "hello").length === 2 && now;
      }, asked + 20_000);
      const waited = all.named.findLast((e) => e.name === "hello").at - all.errors[0].at;
      assert.ok(waited >= asked - 50, `came back after ${waited} ms, asked for ${asked}`);
    }, { base: proxy.url, allowed: /net::ERR_/ });
  } finally {
    await proxy.stop();
  }
});

test("every data is one line of JSON for JSON.parse, with prices as decimal text", () => tutorial(async (page) => {
  const { named } = await enough(page, "named", 30);
  for (const { text, data } of named) {
    assert.ok(!text.includes("\n"));
    assert.equal(typeof data.type, "string");
  }
  const { data } = named.find((e) => e.name === "snapshot");
  assert.match(data.bid, /^[0-9]+(\.[0-9]+)?$/);
  assert.equal(typeof data.ts_pub, "number");
}));

test("readyState is 0 while connecting, 1 when open, 2 after close", () => tutorial(async (page) => {
  await enough(page, "named", 1);
  assert.deepEqual((await seen(page)).states, [0, 1]);
  assert.equal(await page.evaluate(() => { window.source.close(); return window.source.readyState; }), 2);
}));

test("readyState is 2 for good after a refusal by status", () => tutorial(async (page) => {
  assert.equal((await enough(page, "errors", 1)).errors[0].state, 2);
}, { query: "&nonsense=1", allowed: /400/ }));

test("close() frees the client on the server at once", () => tutorial(async (page) => {
  await enough(page, "named", 4);
  await untilStreams(server, 1);
  await page.evaluate(() => window.source.close());
  await untilStreams(server, 0, 2_000);
}));

test("two tabs have a stream each, and closing one leaves the other", async () => {
  const context = await browser.newContext();
  try {
    const tabs = [await newPage(context), await newPage(context)];
    for (const tab of tabs) {
      await tab.goto(site.url);
      await tab.evaluate((url) => window.listen(url), `${server.url}/v1/stream?symbols=${symbols}`);
    }
    const streams = await Promise.all(tabs.map(async (tab) => (await enough(tab, "named", 5)).named[0].data.stream));
    assert.notEqual(streams[0], streams[1]);
    await untilStreams(server, 2);
    await tabs[0].close();
    await untilStreams(server, 1);
    const had = (await seen(tabs[1])).named.length;
    await enough(tabs[1], "named", had + 5);
    assert.deepEqual(tabs[1].faults, []);
  } finally {
    await context.close();
  }
  await untilStreams(server, 0);
});
