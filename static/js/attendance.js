/* What every page with states does on the page's one socket: count what captures, say when the connection is lost. */

import { countCapturing } from "./live/capturing.js";
import { Lifeline } from "./live/lifeline.js";
import { live } from "./live/socket.js";

new Lifeline(live);
countCapturing(live);
live.addEventListener("offline", () => { document.body.dataset.offline = ""; });
live.addEventListener("ended", () => { document.body.dataset.offline = ""; });
live.addEventListener("online", () => { delete document.body.dataset.offline; });

/** Call `show` with the devices of each board, and once a second: "dropped 4 s ago" goes on counting. */
export function onDevices(show) {
  live.addEventListener("board", ({ detail }) => show(detail.devices));
  setInterval(() => { if (live.lastBoard) show(live.lastBoard.devices); }, 1000);
}
