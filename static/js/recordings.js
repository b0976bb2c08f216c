/* The list of recordings: what captures is counted on in the top bar; what runs says how long it is by now. */

import { onDevices } from "./attendance.js";
import { serverClock, stopwatch } from "./live/clock.js";

onDevices(() => {
  for (const length of document.querySelectorAll("[data-running-since]")) {
    length.textContent = stopwatch((serverClock.now() - Date.parse(length.dataset.runningSince)) / 1000);
  }
});
