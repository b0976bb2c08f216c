/* Questions before what cannot be taken back, in a <dialog>: [data-opens="ID"] opens it, [data-closes] closes it; menus close like dialogs. */

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    document.getElementById(opener.dataset.opens)?.showModal();
    opener.closest("details[data-menu]")?.removeAttribute("open");
  }
  if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// A secret is shown once: Escape must not lose it.
document.addEventListener("cancel", (event) => {
  if (event.target.hasAttribute("data-shown-once")) event.preventDefault();
}, true);
