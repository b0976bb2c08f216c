/* Slower and faster: the length changes, the pitch does not, and two lanes stay in step. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Stretcher } from "../../static/js/recording/stretch.js";

const RATE_HZ = 16_000;

function tone(hz, seconds) {
  return Float32Array.from({ length: RATE_HZ * seconds }, (_, at) => Math.sin((2 * Math.PI * hz * at) / RATE_HZ));
}

function played(samples, speed, pieceLength = 6400) {
  const stretcher = new Stretcher(RATE_HZ, 1, speed);
  const all = [];
  for (let at = 0; at < samples.length; at += pieceLength) {
    all.push(...stretcher.push([samples.slice(at, at + pieceLength)])[0]);
  }
  return all;
}

function pitchOf(samples) {
  let crossings = 0;
  for (let at = 1; at < samples.length; at += 1) {
    if (samples[at - 1] < 0 && samples[at] >= 0) crossings += 1;
  }
  return crossings / (samples.length / RATE_HZ);
}

for (const speed of [0.5, 0.75, 1.25, 1.5, 2]) {
  test(`a tone at ${speed} times its speed has its length changed and its pitch kept`, () => {
    const heard = played(tone(440, 4), speed);
    assert.ok(Math.abs(heard.length / RATE_HZ - 4 / speed) < 0.1, `${heard.length / RATE_HZ} s`);
    assert.ok(Math.abs(pitchOf(heard) - 440) < 4, `${pitchOf(heard)} Hz`);
    assert.ok(heard.every((sample) => Math.abs(sample) <= 1.001));
  });
}

test("a tone goes on without a hole", () => {
  const heard = played(tone(200, 2), 1.5);
  for (let at = 0; at + 160 < heard.length; at += 160) {
    const loudest = Math.max(...heard.slice(at, at + 160).map(Math.abs));
    assert.ok(loudest > 0.7, `${loudest} at ${at}`);
  }
});

test("a knock is heard where it belongs, within 20 ms", () => {
  for (const speed of [0.5, 1.5, 2]) {
    const knock = tone(50, 3).map((sample) => sample * 0.01);
    knock.fill(1, 2 * RATE_HZ, 2 * RATE_HZ + 16);
    const heard = played(knock, speed);
    const loudest = heard.reduce((best, sample, at) => (Math.abs(sample) > Math.abs(heard[best]) ? at : best), 0);
    assert.ok(Math.abs(loudest / RATE_HZ - 2 / speed) < 0.02, `${loudest / RATE_HZ} s at ${speed}`);
  }
});

test("it does not matter in which pieces the sound comes", () => {
  const sound = tone(300, 2);
  assert.deepEqual(played(sound, 1.5, 1000), played(sound, 1.5, 32_000));
});

test("both channels are cut at the same places", () => {
  const stretcher = new Stretcher(RATE_HZ, 2, 1.5);
  const [left, right] = stretcher.push([tone(300, 1), tone(300, 1).map((sample) => sample / 2)]);
  assert.ok(left.length > 0);
  assert.ok(left.every((sample, at) => Math.abs(sample / 2 - right[at]) < 1e-6));
});
