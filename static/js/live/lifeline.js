/** Says in the banner line how the page's connection is: lost, back, slow, over; below that, what else must be known. */

import { announce, hideBanner, showBanner } from "../toasts.js";
import { inWords } from "./clock.js";
import { fill, gettext } from "./translation.js";

const SAID_FOR_MS = 8000;
const WORTH_SAYING_SECONDS = 1;

export class Lifeline {
  #note = null;
  #isBusy = false;
  #timer = null;

  constructor(live) {
    this.live = live;
    live.addEventListener("offline", ({ detail }) => this.#sayLost(detail));
    live.addEventListener("online", ({ detail }) => this.#sayBack(detail));
    live.addEventListener("ended", ({ detail }) => this.#sayEnded(detail));
    live.addEventListener("skipped", () => {
      this.say({ title: gettext("Your connection is slow."), text: gettext("Skipping to now.") });
    });
    live.addEventListener("notice", ({ detail }) => this.say({ title: detail.message }));
    live.addEventListener("error", ({ detail }) => this.say({ title: detail.message }));
  }

  /** What the line shows whenever the connection needs no words; null for nothing. */
  setNote(note) {
    this.#note = note;
    if (!this.#isBusy) this.#settle();
  }

  /** Say something for eight seconds. */
  say(banner) {
    this.#hold(banner);
    this.#timer = setTimeout(() => this.#settle(), SAID_FOR_MS);
    announce(`${banner.title} ${banner.text ?? ""}`.trim());
  }

  #sayLost(seconds) {
    const isFirst = this.live.attempt === 1 && !this.isLost;
    this.isLost = true;
    const title = gettext("Connection lost.");
    const again = fill(gettext("Trying again in %(length)s."), { length: inWords(seconds) });
    this.#hold({ title, text: `${again} ${gettext("What reaches the server is still recorded.")}` });
    if (isFirst) announce(title);
  }

  #sayBack(missedSeconds) {
    if (!this.isLost) return;
    this.isLost = false;
    this.say({ kind: "note", title: gettext("Connected again."), text: this.#missed(missedSeconds) });
  }

  #missed(seconds) {
    const board = this.live.lastBoard;
    const wasLive = board?.room && board.devices.some((device) => device.state === "capturing");
    if (!wasLive || seconds < WORTH_SAYING_SECONDS) return "";
    const missed = fill(gettext("You missed %(length)s live."), { length: inWords(seconds) });
    return board.room.records ? `${missed} ${gettext("They are in the recording.")}` : missed;
  }

  #sayEnded(board) {
    const hasRoomEnded = board?.room && board.room.status !== "ACTIVE";
    this.#hold({
      title: hasRoomEnded ? gettext("This room has ended.") : gettext("This link has ended."),
      text: hasRoomEnded ? gettext("What was recorded stays.") : gettext("Ask who invited you for a new one."),
    });
    announce(hasRoomEnded ? gettext("This room has ended.") : gettext("This link has ended."));
  }

  #hold(banner) {
    clearTimeout(this.#timer);
    this.#isBusy = true;
    showBanner(banner);
  }

  #settle() {
    this.#isBusy = false;
    if (this.#note) showBanner(this.#note);
    else hideBanner();
  }
}
