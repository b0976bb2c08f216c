/** What a meter shows at a moment: quick to rise, slow to fall, its peak held, and dead at once when sound is. */

import { SILENCE_DB, decibels } from "./pcm.js";

const FALL_DB_PER_SECOND = 24; // slow enough to read, fast enough to follow speech
const PEAK_HOLD_MS = 1500;
const QUIET_AFTER_MS = 1000; // no chunk for a second: the device does not capture any more

export class Level {
  constructor() {
    this.reset();
  }

  /** Forget everything: the socket or the device is gone, and a meter must not move then. */
  reset() {
    this.levelDb = SILENCE_DB;
    this.peakDb = SILENCE_DB;
    this.levelAtMs = 0;
    this.peakAtMs = -Infinity;
    this.clippedAtMs = -Infinity;
  }

  /** Take the loudness of one chunk, as `measure` gives it. */
  hear({ rms, peak, clipped }, nowMs) {
    this.levelDb = Math.max(decibels(rms), this.#fallen(nowMs));
    this.levelAtMs = nowMs;
    const peakDb = decibels(peak);
    if (peakDb >= this.peakDb || nowMs - this.peakAtMs > PEAK_HOLD_MS) {
      this.peakDb = peakDb;
      this.peakAtMs = nowMs;
    }
    if (clipped) this.clippedAtMs = nowMs;
  }

  read(nowMs) {
    if (nowMs - this.levelAtMs > QUIET_AFTER_MS) return { levelDb: SILENCE_DB, peakDb: SILENCE_DB, clipping: false };
    const isPeakHeld = nowMs - this.peakAtMs <= PEAK_HOLD_MS;
    const levelDb = this.#fallen(nowMs);
    return {
      levelDb,
      peakDb: isPeakHeld ? Math.max(this.peakDb, levelDb) : levelDb,
      clipping: nowMs - this.clippedAtMs <= PEAK_HOLD_MS,
    };
  }

  #fallen(nowMs) {
    const fallenDb = ((nowMs - this.levelAtMs) / 1000) * FALL_DB_PER_SECOND;
    return Math.max(SILENCE_DB, this.levelDb - fallenDb);
  }
}
