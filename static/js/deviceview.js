/* How one device is drawn from its entry of the board: state, what needs a look, and the buttons, filled in place. */

import { serverClock } from "./live/clock.js";
import { icon } from "./live/icon.js";
import { nextAction, stateInWords, warningsOf } from "./live/states.js";

/** The part of `root` that says `name`. */
export function field(root, name) {
  return root.querySelector(`[data-field="${name}"]`);
}

/** Say `words` there, touching the page only when they are new. */
export function setText(root, name, words) {
  const element = field(root, name);
  if (element.textContent !== words) element.textContent = words;
}

/** Draw anew only when `key` says that something is new. */
export function replaceIfChanged(element, key, make) {
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...make());
}

/** Show a device's state with its detail, and beside it what needs a look. */
export function showState(root, device) {
  const state = stateInWords(device, serverClock.now());
  const warnings = warningsOf(device);
  const looks = warnings.map(({ detail }) => detail).filter(Boolean);
  setText(root, "detail", looks.join(" · ") || state.detail);
  replaceIfChanged(field(root, "state"), JSON.stringify([state.shape, state.title, warnings]), () =>
    [state, ...warnings].map(stateElement));
}

/** Show a device's buttons; they change only when what they do changes, and the focus stays with them. */
export function showActs(root, device) {
  const place = field(root, "acts");
  const hadFocus = place.contains(document.activeElement);
  replaceIfChanged(place, JSON.stringify(actsOf(device)), () => actsOf(device).map((act) => actElement(act, device)));
  if (hadFocus && !place.contains(document.activeElement)) place.querySelector("button, a")?.focus();
}

function stateElement({ shape, title }) {
  const element = Object.assign(document.createElement("span"), { className: "state" });
  element.dataset.state = shape;
  element.append(icon(shape), Object.assign(document.createElement("span"), { textContent: title }));
  return element;
}

function actsOf(device) {
  if (!device.mayControl) return [];
  const acts = warningsOf(device).filter(({ remedy }) => remedy).map(({ remedy }) => ({
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
