/** The panel of downloads: a WAV of one recording is a link, all else is made by a job that is shown here. */

import { send, tellFailure } from "../forms.js";
import { fill, gettext, ngettext } from "../live/translation.js";
import { Jobs } from "./jobs.js";
import { formatName, fromField, recordingsBetween, sizeInWords, toField, wavBytes } from "./wish.js";

export class Downloads {
  constructor(root, { board, timeline, view }) {
    Object.assign(this, { timeline, view });
    this.panel = root.querySelector('[data-part="download"]');
    this.part = (name) => this.panel.querySelector(`[data-part="${name}"]`);
    this.jobs = new Jobs(this.part("jobs"), board.exports);
    this.panel.addEventListener("change", () => this.show());
    this.part("download-change").addEventListener("click", () => this.#toggleChoices());
    this.part("download-shown").addEventListener("click", () => this.#takeShown());
    this.part("download-make").addEventListener("click", () => this.#make());
  }

  /** Say what a press would give now. */
  show() {
    this.timeline.lanes.forEach((lane) => this.#offer(lane));
    const wish = this.#wish();
    const isPart = wish.part === "part";
    this.part("download-part").hidden = !isPart;
    if (isPart && !this.#field("from").value) this.#takeShown();
    const amount = isPart ? gettext("A part") : gettext("Whole recording");
    const gaps = wish.gaps === "skip" ? gettext("gaps left out") : gettext("silence in gaps");
    setText(this.part("download-said"), `${amount}, ${gaps}`);
    const found = recordingsBetween(wish.lanes, wish.from, wish.to, wish.gaps);
    const isLink = wish.format === "wav" && found.length === 1;
    const link = this.part("download-link");
    link.hidden = !isLink;
    this.part("download-make").hidden = isLink;
    if (isLink) this.#showLink(link, wish, found);
    else this.#showButton(wish, found);
  }

  /** A device that began to capture later is to be had as well. */
  #offer({ id, name }) {
    if (this.panel.querySelector(`input[name="lane"][value="${id}"]`)) return;
    const choices = this.part("download-lanes");
    const label = choices.querySelector("label").cloneNode(true);
    Object.assign(label.querySelector("input"), { value: id, checked: true });
    label.lastChild.textContent = name;
    choices.append(label);
    choices.hidden = false;
  }

  #showLink(link, wish, found) {
    const [{ take }] = found;
    const asked = new URLSearchParams({ gaps: wish.gaps });
    if (wish.part === "part") {
      asked.set("from", Math.max(0, wish.from - take.offset));
      asked.set("to", Math.max(0, wish.to - take.offset));
    }
    link.href = `${this.panel.dataset.wav.replace(this.timeline.id, take.id)}?${asked}`;
    const size = sizeInWords(wavBytes(found));
    setText(link.querySelector('[data-part="label"]'), `WAV, ${size}`);
  }

  #showButton({ format }, found) {
    const name = formatName(format);
    const count = found.length;
    const several = ngettext("%(count)s %(format)s in a ZIP", "%(count)s %(format)s in a ZIP", count);
    const words = [count > 1 ? fill(several, { count, format: name }) : fill(gettext("Make %(format)s"), { format: name })];
    if (format === "wav") words.push(sizeInWords(wavBytes(found)));
    if (!count) words.splice(0, words.length, gettext("Nothing is chosen"));
    const label = this.part("download-make").querySelector('[data-part="label"]');
    const resting = this.part("download-make");
    if ("resting" in resting.dataset) resting.dataset.resting = words.join(", ");
    else setText(label, words.join(", "));
    resting.disabled = !count || "resting" in resting.dataset;
  }

  #wish() {
    const chosen = (name) => this.panel.querySelector(`input[name="${name}"]:checked`).value;
    const ticked = new Set([...this.panel.querySelectorAll('input[name="lane"]:checked')].map(({ value }) => value));
    const isPart = chosen("part") === "part";
    const second = (name, otherwise) => {
      const moment = fromField(this.#field(name).value);
      return Number.isNaN(moment) ? otherwise : (moment - this.timeline.startMs) / 1000;
    };
    return {
      format: chosen("format"),
      gaps: chosen("gaps"),
      part: isPart ? "part" : "whole",
      lanes: this.timeline.lanes.filter(({ id }) => ticked.has(id)),
      from: isPart ? second("from", 0) : 0,
      to: isPart ? second("to", this.timeline.totalSeconds) : this.timeline.totalSeconds,
    };
  }

  #field(name) {
    return this.panel.querySelector(`input[name="${name}"]`);
  }

  #toggleChoices() {
    const isOpen = this.part("download-choices").hidden;
    this.part("download-choices").hidden = !isOpen;
    const button = this.part("download-change");
    button.setAttribute("aria-expanded", isOpen);
    button.textContent = isOpen ? gettext("Done") : gettext("Change");
  }

  #takeShown() {
    this.#field("from").value = toField(this.timeline.momentOf(this.view.from));
    this.#field("to").value = toField(this.timeline.momentOf(this.view.to), Math.ceil);
    this.show();
  }

  async #make() {
    const wish = this.#wish();
    const found = recordingsBetween(wish.lanes, wish.from, wish.to, wish.gaps);
    const several = found.length > 1;
    const body = { recordings: found.map(({ take }) => take.id), format: wish.format, gaps: wish.gaps, zipped: several };
    if (several || wish.part === "part") {
      body.from = new Date(this.timeline.momentOf(wish.from)).toISOString();
      body.to = new Date(this.timeline.momentOf(wish.to)).toISOString();
    }
    try {
      this.jobs.add(await send("/api/v1/exports", body));
    } catch (error) {
      tellFailure(error);
    }
  }
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
