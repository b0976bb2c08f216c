/** The shape of sound in tiles that the server made: never more points than pixels, each tile loaded once and kept. */

export const TILE_POINTS = 512;
const FINEST_SECONDS = 0.1; // what one value of the server's finest grain covers
const SETTLED_SECONDS = 40; // the newest 30 s may still be drawn anew, when a loss in them is estimated
const MAX_TILES = 800; // of 2 KB
const MAX_WAITING = 48; // of those the ones that were wanted longest ago are given up: they are out of sight by now
const AT_ONCE = 6; // what a browser asks of one server at once

/** Return the coarseness at which a point is at least one pixel wide, and narrower than two. */
export function levelFor(secondsPerPixel) {
  return Math.max(0, Math.ceil(Math.log2(secondsPerPixel / FINEST_SECONDS) - 1e-9));
}

/** How long one point of a level is. */
export function pointSeconds(level) {
  return FINEST_SECONDS * 2 ** level;
}

/** Events: load (a tile came). `load(takeId, fromSeconds, toSeconds, points)` resolves to [min, max, min, max, …]. */
export class Shapes extends EventTarget {
  /** Tiles that were given up before they were loaded. */
  givenUp = 0;
  #load;
  #tiles = new Map();
  #waiting = [];
  #loading = new Set();

  constructor(load) {
    super();
    this.#load = load;
  }

  /** Fill `lows` and `highs` from point `first` of a level on; what is not here yet is NaN, and is asked for. */
  read(take, level, first, lows, highs) {
    lows.fill(Number.NaN);
    highs.fill(Number.NaN);
    for (let at = 0; at < lows.length; ) {
      const index = Math.floor((first + at) / TILE_POINTS);
      const until = Math.min(lows.length, (index + 1) * TILE_POINTS - first);
      this.#want(take, level, index);
      this.#copy(take, level, first, at, until, lows, highs);
      at = until;
    }
  }

  #copy(take, level, first, from, until, lows, highs) {
    const { coarser, tile, index } = this.#nearest(take, level, Math.floor((first + from) / TILE_POINTS));
    if (!tile) return;
    for (let at = from; at < until; at += 1) {
      const point = Math.floor((first + at) / 2 ** coarser) - index * TILE_POINTS;
      if (2 * point + 1 >= tile.pairs.length) return;
      lows[at] = tile.pairs[2 * point];
      highs[at] = tile.pairs[2 * point + 1];
    }
  }

  /** The tile itself, or the least coarse one that covers it. */
  #nearest(take, level, index) {
    for (let coarser = 0; coarser <= 8; coarser += 1) {
      const wider = Math.floor(index / 2 ** coarser);
      const tile = this.#tiles.get(keyOf(take.id, level + coarser, wider));
      if (tile) return { coarser, tile, index: wider };
    }
    return {};
  }

  #want(take, level, index) {
    const key = keyOf(take.id, level, index);
    const tile = this.#tiles.get(key);
    if (tile) this.#touch(key, tile);
    if (this.#loading.has(key) || (tile && isFresh(tile, take, level, index))) return;
    this.#waiting = this.#waiting.filter((other) => other.key !== key);
    this.#waiting.push({ key, take, level, index });
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.givenUp += 1;
    }
    this.#next();
  }

  #next() {
    while (this.#loading.size < AT_ONCE && this.#waiting.length) this.#fetch(this.#waiting.pop());
  }

  async #fetch({ key, take, level, index }) {
    const each = pointSeconds(level);
    const begin = index * TILE_POINTS * each;
    const known = take.seconds;
    const isSettled = take.state === "finished";
    const points = Math.min(TILE_POINTS, Math.max(1, Math.ceil((known - begin) / each)));
    this.#loading.add(key);
    try {
      const pairs = await this.#load(take.id, begin, begin + points * each, points);
      this.#touch(key, { pairs, known, isSettled });
      this.#makeRoom();
      this.dispatchEvent(new Event("load"));
    } catch {
      this.dispatchEvent(new Event("fail"));
    } finally {
      this.#loading.delete(key);
      this.#next();
    }
  }

  #touch(key, tile) {
    this.#tiles.delete(key);
    this.#tiles.set(key, tile); // a Map remembers the order: the first one is the one longest unused
  }

  #makeRoom() {
    while (this.#tiles.size > MAX_TILES) this.#tiles.delete(this.#tiles.keys().next().value);
  }
}

function isFresh(tile, take, level, index) {
  if (tile.isSettled) return true;
  const each = pointSeconds(level);
  const end = (index + 1) * TILE_POINTS * each;
  if (tile.known > end + SETTLED_SECONDS) return true;
  const isLast = take.state === "finished";
  return !isLast && take.seconds - tile.known < Math.max(0.05, each / 2);
}

function keyOf(takeId, level, index) {
  return `${takeId} ${level} ${index}`;
}
