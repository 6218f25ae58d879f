-- The two scripts of the Link flow, served as they are: ECMAScript modules without a build step.
-- They are texts in a Lua module because every way to install takes Lua modules along.

local scripts = {}

--- The module that the operator's page imports: an element with the interface of Codat's Link SDK
--- (`CodatLinkProps` of @codat/sdk-link-types 1.10), which holds a frame with our page. It has no
--- framework, keeps nothing, and sees no more of the frame than the frame's messages.
scripts.SDK = [=[
// Link for a web page: import { CodatLink } from "https://SERVER/link/sdk.js";
// new CodatLink({ target, props: { companyId, onConnection, onFinish, onClose, onError } });
const base = new URL("..", import.meta.url); // where the server is, with its path
const PATIENCE = 10000; // ms from the frame's load to its first message
const REFUSED = "Link could not be shown. Check the company's id, and that " + location.origin
  + " is one of the server's allowed origins (POST /corsSettings).";

export class CodatLink {
  #frame; #props; #ready = false; #timer;

  constructor({ target, props }) {
    this.#props = props;
    this.#frame = document.createElement("iframe");
    this.#frame.title = "Connect your account";
    this.#frame.style.cssText = "display:block;width:100%;height:100%;box-sizing:border-box;"
      + "border:" + (props.options?.hideBorder ? "0" : "1px solid #8884;border-radius:8px");
    addEventListener("message", this.#receive);
    this.#frame.addEventListener("load", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#ready || this.#gone() || this.#fail(REFUSED), PATIENCE);
    });
    target.append(this.#frame);
    this.#show().catch((error) => this.#fail(error.message));
  }

  // Remove the frame. To remove it from the document does as well.
  destroy() {
    removeEventListener("message", this.#receive);
    clearTimeout(this.#timer);
    this.#frame.remove();
  }

  async #show() {
    const { companyId, accessToken, options, onClose } = this.#props;
    const address = new URL("link/frame/" + encodeURIComponent(companyId), base);
    address.searchParams.set("origin", location.origin);
    if (onClose) address.searchParams.set("close", "1");
    if (options?.showSandboxIntegrations === false)
      address.searchParams.set("link.showSandboxIntegrations", "false");
    if (accessToken) address.searchParams.set("otp", await this.#otp(companyId, accessToken));
    this.#frame.src = address;
  }

  // The access token stays in this page: the frame gets a password that is valid once.
  async #otp(companyId, accessToken) {
    const path = "commerce/v1/companies/" + encodeURIComponent(companyId) + "/linkUrl";
    const answer = await fetch(new URL(path, base),
      { method: "POST", headers: { Authorization: "Bearer " + accessToken } });
    if (!answer.ok) throw new Error("The access token was refused (HTTP " + answer.status + ").");
    return (await answer.json()).otp;
  }

  #gone() {
    return !this.#frame.isConnected && (this.destroy(), true);
  }

  #fail(message) {
    this.#props.onError?.({ message, userRecoverable: false });
  }

  #receive = ({ origin, source, data }) => {
    if (this.#gone() || origin !== base.origin || source !== this.#frame.contentWindow
      || data?.from !== "commerce-link") return;
    const { type, detail } = data, props = this.#props;
    if (type === "ready") this.#ready = true;
    else if (type === "connection") props.onConnection?.(detail.connection);
    else if (type === "refused") { this.#ready = true; props.onError?.(detail); }
    else if (type === "error") props.onError?.(detail);
    else if (type === "finish") props.onFinish?.();
    else if (type === "close") props.onClose?.();
    else if (type === "consent") {
      props.onConsent?.({ text: detail.text });
      props.onConnectionStarted?.(detail.connection);
    }
  };
}
]=]

--- The script of our own pages, in the frame and in the window that the frame opens. Both are of
--- one origin. The window tells the frame what happened, unless Stripe's pages have cut the tie
--- between the two (Cross-Origin-Opener-Policy): the frame therefore asks the server as well.
scripts.PAGE = [=[
const facts = JSON.parse(document.querySelector("meta[name=commerce-link]").content);
const post = (to, origin, type, detail) =>
  to.postMessage({ from: "commerce-link", type, detail }, origin);

function runFrame() {
  const EVERY = 3000, LONGEST = 30 * 60 * 1000; // ms
  const said = document.getElementById("said"), plain = document.getElementById("plain");
  const again = document.getElementById("again"); // asks for this page anew
  const known = new Set(facts.linked);
  const tell = (type, detail) => post(parent, facts.parent, type, detail);
  let opened, timer, until = 0;

  function say(text) {
    said.textContent = text;
  }

  function connected(connection) {
    known.add(connection.connectionId);
    until = 0;
    tell("connection", { connection });
    again.elements.said.value = "connected";
    again.submit();
  }

  async function look() {
    clearTimeout(timer);
    if (Date.now() > until) return;
    try {
      const answer = await fetch(facts.state, { credentials: "omit", cache: "no-store" });
      const list = answer.ok ? (await answer.json()).connections : [];
      const fresh = list.find((connection) => !known.has(connection.connectionId));
      if (fresh && Date.now() < until) return connected(fresh);
    } catch { /* the next look may work */ }
    timer = setTimeout(look, EVERY);
  }

  for (const form of document.querySelectorAll("form[target]"))
    form.addEventListener("submit", () => {
      opened = open("", form.target, "popup,width=480,height=840");
      plain.hidden = Boolean(opened);
      plain.querySelector("a").href = form.dataset.plain;
      say(opened ? "Please go on in the window that has opened." : "");
      until = Date.now() + LONGEST;
      clearTimeout(timer);
      timer = setTimeout(look, EVERY);
    });
  addEventListener("focus", look);
  addEventListener("message", ({ origin, source, data }) => {
    if (origin !== location.origin || source !== opened || data?.from !== "commerce-link") return;
    if (data.type === "connection") return connected(data.detail.connection);
    if (data.type === "changed") return again.submit();
    if (data.type === "error") say(data.detail.message);
    tell(data.type, data.detail);
  });
  for (const name of ["finish", "close"]) {
    const button = document.getElementById(name);
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => tell(name));
    }
  }
  if (said.textContent) said.focus();
  tell("ready");
}

function runWindow() {
  const tell = (type, detail) => opener && post(opener, location.origin, type, detail);
  if (facts.type === "consent")
    addEventListener("submit", ({ submitter }) => submitter?.value !== "no" && tell("consent",
      { text: document.querySelector("main").innerText, ...facts.detail }));
  else
    tell(facts.type, facts.detail);
  if (facts.ends) close();
}

if (facts.refused)
  post(parent, facts.parent, "refused", { message: facts.refused, userRecoverable: false });
else if (facts.parent) runFrame();
else runWindow();
]=]

return scripts
