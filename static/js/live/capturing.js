/** The top bar's count of devices that capture now, on every page that has a socket. */

import { fill, ngettext } from "./translation.js";

/** Keep the count: every board, a room's too, counts all that its person may see. */
export function countCapturing(live) {
  const places = [...document.querySelectorAll("[data-capturing]")];
  live.addEventListener("board", ({ detail: board }) => {
    show(places, board.capturing);
  });
  live.addEventListener("ended", () => show(places, 0));
  live.addEventListener("offline", () => document.body.style.setProperty("--live", "var(--muted)")); // red is now
  live.addEventListener("online", () => document.body.style.removeProperty("--live"));
}

function show(places, count) {
  for (const place of places) {
    place.dataset.capturing = count;
    const words = place.querySelector("[data-capturing-words]");
    if (words) words.textContent = fill(ngettext("%(count)s capturing", "%(count)s capturing", count), { count });
  }
}
