// A region that shows work under way is replaced by its present state every other second, until the
// server says that the work has ended. Only what has changed is touched.

import { showTimes } from "./portal.js";

const PAUSE = 1500; // milliseconds

async function present() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelectorAll("[data-live]");
}

async function watch() {
  let busy = document.querySelector('[data-live="busy"]');
  while (busy) {
    await new Promise((done) => setTimeout(done, PAUSE));
    if (document.hidden) continue;
    try {
      for (const fresh of await present()) {
        const old = document.getElementById(fresh.id);
        if (old && old.dataset.sent !== fresh.innerHTML) {
          const focused = old.contains(document.activeElement) && document.activeElement.id;
          old.innerHTML = fresh.innerHTML;
          old.dataset.live = fresh.dataset.live;
          old.dataset.sent = fresh.innerHTML;
          if (focused) document.getElementById(focused)?.focus();
        }
      }
      showTimes();
    } catch {
      // the server is not there now: ask again
    }
    busy = document.querySelector('[data-live="busy"]');
  }
}

watch();
