/* Times as the viewer's clock shows them: the server writes UTC, this puts every <time> into the browser's zone. */

import { inWords, secondsSince } from "./live/clock.js";
import { fill } from "./live/translation.js";

const NOW_SECONDS = 2; // what was heard within it is heard now
const YEAR_SECONDS = 31536000;
const DAY_MS = 86400000;
const HOUR = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const FORMS = {
  time: HOUR,
  hour: HOUR,
  clock: { ...HOUR, second: "2-digit" },
  both: { ...HOUR, day: "numeric", month: "short" },
  day: { weekday: "long", day: "numeric", month: "long" },
};
const language = document.documentElement.lang;
// the day before the month, and Thai in the Gregorian calendar, as the names of downloaded files have it
const calendar = { en: "en-GB", th: "th-u-ca-gregory" }[language] ?? language;
const formats = Object.fromEntries(
  Object.entries(FORMS).map(([name, options]) => [name, new Intl.DateTimeFormat(calendar, options)]),
);

/** Tell `moment` (ISO 8601) as "time", "hour", "clock", "both", "day" or "ago"; a "time" of another day gets its date too. */
export function tell(moment, show = "time") {
  const at = new Date(moment);
  if (show === "ago") return ago(moment);
  if (show === "day") return day(at);
  return formats[show === "time" && !isDaysAgo(at, 0) ? "both" : show].format(at);
}

/** Tell how long ago `moment` was: "now", "4 s ago", "36 min ago". */
export function ago(moment) {
  const seconds = secondsSince(moment);
  return seconds < NOW_SECONDS ? gettext("now") : fill(gettext("%(length)s ago"), { length: inWords(seconds) });
}

/** Put all times below `root` into the viewer's zone. */
export function tellAll(root = document) {
  for (const element of root.querySelectorAll("time[datetime][data-show]")) {
    element.textContent = tell(element.dateTime, element.dataset.show);
    element.title = new Date(element.dateTime).toLocaleString(calendar);
  }
}

function day(at) {
  const words = formats.day.format(at);
  if (isDaysAgo(at, 0)) return fill(gettext("Today, %(day)s"), { day: words });
  if (isDaysAgo(at, 1)) return fill(gettext("Yesterday, %(day)s"), { day: words });
  return words;
}

function isDaysAgo(at, days) {
  return at.toDateString() === new Date(Date.now() - days * DAY_MS).toDateString();
}

// by it the server tells one day from the next
document.cookie = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
tellAll();
setInterval(() => {
  for (const element of document.querySelectorAll('time[data-show="ago"]')) {
    const words = ago(element.dateTime);
    if (element.textContent !== words) element.textContent = words;
  }
}, 1000);
