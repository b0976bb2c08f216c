/** A row of segments from −60 to 0 dB with its held peak; in figures too, and once a second for screen readers. */

import { SILENCE_DB } from "./pcm.js";
import { fill, gettext } from "./translation.js";

const SVG = "http://www.w3.org/2000/svg";
const SEGMENTS = 26;
const SEGMENT_PITCH = 6;
const SEGMENT_WIDTH = 4.6;
const HEIGHT = 14;
const AMBER_ABOVE_DB = -12;
const FIGURES_EVERY_MS = 250;
const SPOKEN_EVERY_MS = 1000;

export class Meter {
  #litNow = -1;
  #peakNow = -1;
  #figuresAtMs = -Infinity;
  #spokenAtMs = -Infinity;

  /** `root` holds a [data-part=segments] (svg) and a [data-part=figures]; itself it has role=meter. */
  constructor(root) {
    this.root = root;
    this.figures = root.querySelector('[data-part="figures"]');
    this.segments = drawSegments(root.querySelector('[data-part="segments"]'));
  }

  /** Show a reading of `Level`; cheap when nothing changed. */
  show({ levelDb, peakDb, clipping }, nowMs) {
    const lit = Math.round(segmentsFor(levelDb));
    const peak = peakDb > SILENCE_DB ? Math.ceil(segmentsFor(peakDb)) - 1 : -1;
    if (lit !== this.#litNow || peak !== this.#peakNow) this.#light(lit, peak);
    if (nowMs - this.#figuresAtMs >= FIGURES_EVERY_MS) {
      this.#figuresAtMs = nowMs;
      this.figures.textContent = clipping ? gettext("clipping") : inFigures(levelDb);
      this.root.classList.toggle("is-clipping", clipping);
    }
    if (nowMs - this.#spokenAtMs >= SPOKEN_EVERY_MS) {
      this.#spokenAtMs = nowMs;
      this.root.setAttribute("aria-valuenow", Math.round(levelDb));
      this.root.setAttribute("aria-valuetext", inFigures(levelDb));
    }
  }

  /** Fall dead at once. */
  silence() {
    this.#figuresAtMs = -Infinity;
    this.show({ levelDb: SILENCE_DB, peakDb: SILENCE_DB, clipping: false }, performance.now());
  }

  #light(lit, peak) {
    this.segments.forEach((segment, index) => {
      segment.classList.toggle("is-lit", index < lit);
      segment.classList.toggle("is-peak", index === peak && index >= lit - 1);
    });
    this.#litNow = lit;
    this.#peakNow = peak;
  }
}

function segmentsFor(db) {
  return ((db - SILENCE_DB) / -SILENCE_DB) * SEGMENTS;
}

function inFigures(db) {
  const value = db <= SILENCE_DB ? "–" : String(Math.round(db)).replace("-", "−");
  return fill(gettext("%(value)s dB"), { value });
}

function drawSegments(svg) {
  svg.setAttribute("viewBox", `0 0 ${SEGMENTS * SEGMENT_PITCH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  return Array.from({ length: SEGMENTS }, (_, index) => {
    const segment = document.createElementNS(SVG, "rect");
    segment.setAttribute("x", index * SEGMENT_PITCH);
    segment.setAttribute("width", SEGMENT_WIDTH);
    segment.setAttribute("height", HEIGHT);
    const startsAtDb = SILENCE_DB + (index / SEGMENTS) * -SILENCE_DB;
    if (startsAtDb >= AMBER_ABOVE_DB) segment.classList.add("is-hot");
    svg.append(segment);
    return segment;
  });
}
