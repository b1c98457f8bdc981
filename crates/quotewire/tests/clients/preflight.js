// Says in one sentence what is missing, before a test can fail for it in a hundred.

import { whatIsMissing as browserIsMissing } from "../browser/harness.js";
import { whatIsMissing } from "./clients.js";

const missing = browserIsMissing() ?? whatIsMissing();
if (missing) {
  console.error(`The tests of other people's clients cannot run: ${missing}.`);
  process.exit(1);
}
