/** A recording's sound as small as its row: what came is read as it was sent, and no gap is too small to be seen. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { gapBox, SHORTEST_GAP_PX } from "../../static/js/hatching.js";
import { peaksOf, reachOf } from "../../static/js/recordings/thumbnail.js";

test("peaks are read as the server packs them: pairs of int16, little-endian", () => {
  const packed = Buffer.from(Int16Array.from([-32768, 32767, -1, 0]).buffer).toString("base64");
  assert.deepEqual([...peaksOf(packed)], [-32768, 32767, -1, 0]);
  assert.deepEqual([...peaksOf("")], []);
});

test("full scale reaches the edge, silence stays on the line, and speech is seen", () => {
  assert.equal(reachOf(0), 0);
  assert.equal(reachOf(-32768), -1);
  assert.ok(reachOf(32767) > 0.999 && reachOf(32767) <= 1);
  assert.ok(reachOf(1000) > 0.1, "30 dB below full scale is not a line");
});

test("a gap has its true width, but never less than can be seen, also at both ends", () => {
  assert.deepEqual(gapBox(25, 50, 100, 240), { from: 60, to: 120 });
  for (const [from, to] of [[0, 0.01], [50, 50.01], [99.99, 100]]) {
    const box = gapBox(from, to, 100, 240);
    assert.ok(box.to - box.from >= SHORTEST_GAP_PX - 1e-9 && box.from >= 0 && box.to <= 240, JSON.stringify(box));
  }
  assert.deepEqual(gapBox(0, 100, 100, 240), { from: 0, to: 240 });
});
