/** Hands on the lanes: a click or a tap goes there, dragging moves, two fingers or Ctrl and the wheel zoom. */

const STILL_PX = 5; // a press that moves less is a click
const ZOOM_PER_PIXEL = 0.0025;
const LINE_PX = 16; // browsers that count the wheel in lines

/** Wire `area` (the lanes' canvases and the scale) to `view`; `changed` after each move, `seek(seconds)` for a click. */
export class Gestures {
  #pointers = new Map();
  #hasMoved = false;

  constructor(area, view, { changed, seek }) {
    Object.assign(this, { area, view, changed, seek });
    area.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    area.addEventListener("pointerdown", (event) => this.#down(event));
    area.addEventListener("pointermove", (event) => this.#move(event));
    area.addEventListener("pointerup", (event) => this.#up(event));
    area.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
  }

  #x(event) {
    const surface = event.target.closest("[data-time]") ?? this.area.querySelector("[data-time]");
    return event.clientX - surface.getBoundingClientRect().left;
  }

  #wheel(event) {
    const pixels = event.deltaMode ? LINE_PX : 1;
    if (event.ctrlKey || event.metaKey) this.view.zoom(Math.exp(event.deltaY * pixels * ZOOM_PER_PIXEL), this.#x(event));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.view.pan((event.deltaX || event.deltaY) * pixels);
    } else return; // the page scrolls
    event.preventDefault();
    this.changed();
  }

  #down(event) {
    if (event.button !== 0 || !event.target.closest("[data-time]")) return;
    if (this.#pointers.size === 0) this.#hasMoved = false;
    this.#pointers.set(event.pointerId, { x: this.#x(event), startX: event.clientX });
    event.target.setPointerCapture?.(event.pointerId);
  }

  #move(event) {
    const pointer = this.#pointers.get(event.pointerId);
    if (!pointer) return;
    const before = pointer.x;
    const x = this.#x(event);
    if (this.#pointers.size === 1 && !this.#hasMoved && Math.abs(event.clientX - pointer.startX) < STILL_PX) return;
    this.#hasMoved = true;
    pointer.x = x;
    const other = [...this.#pointers.values()].find((each) => each !== pointer);
    if (other) this.#pinch(before, x, other.x);
    else this.view.pan(before - x);
    this.changed();
  }

  #pinch(before, now, fixed) {
    const span = Math.max(1, Math.abs(now - fixed));
    this.view.zoom(Math.max(1, Math.abs(before - fixed)) / span, fixed);
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId) || this.#hasMoved) return;
    this.seek(this.view.secondsAt(this.#x(event)));
  }
}
