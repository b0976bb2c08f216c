/** The page's one socket: of the room that the page shows (`data-live-room`), or of the lobby. */

import { countCapturing } from "./capturing.js";
import { LiveSocket } from "./connection.js";
import { stats } from "./stats.js";

const PULSE_EVERY_MS = 2000;

export const live = new LiveSocket({ room: document.querySelector("[data-live-room]")?.dataset.liveRoom || null });

/** Keep a socket's pulse, and let it come back at once when the network or the person does. */
export function attend(socket) {
  socket.open();
  setInterval(() => socket.checkPulse(), PULSE_EVERY_MS);
  addEventListener("online", () => socket.hurry());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) socket.hurry();
  });
}

live.addEventListener("online", () => {
  stats.socket = "online";
});
live.addEventListener("offline", () => {
  stats.socket = "offline";
});
live.addEventListener("ended", () => {
  stats.socket = "ended";
});
countCapturing(live);
attend(live);
