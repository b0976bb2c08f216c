/** How a page's socket says what it received, comes back, and ends: against a socket whose other end is the test. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { serializeChunk } from "../../static/js/live/chunk.js";
import { LiveSocket, retryDelayMs } from "../../static/js/live/connection.js";

class LocalSocket {
  static opened = [];
  sent = [];

  constructor(address) {
    this.address = address;
    LocalSocket.opened.push(this);
  }

  send(data) {
    this.sent.push(typeof data === "string" ? JSON.parse(data) : data);
  }

  close() {}

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  sound(samples = 1024) {
    const header = { codec: 1, channels: 1, flags: 1, stream: 7, sampleRateHz: 16000 };
    const count = { seq: 0, bootId: 1n, capturedAtUs: 1n };
    this.onmessage({ data: serializeChunk({ ...header, ...count, payload: new Uint8Array(samples * 2) }) });
  }
}

const BOARD = { type: "board", devices: [], pending: [], room: null, capturing: 0, serverTime: "2026-11-20T12:00:00Z" };
const LIVE_BOARD = { ...BOARD, room: { id: "1", status: "ACTIVE" }, devices: [{ state: "capturing" }] };

let nowMs;
let live;
let heard;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  nowMs = 1000;
  mock.method(performance, "now", () => nowMs);
  mock.method(Math, "random", () => 0.5);
  LocalSocket.opened = [];
  live = new LiveSocket({ address: "ws://here/ws/live", WebSocketClass: LocalSocket });
  heard = [];
  for (const type of ["board", "chunk", "online", "offline", "ended", "skipped", "notice"]) {
    live.addEventListener(type, ({ detail }) => heard.push([type, detail]));
  }
  live.open();
});

afterEach(() => {
  live.close();
  mock.timers.reset();
  mock.restoreAll();
});

function pass(milliseconds) {
  nowMs += milliseconds;
  mock.timers.tick(milliseconds);
}

function kinds() {
  return heard.map(([type]) => type);
}

const newest = () => LocalSocket.opened.at(-1);

test("the first message makes it online, with nothing missed", () => {
  newest().say(BOARD);
  assert.deepEqual(heard[0], ["online", 0]);
  assert.equal(heard[1][0], "board");
});

test("sound is acknowledged four times a second, counted from the socket's beginning", () => {
  newest().say(BOARD);
  for (let index = 0; index < 16; index += 1) {
    newest().sound();
    pass(64);
  }
  const acks = newest().sent;
  assert.ok(acks.length >= 4 && acks.length <= 5, `${acks.length} acks in a second`);
  pass(1000);
  assert.deepEqual(newest().sent.at(-1), { type: "ack", bytes: 16 * (32 + 2048) });
});

test("a page in which nothing is heard acknowledges nothing", () => {
  newest().say(BOARD);
  pass(60_000);
  assert.deepEqual(newest().sent, []);
});

test("a lost socket counts down to its next try and then comes back with the seconds it missed", () => {
  newest().say(LIVE_BOARD);
  newest().onclose({ code: 1006 });
  assert.deepEqual(heard.at(-1), ["offline", 2]);
  pass(1000);
  assert.deepEqual(heard.at(-1), ["offline", 1]);
  pass(500);
  assert.equal(LocalSocket.opened.length, 2);
  pass(7500);
  newest().say(LIVE_BOARD);
  assert.deepEqual(heard.at(-2), ["online", 9]);
});

test("while the server is away it tries again and again", () => {
  newest().say(BOARD);
  for (let attempt = 0; attempt < 8; attempt += 1) {
    newest().onclose({ code: 1006 });
    for (let second = 0; second < 5; second += 1) pass(1000);
  }
  assert.equal(LocalSocket.opened.length, 9);
});

test("a try comes after 1 to 5 s, and within a second when the server only restarts", () => {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    for (const luck of [0, 0.999]) {
      const delayMs = retryDelayMs(1006, attempt, () => luck);
      assert.ok(delayMs >= 1000 && delayMs <= 5000);
    }
  }
  assert.ok(retryDelayMs(1012, 0, () => 0.999) <= 1000);
});

test("when it is not allowed it says so once and never tries again", () => {
  newest().say(BOARD);
  newest().onclose({ code: 4401 });
  pass(60_000);
  assert.deepEqual(kinds().slice(-1), ["ended"]);
  assert.equal(LocalSocket.opened.length, 1);
});

test("when it was too slow it says so and comes back", () => {
  newest().say(BOARD);
  newest().onclose({ code: 4408 });
  assert.deepEqual(kinds().slice(-2), ["skipped", "offline"]);
});

test("nothing is sent into a dead socket", () => {
  assert.equal(live.send({ type: "start-stream" }), false);
  newest().say(BOARD);
  assert.equal(live.send({ type: "start-stream" }), true);
  newest().onclose({ code: 1006 });
  assert.equal(live.send({ type: "start-stream" }), false);
});

test("a socket that falls silent while a device captures is taken as dead", () => {
  newest().say(LIVE_BOARD);
  newest().sound();
  nowMs += 9000;
  live.checkPulse();
  assert.equal(live.isOnline, true);
  nowMs += 2000;
  live.checkPulse();
  assert.equal(live.isOnline, false);
});

test("a socket that is silent while nothing captures is left alone", () => {
  newest().say(BOARD);
  nowMs += 3_600_000;
  live.checkPulse();
  assert.equal(live.isOnline, true);
});

test("a page that is closed does not come back", () => {
  newest().say(BOARD);
  live.close();
  pass(60_000);
  assert.equal(LocalSocket.opened.length, 1);
});
