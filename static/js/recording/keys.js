/** The player's keys, off while somebody types, and never taken from a control that has its own use for them. */

const TYPING = "input:not([type=range], [type=radio], [type=checkbox]), textarea, [contenteditable]";
const USES_SPACE = "button, a[href], summary, input, select, textarea";
const USES_ARROWS = "input, select, textarea";
const ARROWS = new Set(["ArrowLeft", "ArrowRight", "Home", "End"]);

/** `actions` maps a key (" ", "ArrowLeft", "g" …) to what it does; it is told whether Shift was held. */
export function listenForPlayerKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = actions[key];
    if (!action || isTaken(key, event.target)) return;
    if (event.repeat && !ARROWS.has(key)) return;
    event.preventDefault();
    action(event.shiftKey);
  });
}

function isTaken(key, target) {
  if (target.closest(`${TYPING}, dialog[open]`)) return true;
  if (key === " ") return Boolean(target.closest(USES_SPACE));
  return ARROWS.has(key) && Boolean(target.closest(USES_ARROWS));
}
