/* Decisions go over HTTP: one place that knows the CSRF token, says what went wrong in words, and guards against a second press. */

import { announce, showBanner } from "./toasts.js";

/** Send `body` as JSON to our API; return its answer, or throw an Error whose message is a sentence for people. */
export async function send(path, body = {}, method = "POST") {
  let response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken() },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error(gettext("Needs the connection."));
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Error(sentenceOf(answer, response.status));
  return answer;
}

/** Show a failed decision where people look for it. */
export function tellFailure(error) {
  showBanner({ title: gettext("Not done."), text: error.message });
  announce(error.message);
}

/** What Django's forms on this page carry, or its cookie. */
function csrfToken() {
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return cookie ? cookie[1] : (document.querySelector('input[name="csrfmiddlewaretoken"]')?.value ?? "");
}

function sentenceOf(answer, status) {
  if (status === 401 || status === 403) return answer?.detail ?? gettext("Starting and stopping is for operators.");
  if (status === 404) return gettext("It is no longer there, or you may not see it.");
  const first = answer && (answer.detail ?? Object.values(answer).flat()[0]);
  return typeof first === "string" ? first : gettext("The server could not do it. Try again in a moment.");
}

// a decision that the API takes: the page stays, and what the device reports arrives by itself
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.send) return;
  event.preventDefault();
  const button = event.submitter;
  if (button) button.disabled = true;
  try {
    await send(form.dataset.send, JSON.parse(form.dataset.body || "{}"), form.dataset.method || "POST");
    form.dispatchEvent(new CustomEvent("decided", { bubbles: true }));
  } catch (error) {
    tellFailure(error);
  } finally {
    if (button) button.disabled = false;
  }
});

// a form pressed twice is sent once; coming back with the browser's Back makes it ready again
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// a control that says data-submits sends its form when its value changes
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
