/** Play, ten seconds back and on, the clock, the speed, the next gap, a mark: buttons and keys that do the same. */

import { stopwatch } from "../live/clock.js";
import { draw } from "../live/icon.js";
import { fill, gettext } from "../live/translation.js";
import { announce } from "../toasts.js";
import { listenForPlayerKeys } from "./keys.js";
import { SPEEDS } from "./player.js";
import { wallClock } from "./wallclock.js";

const STEP_SECONDS = 10;
const SMALL_STEP_SECONDS = 1;
const BEHIND_NOW_SECONDS = 3; // what is on disk is known once a second; nearer than this the sound would stutter
const AT_A_GAP_SECONDS = 0.05; // who stands at a gap wants the one after it

export class Transport {
  /** `root` holds the buttons; `mark()` sets a marker, or is null where one may not. */
  constructor(root, { player, timeline, gaps, mark }) {
    Object.assign(this, { player, timeline, gaps, mark });
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.dialog = document.getElementById("keys-dialog");
    this.#wireButtons(root);
    this.#wireKeys();
    player.addEventListener("change", () => this.show());
    this.show();
  }

  /** Write the clock; cheap when nothing changed. */
  tick() {
    const { seconds } = this.player;
    const { totalSeconds } = this.timeline;
    setText(this.part("clock"), stopwatch(seconds));
    const wall = wallClock(this.timeline, seconds);
    const length = stopwatch(Math.round(totalSeconds));
    setText(this.part("wall"), fill(gettext("%(time)s · of %(length)s"), { time: wall, length }));
    this.#tickSlider(seconds, totalSeconds, length);
  }

  show() {
    const isOn = this.player.state !== "paused";
    const button = this.part("play");
    button.setAttribute("aria-pressed", isOn);
    draw(button.querySelector("svg"), isOn ? "pause" : "start");
    setText(button.querySelector("[data-part=label]"), isOn ? gettext("Pause") : gettext("Play"));
    this.part("waiting").hidden = this.player.state !== "waiting";
    this.part("speed").value = String(this.player.speed);
    this.part("now").hidden = !this.timeline.isRunning;
    this.part("next-gap").disabled = !this.gaps().length;
    this.tick();
  }

  /** Say in the slider what a screen reader is to say: at most once a second, never by itself. */
  #tickSlider(seconds, totalSeconds, length) {
    const whole = Math.floor(seconds);
    const slider = this.part("slider");
    if (slider.getAttribute("aria-valuenow") === String(whole) && this.saidTotal === totalSeconds) return;
    this.saidTotal = totalSeconds;
    slider.setAttribute("aria-valuemax", Math.floor(totalSeconds));
    slider.setAttribute("aria-valuenow", whole);
    slider.setAttribute("aria-valuetext", fill(gettext("%(time)s of %(length)s"), { time: stopwatch(whole), length }));
  }

  toggle() {
    if (this.player.state === "paused") this.player.play();
    else this.player.pause();
  }

  skip(seconds) {
    this.player.seek(this.player.seconds + seconds);
  }

  /** Go to where the next gap begins, and say which it is. */
  nextGap() {
    const gaps = this.gaps();
    const index = gaps.findIndex(({ at }) => at > this.player.seconds + AT_A_GAP_SECONDS);
    if (index < 0) {
      announce(gettext("There is no gap after this."));
      return;
    }
    this.player.seek(gaps[index].at);
    announce(fill(gettext("Gap %(number)s"), { number: index + 1 }));
  }

  jumpToNow() {
    this.player.seek(this.timeline.totalSeconds - BEHIND_NOW_SECONDS);
    this.player.play();
  }

  changeSpeed(steps) {
    const at = SPEEDS.indexOf(this.player.speed) + steps;
    this.#setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at))]);
  }

  #setSpeed(speed) {
    this.player.setSpeed(speed);
    const words = speed.toLocaleString(document.documentElement.lang);
    announce(fill(gettext("Speed %(speed)s×"), { speed: words }));
  }

  #wireButtons(root) {
    const actions = {
      play: () => this.toggle(),
      back: () => this.skip(-STEP_SECONDS),
      on: () => this.skip(STEP_SECONDS),
      "next-gap": () => this.nextGap(),
      mark: () => this.mark?.(),
      now: () => this.jumpToNow(),
    };
    for (const [name, action] of Object.entries(actions)) {
      for (const button of document.querySelectorAll(`[data-part="${name}"]`)) button.addEventListener("click", action);
    }
    this.part("speed").addEventListener("change", ({ target }) => this.#setSpeed(Number(target.value)));
  }

  #wireKeys() {
    const by = (isSmall) => (isSmall ? SMALL_STEP_SECONDS : STEP_SECONDS);
    listenForPlayerKeys({
      " ": () => this.toggle(),
      ArrowLeft: (isSmall) => this.skip(-by(isSmall)),
      ArrowRight: (isSmall) => this.skip(by(isSmall)),
      Home: () => this.player.seek(0),
      End: () => this.player.seek(this.timeline.totalSeconds),
      ",": () => this.changeSpeed(-1),
      ".": () => this.changeSpeed(1),
      g: () => this.nextGap(),
      m: () => this.mark?.(),
      "?": () => this.dialog.showModal(),
    });
  }
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
