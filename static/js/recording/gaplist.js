/** The list of what is missing in one lane: each gap with its number, its time, why, and how long; a press goes there. */

import { lengthInWords, reasonInWords } from "../gaps.js";
import { stopwatch } from "../live/clock.js";
import { fill, gettext, ngettext } from "../live/translation.js";
import { wallClock } from "./wallclock.js";

const SHOWN = 100; // so many a person reads; the rest comes on demand, and all are drawn

export class GapList {
  #said = "";
  #shown = SHOWN;

  /** `seek(seconds)` goes there. */
  constructor(root, { timeline, seek }) {
    Object.assign(this, { timeline, seek });
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.list = part("gap-rows");
    this.lane = part("gap-lane");
    this.foot = part("gap-foot");
    this.more = part("gap-more");
    this.template = document.getElementById("gap-template");
    this.lane.addEventListener("change", () => this.show());
    this.more.addEventListener("click", () => {
      this.#shown = Infinity;
      this.show();
    });
    this.list.addEventListener("click", ({ target }) => {
      const row = target.closest("[data-at]");
      if (row) this.seek(Number(row.dataset.at));
    });
  }

  /** The gaps of the chosen lane: what the list and the key G go by. */
  get gaps() {
    return this.timeline.gapsOf(this.#chosen);
  }

  show() {
    this.#showLanes();
    const { gaps } = this;
    const said = `${this.#chosen.id} ${this.#shown} ${gaps.map(({ at, seconds }) => `${at}+${seconds}`).join()}`;
    if (said === this.#said) return;
    this.#said = said;
    this.list.replaceChildren(...gaps.slice(0, this.#shown).map((gap, index) => this.#row(gap, index)));
    const hidden = Math.max(0, gaps.length - this.#shown);
    this.more.hidden = !hidden;
    this.more.textContent = fill(ngettext("Show %(count)s more", "Show %(count)s more", hidden), { count: hidden });
    this.foot.textContent = this.#footWords(gaps.length);
  }

  get #chosen() {
    return this.timeline.lanes.find(({ id }) => id === this.lane.value) ?? this.timeline.lanes[0];
  }

  #showLanes() {
    const { lanes } = this.timeline;
    this.lane.disabled = lanes.length < 2;
    const known = [...this.lane.options].map(({ value }) => value);
    for (const { id, name } of lanes) if (!known.includes(id)) this.lane.add(new Option(name, id));
  }

  #footWords(count) {
    if (!count) return this.timeline.isRunning ? gettext("Nothing is missing so far.") : gettext("Nothing is missing.");
    return this.timeline.lanes.length > 1
      ? gettext("Silence fills each gap, so all tracks stay in step.")
      : gettext("Silence fills each gap, so the time stays right.");
  }

  #row(gap, index) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.at = gap.at;
    const part = (name) => row.querySelector(`[data-part="${name}"]`);
    part("number").textContent = index + 1;
    part("number").classList.toggle("is-estimated", gap.estimated);
    part("time").textContent = wallClock(this.timeline, gap.at);
    part("reason").textContent = reasonInWords(gap.reason, gap.estimated);
    part("length").textContent = gap.seconds < 1 ? lengthInWords(gap.seconds) : stopwatch(Math.round(gap.seconds));
    return row;
  }
}
