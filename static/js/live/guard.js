/** While the page is offline, every button that decides something rests and says why; afterwards it is as it was. */

import { gettext } from "./translation.js";

/** Guards all [data-needs-connection]; its words are in its [data-part=label], or it has nothing but words. */
export function guardDecisions(live) {
  live.addEventListener("offline", rest);
  live.addEventListener("ended", rest);
  live.addEventListener("online", wake);
}

function rest() {
  document.body.dataset.offline = ""; // what was reported last is shown paler: nobody knows whether it still is so
  for (const button of document.querySelectorAll("[data-needs-connection]:not([data-resting])")) {
    const label = labelOf(button);
    button.dataset.resting = label.textContent;
    button.dataset.wasDisabled = button.disabled ? "yes" : "";
    label.textContent = gettext("Needs the connection");
    button.disabled = true;
  }
}

function wake() {
  delete document.body.dataset.offline;
  for (const button of document.querySelectorAll("[data-resting]")) {
    labelOf(button).textContent = button.dataset.resting;
    button.disabled = button.dataset.wasDisabled === "yes";
    delete button.dataset.resting;
    delete button.dataset.wasDisabled;
  }
}

function labelOf(button) {
  return button.querySelector('[data-part="label"]') ?? button;
}
