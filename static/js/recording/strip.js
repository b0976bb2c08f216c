/** Draws one lane on a canvas: its sound, the played part bright, what is missing hatched, markers, the place where one is. */

import { levelFor, pointSeconds } from "./shapes.js";

const FULL_SCALE = 32768;
const LOUDER = 0.7; // speech lives far below full scale: a root makes it visible and keeps full scale full
const SHORTEST_GAP_PX = 3; // true width, but never so small that it is overlooked
const HATCH_PX = 9;
const DOT_PX = 6;
const NUMBER_PX = 18;
const CROWD_PX = 12; // narrow gaps closer than this would hide all the sound between them: they stand at the edge
const NOTCH_PX = 9;
const THINNEST_PX = 0.75;

export class Strip {
  #theme = matchMedia("(prefers-color-scheme: dark)");
  #chosenTheme = null;

  constructor(canvas, shapes) {
    this.canvas = canvas;
    this.shapes = shapes;
    this.context = canvas.getContext("2d");
  }

  /** Take the size that the style sheet gave; true when it changed. */
  fit() {
    const ratio = devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (width === this.width && height === this.height && ratio === this.ratio) return false;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    return true;
  }

  /** Draw `lane` in `view`: `seconds` is where one is, `edge` says whether the end is now. */
  draw(lane, { view, gaps, markers, seconds, edge }) {
    if (!this.width) return;
    this.#chooseColours();
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    lane.takes.forEach((take) => this.#drawSound(take, view, seconds));
    this.#drawGaps(gaps, view);
    markers.forEach(({ at }) => this.#drawLine(view.x(at), 2, this.colours.peak));
    this.#drawLine(view.x(seconds), 2, this.colours.ink);
    if (edge) this.#drawLine(view.x(view.totalSeconds), 2, edge === "live" ? this.colours.live : this.colours.line);
  }

  /** Colours come from the style sheet, and the theme may be switched under us. */
  #chooseColours() {
    const theme = `${document.documentElement.dataset.theme ?? ""}${this.#theme.matches}`;
    if (theme === this.#chosenTheme) return;
    this.#chosenTheme = theme;
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = {
      ground: colour("--glass"),
      line: colour("--glass-edge"),
      ink: colour("--glass-ink"),
      wave: colour("--glass-wave"),
      ahead: colour("--glass-ahead"),
      peak: colour("--glass-peak"),
      live: colour("--glass-live"),
    };
    this.font = `12px ${style.fontFamily}`;
  }

  #drawSound(take, view, seconds) {
    const level = levelFor(view.secondsPerPixel);
    const each = pointSeconds(level);
    const from = Math.max(0, view.from - take.offset);
    const to = Math.min(take.seconds, view.to - take.offset);
    if (to <= from) return;
    const first = Math.floor(from / each);
    const count = Math.ceil(to / each) - first;
    const lows = new Float32Array(count);
    const highs = new Float32Array(count);
    this.shapes.read(take, level, first, lows, highs);
    const begin = view.x(take.offset + first * each);
    const outline = this.#outline(lows, highs, begin, each / view.secondsPerPixel);
    const end = view.x(take.offset + to);
    this.#fill(outline, 0, Math.min(end, view.x(seconds)), this.colours.wave);
    this.#fill(outline, view.x(seconds), end, this.colours.ahead);
  }

  /** One shape per stretch that is known: along the highest values to the right, along the lowest ones back. */
  #outline(lows, highs, begin, step) {
    const path = new Path2D();
    const middle = this.height / 2;
    const reach = middle - 6;
    for (let at = 0; at < lows.length; at += 1) {
      if (Number.isNaN(lows[at])) continue;
      const start = at;
      path.moveTo(begin + at * step, middle);
      for (; at < lows.length && !Number.isNaN(lows[at]); at += 1) {
        path.lineTo(begin + (at + 0.5) * step, middle - Math.max(THINNEST_PX, shown(highs[at]) * reach));
      }
      path.lineTo(begin + at * step, middle);
      for (let back = at - 1; back >= start; back -= 1) {
        path.lineTo(begin + (back + 0.5) * step, middle + Math.max(THINNEST_PX, -shown(lows[back]) * reach));
      }
      path.closePath();
    }
    return path;
  }

  #fill(path, from, to, colour) {
    if (to <= from) return;
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.height);
    context.clip();
    context.fillStyle = colour;
    context.fill(path);
    context.restore();
  }

  #drawGaps(gaps, view) {
    const all = gaps.map((gap, index) => placed(gap, index + 1, view));
    const seen = all.filter(({ to, from }) => to >= 0 && from <= this.width);
    const isCrowded = (gap, index) => gap.isNarrow && (near(seen[index - 1], gap) || near(gap, seen[index + 1]));
    seen.forEach((gap, index) => this.#drawGap(gap, isCrowded(gap, index) ? NOTCH_PX : this.height));
    let freeFrom = -Infinity;
    seen.forEach((gap, index) => {
      if (!isCrowded(gap, index)) freeFrom = this.#drawNumber(gap.number, (gap.from + gap.to) / 2, freeFrom);
    });
  }

  #drawGap({ from, to, isEstimated }, height) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, height);
    context.clip();
    context.fillStyle = this.colours.ground;
    context.fillRect(from, 0, to - from, height);
    if (isEstimated) this.#dot(from, to, height);
    else this.#hatch(from, to, height);
    context.restore();
    context.strokeStyle = this.colours.line;
    context.setLineDash([3, 2]);
    context.beginPath();
    for (const x of [from, to]) {
      context.moveTo(Math.round(x) + 0.5, 0);
      context.lineTo(Math.round(x) + 0.5, height);
    }
    context.stroke();
    context.setLineDash([]);
  }

  #hatch(from, to, height) {
    const { context } = this;
    context.strokeStyle = this.colours.line;
    context.beginPath();
    for (let x = from - height - (from % HATCH_PX); x < to; x += HATCH_PX) {
      context.moveTo(x, height);
      context.lineTo(x + height, 0);
    }
    context.stroke();
  }

  #dot(from, to, height) {
    this.context.fillStyle = this.colours.line;
    for (let x = from + 2; x < to; x += DOT_PX) {
      for (let y = 3; y < height; y += DOT_PX) this.context.fillRect(x, y, 1.5, 1.5);
    }
  }

  /** Name a gap by its number, unless the one before it has its number there; returns from where on there is room. */
  #drawNumber(number, middle, freeFrom) {
    const { context } = this;
    context.font = this.font;
    const width = Math.max(NUMBER_PX, context.measureText(number).width + 9);
    const left = Math.round(Math.min(this.width - width - 2, Math.max(2, middle - width / 2)));
    if (left < freeFrom) return freeFrom;
    context.fillStyle = this.colours.ground;
    context.strokeStyle = this.colours.line;
    context.beginPath();
    (context.roundRect ?? context.rect).call(context, left + 0.5, 7.5, width, NUMBER_PX, 3); // older Safari: square
    context.fill();
    context.stroke();
    context.fillStyle = this.colours.ink;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(number, left + 0.5 + width / 2, 7.5 + NUMBER_PX / 2 + 0.5);
    return left + width + 2;
  }

  #drawLine(x, width, colour) {
    if (x < -width || x > this.width + width) return;
    this.context.fillStyle = colour;
    this.context.fillRect(Math.min(Math.max(0, x - width / 2), this.width - width), 0, width, this.height);
  }
}

function placed(gap, number, view) {
  const from = view.x(gap.at);
  const end = view.x(gap.at + gap.seconds);
  const isNarrow = end - from < SHORTEST_GAP_PX;
  return { number, from, to: isNarrow ? from + SHORTEST_GAP_PX : end, isNarrow, isEstimated: gap.estimated };
}

function near(one, next) {
  return Boolean(one && next) && next.from - one.to < CROWD_PX;
}

function shown(sample) {
  return Math.sign(sample) * Math.abs(sample / FULL_SCALE) ** LOUDER;
}
