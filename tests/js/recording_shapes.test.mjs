/* The shape of sound in tiles: never more points than pixels, asked for once, and anew while it grows. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { levelFor, pointSeconds, Shapes, TILE_POINTS } from "../../static/js/recording/shapes.js";

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A server that answers with the number of each point, and remembers what it was asked. */
function server() {
  const asked = [];
  const load = async (id, from, to, points) => {
    asked.push({ id, from, to, points });
    const first = Math.round(from / ((to - from) / points));
    return Int16Array.from({ length: points * 2 }, (_, at) => (at % 2 ? 1 : -1) * (first + Math.floor(at / 2)));
  };
  return { asked, load };
}

function read(shapes, take, level, first, count) {
  const lows = new Float32Array(count);
  const highs = new Float32Array(count);
  shapes.read(take, level, first, lows, highs);
  return highs;
}

const finished = (seconds) => ({ id: "a", state: "finished", seconds });

test("a point is at least one pixel wide and narrower than two", () => {
  for (const secondsPerPixel of [0.02, 0.1, 0.11, 1, 3.7, 604]) {
    const width = pointSeconds(levelFor(secondsPerPixel)) / secondsPerPixel;
    assert.ok(width >= 0.999 && (width < 2 || secondsPerPixel < 0.1), `${width} px at ${secondsPerPixel} s`);
  }
});

test("a week in a thousand pixels costs fewer points than pixels", async () => {
  const { asked, load } = server();
  const shapes = new Shapes(load);
  const level = levelFor(604_800 / 1000);
  read(shapes, finished(604_800), level, 0, Math.ceil(604_800 / pointSeconds(level)));
  await settled();
  assert.ok(asked.reduce((sum, { points }) => sum + points, 0) <= 1000);
});

test("what was loaded once is not asked for again", async () => {
  const { asked, load } = server();
  const shapes = new Shapes(load);
  assert.ok(read(shapes, finished(100), 0, 0, 600).every(Number.isNaN));
  await settled();
  const highs = read(shapes, finished(100), 0, 500, 100);
  assert.deepEqual([highs[0], highs[99]], [500, 599]);
  await settled();
  assert.equal(asked.length, 2);
});

test("the end of a tile is asked for no further than the recording goes", async () => {
  const { asked, load } = server();
  read(new Shapes(load), finished(10), 0, 0, 100);
  await settled();
  assert.deepEqual(asked, [{ id: "a", from: 0, to: 10, points: 100 }]);
});

test("a tile that grows is asked for anew, and one that is over is not", async () => {
  const { asked, load } = server();
  const shapes = new Shapes(load);
  const take = { id: "a", state: "recording", seconds: 10 };
  read(shapes, take, 0, 0, 100);
  await settled();
  read(shapes, take, 0, 0, 100);
  await settled();
  assert.equal(asked.length, 1, "nothing new, and yet asked");
  take.seconds = 11;
  read(shapes, take, 0, 0, 110);
  await settled();
  assert.deepEqual(asked.map(({ points }) => points), [100, 110]);
  take.state = "finished";
  read(shapes, take, 0, 0, 110);
  await settled();
  read(shapes, take, 0, 0, 110);
  await settled();
  assert.equal(asked.length, 3, "once more when it was over, then never again");
});

test("until a finer tile is here the coarser one is shown", async () => {
  const { load } = server();
  const shapes = new Shapes(load);
  const take = finished(200);
  read(shapes, take, 2, 0, 500);
  await settled();
  const highs = read(shapes, take, 0, 0, 8);
  assert.deepEqual([...highs], [0, 0, 0, 0, 1, 1, 1, 1]);
});

test("of what waits too long the longest unwanted is given up, and counted", async () => {
  const shapes = new Shapes(() => new Promise(() => {}));
  const take = finished(1e7);
  for (let index = 0; index < 100; index += 1) read(shapes, take, 0, index * TILE_POINTS, 1);
  assert.equal(shapes.givenUp, 100 - 6 - 48);
});

test("a failure is told, and what failed is asked for again", async () => {
  let failures = 0;
  let calls = 0;
  const shapes = new Shapes(async () => {
    calls += 1;
    throw new Error("away");
  });
  shapes.addEventListener("fail", () => (failures += 1));
  read(shapes, finished(10), 0, 0, 10);
  await settled();
  read(shapes, finished(10), 0, 0, 10);
  await settled();
  assert.deepEqual([failures, calls], [2, 2]);
});
