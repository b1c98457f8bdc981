// The console page in real Chromium: what a person sees and does. Any console error fails a test, and so does anything
// that the content security policy refuses.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { liveSymbols, startBrowser, startProxy, startServer, until, untilStreams } from "./harness.js";
import { listed, liveRow, opened as openedAt, row, state } from "./seen.js";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../..");

let browser, sim;

before(async () => {
  browser = await startBrowser();
  sim = await startServer();
  await liveSymbols(sim, 12);
});

after(async () => {
  await browser?.close();
  await sim?.stop();
});

/** Opens the page of `base`, by default that of the synthetic market. */
const opened = (body, { base = sim.url, at = "/", ...settings } = {}) => openedAt(browser, base + at, body, settings);

test("a first visit shows the first twelve symbols, moving", () => opened(async (page) => {
  await state(page, "connected");
  const { symbols } = await (await fetch(`${sim.url}/v1/symbols?search=&limit=12`)).json();
  assert.deepEqual(await listed(page), symbols.map((s) => s.symbol));
  for (const { symbol } of symbols) await liveRow(page, symbol);
  assert.match(await row(page, symbols[0].symbol).locator("[data-field=bid]").innerText(), /[0-9]+\.[0-9]+/);
  await until("events counted", async () => /^[1-9][0-9]* events\/s$/.test(await page.locator("#rate").innerText()));
  await untilStreams(sim, 1);
}));

test("a symbol is searched, added by keyboard, kept in the address and after a reload, on one stream", () =>
  opened(async (page) => {
    const symbols = await liveSymbols(sim, 14);
    const added = symbols[13];
    await state(page, "connected");
    await page.keyboard.press("/");
    await page.keyboard.type(added.slice(added.indexOf(":") + 1).toLowerCase());
    await page.locator(`#found [role=option][data-symbol="${added}"]`).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await liveRow(page, added);
    assert.ok(page.url().includes(added), page.url());
    await untilStreams(sim, 1);
    await page.reload();
    await liveRow(page, added);
    assert.equal((await listed(page)).length, 13);
    await page.goto(sim.url); // No list in the address: the one of the last visit.
    await liveRow(page, added);
    assert.equal((await listed(page)).length, 13);
  }));

test("a symbol is removed, by pointer and by key, and the focus stays in the list", () => opened(async (page) => {
  await state(page, "connected");
  const before = await listed(page);
  await page.getByRole("button", { name: `Remove ${before[0]}`, exact: true }).click();
  assert.deepEqual(await listed(page), before.slice(1));
  await page.keyboard.press("Delete");
  assert.deepEqual(await listed(page), before.slice(2));
  assert.ok(!page.url().includes(before[0]));
  await state(page, "connected");
  await untilStreams(sim, 1);
}));

test("an emptied list stays empty, holds no stream, and offers the first symbols", () => opened(async (page) => {
  await state(page, "connected");
  for (const symbol of await listed(page)) await row(page, symbol).locator(".remove").click();
  await page.locator("#empty").waitFor();
  await untilStreams(sim, 0);
  await page.locator("#default-list").click();
  await state(page, "connected");
  assert.equal((await listed(page)).length, 12);
}));

test("a change flashes with an arrow that agrees with the numbers", () => opened(async (page) => {
  await state(page, "connected");
  const moves = await page.evaluate(() => new Promise((resolve) => {
    const seen = [];
    const numbers = new Map();
    const cells = [...document.querySelectorAll("td.price")];
    const text = (cell) => cell.querySelector(".int").textContent + cell.querySelector(".frac").textContent;
    cells.forEach((cell) => numbers.set(cell, text(cell)));
    const look = () => {
      for (const cell of cells) {
        const [was, is] = [numbers.get(cell), text(cell)];
        if (was === is) continue;
        numbers.set(cell, is);
        if (Number(was) > 0) seen.push({ was, is, move: cell.dataset.move, arrow: cell.querySelector(".arrow").textContent, flash: cell.dataset.flash });
      }
      if (seen.length >= 20) resolve(seen);
    };
    new MutationObserver(look).observe(document.getElementById("rows"), { subtree: true, characterData: true, childList: true });
  }));
  for (const { was, is, move, arrow, flash } of moves) {
    const up = Number(is) > Number(was);
    assert.equal(move, up ? "up" : "down", `${was} to ${is}`);
    assert.equal(arrow, up ? "▲" : "▼");
    assert.match(flash, /^[ab]$/);
  }
  const animated = await page.locator("td[data-flash]").first().evaluate((cell) => getComputedStyle(cell).animationName);
  assert.match(animated, /^flash-[ab]$/);
}));

test("reduced motion keeps the arrow and drops the flash", () => opened(async (page) => {
  await page.locator("td[data-flash]").first().waitFor();
  assert.equal(await page.locator("td[data-flash]").first().evaluate((cell) => getComputedStyle(cell).animationName), "none");
}, { reducedMotion: "reduce" }));

test("a feed that ends leaves its rows marked stale by word and look, and the others live", async () => {
  const fixture = path.join(ROOT, "feeds/coinbase/fixtures");
  const server = await startServer({
    config: `[[feeds]]\nkind = "sim"\n\n[[feeds]]\nkind = "replay"\npreset = "coinbase"\nspeed = "max"\nloop = false\n`
      + `file = "${fixture}/20210417-first-half.cap.gz"\nrest = "${fixture}/20210417.rest.gz"\n`,
  });
  try {
    const [live] = await liveSymbols(server, 1, "SIM:");
    const stale = await until("a stale symbol", async () => {
      const { symbols } = await (await fetch(`${server.url}/v1/symbols?search=coinbase&limit=100`)).json();
      return symbols.find((s) => s.status === "stale")?.symbol;
    });
    await opened(async (page) => {
      await liveRow(page, live);
      await row(page, stale).and(page.locator("[data-status=stale]")).waitFor();
      const looks = (symbol) => row(page, symbol).evaluate((tr) => ({
        word: tr.querySelector(".word").textContent,
        ground: getComputedStyle(tr).backgroundImage,
        weight: getComputedStyle(tr.querySelector("[data-field=last]")).fontWeight,
      }));
      const [dead, alive] = [await looks(stale), await looks(live)];
      assert.equal(dead.word, "stale");
      assert.match(dead.ground, /gradient/);
      assert.equal(alive.word, "live");
      assert.equal(alive.ground, "none");
      assert.ok(Number(dead.weight) < Number(alive.weight));
      assert.match(await row(page, stale).locator(".reason").innerText(), /end of recording/);
    }, { base: server.url, at: `/?symbols=${live},${stale}` });
  } finally {
    await server.stop();
  }
});

test("a lost connection is said with a countdown, no price is called live, and the page comes back by itself", async () => {
  const proxy = await startProxy(sim.port);
  try {
    await opened(async (page) => {
      await state(page, "connected");
      const [first] = await listed(page);
      await liveRow(page, first);
      proxy.refusing = true;
      proxy.cut();
      await state(page, "reconnecting");
      assert.match(await page.locator("#connection-text").innerText(), /^reconnecting in [0-9]+ s: /);
      await until("no live row", async () => (await page.locator("tr[data-status=live]").count()) === 0);
      assert.equal(await row(page, first).locator(".word").innerText(), "NOT LIVE");
      proxy.refusing = false;
      await state(page, "connected");
      await liveRow(page, first);
      const last = proxy.heads.findLast((head) => head.startsWith("GET /v1/stream"));
      assert.match(last.split("\r\n")[0], /[?&]last_event_id=[0-9a-f]+-[0-9]+/);
    }, { base: proxy.url, allowed: /net::ERR_/ });
  } finally {
    await proxy.stop();
  }
});

test("a connection that falls silent is noticed, said, and taken up again", async () => {
  const proxy = await startProxy(sim.port);
  try {
    await opened(async (page) => {
      await page.clock.install(); // From here the page's clock can be moved on.
      await page.reload();
      await state(page, "connected");
      proxy.stall();
      await page.clock.fastForward(16_000);
      await state(page, "reconnecting");
      assert.match(await page.locator("#connection-text").innerText(), /nothing heard for 15 s/);
      proxy.cut(); // The browser keeps other silent connections, and would try those first.
      await state(page, "connected");
    }, { base: proxy.url });
  } finally {
    await proxy.stop();
  }
});

test("the built-in demo is marked as a demo", async () => {
  const server = await startServer({ args: [] });
  try {
    await opened(async (page) => {
      await state(page, "connected");
      await page.locator("#origin").waitFor();
      assert.equal(await page.locator("#origin-word").innerText(), "DEMO");
      await page.locator("tr[data-status=live]").first().waitFor();
    }, { base: server.url });
  } finally {
    await server.stop();
  }
});

test("a synthetic market is marked as one", () => opened(async (page) => {
  await page.locator("#origin").waitFor();
  assert.equal(await page.locator("#origin-word").innerText(), "SYNTHETIC");
}));

test("nothing hangs over an edge at any width, with the long prices of real venues", async () => {
  const server = await startServer({ args: [] });
  try {
    for (const width of [360, 390, 720, 1040, 1041, 1278, 1279, 1280, 1920]) {
      await opened(async (page) => {
        await state(page, "connected");
        await page.locator("tr[data-status=live]").first().waitFor();
        await page.locator("td[data-flash]").nth(3).waitFor();
        const over = await page.evaluate(() => {
          const edge = document.querySelector("#origin").getBoundingClientRect().right;
          const wide = [...document.querySelectorAll("#app, #app *")].filter((node) => node.checkVisibility()
            && !node.closest(".visually-hidden, #command")
            && (node.getBoundingClientRect().right > (node.matches("table") ? edge : innerWidth) + 0.5 || (node.matches("td") && node.scrollWidth > node.clientWidth + 1)));
          return { page: document.documentElement.scrollWidth - innerWidth, wide: wide.map((n) => n.outerHTML.slice(0, 160)) };
        });
        assert.deepEqual(over, { page: 0, wide: [] }, `at ${width} pixels`);
      }, { base: server.url, viewport: { width, height: 844 } });
    }
  } finally {
    await server.stop();
  }
});

test("an unknown symbol is named with its reason, and the others stream", () => opened(async (page) => {
  const [live] = await liveSymbols(sim, 1);
  await page.goto(`${sim.url}/?symbols=${live},NOWHERE:NO-SUCH`);
  await liveRow(page, live);
  assert.equal(await row(page, "NOWHERE:NO-SUCH").getAttribute("data-status"), "rejected");
  assert.match(await row(page, "NOWHERE:NO-SUCH").locator(".reason").innerText(), /unknown symbol/);
  assert.match(await page.locator("#notice").innerText(), /NOWHERE:NO-SUCH \(unknown symbol\)/);
}));

test("markup in a symbol is shown as text and does nothing", () => opened(async (page) => {
  const [live] = await liveSymbols(sim, 1);
  const hostile = "<IMG/SRC=X/ONERROR=ALERT(1)>";
  await page.goto(`${sim.url}/?symbols=${live},${encodeURIComponent(hostile)}`);
  await liveRow(page, live);
  assert.ok((await page.locator("#rows").innerText()).includes(hostile));
  assert.equal(await page.locator("#rows img").count(), 0);
  assert.match(await page.locator("#notice").innerText(), /bad character/);
}));
