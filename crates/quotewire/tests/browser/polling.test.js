// The page behind a proxy that holds streams back: it polls, says so, stays honest, and goes back to the stream.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { liveSymbols, startBrowser, startServer, until, untilStreams } from "./harness.js";
import { startHoldingProxy } from "./holding.js";
import { add, listed, liveRow, moves, opened, row, said, state } from "./seen.js";

const FIXTURES = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../../feeds/coinbase/fixtures");
const POLLING = "polling: something between us holds streams back";
const MUTE_MS = 6_000; // Longer than the page waits for `hello`.

let browser, sim, a, b, c;

before(async () => {
  browser = await startBrowser();
  sim = await startServer();
  [a, b, c] = await liveSymbols(sim, 3);
});

after(async () => {
  await browser?.close();
  await sim?.stop();
});

const streams = (proxy) => proxy.count("GET /v1/stream?");
const polls = (proxy) => proxy.requests.filter((line) => line.startsWith("GET /v1/quotes?"));
const isPoll = (line) => line.startsWith("GET /v1/quotes?");

/** Opens the page through a proxy that holds streams back, and waits until it polls. */
async function held(body, { server = sim, symbols = [a, b], ...settings } = {}) {
  const proxy = await startHoldingProxy(server.port);
  try {
    await opened(browser, `${proxy.url}/?symbols=${symbols}`, async (page) => {
      await until("the stream is asked for", () => streams(proxy) === 1);
      await page.clock.fastForward(MUTE_MS);
      await state(page, "polling");
      await body(page, proxy);
    }, { clock: true, ...settings });
  } finally {
    await proxy.stop();
  }
}

/** The time of the page moves on until `end()`, in steps that no single poll takes for a silence. Returns how far it came. */
async function pass(page, proxy, end) {
  let passed = 0;
  for (; !end(passed); passed += 20_000) {
    assert.ok(passed < 600_000, "long enough");
    const before = polls(proxy).length;
    await page.clock.fastForward(20_000);
    await until("another poll", () => polls(proxy).length > before + 1);
  }
  return passed;
}

test("behind a proxy that holds streams back prices move by polling, and it is said", () => held(async (page, proxy) => {
  assert.equal(await said(page), POLLING);
  for (const symbol of [a, b]) await liveRow(page, symbol);
  await moves(page, a);
  assert.equal(await page.locator("#origin-word").innerText(), "SYNTHETIC");
  assert.match(await row(page, a).locator("[data-field=age]").innerText(), /^(now|[0-9]+ s)$/);
  assert.doesNotMatch(polls(proxy)[0], /since=/);
  assert.match(polls(proxy).at(-1), /&since=[0-9a-f]+-[0-9]+&wait=25s$/);
  await untilStreams(sim, 0); // The mute stream has been let go.

  await add(page, c);
  await liveRow(page, c);
  await moves(page, c);
  const first = polls(proxy).find((line) => line.includes(`symbols=${a},${b},${c}&`));
  assert.doesNotMatch(first, /since=/, "an id vouches for the symbols that it was asked with");
  await row(page, a).locator(".remove").click();
  assert.deepEqual(await listed(page), [b, c]);
  await until("the polls ask for the list", () => polls(proxy).at(-1).includes(`symbols=${b},${c}&`));
  assert.deepEqual([streams(proxy), await said(page)], [1, POLLING]);
}));

test("the stream is tried again beside the polls, and feeds the page as soon as it is let through", () => held(async (page, proxy) => {
  await untilStreams(sim, 0);
  assert.ok(await pass(page, proxy, () => streams(proxy) === 2) >= 280_000, "now and then is every five minutes");
  await page.clock.fastForward(MUTE_MS);
  await untilStreams(sim, 0);
  assert.equal(await said(page), POLLING);
  await moves(page, a);
  proxy.holding = "";
  await pass(page, proxy, () => streams(proxy) === 3);
  await state(page, "connected");
  await untilStreams(sim, 1);
  const before = polls(proxy).length;
  await moves(page, a);
  await moves(page, b);
  assert.deepEqual([streams(proxy), polls(proxy).length - before], [3, 0]);
}));

test("a person who comes back to the page after long tries the stream at once", () => held(async (page, proxy) => {
  await untilStreams(sim, 0);
  proxy.holding = "";
  const show = (hidden) => page.evaluate((is) => {
    Object.defineProperty(document, "hidden", { value: is, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await show(true);
  await show(false);
  await show(true);
  await pass(page, proxy, (passed) => passed > 60_000);
  assert.equal(streams(proxy), 1);
  await show(false);
  await state(page, "connected");
}));

test("a stream of which only the first bytes come through is seen through at its second silence, and not believed again", async () => {
  const server = await startServer({ config: '[server]\nheartbeat = "1s"\n\n[[feeds]]\nkind = "sim"\n' });
  const proxy = await startHoldingProxy(server.port);
  proxy.holding = "after";
  try {
    const [symbol] = await liveSymbols(server, 1);
    await opened(browser, `${proxy.url}/?symbols=${symbol}`, async (page) => {
      await state(page, "reconnecting");
      assert.match(await said(page), /nothing heard for 2 s/);
      await state(page, "polling");
      assert.equal(streams(proxy), 2);
      await liveRow(page, symbol);
      await page.evaluate(() => {
        window.states = [];
        const connection = document.getElementById("connection");
        new MutationObserver(() => window.states.push(connection.dataset.state)).observe(connection, { attributeFilter: ["data-state"] });
      });
      await page.evaluate(() => window.dispatchEvent(new Event("online")));
      await untilStreams(server, 1);
      await untilStreams(server, 0);
      assert.equal(streams(proxy), 3);
      await moves(page, symbol);
      assert.deepEqual(await page.evaluate(() => window.states), []);
      proxy.holding = "";
      await page.evaluate(() => window.dispatchEvent(new Event("online")));
      await state(page, "connected");
      await moves(page, symbol);
    });
  } finally {
    await proxy.stop();
    await server.stop();
  }
});

test("a server that dies under the polls is said as a lost connection, and its successor is found", async () => {
  let server = await startServer();
  try {
    await held(async (page, proxy) => {
      await liveRow(page, a);
      await server.kill();
      await state(page, "reconnecting");
      assert.match(await said(page), /^reconnecting in [0-9]+ s: the server answered 502$/);
      await until("no live row", async () => (await page.locator("tr[data-status=live]").count()) === 0);
      assert.equal(await row(page, a).locator(".word").innerText(), "NOT LIVE");
      await server.stop();
      server = await startServer();
      await liveSymbols(server, 3);
      proxy.port = server.port;
      await state(page, "polling");
      await liveRow(page, a);
      await moves(page, a);
    }, { server, allowed: /status of 502/ });
  } finally {
    await server.stop();
  }
});

test("a reset in a poll's answer clears what another table said", async () => {
  const file = (name) => path.join(FIXTURES, name);
  let server = await startServer({
    config: '[[feeds]]\nkind = "sim"\n\n[[feeds]]\nkind = "replay"\npreset = "coinbase"\nspeed = "max"\nloop = false\n'
      + `file = "${file("20210417-first-half.cap.gz")}"\nrest = "${file("20210417.rest.gz")}"\n`,
  });
  try {
    const ended = await until("a symbol with a price of a feed that has ended", async () => {
      const { symbols } = await (await fetch(`${server.url}/v1/symbols?search=coinbase&limit=1`)).json();
      return symbols.find((s) => s.status === "stale")?.symbol;
    });
    await liveSymbols(server, 3, "SIM:");
    const bid = (page) => row(page, ended).locator("[data-field=bid] .int").innerText();
    await held(async (page, proxy) => {
      await liveRow(page, a);
      assert.match(await bid(page), /^[0-9]+$/);
      // The next poll reaches the server's successor, with an id of the one before.
      let letGo;
      proxy.gate = new Promise((resolve) => { letGo = resolve; });
      const before = polls(proxy).length;
      await until("a poll waits", () => polls(proxy).length > before);
      await server.kill();
      await server.stop();
      server = await startServer();
      await liveSymbols(server, 3);
      proxy.port = server.port;
      letGo();
      proxy.gate = null;
      await row(page, ended).and(page.locator("[data-status=rejected]")).waitFor();
      assert.equal(await bid(page), "–");
      await liveRow(page, a);
      await moves(page, a);
      assert.equal(await said(page), POLLING);
    }, { server, symbols: [a, ended] });
  } finally {
    await server.stop();
  }
});

test("a poll that is refused with a time is not asked again before it", () => held(async (page, proxy) => {
  await liveRow(page, a);
  proxy.answer = (line) => isPoll(line) ? {
    status: 503,
    headers: { "Content-Type": "application/problem+json", "Retry-After": "40" },
    body: JSON.stringify({ title: "Service Unavailable", status: 503, detail: "the server has as many streams as it may have" }),
  } : null;
  await state(page, "refused");
  assert.match(await said(page), /^refused: the server has as many streams as it may have; next try in (40|3[0-9]) s$/);
  await until("no live row", async () => (await page.locator("tr[data-status=live]").count()) === 0);
  const before = [polls(proxy).length, streams(proxy)];
  await row(page, b).locator(".remove").click(); // Not even for another list.
  await page.clock.fastForward(25_000);
  await until("the countdown", async () => /next try in (1[0-5]|[5-9]) s$/.test(await said(page)));
  assert.deepEqual([polls(proxy).length, streams(proxy)], before);
  proxy.answer = () => null;
  await page.clock.fastForward(16_000);
  await state(page, "polling");
  await moves(page, a);
}, { allowed: /status of 503/ }));

test("a poll that is not answered in its time is a lost connection", () => held(async (page, proxy) => {
  await liveRow(page, a);
  proxy.answer = (line) => isPoll(line) ? "never" : null;
  const before = polls(proxy).length;
  await until("a poll waits", () => polls(proxy).length > before);
  await page.clock.fastForward(31_000);
  await state(page, "reconnecting");
  assert.match(await said(page), /nothing heard for 30 s$/);
  await until("no live row", async () => (await page.locator("tr[data-status=live]").count()) === 0);
  proxy.answer = () => null;
  await state(page, "polling");
  await moves(page, a);
}));

test("a proxy that refuses streams for good is gone around, and said", async () => {
  const proxy = await startHoldingProxy(sim.port);
  proxy.answer = (line) => line.startsWith("GET /v1/stream?") ? { status: 403, headers: {}, body: "no" } : null;
  try {
    await opened(browser, `${proxy.url}/?symbols=${a}`, async (page) => {
      await state(page, "refused"); // Once may be a restart.
      assert.match(await said(page), /^refused: the stream was refused; next try in [0-9]+ s$/);
      await state(page, "polling");
      assert.deepEqual([streams(proxy), await said(page)], [3, "polling: something between us refuses streams"]);
      await liveRow(page, a);
      await moves(page, a);
    }, { allowed: /status of 403/ });
  } finally {
    await proxy.stop();
  }
});

test("a server that is not there at all is not called polling", async () => {
  const proxy = await startHoldingProxy(sim.port);
  try {
    await opened(browser, `${proxy.url}/?symbols=${a}`, async (page) => {
      await until("the stream is asked for", () => streams(proxy) === 1);
      proxy.answer = (line) => line.includes("/v1/") ? "never" : null;
      await page.clock.fastForward(MUTE_MS);
      await until("the question whether there is a way", () => polls(proxy).length === 1);
      await state(page, "connecting");
      assert.match(await said(page), /^connecting: no answer yet/);
      await page.clock.fastForward(11_000);
      await state(page, "reconnecting");
      assert.match(await said(page), /nothing heard for 15 s$/);
    }, { clock: true });
  } finally {
    await proxy.stop();
  }
});
