// Reads streams with `eventsource-parser`, whole and cut at every byte, and prints the events as JSON.
//
// In: a file of JSON, [{"stream": "<hexadecimal>", "cuts": true}, ...].
// Out: [{"events": [[type, last event id, data], ...], "retry": number or null, "cut_differs_at": number or null}, ...].
import { readFileSync } from 'node:fs';
import { createParser } from 'eventsource-parser';

function read(chunks) {
  const events = [];
  let id = '';
  let retry = null;
  const parser = createParser({
    onEvent(event) {
      // The parser tells the id of each block; carrying it on is the client's work.
      if (event.id !== undefined) id = event.id;
      events.push([event.event ?? 'message', id, event.data]);
    },
    onRetry(milliseconds) {
      retry = milliseconds;
    },
  });
  const decoder = new TextDecoder();
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
  return { events, retry };
}

const answers = JSON.parse(readFileSync(process.argv[2], 'utf8')).map(({ stream, cuts }) => {
  const bytes = Buffer.from(stream, 'hex');
  const whole = read([bytes]);
  let cutDiffersAt = null;
  if (cuts) {
    const expected = JSON.stringify(whole);
    for (let at = 0; at <= bytes.length && cutDiffersAt === null; at += 1) {
      const cut = read([bytes.subarray(0, at), bytes.subarray(at)]);
      if (JSON.stringify(cut) !== expected) cutDiffersAt = at;
    }
  }
  return { ...whole, cut_differs_at: cutDiffersAt };
});
process.stdout.write(JSON.stringify(answers));
