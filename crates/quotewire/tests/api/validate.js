// Both documents, served or committed, read by the programs that others read them with.
//
// usage: node validate.js OPENAPI.json ASYNCAPI.json
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Parser } from '@asyncapi/parser';

const [openapi, asyncapi] = process.argv.slice(2);
const here = fileURLToPath(new URL('.', import.meta.url));

const lint = spawnSync(
  `${here}node_modules/.bin/redocly`,
  ['lint', '--config', `${here}redocly.yaml`, '--format', 'stylish', openapi],
  {
    stdio: 'inherit',
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  },
);
if (lint.status !== 0) process.exit(1);

const { document, diagnostics } = await new Parser().parse(readFileSync(asyncapi, 'utf8'));
for (const { severity, code, message, path } of diagnostics) {
  console.log(`${asyncapi}: ${['error', 'warning', 'info', 'hint'][severity]} ${code}: ${message} at ${path.join('.')}`);
}
// Informational findings ask for what we leave out on purpose (a newer version of the specification, say).
if (!document || diagnostics.some(({ severity }) => severity <= 1)) process.exit(1);

const messages = document.channels().get('stream').messages().all();
console.log(`asyncapi: version ${document.version()}, ${messages.length} messages in one channel, ${diagnostics.length} remarks`);
