/** The lanes one below the other: name, what is missing, level, Mute and volume beside the drawn sound. */

import { gapsInWords } from "../gaps.js";
import { Level } from "../live/level.js";
import { Meter } from "../live/meter.js";
import { measure } from "../live/pcm.js";
import { fill, gettext } from "../live/translation.js";
import { Strip } from "./strip.js";

const METER_EVERY_MS = 50;
const ROOMY = 3; // of more lanes each is lower, and its controls open from its name; the template has the same number

export class Lanes {
  #rows = new Map();
  #samples = new Float32Array(2048);
  #meteredAtMs = -Infinity;

  /** `list` holds one item per lane, as the server drew it; a lane that joins later is made from the template. */
  constructor(list, { timeline, player, shapes, changed }) {
    Object.assign(this, { list, timeline, player, shapes });
    this.template = document.getElementById("strip-template");
    this.resized = new ResizeObserver(() => changed());
  }

  /** Make the rows fit the lanes that there are. */
  show() {
    this.list.classList.toggle("is-alone", this.timeline.lanes.length === 1);
    this.list.classList.toggle("is-many", this.timeline.lanes.length > ROOMY);
    for (const lane of this.timeline.lanes) {
      if (!this.#rows.has(lane.id)) this.#rows.set(lane.id, this.#makeRow(lane));
      const row = this.#rows.get(lane.id);
      row.gaps = this.timeline.gapsOf(lane);
      setText(row.said, saidOf(lane, row.gaps.length));
    }
  }

  /** How wide the canvases are: all are as wide as the first. */
  get width() {
    return this.list.querySelector("canvas")?.clientWidth ?? 0;
  }

  draw({ view, markers, seconds, isOnline }) {
    for (const lane of this.timeline.lanes) {
      const { strip, gaps } = this.#rows.get(lane.id);
      const isLive = isOnline && lane.takes.some(({ live }) => live);
      const isOpen = lane.takes.some(({ state }) => state === "recording");
      strip.fit();
      strip.draw(lane, { view, gaps, markers, seconds, edge: isLive ? "live" : isOpen ? "lost" : "" });
    }
  }

  /** Let the meters show what is heard now. */
  meter(nowMs) {
    if (nowMs - this.#meteredAtMs < METER_EVERY_MS) return;
    this.#meteredAtMs = nowMs;
    for (const [id, { meter, level }] of this.#rows) {
      const analyser = this.player.state === "playing" ? this.player.analyserOf(id) : null;
      if (analyser) {
        analyser.getFloatTimeDomainData(this.#samples);
        level.hear(measure([this.#samples]), nowMs);
      } else level.reset();
      meter.show(level.read(nowMs), nowMs);
    }
  }

  #makeRow(lane) {
    const item = this.list.querySelector(`[data-lane="${lane.id}"]`) ?? this.#fromTemplate(lane);
    const part = (name) => item.querySelector(`[data-part="${name}"]`);
    this.#wire(lane, item, part);
    this.resized.observe(part("canvas"));
    const meter = new Meter(part("meter"));
    return { item, said: part("said"), strip: new Strip(part("canvas"), this.shapes), meter, level: new Level(), gaps: [] };
  }

  #fromTemplate(lane) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    item.dataset.lane = lane.id;
    for (const name of item.querySelectorAll('[data-part="name"]')) name.textContent = lane.name;
    this.list.append(item);
    return item;
  }

  #wire({ id, name }, item, part) {
    part("meter").setAttribute("aria-label", fill(gettext("Level of %(device)s"), { device: name }));
    part("volume").setAttribute("aria-label", fill(gettext("Volume of %(device)s"), { device: name }));
    part("volume").addEventListener("input", ({ target }) => this.player.setVolume(id, Number(target.value)));
    part("mute").addEventListener("click", () => this.player.setMuted(id, !this.player.isMuted(id)));
    part("alone").addEventListener("click", () => this.player.hearAlone(this.player.alone === id ? null : id));
    part("opener").addEventListener("click", () => {
      const isOpen = item.classList.toggle("is-open");
      part("opener").setAttribute("aria-expanded", isOpen);
    });
    this.player.addEventListener("change", () => {
      const isMuted = this.player.isMuted(id);
      const isOther = this.player.alone !== null && this.player.alone !== id;
      part("mute").setAttribute("aria-pressed", isMuted);
      part("alone").setAttribute("aria-pressed", this.player.alone === id);
      item.classList.toggle("is-hushed", isMuted || isOther);
    });
  }
}

/** "3 gaps · −14 dB", or "complete"; `count` gaps are on the axis. */
export function saidOf(lane, count) {
  const isRunning = lane.takes.some(({ state }) => state !== "finished");
  const whole = isRunning ? gettext("no gaps so far") : gettext("complete");
  const words = [count ? gapsInWords(count) : whole];
  const level = lane.takes.find((take) => take.level !== null)?.level;
  if (level !== undefined) words.push(unbroken(fill(gettext("%(value)s dB"), { value: String(Math.round(level)).replace("-", "−") })));
  return words.join(" · ");
}

function unbroken(words) {
  return words.replaceAll(" ", "\u00a0");
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
