/** What somebody wants to take away: which recordings, which part of them, with or without gaps, and how large that is. */

const WAV_BYTES_PER_SAMPLE = 2;
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const FORMATS = { wav: "WAV", flac: "FLAC", opus: "Opus", mp3: "MP3" };

/** The name that people know a format by. */
export function formatName(format) {
  return FORMATS[format];
}

/**
 * Return the recordings of the chosen lanes that have sound between two moments of the axis, as {take, seconds}:
 * by the clock, or of sound alone. Of a part it is reckoned that sound and gaps are spread evenly.
 */
export function recordingsBetween(lanes, from, to, gaps) {
  const found = [];
  for (const take of lanes.flatMap(({ takes }) => takes)) {
    const seconds = Math.min(to, take.offset + take.seconds) - Math.max(from, take.offset);
    if (seconds <= 0) continue;
    const share = gaps === "skip" && take.seconds ? take.audioSeconds / take.seconds : 1;
    found.push({ take, seconds: seconds * share });
  }
  return found;
}

/** How large they are as WAV. */
export function wavBytes(recordings) {
  return recordings.reduce((sum, { take, seconds }) => sum + seconds * take.rate * take.channels * WAV_BYTES_PER_SAMPLE, 0);
}

/** "239 MB", as the server writes sizes: a kilobyte is 1024 bytes. */
export function sizeInWords(bytes, language = globalThis.document?.documentElement.lang || "en") {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  const value = bytes / 1024 ** power;
  const digits = power > 0 && value < 10 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit: UNITS[power], maximumFractionDigits: digits }).format(value);
}

/** What a browser's own field for date and time wants, in the viewer's zone and whole seconds: 2026-11-19T19:12:05. */
export function toField(moment, round = Math.floor) {
  const at = new Date(round(moment / 1000) * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Milliseconds since 1970 of what such a field says; NaN while it says nothing. */
export function fromField(text) {
  return new Date(text).getTime();
}
