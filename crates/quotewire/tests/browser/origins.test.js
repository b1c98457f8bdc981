// Who may read a stream, and what else lives at its address: origins, credentials, content negotiation, old browsers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { liveSymbols, newPage, serveHtml, startBrowser, startServer, until, untilStreams } from "./harness.js";

const BLANK = "<!doctype html><title>another origin</title>";
let mine, foreign, browser;

before(async () => {
  mine = await serveHtml(BLANK);
  foreign = await serveHtml(BLANK);
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await mine?.stop();
  await foreign?.stop();
});

/** Starts a server that lets in the origin `mine` and no other, and runs `body` with it. */
async function served(credentials, body) {
  const server = await startServer({
    config: `[server]\ncors_origins = ["${mine.url}"]\ncors_credentials = ${credentials}\n\n[[feeds]]\nkind = "sim"\n`,
  });
  try {
    const [symbol] = await liveSymbols(server, 1);
    await body(server, `${server.url}/v1/stream?symbols=${symbol}`);
  } finally {
    await server.stop();
  }
}

/** Opens an EventSource in a page of `site`; says how it ended up, the answer's headers, and the console's errors. */
async function streamFrom(site, url, options) {
  const context = await browser.newContext();
  try {
    const page = await newPage(context);
    await page.goto(site.url);
    const answered = page.waitForEvent("response", (response) => response.url() === url).catch(() => null);
    const outcome = await page.evaluate(([address, settings]) => new Promise((resolve) => {
      const source = new EventSource(address, settings);
      source.addEventListener("hello", (e) => resolve({ hello: JSON.parse(e.data), state: source.readyState }));
      source.onerror = () => resolve({ hello: null, state: source.readyState });
    }), [url, options]);
    const headers = outcome.hello ? await (await answered).allHeaders() : null;
    return { ...outcome, headers, faults: page.faults };
  } finally {
    await context.close();
  }
}

test("a page of a listed origin streams without credentials, and its exact origin is echoed", () =>
  served(false, async (server, url) => {
    const { hello, headers, faults } = await streamFrom(mine, url, {});
    assert.equal(hello.type, "hello");
    assert.equal(headers["access-control-allow-origin"], mine.url);
    assert.equal(headers["access-control-allow-credentials"], undefined);
    assert.match(headers.vary, /Origin/i);
    assert.deepEqual(faults, []);
    await untilStreams(server, 0);
  }));

test("a page of a listed origin streams with credentials where the operator allows them", () =>
  served(true, async (_server, url) => {
    const { hello, headers, faults } = await streamFrom(mine, url, { withCredentials: true });
    assert.equal(hello.type, "hello");
    assert.equal(headers["access-control-allow-origin"], mine.url, "never *");
    assert.equal(headers["access-control-allow-credentials"], "true");
    assert.deepEqual(faults, []);
  }));

test("with credentials the browser refuses where the operator does not allow them", () =>
  served(false, async (_server, url) => {
    const { hello, state, faults } = await streamFrom(mine, url, { withCredentials: true });
    assert.equal(hello, null);
    assert.equal(state, 2);
    assert.match(faults.join("\n"), /CORS/);
  }));

test("a page of a foreign origin is refused by the browser, and holds no stream", () =>
  served(true, async (server, url) => {
    for (const options of [{}, { withCredentials: true }]) {
      const { hello, state, faults } = await streamFrom(foreign, url, options);
      assert.equal(hello, null);
      assert.equal(state, 2);
      assert.match(faults.join("\n"), /CORS/);
    }
    const plain = await fetch(url, { headers: { Origin: foreign.url, Accept: "text/event-stream" } });
    assert.equal(plain.headers.get("access-control-allow-origin"), null);
    await plain.body.cancel();
    await untilStreams(server, 0);
  }));

test("who navigates to the stream's address gets the page", () =>
  served(false, async (_server, url) => {
    const context = await browser.newContext();
    const page = await newPage(context);
    const answer = await page.goto(url);
    assert.equal(answer.status(), 200);
    assert.match(answer.headers()["content-type"], /^text\/html/);
    await page.waitForSelector("#connection[data-state=connected]");
    assert.deepEqual(page.faults, []);
    await context.close();
  }));

test("a script that asks for JSON at the stream's address gets a 406 problem that names the fix", () =>
  served(false, async (_server, url) => {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    assert.equal(answer.status, 406);
    assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
    const problem = await answer.json();
    assert.equal(problem.status, 406);
    assert.equal(problem.field, "Accept");
    assert.match(problem.fix, /text\/event-stream/);
  }));

test("a browser without EventSource is told so in one sentence, and nothing else is shown", () =>
  served(false, async (server) => {
    const context = await browser.newContext();
    const page = await newPage(context);
    await page.addInitScript(() => { delete window.EventSource; });
    await page.goto(server.url);
    const sentence = page.getByText("Sorry, your browser does not support server-sent events.");
    await sentence.waitFor();
    assert.equal(await page.locator("#app").isVisible(), false);
    assert.deepEqual(page.faults, []);
    await context.close();
  }));

test("a browser without scripts is told its own sentence", () =>
  served(false, async (server) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(server.url);
    const shown = await until("the sentence", () => page.locator("body").innerText());
    assert.match(shown, /needs JavaScript/);
    assert.doesNotMatch(shown, /server-sent events/);
    await context.close();
  }));
