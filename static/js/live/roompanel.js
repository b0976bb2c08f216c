/** The paper beside the lanes: who is here, what is kept, what happened. */

import { gapsInWords, lengthInWords } from "../gaps.js";
import { secondOf, secondsSince, serverClock, stopwatch } from "./clock.js";
import { fill, gettext, ngettext } from "./translation.js";

const SHOWN_SHORT = 3;

export class RoomPanel {
  constructor(root) {
    this.parts = {};
    for (const part of root.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    setInterval(() => this.#tick(), 1000);
  }

  /** Count no further until the next board: nobody knows whether the recording goes on. */
  hold() {
    this.isHeld = true;
  }

  show(board) {
    this.board = board;
    this.isHeld = false;
    this.#showHere(board.room.here);
    this.parts.happened.replaceChildren(...eventLines(board.room.events));
    this.#showKept(board.room);
    this.#tick();
  }

  #showHere(here) {
    this.parts.here.replaceChildren(...here.map((person) => personLine(person)));
    const avatars = here.slice(0, SHOWN_SHORT).map(({ name }) => avatar(name.slice(0, 1).toUpperCase()));
    if (here.length > SHOWN_SHORT) avatars.push(avatar(`+${here.length - SHOWN_SHORT}`));
    const words = document.createElement("span");
    words.textContent = fill(ngettext("%(count)s here", "%(count)s here", here.length), { count: here.length });
    this.parts["here-short"].replaceChildren(...avatars, words);
    this.parts["here-short"].hidden = here.length === 0;
  }

  #showKept({ recording, records, spaceDays }) {
    this.parts.recording.hidden = !recording;
    this.parts["recording-link"].hidden = !recording;
    if (recording) this.parts["recording-link"].href = `/recordings/${recording.id}/`;
    this.parts["recording-words"].hidden = Boolean(recording);
    this.parts["recording-words"].textContent = records
      ? gettext("Starts by itself as soon as a device captures.")
      : gettext("What is heard here is not kept.");
    const isSpaceTold = records && spaceDays > 0;
    this.parts["space-line"].hidden = !isSpaceTold;
    if (isSpaceTold) {
      const days = ngettext("%(count)s more day", "%(count)s more days", spaceDays);
      this.parts.space.textContent = fill(days, { count: spaceDays });
    }
  }

  #tick() {
    const recording = this.board?.room.recording;
    if (!recording || this.isHeld) return;
    this.parts.length.textContent = stopwatch(secondsSince(recording.since, serverClock.now()));
    this.parts.written.textContent = recording.writtenUntil ? secondOf(recording.writtenUntil) : "–";
    this.parts.missing.textContent = missingInWords(recording);
  }
}

/** "6 s, 1 gap" */
function missingInWords({ missingSeconds, gaps }) {
  const length = lengthInWords(missingSeconds);
  return gaps ? fill(gettext("%(length)s, %(gaps)s"), { length, gaps: gapsInWords(gaps) }) : length;
}

/** What happened in a room, as lines of a list. */
export function eventLines(events) {
  return events.map(({ at, text }) => {
    const line = document.createElement("li");
    const time = document.createElement("time");
    time.dateTime = at;
    time.textContent = secondOf(at);
    line.append(time, " ", text);
    return line;
  });
}

function personLine({ name, you }) {
  const line = document.createElement("li");
  const words = document.createElement("span");
  words.textContent = you ? fill(gettext("%(name)s (You)"), { name }) : name;
  line.append(avatar(name.slice(0, 1).toUpperCase()), words);
  return line;
}

function avatar(letters) {
  const circle = document.createElement("span");
  circle.className = "avatar";
  circle.setAttribute("aria-hidden", "true");
  circle.textContent = letters;
  return circle;
}
