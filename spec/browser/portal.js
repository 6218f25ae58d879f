// An operator's first day in the portal, in a real browser: the first administrator, a company, a
// connection by a key, a sync, a look at everything, the end of the connection. On every page: no
// serious fault by axe, in light and dark, on a desktop and on a phone. Debian's chromium without a
// window, over its protocol.
//
//   SERVER_URL, SETUP (path of the first run, with its token), KEY (of an account), and AXE (the file
//   of axe-core) in the environment; FOLDER: screenshots are written into it.
"use strict";

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const { SERVER_URL, SETUP, KEY, AXE, FOLDER } = process.env;
const PATIENCE = 120000; // ms
const AXE_SOURCE = fs.readFileSync(AXE, "utf8");
const step = (text) => console.log("ok " + text);
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const SCREENS = { desktop: [1280, 900, false], phone: [390, 844, true] };

class Tab {
  #next = 1; #waiting = new Map(); #text = ""; #session;

  static async open(folder) {
    const tab = new Tab();
    tab.process = spawn("chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
      "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + folder, "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    tab.process.stdio[4].on("data", (data) => {
      const texts = (tab.#text + data).split("\0");
      tab.#text = texts.pop();
      texts.map((text) => JSON.parse(text)).forEach(({ id, result, error }) => {
        const [resolve, reject] = tab.#waiting.get(id) ?? [];
        tab.#waiting.delete(id);
        if (error) reject?.(new Error(error.message)); else resolve?.(result);
      });
    });
    const { targetInfos } = await tab.send("Target.getTargets");
    const target = targetInfos.find(({ type }) => type === "page");
    tab.#session = (await tab.send("Target.attachToTarget", { targetId: target.targetId, flatten: true })).sessionId;
    return tab;
  }

  send(method, params = {}) {
    const id = this.#next++;
    this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId: this.#session }) + "\0");
    return new Promise((resolve, reject) => this.#waiting.set(id, [resolve, reject]));
  }

  async run(body) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate",
      { expression: `(async () => { ${body} })()`, awaitPromise: true, returnByValue: true });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  }

  async until(what, body) {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const value = await this.run(body).catch(() => null); // a page that goes away does not answer
      if (value) return value;
      if (Date.now() > deadline) {
        throw new Error(`waited in vain: ${what}\n${await this.run("return location.href + '\\n' + document.body.innerText")}`);
      }
      await after(50);
    }
  }

  // Do something that leads to another page, and wait for that.
  async leave(what, act) {
    await this.run("window.left = true");
    await act();
    await this.until(what, "return !window.left && document.readyState === 'complete' && location.href");
  }

  go(address) {
    return this.leave(address, () => this.send("Page.navigate", { url: SERVER_URL + address }));
  }

  // Fill in the form that has a button, and send it.
  submit(label, fields = {}) {
    return this.leave(label, () => this.run(`
      const button = [...document.querySelectorAll("main button, header button")]
        .find((one) => one.textContent.trim().startsWith(${JSON.stringify(label)}));
      if (!button) throw new Error("no button ${label}: " + document.body.innerText);
      for (const [name, value] of Object.entries(${JSON.stringify(fields)})) {
        const field = button.form.elements[name];
        if (field.type === "checkbox") field.checked = value; else field.value = value;
      }
      setTimeout(() => button.form.requestSubmit(button));`));
  }

  text() {
    return this.run("return document.body.innerText");
  }

  address() {
    return this.run("return location.pathname + location.search");
  }

  async screen(name, scheme) {
    const [width, height, mobile] = SCREENS[name];
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, mobile, deviceScaleFactor: 1 });
    await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  async shoot(file) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
    fs.writeFileSync(path.join(FOLDER, file), Buffer.from(data, "base64"));
  }
}

// What is wrong with a page, on every screen: axe's serious faults, and a page wider than the screen.
async function inspect(tab, name) {
  const faults = [];
  for (const screen of Object.keys(SCREENS)) {
    for (const scheme of ["light", "dark"]) {
      await tab.screen(screen, scheme);
      await after(150); // transitions of colours are over
      await tab.run(`if (!window.axe) { ${AXE_SOURCE}; }`);
      const found = await tab.run(`
        const { violations } = await axe.run(document, { resultTypes: ["violations"] });
        return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map((node) => node.html.slice(0, 150)
            + " " + (node.any[0]?.message ?? "")).join(" | "));`);
      const wide = await tab.run("return document.documentElement.scrollWidth > innerWidth + 1");
      found.forEach((fault) => faults.push(`${name} ${screen} ${scheme} ${fault}`));
      if (wide) faults.push(`${name} ${screen} is wider than the screen`);
      if (FOLDER) await tab.shoot(`${name}-${screen}-${scheme}.png`);
    }
  }
  await tab.screen("desktop", "light");
  return faults;
}

const SETTINGS = ["integrations", "integrations/stripe-test", "integrations/stripe-test/manifest", "data", "keys",
  "webhooks", "profile", "users", "log", "account"];
const SECTIONS = ["overview", "data/payments", "payouts", "refresh", "permissions", "unlink", "delete"];

async function walk(tab) {
  const faults = [];
  const look = async (name) => faults.push(...await inspect(tab, name));

  await tab.go(SETUP);
  await look("setup");
  const password = "correct horse battery";
  await tab.submit("Create", { name: "Ada", password, again: password });
  assert.match(await tab.text(), /No companies in test mode yet/);
  await look("companies-empty");
  step("made the first administrator");

  await tab.go("/portal/test/companies/new");
  await look("company-new");
  await tab.submit("Create", { name: "Toys <script>alert(1)</script>", description: "A shop" });
  const company = await tab.address();
  await look("company-empty");
  await tab.submit("Add a connection");
  const connection = await tab.address();
  assert.match(connection, /\/connections\//);
  await look("connection-pending");
  await tab.submit("Link", { key: "pk_test_" + "x".repeat(24) });
  assert.match(await tab.text(), /publishable/);
  await tab.submit("Link", { key: KEY });
  assert.match(await tab.text(), /Linked/);
  await look("connection-linked");
  step("linked an account by its key");

  await tab.go(connection + "/refresh");
  await look("refresh-before");
  await tab.until("the first sync", `
    const answer = await fetch(${JSON.stringify(connection)});
    const text = await answer.text();
    if (/Last data sync<\\/dt><dd><time/.test(text)) return true;
    await new Promise((resolve) => setTimeout(resolve, 500));`);
  step("synced");

  for (const section of SECTIONS) {
    await tab.go(`${connection}/${section}`);
    await look(section.replaceAll("/", "-"));
  }
  await tab.go("/portal/test/companies");
  await look("companies");
  await tab.go(company);
  await look("company");
  await tab.go(company + "/delete");
  await look("company-delete");
  await tab.go("/portal/live/companies");
  assert.doesNotMatch(await tab.text(), /Toys/);
  await look("companies-live");
  for (const page of SETTINGS) {
    await tab.go("/portal/settings/" + page);
    await look("settings-" + page.replaceAll("/", "-"));
  }
  step("looked at every page");

  await tab.go(connection + "/unlink");
  await tab.submit("Unlink");
  assert.match(await tab.text(), /Unlinked/);
  await tab.go(company + "/delete");
  await tab.submit("Delete", { confirm: "Toys <script>alert(1)</script>" });
  assert.match(await tab.text(), /No companies in test mode yet/);
  step("unlinked, and deleted the company");

  await tab.run("document.querySelector('details.menu').open = true");
  await tab.submit("Sign out");
  await look("login");
  await tab.submit("Sign in", { name: "Ada", password: "wrong" });
  assert.match(await tab.text(), /not right/);
  await tab.submit("Sign in", { name: "ada", password });
  assert.match(await tab.text(), /No companies/);
  step("signed out and in");
  return faults;
}

async function main() {
  // in the folder of the spec, which removes it: chromium's processes write until they have ended
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "portal-"));
  const tab = await Tab.open(folder);
  try {
    assert.deepEqual(await walk(tab), []);
    step("all");
  } finally {
    await new Promise((resolve) => { tab.process.once("exit", resolve); tab.process.kill(); });
  }
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
