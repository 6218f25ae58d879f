// Codat's own clients drive the API as their users would: only serverURL differs from a program
// written for Codat. Prints a line for each step that worked; the first that does not ends it.
//
//   SERVER_URL, API_KEY, STRIPE_KEY in the environment; a worker must run on the server's store,
//   and webhooks be allowed to reach this machine.
"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const shared = require("@codat/platform/sdk/models/shared");
const { CodatPlatform } = require("@codat/platform");
const { CodatCommerce } = require("@codat/commerce");

const { SERVER_URL, API_KEY, STRIPE_KEY } = process.env;
const authHeader = "Basic " + Buffer.from(API_KEY).toString("base64");

const platform = new CodatPlatform({
  serverURL: SERVER_URL,
  authHeader,
  retryConfig: { strategy: "none" },
});
const commerce = new CodatCommerce({
  serverURL: SERVER_URL,
  security: { authHeader },
  retryConfig: { strategy: "none" },
});

const step = (text) => console.log("ok " + text);

async function refused(promise, statusCode) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.statusCode, statusCode, error.message);
    return true;
  });
}

async function companies() {
  const company = await platform.companies.create({
    name: "Toys (SDK)", description: "made by the SDK", tags: { region: "eu" },
  });
  assert.equal(company.name, "Toys SDK");
  const read = await platform.companies.get({ companyId: company.id });
  assert.deepEqual(read, company);
  const updated = await platform.companies.update({
    companyId: company.id, companyUpdateRequest: { description: "updated" },
  });
  assert.equal(updated.description, "updated");
  const replaced = await platform.companies.replace({
    companyId: company.id, companyRequestBody: { name: "Toys", tags: { region: "eu" } },
  });
  assert.equal(replaced.name, "Toys");
  const listed = await platform.companies.list({ query: "name=Toys", pageSize: 10 });
  assert.equal(listed.totalResults, 1);
  const tagged = await platform.companies.list({ tags: "region=eu" });
  assert.equal(tagged.results[0].id, company.id);
  await refused(platform.companies.get({ companyId: "8a210b68-6988-11ed-a1eb-0242ac120002" }), 404);
  step("companies: create, get, update, replace, list by query and by tags");
  return company;
}

async function connect(company) {
  const integrations = await platform.integrations.list({ query: "sourceType=Commerce" });
  assert.deepEqual(integrations.results.map((each) => each.key).sort(), ["exgd", "yzth"]);
  const integration = await platform.integrations.get({ platformKey: "yzth" });
  assert.equal(integration.name, "Stripe Test");
  await platform.integrations.getBranding({ platformKey: "yzth" });
  const pending = await platform.connections.create({
    companyId: company.id, requestBody: { platformKey: "yzth" },
  });
  assert.equal(pending.status, "PendingAuth");
  const ids = { companyId: company.id, connectionId: pending.id };
  const linked = await platform.connections.updateAuthorization({
    ...ids, requestBody: { secretKey: STRIPE_KEY },
  });
  assert.equal(linked.status, "Linked");
  assert.equal((await platform.connections.get(ids)).status, "Linked");
  const list = await platform.connections.list({ companyId: company.id, query: "status=Linked" });
  assert.equal(list.results.length, 1);
  step("integrations and connections: list, get, branding, create, authorize, list by query");
  return ids;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function untilComplete(companyId, dataType, id) {
  for (let i = 0; i < 300; i++) {
    const pull = await platform.refreshData.getPullOperation({ companyId, datasetId: id });
    assert.ok(!pull.isErrored, pull.errorMessage);
    if (pull.isCompleted) {
      return pull;
    }
    await sleep(100);
  }
  throw new Error(dataType + " is never complete");
}

async function refresh({ companyId, connectionId }) {
  const before = await commerce.customers.list({ companyId, connectionId });
  assert.ok(before.statusCode === 409 || before.statusCode === 200, before.statusCode);
  await platform.refreshData.all({ companyId });
  const pull = await platform.refreshData.byDataType({
    companyId, dataType: "commerce-payments", connectionId,
  });
  assert.equal(pull.dataType, "commerce-payments");
  const done = await untilComplete(companyId, "commerce-payments", pull.id);
  assert.equal(done.progress, 100);
  const history = await platform.refreshData.listPullOperations({
    companyId, query: "dataType=commerce-payments", orderBy: "-requested",
  });
  assert.ok(history.totalResults >= 1);
  for (let i = 0; ; i++) {
    const status = await platform.refreshData.get({ companyId });
    const types = Object.values(status).filter((each) => each.currentStatus !== "NotSupported");
    assert.equal(types.length, 8);
    if (types.every((each) => each.currentStatus === "Complete")) {
      break;
    }
    assert.ok(i < 300, JSON.stringify(status));
    await sleep(100);
  }
  const validation = await platform.readData.getValidationResults({
    companyId, datasetId: pull.id,
  });
  assert.deepEqual(validation.errors, []);
  step("refresh: all, one type, pull operation, history by query, data status, validation");
}

// Every record of a list, page by page; each must be there once.
async function pages(list, field, request) {
  const ids = new Set();
  let page = 1;
  for (;;) {
    const result = await list({ ...request, page, pageSize: 40 });
    assert.equal(result.statusCode, 200, JSON.stringify(result.errorMessage));
    const body = result[field];
    assert.equal(body.pageNumber, page);
    body.results.forEach((each) => ids.add(each.id));
    if (!body.links.next) {
      assert.equal(ids.size, body.totalResults, field);
      return ids;
    }
    page += 1;
  }
}

async function data(ids) {
  const info = await commerce.companyInfo.get(ids);
  assert.equal(info.statusCode, 200);
  assert.ok(info.companyInfo.companyName);
  const lists = [
    ["customers", "customers", "customers", "list", "get", "customerId", "customer"],
    ["payments", "payments", "payments", "list", "get", "paymentId", "payment"],
    ["disputes", "disputes", "disputes", "list", "get", "disputeId", "dispute"],
    ["products", "products", "products", "list", "get", "productId", "product"],
    ["transactions", "transactions", "transactions", "list", "get", "transactionId",
      "transaction"],
    ["methods", "paymentMethods", "payments", "listMethods", "getMethod", "paymentMethodId",
      "paymentMethod"],
    ["taxes", "taxComponents", "taxComponents", "list", "get", "taxId", "taxComponent"],
  ];
  const counts = {};
  for (const [name, field, group, list, get, parameter, single] of lists) {
    const found = await pages((r) => commerce[group][list](r), field, ids);
    assert.ok(found.size > 0, name);
    counts[name] = found.size;
    // an id may hold a colon and spaces
    const odd = [...found].find((id) => /[: ]/.test(id)) ?? [...found][0];
    const one = await commerce[group][get]({ ...ids, [parameter]: odd });
    assert.equal(one.statusCode, 200, odd);
    assert.equal(one[single].id, odd);
  }
  step("data: " + Object.entries(counts).map(([name, n]) => name + " " + n).join(", "));

  const paid = await commerce.payments.list({
    ...ids, query: "status=Paid&&amount>0", orderBy: "-amount", pageSize: 1000,
  });
  const amounts = paid.payments.results.map((each) => Number(each.amount));
  assert.ok(amounts.length > 1 && amounts.every((amount) => amount > 0));
  assert.deepEqual(amounts, [...amounts].sort((a, b) => b - a));
  const either = await commerce.transactions.list({
    ...ids, query: "{type=Payment||type=Refund}&&createdDate>2000-01-01", pageSize: 5000,
  });
  assert.ok(either.transactions.results.length > 0);
  assert.ok(either.transactions.results.every((each) => /^(Payment|Refund)$/.test(each.type)));
  const bad = await commerce.payments.list({ ...ids, query: "colour=red" });
  assert.equal(bad.statusCode, 400);
  assert.match(bad.errorMessage.error, /Could not resolve property colour/);
  const missing = await commerce.payments.get({ ...ids, paymentId: "nothing" });
  assert.equal(missing.statusCode, 404);
  assert.match(missing.errorMessage.error, /No data available/);
  const orders = await commerce.orders.list(ids);
  assert.equal(orders.statusCode, 404);
  assert.match(orders.errorMessage.error, /not supported by platform/);
  step("queries: by field, grouped, by date, ordered; refused ones say why");
}

async function settings(companyId) {
  const profile = await platform.settings.updateProfile({
    name: "Lender", redirectUrl: "https://lender.example/done", whiteListUrls: [],
  });
  assert.equal((await platform.settings.getProfile()).name, profile.name);
  const all = await platform.settings.getSyncSettings();
  await platform.settings.updateSyncSettings({
    clientId: all.clientId, overridesDefaults: true,
    settings: all.settings.map((each) => ({ ...each, syncSchedule: 168 })),
  });
  const changed = await platform.settings.getSyncSettings();
  assert.ok(changed.settings.every((each) => each.syncSchedule === 168));
  await platform.companies.setCompanySyncSettings({
    companyId, requestBody: { companyId, overridesDefaults: true,
      settings: [{ dataType: "commerce-payments", fetchOnFirstLink: true, syncSchedule: 1,
        syncOrder: 0 }] },
  });
  const own = await platform.companies.getCompanySyncSettings({ companyId });
  const payments = own.settings.find((each) => each.dataType === "commerce-payments");
  assert.equal(payments.syncSchedule, 1);
  const made = await platform.settings.createApiKey({ name: "by the SDK" });
  assert.ok(made.apiKey);
  const keys = await platform.settings.listApiKeys();
  assert.ok(keys.results.some((each) => each.id === made.id && !each.apiKey));
  // this client wants a body with a 204 and always throws: what counts is that the key is gone
  await platform.settings.deleteApiKey({ apiKeyId: made.id }).catch(() => {});
  const left = await platform.settings.listApiKeys();
  assert.ok(!left.results.some((each) => each.id === made.id));
  step("settings: profile, sync settings of all and of a company, API keys");
}

// As a browser sends it: a page of an origin, which asks first.
function send(method, path, headers) {
  return new Promise((resolve, reject) => {
    http.request(SERVER_URL + path, { method, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response));
    }).on("error", reject).end();
  });
}

async function page({ companyId, connectionId }) {
  const origin = "https://app.lender.example";
  await platform.cors.set({ allowedOrigins: [origin] });
  assert.deepEqual((await platform.cors.get()).allowedOrigins, [origin]);
  const token = await platform.companies.getAccessToken({ companyId });
  assert.equal(token.expiresIn, 86400);
  const path = `/companies/${companyId}/connections/${connectionId}`;
  const asked = await send("OPTIONS", path, { Origin: origin,
    "Access-Control-Request-Method": "PATCH" });
  assert.equal(asked.statusCode, 204);
  assert.equal(asked.headers["access-control-allow-origin"], origin);
  const bearer = { Authorization: "Bearer " + token.accessToken, Origin: origin };
  const read = await send("GET", path, bearer);
  assert.equal(read.statusCode, 200);
  assert.equal(read.headers["access-control-allow-origin"], origin);
  assert.equal((await send("GET", path + "/data/commerce-payments", bearer)).statusCode, 403);
  const withKey = await send("GET", path, { Authorization: authHeader, Origin: origin });
  assert.equal(withKey.statusCode, 403);
  assert.equal(withKey.headers["access-control-allow-origin"], undefined);
  step("a page: an access token from an allowed origin, and never an API key");
}

// A consumer of all webhooks: keeps what comes, until what it waits for has come.
async function consume() {
  const got = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      got.push({ method: request.method, url: "http://127.0.0.1" + request.url,
        headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(204).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const consumer = await platform.webhooks.createConsumer({
    url: `http://127.0.0.1:${server.address().port}/hooks`,
  });
  return { got, async close() {
    await platform.webhooks.deleteConsumer({ webhookId: consumer.id });
    server.close();
  } };
}

async function consumed(consumer, company) {
  const types = () => consumer.got.map((each) => JSON.parse(each.body).eventType);
  for (let i = 0; i < 200 && !types().includes("company.deleted"); i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  for (const each of consumer.got) {
    const event = await platform.validateWebhook({ request: each });
    assert.equal(event.eventType, JSON.parse(each.body).eventType);
    assert.match(each.headers["webhook-id"], /^msg_\w+$/);
    assert.match(each.headers["webhook-signature"], /^v1,/);
    assert.ok(Math.abs(Date.now() / 1000 - each.headers["webhook-timestamp"]) < 60);
    if (event.eventType.startsWith("company."))
      assert.equal(event.payload.id, company.id);
    else
      assert.equal(event.payload.referenceCompany.id, company.id);
    if (event.eventType.startsWith("read.")) { // validateWebhook takes it for a connection's
      const read = shared.readCompletedWebhookFromJSON(each.body);
      assert.ok(read.ok, read.error);
      assert.ok(read.value.payload.dataTypes.length > 0);
    }
  }
  assert.deepEqual([...new Set(types())].sort(), ["company.created", "company.deleted",
    "connection.connected", "connection.created", "connection.deleted",
    "connection.disconnected", "read.completed", "read.completed.initial"]);
  step("webhooks: what happened was told, in shapes that the SDK reads");
}

async function webhooks() {
  const before = (await platform.webhooks.listConsumers()).results;
  const made = await platform.webhooks.createConsumer({
    url: "https://lender.example/hooks", eventTypes: ["read.completed"],
    companyTags: ["region:eu"],
  });
  const listed = await platform.webhooks.listConsumers();
  assert.deepEqual(listed.results, [...before, made]);
  await platform.webhooks.deleteConsumer({ webhookId: made.id });
  assert.deepEqual((await platform.webhooks.listConsumers()).results, before);
  step("webhooks: create, list, delete");
}

async function end(ids) {
  const unlinked = await platform.connections.unlink({
    ...ids, updateConnectionStatus: { status: "Unlinked" },
  });
  assert.equal(unlinked.status, "Unlinked");
  assert.equal((await commerce.payments.list(ids)).statusCode, 200);
  await platform.connections.delete(ids);
  await refused(platform.connections.get(ids), 404);
  await platform.companies.delete({ companyId: ids.companyId });
  await refused(platform.companies.get({ companyId: ids.companyId }), 404);
  const stranger = new CodatPlatform({ serverURL: SERVER_URL, authHeader: "Basic eA==",
    retryConfig: { strategy: "none" } });
  await refused(stranger.companies.list({}), 401);
  step("the end: unlink, delete connection and company; a wrong key is refused");
}

async function main() {
  const consumer = await consume();
  const company = await companies();
  const ids = await connect(company);
  await refresh(ids);
  await data(ids);
  await settings(ids.companyId);
  await webhooks();
  await page(ids);
  await end(ids);
  await consumed(consumer, company);
  await consumer.close();
}

main().then(() => step("all"), (error) => {
  console.log(error.stack || error, error.cause || "", error.rawValue || "");
  process.exitCode = 1;
});
