/** Loads the page anew when what its person may see or do here has changed: the server shows what is so now. */

const READ_FOR_MS = 3000; // the sentence that says why is read first
const AT_MOST_EVERY_MS = 30_000; // who is refused again at once must not see the page blink for ever

/** Whether `address` may be loaded anew now; if so, `memory` (a Storage) keeps that it was. */
export function mayRenew(memory, address, nowMs = Date.now()) {
  const key = `leganize.renewed ${address}`;
  try {
    const passedMs = nowMs - Number(memory.getItem(key) ?? -Infinity);
    if (passedMs >= 0 && passedMs < AT_MOST_EVERY_MS) return false;
    memory.setItem(key, String(nowMs));
    return true;
  } catch {
    return false; // a browser that remembers nothing would do it again and again
  }
}

/** Load the page anew now, unless that was done a moment ago. */
export function renew() {
  const address = location.pathname + location.search;
  if (mayRenew(storage(), address)) location.replace(address); // not reload(): what a form sent is not sent again
}

/** Load it anew as soon as what it says can have been read. */
export function renewSoon() {
  setTimeout(renew, READ_FOR_MS);
}

function storage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return null; // forbidden by the browser's settings
  }
}
