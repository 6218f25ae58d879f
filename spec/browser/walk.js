// What every walk through the portal shares: a browser, pages that are looked at by axe, by keyboard
// and by screen reader, and pictures of them.
//
//   SERVER_URL (https), BEHIND (the server's port), FOLDER (for files of a moment) in the environment; PICTURES (a folder) keeps a picture of every page on a desktop and
//   a phone, light and dark.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const path = require("node:path");

const MODULES = path.join(__dirname, "../../build/browser/node_modules");
const { chromium } = require(path.join(MODULES, "playwright-core"));
const AXE = fs.readFileSync(path.join(MODULES, "axe-core/axe.min.js"), "utf8");

const { SERVER_URL, BEHIND, FOLDER, PICTURES } = process.env;
const PATIENCE = 60000; // ms
const SCREENS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
// Faults that axe calls moderate, and that make a page hard to find one's way in.
const STRUCTURE = ["heading-order", "landmark-one-main", "landmark-unique", "page-has-heading-one",
  "region", "empty-heading", "scope-attr-valid", "empty-table-header", "tabindex"];

let begun = Date.now();
exports.step = (text) => {
  console.log(`ok ${text} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  begun = Date.now();
};

// What stands before the server on a host of its own: https, which a Stripe App's address must have.
const front = async () => {
  const file = (name) => path.join(FOLDER, name);
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
    "-subj", "/CN=localhost", "-keyout", file("front.key"), "-out", file("front.crt")], { stdio: "ignore" });
  const options = { key: fs.readFileSync(file("front.key")), cert: fs.readFileSync(file("front.crt")) };
  const server = https.createServer(options, (asked, answer) => {
    const { method, url, headers } = asked;
    const to = { port: BEHIND, host: "127.0.0.1", agent: false, method, path: url, headers };
    const passed = http.request(to, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    asked.pipe(passed);
  });
  server.keepAliveTimeout = 0; // a browser's next request never meets a connection that is closing
  await new Promise((resolve) => server.listen(new URL(SERVER_URL).port, resolve));
  return server;
};

exports.browse = async (walk) => {
  const server = await front();
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    await walk(browser);
    console.log("ok all");
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
};

// A page in a browser of its own. A failing script, a dialog, and what the Content-Security-Policy
// stops make the walk fail: none of them may happen.
exports.open = async (browser, options = {}) => {
  const context = await browser.newContext({ baseURL: SERVER_URL, ignoreHTTPSErrors: true, reducedMotion: "reduce",
    viewport: SCREENS.desktop, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const fail = (text) => { console.error(text); process.exit(1); };
  page.on("pageerror", (error) => fail(`${page.url()}: ${error.stack}`));
  page.on("dialog", () => fail(`${page.url()}: a dialog: a script of a record has run`));
  page.on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) fail(`${page.url()}: ${message.text()}`);
  });
  return page;
};

const axe = async (page, name, options) => {
  if (!await page.evaluate("!!window.axe")) await page.evaluate(AXE + "; null");
  const found = await page.evaluate(async (given) =>
    (await window.axe.run(document, { resultTypes: ["violations"], ...given })).violations.map((v) =>
      ({ id: v.id, impact: v.impact, nodes: v.nodes.slice(0, 4).map((n) =>
        `${n.target.join(" ")} ${n.html.slice(0, 120)} ${n.any[0]?.message ?? ""}`) })), options);
  assert.deepEqual(found.filter((v) => ["serious", "critical"].includes(v.impact)
    || STRUCTURE.includes(v.id)), [], name);
};

// Parts that a script fetches are there.
const settled = async (page) => {
  await page.waitForLoadState("networkidle");
  await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
};

// The page as it is for readers of all kinds: no serious fault by axe, no part of it wider than the
// screen. In the dark, only the colours are others.
exports.look = async (page, name) => {
  await settled(page);
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const where = `${name}, ${screen}, ${colorScheme}`;
      await axe(page, where, colorScheme === "dark"
        ? { runOnly: { type: "rule", values: ["color-contrast"] } } : {});
      if (PICTURES) {
        await page.screenshot({ path: `${PICTURES}/${name}-${screen}-${colorScheme}.png`,
          fullPage: true });
      }
    }
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
      `${name}, ${screen}: a part of it is wider than the screen`);
  }
  await page.setViewportSize(SCREENS.desktop);
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
};

// A page on paper: without what only a screen can use, black on white in the dark, too.
exports.print = async (page, name) => {
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const seen = await page.evaluate(() => ({
    controls: [...document.querySelectorAll("button, input, select, .tabs, .top nav")]
      .filter((node) => node.checkVisibility()).map((node) => node.outerHTML.slice(0, 80)),
    colors: [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor],
  }));
  assert.deepEqual(seen, { controls: [], colors: ["rgb(0, 0, 0)", "rgb(255, 255, 255)"] }, name);
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}-print.png`, fullPage: true });
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
};

const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";

// Everything on the page that can be used is reached with Tab alone, in the order of the document, can be
// seen while it has the focus, and lets the focus go on.
exports.tabThrough = async (page, name) => {
  await settled(page);
  const count = await page.evaluate((selector) => {
    const wanted = [...document.querySelectorAll(selector)].filter((node) => !node.disabled
      && node.tabIndex >= 0 && node.checkVisibility({ visibilityProperty: true }));
    const short = (node) => node?.outerHTML.slice(0, 120);
    window.tabbed = { reached: 0, faults: [] };
    document.addEventListener("focusin", ({ target }) => {
      if (window.tabbed.reached === wanted.length) return;
      const next = wanted[window.tabbed.reached++];
      const style = getComputedStyle(target);
      const box = target.getBoundingClientRect();
      if (target !== next) window.tabbed.faults.push(`${short(target)} in place of ${short(next)}`);
      else if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) window.tabbed.faults.push("no outline: " + short(target));
      else if (box.bottom <= 0 || box.top >= innerHeight) window.tabbed.faults.push("out of sight: " + short(target));
    });
    // where Tab begins
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    window.tabbed = { reached: 0, faults: [] };
    return wanted.length;
  }, FOCUSABLE);
  let tabbed = { reached: 0, faults: [] };
  // a field for a date has four places of its own
  for (let pressed = 0; tabbed.reached < count && tabbed.faults.length === 0 && pressed < count + 20;) {
    for (const target = pressed + Math.max(1, count - tabbed.reached); pressed < target; pressed++) await page.keyboard.press("Tab");
    tabbed = await page.evaluate("window.tabbed");
  }
  assert.deepEqual(tabbed, { reached: count, faults: [] }, name);
  // the next one leaves the page, or begins anew
  const last = await page.evaluate("(window.last = document.activeElement).type");
  for (let i = last === "date" ? 4 : 1; i > 0; i--) await page.keyboard.press("Tab");
  assert.ok(await page.evaluate("document.activeElement !== window.last"), `${name}: the last one keeps the focus`);
};

// What a screen reader is told, as Playwright writes the accessibility tree down: every line must be in it.
exports.hear = async (page, name, lines) => {
  const tree = await page.locator("body").ariaSnapshot();
  for (const line of lines) {
    assert.ok(line instanceof RegExp ? line.test(tree) : tree.includes(line), `${name}: ${line}\n${tree}`);
  }
};
