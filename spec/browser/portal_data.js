// A walk through a connection's pages: overview, data, records, payouts, refresh; with scripts and
// without. BASE (the connection's path), EVIL, PAYMENT and PAYOUT in the environment; see walk.js.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const { browse, check, look, open, step } = require("./walk.js");

const { BASE, EVIL, PAYMENT, PAYOUT } = process.env;

const rows = (page) => page.locator("#rows tr").count();

async function data(page) {
  await page.goto(BASE + "/data/payments");
  assert.equal(await rows(page), 50);
  await page.click("nav[aria-label=Pages] >> text=Last");
  await page.click("nav[aria-label=Pages] >> text=Previous");
  await page.click("nav[aria-label=Pages] >> text=First");
  step("turns pages to the last one and back");

  await page.fill("#q", "amout>1");
  await page.press("#q", "Enter");
  assert.match(await page.textContent("#q-problem"), /Could not resolve property amout/);
  assert.equal(await page.inputValue("#q"), "amout>1");
  await page.fill("#q", "status=Failed");
  await page.click("button >> text=Filter");
  await page.waitForSelector("#search");
  const failed = await rows(page);
  assert.ok(failed > 0 && failed <= 50);
  step("filters, and says what is wrong with a filter");

  await page.click("text=Save this filter");
  await page.fill("#filter-name", EVIL);
  await page.click("button >> text=Save");
  assert.equal(await page.locator(".chips a").textContent(), EVIL);
  await page.click(".chips button");
  await page.waitForSelector(".chips", { state: "detached" });
  step("saves a filter and deletes it");

  await page.click("summary >> text=Columns");
  await page.uncheck("label:has-text('Method') >> nth=0 >> input");
  await page.check("label:has-text('Payment provider') >> input");
  await page.click("text=Show these");
  await page.waitForSelector("th >> text=Payment provider");
  await page.goto(BASE + "/data/payments");
  assert.equal(await page.locator("th >> text=Payment provider").count(), 1);
  step("remembers columns");

  for (const [label, first] of [["CSV", /^id,amount,currency/], ["JSON Lines", /^{"id":"/]]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(`text=${label}`)]);
    assert.match(fs.readFileSync(await download.path(), "utf8"), first);
  }
  step("exports");

  await page.goto(BASE + "/data/customers");
  assert.ok((await page.textContent("#rows")).includes(EVIL));
  await check(page, "hostile names");
  step("shows hostile names as texts");
}

async function record(page) {
  await page.goto(`${BASE}/data/payments/records/${PAYMENT}`);
  assert.match(await page.getAttribute("text=Open in Stripe", "href"),
    /^https:\/\/dashboard\.stripe\.com\/acct_\w+\/test\/payments\//);
  await page.click("text=Fetch it from Stripe");
  await page.waitForSelector("text=As Stripe gave it just now.");
  step("shows a record and its object at Stripe");
}

async function money(page) {
  await page.goto(BASE + "/payouts");
  await page.fill("#find", PAYMENT);
  await page.click("button >> text=Find");
  await page.waitForSelector("#found");
  assert.ok(page.url().includes(`/payouts/${PAYOUT}?`));
  step("finds the payout of a payment");

  await page.goto(BASE + "/overview");
  await page.selectOption("#unit", "Year");
  await page.fill("#count", "3");
  await page.click("button >> text=Show");
  await page.waitForSelector("svg.chart");
  await page.click("text=Compare with Stripe now");
  await page.waitForSelector("text=The stored transactions add up to the balance at Stripe.");
  step("compares the balance with Stripe");
}

async function refresh(page) {
  await page.goto(BASE + "/refresh");
  await page.click("text=Refresh all");
  await page.waitForSelector('[data-live="idle"]');
  await page.waitForSelector("text=Nothing is being read.");
  step("shows a refresh until it has ended");
}

// The same without scripts: forms and links do it all, and the page reloads itself while it waits.
async function plain(browser) {
  const page = await open(browser, { javaScriptEnabled: false });
  await page.goto(BASE + "/data/payments");
  await page.fill("#q", "status=Failed");
  await page.click("button >> text=Filter");
  assert.ok(await rows(page) > 0);
  await page.goto(BASE + "/refresh");
  await page.click("text=Refresh all");
  await page.waitForSelector("text=Nothing is being read.");
  await page.goto(BASE + "/overview");
  assert.ok(await page.locator("svg.chart").count() > 3);
  step("works without scripts");
}

browse(async (browser) => {
  const page = await open(browser);
  await data(page);
  await record(page);
  await money(page);
  await refresh(page);
  await plain(browser);
  for (const [name, address] of [["overview", "/overview?count=24"], ["data", "/data/payments"],
    ["filter", "/data/payments?q=status%3DFailed"], ["empty", "/data/payments?q=amount%3C-1000000"],
    ["record", `/data/payments/records/${PAYMENT}`], ["payouts", "/payouts"],
    ["payout", `/payouts/${PAYOUT}`], ["refresh", "/refresh"]]) {
    await look(browser, BASE + address, name);
    step(`has no serious fault: ${name}`);
  }
});
