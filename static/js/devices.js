/* The table of devices as the board tells it: each row is filled in place, so that nothing moves and no press is lost. */

import { onDevices } from "./attendance.js";
import { field, replaceIfChanged, setText, showActs, showState } from "./deviceview.js";
import { formatInWords, warningsOf } from "./live/states.js";
import { fill } from "./live/translation.js";
import { tellAll } from "./times.js";

const panel = document.querySelector("[data-devices]");
const body = panel.querySelector("tbody");
const blank = document.getElementById("device-row").content.querySelector("tr");
const sentence = document.querySelector("[data-field=sentence]");
const dialog = document.getElementById("sort-out");
let devices = [];

onDevices((heard) => {
  devices = heard;
  const rows = new Map([...body.rows].map((row) => [row.dataset.device, row]));
  for (const device of devices) {
    const row = rows.get(device.id) ?? addRow(device);
    if (row) fillRow(row, device);
    rows.delete(device.id);
  }
  for (const gone of rows.values()) gone.remove();
  sayHowMany();
});

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
  setText(row, "name", device.name);
  setText(row, "device-id", device.deviceId);
  setText(row, "sends", device.kind === "camera" ? gettext("Camera") : formatInWords(device));
  showState(row, device);
  showActs(row, device);
  replaceIfChanged(field(row, "room"), JSON.stringify(device.room), () => [roomElement(device.room)]);
  replaceIfChanged(field(row, "last-heard"), device.lastHeard ?? "", () => heardElements(device.lastHeard));
  tellAll(field(row, "last-heard"));
  for (const link of [field(row, "name"), field(row, "more")]) link.href = `/devices/${device.id}/`;
  field(row, "more").setAttribute("aria-label", fill(gettext("More about %(name)s"), { name: device.name }));
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

function sayHowMany() {
  const capturing = devices.filter(({ state }) => state === "capturing" || state === "stopping").length;
  const looks = devices.filter((device) => warningsOf(device).length).length;
  const { organization } = sentence.dataset;
  const first = organization
    ? ngettext("%(count)s device in %(organization)s.", "%(count)s devices in %(organization)s.", devices.length)
    : ngettext("%(count)s device.", "%(count)s devices.", devices.length);
  const running = fill(ngettext("%(count)s capturing", "%(count)s capturing", capturing), { count: capturing });
  const asking = fill(ngettext("%(count)s needs a look", "%(count)s need a look", looks), { count: looks });
  let words = devices.length ? fill(first, { count: devices.length, organization }) : "";
  if (capturing && looks) words += ` ${fill(gettext("%(capturing)s, %(looks)s."), { capturing: running, looks: asking })}`;
  else if (capturing || looks) words += ` ${fill(gettext("%(part)s."), { part: capturing ? running : asking })}`;
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

function askWhoIsWho(device) {
  const [here, newcomer] = device.conflict.addresses;
  setText(dialog, "title", fill(gettext("Which one is %(name)s?"), { name: device.name }));
  setText(dialog, "both", fill(gettext("%(here)s has the name %(id)s now. %(there)s says it too and waits."), {
    here, there: newcomer, id: device.deviceId,
  }));
  setText(dialog, "newcomer", fill(gettext("Or %(there)s takes its place: then %(here)s waits to be connected again."), {
    here, there: newcomer,
  }));
  setText(dialog, "replace", fill(gettext("Let %(there)s take its place"), { there: newcomer }));
  Object.assign(dialog.querySelector("form").dataset, {
    send: `/api/v1/rooms/${device.room.id}/devices`, body: JSON.stringify({ connection: device.conflict.connection }),
  });
  dialog.showModal();
}
