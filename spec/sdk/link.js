// A merchant links in a real browser, inside a page of another origin: the module, its frame, the
// window and the callbacks. Debian's chromium without a window, over its protocol; no package.
//
//   SERVER_URL, COMPANY, TOKEN (the company's access token), ACCOUNT (the one to choose at Stripe),
//   PORT (of the page, whose origin http://localhost:PORT is allowed) in the environment.
"use strict";

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");

const { SERVER_URL, COMPANY, TOKEN, ACCOUNT, PORT } = process.env;
const PATIENCE = 60000; // ms
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const step = (text) => console.log("ok " + text);

const page = (request, response) => response.setHeader("Content-Type", "text/html").end(`<!doctype html>
<div id="t" style="width:460px;height:620px"></div>
<script type="module">
import { CodatLink } from "${SERVER_URL}/link/sdk.js";
window.calls = [];
const props = { companyId: "${COMPANY}", accessToken: "${TOKEN}" };
for (const name of ["onConnection", "onConnectionStarted", "onConsent", "onFinish", "onClose", "onError"])
  props[name] = (detail) => calls.push([name, detail ?? null]);
new CodatLink({ target: document.getElementById("t"), props });
// what a page must not be able to do: speak for the frame
postMessage({ from: "commerce-link", type: "connection", detail: { connection: {} } }, "*");
</script>`);

class Browser {
  #next = 1; #waiting = new Map(); #text = ""; targets = new Map();

  constructor(folder) {
    this.process = spawn("chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
      "--remote-debugging-pipe", "--user-data-dir=" + folder, "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.process.once("exit", (code) => {
      if (this.closing) return;
      console.error(`chromium ended with ${code}`);
      process.exit(1);
    });
    this.process.stdio[4].on("data", (data) => {
      const texts = (this.#text + data).split("\0");
      this.#text = texts.pop();
      texts.map((text) => JSON.parse(text)).forEach((message) => this.#take(message));
    });
  }

  #take({ id, result, error, method, params }) {
    if (id) {
      const [resolve, reject] = this.#waiting.get(id);
      return error ? reject(new Error(error.message)) : resolve(result);
    }
    if (method === "Target.attachedToTarget") {
      this.targets.set(params.sessionId, params.targetInfo);
      // frames of other sites are targets of their own
      this.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: true },
        params.sessionId).catch(() => {});
      this.send("Runtime.runIfWaitingForDebugger", {}, params.sessionId).catch(() => {});
    } else if (method === "Target.detachedFromTarget") this.targets.delete(params.sessionId);
  }

  send(method, params = {}, sessionId) {
    const id = this.#next++;
    this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    return new Promise((resolve, reject) => this.#waiting.set(id, [resolve, reject]));
  }

  // The value of an expression, once it is not false, in the target for which it is.
  async until(what, expression) {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      for (const sessionId of this.targets.keys()) {
        // a target that goes away while it is asked does not answer
        const answer = await Promise.race([after(2000), this.send("Runtime.evaluate", {
          expression: `(() => { ${expression} })()`, returnByValue: true, userGesture: true,
        }, sessionId).catch(() => null)]);
        if (answer?.result?.value) return answer.result.value;
      }
      if (Date.now() > deadline) throw new Error(`waited in vain: ${what}\n${await this.#state()}`);
      await after(50);
    }
  }

  async #state() {
    const lines = [];
    for (const sessionId of this.targets.keys()) {
      const answer = await Promise.race([after(2000), this.send("Runtime.evaluate", { returnByValue: true,
        expression: "location.href + ' ' + JSON.stringify(window.calls) + ' ' + document.body?.innerText" },
      sessionId).catch(() => null)]);
      lines.push(answer?.result?.value);
    }
    return lines.join("\n");
  }

  // Press a button of a page whose address contains a text; each page's once.
  press(where, selector) {
    return this.until(`${selector} at ${where}`, `const found = document.querySelector(${JSON.stringify(selector)});
      if (!found || !location.href.includes("${where}") || found.pressed) return false;
      found.pressed = true; setTimeout(() => found.click()); return true;`);
  }

  called(name) {
    return this.until(name, `const found = window.calls?.find((call) => call[0] === "${name}");
      if (found) calls.splice(calls.indexOf(found), 1);
      return found && { detail: found[1] };`).then(({ detail }) => detail);
  }
}

async function walk(browser) {
  const start = `/link/frame/${COMPANY}`;
  await browser.press(start, "button[name=integration]");
  await browser.press("/link/start/", "button[value=no]");
  const refused = await browser.called("onError");
  assert.deepEqual(refused, { message: "You cancelled. Nothing was connected.", errorCode: 403, userRecoverable: true });
  step("cancelled in the window, told to the page");

  await browser.press("/link/start/", "a.button"); // "Try again"
  await browser.press("/link/start/", "button[value=yes]");
  assert.match((await browser.called("onConsent")).text, /will be read|will read this/);
  const started = await browser.called("onConnectionStarted");
  await browser.press("/oauth/authorize", `input[value=${ACCOUNT}]`);
  await browser.press("/oauth/authorize", "button[value=allow]");
  const connected = await browser.called("onConnection");
  assert.deepEqual(connected, started);
  assert.equal(connected.integrationKey, "yzth");
  step("connected");

  await browser.press(start, 'form[action*="/link/done/"] button'); // "Manage"
  await browser.press("/link/done/", "button[value=disconnect]");
  await browser.until("the frame's new list", `return location.href.includes("${start}")
    && document.querySelector('form[action*="/link/start/"] button')?.textContent.startsWith("Reconnect");`);
  step("disconnected in the window, shown in the frame");

  await browser.press(start, "#finish");
  await browser.called("onFinish");
  await browser.press(start, "#close");
  await browser.called("onClose");
  assert.deepEqual(await browser.until("the rest", "return window.calls && { calls };"), { calls: [] });
  step("finished and closed, and nothing else called");

  const { targetId } = await browser.send("Target.createTarget", { url: `http://127.0.0.1:${PORT}/` });
  assert.match((await browser.called("onError")).message, /allowed origins|refused|fetch/i);
  await browser.send("Target.closeTarget", { targetId });
  step("not shown to a page of another origin");
}

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "link-"));
  const server = http.createServer(page).listen(Number(PORT), "localhost");
  const browser = new Browser(folder);
  try {
    await browser.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: true });
    await browser.send("Target.createTarget", { url: `http://localhost:${PORT}/` });
    await walk(browser);
    step("all");
  } finally {
    const gone = new Promise((resolve) => browser.process.once("exit", resolve));
    browser.closing = true;
    browser.process.kill();
    await gone;
    server.close();
    server.closeAllConnections();
    // Chromium's other processes may still write for a moment
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
