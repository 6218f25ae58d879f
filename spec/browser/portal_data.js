// The walk through a connection's pages: overview, data, records, payouts, refresh; with scripts and
// without. HOSTILE in the environment: names of customers; see portal.js.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const { hear, look, open, print, step, tabThrough } = require("./walk.js");

const HOSTILE = JSON.parse(process.env.HOSTILE);
const [EVIL, FORMULA] = HOSTILE;

const rows = (page) => page.locator("#rows tr").count();

async function downloaded(page, label) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(`text=${label}`)]);
  return fs.readFileSync(await download.path(), "utf8");
}

async function data(page, base) {
  await page.goto(base + "/data/payments");
  await look(page, "data");
  await tabThrough(page, "data");
  await hear(page, "data", ['region "Payments"', 'columnheader "Amount"', 'navigation "Pages"', 'searchbox "Filter"',
    'navigation "Data types"', 'link "CSV"']);
  await print(page, "data");
  assert.equal(await rows(page), 50);
  for (const label of ["Last", "Previous", "First"]) await page.click(`nav[aria-label=Pages] >> text=${label}`);
  step("turns pages to the last one and back");

  await page.fill("#q", "amout>1");
  await page.press("#q", "Enter");
  assert.match(await page.textContent("#q-problem"), /Could not resolve property amout/);
  assert.equal(await page.inputValue("#q"), "amout>1");
  await page.click("summary >> text=How to filter");
  await look(page, "data-wrong-filter");
  await page.fill("#q", "status=Failed");
  await page.click("button >> text=Filter");
  await page.waitForSelector("#search");
  const failed = await rows(page);
  assert.ok(failed > 0 && failed < 50);
  assert.equal((await downloaded(page, "CSV")).trim().split("\r\n").length, failed + 1);
  step("filters, exports what is filtered, and says what is wrong with a filter");

  await page.click("text=Save this filter");
  await page.fill("#filter-name", EVIL);
  await page.click("button >> text=Save");
  assert.equal(await page.locator(".chips a").textContent(), EVIL);
  await look(page, "data-filtered");
  await page.click(".chips button");
  await page.waitForSelector(".chips", { state: "detached" });
  step("saves a filter and deletes it");

  await page.click("summary >> text=Columns");
  await look(page, "data-columns");
  await page.keyboard.press("Escape");
  assert.ok(!await page.isVisible("text=Show these"));
  await page.click("summary >> text=Columns");
  await page.uncheck("label:has-text('Method') >> nth=0 >> input");
  await page.check("label:has-text('Payment provider') >> input");
  await page.click("text=Show these");
  await page.waitForSelector("th >> text=Payment provider");
  await page.goto(base + "/data/payments");
  assert.equal(await page.locator("th >> text=Payment provider").count(), 1);
  step("remembers columns");

  for (const [label, first] of [["CSV", /^id,amount,currency/], ["JSON Lines", /^{"id":"/]]) {
    assert.match(await downloaded(page, label), first);
  }
  await page.goto(base + "/data/payments?q=amount%3C-1000000");
  await look(page, "data-nothing");
  step("exports");

  await page.goto(base + "/data/customers");
  const shown = await page.textContent("#rows");
  for (const name of HOSTILE) assert.ok(shown.includes(name.slice(0, 60)), name.slice(0, 60));
  await look(page, "data-hostile");
  const csv = await downloaded(page, "CSV");
  assert.ok(csv.includes(`,'${FORMULA},`) || csv.includes(`,"'${FORMULA}",`), csv.slice(0, 2000));
  assert.ok(!csv.includes(`,${FORMULA}`));
  await page.click("#rows tr:has-text('<script>') a");
  await look(page, "record-hostile");
  step("shows hostile names as texts");
}

async function record(page, base) {
  await page.goto(base + "/data/payments?q=status%3DSucceeded");
  await page.goto(base + "/payouts");
  await look(page, "payouts");
  await tabThrough(page, "payouts");
  await page.click("main tbody a >> nth=0");
  await page.waitForURL("**/payouts/po_*");
  const payout = new URL(page.url()).pathname.split("/").pop();
  await look(page, "payout");
  await tabThrough(page, "payout");
  const payment = await page.locator("a[href*='/payments/records/ch_']").first().getAttribute("href");
  await page.goto(payment);
  await page.waitForSelector("text=Linked records");
  assert.match(await page.getAttribute("text=Open in Stripe", "href"),
    /^https:\/\/dashboard\.stripe\.com\/acct_\w+\/test\/payments\//);
  await page.click("text=Fetch it from Stripe");
  await page.waitForSelector("text=As Stripe gave it just now.");
  await look(page, "record");
  await tabThrough(page, "record");
  step("shows a record and its object at Stripe");

  await page.goto(base + "/payouts");
  await page.fill("#find", payment.split("/").pop());
  await page.click("button >> text=Find");
  await page.waitForSelector("#found");
  assert.ok(page.url().includes(`/payouts/${payout}?`));
  step("finds the payout of a payment");
}

async function money(page, base) {
  await page.goto(base + "/overview");
  await look(page, "overview");
  await tabThrough(page, "overview");
  await page.selectOption("#unit", "Year");
  await page.fill("#count", "3");
  await page.click("button >> text=Show");
  await page.waitForSelector("svg.chart");
  await page.click("text=Compare with Stripe now");
  await page.waitForSelector("text=The stored transactions add up to the balance at Stripe.");
  await look(page, "overview-years");
  step("compares the balance with Stripe");
}

// The message of a refresh changes where it stands, for ears as well.
async function refresh(page, base) {
  await page.goto(base + "/refresh");
  await page.click("text=Refresh all");
  await page.waitForSelector('[data-live="busy"]');
  await page.evaluate("window.here = true");
  await hear(page, "refresh", ["- status:", 'columnheader "What it did"', 'rowheader "Payments"']);
  await page.waitForSelector('[data-live="idle"]');
  await page.waitForSelector("[role=status] >> text=Nothing is being read.");
  assert.ok(await page.evaluate("window.here"), "the page was left");
  await look(page, "refresh");
  await tabThrough(page, "refresh");
  await page.goto(base + "/permissions");
  await look(page, "permissions");
  step("shows a refresh until it has ended");
}

// The same without scripts: forms and links do it all, and the page reloads itself while it waits.
async function plain(browser, other, base) {
  const storageState = await other.context().storageState();
  const page = await open(browser, { javaScriptEnabled: false, storageState });
  await page.goto(base + "/data/payments");
  await page.fill("#q", "status=Failed");
  await page.click("button >> text=Filter");
  await page.waitForSelector("#search");
  assert.ok(await rows(page) > 0);
  await page.goto(base + "/refresh");
  await page.click("text=Refresh all");
  await page.waitForSelector("text=Nothing is being read.");
  await page.goto(base + "/overview");
  assert.ok(await page.locator("svg.chart").count() > 3);
  await page.context().close();
  step("works without scripts");
}

exports.walk = async (browser, page, base) => {
  await money(page, base);
  await data(page, base);
  await record(page, base);
  await refresh(page, base);
  await plain(browser, page, base);
};
