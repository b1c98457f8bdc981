// A proxy of the kind that breaks streams: it takes a whole answer in before it passes it on. Short answers come through,
// `text/event-stream` waits for an end that does not come.

import http from "node:http";

/**
 * Starts one before the server at `port`. `requests` are those it saw, as `GET /path`. What it does can be changed at any
 * time: `holding` is `""` (passes all on), `"all"` of a stream or what comes `"after"` its first bytes; `answer(line)` may
 * return `{ status, headers, body }` in place of the server, or `"never"`; a `gate` is a promise that requests wait for;
 * `port` is where the server is.
 */
export async function startHoldingProxy(port) {
  const proxy = { holding: "all", answer: () => null, gate: null, port, requests: [], url: "" };
  const server = http.createServer(async (request, response) => {
    const line = `${request.method} ${request.url}`;
    proxy.requests.push(line);
    await proxy.gate;
    const own = proxy.answer(line);
    if (own === "never") return;
    if (own) {
      response.writeHead(own.status, own.headers);
      return response.end(own.body);
    }
    const upstream = http.request(
      { host: "127.0.0.1", port: proxy.port, method: request.method, path: request.url, headers: request.headers },
      (answer) => passOn(proxy, answer, response),
    );
    // What a proxy says when there is nobody behind it, or when that one goes away.
    upstream.on("error", () => response.headersSent ? response.destroy() : response.writeHead(502).end());
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.count = (start) => proxy.requests.filter((line) => line.startsWith(start)).length;
  proxy.cut = () => server.closeAllConnections();
  proxy.stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
  return proxy;
}

function passOn(proxy, answer, response) {
  const isStream = (answer.headers["content-type"] ?? "").startsWith("text/event-stream");
  const kept = [];
  const head = () => response.headersSent || response.writeHead(answer.statusCode, answer.headers);
  let passed = false;
  answer.on("data", (bytes) => {
    if (isStream && (proxy.holding === "all" || (proxy.holding === "after" && passed))) return kept.push(bytes);
    passed = true;
    head();
    for (const one of [...kept.splice(0), bytes]) response.write(one);
  });
  answer.on("end", () => { head(); response.end(Buffer.concat(kept)); });
  answer.on("error", () => response.destroy());
}
