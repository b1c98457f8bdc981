// Real nginx and HAProxy with the configurations of `deploy/`, on free ports, without privileges, in a folder of their own.
//
// What runs is the shipped file: only addresses are put in, and what a test says it changes.

import { spawn, execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../browser/harness.js";

const DEPLOY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../../deploy");

/** Debian keeps servers where an ordinary search path does not look. */
const PATH = `${process.env.PATH}:/usr/sbin`;

/** `nobody`, when the tests run as root. */
const UNPRIVILEGED = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};

const KINDS = {
  nginx: {
    file: "nginx/quotewire.conf",
    listen: ["listen 80;", (port) => `listen 127.0.0.1:${port};`],
    upstream: ["server 127.0.0.1:8080;", ({ port }) => `server 127.0.0.1:${port};`],
    // Compression as somebody may have it on for everything else.
    main: (folder) => `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
      events { worker_connections 256; }
      http {
        access_log off; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
        ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")}
        include ${folder}/shipped;
      }`,
    command: (folder) => ["nginx", ["-e", "stderr", "-p", folder, "-c", `${folder}/main`]],
    version: () => execFileSync("sh", ["-c", "nginx -v 2>&1"], { encoding: "utf8", env: { PATH } }),
  },
  haproxy: {
    file: "haproxy/haproxy.cfg",
    listen: ["bind :80\n", (port) => `bind 127.0.0.1:${port}\n`],
    upstream: ["server one 127.0.0.1:8080 check port 9464", ({ port, adminPort }) => `server one 127.0.0.1:${port} check port ${adminPort}`],
    command: (folder) => ["haproxy", ["-db", "-f", `${folder}/shipped`]],
    version: () => execFileSync("haproxy", ["-v"], { encoding: "utf8", env: { PATH } }),
  },
};

/** The version of a proxy. */
export const version = (kind) => KINDS[kind].version().match(/[0-9]+(\.[0-9]+)+/)[0];

/** Replaces what stands exactly once. */
function replaced(text, from, to) {
  if (text.split(from).length !== 2) throw new Error(`\`${from.trim()}\` stands ${text.split(from).length - 1} times in the shipped file`);
  return text.replace(from, () => to);
}

async function freePort() {
  const probe = net.createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const answers = (port) => new Promise((resolve) => {
  const socket = net.connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true); });
  socket.on("error", () => resolve(false));
});

/** Where a server is: for clients, and for those who ask whether it is ready. */
export const placeOf = (server) => ({ port: server.port, adminPort: Number(new URL(server.admin).port) });

/** Starts a proxy before a server at `place`. `changes` are pairs of what stands in the shipped file and what stands there instead. */
export async function startProxyServer(kind, place, changes = []) {
  const { file, listen, upstream, main, command } = KINDS[kind];
  const folder = mkdtempSync(path.join(os.tmpdir(), `quotewire-${kind}-`));
  chmodSync(folder, 0o777);
  const port = await freePort();
  const all = [[listen[0], listen[1](port)], [upstream[0], upstream[1](place)], ...changes];
  const text = all.reduce((so, [from, to]) => replaced(so, from, to), readFileSync(path.join(DEPLOY, file), "utf8"));
  writeFileSync(path.join(folder, "shipped"), text);
  if (main) writeFileSync(path.join(folder, "main"), main(folder));
  const [program, args] = command(folder);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], cwd: folder, env: { PATH }, ...UNPRIVILEGED });
  let said = "";
  child.stderr.on("data", (bytes) => { said += bytes; });
  const gone = new Promise((resolve) => { child.on("exit", resolve); child.on("error", (error) => { said += error; resolve(); }); });
  const stop = async () => {
    child.kill("SIGTERM"); // Both end at once on it, and nginx takes its worker along.
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  const ended = gone.then(() => { throw new Error(`${kind} ended: ${said}`); });
  ended.catch(() => {}); // It is looked at only while starting.
  try {
    await Promise.race([ended, until(`${kind} answers`, () => answers(port))]);
    // HAProxy sends nobody to a server that it has not looked at yet.
    await Promise.race([ended, until(`${kind} reaches the server`, async () => (await fetch(`http://127.0.0.1:${port}/v1/feeds`)).ok)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, port, stop, said: () => said };
}
