/* The night in which clocks are set: round times stay round on the wall, and none is named twice. */

import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "Europe/Berlin";

const { ticksBetween } = await import("../../static/js/recording/ticks.js");
const HOUR_MS = 3_600_000;

for (const [name, day] of [["forward", new Date(2026, 2, 28, 12)], ["back", new Date(2026, 9, 24, 12)]]) {
  test(`ticks of six hours stay at 0, 6, 12, 18 in the night when clocks go ${name}`, () => {
    const ticks = ticksBetween(day.getTime(), day.getTime() + 48 * HOUR_MS, 6 * 3600);
    assert.deepEqual(ticks.map(({ atMs }) => new Date(atMs).getHours()).slice(0, 8), [12, 18, 0, 6, 12, 18, 0, 6]);
  });

  test(`ticks of a day are midnights in the night when clocks go ${name}`, () => {
    const ticks = ticksBetween(day.getTime(), day.getTime() + 96 * HOUR_MS, 86_400);
    assert.ok(ticks.length >= 3);
    assert.ok(ticks.every(({ kind }) => kind === "day"));
  });
}

test("an hour that does not exist is left out, and the ticks go on", () => {
  const night = new Date(2026, 2, 29, 0).getTime();
  const hours = ticksBetween(night, night + 6 * HOUR_MS, 3600).map(({ atMs }) => new Date(atMs).getHours());
  assert.deepEqual(hours, [0, 1, 3, 4, 5, 6, 7]);
});
