/** The page of one room: its lanes, its panel and its few decisions, on the page's one socket. */

import { send, tellFailure } from "../forms.js";
import { announce } from "../toasts.js";
import { Bridge } from "./bridge.js";
import { secondOf, serverClock } from "./clock.js";
import { guardDecisions } from "./guard.js";
import { listenForKeys } from "./keys.js";
import { Lifeline } from "./lifeline.js";
import { Listening } from "./listening.js";
import { renew } from "./renewal.js";
import { RoomPanel } from "./roompanel.js";
import { live } from "./socket.js";
import { Sound } from "./sound.js";
import { stateInWords } from "./states.js";
import { Talk, obstacleToTalking } from "./talk.js";
import { fill, gettext, ngettext } from "./translation.js";

const root = document.getElementById("room");
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const apiPath = `/api/v1/rooms/${root.dataset.room}`;
const sound = new Sound();
const bridge = new Bridge(part("bridge"), sound);
const panel = new RoomPanel(root);
const lifeline = new Lifeline(live);
const listening = new Listening({
  button: part("listen"),
  words: part("listen-words"),
  note: part("sound-note"),
  sound,
  lifeline,
});
const said = new Map();
let board = null;

function show(newBoard) {
  board = newBoard;
  const capturing = board.devices.filter(({ state }) => state === "capturing" || state === "stopping");
  bridge.show(board.devices);
  panel.show(board);
  part("badge").hidden = capturing.length === 0;
  part("sentence").textContent = sentenceOf(capturing, board.room);
  part("room-empty").hidden = board.devices.length > 0 || !board.room.mayControl;
  for (const button of document.querySelectorAll('[data-opens="stop-dialog"]')) {
    if (button.dataset.resting === undefined) button.disabled = capturing.length === 0;
  }
  if (part("stop-words")) part("stop-words").textContent = stopWords(capturing, board.room);
  const wish = document.querySelector(`[data-part="records"] input[value="${board.room.records ? "yes" : "no"}"]`);
  if (wish) wish.checked = true;
  if (capturing.length) listening.offer();
  lifeline.setAlarm(alarmOf(board.room));
  showBar();
  announceChanges(board.devices);
}

function sentenceOf(capturing, { records, recording }) {
  const running = ngettext("%(count)s microphone is running.", "%(count)s microphones are running.", capturing.length);
  if (!capturing.length) return gettext("Nothing is running. What is heard here starts with a press on Start.");
  const kept = recording
    ? fill(gettext("Recorded since %(time)s."), { time: secondOf(recording.since) })
    : records ? "" : gettext("It is not kept.");
  return `${fill(running, { count: capturing.length })} ${kept}`.trim();
}

function stopWords(capturing, { records }) {
  const stops = ngettext("%(count)s microphone stops.", "%(count)s microphones stop.", capturing.length);
  const stays = records ? gettext("What is recorded stays.") : "";
  return `${fill(stops, { count: capturing.length })} ${stays}`.trim();
}

/** What is wrong with the disk, for the banner line; who may free some space is led there. */
function alarmOf({ disk, mayControl }) {
  if (!disk) return null;
  const action = mayControl ? { words: gettext("Free some space"), href: "/recordings/keeping/" } : null;
  return { title: disk.title, text: disk.text, action };
}

function showBar() {
  const count = board?.devices.filter(({ state }) => state === "capturing").length ?? 0;
  const words = sound.isListening
    ? ngettext("Listening to %(count)s microphone", "Listening to %(count)s microphones", count)
    : ngettext("%(count)s microphone runs", "%(count)s microphones run", count);
  part("bar-words").textContent = count ? fill(words, { count }) : gettext("Nothing is running");
  part("bar-mute").setAttribute("aria-pressed", sound.isListening && sound.isMuted);
  part("bar-mute").textContent = sound.isListening ? gettext("Mute") : gettext("Listen");
}

/** Whole sentences for those who cannot see the lanes: "Table, door side: Away since 14:02." */
function announceChanges(devices) {
  for (const device of devices) {
    const before = said.get(device.id);
    said.set(device.id, device.state);
    if (before === undefined || before === device.state) continue;
    announce(`${device.name}: ${stateInWords(device, serverClock.now()).title}.`);
  }
}

/** Send a decision; says whether it was taken. */
async function decide(button, path, body, method) {
  button.disabled = true;
  try {
    await send(path, body, method);
    return true;
  } catch (error) {
    tellFailure(error);
    return false;
  } finally {
    button.disabled = false;
    button.closest("dialog")?.close();
  }
}

function wireDecisions() {
  if (!part("end-now")) return;
  const stop = part("stop-now");
  stop.addEventListener("click", () => decide(stop, `${apiPath}/stop`, {}));
  const end = part("end-now");
  end.addEventListener("click", async () => {
    if (await decide(end, `${apiPath}/end`, {})) location.reload();
  });
  part("records")?.addEventListener("change", async ({ target }) => {
    const isDone = await decide(target, apiPath, { records: target.value === "yes" }, "PATCH");
    if (!isDone) show(board);
  });
}

function wireTalk() {
  const button = part("talk");
  if (!button) return;
  const label = button.querySelector('[data-part="label"]');
  const obstacle = obstacleToTalking();
  button.disabled = Boolean(obstacle);
  label.textContent = obstacle || gettext("Talk");
  const talk = new Talk(live);
  button.addEventListener("click", () => {
    if (talk.isTalking) talk.stop();
    else talk.start().catch(tellFailure);
  });
  talk.addEventListener("change", () => {
    button.setAttribute("aria-pressed", talk.isTalking);
    label.textContent = talk.isTalking ? gettext("Talking") : gettext("Talk");
  });
}

/** Whether the page was rendered for somebody who may do more or less than its person may now. */
function hasOtherRights({ mayControl, mayTalk }) {
  return mayControl !== first.room.mayControl || mayTalk !== first.room.mayTalk;
}

function hearAlone(number) {
  const lane = bridge.lanes[number - 1];
  if (lane) sound.hearAlone(sound.alone === lane.stream ? null : lane.stream);
}

const keys = {
  l: () => listening.toggle(),
  m: () => sound.muteAll(!sound.isMuted),
  "?": () => document.getElementById("keys-dialog").showModal(),
};
for (let number = 1; number <= 9; number += 1) keys[number] = () => hearAlone(number);

bridge.follow(live);
bridge.addEventListener("speaking", ({ detail }) => {
  part("speaking").hidden = !detail;
});
part("bar-mute").disabled = false;
part("bar-mute").addEventListener("click", () => {
  if (sound.isListening) sound.muteAll(!sound.isMuted);
  else listening.toggle();
});
sound.addEventListener("change", showBar);
live.addEventListener("board", ({ detail }) => {
  show(detail);
  if (hasOtherRights(detail.room)) renew();
});
live.addEventListener("offline", () => panel.hold());
live.addEventListener("ended", () => {
  panel.hold();
  sound.hush();
});
wireDecisions();
wireTalk();
guardDecisions(live);
listenForKeys(keys);
const first = JSON.parse(document.getElementById("board").textContent);
serverClock.hear(first.serverTime);
show(first);
