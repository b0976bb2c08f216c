/** One WebSocket to `/ws/live` that comes back by itself, says what it received, and never pretends to be alive. */

import { parseChunk } from "./chunk.js";
import { serverClock } from "./clock.js";

const ACK_EVERY_MS = 250;
const QUICK_RETRY_MS = [300, 1000]; // the server restarts: it is back at once, but not for everybody in one instant
const RETRY_MS = [1000, 5000];
const COUNTDOWN_MS = 1000;
const SILENT_MS = 10_000; // a device captures and yet nothing comes: the way is dead and nobody told us
const CLOSE_RESTART = 1012;
const CLOSE_NOT_ALLOWED = 4401;
const CLOSE_TOO_SLOW = 4408;

/** How long to wait before try number `attempt` (from 0), in milliseconds. */
export function retryDelayMs(closeCode, attempt, random = Math.random) {
  const isRestart = closeCode === CLOSE_RESTART && attempt < 3;
  const [low, high] = isRestart ? QUICK_RETRY_MS : [RETRY_MS[0], Math.min(RETRY_MS[1], (attempt + 2) * 1000)];
  return Math.round(low + random() * (high - low));
}

/**
 * Events: board, chunk, notice, skipped, error, stream-started (detail: the message or the chunk), online (detail: the
 * seconds that were missed), offline (detail: seconds until the next try, once a second), ended.
 */
export class LiveSocket extends EventTarget {
  /** `room`: a UUID, or null for the lobby; `address` and `WebSocketClass` are what a test puts in its own. */
  constructor({ room = null, address = null, WebSocketClass = globalThis.WebSocket } = {}) {
    super();
    this.room = room;
    this.address = address ?? addressOf(room);
    this.WebSocketClass = WebSocketClass;
    this.state = "closed";
    this.lastBoard = null;
    this.attempt = 0;
    this.lostAtMs = null;
  }

  get isOnline() {
    return this.state === "online";
  }

  open() {
    clearTimeout(this.timer);
    this.#leave();
    if (this.state !== "offline") this.state = "connecting";
    this.socket = new this.WebSocketClass(this.address);
    this.socket.binaryType = "arraybuffer";
    this.receivedBytes = 0;
    this.ackedBytes = 0;
    this.ackedAtMs = -Infinity;
    this.heardAtMs = performance.now();
    this.socket.onmessage = ({ data }) => this.#receive(data);
    this.socket.onclose = ({ code }) => this.#lost(code);
  }

  /** Leave for good: the page turns to another room or goes away. */
  close() {
    clearTimeout(this.timer);
    this.#leave();
    this.state = "closed";
  }

  /** Send a message (an object) or sound (an ArrayBuffer); says whether there was a socket to send it by. */
  send(message) {
    if (!this.isOnline) return false;
    this.socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
    return true;
  }

  /** Try at once instead of waiting: the network came back, or the page is looked at again. */
  hurry() {
    if (this.state === "offline") this.open();
  }

  /** Find out whether a quiet socket is a dead one; the page calls it every few seconds. */
  checkPulse(nowMs = performance.now()) {
    const isCapturing = this.lastBoard?.room && this.lastBoard.devices.some((device) => device.state === "capturing");
    if (this.isOnline && isCapturing && this.receivedBytes > 0 && nowMs - this.heardAtMs > SILENT_MS) {
      this.#leave();
      this.#lost(CLOSE_TOO_SLOW);
    }
  }

  #receive(data) {
    this.heardAtMs = performance.now();
    if (this.state !== "online") this.#arrived();
    if (typeof data === "string") this.#receiveText(data);
    else this.#receiveChunk(data);
  }

  #receiveText(text) {
    const message = JSON.parse(text);
    if (message.type === "board") {
      this.lastBoard = message;
      serverClock.hear(message.serverTime);
    }
    this.#tell(message.type, message);
  }

  #receiveChunk(buffer) {
    this.receivedBytes += buffer.byteLength;
    this.#acknowledge();
    const chunk = parseChunk(buffer);
    chunk.arrivedAtMs = this.heardAtMs;
    this.#tell("chunk", chunk);
  }

  /** Sent from the message itself because a hidden page's timers sleep; the timer only says the last bytes. */
  #acknowledge() {
    clearTimeout(this.ackTimer);
    if (this.heardAtMs - this.ackedAtMs >= ACK_EVERY_MS) this.#sendAck();
    else this.ackTimer = setTimeout(() => this.#sendAck(), ACK_EVERY_MS);
  }

  #sendAck() {
    if (this.receivedBytes === this.ackedBytes) return;
    this.ackedAtMs = performance.now();
    this.ackedBytes = this.receivedBytes;
    this.send({ type: "ack", bytes: this.receivedBytes });
  }

  #arrived() {
    this.state = "online";
    this.attempt = 0;
    const missedSeconds = this.lostAtMs === null ? 0 : (performance.now() - this.lostAtMs) / 1000;
    this.lostAtMs = null;
    this.#tell("online", missedSeconds);
  }

  #lost(code) {
    clearTimeout(this.ackTimer);
    if (code === CLOSE_NOT_ALLOWED) {
      this.state = "ended";
      this.#tell("ended", this.lastBoard);
      return;
    }
    if (code === CLOSE_TOO_SLOW && this.isOnline) this.#tell("skipped", { type: "skipped", chunks: 0 });
    if (this.isOnline) this.lostAtMs = this.heardAtMs;
    this.state = "offline";
    this.retryAtMs = performance.now() + retryDelayMs(code, this.attempt);
    this.attempt += 1;
    this.#countDown();
  }

  #countDown() {
    const leftMs = this.retryAtMs - performance.now();
    if (leftMs <= 0) {
      this.open();
      return;
    }
    this.#tell("offline", Math.ceil(leftMs / COUNTDOWN_MS));
    this.timer = setTimeout(() => this.#countDown(), Math.min(leftMs, COUNTDOWN_MS));
  }

  #leave() {
    clearTimeout(this.ackTimer);
    if (!this.socket) return;
    this.socket.onmessage = null;
    this.socket.onclose = null;
    this.socket.close();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function addressOf(room) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/ws/live${room ? `?room=${encodeURIComponent(room)}` : ""}`;
}
