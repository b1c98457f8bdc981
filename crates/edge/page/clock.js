// The server's clock. Ages are differences of its times, so that a wrong clock here makes no price old or young.

let offsetUs = 0; // the server's clock minus ours

export function setClock(serverTimeUs) {
  if (typeof serverTimeUs === "number") offsetUs = serverTimeUs - Date.now() * 1000;
}

export const serverNowUs = () => Date.now() * 1000 + offsetUs;
