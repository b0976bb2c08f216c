/** The recording's name in place, whether it is kept, and its deletion: what operators decide about it as a whole. */

import { send, tellFailure } from "../forms.js";
import { gettext } from "../live/translation.js";
import { announce } from "../toasts.js";

export class Title {
  constructor(root, { path }) {
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.path = path;
    if (!this.part("rename")) return;
    this.form = this.part("title-form");
    this.part("rename").addEventListener("click", () => this.#open());
    for (const button of root.querySelectorAll("[data-presses]")) {
      button.addEventListener("click", () => this.#press(button));
    }
    this.part("title-cancel").addEventListener("click", () => this.#close());
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
    this.form.addEventListener("submit", (event) => this.#rename(event));
    this.part("keep-form").addEventListener("submit", (event) => this.#keep(event));
    document.getElementById("delete-dialog").addEventListener("submit", (event) => this.#delete(event));
  }

  /** On a phone the same stands in the menu. */
  #press(button) {
    button.closest("details").open = false;
    this.part(button.dataset.presses).click();
  }

  #open() {
    this.#showForm(true);
    this.form.elements.title.select();
  }

  #close() {
    this.#showForm(false);
    this.part("rename").focus();
  }

  #showForm(isOpen) {
    this.form.hidden = !isOpen;
    this.part("title").hidden = isOpen;
  }

  async #rename(event) {
    event.preventDefault();
    const wanted = this.form.elements.title.value.trim();
    try {
      const { title } = await send(this.path, { title: wanted }, "PATCH");
      const shown = title || this.part("title").dataset.otherwise;
      this.part("title").textContent = shown;
      document.title = `${shown} · leganize`;
      this.form.elements.title.value = title;
      this.#close();
      announce(gettext("Renamed."));
    } catch (error) {
      tellFailure(error);
    }
  }

  async #keep(event) {
    event.preventDefault();
    const button = this.part("keep");
    try {
      const { kept } = await send(this.path, { kept: button.getAttribute("aria-pressed") !== "true" }, "PATCH");
      button.setAttribute("aria-pressed", kept);
      button.querySelector('[data-part="label"]').textContent = kept ? gettext("Kept") : gettext("Keep");
      this.form.ownerDocument.querySelector('[data-part="keep-field"]').value = kept ? "no" : "yes";
      announce(kept ? gettext("Kept until you say otherwise.") : gettext("It goes with the others again."));
    } catch (error) {
      tellFailure(error);
    }
  }

  async #delete(event) {
    event.preventDefault();
    try {
      await send(this.path, {}, "DELETE");
      location.assign(event.target.dataset.back);
    } catch (error) {
      event.target.closest("dialog").close();
      tellFailure(error);
    }
  }
}
