/** One device in a room: its name and state, what was heard of it, its level, and what can be done about it. */

import { send, tellFailure } from "../forms.js";
import { serverClock } from "./clock.js";
import { History } from "./history.js";
import { draw, icon } from "./icon.js";
import { Level } from "./level.js";
import { Meter } from "./meter.js";
import { decodePcm, measure } from "./pcm.js";
import { formatInWords, nextAction, stateInWords, warningsOf } from "./states.js";
import { Tape } from "./tape.js";
import { gettext } from "./translation.js";

const HEARD = new Set(["capturing", "stopping"]);
const ABSENT = new Set(["away", "reconnecting"]);

export class Lane {
  #flatSinceMs = null;
  /** Why nothing comes, should nothing come: "missing", "away" or "page" (our own socket was gone). */
  #gapCause = "missing";

  /** `sound` plays it; the lane itself shows it whether anybody listens or not. */
  constructor(device, sound) {
    this.sound = sound;
    this.stream = device.stream;
    this.level = new Level();
    this.history = new History();
    this.element = document.getElementById("lane-template").content.firstElementChild.cloneNode(true);
    this.parts = {};
    for (const part of this.element.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.meter = new Meter(this.parts.meter);
    this.tape = new Tape(this.parts.tape);
    this.#wire();
    this.show(device);
  }

  /** Whether its microphone runs now, as far as this page can know. */
  get isLive() {
    return HEARD.has(this.device.state) && this.#gapCause !== "page";
  }

  /** Show what the board says of the device. */
  show(device) {
    this.device = device;
    this.element.dataset.lane = device.id;
    this.parts.name.textContent = device.name;
    this.parts.opener.textContent = device.name;
    this.parts.format.textContent = formatInWords(device);
    this.parts.meter.setAttribute("aria-label", device.name);
    this.parts.volume.setAttribute("aria-label", device.name);
    if (!HEARD.has(device.state)) this.level.reset();
    if (!device.wanted && !HEARD.has(device.state)) this.history.rest();
    if (ABSENT.has(device.state) && this.#gapCause === "missing") this.#gapCause = "away";
    this.#showAction(comesBack(device) ?? nextAction(device));
    this.tick();
  }

  /** Once a second: lengths in words grow, warnings may come. */
  tick() {
    const nowMs = serverClock.now();
    const { shape, title, detail } = stateInWords(this.device, nowMs);
    this.parts.state.dataset.state = this.device.state;
    draw(this.parts.shape, shape);
    this.parts.title.textContent = title;
    this.parts.detail.textContent = detail;
    const flatSeconds = this.#flatSinceMs === null ? 0 : (nowMs - this.#flatSinceMs) / 1000;
    this.#showWarnings(warningsOf(this.device, flatSeconds));
  }

  hear(chunk) {
    const nowMs = serverClock.now();
    const planes = decodePcm(chunk.payload, chunk.channels);
    if (!planes[0].length) return;
    const lastGap = this.history.gaps.at(-1);
    const loudness = measure(planes);
    this.history.hear(chunk, planes, nowMs, this.#gapCause);
    this.#gapCause = "missing";
    this.level.hear(loudness, chunk.arrivedAtMs);
    if (!loudness.flat) this.#flatSinceMs = null;
    else this.#flatSinceMs ??= nowMs;
    this.sound.play(this.stream, planes, chunk, this.history.gaps.at(-1) !== lastGap);
  }

  /** The page's socket is gone: the meter falls dead, and what is not heard now is the page's fault. */
  lose() {
    this.level.reset();
    this.meter.silence();
    this.#gapCause = "page";
    this.#flatSinceMs = null;
  }

  drawMeter(nowMs) {
    this.meter.show(this.level.read(nowMs), nowMs);
  }

  drawTape() {
    const nowMs = serverClock.now();
    this.tape.draw(this.history, nowMs, this.history.openGap(nowMs, this.#gapCause), this.isLive);
  }

  showMute() {
    const isMuted = this.sound.isStreamMuted(this.stream);
    const isAlone = this.sound.alone === this.stream;
    this.parts.mute.setAttribute("aria-pressed", isMuted);
    draw(this.parts.mute.querySelector("svg"), isMuted ? "muted" : "listen");
    this.element.classList.toggle("is-alone", isAlone);
    const isOther = this.sound.alone !== null && !isAlone;
    this.element.classList.toggle("is-hushed", this.sound.isMuted || isMuted || isOther);
  }

  #wire() {
    this.parts.mute.addEventListener("click", () => {
      this.sound.setMuted(this.stream, !this.sound.isStreamMuted(this.stream));
      this.showMute();
    });
    this.parts.volume.addEventListener("input", () => {
      this.sound.setVolume(this.stream, Number(this.parts.volume.value));
    });
    this.parts.opener.addEventListener("click", () => {
      const isOpen = this.element.classList.toggle("is-open");
      this.parts.opener.setAttribute("aria-expanded", isOpen);
    });
    this.parts.action.addEventListener("click", () => this.#act());
  }

  #act() {
    const { id, room, connection } = this.device;
    if (this.action.isConnect) this.#decide(this.parts.action, `/api/v1/rooms/${room.id}/devices`, { connection });
    else this.#decide(this.parts.action, `/api/v1/devices/${id}/capture`, { on: this.action.on });
  }

  #showAction(action) {
    this.action = action;
    this.parts.action.hidden = !action;
    if (!action || this.parts.action.dataset.resting !== undefined) return;
    this.parts.label.textContent = action.words;
    draw(this.parts.action.querySelector("svg"), action.icon);
  }

  #showWarnings(warnings) {
    const told = JSON.stringify(warnings);
    if (told === this.told) return;
    this.told = told;
    this.parts.warnings.replaceChildren(...warnings.map((warning) => this.#warning(warning)));
  }

  #warning({ kind, shape, title, detail, remedy }) {
    const line = document.createElement("li");
    line.className = "lane-warning";
    line.dataset.warning = kind;
    const words = document.createElement("strong");
    words.textContent = title;
    line.append(icon(shape), words, detail);
    if (remedy && this.device.mayControl) line.append(this.#remedy(remedy));
    return line;
  }

  #remedy({ words, settings }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "glass-link";
    button.dataset.needsConnection = "";
    button.textContent = words;
    button.addEventListener("click", () => {
      this.#decide(button, `/api/v1/devices/${this.device.id}`, settings, "PATCH");
    });
    return button;
  }

  async #decide(button, path, body, method = "POST") {
    button.disabled = true;
    try {
      await send(path, body, method);
    } catch (error) {
      tellFailure(error);
    } finally {
      button.disabled = false;
    }
  }
}

/** A device of this room that waits in the lobby (it lost power and forgot the room) is connected again from here. */
function comesBack({ state, mayControl, room, connection }) {
  const isWaiting = state === "pending" && mayControl && room && connection;
  return isWaiting ? { words: gettext("Connect"), isConnect: true, icon: "link" } : null;
}
