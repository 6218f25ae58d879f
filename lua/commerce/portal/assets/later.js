// Parts of a page that take long are asked for one after the other, and put in their places.

import { showTimes } from "./portal.js";

async function fill(place) {
  const answer = await fetch(place.dataset.later, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = page.getElementById(place.id);
  if (part) place.replaceChildren(...part.childNodes);
  showTimes(place);
}

for (const place of document.querySelectorAll("[data-later]")) {
  place.setAttribute("aria-busy", "true");
  try {
    await fill(place);
  } catch {
    // the link that computes the part stays
  }
  place.removeAttribute("aria-busy");
}
