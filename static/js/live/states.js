/** What a device's reported state is in words, what needs a look about it, and which one action is next. */

import { inWords, minuteOf, secondsSince } from "./clock.js";
import { fill, gettext } from "./translation.js";

const SHAPES = { starting: "connecting", reconnecting: "connecting", stopping: "away" };
const FLAT_SECONDS = 30;

/** `{shape, title, detail}` of an entry of `board.devices`. */
export function stateInWords(device, nowMs) {
  const [title, detail] = SENTENCES[device.state](device, nowMs);
  return { shape: SHAPES[device.state] ?? device.state, title, detail };
}

/** The button beside it: `{words, on, icon}` with the wish to save, or null where there is nothing to decide. */
export function nextAction(device) {
  if (!device.mayControl || device.state === "pending" || device.state === "connecting") return null;
  if (device.state === "capturing" || device.state === "starting" || device.state === "stopping") {
    return { words: gettext("Stop"), on: false, icon: "stop" };
  }
  if (device.state === "away" || device.state === "reconnecting") {
    return device.wanted
      ? { words: gettext("Do not start"), on: false, icon: "stop" }
      : { words: gettext("Start when back"), on: true, icon: "start" };
  }
  return { words: gettext("Start"), on: true, icon: "start" };
}

/** What needs a look, beside the state and never instead of it: `{kind, shape, title, detail, remedy}`. */
export function warningsOf(device, flatSeconds = 0) {
  const warnings = [];
  if (device.hint && !isAsSet(device)) warnings.push(rateWarning(device));
  if (device.conflict) warnings.push(conflictWarning(device));
  if (device.problem) warnings.push({ kind: "problem", shape: "hint", ...problemInWords(device.problem) });
  if (device.state === "capturing" && flatSeconds >= FLAT_SECONDS) {
    warnings.push({
      kind: "silent",
      shape: "hint",
      title: gettext("Connected, but silent"),
      detail: fill(gettext("flat line for %(length)s. Check the wiring"), { length: inWords(flatSeconds) }),
    });
  }
  return warnings;
}

/** What a device's own trouble, by the code that the server gives it, is in words: `{title, detail}`. */
export function problemInWords(code) {
  const known = {
    buffer: {
      title: gettext("Sends no sound"),
      detail: gettext("its buffer is too large: set BUFFER_SIZE to 1024 in the sketch"),
    },
  };
  return known[code] ?? { title: code, detail: "" };
}

/** "16 kHz mono", "22.05 kHz stereo" where it is so, and "Camera" where there is no sound. */
export function formatInWords({ rate, channels, kind }) {
  if (kind === "camera") return gettext("Camera");
  const form = channels === 2 ? gettext("%(rate)s stereo") : gettext("%(rate)s mono");
  return fill(form, { rate: rateInWords(rate) });
}

function isAsSet({ hint, rate, channels }) {
  return hint.rate === rate && hint.channels === channels;
}

const SENTENCES = {
  pending: (device, nowMs) => [gettext("Pending"), waitingFor(device, nowMs)],
  connecting: (device) => [
    gettext("Connecting"),
    device.room ? fill(gettext("asking it to join %(room)s"), { room: device.room.name }) : "",
  ],
  connected: () => [gettext("Connected"), gettext("ready, not capturing")],
  starting: (device, nowMs) => [
    gettext("Starting"),
    device.since
      ? fill(gettext("asked %(length)s ago; no sound yet"), { length: inWords(secondsSince(device.since, nowMs)) })
      : gettext("no sound yet"),
  ],
  capturing: (device) => [
    gettext("Capturing"),
    device.since ? fill(gettext("since %(time)s"), { time: minuteOf(device.since) }) : "",
  ],
  stopping: () => [gettext("Stopping"), gettext("the last second is being kept")],
  away: (device) => [
    device.since ? fill(gettext("Away since %(time)s"), { time: minuteOf(device.since) }) : gettext("Away"),
    device.wanted ? gettext("it comes back by itself, and starts then") : gettext("it comes back by itself"),
  ],
  reconnecting: (device, nowMs) => [
    gettext("Reconnecting"),
    device.since
      ? fill(gettext("dropped %(length)s ago"), { length: inWords(secondsSince(device.since, nowMs)) })
      : gettext("it comes back by itself"),
  ],
};

/** "for 12 s" */
export function waitingFor({ since }, nowMs) {
  return since ? fill(gettext("for %(length)s"), { length: inWords(secondsSince(since, nowMs)) }) : "";
}

function rateInWords(rateHz) {
  return fill(gettext("%(rate)s kHz"), { rate: String(rateHz / 1000) });
}

function rateWarning({ rate, channels, hint }) {
  if (hint.channels !== channels && hint.rate === rate) {
    const [title, detail, words] =
      hint.channels === 2
        ? [gettext("Looks like stereo"), gettext("set to mono, so it plays at half speed"), gettext("Use stereo")]
        : [gettext("Looks like mono"), gettext("set to stereo, so it plays too fast"), gettext("Use mono")];
    return { kind: "hint", shape: "hint", title, detail, remedy: { words, settings: { channels: hint.channels } } };
  }
  return {
    kind: "hint",
    shape: "hint",
    title: fill(gettext("Looks like %(rate)s"), { rate: rateInWords(hint.rate) }),
    detail: fill(speedInWords(rate / hint.rate), { rate: rateInWords(rate) }),
    remedy: {
      words: fill(gettext("Use %(rate)s"), { rate: rateInWords(hint.rate) }),
      settings: { sample_rate_hz: hint.rate, channels: hint.channels },
    },
  };
}

function speedInWords(times) {
  if (times === 2) return gettext("set to %(rate)s, so it plays twice too fast");
  if (times === 0.5) return gettext("set to %(rate)s, so it plays at half speed");
  if (times > 1) return gettext("set to %(rate)s, so it plays too fast");
  return gettext("set to %(rate)s, so it plays too slowly");
}

function conflictWarning(device) {
  const [here, there] = device.conflict.addresses.map(shortAddress);
  return {
    kind: "conflict",
    shape: "conflict",
    title: gettext("Two devices, one name"),
    detail: fill(gettext("%(here)s and %(there)s both say %(name)s"), { here, there, name: device.deviceId }),
  };
}

/** On one network the last number tells two devices apart. */
function shortAddress(address) {
  return /^\d+(\.\d+){3}$/.test(address) ? address.slice(address.lastIndexOf(".")) : address;
}
