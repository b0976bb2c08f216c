/** What is missing, as a page says it after it was drawn. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { gapsInWords, lengthInWords, reasonInWords } from "../../static/js/gaps.js";

test("a length is told in its two greatest units", () => {
  const told = [0, 0.0002, 0.007, 0.074, 0.0996, 0.1, 0.3, 0.96, 6, 60, 124, 337, 3600, 7440, 90_000, 604_800].map(lengthInWords);
  assert.deepEqual(told, [
    "0 s", "1 ms", "7 ms", "74 ms", "100 ms", "0.1 s", "0.3 s", "1 s", "6 s", "1 min", "2 min 4 s", "5 min 37 s", "1 h", "2 h 4 min", "1 d 1 h", "7 d",
  ]);
});

test("an estimate names no culprit, and a reason that only a newer server knows is said as it is", () => {
  assert.equal(reasonInWords("moved"), "Server restarted");
  assert.equal(reasonInWords("device-offline", true), "Lost on the way, estimated");
  assert.equal(reasonInWords("struck-by-lightning"), "struck-by-lightning");
  assert.deepEqual([1, 3].map(gapsInWords), ["1 gap", "3 gaps"]);
});
