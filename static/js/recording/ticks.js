/** The times written above the lanes: round ones of the viewer's clock, as close together as words have room. */

const STEPS_SECONDS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];
const HOUR_SECONDS = 3600;
const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;

/** Return the step in seconds that leaves at least `roomPx` between two ticks. */
export function stepFor(secondsPerPixel, roomPx) {
  return STEPS_SECONDS.find((step) => step / secondsPerPixel >= roomPx) ?? STEPS_SECONDS.at(-1);
}

/**
 * Return the ticks from `fromMs` to `toMs` (ms since 1970) as {atMs, kind}: "day" where a day begins, "second" where
 * seconds matter, else "minute". Hours are counted on the wall, so that a change to summer time moves none of them.
 */
export function ticksBetween(fromMs, toMs, stepSeconds) {
  const ticks = [];
  for (let at = firstTick(fromMs, stepSeconds); at.getTime() <= toMs; at = nextTick(at, stepSeconds)) {
    if (at.getTime() >= fromMs) ticks.push({ atMs: at.getTime(), kind: kindOf(at, stepSeconds) });
  }
  return ticks;
}

function firstTick(fromMs, stepSeconds) {
  const at = new Date(fromMs);
  at.setMinutes(0, 0, 0);
  if (stepSeconds > HOUR_SECONDS) at.setHours(0);
  if (stepSeconds > HOUR_SECONDS) return at;
  const missed = Math.floor((fromMs - at.getTime()) / (stepSeconds * 1000));
  return new Date(at.getTime() + missed * stepSeconds * 1000);
}

function nextTick(at, stepSeconds) {
  if (stepSeconds <= HOUR_SECONDS) return new Date(at.getTime() + stepSeconds * 1000);
  const next = new Date(at);
  const hours = stepSeconds / HOUR_SECONDS;
  if (hours >= DAY_HOURS) next.setDate(next.getDate() + hours / DAY_HOURS);
  else next.setHours(next.getHours() + hours);
  return next > at ? next : new Date(at.getTime() + HOUR_MS); // an hour that does not exist
}

function kindOf(at, stepSeconds) {
  if (at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0) return "day";
  return stepSeconds < 60 ? "second" : "minute";
}
