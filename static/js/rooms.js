/* The list of rooms: how many devices each has, and how many of them capture now. */

import { onDevices } from "./attendance.js";
import { field, replaceIfChanged, setText } from "./deviceview.js";
import { icon } from "./live/icon.js";
import { fill } from "./live/translation.js";

onDevices((devices) => {
  for (const row of document.querySelectorAll("[data-room]")) {
    const here = devices.filter(({ room }) => room?.id === row.dataset.room);
    const capturing = here.filter(({ state }) => state === "capturing" || state === "stopping").length;
    setText(row, "devices", here.length
      ? fill(ngettext("%(count)s device", "%(count)s devices", here.length), { count: here.length })
      : gettext("no devices yet"));
    replaceIfChanged(field(row, "capturing"), String(capturing), () => [capturingElement(capturing)]);
  }
});

function capturingElement(count) {
  const element = document.createElement("span");
  if (!count) return Object.assign(element, { className: "muted", textContent: gettext("Nothing captures") });
  element.className = "state";
  element.dataset.state = "capturing";
  const words = fill(ngettext("%(count)s capturing", "%(count)s capturing", count), { count });
  element.append(icon("capturing"), words);
  return element;
}
