// Stripe's own client reads the emulator as it would read Stripe, and signs webhooks for the
// receiver. Prints a line for each step that worked; the first that does not ends it.
//
//   EMULATOR, KEY, ACCOUNT (the key's), HOOK_URL, HOOK_SECRET in the environment; the receiver must
//   keep the secret for this account.
"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const Stripe = require("stripe");

const { EMULATOR, KEY, ACCOUNT, HOOK_URL, HOOK_SECRET } = process.env;
const NEWEST = "2026-11-18.endive";
const { hostname, port } = new URL(EMULATOR);

const client = (options = {}, key = KEY) => new Stripe(key, {
  host: hostname, port, protocol: "http", maxNetworkRetries: 0, telemetry: false, ...options,
});
const stripe = client({ apiVersion: NEWEST });

const step = (text) => console.log("ok " + text);

async function control(path, body) {
  const response = await fetch(`${EMULATOR}/_emulator/${path}`,
    body && { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

async function refused(promise, type, expected) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof Stripe.errors[type], `${type} expected: ${error.stack}`);
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(error[name], value, error.message);
    }
    return true;
  });
}

// The lists, by the emulator's names of their resources.
const LISTS = {
  customers: [stripe.customers], charges: [stripe.charges], refunds: [stripe.refunds],
  disputes: [stripe.disputes], products: [stripe.products], prices: [stripe.prices],
  balance_transactions: [stripe.balanceTransactions], payouts: [stripe.payouts],
  tax_rates: [stripe.taxRates], checkout_sessions: [stripe.checkout.sessions],
  invoices: [stripe.invoices], invoice_payments: [stripe.invoicePayments],
  subscriptions: [stripe.subscriptions, { status: "all" }],
  application_fees: [stripe.applicationFees],
};

const all = (list) => list.autoPagingToArray({ limit: 10000 });

async function lists() {
  const counts = await control("counts");
  const read = {};
  for (const [name, [resource, filter]] of Object.entries(LISTS)) {
    const objects = await all(resource.list({ limit: 100, ...filter }));
    const ids = objects.map((each) => each.id);
    assert.equal(new Set(ids).size, ids.length, name);
    assert.equal(ids.length, counts[name], name);
    assert.ok(ids.length > 0, name);
    const small = await all(resource.list({ limit: 7, ...filter }));
    assert.deepEqual(small.map((each) => each.id), ids, name);
    const { created } = objects[Math.floor(ids.length / 2)];
    const older = await all(resource.list({ limit: 100, created: { lte: created }, ...filter }));
    assert.deepEqual(older.map((each) => each.id),
      objects.filter((each) => each.created <= created).map((each) => each.id), name);
    const back = await all(resource.list({ limit: 7, ending_before: ids.at(-1), ...filter }));
    assert.deepEqual(back.map((each) => each.id), ids.slice(0, -1).reverse(), name);
    read[name] = objects;
  }
  step("lists: " + Object.entries(read).map(([name, { length }]) => name + " " + length).join(", "));
  return read;
}

async function nested({ checkout_sessions, invoices, charges }) {
  const longest = (await Promise.all(invoices.slice(0, 20).map(
    (invoice) => all(stripe.invoices.listLineItems(invoice.id, { limit: 3 })))))
    .reduce((a, b) => a.length > b.length ? a : b);
  assert.ok(longest.length > 3);
  const session = checkout_sessions.find((each) => each.mode === "payment");
  assert.ok((await all(stripe.checkout.sessions.listLineItems(session.id))).length > 0);
  const refunded = charges.find((each) => each.amount_refunded > 0);
  const refunds = await all(stripe.refunds.list({ charge: refunded.id }));
  assert.ok(refunds.every((each) => each.charge === refunded.id) && refunds.length > 0);
  step("nested lists: lines of invoices and sessions, refunds of a charge");
}

async function objects(read) {
  for (const [name, [resource]] of Object.entries(LISTS)) {
    const object = await resource.retrieve(read[name][0].id);
    assert.deepEqual({ ...object }, { ...read[name][0] }, name);
    assert.equal(object.lastResponse.apiVersion, NEWEST);
    assert.match(object.lastResponse.requestId, /^req_/);
  }
  const account = await stripe.accounts.retrieveCurrent();
  assert.equal(account.id, ACCOUNT);
  assert.equal((await stripe.accounts.retrieve(ACCOUNT)).id, ACCOUNT);
  const balance = await stripe.balance.retrieve();
  assert.ok(balance.available.length > 0 && balance.livemode === false);
  const paid = read.charges.find((each) => each.customer && each.balance_transaction);
  const whole = await stripe.charges.retrieve(paid.id,
    { expand: ["customer", "balance_transaction"] });
  assert.equal(whole.customer.id, paid.customer);
  assert.equal(whole.balance_transaction.source, paid.id);
  const exact = read.prices.find((each) => each.unit_amount_decimal?.toString().includes("."));
  assert.match(exact.unit_amount_decimal.toString(), /^\d+\.\d+$/);
  step("objects: one of each list, the account, the balance, expanded, exact decimals");
}

async function versions() {
  for (const apiVersion of [undefined, NEWEST, "2026-03-25.dahlia"]) {
    const { lastResponse } = await client({ apiVersion }).balance.retrieve();
    assert.equal(lastResponse.apiVersion, apiVersion ?? Stripe.API_VERSION);
  }
  await refused(client({ apiVersion: "2026-10-01.endive" }).balance.retrieve(),
    "StripeInvalidRequestError",
    { statusCode: 400, message: "Invalid Stripe API version: 2026-10-01.endive" });
  step("versions: the client's own, the newest, the one before; an unknown one is refused");
}

async function errors() {
  await refused(client({}, "sk_test_nobody_has_this").charges.list(), "StripeAuthenticationError",
    { statusCode: 401 });
  await refused(client({}, "rk_test_emulator_charges").disputes.list(), "StripePermissionError",
    { statusCode: 403 });
  await refused(stripe.balance.retrieve({}, { stripeAccount: "acct_1Nobody" }),
    "StripePermissionError", { statusCode: 403, code: "account_invalid" });
  await refused(stripe.customers.retrieve("cus_nothing"), "StripeInvalidRequestError",
    { statusCode: 404, code: "resource_missing", param: "id" });
  await refused(stripe.charges.list({ starting_after: "ch_nothing" }), "StripeInvalidRequestError",
    { statusCode: 400, code: "resource_missing", param: "starting_after" });
  await refused(stripe.charges.list({ limit: 101 }), "StripeInvalidRequestError",
    { statusCode: 400, code: "parameter_invalid_integer", param: "limit" });
  await refused(stripe.charges.list({ expand: ["data.amount"] }), "StripeInvalidRequestError",
    { statusCode: 400 });
  const match = { path: "/v1/refunds", times: 1 };
  await control("faults", { match, action: { type: "rate_limit" } });
  await refused(stripe.refunds.list(), "StripeRateLimitError", { statusCode: 429 });
  await control("faults", { match, action: { status: 500 } });
  await refused(stripe.refunds.list(), "StripeAPIError", { statusCode: 500 });
  // the client asks once more by itself when a connection was closed
  await control("faults", { match: { ...match, times: 2 }, action: { type: "reset" } });
  await refused(stripe.refunds.list(), "StripeConnectionError", {});
  await control("faults", { match, action: { status: 500 } });
  const again = client({ maxNetworkRetries: 1 });
  assert.ok((await again.refunds.list()).data.length > 0);
  await control("accounts", { id: "acct_1TheirShop", charges: 10 });
  const theirs = await stripe.accounts.retrieveCurrent({}, { stripeAccount: "acct_1TheirShop" });
  assert.equal(theirs.id, "acct_1TheirShop");
  step("errors: each in the class that the client has for it; a retry; a connected account");
}

async function post(payload, header) {
  const response = await fetch(HOOK_URL, { method: "POST", body: payload,
    headers: { "stripe-signature": header, "content-type": "application/json" } });
  return { status: response.status, body: await response.text() };
}

async function webhooks({ customers }) {
  const { events: [id] } = await control("mutate",
    { op: "update", id: customers[0].id, fields: { name: "By Stripe's client" } });
  const event = await stripe.events.retrieve(id);
  assert.equal(event.data.object.name, "By Stripe's client");
  const listed = await all(stripe.events.list({ types: ["customer.updated"], limit: 100 }));
  assert.ok(listed.some((each) => each.id === id));
  const payload = JSON.stringify(event);
  const sign = (more) => stripe.webhooks.generateTestHeaderString(
    { payload, secret: HOOK_SECRET, ...more });
  const now = Math.floor(Date.now() / 1000);
  for (const wrong of [sign({ secret: "whsec_another" }), sign({ timestamp: now - 600 }),
    sign({ payload: payload + " " }), sign({ scheme: "v0" }), "t=1,v1=00"]) {
    assert.equal((await post(payload, wrong)).status, 400, wrong);
  }
  const stored = await post(payload, sign());
  assert.equal(stored.status, 200, stored.body);
  assert.deepEqual(JSON.parse(stored.body), { received: true });
  const { header } = await control("sign", { secret: HOOK_SECRET, t: now, body: payload });
  assert.equal(stripe.webhooks.constructEvent(payload, header, HOOK_SECRET).id, id);
  step("webhooks: the receiver takes what the client signs, the client what the emulator signs");
}

// What the emulator delivers to an endpoint of the given payload style.
async function delivered(payload, change) {
  const server = http.createServer();
  const arrived = new Promise((resolve) => server.on("request", (request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      response.end();
      resolve({ body: Buffer.concat(parts).toString(),
        header: request.headers["stripe-signature"] });
    });
  }));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await control("webhooks", { payload, secrets: [HOOK_SECRET],
    url: `http://127.0.0.1:${server.address().port}/` });
  const { events: [id] } = await control("mutate", change);
  const { body, header } = await arrived;
  await control("webhooks", { clear: true });
  server.close();
  return { id, body, header };
}

async function thin({ customers }) {
  const { id, body, header } = await delivered("thin",
    { op: "update", id: customers[1].id, fields: { name: "By a thin event" } });
  const event = stripe.parseEventNotification(body, header, HOOK_SECRET);
  assert.equal(event.type, "v1.customer.updated");
  assert.equal((await event.fetchRelatedObject()).name, "By a thin event");
  const whole = await event.fetchEvent();
  assert.deepEqual([whole.id, whole.snapshot_event], [event.id, id]);
  const sign = (more) => stripe.webhooks.generateTestHeaderString(
    { payload: body, secret: HOOK_SECRET, ...more });
  assert.equal((await post(body, sign({ secret: "whsec_another" }))).status, 400);
  // twice, and the snapshot of it: still one change
  const snapshot = JSON.stringify(await stripe.events.retrieve(id));
  for (const payload of [body, body, snapshot]) {
    const stored = await post(payload, sign({ payload }));
    assert.deepEqual([stored.status, JSON.parse(stored.body)], [200, { received: true }]);
  }
  const ping = JSON.stringify({ ...JSON.parse(body), id: "evt_test_ping",
    type: "v2.core.event_destination.ping" });
  const ignored = await post(ping, sign({ payload: ping }));
  assert.equal(ignored.status, 200);
  assert.match(JSON.parse(ignored.body).ignored, /v2\.core\.event_destination\.ping/);
  step("thin events: the client reads the emulator's, the receiver takes those it signs");
}

async function endpoints() {
  const enabled_events = ["charge.succeeded", "customer.updated"];
  const url = "https://data.example.com/webhooks/stripe-test";
  const made = await stripe.webhookEndpoints.create(
    { url, enabled_events, connect: true, api_version: NEWEST, metadata: { by: "the client" } });
  assert.match(made.secret, /^whsec_/);
  assert.deepEqual([made.url, made.enabled_events, made.api_version, made.metadata.by],
    [url, enabled_events, NEWEST, "the client"]);
  const [listed] = await all(stripe.webhookEndpoints.list());
  assert.deepEqual([listed.id, listed.secret], [made.id, undefined]);
  await refused(stripe.webhookEndpoints.create({ url, enabled_events: [] }),
    "StripeInvalidRequestError", { statusCode: 400 });
  await refused(client({}, "rk_test_emulator_readonly").webhookEndpoints.create(
    { url, enabled_events }), "StripePermissionError", { statusCode: 403 });
  const destination = await stripe.v2.core.eventDestinations.create({ name: "thin",
    type: "webhook_endpoint", event_payload: "thin", enabled_events: ["v1.charge.succeeded"],
    webhook_endpoint: { url }, include: ["webhook_endpoint.signing_secret"] });
  assert.match(destination.webhook_endpoint.signing_secret, /^whsec_/);
  const destinations = await stripe.v2.core.eventDestinations.list(
    { include: ["webhook_endpoint.url"] }).autoPagingToArray({ limit: 100 });
  assert.deepEqual(destinations.map((each) => [each.id, each.webhook_endpoint.url]),
    [[destination.id, url]]);
  await control("webhooks", { clear: true });
  step("endpoints: webhook endpoints and destinations of thin events are made and listed");
}

async function main() {
  const read = await lists();
  await nested(read);
  await objects(read);
  await versions();
  await errors();
  await webhooks(read);
  await thin(read);
  await endpoints();
}

// Ends now, and not when the kept connections do.
main().then(() => {
  step("all");
  process.exit(0);
}, (error) => {
  console.log(error.stack || error, error.cause || "");
  process.exit(1);
});
