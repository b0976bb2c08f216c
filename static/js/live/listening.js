/** The Listen button, and in words what this browser does about sound. */

import { announce } from "../toasts.js";
import { gettext } from "./translation.js";

/** Wire a button to a `Sound`; `lifeline` asks for the press while there is something to hear. */
export class Listening {
  #hasAsked = false;

  constructor({ button, words, note, sound, lifeline }) {
    Object.assign(this, { button, words, note, sound, lifeline });
    button.addEventListener("click", () => this.toggle());
    sound.addEventListener("change", () => this.#show());
    this.#show();
  }

  async toggle() {
    this.#hasAsked = true;
    if (this.sound.isListening) await this.sound.hush();
    else await this.sound.listen();
    if (this.sound.mode === "none") announce(this.note.textContent);
  }

  /** Sound is there to be heard: say once, in the banner line, that the browser waits for a press. */
  offer() {
    if (this.#hasAsked || this.sound.isListening) return;
    this.lifeline.setNote({
      kind: "note",
      title: gettext("Your browser holds sound back until you ask."),
      action: { words: gettext("Listen"), run: () => this.toggle() },
    });
  }

  #show() {
    const { sound, button, words, note } = this;
    button.setAttribute("aria-pressed", sound.isListening);
    words.textContent = sound.isListening ? gettext("Listening") : gettext("Listen");
    if (this.#hasAsked) this.lifeline.setNote(null);
    note.textContent = noteOf(sound.mode ?? foreseenMode());
    note.hidden = !note.textContent;
    button.disabled = sound.mode === "none";
  }
}

/** Plain http has no worklets: said before anybody presses, so that the sentence pushes nothing down afterwards. */
function foreseenMode() {
  return globalThis.isSecureContext ? null : "scheduled";
}

function noteOf(mode) {
  if (mode === "none") {
    return gettext("This browser cannot play live sound. Recordings work. Try a current Firefox, Chrome or Safari.");
  }
  if (mode === "scheduled") {
    const plainly = gettext("Over plain http this browser plays in a simpler way.");
    return `${plainly} ${gettext("A little more delay. Talking needs https.")}`;
  }
  return "";
}
