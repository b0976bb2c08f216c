/** What one lane heard in the last two minutes, in bins on the server's clock, and where something is missing. */

export const SPAN_MS = 120_000;
export const BIN_MS = 50;
const BINS = SPAN_MS / BIN_MS;
const JOIN_MS = 400; // arrival jitters by less, and a device that was really away is away for longer
const BACKLOG_MS = 2000;
const ALIEN_CLOCK_MS = 5000; // a device whose own clock is this wrong is put where its sound arrived
const LATE_MS = 1000; // a device sends about 16 chunks a second: after one without any, something is missing

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

  /** Put one chunk's samples where they belong; `cause` names a gap that comes before it. */
  hear(chunk, planes, nowMs, cause) {
    const lengthMs = (planes[0].length / chunk.sampleRateHz) * 1000;
    const fromMs = this.#place(chunk, lengthMs, nowMs, cause);
    const perBin = (chunk.sampleRateHz * BIN_MS) / 1000;
    for (let at = 0; at < planes[0].length; ) {
      const momentMs = fromMs + (at / chunk.sampleRateHz) * 1000;
      const bin = Math.floor(momentMs / BIN_MS);
      const until = Math.min(planes[0].length, at + Math.max(1, Math.ceil(perBin * (1 - (momentMs / BIN_MS - bin)))));
      this.#stretch(bin, planes, at, until);
      at = until;
    }
    this.endMs = fromMs + lengthMs;
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

  /** Where a chunk begins: right after the last one, unless there is a hole between them. */
  #place(chunk, lengthMs, nowMs, cause) {
    const capturedMs = Number(chunk.capturedAtUs / 1000n);
    const saidMs = Math.abs(capturedMs - nowMs) < ALIEN_CLOCK_MS ? capturedMs : nowMs - lengthMs;
    const isNewBoot = this.#bootId !== null && this.#bootId !== chunk.bootId;
    const lost = this.#lastSeq === null || isNewBoot ? 0 : (chunk.seq - this.#lastSeq - 1) >>> 0;
    this.#lastSeq = chunk.seq;
    this.#bootId = chunk.bootId;
    if (this.endMs === null || saidMs < this.endMs - BACKLOG_MS) return saidMs;
    const lostMs = lost < 2 ** 31 ? lost * lengthMs : 0;
    if (saidMs - this.endMs < JOIN_MS && lostMs < JOIN_MS) return this.endMs + lostMs;
    const fromMs = Math.max(saidMs, Math.min(this.endMs + lostMs, nowMs));
    this.#remember({ fromMs: this.endMs, toMs: fromMs, cause });
    return fromMs;
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
