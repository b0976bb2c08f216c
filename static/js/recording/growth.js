/** Asks the server once a second how far the recording has come, as long as it or one beside it still grows. */

const EVERY_MS = 1000;
const RETRY_MS = 3000;
const GONE = new Set([403, 404]);

/** Events: gone (it was deleted, or may not be seen any more), fail (no answer came), answer. */
export class Growth extends EventTarget {
  #timer = null;

  constructor(timeline, path) {
    super();
    this.timeline = timeline;
    this.path = path;
  }

  start() {
    if (this.timeline.isGrowing) this.#askIn(EVERY_MS);
  }

  /** Do not wait any longer: the network came back, or the page is looked at again. */
  hurry() {
    if (this.#timer !== null) this.#askIn(0);
  }

  #askIn(delayMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), delayMs);
  }

  async #ask() {
    const before = this.timeline.state;
    try {
      const answer = await fetch(`${this.path}?since=${this.timeline.totalSeconds}`, { headers: { Accept: "application/json" } });
      if (GONE.has(answer.status) || answer.redirected) return this.#leave();
      if (!answer.ok) throw new Error(`${answer.status}`);
      this.timeline.take(await answer.json());
      this.dispatchEvent(new Event("answer"));
    } catch {
      this.dispatchEvent(new Event("fail"));
      return this.#askIn(RETRY_MS);
    }
    if (before !== this.timeline.state) this.dispatchEvent(new Event("state"));
    return this.timeline.isGrowing ? this.#askIn(EVERY_MS) : this.#leave(false);
  }

  #leave(isGone = true) {
    this.#timer = null;
    if (isGone) this.dispatchEvent(new Event("gone"));
  }
}
