/** The page's one socket: of the room that the page shows (`data-live-room`), or of the lobby. */

import { countCapturing } from "./capturing.js";
import { LiveSocket } from "./connection.js";
import { renewSoon } from "./renewal.js";
import { stats } from "./stats.js";

const PULSE_EVERY_MS = 2000;

export const live = new LiveSocket({ room: document.querySelector("[data-live-room]")?.dataset.liveRoom || null });

const attended = new Set();

/** Open a socket, keep its pulse, and let it come back at once when the network or the person does. */
export function attend(socket) {
  attended.add(socket);
  socket.open();
}

/** Close a socket for good. */
export function leave(socket) {
  attended.delete(socket);
  socket.close();
}

function hurry() {
  if (!document.hidden) attended.forEach((socket) => socket.hurry());
}

setInterval(() => attended.forEach((socket) => socket.checkPulse()), PULSE_EVERY_MS);
addEventListener("online", hurry);
document.addEventListener("visibilitychange", hurry);

live.addEventListener("online", () => {
  stats.socket = "online";
});
live.addEventListener("offline", () => {
  stats.socket = "offline";
});
live.addEventListener("ended", () => {
  stats.socket = "ended";
  document.body.dataset.ended = ""; // nothing that it reported is claimed any more
  renewSoon();
});
countCapturing(live);
attend(live);
