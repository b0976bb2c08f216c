/** Who waits to be connected, each in a place of its own that it keeps through connecting and starting. */

import { send, tellFailure } from "../forms.js";
import { announce } from "../toasts.js";
import { serverClock } from "./clock.js";
import { draw } from "./icon.js";
import { nextAction, stateInWords, waitingFor } from "./states.js";
import { fill, gettext, ngettext } from "./translation.js";

const RETURN_MS = 7000; // a sketch tries again every 5 s, and a place that is left and taken again moves the others

/** Events: connected (a device went into the room). */
export class Lobby extends EventTarget {
  /** One place each: {element, pending, deviceUuid}; the key is the connection that took it. */
  #slots = new Map();
  #devices = [];
  /** The room that devices are put into: {id, name}, or null while there is none. */
  room = null;

  constructor(root, { mayOperate }) {
    super();
    this.list = root.querySelector('[data-part="slots"]');
    this.count = root.querySelector('[data-part="count"]');
    this.mayOperate = mayOperate;
    setInterval(() => this.#tick(), 1000);
  }

  show(board) {
    this.#devices = board.devices;
    const waiting = new Set();
    for (const pending of board.pending) {
      waiting.add(pending.connection);
      this.#take(pending);
    }
    for (const [connection, slot] of this.#slots) {
      if (!slot.pending || waiting.has(connection)) continue;
      slot.pending = null;
      slot.keptUntilMs = performance.now() + RETURN_MS;
    }
    this.count.textContent = board.pending.length;
    this.#tick();
  }

  get hasSimulated() {
    return [...this.#slots.values()].some(({ pending }) => pending?.simulated);
  }

  /** The buttons' words follow the room that was chosen. */
  choose(room) {
    this.room = room;
    this.#tick();
  }

  #take(pending) {
    // a device that was connected here and waits again comes back to its own place
    const old = [...this.#slots].find(([, slot]) => !slot.pending && slot.deviceId === pending.deviceId);
    const slot = this.#slots.get(pending.connection) ?? old?.[1] ?? this.#makeSlot(pending);
    if (old && old[1] === slot) this.#slots.delete(old[0]);
    if (!this.#slots.has(pending.connection)) this.#slots.set(pending.connection, slot);
    slot.pending = pending;
  }

  #makeSlot({ deviceId }) {
    const element = document.getElementById("slot-template").content.firstElementChild.cloneNode(true);
    const parts = {};
    for (const part of element.querySelectorAll("[data-part]")) parts[part.dataset.part] = part;
    const slot = { element, parts, deviceId, deviceUuid: null, isAsking: false, keptUntilMs: 0 };
    parts.id.textContent = deviceId;
    element.dataset.device = deviceId;
    parts.action.addEventListener("click", () => this.#press(slot));
    this.list.append(element);
    announce(fill(gettext("%(name)s waits to be connected."), { name: deviceId }));
    return slot;
  }

  #leave(connection, slot) {
    slot.element.remove();
    this.#slots.delete(connection);
  }

  #deviceOf({ deviceUuid }) {
    return deviceUuid && this.#devices.find(({ id, room }) => id === deviceUuid && room?.id === this.room?.id);
  }

  #tick() {
    for (const [connection, slot] of this.#slots) {
      const device = this.#deviceOf(slot);
      if (slot.pending) this.#showPending(slot, slot.pending);
      else if (device) this.#showDevice(slot, device);
      else if (performance.now() < slot.keptUntilMs) this.#showBetween(slot);
      else this.#leave(connection, slot);
    }
  }

  #showPending(slot, pending) {
    const { parts } = slot;
    const device = this.#devices.find(({ id }) => id === pending.device);
    this.#showState(parts, "pending", "pending", gettext("Pending"), waitingFor(pending, serverClock.now()));
    parts.where.textContent = whereFrom(pending, device);
    parts.twins.hidden = pending.twins === 0;
    parts.twins.textContent = twinsInWords(pending.twins);
    const words = this.room ? gettext("Connect") : gettext("Needs a room");
    this.#showButton(slot, this.mayOperate && words, !this.room);
  }

  #showDevice(slot, device) {
    const { shape, title, detail } = stateInWords(device, serverClock.now());
    this.#showState(slot.parts, device.state, shape, title, detail);
    slot.parts.twins.hidden = true;
    slot.action = nextAction(device);
    this.#showButton(slot, slot.action?.words, false);
    slot.parts.action.classList.toggle("primary", Boolean(slot.action?.on));
  }

  /** Neither waiting nor in the room: it goes from the one to the other, or it dropped and tries again. */
  #showBetween(slot) {
    const isOnItsWay = slot.isAsking || slot.deviceUuid;
    const [state, title] = isOnItsWay
      ? ["connecting", gettext("Connecting")]
      : ["reconnecting", gettext("Reconnecting")];
    const detail = isOnItsWay ? "" : gettext("it comes back by itself");
    this.#showState(slot.parts, state, "connecting", title, detail);
    this.#showButton(slot, "", false);
  }

  #showState(parts, state, shape, title, detail) {
    parts.state.dataset.state = state;
    draw(parts.shape, shape);
    parts.title.textContent = title;
    parts.detail.textContent = detail;
  }

  #showButton(slot, words, isUseless) {
    const button = slot.parts.action;
    button.hidden = !words;
    if (button.dataset.resting !== undefined) return;
    button.textContent = words || "";
    button.disabled = isUseless || slot.isAsking;
  }

  async #press(slot) {
    slot.isAsking = true;
    slot.parts.action.disabled = true;
    try {
      if (slot.pending) await this.#connect(slot);
      else await send(`/api/v1/devices/${slot.deviceUuid}/capture`, { on: slot.action.on });
    } catch (error) {
      tellFailure(error);
    } finally {
      slot.isAsking = false;
      this.#tick();
    }
  }

  async #connect(slot) {
    const device = await send(`/api/v1/rooms/${this.room.id}/devices`, { connection: slot.pending.connection });
    slot.deviceUuid = device.id;
    this.dispatchEvent(new CustomEvent("connected", { detail: device }));
  }
}

function whereFrom({ address, simulated }, device) {
  const words = [];
  if (device && device.name !== device.deviceId) words.push(device.name);
  if (simulated) words.push(gettext("Microphone, simulated"));
  if (address) words.push(fill(gettext("from %(address)s"), { address }));
  return words.join(" · ");
}

function twinsInWords(twins) {
  if (!twins) return "";
  const said = ngettext("%(count)s other device says this ID too.", "%(count)s other devices say this ID too.", twins);
  const advice = gettext("Connect the one you mean, and give the other its own ID in its sketch.");
  return `${fill(said, { count: twins })} ${advice}`;
}
