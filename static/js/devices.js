/* The table of devices as the board tells it: each row is filled in place, so that nothing moves and no press is lost. */

import { tellFailure } from "./forms.js";
import { serverClock } from "./live/clock.js";
import { live } from "./live/socket.js";
import { formatInWords, nextAction, stateInWords, warningsOf } from "./live/states.js";
import { fill } from "./live/translation.js";
import { tellAll } from "./times.js";

const panel = document.querySelector("[data-devices]");
const body = panel.querySelector("tbody");
const blank = document.getElementById("device-row").content.querySelector("tr");
const sentence = document.querySelector("h1 + [data-field=sentence]");
const dialog = document.getElementById("sort-out");
let devices = [];

live.addEventListener("board", ({ detail }) => {
  devices = detail.devices;
  show();
});
live.addEventListener("offline", () => { document.body.dataset.offline = ""; });
live.addEventListener("online", () => { delete document.body.dataset.offline; });
setInterval(show, 1000); // "dropped 4 s ago" goes on counting

function show() {
  if (!devices.length && !live.lastBoard) return;
  const rows = new Map([...body.rows].map((row) => [row.dataset.device, row]));
  for (const device of devices) {
    const row = rows.get(device.id) ?? addRow(device);
    if (row) fillRow(row, device);
    rows.delete(device.id);
  }
  for (const gone of rows.values()) gone.remove();
  sayHowMany();
}

/** A filtered table shows what was asked for, so what is new there waits for the next question. */
function addRow(device) {
  if ("filtered" in panel.dataset) return null;
  const row = blank.cloneNode(true);
  row.dataset.device = device.id;
  body.append(row);
  panel.hidden = false;
  document.querySelector("[data-no-devices]").hidden = true;
  return row;
}

function fillRow(row, device) {
  const state = stateInWords(device, serverClock.now());
  const warnings = warningsOf(device);
  const looks = warnings.map(({ detail }) => detail).filter(Boolean);
  setText(row, "name", device.name);
  field(row, "name").href = `/devices/${device.id}/`;
  setText(row, "device-id", device.deviceId);
  setText(row, "detail", looks.join(" · ") || state.detail);
  setText(row, "sends", device.kind === "camera" ? gettext("Camera") : formatInWords(device));
  replaceIfChanged(field(row, "state"), JSON.stringify([state.shape, state.title, warnings]), () =>
    [state, ...warnings].map(stateElement));
  replaceIfChanged(field(row, "room"), JSON.stringify(device.room), () => [roomElement(device.room)]);
  replaceIfChanged(field(row, "last-heard"), device.lastHeard ?? "", () => heardElements(device.lastHeard));
  tellAll(field(row, "last-heard"));
  showActions(field(row, "actions"), device, warnings);
}

function field(row, name) {
  return row.querySelector(`[data-field="${name}"]`);
}

function setText(row, name, words) {
  const element = field(row, name);
  if (element.textContent !== words) element.textContent = words;
}

function replaceIfChanged(element, key, make) {
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...make());
}

function stateElement({ shape, title }) {
  const element = Object.assign(document.createElement("span"), { className: "state" });
  element.dataset.state = shape;
  element.append(icon(shape), Object.assign(document.createElement("span"), { textContent: title }));
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

function roomElement(room) {
  if (!room) return Object.assign(document.createElement("span"), { className: "muted", textContent: gettext("no room") });
  return Object.assign(document.createElement("a"), {
    className: "plain", href: `/rooms/${room.id}/`, textContent: room.name,
  });
}

function heardElements(lastHeard) {
  if (!lastHeard) return [];
  const time = Object.assign(document.createElement("time"), { dateTime: lastHeard });
  time.dataset.show = "ago";
  return [time];
}

/** Buttons change only when what they do changes, and the focus stays with them. */
function showActions(cell, device, warnings) {
  const acts = actsOf(device, warnings);
  const more = cell.querySelector(".square");
  more.href = `/devices/${device.id}/`;
  more.setAttribute("aria-label", fill(gettext("More about %(name)s"), { name: device.name }));
  const key = JSON.stringify(acts);
  if (cell.dataset.key === key) return;
  cell.dataset.key = key;
  const hadFocus = cell.contains(document.activeElement) && document.activeElement !== more;
  cell.replaceChildren(...acts.map((act) => actElement(act, device)), more);
  if (hadFocus) cell.querySelector("button, a").focus();
}

function actsOf(device, warnings) {
  if (!device.mayControl) return [];
  const acts = warnings.filter(({ remedy }) => remedy).map(({ remedy }) => ({
    words: remedy.words, path: `/api/v1/devices/${device.id}`, method: "PATCH", body: remedy.settings,
  }));
  if (device.conflict) acts.push({ words: gettext("Sort out"), sortsOut: true });
  const next = device.room || device.wanted ? nextAction(device) : null;
  if (next) {
    acts.push({ words: next.words, path: `/api/v1/devices/${device.id}/capture`, method: "POST", body: { on: next.on } });
  }
  return acts;
}

function actElement(act, device) {
  if (act.sortsOut) {
    const link = Object.assign(document.createElement("a"), {
      className: "button", href: `/devices/${device.id}/#conflict`, textContent: act.words,
    });
    link.dataset.sortOut = "";
    return link;
  }
  const form = document.createElement("form");
  Object.assign(form.dataset, { send: act.path, method: act.method, body: JSON.stringify(act.body) });
  form.append(Object.assign(document.createElement("button"), { type: "submit", className: "button", textContent: act.words }));
  return form;
}

function sayHowMany() {
  const capturing = devices.filter(({ state }) => state === "capturing" || state === "stopping").length;
  const looks = devices.filter((device) => warningsOf(device).length).length;
  const { organization } = sentence.dataset;
  const first = organization
    ? ngettext("%(count)s device in %(organization)s.", "%(count)s devices in %(organization)s.", devices.length)
    : ngettext("%(count)s device.", "%(count)s devices.", devices.length);
  const parts = [];
  if (capturing) parts.push(fill(ngettext("%(count)s capturing", "%(count)s capturing", capturing), { count: capturing }));
  if (looks) parts.push(fill(ngettext("%(count)s needs a look", "%(count)s need a look", looks), { count: looks }));
  const said = fill(first, { count: devices.length, organization });
  const words = parts.length ? `${said} ${parts.join(", ")}.` : said;
  if (sentence.textContent !== words) sentence.textContent = words;
}

// "Sort out" is a link to the device's own page; with JavaScript it asks here
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-sort-out]");
  const device = link && devices.find(({ id }) => id === link.closest("tr").dataset.device);
  if (!device?.conflict || !device.room) return;
  event.preventDefault();
  askWhoIsWho(device);
});
dialog.addEventListener("decided", () => dialog.close());
dialog.addEventListener("submit", () => { if (!live.isOnline) tellFailure(new Error(gettext("Needs the connection."))); });

function askWhoIsWho(device) {
  const [here, newcomer] = device.conflict.addresses;
  const set = (name, words) => { dialog.querySelector(`[data-field="${name}"]`).textContent = words; };
  set("title", fill(gettext("Which one is %(name)s?"), { name: device.name }));
  set("both", fill(gettext("%(here)s has the name %(id)s now. %(there)s says it too and waits."), {
    here, there: newcomer, id: device.deviceId,
  }));
  set("newcomer", fill(gettext("Or %(there)s takes its place: then %(here)s waits to be connected again."), {
    here, there: newcomer,
  }));
  set("replace", fill(gettext("Let %(there)s take its place"), { there: newcomer }));
  Object.assign(dialog.querySelector("form").dataset, {
    send: `/api/v1/rooms/${device.room.id}/devices`, body: JSON.stringify({ connection: device.conflict.connection }),
  });
  dialog.showModal();
}
