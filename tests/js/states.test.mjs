/** Every state that a board may report, in words, with the one action that is next. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { inWords, ServerClock, stopwatch } from "../../static/js/live/clock.js";
import { formatInWords, nextAction, stateInWords, warningsOf } from "../../static/js/live/states.js";

const NOW_MS = Date.parse("2026-11-20T12:00:12Z");
const device = {
  deviceId: "piano-r",
  name: "Piano, right",
  room: { id: "1", name: "Studio B" },
  rate: 16000,
  channels: 1,
  state: "connected",
  since: "2026-11-20T12:00:00Z",
  wanted: false,
  mayControl: true,
  hint: null,
  conflict: null,
  problem: "",
};

function words(state, more = {}) {
  const { title, detail } = stateInWords({ ...device, state, ...more }, NOW_MS);
  return `${title} | ${detail}`;
}

test("each state says its words", () => {
  assert.equal(words("pending"), "Pending | for 12 s");
  assert.equal(words("connecting"), "Connecting | asking it to join Studio B");
  assert.equal(words("connected"), "Connected | ready, not capturing");
  assert.equal(words("starting"), "Starting | asked 12 s ago; no sound yet");
  assert.match(words("capturing"), /^Capturing \| since \d\d:00$/);
  assert.equal(words("stopping"), "Stopping | the last second is being kept");
  assert.match(words("away"), /^Away since \d\d:00 \| it comes back by itself$/);
  assert.equal(words("reconnecting"), "Reconnecting | dropped 12 s ago");
});

test("a state without its moment is still a sentence", () => {
  for (const state of ["pending", "starting", "capturing", "away", "reconnecting"]) {
    assert.doesNotMatch(words(state, { since: null }), /%|undefined|NaN|null/);
  }
});

test("the button is the next step: start what rests, stop what runs, wish for what is away", () => {
  const action = (state, more) => nextAction({ ...device, state, ...more });
  assert.deepEqual([action("connected").words, action("connected").on], ["Start", true]);
  assert.deepEqual([action("capturing").words, action("capturing").on], ["Stop", false]);
  assert.deepEqual([action("starting").words, action("starting").on], ["Stop", false]);
  assert.deepEqual([action("away").words, action("away").on], ["Start when back", true]);
  assert.equal(action("away", { wanted: true }).on, false);
  assert.equal(action("pending"), null);
});

test("who may not control gets no button", () => {
  for (const state of ["connected", "capturing", "away"]) {
    assert.equal(nextAction({ ...device, state, mayControl: false }), null);
  }
});

test("a rate that looks wrong says what is heard and offers the remedy", () => {
  const [warning] = warningsOf({ ...device, hint: { rate: 8000, channels: 1 } });
  assert.equal(warning.title, "Looks like 8 kHz");
  assert.equal(warning.detail, "set to 16 kHz, so it plays twice too fast");
  assert.deepEqual(warning.remedy, { words: "Use 8 kHz", settings: { sample_rate_hz: 8000, channels: 1 } });
});

test("a hint of stereo speaks of channels, not of rates", () => {
  const [warning] = warningsOf({ ...device, hint: { rate: 16000, channels: 2 } });
  assert.equal(warning.title, "Looks like stereo");
  assert.deepEqual(warning.remedy.settings, { channels: 2 });
});

test("two devices with one name are told apart by the end of their addresses", () => {
  const conflict = { addresses: ["192.168.1.61", "192.168.1.77"], connection: "2" };
  const [warning] = warningsOf({ ...device, conflict });
  assert.equal(`${warning.title} | ${warning.detail}`, "Two devices, one name | .61 and .77 both say piano-r");
});

test("a flat line is said after 30 s, and only of what captures", () => {
  assert.deepEqual(warningsOf({ ...device, state: "capturing" }, 29), []);
  assert.equal(warningsOf({ ...device, state: "capturing" }, 31)[0].title, "Connected, but silent");
  assert.deepEqual(warningsOf({ ...device, state: "connected" }, 31), []);
});

test("rates and lengths read as people say them", () => {
  assert.equal(formatInWords({ rate: 16000, channels: 1 }), "16 kHz mono");
  assert.equal(formatInWords({ rate: 22050, channels: 2 }), "22.05 kHz stereo");
  assert.deepEqual([inWords(9.7), inWords(185), inWords(7300)], ["9 s", "3 min", "2 h"]);
  assert.deepEqual([stopwatch(1910), stopwatch(3849)], ["31:50", "1:04:09"]);
});

test("the server's clock is the least delayed that was heard, until it is set", () => {
  const clock = new ServerClock();
  clock.hear("2026-11-20T12:00:00.000Z", NOW_MS);
  clock.hear("2026-11-20T12:00:00.500Z", NOW_MS + 900);
  assert.equal(clock.now(NOW_MS), Date.parse("2026-11-20T12:00:00Z"));
  clock.hear("2026-11-20T11:00:00Z", NOW_MS);
  assert.equal(clock.now(NOW_MS), Date.parse("2026-11-20T11:00:00Z"));
});
