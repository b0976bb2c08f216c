/** The page of one recording: what is drawn, played, marked and downloaded here, put together. */

import "../attendance.js";
import { guardDecisions } from "../live/guard.js";
import { live } from "../live/socket.js";
import { instruments } from "../live/stats.js";
import { gettext } from "../live/translation.js";
import { announce, showBanner } from "../toasts.js";
import { Downloads } from "./downloads.js";
import { GapList } from "./gaplist.js";
import { Gestures } from "./gestures.js";
import { Growth } from "./growth.js";
import { Lanes } from "./lanes.js";
import { loadPeaks, loadSound } from "./loading.js";
import { Markers } from "./markers.js";
import { Pieces } from "./pieces.js";
import { Player } from "./player.js";
import { Scale } from "./scale.js";
import { Shapes } from "./shapes.js";
import { Standing } from "./standing.js";
import { Timeline } from "./timeline.js";
import { Title } from "./title.js";
import { Transport } from "./transport.js";
import { View } from "./view.js";

const ZOOM_STEP = 0.5;
const root = document.getElementById("recording");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const board = JSON.parse(document.getElementById("board").textContent);
const timeline = new Timeline(board);
const view = new View();
const shapes = new Shapes(loadPeaks);
const player = new Player(timeline, new Pieces(loadSound));
const markers = new Markers(root, { board, timeline, player });
const gapList = new GapList(root, { timeline, seek: (seconds) => go(seconds) });
const mark = board.mayOperate ? () => markers.set() : null;
const transport = new Transport(root, { player, timeline, gaps: () => gapList.gaps, mark });
const lanes = new Lanes(part("strips"), { timeline, player, shapes, changed: () => fit() });
const scale = new Scale(part("scale"));
const standing = new Standing(root, timeline);
const growth = new Growth(timeline, part("player").dataset.now);
const downloads = new Downloads(root, { board, timeline, view });
let drawnSeconds = null;

function fit() {
  view.setWidth(lanes.width);
  drawAll();
}

function drawAll() {
  scale.draw(view, timeline, markers.all);
  part("closer").disabled = view.isClosest;
  for (const name of ["further", "whole"]) part(name).disabled = view.isWhole;
  drawLanes();
}

function drawLanes() {
  drawnSeconds = player.seconds;
  lanes.draw({ view, markers: markers.all, seconds: drawnSeconds, isOnline: live.state !== "offline" });
}

/** Go to a moment, and show it. */
function go(seconds) {
  player.seek(seconds);
  if (view.reveal(player.seconds)) drawAll();
}

function showTimeline() {
  view.setTotal(timeline.totalSeconds);
  player.setLanes(timeline.lanes);
  lanes.show();
  gapList.show();
  standing.show();
  downloads.show();
  transport.show();
  fit();
}

/** Every frame: the clock, the meters, and the place where one is, if it moved by as much as can be seen. */
function tick(nowMs) {
  transport.tick();
  lanes.meter(nowMs);
  const { seconds } = player;
  if (player.state === "playing" && view.reveal(seconds)) drawAll();
  else if (Math.abs(seconds - drawnSeconds) >= view.secondsPerPixel / 2) drawLanes();
  requestAnimationFrame(tick);
}

function zoom(factor) {
  const x = view.x(player.seconds);
  view.zoom(factor, x >= 0 && x <= view.width ? x : view.width / 2);
  drawAll();
}

new Title(root, { path: `/api/v1/recordings/${board.id}` });
new Gestures(part("player"), view, { changed: drawAll, seek: go });
part("closer").addEventListener("click", () => zoom(ZOOM_STEP));
part("further").addEventListener("click", () => zoom(1 / ZOOM_STEP));
part("whole").addEventListener("click", () => {
  view.showWhole();
  drawAll();
});
timeline.addEventListener("change", showTimeline);
markers.addEventListener("change", drawAll);
shapes.addEventListener("load", drawLanes);
live.addEventListener("online", () => growth.hurry());
for (const event of ["online", "offline"]) live.addEventListener(event, drawLanes);
growth.addEventListener("gone", () => {
  player.pause();
  showBanner({ title: gettext("This recording is gone."), text: gettext("It was deleted, or you may not see it any more.") });
  announce(gettext("This recording is gone."));
});
growth.addEventListener("state", () => announce(standing.words));
document.fonts?.ready.then(drawAll);
guardDecisions(live);
instruments.player = player;
instruments.view = view;
showTimeline();
growth.start();
requestAnimationFrame(tick);
