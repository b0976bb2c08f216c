/* The list of recordings goes on by itself: what is new appears, what runs grows, and nothing moves under the pointer. */

import { onDevices } from "../attendance.js";
import { serverClock, stopwatch } from "../live/clock.js";
import { live } from "../live/socket.js";
import { fill } from "../live/translation.js";
import { tellAll } from "../times.js";
import { announce } from "../toasts.js";
import { Sounds } from "./sounds.js";
import { newIn, rowsOf, takeOver } from "./table.js";

const NEWS_EVERY_MS = 2000;
const FINGER_MS = 1500; // a finger that was lifted comes down again where it was
const listing = document.querySelector("[data-listing]");
const sounds = new Sounds(listing.dataset.sounds);
let touchedAtMs = -Infinity;
let isAsking = false;

/** Whether someone points at the table or stands in it with the keyboard: then nothing in it may move. */
function isHeld() {
  const table = listing.querySelector("table");
  if (!table) return false;
  const isPointedAt = matchMedia("(hover: hover)").matches && table.matches(":hover");
  return isPointedAt || table.contains(document.activeElement) || performance.now() - touchedAtMs < FINGER_MS;
}

/** Ask what is new; only when something is, ask for the page. */
async function hear() {
  if (isAsking || document.hidden || "offline" in document.body.dataset) return;
  isAsking = true;
  try {
    const news = await answerOf(`${listing.dataset.listing}${location.search}`, (response) => response.json());
    if (news && showSizes(news.rows)) await renewRows();
    await sounds.follow();
  } finally {
    isAsking = false;
  }
}

/** Whether other rows are there than are shown, or one of them says something else by now. */
function showSizes(told) {
  const rows = rowsOf(listing);
  for (const { id, size } of told) {
    const place = rows.get(id)?.querySelector("[data-size]");
    if (place && place.textContent !== size) place.textContent = size;
  }
  return told.length !== rows.size || told.some(({ id, key }) => rows.get(id)?.dataset.key !== key);
}

async function renewRows() {
  const text = await answerOf(location.href, (response) => response.text());
  if (text === null) return;
  const parsed = new DOMParser().parseFromString(text, "text/html").querySelector("[data-listing]");
  if (!parsed) return; // signed out meanwhile: the socket says so
  const fresh = document.importNode(parsed, true);
  tellAll(fresh);
  const arrived = newIn(listing, fresh);
  const isPlaced = takeOver(listing, fresh, { mayMove: !isHeld() });
  showWaiting(isPlaced ? 0 : arrived.length);
  sounds.attend(listing);
  sounds.redraw();
  countOn();
  if (isPlaced && arrived.length) announce(fill(gettext("New recording: %(name)s."), { name: arrived[0] }));
}

/** Say beside the days, where nothing moves for it, how many wait until the pointer has left. */
function showWaiting(count) {
  const button = listing.querySelector("[data-news]");
  if (!button) return;
  button.hidden = count === 0;
  button.textContent = fill(ngettext("Show %(count)s new recording", "Show %(count)s new recordings", count), { count });
}

async function answerOf(path, read) {
  try {
    const response = await fetch(path, { credentials: "same-origin", headers: { Accept: "*/*" } });
    return response.ok && !response.redirected ? await read(response) : null;
  } catch {
    return null; // the banner says that the connection is lost, and the next beat asks again
  }
}

/** What runs says how long it is by now; while nobody knows whether it goes on, it stands still. */
function countOn() {
  if ("offline" in document.body.dataset) return;
  for (const length of listing.querySelectorAll("[data-running-since]")) {
    length.textContent = stopwatch((serverClock.now() - Date.parse(length.dataset.runningSince)) / 1000);
  }
}

function setLive(isLive) {
  sounds.isLive = isLive;
  sounds.redraw();
}

listing.addEventListener("click", ({ target }) => {
  const opener = target.closest("[data-unfolds]");
  if (opener) {
    const isOpen = opener.form.toggleAttribute("data-open");
    opener.setAttribute("aria-expanded", String(isOpen));
  }
  if (target.closest("[data-news]")) {
    target.blur();
    hear();
  }
});
for (const event of ["pointerdown", "pointerup"]) {
  listing.addEventListener(event, ({ pointerType }) => {
    if (pointerType === "touch") touchedAtMs = performance.now();
  });
}
listing.addEventListener("pointerleave", hear);
live.addEventListener("offline", () => setLive(false));
live.addEventListener("online", () => setLive(true));

// an address that says what was deleted says it once
const address = new URL(location.href);
if (address.searchParams.has("deleted")) {
  address.searchParams.delete("deleted");
  history.replaceState(null, "", address);
}
onDevices(countOn);
sounds.attend(listing);
setInterval(hear, NEWS_EVERY_MS);
document.addEventListener("visibilitychange", hear);
