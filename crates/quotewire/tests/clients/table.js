// The record of `clients.js` as the table of the README: `npm run table` writes it, a test compares it.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CLIENTS, version } from "./clients.js";

export const README = path.join(path.dirname(fileURLToPath(import.meta.url)), "README.md");
const [BEGIN, END] = ["<!-- made by: npm run table -->\n", "<!-- end -->\n"];

const row = (client) => {
  const { accept, resumes, afterCut, afterEnd, afterRestart, retry, ids, empty } = client.facts;
  const who = new Set([afterCut, afterEnd, afterRestart]);
  const comesBack = afterRestart === "nobody" ? "by itself, not from a server that is away" : who.size === 1
    ? { library: "by itself", program: "by the program around it" }[afterCut]
    : `by the program after ${[[afterCut, "a cut"], [afterEnd, "an end"], [afterRestart, "a restart"]]
      .filter(([by]) => by === "program").map(([, what]) => what).join(" and ")}, else by itself`;
  // Those of Debian move with its security updates.
  const which = client.package ? `${client.name} ${version(client)}` : `${client.name} (Debian's)`;
  const know = [client.note, resumes !== "Last-Event-ID" && `sends its id as \`${resumes}\``, empty && "shows blocks without data as events", accept !== "text/event-stream" && `sends \`Accept: ${accept}\``];
  return `| ${which} | ${comesBack} | ${retry} | ${ids} | ${know.filter(Boolean).join("; ")} |\n`;
};

/** The README with the table as it should be. */
export function filled(text) {
  const head = "| client | comes back | `retry` is | ids are | to know |\n|---|---|---|---|---|\n";
  const [before, rest] = text.split(BEGIN);
  return `${before}${BEGIN}\n${head}${CLIENTS.map(row).join("")}\n${END}${rest.split(END)[1]}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(README, filled(readFileSync(README, "utf8")));
