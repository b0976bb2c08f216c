/* Sound on its way to the ear: which piece is next, fetched once, padded where it is short, and forgotten in time. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { nextSound } from "../../static/js/recording/feed.js";
import { PIECE_SECONDS, Pieces } from "../../static/js/recording/pieces.js";
import { PlayClock } from "../../static/js/recording/playclock.js";
import { mergedGaps } from "../../static/js/recording/timeline.js";
import { readWav } from "../../static/js/recording/wav.js";

const RATE_HZ = 100;
const take = (seconds, more = {}) => ({ id: "a", offset: 0, state: "finished", seconds, rate: RATE_HZ, channels: 1, ...more });

function library(shortBy = 0) {
  const asked = [];
  const pieces = new Pieces(async (id, from, to) => {
    asked.push([from, to]);
    return { sampleRateHz: RATE_HZ, planes: [new Float32Array(Math.round((to - from) * RATE_HZ) - shortBy).fill(1)] };
  });
  return { asked, pieces };
}

test("a piece is fetched once, whoever asks for it meanwhile", async () => {
  const { asked, pieces } = library();
  await Promise.all([pieces.fetch(take(10), 5), pieces.fetch(take(10), 6)]);
  assert.deepEqual(asked, [[4, 8]]);
  assert.equal(pieces.at(take(10), 7.9).from, 4);
  assert.equal(pieces.at(take(10), 8), null);
});

test("the last piece ends where the take ends", async () => {
  const { asked, pieces } = library();
  await pieces.fetch(take(9.5), 8.2);
  assert.deepEqual(asked, [[8, 9.5]]);
  assert.equal(pieces.at(take(9.5), 9.4).until, 9.5);
});

test("what the server has less than it said is silence, so that playing goes on", async () => {
  const { pieces } = library(50);
  await pieces.fetch(take(8), 0);
  const piece = pieces.at(take(8), 3.9);
  assert.equal(piece.until, 4);
  assert.deepEqual([piece.planes[0][349], piece.planes[0][350]], [1, 0]);
});

test("a growing piece is fetched again when there is more, and forgotten when one goes elsewhere", async () => {
  const { asked, pieces } = library();
  const running = take(2, { state: "recording" });
  await pieces.fetch(running, 0);
  assert.equal(pieces.at(running, 2), null);
  running.seconds = 3;
  await pieces.fetch(running, 2);
  assert.deepEqual(asked, [[0, 2], [0, 3]]);
  assert.equal(pieces.at(running, 2.5).until, 3);
  pieces.forgetUnsettled();
  assert.equal(pieces.at(running, 2.5), null);
});

test("the piece longest unused is given up for room, and counted", async () => {
  const pieces = new Pieces(async (id, from, to) => ({
    sampleRateHz: 44_100,
    planes: [new Float32Array((to - from) * 44_100), new Float32Array((to - from) * 44_100)],
  }));
  for (let index = 0; index < 60; index += 1) await pieces.fetch(take(1000), index * PIECE_SECONDS);
  assert.ok(pieces.givenUp > 0);
  assert.equal(pieces.at(take(1000), 0), null);
  assert.ok(pieces.at(take(1000), 59 * PIECE_SECONDS));
});

test("the sound that comes next is this take's, or the next one's beginning", () => {
  const takes = [take(10), take(5, { id: "b", offset: 20 })];
  assert.deepEqual([nextSound(takes, 3).take.id, nextSound(takes, 3).at], ["a", 3]);
  assert.deepEqual([nextSound(takes, 12).take.id, nextSound(takes, 12).at], ["b", 0]);
  assert.equal(nextSound(takes, 25), null);
});

test("of a take that grows a scrap is not worth fetching yet", () => {
  assert.equal(nextSound([take(10, { state: "recording" })], 9.8), null);
  assert.ok(nextSound([take(10)], 9.8));
});

test("the clock runs at the chosen speed, and stands where it was stopped", () => {
  const clock = new PlayClock();
  clock.stopAt(30);
  assert.equal(clock.secondsAt(99), 30);
  clock.speed = 1.5;
  clock.runFrom(30, 100);
  assert.deepEqual([clock.secondsAt(99), clock.secondsAt(102), clock.timeOf(33)], [30, 33, 102]);
});

test("newer gaps replace those from where they begin", () => {
  const known = [{ at: 1 }, { at: 50, seconds: 1 }, { at: 60 }];
  assert.deepEqual(mergedGaps(known, [{ at: 50, seconds: 2 }]), [{ at: 1 }, { at: 50, seconds: 2 }]);
  assert.equal(mergedGaps(known, []), known);
});

/** A WAV file with a foreign chunk before its sound. */
function wav({ kind = "RIFF", size = 8, bits = 16 } = {}) {
  const view = new DataView(new ArrayBuffer(12 + 24 + 10 + 8 + 8));
  const text = (at, word) => [...word].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, kind);
  text(8, "WAVE");
  text(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(22, 2, true);
  view.setUint32(24, 16_000, true);
  view.setUint16(34, bits, true);
  text(36, "LIST");
  view.setUint32(40, 1, true); // odd: a byte of padding follows
  text(46, "data");
  view.setUint32(50, size, true);
  [16384, -16384, 0, 32767].forEach((sample, index) => view.setInt16(54 + index * 2, sample, true));
  return view.buffer;
}

test("a WAV file is taken apart, also one of more than four gigabytes", () => {
  for (const file of [wav(), wav({ kind: "RF64", size: 0xffffffff })]) {
    const { sampleRateHz, planes } = readWav(file);
    assert.equal(sampleRateHz, 16_000);
    assert.deepEqual(planes.map((plane) => [...plane]), [[0.5, 0], [-0.5, Math.fround(32767 / 32768)]]);
  }
});

test("what is no WAV file says so", () => {
  assert.throws(() => readWav(new ArrayBuffer(0)), /no WAV/);
  assert.throws(() => readWav(wav({ kind: "OggS" })), /no WAV/);
  assert.throws(() => readWav(wav({ bits: 24 })), /16 bits/);
  assert.throws(() => readWav(wav().slice(0, 46)), /no sound/);
});
