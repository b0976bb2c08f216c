/** Two minutes of one lane: sound stands where it belongs, and what is missing is never drawn as silence. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../static/js/live/history.js";

const RATE_HZ = 16_000;
const SAMPLES = 1024;
const CHUNK_MS = 64;
const START_MS = 1_763_640_000_000;

/** Tell `history` chunk number `seq`, captured `atMs` after the start. */
function hear(history, seq, atMs, { bootId = 1n, level = 0.5, cause = "missing", nowMs } = {}) {
  const capturedAtUs = BigInt(Math.round((START_MS + atMs) * 1000));
  const chunk = { seq, bootId, capturedAtUs, flags: 0, sampleRateHz: RATE_HZ };
  history.hear(chunk, [new Float32Array(SAMPLES).fill(level)], nowMs ?? START_MS + atMs + CHUNK_MS, cause);
}

function tell(history, chunks, { fromSeq = 0, fromMs = 0, jitterMs = () => 0, ...rest } = {}) {
  for (let index = 0; index < chunks; index += 1) {
    hear(history, fromSeq + index, fromMs + index * CHUNK_MS + jitterMs(index), rest);
  }
}

test("sound that comes in step has no hole", () => {
  const history = new History();
  tell(history, 100);
  for (let atMs = 0; atMs < 6400; atMs += 50) {
    assert.notEqual(history.extent(START_MS + atMs, START_MS + atMs + 50), null, `hole at ${atMs} ms`);
  }
  assert.deepEqual(history.gaps, []);
});

test("arrival that jitters by 300 ms leaves no hole", () => {
  const history = new History();
  tell(history, 100, { jitterMs: (index) => (index % 7 === 6 ? 300 : 0) });
  assert.deepEqual(history.gaps, []);
});

test("a device that sends half as fast as it says has no hole either, only a hint", () => {
  const history = new History();
  for (let index = 0; index < 100; index += 1) hear(history, index, index * 2 * CHUNK_MS);
  assert.deepEqual(history.gaps, []);
  for (let atMs = 0; atMs < 12_000; atMs += 50) {
    assert.notEqual(history.extent(START_MS + atMs, START_MS + atMs + 50), null, `hole at ${atMs} ms`);
  }
});

test("an hour of a crystal that is 0.1 % slow ends now and has no hole", () => {
  const history = new History();
  for (let index = 0; index < 56_250; index += 1) hear(history, index, index * CHUNK_MS * 1.001);
  assert.deepEqual(history.gaps, []);
  assert.ok(Math.abs(history.endMs - START_MS - 56_250 * CHUNK_MS * 1.001) < 10);
});

test("a device that was away for 6 s leaves a gap of 6 s with its cause", () => {
  const history = new History();
  tell(history, 10);
  tell(history, 10, { fromMs: 640 + 6000, bootId: 2n, cause: "away" });
  const [gap] = history.gaps;
  assert.equal(gap.cause, "away");
  assert.equal(Math.round((gap.toMs - gap.fromMs) / 100), 60);
  assert.equal(history.extent(gap.fromMs + 100, gap.toMs - 100), null);
});

test("chunks that are missing in the count are a gap even when the next one comes soon", () => {
  const history = new History();
  tell(history, 10);
  tell(history, 10, { fromSeq: 30, fromMs: 640 + 20 * CHUNK_MS });
  assert.equal(history.gaps.length, 1);
  assert.ok(Math.abs(history.gaps[0].toMs - history.gaps[0].fromMs - 20 * CHUNK_MS) < 1);
});

test("a gap is open while nothing comes, and is none where nothing is expected", () => {
  const history = new History();
  tell(history, 10);
  assert.equal(history.openGap(START_MS + 1000, "missing"), null);
  assert.equal(history.openGap(START_MS + 5000, "page").cause, "page");
  history.rest();
  assert.equal(history.openGap(START_MS + 5000, "missing"), null);
});

test("after a rest the time between is not missing", () => {
  const history = new History();
  tell(history, 10);
  history.rest();
  tell(history, 10, { fromSeq: 10, fromMs: 30_000 });
  assert.deepEqual(history.gaps, []);
});

test("a device whose clock is years off is put where its sound arrives", () => {
  const history = new History();
  tell(history, 10, { fromMs: -1e11, nowMs: START_MS });
  assert.ok(Math.abs(history.endMs - START_MS) < 1000);
});

test("the lowest and highest sample are kept apart", () => {
  const history = new History();
  hear(history, 0, 0, { level: 0.25 });
  hear(history, 1, CHUNK_MS, { level: -0.75 });
  const [low, high] = history.extent(START_MS, START_MS + 200);
  assert.equal(low, -0.75);
  assert.equal(high, 0.25);
});

test("after two minutes its place is taken by what is new", () => {
  const history = new History();
  tell(history, 10, { level: 0.25 });
  tell(history, 10, { fromSeq: 10, fromMs: 120_000, level: 0.5 });
  assert.equal(history.extent(START_MS, START_MS + 600), null);
  assert.deepEqual(history.extent(START_MS + 120_000, START_MS + 120_600), [0.5, 0.5]);
});
