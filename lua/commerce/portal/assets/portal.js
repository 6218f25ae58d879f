// What every page gets on top of plain HTML: times in the reader's time zone, buttons that copy,
// and a menu that closes. No page needs it.

const SHOWN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function showTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-shown])")) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.valueOf())) {
      time.textContent = SHOWN.format(date);
      time.dataset.shown = "";
    }
  }
}

function copyButtons() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    if (source && navigator.clipboard) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(source.value ?? source.textContent);
        const label = button.textContent;
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = label; }, 2000);
      });
    }
  }
}

function closingMenus() {
  const close = (menu, focus) => {
    menu.open = false;
    if (focus) menu.querySelector("summary").focus();
  };
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) close(menu);
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
    if (menu) close(menu, menu.contains(document.activeElement));
  });
}

// On a phone, the tab of the page may lie outside the screen.
function showTab() {
  const tab = document.querySelector(".tabs [aria-current]");
  const bar = tab?.parentElement;
  if (bar && bar.scrollWidth > bar.clientWidth) {
    bar.scrollLeft = tab.offsetLeft - bar.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2;
  }
}

showTimes();
showTab();
copyButtons();
closingMenus();
