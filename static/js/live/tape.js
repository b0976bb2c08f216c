/** Draws one lane's last two minutes on a canvas: the sound, what is missing in it, and the red edge that is now. */

import { drawGap, SHORTEST_GAP_PX } from "../hatching.js";
import { inWords } from "./clock.js";
import { SPAN_MS } from "./history.js";
import { fill, gettext } from "./translation.js";

const LABEL_HEIGHT_PX = 18;
const LOUDER = 0.75; // speech lives far below full scale: a root makes it visible and keeps full scale full
const CAUSES = {
  away: () => gettext("away %(length)s"),
  page: () => gettext("not heard here %(length)s"),
  missing: () => gettext("%(length)s missing"),
};

export class Tape {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.theme = matchMedia("(prefers-color-scheme: dark)");
    new ResizeObserver(() => this.#fit()).observe(canvas);
    this.#fit();
  }

  /** Draw what `history` holds, with `nowMs` (the server's clock) at the right edge: red only while it runs. */
  draw(history, nowMs, openGap, isLive) {
    if (!this.width) return;
    const { context, width, height } = this;
    this.#chooseColours();
    context.fillStyle = this.colours.ground;
    context.fillRect(0, 0, width, height);
    this.#drawRest();
    this.#drawSound(history, nowMs);
    const gaps = openGap ? [...history.gaps, openGap] : history.gaps;
    this.freeBelow = width;
    for (const gap of [...gaps].reverse()) this.#drawGap(gap, nowMs);
    context.fillStyle = isLive ? this.colours.live : this.colours.line;
    context.fillRect(width - 2, 0, 2, height);
  }

  #fit() {
    const ratio = devicePixelRatio || 1;
    this.width = Math.floor(this.canvas.clientWidth);
    this.height = Math.floor(this.canvas.clientHeight);
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** Colours come from the style sheet, and the theme may be switched under us. */
  #chooseColours() {
    const theme = `${document.documentElement.dataset.theme ?? ""}${this.theme.matches}`;
    if (theme === this.chosenTheme) return;
    this.chosenTheme = theme;
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = {
      ground: colour("--glass-2"),
      back: colour("--glass"),
      line: colour("--glass-edge"),
      ink: colour("--glass-ink"),
      wave: colour("--glass-wave"),
      live: colour("--glass-live"),
    };
    this.font = `12px ${style.fontFamily}`;
  }

  #x(momentMs, nowMs) {
    return this.width - ((nowMs - momentMs) / SPAN_MS) * this.width;
  }

  #drawRest() {
    this.context.fillStyle = this.colours.line;
    for (let x = 1; x < this.width; x += 8) this.context.fillRect(x, Math.round(this.height / 2), 1.5, 1);
  }

  /** Columns stand on a fixed grid of time, so that the wave moves as a whole and does not shimmer. */
  #drawSound(history, nowMs) {
    const columnMs = SPAN_MS / this.width;
    const newest = Math.floor(nowMs / columnMs);
    const edge = Math.round(this.#x(newest * columnMs, nowMs));
    const middle = this.height / 2;
    const reach = middle - 4;
    this.context.fillStyle = this.colours.wave;
    for (let back = 0; back <= this.width; back += 1) {
      const fromMs = (newest - back) * columnMs;
      const extent = history.extent(fromMs, fromMs + columnMs);
      if (!extent) continue;
      const top = middle - shown(extent[1]) * reach;
      const bottom = middle - shown(extent[0]) * reach;
      this.context.fillRect(edge - back, top, 1, Math.max(1, bottom - top));
    }
  }

  #drawGap(gap, nowMs) {
    const to = Math.min(this.width - 2, this.#x(gap.toMs, nowMs));
    const from = Math.max(0, Math.min(this.#x(gap.fromMs, nowMs), to - SHORTEST_GAP_PX));
    if (to < 0) return;
    drawGap(this.context, { from, to, height: this.height, colours: this.colours });
    this.#drawLabel(gap, (from + to) / 2);
  }

  #drawLabel(gap, middle) {
    const { context } = this;
    const seconds = Math.max(1, Math.round((gap.toMs - gap.fromMs) / 1000));
    const words = fill((CAUSES[gap.cause] ?? CAUSES.missing)(), { length: inWords(seconds) });
    context.font = this.font;
    const width = context.measureText(words).width + 12;
    const left = Math.max(2, Math.min(this.width - width - 6, middle - width / 2));
    if (left + width > this.freeBelow) return; // the newer gap beside it has its label here
    this.freeBelow = left - 2;
    context.fillStyle = this.colours.back;
    context.strokeStyle = this.colours.line;
    context.beginPath();
    (context.roundRect ?? context.rect).call(context, left, 6, width, LABEL_HEIGHT_PX, 3); // older Safari: square
    context.fill();
    context.stroke();
    context.fillStyle = this.colours.ink;
    context.textBaseline = "middle";
    context.fillText(words, left + 6, 6 + LABEL_HEIGHT_PX / 2 + 0.5);
  }
}

function shown(sample) {
  return Math.sign(sample) * Math.abs(sample) ** LOUDER;
}
