/** Where the recording stands: still recording, waiting, finishing or over, and what it amounts to by the clock. */

import { draw } from "../live/icon.js";
import { gettext } from "../live/translation.js";

const LOOKS = {
  recording: { shape: "capturing", icon: "capturing" },
  waiting: { shape: "away", icon: "away" },
  settling: { shape: "connecting", icon: "connecting" },
  finished: { shape: "ended", icon: "check" },
};

export class Standing {
  constructor(root, timeline) {
    Object.assign(this, { timeline });
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
  }

  /** The state in a word. */
  get words() {
    return this.timeline.state === "finished" ? gettext("Finished") : this.timeline.standing;
  }

  show() {
    const { shape, icon } = LOOKS[this.#name];
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

  /** Red is what runs now: a recording whose device is away, or for which there is no room, only waits. */
  get #name() {
    const { state, isLive } = this.timeline;
    return state === "recording" && !isLive ? "waiting" : state;
  }
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
