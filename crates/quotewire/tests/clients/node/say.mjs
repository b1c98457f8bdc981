// What every program here prints: one line of JSON for each thing that its library told it.

const line = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

/** An event, as the library gave it: its name, its id (whatever the library calls that) and its text. */
export const event = (name, id, data) => line({ event: name, id: id ?? null, data });

/** The library said that the connection is lost and that it will come back by itself. */
export const trouble = (text) => line({ trouble: String(text) });

/** The library gave up; what comes now is the program's own doing. */
export const ended = (text) => line({ ended: String(text) });

/** Every event name of version 1. */
export const NAMES = ["hello", "snapshot", "quote", "status", "heartbeat", "lagged", "reset", "refused", "goodbye"];
