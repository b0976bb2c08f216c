/* The page of one device: its state, its numbers and its buttons go on by themselves. */

import { onDevices } from "./attendance.js";
import { field, setText, showActs, showState } from "./deviceview.js";
import { formatInWords } from "./live/states.js";
import { tellAll } from "./times.js";

const root = document.querySelector("[data-device]");

onDevices((devices) => {
  const device = devices.find(({ id }) => id === root.dataset.device);
  if (!device) return; // released meanwhile; what is shown was true
  showState(root, device);
  if (field(root, "acts")) showActs(root, device);
  setText(root, "sends", device.kind === "camera" ? gettext("Camera") : formatInWords(device));
  setText(root, "address", device.address ?? "–");
  setText(root, "drops", String(device.drops));
  const heard = field(root, "last-heard").querySelector("time");
  if (heard && device.lastHeard) heard.dateTime = device.lastHeard;
  tellAll(field(root, "last-heard"));
});
