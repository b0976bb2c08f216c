/* How a gap is drawn on glass: hatched where it is certain, dotted where it is an estimate, never so narrow that it is overlooked. */

export const SHORTEST_GAP_PX = 3;
const HATCH_PX = 7;
const DOT_PX = 5;

/** Where a gap is drawn, `{from, to}` in pixels: its true width on an axis of `seconds` over `width`, but at least 3 px. */
export function gapBox(fromSeconds, toSeconds, seconds, width) {
  const to = Math.min(width, (toSeconds / seconds) * width);
  const from = Math.min((fromSeconds / seconds) * width, to - SHORTEST_GAP_PX);
  return from < 0 ? { from: 0, to: Math.max(to, SHORTEST_GAP_PX) } : { from, to };
}

/** Draw a gap from `from` to `to` over all of `height`. `colours`: `ground` and `line`. */
export function drawGap(context, { from, to, height, colours, isEstimated }) {
  context.save();
  context.beginPath();
  context.rect(from, 0, to - from, height);
  context.clip();
  context.fillStyle = colours.ground;
  context.fillRect(from, 0, to - from, height);
  if (isEstimated) dot(context, from, to, height, colours.line);
  else hatch(context, from, to, height, colours.line);
  context.restore();
  drawEdges(context, from, to, height, colours.line);
}

/** Lines stand on a grid of the canvas, so that a gap that grows does not shimmer. */
function hatch(context, from, to, height, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = Math.floor((from - height) / HATCH_PX) * HATCH_PX; x < to; x += HATCH_PX) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
}

function dot(context, from, to, height, colour) {
  context.fillStyle = colour;
  for (let x = Math.floor(from / DOT_PX) * DOT_PX + 2; x < to; x += DOT_PX) {
    for (let y = 2; y < height; y += DOT_PX) context.fillRect(x, y, 1.4, 1.4);
  }
}

function drawEdges(context, from, to, height, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([2, 2]);
  context.beginPath();
  for (const x of [Math.floor(from), Math.ceil(to) - 1]) {
    context.moveTo(x + 0.5, 0);
    context.lineTo(x + 0.5, height);
  }
  context.stroke();
  context.setLineDash([]);
}
