/* What of a recording is shown: zoomed, moved, followed; and which times stand above it. */

import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "Asia/Kolkata"; // half an hour off: round times must be round there too

const { View } = await import("../../static/js/recording/view.js");
const { stepFor, ticksBetween } = await import("../../static/js/recording/ticks.js");

function viewOf(totalSeconds, width = 1000) {
  const view = new View();
  view.setWidth(width);
  view.setTotal(totalSeconds);
  return view;
}

test("a whole view grows with its recording", () => {
  const view = viewOf(100);
  view.setTotal(200);
  assert.deepEqual([view.from, view.to, view.isWhole], [0, 200, true]);
});

test("a closer view stays where it is while its recording grows", () => {
  const view = viewOf(1000);
  view.zoom(0.1, 500);
  const { from, to } = view;
  view.setTotal(2000);
  assert.deepEqual([view.from, view.to], [from, to]);
});

test("zooming leaves the moment under the pointer where it is", () => {
  const view = viewOf(3600);
  const before = view.secondsAt(250);
  view.zoom(0.2, 250);
  assert.ok(Math.abs(view.secondsAt(250) - before) < 1e-6);
  assert.ok(Math.abs(view.to - view.from - 720) < 1e-6);
});

test("it zooms no closer than twenty seconds and no further than the whole", () => {
  const view = viewOf(3600);
  view.zoom(1e-6);
  assert.ok(Math.abs(view.to - view.from - 20) < 1e-6);
  view.zoom(1e6);
  assert.equal(view.isWhole, true);
});

test("a recording of a few seconds is shown whole however close one looks", () => {
  const view = viewOf(5);
  view.zoom(0.5);
  assert.deepEqual([view.from, view.to, view.isWhole], [0, 5, true]);
});

test("moving ends at both ends", () => {
  const view = viewOf(1000);
  view.zoom(0.1);
  view.pan(-1e9);
  assert.equal(view.from, 0);
  view.pan(1e9);
  assert.equal(view.to, 1000);
});

test("a playhead that leaves the picture turns the page", () => {
  const view = viewOf(1000);
  view.zoom(0.1, 0);
  assert.equal(view.reveal(50), false);
  assert.equal(view.reveal(101), true);
  assert.deepEqual([view.from, view.to], [91, 191]);
});

test("ticks are as close as their words have room", () => {
  assert.equal(stepFor(0.02, 90), 2);
  assert.equal(stepFor(3.7, 90), 600);
  assert.equal(stepFor(604, 90), 86_400);
  assert.equal(stepFor(1e9, 90), 604_800);
});

test("ticks are round on the viewer's clock", () => {
  const from = new Date(2026, 10, 19, 19, 12, 7).getTime();
  const ticks = ticksBetween(from, from + 3_600_000, 600);
  assert.deepEqual(ticks.map(({ atMs }) => new Date(atMs).getMinutes()), [20, 30, 40, 50, 0, 10]);
  assert.ok(ticks.every(({ kind }) => kind === "minute"));
});

test("a day that begins is told as a day, also among hours", () => {
  const from = new Date(2026, 10, 19, 17, 30).getTime();
  const ticks = ticksBetween(from, from + 12 * 3_600_000, 3 * 3600);
  assert.deepEqual(
    ticks.map(({ atMs, kind }) => [new Date(atMs).getHours(), kind]),
    [[18, "minute"], [21, "minute"], [0, "day"], [3, "minute"]],
  );
});

test("seconds are told where they matter", () => {
  const from = new Date(2026, 10, 19, 19, 12, 7).getTime();
  const ticks = ticksBetween(from, from + 20_000, 5);
  assert.deepEqual(ticks.map(({ atMs, kind }) => [new Date(atMs).getSeconds(), kind]), [
    [10, "second"], [15, "second"], [20, "second"], [25, "second"],
  ]);
});
