/** The line of times above the lanes: one mark each half minute, wandering to the left with the sound. */

import { secondOf } from "./clock.js";
import { SPAN_MS } from "./history.js";

const SVG = "http://www.w3.org/2000/svg";
const MARK_EVERY_MS = 30_000;
const ROOM_FOR_WORDS_PX = 66; // half of it hangs over each side of a mark, and "now" needs its own

/** Put the marks where they are at `nowMs` (the server's clock) into an svg as wide as the tapes. */
export function drawScale(svg, nowMs) {
  const width = svg.clientWidth;
  const marks = [];
  for (let at = Math.ceil((nowMs - SPAN_MS) / MARK_EVERY_MS) * MARK_EVERY_MS; at < nowMs; at += MARK_EVERY_MS) {
    const x = width - ((nowMs - at) / SPAN_MS) * width;
    if (x > ROOM_FOR_WORDS_PX / 2 && x < width - ROOM_FOR_WORDS_PX) marks.push({ x, words: secondOf(at) });
  }
  while (svg.childElementCount > marks.length) svg.lastElementChild.remove();
  while (svg.childElementCount < marks.length) svg.append(document.createElementNS(SVG, "text"));
  marks.forEach(({ x, words }, index) => {
    const text = svg.children[index];
    text.setAttribute("x", x.toFixed(1));
    text.setAttribute("y", 13);
    if (text.textContent !== words) text.textContent = words;
  });
}
