/** Plays slower or faster at the same pitch: pieces of the sound are laid over each other where they fit best. */

const FRAME_SECONDS = 0.04; // holds two periods of the deepest voice, and is too short to be heard as an echo
const SEARCH_SECONDS = 0.008; // one period of 125 Hz: within it a place that fits is found
const COARSE = 4; // every fourth sample tells well enough where it fits; the neighbours are then tried one by one

/** Takes planes of samples in order and returns what is to be played for them, `speed` times as fast. */
export class Stretcher {
  constructor(sampleRateHz, channels, speed) {
    this.speed = speed;
    this.hop = Math.round((sampleRateHz * FRAME_SECONDS) / 2);
    this.search = Math.round(sampleRateHz * SEARCH_SECONDS);
    this.fade = Float32Array.from({ length: this.hop }, (_, at) => 0.5 - 0.5 * Math.cos((Math.PI * at) / this.hop));
    this.waiting = Array.from({ length: channels }, () => new Float32Array(0));
    /** Of how many samples that came the first that waits is the next one. */
    this.first = 0;
    this.hops = 0;
    /** What follows the piece that was laid last, and is to be faded out under the next one. */
    this.tail = null;
  }

  /** Take more samples; return as many as can be played for sure, possibly none. */
  push(planes) {
    this.waiting = this.waiting.map((waiting, channel) => joined(waiting, planes[channel]));
    const pieces = [];
    while (this.#canLay()) pieces.push(this.#lay());
    this.#forget();
    return this.waiting.map((_, channel) => concatenated(pieces.map((piece) => piece[channel])));
  }

  /** Where the next piece is to come from, were no place better, so that its middle is heard when it should be. */
  get #wanted() {
    return Math.max(0, Math.round((this.hops + 1) * this.hop * this.speed - this.hop));
  }

  #canLay() {
    return this.#wanted + this.search + 2 * this.hop <= this.first + this.waiting[0].length;
  }

  #lay() {
    const at = this.tail ? this.#bestPlace() : this.#wanted - this.first;
    const piece = this.waiting.map((waiting, channel) => this.#faded(waiting, channel, at));
    this.tail = this.waiting.map((waiting) => waiting.slice(at + this.hop, at + 2 * this.hop));
    this.hops += 1;
    return piece;
  }

  #faded(waiting, channel, at) {
    const piece = waiting.slice(at, at + this.hop);
    if (!this.tail) return piece;
    const before = this.tail[channel];
    for (let index = 0; index < this.hop; index += 1) {
      piece[index] = piece[index] * this.fade[index] + before[index] * (1 - this.fade[index]);
    }
    return piece;
  }

  /** The place near the wanted one where the sound goes on most like the piece that is faded out. */
  #bestPlace() {
    const wanted = this.#wanted - this.first;
    const low = Math.max(0, wanted - this.search);
    const coarse = this.#best(low, wanted + this.search, COARSE);
    return this.#best(Math.max(low, coarse - COARSE), coarse + COARSE, 1);
  }

  #best(from, to, step) {
    let best = from;
    let likest = -Infinity;
    for (let at = from; at <= to; at += step) {
      const likeness = this.#likeness(at, step);
      if (likeness > likest) {
        likest = likeness;
        best = at;
      }
    }
    return best;
  }

  #likeness(at, step) {
    const [waiting] = this.waiting;
    const [tail] = this.tail;
    let product = 0;
    let energy = 1e-9;
    for (let index = 0; index < this.hop; index += step) {
      const sample = waiting[at + index];
      product += sample * tail[index];
      energy += sample * sample;
    }
    return product / Math.sqrt(energy);
  }

  /** Let go of what no later piece can come from. */
  #forget() {
    const needless = Math.min(this.waiting[0].length, Math.max(0, this.#wanted - this.search - this.first));
    this.waiting = this.waiting.map((waiting) => waiting.slice(needless));
    this.first += needless;
  }
}

function joined(first, second) {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function concatenated(pieces) {
  const all = new Float32Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
