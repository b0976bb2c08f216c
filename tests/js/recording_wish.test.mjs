/* What is downloaded: which recordings have sound in a part, how large that is, and what browsers' fields say of time. */

import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "Asia/Bangkok";

const { fromField, recordingsBetween, sizeInWords, toField, wavBytes } = await import(
  "../../static/js/recording/wish.js"
);

const left = { id: "left", offset: 0, seconds: 100, audioSeconds: 90, rate: 16_000, channels: 1 };
const right = { id: "right", offset: 60, seconds: 100, audioSeconds: 100, rate: 16_000, channels: 2 };
const lanes = [{ takes: [left] }, { takes: [right] }];

test("only what has sound in the part is asked for", () => {
  const ids = (from, to) => recordingsBetween(lanes, from, to, "silence").map(({ take }) => take.id);
  assert.deepEqual(ids(0, 100), ["left", "right"]);
  assert.deepEqual(ids(0, 60), ["left"]);
  assert.deepEqual(ids(100, 120), ["right"]);
  assert.deepEqual(ids(200, 300), []);
});

test("the size is that of the part, with its gaps or without", () => {
  assert.equal(wavBytes(recordingsBetween(lanes, 0, 100, "silence")), 100 * 32_000 + 40 * 64_000);
  assert.equal(Math.round(wavBytes(recordingsBetween([lanes[0]], 0, 50, "skip"))), 45 * 32_000);
});

test("sizes are told as the server tells them", () => {
  assert.equal(sizeInWords(0, "en"), "0 byte");
  assert.equal(sizeInWords(1.5 * 1024 ** 2, "en"), "1.5 MB");
  assert.equal(sizeInWords(239 * 1024 ** 2, "en"), "239 MB");
  assert.equal(sizeInWords(4.25 * 1024 ** 3, "en"), "4.3 GB");
});

test("a field for date and time speaks the viewer's zone", () => {
  const moment = Date.UTC(2026, 10, 19, 12, 12, 5, 400);
  assert.equal(toField(moment), "2026-11-19T19:12:05");
  assert.equal(fromField(toField(moment)), Date.UTC(2026, 10, 19, 12, 12, 5));
  assert.ok(Number.isNaN(fromField("")));
  assert.deepEqual([toField(1499), toField(1499, Math.ceil)].map((said) => said.slice(-2)), ["01", "02"]);
});
