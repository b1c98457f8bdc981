// Real browsers as clients: one window each, which opens what it is asked for and reports what it is told.
//
// No driver is needed, and so none can stand between the browser and the stream: the page asks us for work over HTTP.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CHROMIUM, until } from "../browser/harness.js";

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Firefox, from `FIREFOX` or Debian's package. */
export const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** How each browser is started without a screen, with a profile of its own, and without calling home. */
const COMMANDS = {
  chromium: (profile) => [CHROMIUM, [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", `--user-data-dir=${profile}`,
  ]],
  firefox: (profile) => {
    writeFileSync(path.join(profile, "user.js"), [
      "app.normandy.enabled", "app.update.enabled", "browser.safebrowsing.malware.enabled", "browser.search.update",
      "browser.safebrowsing.phishing.enabled", "browser.shell.checkDefaultBrowser", "extensions.update.enabled",
      "datareporting.policy.dataSubmissionEnabled", "network.captive-portal-service.enabled", "toolkit.telemetry.enabled",
      "network.connectivity-service.enabled", "services.settings.server.enabled", "browser.aboutwelcome.enabled",
    ].map((name) => `user_pref("${name}", false);\n`).join(""));
    return [FIREFOX, ["--headless", "--no-remote", "--new-instance", "--profile", profile]];
  },
};

const HTML = `<!doctype html><title>clients</title>
<script src="/modules/event-source-polyfill/src/eventsource.js"></script>
<script type="module" src="/page.js"></script>`;

/** Starts a browser. `open(kind, url)` has its page open a stream and gives the lines it reports. */
export async function startBrowser(name) {
  const work = [];
  const lines = new Map();
  let waiting = null;
  const site = http.createServer((request, response) => {
    const answer = (status, type, body) => response.writeHead(status, { "Content-Type": type }).end(body);
    if (request.url === "/") return answer(200, "text/html; charset=utf-8", HTML);
    if (request.url === "/next") {
      waiting = response;
      return hand();
    }
    if (request.url.startsWith("/say/")) {
      let body = "";
      request.on("data", (bytes) => { body += bytes; });
      request.on("end", () => {
        lines.get(request.url.slice("/say/".length))(JSON.parse(body));
        answer(204, "text/plain", undefined);
      });
      return undefined;
    }
    try {
      // These packages import each other without the ending.
      const file = request.url === "/page.js" ? "page.js" : request.url.replace("/modules/", "node_modules/");
      return answer(200, "text/javascript", readFileSync(path.join(HERE, file.endsWith(".js") ? file : `${file}.js`)));
    } catch {
      return answer(404, "text/plain", undefined);
    }
  });
  const hand = () => {
    if (!waiting || work.length === 0) return;
    waiting.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(work.shift()));
    waiting = null;
  };
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${site.address().port}`;

  const profile = mkdtempSync(path.join(os.tmpdir(), `quotewire-${name}-`));
  const [program, args] = COMMANDS[name](profile);
  // A process group of its own, so that the helpers it starts end with it.
  const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
  const gone = new Promise((resolve) => { child.on("exit", resolve); child.on("error", resolve); });
  const stop = async () => {
    try { process.kill(-child.pid, "SIGKILL"); } catch { /* It has ended by itself. */ }
    await gone;
    await new Promise((resolve) => { site.close(resolve); site.closeAllConnections(); });
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    await until(`${name} shows the page`, () => waiting, 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  const open = (kind, address, told) => {
    const key = String(lines.size);
    lines.set(key, told);
    work.push({ key, kind, url: address });
    hand();
  };
  return { url, open, stop };
}
