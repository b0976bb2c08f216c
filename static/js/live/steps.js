/** The three steps of /connect: the room that is made or chosen, the lines to copy, and what to do next in words. */

import { send, tellFailure } from "../forms.js";
import { announce } from "../toasts.js";
import { fill, gettext } from "./translation.js";

/** Events: room (detail: the room that was chosen, {id, name, records}). */
export class Steps extends EventTarget {
  room = null;

  constructor(root) {
    super();
    this.parts = {};
    for (const part of root.querySelectorAll(".steps [data-part]")) this.parts[part.dataset.part] = part;
    this.steps = Object.fromEntries([...root.querySelectorAll("[data-step]")].map((step) => [step.dataset.step, step]));
    this.renameForm = document.querySelector('[data-part="rename-form"]');
    this.parts.copy.disabled = false;
    this.parts.copy.addEventListener("click", () => this.#copy());
    if (root.hasAttribute("data-may-operate")) this.#wire();
  }

  /** Take a room as the page's own. */
  choose(room) {
    this.room = room;
    this.parts["room-made"].hidden = false;
    this.parts["room-making"].hidden = true;
    this.parts["room-name"].textContent = room.name;
    this.parts["room-name"].href = `/rooms/${room.id}/`;
    this.#showRecords();
    history.replaceState(null, "", `?room=${room.id}`);
    this.dispatchEvent(new CustomEvent("room", { detail: room }));
  }

  /** Say how far it is: the devices of the room, and whether somebody listens. */
  show(devices, isListening) {
    const isCapturing = devices.some(({ state }) => state === "capturing");
    this.#mark("room", this.room !== null);
    this.#mark("point", devices.length > 0);
    this.#mark("listen", isCapturing && isListening);
    this.parts["listen-detail"].textContent = nextWords(devices, isCapturing, isListening);
  }

  #wire() {
    const { parts } = this;
    parts["room-form"].addEventListener("submit", (event) => {
      event.preventDefault();
      const given = new FormData(parts["room-form"]);
      this.#create(given.get("name"), given.get("records") === "yes");
    });
    parts.existing?.addEventListener("change", () => this.#useExisting(parts.existing.selectedOptions[0]));
    parts.another.addEventListener("click", () => {
      parts["room-making"].hidden = false;
      parts["room-form"].elements.name.focus();
    });
    parts.records.addEventListener("click", () => this.#change({ records: !this.room.records }));
    this.renameForm.addEventListener("submit", () => {
      this.#change({ name: this.renameForm.querySelector("input").value });
    });
    document.querySelector('[data-opens="rename-dialog"]').addEventListener("click", () => {
      this.renameForm.querySelector("input").value = this.room.name;
    });
  }

  async #create(name, records) {
    const button = this.parts["room-form"].querySelector("button");
    button.disabled = true;
    try {
      const room = await send("/api/v1/rooms/", { name, records });
      this.#remember(room);
      this.choose({ ...room, isNew: true });
      announce(fill(gettext("%(name)s is made."), { name: room.name }));
    } catch (error) {
      tellFailure(error);
    } finally {
      button.disabled = false;
    }
  }

  #remember({ id, name, records }) {
    const option = new Option(name, id);
    option.dataset.records = records ? "yes" : "no";
    this.parts.existing.append(option);
    this.parts["room-choice"].hidden = false;
  }

  #useExisting(option) {
    if (!option?.value) return;
    this.choose({ id: option.value, name: option.textContent, records: option.dataset.records === "yes" });
  }

  async #change(what) {
    try {
      const room = await send(`/api/v1/rooms/${this.room.id}`, what, "PATCH");
      this.choose({ ...room, isNew: this.room.isNew });
    } catch (error) {
      tellFailure(error);
    }
  }

  #showRecords() {
    const { records, isNew } = this.room;
    const kept = records ? gettext("Sound of this room is recorded.") : gettext("Nothing of this room is kept.");
    this.parts["records-words"].textContent = isNew ? `${gettext("Made just now.")} ${kept}` : kept;
    if (this.parts.records) this.parts.records.textContent = records ? gettext("Only listen") : gettext("Record");
  }

  #mark(name, isDone) {
    const step = this.steps[name];
    step.classList.toggle("is-done", isDone);
    const before = { room: true, point: this.room !== null, listen: this.steps.point.classList.contains("is-done") };
    step.classList.toggle("is-next", !isDone && before[name]);
  }

  async #copy() {
    const lines = this.parts.sketch.textContent;
    const words = this.parts.copy;
    try {
      await navigator.clipboard.writeText(lines);
      words.textContent = gettext("Copied");
    } catch {
      // plain http has no clipboard: the lines are marked, Ctrl+C is one press away
      getSelection().selectAllChildren(this.parts.sketch);
      words.textContent = gettext("Marked: press Ctrl+C");
    }
    setTimeout(() => {
      words.textContent = gettext("Copy");
    }, 4000);
  }
}

function nextWords(devices, isCapturing, isListening) {
  const isHere = devices.some(({ state }) => state === "connected" || state === "starting" || state === "capturing");
  if (!isHere) return gettext("Choose a device that waits. Nothing is heard or kept until you start it.");
  if (!isCapturing) return gettext("It is in the room. Nothing is heard or kept until you start it.");
  if (!isListening) return gettext("It is running. Your browser holds sound back until you ask.");
  return gettext("You hear it now. Its level and volume are below.");
}
