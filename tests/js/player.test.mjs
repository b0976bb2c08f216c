/** What the audio thread does with chunks that come early, late, in heaps or not at all. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { JitterBuffer, JitterEstimate, SampleRing, cubic, driftSpeed } from "../../static/js/worklets/player.js";

const OUTPUT_HZ = 48_000;
const CHUNK_SAMPLES = 1024;

function sine(hertz, rateHz, from, count) {
  const at = (_, index) => 0.5 * Math.sin((2 * Math.PI * hertz * (from + index)) / rateHz);
  return Float32Array.from({ length: count }, at);
}

/** Chunks that arrive in time or `delayOf(index)` seconds later, in order; pulled in quanta of 128 as browsers do. */
function playFor(buffer, seconds, rateHz, { delayOf = () => 0, isLost = () => false } = {}) {
  const out = [];
  const chunkSeconds = CHUNK_SAMPLES / rateHz;
  const arrivals = [];
  for (let index = 0, at = 0; index < Math.floor(seconds / chunkSeconds); index += 1) {
    at = Math.max(at, (index + 1) * chunkSeconds + delayOf(index));
    if (!isLost(index)) arrivals.push({ index, at });
  }
  for (let now = 0; now < seconds; now += 128 / OUTPUT_HZ) {
    while (arrivals.length && arrivals[0].at <= now) {
      const { index, at } = arrivals.shift();
      buffer.push([sine(440, rateHz, index * CHUNK_SAMPLES, CHUNK_SAMPLES)], rateHz, at);
    }
    const quantum = [new Float32Array(128), new Float32Array(128)];
    buffer.pull(quantum);
    out.push(...quantum[0]);
  }
  return Float32Array.from(out);
}

/** Rising zero crossings a second over the last second. */
function pitchOf(samples) {
  const last = samples.slice(-OUTPUT_HZ);
  let crossings = 0;
  for (let index = 1; index < last.length; index += 1) if (last[index - 1] < 0 && last[index] >= 0) crossings += 1;
  return crossings;
}

function loudestStep(samples) {
  let step = 0;
  for (let index = 1; index < samples.length; index += 1) {
    step = Math.max(step, Math.abs(samples[index] - samples[index - 1]));
  }
  return step;
}

test("the curve goes through its middle points and is straight on a line", () => {
  assert.equal(cubic(3, 1, 4, 1, 0), 1);
  assert.equal(cubic(3, 1, 4, 1, 1), 4);
  assert.equal(cubic(0, 1, 2, 3, 0.25), 1.25);
});

for (const rateHz of [8000, 11025, 16000, 22050, 32000, 44100]) {
  test(`a 440 Hz tone at ${rateHz} Hz is heard as 440 Hz, without an underrun`, () => {
    const buffer = new JitterBuffer(OUTPUT_HZ);
    const heard = playFor(buffer, 4, rateHz);
    assert.ok(Math.abs(pitchOf(heard) - 440) <= 3, `heard ${pitchOf(heard)} Hz`);
    assert.equal(buffer.underruns, 0);
  });
}

test("both ears hear a mono microphone, and stereo stays apart", () => {
  const mono = new JitterBuffer(OUTPUT_HZ);
  const stereo = new JitterBuffer(OUTPUT_HZ);
  for (let index = 0; index < 8; index += 1) {
    const tone = sine(440, 16000, index * CHUNK_SAMPLES, CHUNK_SAMPLES);
    mono.push([tone], 16000, index * 0.064);
    stereo.push([tone, new Float32Array(CHUNK_SAMPLES)], 16000, index * 0.064);
  }
  const both = [new Float32Array(4096), new Float32Array(4096)];
  mono.pull(both);
  assert.deepEqual(both[0], both[1]);
  stereo.pull(both);
  assert.ok(both[0].some((sample) => Math.abs(sample) > 0.3) && both[1].every((sample) => sample === 0));
});

test("nothing is heard before the target is in hand", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  buffer.push([sine(440, 16000, 0, CHUNK_SAMPLES)], 16000, 0);
  const quantum = [new Float32Array(128)];
  buffer.pull(quantum);
  assert.ok(quantum[0].every((sample) => sample === 0));
});

test("an even arrival keeps the delay near 120 ms", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  playFor(buffer, 10, 16000);
  const { targetMs, bufferedMs } = buffer.report();
  assert.equal(targetMs, 120);
  assert.ok(bufferedMs <= 140, `${bufferedMs} ms are in hand`);
});

test("jitter raises the target so that it is heard once, and never above 600 ms", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  playFor(buffer, 20, 16000, { delayOf: (index) => (index % 10 === 9 ? 0.25 : 0) });
  const early = buffer.underruns;
  assert.ok(buffer.report().targetMs >= 250 && buffer.report().targetMs <= 600);
  assert.ok(early <= 2, `${early} underruns`);
});

test("an underrun fades instead of clicking, and sound comes back", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  const heard = playFor(buffer, 4, 16000, { isLost: (index) => index >= 20 && index < 30 });
  assert.equal(buffer.underruns, 1);
  assert.ok(loudestStep(heard) < 0.08, `a step of ${loudestStep(heard)} clicks`);
  assert.ok(Math.abs(pitchOf(heard) - 440) <= 3);
});

test("more than a second behind, it drops to now", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  playFor(buffer, 1, 16000);
  for (let index = 0; index < 30; index += 1) buffer.push([new Float32Array(CHUNK_SAMPLES)], 16000, 1 + index * 0.001);
  assert.ok(buffer.report().bufferedMs <= 650, `${buffer.report().bufferedMs} ms are in hand`);
  assert.ok(buffer.droppedSeconds > 0.5);
});

test("a heap that comes before the first sound is not played late", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  for (let index = 0; index < 40; index += 1) buffer.push([new Float32Array(CHUNK_SAMPLES)], 16000, index * 0.001);
  buffer.pull([new Float32Array(128)]);
  assert.ok(buffer.report().bufferedMs <= 600);
});

test("drift is pulled back by half a percent at most", () => {
  assert.equal(driftSpeed(0.12, 0.12), 1);
  assert.equal(driftSpeed(5, 0.12), 1.005);
  assert.equal(driftSpeed(0, 5), 0.995);
});

test("a microphone whose crystal is 0.1 % fast stays in step for minutes", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  const chunkSeconds = CHUNK_SAMPLES / 16016;
  let at = 0;
  const quantum = [new Float32Array(128)];
  for (let now = 0; now < 120; now += 128 / OUTPUT_HZ) {
    for (; at <= now; at += chunkSeconds) buffer.push([new Float32Array(CHUNK_SAMPLES)], 16000, at);
    buffer.pull(quantum);
  }
  assert.equal(buffer.underruns, 0);
  assert.ok(buffer.report().bufferedMs < 250, `${buffer.report().bufferedMs} ms are in hand`);
});

test("a new sample rate begins anew", () => {
  const buffer = new JitterBuffer(OUTPUT_HZ);
  playFor(buffer, 1, 16000);
  const heard = playFor(buffer, 3, 8000);
  assert.ok(Math.abs(pitchOf(heard) - 440) <= 3);
});

test("a ring that overflows keeps the newest sound", () => {
  const ring = new SampleRing(8000, 1);
  for (let second = 0; second < 6; second += 1) ring.push([new Float32Array(8000).fill(second)]);
  assert.ok(ring.bufferedSeconds <= 4);
  ring.position = ring.written - 10;
  assert.equal(ring.value(0), 5);
});

test("a pause does not count as jitter", () => {
  const estimate = new JitterEstimate();
  for (let index = 0; index < 20; index += 1) estimate.hear(0.064, index * 0.064);
  for (let index = 0; index < 20; index += 1) estimate.hear(0.064, 60 + index * 0.064);
  assert.ok(Math.abs(estimate.targetSeconds - 0.12) < 0.001);
});
