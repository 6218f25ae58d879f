// What every walk through the portal shares: a browser, pages that are looked at by axe, pictures.
//
//   SERVER_URL, TOKEN (of a session) in the environment; PICTURES (a folder) keeps a picture of every
//   page on a desktop and a phone, light and dark.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

const MODULES = path.join(__dirname, "../../build/browser/node_modules");
const { chromium } = require(path.join(MODULES, "playwright-core"));
const AXE = fs.readFileSync(path.join(MODULES, "axe-core/axe.min.js"), "utf8");

const { SERVER_URL, TOKEN, PICTURES } = process.env;
const PATIENCE = 60000; // ms
const SERIOUS = ["serious", "critical"];

exports.step = (text) => console.log("ok " + text);

exports.browse = async (walk) => {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    await walk(browser);
    console.log("ok all");
  } finally {
    await browser.close();
  }
};

// A page of a browser that is signed in. What goes wrong in it makes the walk fail.
exports.open = async (browser, options = {}) => {
  const context = await browser.newContext({ baseURL: SERVER_URL, ...options });
  await context.addCookies([{ name: "commerce_session", value: TOKEN, url: SERVER_URL }]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => { throw error; });
  page.on("dialog", () => { throw new Error("a dialog: a script of a record has run"); });
  return page;
};

// No serious fault by axe; no part of the page is wider than the screen.
exports.check = async (page, name) => {
  const found = await page.evaluate(async (source) => {
    const run = new Function(source + "; return axe;")();
    return (await run.run()).violations.map((v) =>
      ({ id: v.id, impact: v.impact, nodes: v.nodes.map((n) => n.target.join(" ")) }));
  }, AXE).catch((error) => ({ error }));
  assert.ok(Array.isArray(found), `${name}: ${found.error}`);
  assert.deepEqual(found.filter((v) => SERIOUS.includes(v.impact)), [], name);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    `${name}: a part of it is wider than the screen`);
};

// The page as it is for readers of all kinds.
exports.look = async (browser, address, name) => {
  for (const [size, width, height] of [["desktop", 1280, 900], ["phone", 390, 844]]) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await exports.open(browser, { colorScheme, bypassCSP: true,
        viewport: { width, height } });
      await page.goto(address, { waitUntil: "networkidle" });
      await exports.check(page, `${name}, ${size}, ${colorScheme}`);
      if (PICTURES) {
        await page.screenshot({ path: `${PICTURES}/${name}-${size}-${colorScheme}.png`,
          fullPage: true });
      }
      await page.context().close();
    }
  }
};
