/** What one lane heard in the last two minutes, in bins on the server's clock, and where something is missing. */

import { Flag } from "./chunk.js";

export const SPAN_MS = 120_000;
export const BIN_MS = 50;
const BINS = SPAN_MS / BIN_MS;
const ALIEN_CLOCK_MS = 5000; // a device whose own clock is this wrong is put where its sound arrived
const LATE_MS = 1000; // a device sends about 16 chunks a second: after one without any, something is missing
const PULL = 0.25; // how much of an error each chunk takes back: smooth over jitter, and no crystal runs away
const SHORTEST = 0.25; // of its length is what a chunk of a burst keeps at least

export class History {
  #lows = new Float32Array(BINS);
  #highs = new Float32Array(BINS);
  #bins = new Float64Array(BINS).fill(-1);
  /** Closed gaps, oldest first: {fromMs, toMs, cause}. */
  gaps = [];
  /** Where the sound so far ends, in the server's time; null while nothing is expected. */
  endMs = null;
  #lastSeq = null;
  #bootId = null;
  /** Where the last chunk said that it ends, before it was fitted to its neighbours. */
  #saidEndMs = null;

  /** Put one chunk's samples where they belong; `cause` names a gap that comes before it. */
  hear(chunk, planes, nowMs, cause) {
    const fromMs = this.#place(chunk, planes[0].length, nowMs, cause);
    const samples = planes[0].length;
    const perMs = samples / (this.endMs - fromMs);
    for (let at = 0; at < samples; ) {
      const bin = Math.floor((fromMs + at / perMs) / BIN_MS);
      const until = Math.min(samples, Math.max(at + 1, Math.ceil(((bin + 1) * BIN_MS - fromMs) * perMs)));
      this.#stretch(bin, planes, at, until);
      at = until;
    }
  }

  /** Nothing is expected any more: what follows the last sound is not missing. */
  rest() {
    this.endMs = null;
    this.#lastSeq = null;
  }

  /** The gap that is open now, or null while sound comes or none is expected. */
  openGap(nowMs, cause) {
    if (this.endMs === null || nowMs - this.endMs < LATE_MS) return null;
    return { fromMs: this.endMs, toMs: nowMs, cause };
  }

  /** The lowest and highest sample between two moments as [low, high], or null where nothing was heard. */
  extent(fromMs, toMs) {
    let extent = null;
    for (let bin = Math.floor(fromMs / BIN_MS); bin * BIN_MS < toMs; bin += 1) {
      const at = bin % BINS;
      if (this.#bins[at] !== bin) continue;
      if (extent === null) extent = [this.#lows[at], this.#highs[at]];
      else extent = [Math.min(extent[0], this.#lows[at]), Math.max(extent[1], this.#highs[at])];
    }
    return extent;
  }

  /** Fit a chunk to the end of the last one, unless there is a hole between them; returns where it begins. */
  #place(chunk, samples, nowMs, cause) {
    const lengthMs = (samples / chunk.sampleRateHz) * 1000;
    const capturedMs = Number(chunk.capturedAtUs / 1000n);
    const saidMs = Math.abs(capturedMs - nowMs) < ALIEN_CLOCK_MS ? capturedMs : nowMs - lengthMs;
    const lostMs = this.#lostChunks(chunk) * lengthMs;
    const isHole = saidMs - this.#saidEndMs >= LATE_MS || lostMs > 0 || Boolean(chunk.flags & Flag.AFTER_GAP);
    this.#saidEndMs = saidMs + lengthMs;
    if (this.endMs === null || saidMs < this.endMs - ALIEN_CLOCK_MS) return this.#begin(saidMs, lengthMs);
    if (isHole) {
      const fromMs = Math.max(saidMs, this.endMs);
      this.#remember({ fromMs: this.endMs, toMs: fromMs, cause });
      return this.#begin(fromMs, lengthMs);
    }
    const fittedMs = lengthMs + (saidMs - this.endMs) * PULL;
    return this.#begin(this.endMs, Math.max(lengthMs * SHORTEST, fittedMs));
  }

  #begin(fromMs, lengthMs) {
    this.endMs = fromMs + lengthMs;
    return fromMs;
  }

  /** How many chunks the count of this boot left out. */
  #lostChunks({ seq, bootId }) {
    const isSameBoot = this.#bootId === bootId && this.#lastSeq !== null;
    const lost = isSameBoot ? (seq - this.#lastSeq - 1) >>> 0 : 0;
    this.#lastSeq = seq;
    this.#bootId = bootId;
    return lost < 2 ** 31 ? lost : 0; // more is one that came twice
  }

  #remember(gap) {
    this.gaps = [...this.gaps.filter(({ toMs }) => toMs > gap.toMs - SPAN_MS), gap];
  }

  #stretch(bin, planes, from, until) {
    const at = bin % BINS;
    if (this.#bins[at] !== bin) {
      this.#bins[at] = bin;
      this.#lows[at] = 1;
      this.#highs[at] = -1;
    }
    for (const plane of planes) {
      for (let index = from; index < until; index += 1) {
        this.#lows[at] = Math.min(this.#lows[at], plane[index]);
        this.#highs[at] = Math.max(this.#highs[at], plane[index]);
      }
    }
  }
}
