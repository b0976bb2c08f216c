/** Sound in pieces of 4 s on each take's own time: fetched once, kept while there is room, the longest unused given up. */

export const PIECE_SECONDS = 4; // short enough to begin at once, long enough that a request is worth its trouble
const SETTLED_SECONDS = 40; // the newest 30 s of a running take may still move, when a loss in them is estimated
const MAX_BYTES = 64 * 1024 * 1024; // 4 min of 4 lanes at 16 kHz
const MARGIN_SECONDS = 0.0005;

/** `load(takeId, fromSeconds, toSeconds)` resolves to {sampleRateHz, planes}. */
export class Pieces {
  /** Pieces that were given up for room. */
  givenUp = 0;
  #load;
  #kept = new Map();
  #loading = new Map();
  #bytes = 0;

  constructor(load) {
    this.#load = load;
  }

  /** The piece of a take that has sound at `seconds`, or null: {from, until, sampleRateHz, planes}, in its seconds. */
  at(take, seconds) {
    const key = keyOf(take, seconds);
    const piece = this.#kept.get(key);
    if (!piece || piece.until <= seconds + MARGIN_SECONDS) return null;
    this.#kept.delete(key);
    this.#kept.set(key, piece);
    return piece;
  }

  /** Fetch the piece of a take at `seconds`; whoever asks meanwhile waits for the same answer. Throws what `load` does. */
  fetch(take, seconds) {
    const key = keyOf(take, seconds);
    if (!this.#loading.has(key)) {
      const loading = this.#fetch(key, take, indexOf(seconds) * PIECE_SECONDS);
      this.#loading.set(key, loading.finally(() => this.#loading.delete(key)));
    }
    return this.#loading.get(key);
  }

  /** Forget what may have moved since it was fetched. */
  forgetUnsettled() {
    for (const [key, piece] of this.#kept) {
      if (!piece.isSettled) this.#drop(key);
    }
  }

  async #fetch(key, take, from) {
    const known = take.seconds;
    const to = Math.min(from + PIECE_SECONDS, known);
    const isSettled = take.state === "finished" || from + PIECE_SECONDS + SETTLED_SECONDS < known;
    const { sampleRateHz, planes: heard } = await this.#load(take.id, from, to);
    const planes = isSettled ? heard.map((plane) => padded(plane, Math.round((to - from) * sampleRateHz))) : heard;
    const length = planes[0].length / sampleRateHz;
    this.#drop(key);
    this.#kept.set(key, { from, until: from + length, isSettled, sampleRateHz, planes });
    this.#bytes += bytesOf(planes);
    while (this.#bytes > MAX_BYTES && this.#kept.size > 1) {
      this.#drop(this.#kept.keys().next().value);
      this.givenUp += 1;
    }
  }

  #drop(key) {
    const piece = this.#kept.get(key);
    if (!piece) return;
    this.#bytes -= bytesOf(piece.planes);
    this.#kept.delete(key);
  }
}

/** What a server has less than it told of is silence: the time stays right, and playing goes on. */
function padded(plane, length) {
  if (plane.length >= length) return plane;
  const whole = new Float32Array(length);
  whole.set(plane);
  return whole;
}

function indexOf(seconds) {
  return Math.floor((seconds + MARGIN_SECONDS) / PIECE_SECONDS);
}

function keyOf(take, seconds) {
  return `${take.id} ${indexOf(seconds)}`;
}

function bytesOf(planes) {
  return planes.reduce((sum, plane) => sum + plane.byteLength, 0);
}
