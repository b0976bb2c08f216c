/** The server's time as this page knows it, and times and lengths as people read them. */

import { fill, gettext } from "./translation.js";

const SECOND_MS = 1000;
const CLOCK_SET_MS = 5000; // no network is this late and still worth listening over

/** What the server's clock says now, learned from the `serverTime` of its messages. */
export class ServerClock {
  #aheadMs = null;

  /** Take one `serverTime`; the least delayed message is the truest, unless a clock was set meanwhile. */
  hear(serverTime, localMs = Date.now()) {
    const aheadMs = Date.parse(serverTime) - localMs;
    if (!Number.isFinite(aheadMs)) return;
    const wasSet = this.#aheadMs === null || this.#aheadMs - aheadMs > CLOCK_SET_MS;
    if (wasSet || aheadMs > this.#aheadMs) this.#aheadMs = aheadMs;
  }

  now(localMs = Date.now()) {
    return localMs + (this.#aheadMs ?? 0);
  }
}

export const serverClock = new ServerClock();

const language = globalThis.document?.documentElement.lang || "en";
const minutes = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** 14:02, in the viewer's zone. */
export function minuteOf(moment) {
  return minutes.format(new Date(moment));
}

/** 14:02:10, in the viewer's zone. */
export function secondOf(moment) {
  return seconds.format(new Date(moment));
}

/** 31:50 or 1:04:09: how long something runs. */
export function stopwatch(totalSeconds) {
  const whole = Math.max(0, Math.floor(totalSeconds));
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${hours ? two(Math.floor(whole / 60) % 60) : Math.floor(whole / 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** "12 s", "3 min", "2 h": a length in one word, for sentences. */
export function inWords(totalSeconds) {
  const whole = Math.max(0, Math.floor(totalSeconds));
  if (whole < 60) return fill(gettext("%(count)s s"), { count: whole });
  if (whole < 3600) return fill(gettext("%(count)s min"), { count: Math.floor(whole / 60) });
  return fill(gettext("%(count)s h"), { count: Math.floor(whole / 3600) });
}

/** Seconds between a server's moment and now. */
export function secondsSince(moment, nowMs = serverClock.now()) {
  return Math.max(0, (nowMs - Date.parse(moment)) / SECOND_MS);
}
