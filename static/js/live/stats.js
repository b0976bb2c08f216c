/** What this page counts about itself: for tests, and for who opens the console to see why there is no sound. */

export const stats = {
  socket: "connecting",
  chunks: 0,
  secondsPlayed: 0,
  underruns: 0,
  droppedSeconds: 0,
  bufferedMs: 0,
  mode: "none",
};

/** `leganize.stats` and `leganize.analyser` in the console. */
export const instruments = { stats, analyser: null };
globalThis.leganize = instruments;
