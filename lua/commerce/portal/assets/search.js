// A search in a long list goes on by itself: portion after portion, until the page is full, the list
// ends, or somebody stops it. What is found is added to the table, so that nothing jumps.

import { showTimes } from "./portal.js";

let stopped = false;

async function nextPortion(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(answer.status);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Take over what a portion found, and what its page says of the search.
function take(region, page) {
  const from = page.getElementById("search");
  const found = page.getElementById("rows");
  const here = document.getElementById("rows");
  if (found && here) here.append(...found.children);
  showTimes();
  const count = here ? here.rows.length : 0;
  const bar = region.querySelector("progress");
  bar.value = from.querySelector("progress").value;
  const more = from.dataset.more;
  const shown = new Intl.NumberFormat("en");
  region.querySelector("#search-said").textContent = more
    ? `Searched ${shown.format(bar.value)} of ${shown.format(bar.max)}: ${shown.format(count)} found so far.`
    : `Searched all: ${shown.format(count)} found on this page.`;
  return { more, full: count >= Number(region.dataset.size) };
}

async function goOn(region) {
  let address = region.dataset.more;
  while (address && !stopped) {
    const { more, full } = take(region, await nextPortion(address));
    address = more;
    if (address) region.querySelector("[data-continue]").href = address;
    if (full) break;
  }
  const stop = region.querySelector("[data-stop]");
  if (stop) stop.hidden = true;
  if (!address) {
    region.querySelector("progress").classList.add("done");
    const on = region.querySelector("[data-continue]");
    if (on) on.hidden = true;
  }
}

const region = document.getElementById("search");
if (region?.dataset.more && !new URLSearchParams(location.search).has("stop")) {
  region.querySelector("[data-stop]").addEventListener("click", (event) => {
    event.preventDefault();
    stopped = true;
    event.target.hidden = true;
  });
  goOn(region).catch(() => {
    region.querySelector("#search-said").textContent += " The search was interrupted.";
  });
}
