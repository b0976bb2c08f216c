/* What was done, said once at the bottom left: 8 s, longer while someone points at it or its button has the focus. */

const TOAST_MS = 8000;
const FADE_MS = 120; // as --fade
const ANNOUNCE_GAP_MS = 5000; // a screen reader that is interrupted says nothing

/** Say `words`; `undo` is called when its button is pressed in time. */
export function showToast(words, { undo = null } = {}) {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.append(Object.assign(document.createElement("p"), { textContent: words }));
  if (undo) {
    const button = Object.assign(document.createElement("button"), {
      type: "button", className: "button", textContent: gettext("Undo"),
    });
    button.addEventListener("click", () => { toast.remove(); undo(); });
    toast.append(button);
  }
  document.getElementById("toasts").append(toast);
  letGo(toast);
  announce(words);
}

let lastSaidAt = -Infinity;
let waiting = null;

/** Put a whole sentence into the page's one live region: at most one each 5 s, of those that wait the newest. */
export function announce(sentence) {
  const sayIn = lastSaidAt + ANNOUNCE_GAP_MS - performance.now();
  clearTimeout(waiting);
  if (sayIn > 0) {
    waiting = setTimeout(() => announce(sentence), sayIn);
    return;
  }
  lastSaidAt = performance.now();
  document.getElementById("announcer").textContent = sentence;
}

/** Fill the banner line: `kind` is "warn" or "note", `action` is {words, run} or {words, href}. Nothing moves for it. */
export function showBanner({ title, text = "", kind = "warn", action = null }) {
  const banner = document.getElementById("banner");
  const words = document.createElement("span");
  words.append(Object.assign(document.createElement("strong"), { textContent: title }), ` ${text}`);
  banner.replaceChildren(words);
  if (action) banner.append(" ", action.href ? linkOf(action) : buttonOf(action));
  banner.dataset.kind = kind;
  banner.hidden = false;
}

function linkOf({ words, href }) {
  return Object.assign(document.createElement("a"), { href, textContent: words });
}

function buttonOf({ words, run }) {
  const button = Object.assign(document.createElement("button"), {
    type: "button", className: "link-button", textContent: words,
  });
  button.addEventListener("click", run);
  return button;
}

/** Empty the banner line. */
export function hideBanner() {
  const banner = document.getElementById("banner");
  banner.hidden = true;
  banner.replaceChildren();
}

function letGo(toast) {
  let timer = null;
  const leave = () => {
    toast.classList.add("leaving");
    timer = setTimeout(() => toast.remove(), FADE_MS);
  };
  const wait = () => {
    clearTimeout(timer);
    toast.classList.remove("leaving");
    if (!toast.matches(":hover, :focus-within")) timer = setTimeout(leave, TOAST_MS);
  };
  for (const event of ["pointerenter", "pointerleave", "focusin", "focusout"]) {
    toast.addEventListener(event, () => setTimeout(wait)); // after the browser moved the focus
  }
  wait();
}

document.querySelectorAll("[data-toast]").forEach((toast) => {
  letGo(toast);
  announce(toast.textContent.trim());
});
