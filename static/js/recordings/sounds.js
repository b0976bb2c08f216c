/* Which rows' sound is asked for, and when: those that are seen, many at once; again only while they run. */

import { drawThumbnail, peaksOf } from "./thumbnail.js";

const MOST_AT_ONCE = 50; // as the server answers
const SEEN_AHEAD = "200px"; // drawn a little before it is scrolled to

export class Sounds {
  #known = new Map();
  #seen = new Set();
  #asked = null;

  /** `path` answers `?of=ID,ID`. */
  constructor(path) {
    this.path = path;
    this.isLive = true; // false while the page does not know what runs
    this.observer = new IntersectionObserver((entries) => this.#notice(entries), { rootMargin: SEEN_AHEAD });
    this.resizing = new ResizeObserver((entries) => entries.forEach(({ target }) => this.#draw(target)));
    new MutationObserver(() => this.redraw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** Attend to the canvases below `root`; those that are attended to already stay so. */
  attend(root) {
    for (const canvas of root.querySelectorAll("canvas.thumbnail")) {
      this.observer.observe(canvas);
      this.resizing.observe(canvas);
    }
  }

  /** Ask again for what runs and is seen, and for what has not been told yet; one question is under way at a time. */
  async follow() {
    if (this.#asked) return;
    const wanted = [...this.#seen].filter((canvas) => canvas.isConnected && this.#isWanted(canvas)).slice(0, MOST_AT_ONCE);
    if (!wanted.length) return;
    this.#asked = this.#ask(wanted);
    await this.#asked;
    this.#asked = null;
  }

  /** Draw all that is seen with what is known. */
  redraw() {
    for (const canvas of this.#seen) this.#draw(canvas);
  }

  #notice(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#seen.add(target);
      else this.#seen.delete(target);
    }
    this.follow();
  }

  #isWanted(canvas) {
    const known = this.#known.get(rowOf(canvas).dataset.recording);
    return !known || known.isRunning || known.state !== rowOf(canvas).dataset.state;
  }

  async #ask(canvases) {
    const ids = canvases.map((canvas) => rowOf(canvas).dataset.recording);
    const states = new Map(canvases.map((canvas) => [rowOf(canvas).dataset.recording, rowOf(canvas).dataset.state]));
    const response = await fetch(`${this.path}?of=${ids.join(",")}`, { credentials: "same-origin" }).catch(() => null);
    if (!response?.ok) return; // asked again with the next beat; that the server is away the banner says
    const told = await response.json();
    for (const [id, { seconds, peaks, gaps }] of Object.entries(told)) {
      const state = states.get(id);
      this.#known.set(id, { seconds, peaks: peaksOf(peaks), gaps, state, isRunning: state !== "finished" });
    }
    canvases.forEach((canvas) => this.#draw(canvas));
  }

  #draw(canvas) {
    const { recording, state } = rowOf(canvas).dataset;
    const sound = this.#known.get(recording) ?? null;
    const isLive = this.isLive && rowOf(canvas).hasAttribute("data-live");
    drawThumbnail(canvas, sound, { isLive, isRunning: state === "recording" });
    if (sound) canvas.dataset.seconds = sound.seconds.toFixed(1);
  }
}

function rowOf(canvas) {
  return canvas.closest("[data-recording]");
}
