/* What is missing in a recording, in words: why, and how long; `pages/gaps.py` says the same for a page as it is first drawn. */

import { fill, gettext, ngettext } from "./live/translation.js";

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;
const REASONS = {
  "device-offline": () => gettext("Device offline"),
  "worker-lost": () => gettext("Server failed"),
  "queue-full": () => gettext("Disk too slow"),
  "disk-full": () => gettext("Disk full"),
  "bad-data": () => gettext("Unreadable data"),
  moved: () => gettext("Server restarted"),
};

/** Why there is no sound: "Device offline"; of an estimate nobody knows more than that it was lost on the way. */
export function reasonInWords(reason, isEstimated = false) {
  if (isEstimated) return gettext("Lost on the way, estimated");
  return REASONS[reason]?.() ?? reason;
}

/** A length in its two greatest units: "7 ms", "0.3 s", "5 min 37 s", "2 h 4 min", "6 d 3 h". */
export function lengthInWords(seconds) {
  if (seconds > 0 && seconds < 0.1) return one(gettext("%(count)s ms"), Math.max(1, Math.round(seconds * 1000)));
  if (seconds > 0 && seconds < 0.95) return one(gettext("%(count)s s"), tenths(seconds));
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE_S) return one(gettext("%(count)s s"), whole);
  if (whole < HOUR_S) return two(gettext("%(count)s min"), whole, MINUTE_S, gettext("%(count)s s"), 1);
  if (whole < DAY_S) return two(gettext("%(count)s h"), whole, HOUR_S, gettext("%(count)s min"), MINUTE_S);
  return two(gettext("%(count)s d"), whole, DAY_S, gettext("%(count)s h"), HOUR_S);
}

/** "3 gaps" */
export function gapsInWords(count) {
  return one(ngettext("%(count)s gap", "%(count)s gaps", count), count);
}

function one(words, count) {
  return fill(words, { count });
}

function two(greater, whole, greaterSeconds, lesser, lesserSeconds) {
  const rest = Math.floor((whole % greaterSeconds) / lesserSeconds);
  const said = one(greater, Math.floor(whole / greaterSeconds));
  return rest ? `${said} ${one(lesser, rest)}` : said;
}

function tenths(seconds) {
  const language = globalThis.document?.documentElement.lang || "en";
  return seconds.toLocaleString(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
