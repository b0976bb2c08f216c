/** The header of a chunk against the vectors that Python and C++ read too: bytes to values, values to bytes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { parseChunk, serializeChunk } from "../../static/js/live/chunk.js";

const vectors = readFileSync(new URL("../vectors/chunks.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line && !line.startsWith("#"))
  .map((line) => line.split("|").map((field) => field.trim()))
  .map(([name, hex, json]) => ({ name, bytes: fromHex(hex), value: JSON.parse(json) }));

function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function asVector(chunk) {
  return {
    codec: chunk.codec,
    stream: chunk.stream,
    seq: chunk.seq,
    boot_id: String(chunk.bootId),
    captured_at_us: String(chunk.capturedAtUs),
    sample_rate_hz: chunk.sampleRateHz,
    channels: chunk.channels,
    flags: chunk.flags,
    payload: Buffer.from(chunk.payload).toString("hex"),
  };
}

for (const { name, bytes, value } of vectors.filter(({ value }) => !value.error)) {
  test(`${name} is read as the vectors say`, () => {
    assert.deepEqual(asVector(parseChunk(bytes.buffer)), value);
  });
  test(`${name} is written as it was read`, () => {
    assert.deepEqual(new Uint8Array(serializeChunk(parseChunk(bytes.buffer))), bytes);
  });
}

for (const { name, bytes, value } of vectors.filter(({ value }) => value.error)) {
  test(`${name} is refused in words`, () => {
    assert.throws(() => parseChunk(bytes.buffer), { name: "RangeError", message: new RegExp(value.error) });
  });
}

test("the file of vectors holds both kinds", () => {
  assert.ok(vectors.some(({ value }) => value.error) && vectors.some(({ value }) => !value.error));
});
