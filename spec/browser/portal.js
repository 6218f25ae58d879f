// An operator's first day in the portal, in a real browser: the first administrator, the ways to
// link, a company whose connections are linked by each of them, their data, a look at every page, a
// viewer, the end. See walk.js for what a look is.
//
//   SERVER_URL, SETUP (path of the first run, with its token), KEY (the operator's), RESTRICTED (a
//   merchant's key), EMULATOR (Stripe), MERCHANTS (id and name; by app, by Connect, by key), HOSTILE
//   (names of customers) in the environment.
"use strict";

const assert = require("node:assert/strict");
const { browse, hear, look, open, print, step, tabThrough } = require("./walk.js");
const data = require("./portal_data.js");

const { SETUP, KEY, RESTRICTED, EMULATOR } = process.env;
const [BY_APP, BY_CONNECT, BY_KEY] = JSON.parse(process.env.MERCHANTS);
const PASSWORD = "correct horse battery";
const EVIL = "<script>alert(1)</script> =cmd()";
const RIGHT_TO_LEFT = "\u202Eمتجر الألعاب";
const INTEGRATION = "/portal/settings/integrations/stripe-test";

const text = (page) => page.textContent("main");
const press = (page, label) => page.getByRole("button", { name: label }).click();

async function firstRun(page) {
  await page.goto(SETUP);
  await look(page, "setup");
  await tabThrough(page, "setup");
  await page.fill("#name", "Ada");
  await page.fill("#password", PASSWORD);
  await page.fill("#again", "another password");
  await press(page, "Create the administrator");
  assert.match(await text(page), /not the same/);
  await look(page, "setup-wrong");
  await page.fill("#password", PASSWORD);
  await page.fill("#again", PASSWORD);
  await press(page, "Create the administrator");
  await page.waitForSelector("text=No companies in test mode yet");
  await look(page, "companies-empty");
  await tabThrough(page, "companies-empty");
  step("makes the first administrator, with the token that the server prints");
}

// With the keyboard alone: the skip link, the menu and Escape, a form from its first field to Enter.
async function byKeyboard(page) {
  await page.goto("/portal/test/companies");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.className"), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "main");
  await page.focus("details.menu > summary");
  await page.keyboard.press("Enter");
  assert.ok(await page.isVisible("text=Sign out"));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  assert.ok(!await page.isVisible("text=Sign out"));
  assert.equal(await page.evaluate("document.activeElement.tagName"), "SUMMARY");

  await page.getByRole("link", { name: "New company" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/companies/new");
  await look(page, "company-new");
  await tabThrough(page, "company-new");
  await page.focus("#name");
  await page.keyboard.type("Northwind Toys");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Wooden toys, since 1987.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1:has-text('Northwind Toys')");
  await look(page, "company-empty");
  step("makes a company with the keyboard alone");
  return new URL(page.url()).pathname;
}

async function setUp(page, changes) {
  await page.goto(INTEGRATION);
  await changes();
  await page.waitForSelector("text=Saved.");
}

// A connection that waits for its merchant; gives the address to send.
async function request(page, company) {
  await page.goto(company);
  await page.getByRole("button", { name: /connection/ }).first().click();
  await page.waitForURL("**/connections/*");
  return page.inputValue("#link");
}

// What a merchant does, in a browser of their own.
async function merchant(browser, address, act) {
  const page = await open(browser);
  await page.goto(address);
  await act(page);
  await page.context().close();
}

async function consent(page, account) {
  await press(page, "Continue to Stripe");
  await page.waitForURL(EMULATOR + "/**");
  await page.check(`input[value=${account.id}]`);
  await press(page, "Connect");
  await page.waitForSelector("text=/Thank you|connected/i");
}

async function shows(page, merchantName, way) {
  await page.reload();
  await page.waitForSelector("dd .pill.good:has-text('Linked')");
  assert.match(await text(page), new RegExp(way));
  assert.match(await text(page), new RegExp(merchantName));
}

async function byApp(browser, page, company) {
  await setUp(page, async () => {
    const form = page.locator("form[action$='/app']");
    await form.getByLabel("Merchants may link by the Stripe App").check();
    await form.getByLabel("Install link").fill("https://marketplace.stripe.com/oauth/v2/chnlink_Emulator"
      + "/authorize?client_id=ca_EmulatorAppTest");
    await form.getByLabel("Secret key").fill(KEY);
    await form.getByLabel("App id").fill("app_Emulator");
    await form.getByRole("button", { name: "Save" }).click();
  });
  const address = await request(page, company);
  await look(page, "connection-pending");
  await tabThrough(page, "connection-pending");
  await merchant(browser, address, (other) => consent(other, BY_APP));
  await shows(page, BY_APP.name, "the Stripe App");
  await look(page, "connection-linked");
  step("links by the Stripe App");
}

async function byConnect(browser, page, company) {
  await setUp(page, async () => {
    await page.getByLabel("Merchants may link by the Stripe App").uncheck();
    await page.locator("form[action$='/app'] button").click();
    await page.waitForSelector("text=Saved.");
    const form = page.locator(`form[action='${INTEGRATION}']`);
    await form.getByLabel("Merchants may link by Stripe Connect").check();
    await form.getByLabel("Client id").fill("ca_EmulatorTest");
    await form.getByLabel("Secret key of the platform").fill(KEY);
    await form.getByRole("button", { name: "Save" }).click();
  });
  const address = await request(page, company);
  await merchant(browser, address, (other) => consent(other, BY_CONNECT));
  await shows(page, BY_CONNECT.name, "Stripe Connect");
  step("links by Stripe Connect");
}

async function byMerchantsKey(browser, page, company) {
  await setUp(page, async () => {
    const form = page.locator(`form[action='${INTEGRATION}']`);
    await form.getByLabel("Merchants may link by a restricted key").check();
    await form.getByRole("button", { name: "Save" }).click();
  });
  const address = await request(page, company);
  await merchant(browser, address, async (other) => {
    await press(other, "Use a restricted key");
    await other.fill("input[name=key]", RESTRICTED);
    await other.keyboard.press("Enter");
    await other.waitForSelector("text=/connected|can read|Thank you/i");
  });
  await shows(page, BY_KEY.name, "its own key");
  step("links by a restricted key of the merchant's");
}

async function byKey(page, company) {
  await request(page, company);
  await page.fill("#key", "pk_test_" + "x".repeat(24));
  await press(page, "Link");
  assert.match(await text(page), /publishable/);
  await look(page, "connection-wrong-key");
  await page.fill("#key", KEY);
  await press(page, "Link");
  await page.waitForSelector("dd .pill.good:has-text('Linked')");
  step("links by a key of the operator's");
  return new URL(page.url()).pathname;
}

// Until all that linking has asked for has been read.
async function synced(page, company, connection) {
  await page.goto(connection + "/refresh");
  await look(page, "refresh-first");
  await page.waitForSelector('[data-live="idle"]');
  await page.goto(company);
  await page.waitForFunction(async () => {
    const answer = await fetch(location.href);
    const there = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = [...there.querySelectorAll("tbody tr")];
    return rows.length === 4 && rows.every((row) => row.cells[3].querySelector("time"));
  }, null, { polling: 500 });
  await page.reload();
  await look(page, "company");
  await hear(page, "company", ["banner", 'navigation "Main"', 'navigation "Sections"', "main", 'heading "Northwind Toys" [level=1]',
    'columnheader "Last data sync"', 'link "Skip to the content"']);
  await tabThrough(page, "company");
  step("reads the data of all");
}

const PAGES = ["integrations", "integrations/stripe-test", "integrations/stripe-test/manifest", "data", "profile",
  "account"];

async function settings(page, company) {
  for (const name of PAGES) {
    await page.goto("/portal/settings/" + name);
    await look(page, "settings-" + name.replaceAll("/", "-"));
    await tabThrough(page, name);
  }
  await page.goto("/portal/settings/keys");
  await page.fill("#name", "Reporting");
  await press(page, "Make the key");
  await page.waitForSelector("#new-key");
  await look(page, "settings-keys");
  await tabThrough(page, "keys");
  await page.goto("/portal/settings/webhooks");
  await look(page, "settings-webhooks-empty");
  await page.fill("#url", EMULATOR + "/_emulator/nothing");
  await press(page, "Add");
  await page.waitForSelector("main table, main .notice.bad");
  await look(page, "settings-webhooks");
  const consumer = page.locator("main table a");
  if (await consumer.count() > 0) {
    await consumer.first().click();
    await look(page, "settings-webhook");
    await tabThrough(page, "webhook");
  }
  await page.goto(company + "/schedules");
  await page.selectOption("select >> nth=0", { label: "every hour" });
  await press(page, "Save");
  await page.waitForSelector("text=This company has schedules of its own.");
  await look(page, "schedules");
  await tabThrough(page, "schedules");
  step("looks at the settings");
}

// A viewer signs in by the invitation, sees everything and can change nothing.
async function viewer(browser, page, company, connection) {
  await page.goto("/portal/settings/users");
  await page.fill("#name", "Grace");
  await press(page, "Invite");
  const address = await page.inputValue("#invitation");
  await look(page, "settings-users");
  await tabThrough(page, "users");
  const other = await open(browser);
  await other.goto(address);
  await look(other, "welcome");
  await other.fill("#password", "a password of hers");
  await other.fill("#again", "a password of hers");
  await press(other, "Set the password");
  for (const place of [company, connection, connection + "/refresh", "/portal/settings/users",
    INTEGRATION, "/portal/settings/data"]) {
    await other.goto(place);
    assert.equal(await other.locator("main form[method=post] button").count(), 0, place);
  }
  await look(other, "settings-data-viewer");
  await other.goto(connection + "/unlink");
  assert.match(await text(other), /Only an administrator/);
  await look(other, "not-allowed");
  await other.context().close();
  await page.goto("/portal/settings/log");
  assert.match(await text(page), /user\.invite/);
  await look(page, "settings-log");
  await tabThrough(page, "log");
  step("invites a viewer, who can change nothing");
}

async function hostile(page) {
  for (const name of [EVIL, RIGHT_TO_LEFT, "W".repeat(1000)]) {
    await page.goto("/portal/test/companies/new");
    await page.fill("#name", name);
    await press(page, "Create the company");
    assert.equal((await page.textContent("h1")).trim(), name);
  }
  await page.goto("/portal/test/companies");
  await look(page, "companies");
  await tabThrough(page, "companies");
  await hear(page, "companies", ['searchbox "Search"', 'columnheader "Name"', 'button "Search"']);
  await page.fill("#q", EVIL);
  await page.keyboard.press("Enter");
  await page.waitForURL("**q=*");
  assert.equal(await page.locator("tbody tr").count(), 1);
  await page.click("tbody a");
  await look(page, "company-hostile");
  await page.goto("/portal/test/companies?q=nobody");
  await look(page, "companies-none-found");
  await page.goto("/portal/live/companies");
  assert.doesNotMatch(await text(page), /Northwind/);
  await look(page, "companies-live");
  step("keeps hostile names harmless, and live mode apart");
}

async function ending(page, company, connection) {
  await page.goto(connection + "/unlink");
  await look(page, "unlink");
  await press(page, "Unlink");
  await page.waitForSelector("dd .pill:has-text('Unlinked')");
  await look(page, "connection-unlinked");
  await page.goto(connection + "/delete");
  await look(page, "connection-delete");
  await page.goto(company + "/delete");
  await look(page, "company-delete");
  await page.fill("#confirm", "Northwind");
  await press(page, "Delete the company");
  assert.match(await text(page), /not the same/);
  await page.fill("#confirm", "Northwind Toys");
  await press(page, "Delete the company");
  await page.waitForURL("**/companies");
  assert.doesNotMatch(await text(page), /Northwind/);
  step("unlinks, and deletes the company");

  await page.click("details.menu > summary");
  await look(page, "menu");
  await press(page, "Sign out");
  await page.waitForURL("**/login*");
  await look(page, "login");
  await page.fill("#name", "Ada");
  await page.fill("#password", "wrong");
  await press(page, "Sign in");
  assert.match(await text(page), /not right/);
  await look(page, "login-wrong");
  await page.fill("#password", PASSWORD);
  await press(page, "Sign in");
  await page.waitForSelector("h1:has-text('Companies')");
  await page.goto("/portal/test/companies/00000000-0000-4000-8000-000000000000");
  await look(page, "not-found");
  step("signs out and in");
}

browse(async (browser) => {
  const page = await open(browser);
  await firstRun(page);
  const company = await byKeyboard(page);
  await byApp(browser, page, company);
  await byConnect(browser, page, company);
  await byMerchantsKey(browser, page, company);
  const connection = await byKey(page, company);
  await synced(page, company, connection);
  await data.walk(browser, page, connection);
  await page.goto(connection + "/overview?unit=Year&count=3");
  await print(page, "overview");
  await settings(page, company);
  await viewer(browser, page, company, connection);
  await hostile(page);
  await ending(page, company, connection);
});
