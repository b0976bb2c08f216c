/** All lanes of a room on one axis of time, kept in step with the board, the chunks and each other. */

import { Codec, FIRST_PAGE_STREAM } from "./chunk.js";
import { serverClock } from "./clock.js";
import { Lane } from "./lane.js";
import { decodePcm } from "./pcm.js";
import { stats } from "./stats.js";
import { drawScale } from "./scale.js";

const TAPE_EVERY_MS = 50; // two minutes on a screen move 5 pixels a second: more often shows nothing more
const TAPE_EVERY_MS_CALM = 1000; // prefers-reduced-motion
const SPEAKING_MS = 600;
const GONE_MS = 5000; // a person who has not spoken for this long has let go of the button

/** Events: speaking (detail: whether a person speaks into the room now). */
export class Bridge extends EventTarget {
  #lanes = new Map();
  /** People who speak, by stream: when they were heard last. */
  #people = new Map();
  #tapeAtMs = -Infinity;
  #isSpeaking = false;

  /** `root` has [data-part=lanes], [data-part=scale] and [data-part=nothing]. */
  constructor(root, sound) {
    super();
    this.root = root;
    this.sound = sound;
    this.list = root.querySelector('[data-part="lanes"]');
    this.nothing = root.querySelector('[data-part="nothing"]');
    this.scale = root.querySelector('[data-part="scale"]');
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    sound.addEventListener("change", () => this.#lanes.forEach((lane) => lane.showMute()));
    setInterval(() => this.#tick(), 1000);
    requestAnimationFrame((nowMs) => this.#frame(nowMs));
  }

  /** Follow one socket: its boards, its chunks, its end. */
  follow(live) {
    live.addEventListener("board", ({ detail }) => this.show(detail.devices));
    live.addEventListener("chunk", ({ detail }) => this.hear(detail));
    live.addEventListener("offline", () => this.lose());
    live.addEventListener("ended", () => this.lose());
  }

  /** The lanes in the order in which they are shown. */
  get lanes() {
    return [...this.#lanes.values()];
  }

  show(devices) {
    const streams = new Set(devices.map(({ stream }) => stream));
    for (const [stream, lane] of this.#lanes) if (!streams.has(stream)) this.#remove(stream, lane);
    for (const device of devices) {
      const lane = this.#lanes.get(device.stream);
      if (lane) lane.show(device);
      else this.#add(device);
    }
    this.nothing.hidden = devices.length > 0;
    this.#showLive();
  }

  hear(chunk) {
    stats.chunks += 1;
    if (chunk.codec !== Codec.PCM_S16LE) return;
    if (chunk.stream >= FIRST_PAGE_STREAM) this.#hearPerson(chunk);
    else this.#lanes.get(chunk.stream)?.hear(chunk);
  }

  lose() {
    this.#lanes.forEach((lane) => lane.lose());
    this.#speak(false);
    this.#showLive();
  }

  #showLive() {
    this.root.classList.toggle("is-live", this.lanes.some(({ isLive }) => isLive));
  }

  #add(device) {
    const lane = new Lane(device, this.sound);
    this.#lanes.set(device.stream, lane);
    this.list.append(lane.element);
    lane.showMute();
  }

  #remove(stream, lane) {
    lane.element.remove();
    this.#lanes.delete(stream);
    this.sound.drop(stream);
  }

  #hearPerson(chunk) {
    this.sound.play(chunk.stream, decodePcm(chunk.payload, chunk.channels), chunk, false);
    this.#people.set(chunk.stream, chunk.arrivedAtMs);
    this.#speak(true);
  }

  #speak(isSpeaking) {
    if (isSpeaking === this.#isSpeaking) return;
    this.#isSpeaking = isSpeaking;
    this.dispatchEvent(new CustomEvent("speaking", { detail: isSpeaking }));
  }

  #tick() {
    const nowMs = performance.now();
    this.#lanes.forEach((lane) => lane.tick());
    this.#showLive();
    this.#speak([...this.#people.values()].some((heardAtMs) => nowMs - heardAtMs < SPEAKING_MS));
    for (const [stream, heardAtMs] of this.#people) {
      if (nowMs - heardAtMs < GONE_MS) continue;
      this.#people.delete(stream);
      this.sound.drop(stream);
    }
  }

  #frame(nowMs) {
    this.#lanes.forEach((lane) => lane.drawMeter(nowMs));
    const everyMs = this.calm.matches ? TAPE_EVERY_MS_CALM : TAPE_EVERY_MS;
    if (nowMs - this.#tapeAtMs >= everyMs) {
      this.#tapeAtMs = nowMs;
      this.#lanes.forEach((lane) => lane.drawTape());
      drawScale(this.scale, serverClock.now());
    }
    requestAnimationFrame((next) => this.#frame(next));
  }
}
