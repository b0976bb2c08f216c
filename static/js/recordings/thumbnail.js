/* One recording's sound as small as its row: the wave, what is missing in it, and a red edge while it runs. */

import { drawGap, gapBox } from "../hatching.js";

const LOUDER = 0.6; // a row is 34 px high: a root makes speech visible and keeps full scale full
const FULL_SCALE = 32768;
const EDGE_PX = 2;
const MARGIN_PX = 3;

/** Int16 pairs, minimum and maximum, out of their base64. */
export function peaksOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Int16Array.from({ length: bytes.length >> 1 }, (_, index) => view.getInt16(2 * index, true));
}

/** How far a sample reaches from the middle line, -1 to 1. */
export function reachOf(sample) {
  const part = Math.min(1, Math.abs(sample) / FULL_SCALE);
  return Math.sign(sample) * part ** LOUDER;
}

/** Draw `sound` (`{seconds, peaks, gaps}`, or null before it is known) on a canvas, in its own pixels. */
export function drawThumbnail(canvas, sound, { isLive, isRunning }) {
  const { context, width, height } = fitted(canvas);
  if (!width) return;
  const colours = coloursOf(canvas);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, width, height);
  const end = isRunning ? width - EDGE_PX : width;
  if (sound?.seconds > 0) {
    drawWave(context, sound.peaks, end, height, colours.wave);
    for (const [from, to, isEstimated] of sound.gaps) {
      drawGap(context, { ...gapBox(from, to, sound.seconds, end), height, colours, isEstimated });
    }
  }
  if (!isRunning) return;
  context.fillStyle = isLive ? colours.live : colours.line;
  context.fillRect(width - EDGE_PX, 0, EDGE_PX, height);
}

/** One shape from the highest points forwards and the lowest ones back, at least a line. */
function drawWave(context, peaks, width, height, colour) {
  const count = peaks.length / 2;
  if (!count) return;
  const middle = height / 2;
  const reach = middle - MARGIN_PX;
  const x = (index) => ((index + 0.5) / count) * width;
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(0, middle - 0.5);
  for (let index = 0; index < count; index += 1) {
    context.lineTo(x(index), Math.min(middle - 0.5, middle - reachOf(peaks[2 * index + 1]) * reach));
  }
  context.lineTo(width, middle);
  for (let index = count - 1; index >= 0; index -= 1) {
    context.lineTo(x(index), Math.max(middle + 0.5, middle - reachOf(peaks[2 * index]) * reach));
  }
  context.closePath();
  context.fill();
}

function fitted(canvas) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/** Colours come from the style sheet, for the theme may have been switched. */
function coloursOf(canvas) {
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name).trim();
  return {
    ground: colour("--glass"), line: colour("--glass-edge"), wave: colour("--glass-wave"), live: colour("--glass-live"),
  };
}
