/** The page /connect: the lobby by one socket, and the sound of the chosen room by another. */

import { Bridge } from "./bridge.js";
import { serverClock } from "./clock.js";
import { LiveSocket } from "./connection.js";
import { guardDecisions } from "./guard.js";
import { Lifeline } from "./lifeline.js";
import { Listening } from "./listening.js";
import { Lobby } from "./lobby.js";
import { renewSoon } from "./renewal.js";
import { attend, leave, live } from "./socket.js";
import { Sound } from "./sound.js";
import { Steps } from "./steps.js";

const root = document.getElementById("connect");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const sound = new Sound();
const bridge = new Bridge(part("bridge"), sound);
const lobby = new Lobby(root, { mayOperate: root.hasAttribute("data-may-operate") });
const steps = new Steps(root);
const listening = new Listening({
  button: part("listen"),
  words: part("listen-words"),
  note: part("sound-note"),
  sound,
  lifeline: new Lifeline(live),
});
let media = null;
let board = JSON.parse(document.getElementById("board").textContent);

function devicesOfRoom() {
  return board.devices.filter(({ room }) => steps.room && room?.id === steps.room.id);
}

function showBoard() {
  lobby.show(board);
  part("no-device").hidden = !lobby.hasSimulated;
  bridge.show(devicesOfRoom());
  showSteps();
}

function showSteps() {
  const devices = devicesOfRoom();
  steps.show(devices, sound.isListening);
  if (devices.some(({ state }) => state === "capturing")) listening.offer();
}

/** Turn to another room: its sound comes over a socket of its own, the lobby's stays. */
function enter(room) {
  lobby.choose(room);
  if (media?.room !== room.id) {
    if (media) leave(media);
    bridge.lose();
    media = new LiveSocket({ room: room.id });
    media.addEventListener("chunk", ({ detail }) => bridge.hear(detail));
    media.addEventListener("offline", () => bridge.lose());
    media.addEventListener("ended", end);
    attend(media);
  }
  showBoard();
}

/** The right to the room or to the page is over: nothing is heard here any more. */
function end() {
  bridge.lose();
  sound.hush();
  renewSoon();
}

steps.addEventListener("room", ({ detail }) => enter(detail));
sound.addEventListener("change", showSteps);
bridge.addEventListener("speaking", ({ detail }) => {
  part("speaking").hidden = !detail;
});
live.addEventListener("board", ({ detail }) => {
  board = detail;
  showBoard();
});
live.addEventListener("offline", () => bridge.lose());
live.addEventListener("ended", () => {
  if (media) leave(media);
  end();
});
guardDecisions(live);

serverClock.hear(board.serverTime);
const chosen = document.querySelector(`#existing option[value="${CSS.escape(root.dataset.room ?? "none")}"]`);
if (chosen) steps.choose({ id: chosen.value, name: chosen.textContent, records: chosen.dataset.records === "yes" });
else showBoard();
