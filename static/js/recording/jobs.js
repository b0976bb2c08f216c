/** The files that are being made for this person: how far they are, Cancel, and in the same place the file. */

import { send, tellFailure } from "../forms.js";
import { inWords } from "../live/clock.js";
import { fill, gettext } from "../live/translation.js";
import { announce } from "../toasts.js";
import { formatName, sizeInWords } from "./wish.js";

const LOOK_EVERY_MS = 1000;
const RETRY_MS = 3000;
const UNDER_WAY = new Set(["waiting", "running"]);

export class Jobs {
  #jobs = new Map();

  /** `exports`: what the API tells of each, the newest first. */
  constructor(list, exports) {
    this.list = list;
    this.template = document.getElementById("job-template");
    for (const each of [...exports].reverse()) this.add(each, { isNew: false });
  }

  /** Show one more job, and follow it until it is over. */
  add(job, { isNew = true } = {}) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    this.list.prepend(item);
    item.querySelector('[data-part="act"]').addEventListener("click", () => this.#act(job.id));
    this.#jobs.set(job.id, { item });
    this.#show(job);
    if (isNew) announce(this.#words(job));
    if (UNDER_WAY.has(job.state)) this.#lookIn(job.id, LOOK_EVERY_MS);
  }

  #lookIn(id, delayMs) {
    setTimeout(() => this.#look(id), delayMs);
  }

  async #look(id) {
    if (!this.#jobs.has(id)) return undefined;
    let job = null;
    try {
      const answer = await fetch(pathOf(id), { headers: { Accept: "application/json" } });
      if (answer.status === 404) return this.#drop(id);
      if (!answer.ok) throw new Error(`${answer.status}`);
      job = await answer.json();
    } catch {
      return this.#lookIn(id, RETRY_MS);
    }
    this.#show(job);
    if (UNDER_WAY.has(job.state)) return this.#lookIn(id, LOOK_EVERY_MS);
    return announce(this.#words(job));
  }

  #show(job) {
    const kept = this.#jobs.get(job.id);
    if (job.state === "cancelled") return this.#drop(job.id);
    kept.job = job;
    const part = (name) => kept.item.querySelector(`[data-part="${name}"]`);
    const isUnderWay = UNDER_WAY.has(job.state);
    part("said").replaceChildren(...this.#sentence(job));
    part("progress").hidden = !isUnderWay;
    part("progress").value = job.progress;
    part("progress").setAttribute("aria-label", this.#words(job));
    part("act").textContent = isUnderWay ? gettext("Cancel") : gettext("Remove");
    part("file").hidden = job.state !== "done";
    if (job.state === "done") {
      part("file").href = job.file;
      part("file").querySelector('[data-part="label"]').textContent = `${nameOf(job)}, ${sizeInWords(job.bytes)}`;
    }
    return undefined;
  }

  /** "Making FLAC, 62 %, about 20 s left", its first words strong. */
  #sentence(job) {
    const strong = document.createElement("strong");
    const values = { format: nameOf(job) };
    if (job.state === "failed") {
      strong.textContent = fill(gettext("%(format)s could not be made."), values);
      return [strong, ` ${job.error}`];
    }
    if (job.state === "done") {
      strong.textContent = fill(gettext("%(format)s is ready."), values);
      return [strong];
    }
    strong.textContent = fill(gettext("Making %(format)s"), values);
    if (job.state === "waiting") return [strong, `, ${gettext("waiting for its turn")}`];
    const said = fill(gettext("%(percent)s %"), { percent: Math.floor(job.progress * 100) });
    if (job.seconds_left === null || job.seconds_left === undefined) return [strong, `, ${said}`];
    const left = fill(gettext("about %(length)s left"), { length: inWords(Math.max(1, job.seconds_left)) });
    return [strong, `, ${said}, ${left}`];
  }

  #words(job) {
    return this.#sentence(job)
      .map((each) => each.textContent ?? each)
      .join("");
  }

  /** Cancel what is under way, remove what is over. */
  async #act(id) {
    try {
      await send(pathOf(id), {}, "DELETE");
      this.#drop(id);
    } catch (error) {
      tellFailure(error);
    }
  }

  #drop(id) {
    this.#jobs.get(id)?.item.remove();
    this.#jobs.delete(id);
  }
}

function nameOf(job) {
  const name = formatName(job.format);
  return job.zipped ? fill(gettext("%(format)s in a ZIP"), { format: name }) : name;
}

function pathOf(id) {
  return `/api/v1/exports/${id}`;
}
