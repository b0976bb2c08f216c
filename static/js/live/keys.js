/** Single keys of the room's page, off while somebody types; what they do is listed under `?`. */

/** `actions` maps a key ("l", "?", "1" …) to what it does. */
export function listenForKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input:not([type=range]), select, textarea, dialog[open]")) return;
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
