// The console page as the tests open it and look at it.

import assert from "node:assert/strict";
import { newPage, until } from "./harness.js";

/** Opens the page at `url` in a fresh profile, hands it to `body`, and sees that nothing went wrong in it: any console
 * error fails a test unless it is `allowed`, and so does anything that the content security policy refuses. With `clock`
 * the page's clock can be moved on. */
export async function opened(browser, url, body, { allowed = /^$/, clock = false, ...settings } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...settings });
  try {
    const page = await newPage(context);
    await page.addInitScript(() => {
      window.refused = [];
      document.addEventListener("securitypolicyviolation", (e) => window.refused.push(`${e.violatedDirective} ${e.blockedURI}`));
    });
    if (clock) await page.clock.install();
    await page.goto(url);
    await body(page);
    assert.deepEqual(await page.evaluate(() => window.refused), []);
    assert.deepEqual(page.faults.filter((fault) => !allowed.test(fault)), []);
  } finally {
    await context.close();
  }
}

export const row = (page, symbol) => page.locator(`tr[data-symbol="${symbol}"]`);
export const state = (page, name) => page.waitForSelector(`#connection[data-state=${name}]`);
export const said = (page) => page.locator("#connection-text").innerText();
export const listed = (page) => page.locator("#rows tr").evaluateAll((all) => all.map((tr) => tr.dataset.symbol));
export const liveRow = (page, symbol) => row(page, symbol).and(page.locator("[data-status=live]")).waitFor();

/** Adds a symbol the way a person does. */
export async function add(page, symbol) {
  await page.locator("#search").fill(symbol);
  await page.locator("#search").press("Enter");
  await row(page, symbol).waitFor();
}

/** Waits until any of the prices of that row is another one. */
export async function moves(page, symbol) {
  const prices = () => row(page, symbol).locator("td.price").allInnerTexts();
  const before = String(await prices());
  await until(`${symbol} moves`, async () => String(await prices()) !== before);
}
