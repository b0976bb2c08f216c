/** The page of a room that has ended: what happened in it, from the page itself; there is nothing to connect to. */

import { eventLines } from "./roompanel.js";

const { room } = JSON.parse(document.getElementById("board").textContent);
const history = document.querySelector('[data-part="history"]');
history.querySelector('[data-part="happened"]').replaceChildren(...eventLines(room.events));
history.hidden = room.events.length === 0;
