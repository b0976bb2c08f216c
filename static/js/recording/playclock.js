/** Which moment of the recording is heard at which moment of the sound system, at the chosen speed. */

export class PlayClock {
  speed = 1;
  #seconds = 0;
  #contextTime = null;

  /** Stand still at a moment of the recording. */
  stopAt(seconds) {
    this.#seconds = seconds;
    this.#contextTime = null;
  }

  /** Run from a moment of the recording on, which is heard at `contextTime`. */
  runFrom(seconds, contextTime) {
    this.#seconds = seconds;
    this.#contextTime = contextTime;
  }

  /** The moment that is heard at `contextTime`; before it begins, the one where it begins. */
  secondsAt(contextTime) {
    if (this.#contextTime === null) return this.#seconds;
    return this.#seconds + Math.max(0, contextTime - this.#contextTime) * this.speed;
  }

  /** When a moment of the recording is heard. */
  timeOf(seconds) {
    return this.#contextTime + (seconds - this.#seconds) / this.speed;
  }
}
