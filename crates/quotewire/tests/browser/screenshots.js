// Pictures of the page for the documents: `npm run screenshots` writes them to `screenshots/`.

import { mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startBrowser, startProxy, startServer } from "./harness.js";

const FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), "screenshots");
const BYTES_MAX = 150_000; // They live in the repository.

/** Name, width, height, colours, whether the connection is lost. */
const PICTURES = [
  ["wide-light", 1280, 800, "light", false],
  ["wide-dark-disconnected", 1280, 560, "dark", true],
  ["narrow-light-disconnected", 390, 844, "light", true],
  ["narrow-dark", 390, 844, "dark", false],
];

mkdirSync(FOLDER, { recursive: true });
const server = await startServer({ args: [] });
const browser = await startBrowser();
for (const [name, width, height, colorScheme, lost] of PICTURES) {
  const proxy = await startProxy(server.port);
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  await page.goto(proxy.url);
  await page.waitForSelector("tr[data-status=live]");
  await page.waitForFunction(() => document.querySelectorAll("td[data-flash]").length >= 6);
  await page.waitForFunction(() => /^[1-9]/.test(document.getElementById("rate").textContent));
  if (lost) {
    proxy.refusing = true;
    proxy.cut();
    await page.waitForSelector("tr[data-status=offline]");
  }
  const file = path.join(FOLDER, `${name}.png`);
  await page.screenshot({ path: file });
  const { size } = statSync(file);
  console.log(`${name}.png ${size} bytes`);
  if (size > BYTES_MAX) process.exitCode = 1;
  await context.close();
  await proxy.stop();
}
await browser.close();
await server.stop();
