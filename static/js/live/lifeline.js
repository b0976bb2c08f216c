/** Says in the banner line how the page's connection is (lost, back, slow, over), and else what must be known. */

import { announce, hideBanner, showBanner } from "../toasts.js";
import { inWords, serverClock } from "./clock.js";
import { problemInWords } from "./states.js";
import { fill, gettext } from "./translation.js";

const SAID_FOR_MS = 8000;
const WORTH_SAYING_SECONDS = 1;

export class Lifeline {
  #note = null;
  #alarm = null;
  #isBusy = false;
  #missedSeconds = null;
  /** What captured when the connection was lost, and when that was. */
  #lostStreams = new Set();
  #lostAtMs = 0;
  #awaitsProof = false;
  #timer = null;

  constructor(live) {
    this.live = live;
    live.addEventListener("offline", ({ detail }) => this.#sayLost(detail));
    live.addEventListener("online", ({ detail }) => {
      this.#missedSeconds = detail;
    });
    live.addEventListener("board", ({ detail }) => this.#sayBack(detail));
    live.addEventListener("chunk", ({ detail }) => this.#prove(detail));
    live.addEventListener("ended", ({ detail }) => this.#sayEnded(detail));
    live.addEventListener("skipped", () => {
      this.say({ title: gettext("Your connection is slow."), text: gettext("Skipping to now.") });
    });
    live.addEventListener("notice", ({ detail }) => this.say(noticeInWords(detail)));
    live.addEventListener("error", ({ detail }) => this.say({ title: detail.message }));
  }

  /** What the line shows whenever the connection needs no words; null for nothing. */
  setNote(note) {
    this.#note = note;
    if (!this.#isBusy) this.#settle();
  }

  /** What must be known as long as it lasts, before any note; null when it is over. Said again only when it changes. */
  setAlarm(alarm) {
    if (JSON.stringify(alarm) === JSON.stringify(this.#alarm)) return;
    this.#alarm = alarm;
    if (!this.#isBusy) this.#settle();
  }

  /** Say something for eight seconds. */
  say(banner) {
    this.#hold(banner);
    this.#timer = setTimeout(() => this.#settle(), SAID_FOR_MS);
    announce(`${banner.title} ${banner.text ?? ""}`.trim());
  }

  #sayLost(seconds) {
    if (!this.isLost) this.#remember(this.live.lastBoard);
    const isFirst = !this.isLost;
    this.isLost = true;
    const title = gettext("Connection lost.");
    const again = fill(gettext("Trying again in %(length)s."), { length: inWords(seconds) });
    this.#hold({ title, text: `${again} ${gettext("What reaches the server is still recorded.")}` });
    if (isFirst) announce(title);
  }

  #sayBack(board) {
    if (!this.isLost) return;
    this.isLost = false;
    this.#tellMissed("");
    // whether the server heard it meanwhile is known when the first sound comes, not from what a board remembers
    if (board.room?.records && this.#lostStreams.size) this.#awaitsProof = true;
  }

  #tellMissed(proof) {
    const isWorthIt = this.#lostStreams.size && this.#missedSeconds >= WORTH_SAYING_SECONDS;
    const missed = fill(gettext("You missed %(length)s live."), { length: inWords(this.#missedSeconds) });
    const text = isWorthIt ? `${missed} ${proof}`.trim() : "";
    this.say({ kind: "note", title: gettext("Connected again."), text });
  }

  #prove({ stream }) {
    if (!this.#awaitsProof || !this.#lostStreams.has(stream)) return;
    this.#awaitsProof = false;
    const device = this.live.lastBoard.devices.find((each) => each.stream === stream);
    const lostAtMs = serverClock.now() - (performance.now() - this.#lostAtMs);
    const isKept = device?.since && Date.parse(device.since) < lostAtMs;
    this.#tellMissed(isKept ? gettext("They are in the recording.") : gettext("What is missing there is marked."));
  }

  #remember(board) {
    const live = board?.room ? board.devices.filter(({ state }) => state === "capturing") : [];
    this.#lostStreams = new Set(live.map(({ stream }) => stream));
    this.#lostAtMs = performance.now();
    this.#awaitsProof = false;
  }

  /** The socket gives one answer for all that is not allowed; whether the room is over the API says to who may know. */
  async #sayEnded(board) {
    const hasEnded = board?.room && (await isOver(board.room.id));
    const title = hasEnded ? gettext("This room has ended.") : gettext("This link has ended.");
    const text = hasEnded ? gettext("What was recorded stays.") : gettext("Ask who invited you for a new one.");
    this.#hold({ title, text });
    announce(title);
  }

  #hold(banner) {
    clearTimeout(this.#timer);
    this.#isBusy = true;
    showBanner(banner);
  }

  #settle() {
    this.#isBusy = false;
    const shown = this.#alarm ?? this.#note;
    if (shown) showBanner(shown);
    else hideBanner();
  }
}

async function isOver(roomId) {
  const answer = await fetch(`/api/v1/rooms/${roomId}`, { headers: { Accept: "application/json" } });
  return answer.ok && (await answer.json()).status !== "ACTIVE";
}

/** A notice by its code, in the viewer's language; one that we do not know, as the server said it. */
function noticeInWords({ code, deviceId, message }) {
  if (!code) return { title: message };
  const { title, detail } = problemInWords(code);
  return { title: `${deviceId}: ${title}`, text: detail };
}
