/** Moments that people named: set where one hears them, named in place, removed; operators set them, everyone sees them. */

import { send, tellFailure } from "../forms.js";
import { fill, gettext } from "../live/translation.js";
import { announce, showToast } from "../toasts.js";
import { wallClock } from "./wallclock.js";

/** Events: change (a marker was set, named or removed). */
export class Markers extends EventTarget {
  /** All markers on the axis, oldest moment first: {id, recording, at, text, author}. */
  all = [];

  constructor(root, { board, timeline, player }) {
    super();
    Object.assign(this, { timeline, player, you: board.you });
    this.list = root.querySelector('[data-part="marker-rows"]');
    this.nothing = root.querySelector('[data-part="marker-none"]');
    this.template = document.getElementById("marker-template");
    this.list.addEventListener("click", (event) => this.#press(event));
    this.list.addEventListener("submit", (event) => this.#name(event));
    this.list.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.target.closest(".is-edited")?.classList.remove("is-edited"); // or leaving it would keep what was typed
      this.show();
    });
    this.list.addEventListener("focusout", (event) => this.#leave(event));
    this.#take(board.markers);
  }

  /** Set a marker where one hears it, and ask for its name. */
  async set() {
    const at = this.player.seconds;
    const { own } = this.timeline;
    try {
      const made = await send(`/api/v1/recordings/${own.id}/markers`, { at_seconds: at, text: "" });
      this.#take([...this.all, { id: made.id, recording: own.id, at: made.at_seconds, text: made.text, author: this.you }]);
      announce(fill(gettext("Marked at %(time)s"), { time: wallClock(this.timeline, at) }));
      this.#edit(this.#rowOf(made.id));
    } catch (error) {
      tellFailure(error);
    }
  }

  show() {
    this.list.replaceChildren(...this.all.map((marker) => this.#row(marker)));
    this.nothing.hidden = this.all.length > 0;
  }

  #take(markers) {
    this.all = [...markers].sort((one, other) => one.at - other.at);
    this.show();
    this.dispatchEvent(new Event("change"));
  }

  #row(marker) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.marker = marker.id;
    const part = (name) => row.querySelector(`[data-part="${name}"]`);
    part("time").textContent = wallClock(this.timeline, marker.at);
    part("text").textContent = marker.text || gettext("without a name");
    part("text").classList.toggle("muted", !marker.text);
    part("author").textContent = marker.author ?? "";
    return row;
  }

  #rowOf(id) {
    return this.list.querySelector(`[data-marker="${id}"]`);
  }

  #markerOf(row) {
    return this.all.find(({ id }) => String(id) === row?.dataset.marker);
  }

  #press({ target }) {
    const row = target.closest("[data-marker]");
    const marker = this.#markerOf(row);
    const button = target.closest("button");
    if (!marker || !button) return;
    if (button.dataset.part === "go") this.player.seek(marker.at);
    if (button.dataset.part === "edit") this.#edit(row);
    if (button.dataset.part === "remove") this.#remove(marker);
  }

  #edit(row) {
    const form = row.querySelector("form");
    if (!form) return;
    row.classList.add("is-edited");
    form.elements.text.value = this.#markerOf(row).text;
    form.elements.text.select();
  }

  /** Enter, or going elsewhere, keeps what was typed. */
  async #name(event) {
    event.preventDefault();
    const row = event.target.closest("[data-marker]");
    const marker = this.#markerOf(row);
    const text = event.target.elements.text.value.trim();
    row.classList.remove("is-edited");
    const isByEnter = Boolean(event.submitter); // then the focus stays at this marker
    if (text !== marker.text) await this.#rename(marker, text);
    if (isByEnter) this.#rowOf(marker.id)?.querySelector("button").focus();
  }

  async #rename(marker, text) {
    try {
      const said = await send(pathOf(marker), { text }, "PATCH");
      this.#take(this.all.map((each) => (each.id === marker.id ? { ...each, text: said.text } : each)));
    } catch (error) {
      tellFailure(error);
      this.show();
    }
  }

  #leave({ target, relatedTarget }) {
    const row = target.closest(".is-edited");
    if (row && target.form && !row.contains(relatedTarget)) target.form.requestSubmit();
  }

  async #remove(marker) {
    try {
      await send(pathOf(marker), {}, "DELETE");
      this.#take(this.all.filter(({ id }) => id !== marker.id));
      showToast(gettext("Marker removed."), { undo: () => this.#restore(marker) });
    } catch (error) {
      tellFailure(error);
    }
  }

  async #restore(marker) {
    const take = this.timeline.lanes.flatMap(({ takes }) => takes).find(({ id }) => id === marker.recording);
    try {
      const wanted = { at_seconds: marker.at - take.offset, text: marker.text };
      const made = await send(`/api/v1/recordings/${marker.recording}/markers`, wanted);
      this.#take([...this.all, { ...marker, id: made.id, author: this.you }]);
    } catch (error) {
      tellFailure(error);
    }
  }
}

function pathOf(marker) {
  return `/api/v1/recordings/${marker.recording}/markers/${marker.id}`;
}
