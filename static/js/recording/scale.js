/** The line above the lanes: round times of the viewer's clock, and a flag where somebody set a marker. */

import { minuteOf, secondOf } from "../live/clock.js";
import { stepFor, ticksBetween } from "./ticks.js";
import { dayOf } from "./wallclock.js";

const SVG = "http://www.w3.org/2000/svg";
const ROOM_PX = 92; // for a time with its seconds, and air
const BASE = 16;
const FLAG_TOP = 22;
const FLAG_PX = 15;
const FLAG_TAIL_PX = 5;
const FLAG_FONT = "600 11px";
const LONGEST_FLAG = 16; // characters; the list below has the whole text

export class Scale {
  constructor(svg) {
    this.svg = svg;
    this.ticks = svg.querySelector('[data-part="ticks"]');
    this.flags = svg.querySelector('[data-part="flags"]');
    this.ruler = document.createElement("canvas").getContext("2d");
  }

  draw(view, timeline, markers) {
    const step = stepFor(view.secondsPerPixel, ROOM_PX);
    const ticks = ticksBetween(timeline.momentOf(view.from), timeline.momentOf(view.to), step);
    this.ticks.replaceChildren(...ticks.flatMap((tick) => this.#tick(tick, view, timeline)));
    this.#drawFlags(view, markers);
  }

  #tick({ atMs, kind }, view, timeline) {
    const x = view.x((atMs - timeline.startMs) / 1000);
    const words = { day: () => dayOf(atMs), second: () => secondOf(atMs), minute: () => minuteOf(atMs) }[kind]();
    const line = made("line", { x1: x, x2: x, y1: 5, y2: BASE + 4 });
    if (x > view.width - 40) return [line];
    return [line, Object.assign(made("text", { x: x + 6, y: BASE }), { textContent: words })];
  }

  #drawFlags(view, markers) {
    const flags = [];
    let freeBefore = Infinity;
    for (const marker of [...markers].reverse()) {
      const x = view.x(marker.at);
      if (x < -1 || x > view.width + 1) continue;
      const words = this.#shortened(marker.text, Math.min(freeBefore, view.width) - x - 16);
      flags.unshift(this.#flag(marker, x, words));
      freeBefore = x;
    }
    this.flags.replaceChildren(...flags);
  }

  #flag(marker, x, words) {
    const width = words ? this.#lengthOf(words) + 10 : 8;
    const group = made("g", { transform: `translate(${x.toFixed(1)} ${FLAG_TOP})` });
    group.dataset.marker = marker.id;
    const shape = `M-1 0H${width}l-${FLAG_TAIL_PX} ${FLAG_PX / 2}l${FLAG_TAIL_PX} ${FLAG_PX / 2}H-1Z`;
    group.append(made("path", { d: shape }));
    group.append(Object.assign(made("text", { x: 4, y: 11.5 }), { textContent: words }));
    group.append(Object.assign(made("title", {}), { textContent: marker.text }));
    return group;
  }

  /** As much of a text as has room before the next flag; nothing, where that would say nothing. */
  #shortened(text, roomPx) {
    for (let most = Math.min(LONGEST_FLAG, text.length); most > 2; most -= 1) {
      const words = most < text.length ? `${text.slice(0, most).trimEnd()}…` : text;
      if (this.#lengthOf(words) <= roomPx) return words;
    }
    return "";
  }

  #lengthOf(words) {
    this.ruler.font = `${FLAG_FONT} ${getComputedStyle(this.svg).fontFamily}`;
    return this.ruler.measureText(words).width;
  }
}

function made(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, typeof value === "number" ? value.toFixed(1) : value);
  }
  return element;
}
