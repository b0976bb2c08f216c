/** Samples as numbers, and what a meter makes of them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Level } from "../../static/js/live/level.js";
import { decibels, decodePcm, encodePcm, measure } from "../../static/js/live/pcm.js";
import { Downsampler } from "../../static/js/worklets/talker.js";

test("samples are read little-endian, signed, and channel by channel", () => {
  const [left, right] = decodePcm(Uint8Array.of(0x00, 0x80, 0xff, 0x7f, 0x00, 0x40, 0x00, 0x00), 2);
  assert.deepEqual([...left], [-1, 0.5]);
  assert.deepEqual([...right], [Math.fround(32767 / 32768), 0]);
});

test("what is written is what was read, and what is too loud is cut", () => {
  const written = new Uint8Array(encodePcm(Float32Array.of(0.5, -1, 2, -2)));
  assert.deepEqual([...decodePcm(written, 1)[0]], [0.5, -1, Math.fround(32767 / 32768), -1]);
});

test("a full tone is 3 dB under full scale, and silence is the floor", () => {
  const tone = Float32Array.from({ length: 16000 }, (_, index) => Math.sin(index / 5));
  const { rms, peak } = measure([tone]);
  assert.ok(Math.abs(decibels(rms) + 3) < 0.1);
  assert.ok(decibels(peak) > -0.1);
  assert.equal(decibels(0), -60);
});

test("the ceiling is told as clipping and a dead wire as flat", () => {
  assert.equal(measure([Float32Array.of(0.1, 32767 / 32768)]).clipped, true);
  assert.equal(measure([Float32Array.of(0.1, 0.9)]).clipped, false);
  assert.equal(measure([Float32Array.of(1 / 32768, -2 / 32768)]).flat, true);
  assert.equal(measure([Float32Array.of(0.01)]).flat, false);
});

const LOUD = { rms: 0.5, peak: 0.9, clipped: false };
const SOFT = { rms: 0.01, peak: 0.02, clipped: false };

test("a level rises at once, falls slowly, and its peak is held for 1.5 s", () => {
  const level = new Level();
  level.hear(LOUD, 0);
  assert.ok(level.read(0).levelDb > -7);
  level.hear(SOFT, 500);
  assert.ok(level.read(500).levelDb > -20, "it fell at once");
  level.hear(SOFT, 1400);
  assert.ok(level.read(1400).peakDb > -1);
  level.hear(SOFT, 1600);
  assert.ok(level.read(1600).peakDb < -20);
});

test("clipping is said for 1.5 s", () => {
  const level = new Level();
  level.hear({ ...LOUD, clipped: true }, 0);
  level.hear(SOFT, 900);
  assert.equal(level.read(1400).clipping, true);
  level.hear(SOFT, 1500);
  assert.equal(level.read(1600).clipping, false);
});

test("a meter without sound for a second is at its floor", () => {
  const level = new Level();
  level.hear(LOUD, 0);
  assert.deepEqual(level.read(1100), { levelDb: -60, peakDb: -60, clipping: false });
});

test("a reset meter is dead at once", () => {
  const level = new Level();
  level.hear(LOUD, 0);
  level.reset();
  assert.equal(level.read(1).levelDb, -60);
});

for (const rateHz of [44_100, 48_000]) {
  test(`a voice at ${rateHz} Hz leaves as 16 kHz blocks of the same pitch`, () => {
    const blocks = [];
    const downsampler = new Downsampler(rateHz, (block) => blocks.push(...block));
    for (let quantum = 0; quantum < rateHz / 128; quantum += 1) {
      const voice = (_, index) => Math.sin((2 * Math.PI * 440 * (quantum * 128 + index)) / rateHz);
      downsampler.push(Float32Array.from({ length: 128 }, voice));
    }
    let crossings = 0;
    blocks.forEach((sample, index) => {
      if (blocks[index - 1] < 0 && sample >= 0) crossings += 1;
    });
    assert.ok(Math.abs(blocks.length - 16_000) <= 1024, `${blocks.length} samples in a second`);
    assert.ok(Math.abs(crossings / (blocks.length / 16_000) - 440) < 4);
  });
}
