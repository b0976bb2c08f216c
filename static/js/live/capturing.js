/** The top bar's count of devices that capture now, on every page that has a socket. */

import { fill, ngettext } from "./translation.js";

/** Keep the count; a room's board knows its own devices only, so what captures elsewhere is taken from the page. */
export function countCapturing(live) {
  const places = [...document.querySelectorAll("[data-capturing]")];
  let elsewhere = null;
  live.addEventListener("board", ({ detail: board }) => {
    const here = board.devices.filter(({ state }) => state === "capturing" || state === "stopping").length;
    elsewhere ??= board.room ? Math.max(0, Number(places[0]?.dataset.capturing ?? 0) - here) : 0;
    show(places, board.room ? elsewhere + here : board.capturing);
  });
}

function show(places, count) {
  for (const place of places) {
    place.dataset.capturing = count;
    const words = place.querySelector("[data-capturing-words]");
    if (words) words.textContent = fill(ngettext("%(count)s capturing", "%(count)s capturing", count), { count });
  }
}
