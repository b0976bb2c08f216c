/** Where the recording stands: still recording, finishing or over, and what it amounts to by the clock. */

import { draw } from "../live/icon.js";
import { gettext } from "../live/translation.js";

const AWAY = { shape: "away", icon: "away", words: () => gettext("Waiting for its device") };
const STATES = {
  recording: { shape: "capturing", icon: "capturing", words: () => gettext("Still recording") },
  settling: { shape: "connecting", icon: "connecting", words: () => gettext("Finishing") },
  finished: { shape: "ended", icon: "check", words: () => gettext("Finished") },
};

export class Standing {
  constructor(root, timeline) {
    Object.assign(this, { timeline });
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
  }

  /** The state in a word. */
  get words() {
    return this.#standing.words();
  }

  show() {
    const { shape, icon } = this.#standing;
    const state = this.part("state");
    state.dataset.state = shape;
    state.hidden = this.timeline.state === "finished";
    draw(state.querySelector("svg"), icon);
    setText(state.querySelector('[data-part="state-words"]'), this.words);
    const { clock, sound, missing } = this.timeline.sum;
    setText(this.part("sum-clock"), clock);
    setText(this.part("sum-sound"), sound);
    setText(this.part("sum-missing"), missing);
    this.part("sum-plus").hidden = !missing;
  }

  /** Red is what runs now: a recording whose device is away only waits. */
  get #standing() {
    const { state, isLive } = this.timeline;
    return state === "recording" && !isLive ? AWAY : STATES[state];
  }
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
