/* Times as the viewer's clock shows them: the server writes UTC, this puts every <time> into the browser's zone. */

const language = document.documentElement.lang;
const FORMS = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  day: { weekday: "long", day: "numeric", month: "long" },
  both: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
};
// Thai in the Gregorian calendar, as the recordings' file names are
const calendar = language.startsWith("th") ? "th-u-ca-gregory" : language;
const formats = Object.fromEntries(
  Object.entries(FORMS).map(([name, options]) => [name, new Intl.DateTimeFormat(calendar, options)]),
);
const sinceThen = new Intl.RelativeTimeFormat(language, { style: "short", numeric: "always" });

/** Tell `moment` (ISO 8601 or Date) as "time", "clock", "day" or "both"; a time of another day gets its date too. */
export function tell(moment, show = "time") {
  const at = new Date(moment);
  const isToday = at.toDateString() === new Date().toDateString();
  return formats[show === "time" && !isToday ? "both" : show].format(at);
}

/** Tell how long ago `moment` was: "now" within 2 s, then "4 s ago", "36 min ago". */
export function ago(moment, nowMs = Date.now()) {
  const seconds = Math.round((nowMs - new Date(moment)) / 1000);
  if (seconds < 2) return gettext("now");
  if (seconds < 60) return sinceThen.format(-seconds, "second");
  if (seconds < 3600) return sinceThen.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86400) return sinceThen.format(-Math.floor(seconds / 3600), "hour");
  return sinceThen.format(-Math.floor(seconds / 86400), "day");
}

/** Put all times below `root` into the viewer's zone. */
export function tellAll(root = document) {
  for (const element of root.querySelectorAll("time[datetime][data-show]")) {
    const { show } = element.dataset;
    element.textContent = show === "ago" ? ago(element.dateTime) : tell(element.dateTime, show);
    element.title = new Date(element.dateTime).toLocaleString(calendar);
  }
}

tellAll();
setInterval(() => {
  for (const element of document.querySelectorAll('time[data-show="ago"]')) element.textContent = ago(element.dateTime);
}, 1000);
