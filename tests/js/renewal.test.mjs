/** How often a page that lost its right may be loaded anew. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { mayRenew } from "../../static/js/live/renewal.js";

class Memory extends Map {
  getItem(key) {
    return this.get(key) ?? null;
  }

  setItem(key, value) {
    this.set(key, value);
  }
}

test("a page is renewed at most once in thirty seconds", () => {
  const memory = new Memory();
  assert.equal(mayRenew(memory, "/rooms/1/", 1000), true);
  assert.equal(mayRenew(memory, "/rooms/1/", 30_999), false);
  assert.equal(mayRenew(memory, "/rooms/1/", 31_000), true);
});

test("each address has its own turn", () => {
  const memory = new Memory();
  assert.equal(mayRenew(memory, "/rooms/1/", 1000), true);
  assert.equal(mayRenew(memory, "/connect?room=1", 1000), true);
});

test("a clock that was set back keeps no page from being renewed", () => {
  const memory = new Memory();
  mayRenew(memory, "/rooms/1/", 90_000);
  assert.equal(mayRenew(memory, "/rooms/1/", 1000), true);
});

test("where nothing can be remembered nothing is renewed", () => {
  assert.equal(mayRenew(null, "/rooms/1/", 1000), false);
});
