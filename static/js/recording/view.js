/** Which stretch of a recording is shown, in seconds from its start: zoomed, moved, and followed while it grows. */

const SHORTEST_SECONDS = 20; // peaks have ten values a second: closer there is nothing more to see
const REVEAL_AT = 0.1; // a playhead that leaves the picture comes back at a tenth of its width

export class View {
  from = 0;
  to = 1;
  totalSeconds = 1;
  width = 1;
  /** All of it is shown, and goes on being shown when there is more. */
  isWhole = true;

  get secondsPerPixel() {
    return (this.to - this.from) / this.width;
  }

  /** Nothing more is to be seen from closer by. */
  get isClosest() {
    return this.to - this.from < SHORTEST_SECONDS + 0.001; // what is left of it after adding and subtracting
  }

  /** Take a new length: a whole view grows with it, a closer one stays where it is. */
  setTotal(seconds) {
    this.totalSeconds = Math.max(1, seconds);
    if (this.isWhole) this.showWhole();
    else this.#show(this.from, this.to - this.from);
  }

  setWidth(pixels) {
    this.width = Math.max(1, pixels);
  }

  /** Where a moment is, in pixels from the left; outside of the picture it is negative or beyond the width. */
  x(seconds) {
    return (seconds - this.from) / this.secondsPerPixel;
  }

  /** Which moment is at a pixel, within the recording. */
  secondsAt(x) {
    return Math.min(this.totalSeconds, Math.max(0, this.from + x * this.secondsPerPixel));
  }

  showWhole() {
    this.isWhole = true;
    this.from = 0;
    this.to = this.totalSeconds;
  }

  /** Show `factor` times as much (below 1: closer), and leave the moment at pixel `x` where it is. */
  zoom(factor, x = this.width / 2) {
    const span = (this.to - this.from) * factor;
    if (span >= this.totalSeconds) {
      this.showWhole();
      return;
    }
    const fixed = this.from + x * this.secondsPerPixel;
    const wanted = Math.max(SHORTEST_SECONDS, span);
    this.#show(fixed - (x / this.width) * wanted, wanted);
  }

  /** Show what is `pixels` further right. */
  pan(pixels) {
    if (!this.isWhole) this.#show(this.from + pixels * this.secondsPerPixel, this.to - this.from);
  }

  /** Turn the page when a moment is not in the picture; says whether it had to. */
  reveal(seconds) {
    const span = this.to - this.from;
    if (this.isWhole || (seconds >= this.from && seconds <= this.to)) return false;
    this.#show(seconds - span * REVEAL_AT, span);
    return true;
  }

  #show(from, span) {
    const most = Math.min(span, this.totalSeconds);
    this.isWhole = most >= this.totalSeconds;
    this.from = Math.min(Math.max(0, from), this.totalSeconds - most);
    this.to = this.from + most;
  }
}
