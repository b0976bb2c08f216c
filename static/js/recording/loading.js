/** How the page fetches the shape and the sound of a take; both throw when no good answer comes. */

import { readWav } from "./wav.js";

/** Return the shape of a stretch as [min, max, min, max, …], int16. */
export async function loadPeaks(takeId, fromSeconds, toSeconds, points) {
  const query = new URLSearchParams({ from: fromSeconds, to: toSeconds, points });
  const answer = await asked(`/api/v1/recordings/${takeId}/peaks?${query}`, "application/octet-stream");
  const view = new DataView(await answer.arrayBuffer());
  return Int16Array.from({ length: view.byteLength / 2 }, (_, at) => view.getInt16(at * 2, true));
}

/** Return the sound of a stretch as {sampleRateHz, planes}, gaps as silence. */
export async function loadSound(takeId, fromSeconds, toSeconds) {
  const query = new URLSearchParams({ gaps: "silence", from: fromSeconds, to: toSeconds });
  const answer = await asked(`/recordings/${takeId}/audio.wav?${query}`, "audio/wav");
  return readWav(await answer.arrayBuffer());
}

async function asked(path, type) {
  const answer = await fetch(path, { credentials: "same-origin", headers: { Accept: type } });
  if (!answer.ok || answer.redirected) throw new Error(`${path} was answered with ${answer.status}`);
  return answer;
}
