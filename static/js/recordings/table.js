/* The rows of the list: filled in place where they say something new, put in and taken out only when nothing is held. */

/** The rows of a listing by the ID of their recording. */
export function rowsOf(listing) {
  return new Map([...listing.querySelectorAll("tr[data-recording]")].map((row) => [row.dataset.recording, row]));
}

/** The names of the recordings that `fresh` has and `listing` has not. */
export function newIn(listing, fresh) {
  const known = rowsOf(listing);
  return [...rowsOf(fresh)].filter(([id]) => !known.has(id)).map(([, row]) => row.querySelector(".name").textContent);
}

/** Let `listing` say what `fresh` says; rows come and go only if they may. Returns whether all of it is shown now. */
export function takeOver(listing, fresh, { mayMove }) {
  const known = rowsOf(listing);
  const said = rowsOf(fresh);
  for (const [id, row] of said) if (known.has(id)) fillRow(known.get(id), row);
  copyWords(listing, fresh, "[data-sentence]");
  const isSame = [...known.keys()].join() === [...said.keys()].join();
  if (isSame) return true;
  if (!mayMove) return false;
  for (const [id, row] of said) if (known.has(id)) row.replaceWith(known.get(id));
  place(listing, fresh);
  return true;
}

/** Change a row's words where they are; its sound stays drawn. */
function fillRow(row, fresh) {
  if (row.dataset.key === fresh.dataset.key) return;
  [...row.cells].forEach((cell, column) => {
    const told = fresh.cells[column];
    if (cell.matches(".sound") || cell.innerHTML === told.innerHTML) return;
    cell.replaceChildren(...told.cloneNode(true).childNodes);
  });
  const length = row.querySelector(".length");
  const since = fresh.querySelector(".length").dataset.runningSince;
  if (since) length.dataset.runningSince = since;
  else delete length.dataset.runningSince;
  row.toggleAttribute("data-live", fresh.hasAttribute("data-live"));
  Object.assign(row.dataset, { key: fresh.dataset.key, state: fresh.dataset.state });
}

/** Put the days of `fresh`, which hold our own rows by now, where ours are; without a table everything is new. */
function place(listing, fresh) {
  const ours = listing.querySelector("table");
  const theirs = fresh.querySelector("table");
  if (!ours || !theirs) {
    listing.replaceChildren(...fresh.childNodes);
    return;
  }
  const days = [...theirs.tBodies];
  ours.querySelectorAll("tbody").forEach((day) => day.remove());
  ours.append(...days);
}

function copyWords(listing, fresh, place) {
  const ours = listing.querySelector(place);
  const theirs = fresh.querySelector(place);
  if (ours && theirs && ours.textContent !== theirs.textContent) ours.textContent = theirs.textContent;
}
