/* Light, dark or as the system says: at once, and kept for the next page. Without this module the form does the same. */

const YEAR_SECONDS = 31536000;
const form = document.querySelector("[data-themes]");

function choose(theme) {
  const isChosen = theme === "light" || theme === "dark";
  if (isChosen) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.cookie = `theme=${isChosen ? theme : ""}; path=/; max-age=${isChosen ? YEAR_SECONDS : 0}; samesite=lax`;
  form?.querySelectorAll("button").forEach((button) => {
    if (button.value === (isChosen ? theme : "system")) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
}

form?.addEventListener("submit", (event) => {
  if (!event.submitter) return;
  event.preventDefault();
  localStorage.setItem("theme", event.submitter.value);
  choose(event.submitter.value);
});

// another tab of the same person, and a browser that dropped the cookie but not its storage
window.addEventListener("storage", (event) => { if (event.key === "theme") choose(event.newValue); });
const remembered = localStorage.getItem("theme");
if (remembered && remembered !== (document.documentElement.dataset.theme ?? "system")) choose(remembered);
