/** Moments of a recording as the viewer's clock shows them; with their day, where the recording lasts over midnight. */

import { secondOf } from "../live/clock.js";

const language = globalThis.document?.documentElement.lang || "en";
// the day before the month, and Thai in the Gregorian calendar, as everywhere else
const calendar = { en: "en-GB", th: "th-u-ca-gregory" }[language] ?? language;
const days = new Intl.DateTimeFormat(calendar, { day: "numeric", month: "short" });

/** 19 Nov */
export function dayOf(momentMs) {
  return days.format(momentMs);
}

/** 19:36:18, or 19 Nov 19:36:18 of a recording that lasts from one day to another. */
export function wallClock(timeline, seconds) {
  const at = timeline.momentOf(seconds);
  return timeline.isOverMidnight ? `${dayOf(at)} ${secondOf(at)}` : secondOf(at);
}
