// Pictures of the page for the documents: `npm run screenshots` writes them to `screenshots/`.

import { mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startBrowser, startProxy, startServer } from "./harness.js";
import { startHoldingProxy } from "./holding.js";

const FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), "screenshots");
const BYTES_MAX = 150_000; // They live in the repository.

/** Name, width, height, colours, what is between the page and the server: nothing, a lost connection, or a proxy that
 * holds streams back. */
const PICTURES = [
  ["wide-light", 1280, 800, "light", ""],
  ["wide-dark-disconnected", 1280, 560, "dark", "lost"],
  ["wide-light-polling", 1280, 560, "light", "held"],
  ["narrow-light-disconnected", 390, 844, "light", "lost"],
  ["narrow-dark", 390, 844, "dark", ""],
  ["narrow-dark-polling", 390, 844, "dark", "held"],
];
/** Which of them to take: those named on the command line, or all. */
const wanted = ([name]) => process.argv.length < 3 || process.argv.includes(name);

mkdirSync(FOLDER, { recursive: true });
const server = await startServer({ args: [] });
const browser = await startBrowser();
for (const [name, width, height, colorScheme, between] of PICTURES.filter(wanted)) {
  const proxy = await (between === "held" ? startHoldingProxy : startProxy)(server.port);
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  await page.goto(proxy.url);
  await page.waitForSelector("tr[data-status=live]");
  await page.waitForFunction(() => document.querySelectorAll("td[data-flash]").length >= 6);
  await page.waitForFunction(() => /^[1-9]/.test(document.getElementById("rate").textContent));
  if (between === "lost") {
    proxy.refusing = true;
    proxy.cut();
    await page.waitForSelector("tr[data-status=offline]");
  }
  if (between === "held") await page.waitForSelector("#connection[data-state=polling]");
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
