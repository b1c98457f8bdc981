// The page changes its running stream when its list changes, and opens another one only where that is refused.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { liveSymbols, startBrowser, startServer, until } from "./harness.js";
import { startHoldingProxy } from "./holding.js";
import { add, listed, liveRow, moves, opened, row, state } from "./seen.js";

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

/** Opens the page with the symbols `a` and `b` through a proxy that counts requests and holds back what it is told to. */
async function through(body, { holding = "", ...settings } = {}) {
  const proxy = await startHoldingProxy(sim.port);
  proxy.holding = holding;
  try {
    await opened(browser, `${proxy.url}/?symbols=${a},${b}`, (page) => body(page, proxy), settings);
  } finally {
    await proxy.stop();
  }
}

const streams = (proxy) => proxy.requests.filter((line) => line.startsWith("GET /v1/stream?"));
const changes = (proxy) => proxy.requests.filter((line) => line.startsWith("PATCH /v1/streams/"));

/** What the server tells on the stream that was changed last, as soon as it is this. */
async function untilCarried(proxy, symbols) {
  const path = await until("a change", () => changes(proxy).at(-1)?.slice("PATCH ".length));
  await until(`the stream has ${symbols}`, async () => {
    const { accepted } = await (await fetch(sim.url + path)).json();
    return String(accepted?.toSorted()) === String(symbols.toSorted());
  });
}

test("adding and removing changes the stream that runs, and opens no other", () => through(async (page, proxy) => {
  await state(page, "connected");
  await add(page, c);
  await liveRow(page, c);
  await moves(page, c);
  await untilCarried(proxy, [a, b, c]);
  // At once: in the same turn, before any answer.
  const left = await row(page, a).locator(".remove").evaluate((button) => {
    button.click();
    return [...document.querySelectorAll("#rows tr")].map((tr) => tr.dataset.symbol);
  });
  assert.deepEqual(left, [b, c]);
  await untilCarried(proxy, [b, c]);
  assert.deepEqual([streams(proxy).length, changes(proxy).length], [1, 2]);
  await moves(page, b);

  // The link has the whole list, and so has the stream of whoever comes back.
  await page.reload();
  await liveRow(page, b);
  await liveRow(page, c);
  assert.deepEqual(await listed(page), [b, c]);
  assert.equal(streams(proxy).length, 2);
  assert.ok(streams(proxy).at(-1).includes(`symbols=${b},${c}&`), streams(proxy).at(-1));
}));

test("a stream that was changed and cut comes back with the whole list, from where it was", () => through(async (page, proxy) => {
  await state(page, "connected");
  await add(page, c);
  await liveRow(page, c);
  await untilCarried(proxy, [a, b, c]);
  proxy.cut();
  await until("another stream", () => streams(proxy).length === 2);
  await state(page, "connected");
  assert.match(streams(proxy).at(-1), new RegExp(`symbols=${a},${b},${c}&.*last_event_id=[0-9a-f]+-[0-9]+`));
  await moves(page, c);
  assert.equal(changes(proxy).length, 1);
}, { allowed: /net::ERR_/ }));

test("a stream that is cut before it told what was added comes back without an id, and tells all", () => through(async (page, proxy) => {
  await state(page, "connected");
  await liveRow(page, a);
  proxy.holding = "all"; // From here on nothing of the stream comes through, and short answers do.
  const answered = page.waitForResponse((response) => response.request().method() === "PATCH");
  await add(page, c);
  await (await answered).finished();
  await untilCarried(proxy, [a, b, c]);
  proxy.holding = "";
  proxy.cut();
  await until("another stream", () => streams(proxy).length === 2);
  assert.doesNotMatch(streams(proxy).at(-1), /last_event_id/);
  await liveRow(page, c);
  await moves(page, a);
}, { allowed: /net::ERR_/ }));

test("a symbol that is taken off and put back at once is told again", () => through(async (page, proxy) => {
  await state(page, "connected");
  await liveRow(page, a);
  await row(page, a).locator(".remove").click();
  await add(page, a);
  await liveRow(page, a);
  await moves(page, a);
  await untilCarried(proxy, [a, b]);
  assert.equal(streams(proxy).length, 1);
}));

test("a symbol that is put back later begins with nothing, not with the price it had", () => through(async (page, proxy) => {
  await state(page, "connected");
  await liveRow(page, a);
  const answered = page.waitForResponse((response) => response.request().method() === "PATCH");
  await row(page, a).locator(".remove").click();
  await (await answered).finished();
  await untilCarried(proxy, [b]);
  await moves(page, b);
  let letGo;
  proxy.gate = new Promise((resolve) => { letGo = resolve; });
  await add(page, a);
  await row(page, a).and(page.locator("[data-status=connecting]")).waitFor();
  assert.equal(await row(page, a).locator("[data-field=bid] .int").innerText(), "–");
  letGo();
  proxy.gate = null;
  await liveRow(page, a);
  await moves(page, a);
  assert.equal(streams(proxy).length, 1);
}));

test("what is added before hello is asked for when it comes", () => through(async (page, proxy) => {
  await until("the stream is asked for", () => streams(proxy).length === 1);
  await add(page, c);
  proxy.holding = "";
  await state(page, "connected");
  await liveRow(page, c);
  await untilCarried(proxy, [a, b, c]);
  assert.equal(streams(proxy).length, 1);
}, { holding: "all" }));

for (const [name, answer] of [
  ["is refused on the way", { status: 405, headers: { Allow: "GET" } }],
  ["comes for a stream that is gone", { status: 404, headers: { "Content-Type": "application/problem+json" }, body: "{}" }],
]) {
  test(`a change that ${name} opens another stream with the whole list`, () => through(async (page, proxy) => {
    await state(page, "connected");
    proxy.answer = (line) => line.startsWith("PATCH ") ? answer : null;
    await add(page, c);
    await liveRow(page, c);
    assert.equal(streams(proxy).length, 2);
    assert.ok(streams(proxy).at(-1).includes(`symbols=${a},${b},${c}&`), streams(proxy).at(-1));
    await row(page, a).locator(".remove").click();
    assert.deepEqual(await listed(page), [b, c]);
    await until("another stream", () => streams(proxy).length === 3);
    assert.ok(streams(proxy).at(-1).includes(`symbols=${b},${c}&`), streams(proxy).at(-1));
    await state(page, "connected");
    await moves(page, b);
  }, { allowed: /status of 40[45]/ }));
}

test("a symbol that is refused is named, asked for once, and asked for anew when it is put back", () => through(async (page, proxy) => {
  await state(page, "connected");
  const refused = "NOWHERE:NO-SUCH";
  for (const asked of [1, 2]) {
    await add(page, refused);
    await row(page, refused).and(page.locator("[data-status=rejected]")).waitFor();
    await moves(page, a);
    assert.equal(changes(proxy).length, asked);
    await row(page, refused).locator(".remove").click();
  }
  assert.equal(streams(proxy).length, 1);
}));

test("a pattern is named as one and does not become a row", () => through(async (page) => {
  await state(page, "connected");
  await page.locator("#search").fill("SIM:*");
  await page.locator("#search").press("Enter");
  await until("the notice", async () => /SIM:\* is a pattern/.test(await page.locator("#notice").innerText()));
  assert.deepEqual(await listed(page), [a, b]);
}));
