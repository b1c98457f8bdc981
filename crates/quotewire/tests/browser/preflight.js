// Says in one sentence what is missing, before a test can fail for it in a hundred.

import { whatIsMissing } from "./harness.js";

const missing = whatIsMissing();
if (missing) {
  console.error(`The browser tests cannot run: ${missing}.`);
  process.exit(1);
}
