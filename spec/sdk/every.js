// Every method of Codat's own clients, found by looking at the objects of each package, is called
// once against the API. One that fails must stand in FAILS_AT_CODAT_TOO, with the reason, and must
// fail in that way; one that is new in a package and cannot be called by its name fails the run.
//
//   SERVER_URL, API_KEY, STRIPE_KEY in the environment, as for codat.js.
"use strict";

const assert = require("node:assert/strict");

const { SERVER_URL, API_KEY, STRIPE_KEY } = process.env;
const authHeader = "Basic " + Buffer.from(API_KEY).toString("base64");
const LONGEST = 30000; // ms that a call may take

// Each package: its class, the member of its options that has the key, and which methods count.
const PACKAGES = {
  "@codat/platform": { version: "6.2.1", name: "CodatPlatform", options: { authHeader } },
  "codat-platform-4": { version: "4.0.0", name: "CodatPlatform", options: { authHeader } },
  "@codat/commerce": { version: "0.37.0", name: "CodatCommerce",
    options: { security: { authHeader } } },
  "@codat/common": { version: "0.37.0", name: "CodatCommon",
    options: { security: { authHeader } } },
  "@codat/lending": { version: "4.3.0", name: "CodatLending",
    options: { security: { authHeader } },
    only: /^sales\.|^companyInfo\.getCommerceProfile$/ },
};

// What does not succeed at Codat either, or cannot succeed with Stripe: the status, or the kind of
// error that the client itself raises, and why.
const NO_DATA = { status: 404, why: "Stripe has no such data; Codat answers 404, too" };
const NEVER_WRITTEN = { status: 404, why: "nothing is ever written, so there is no push operation" };
const RULES = { status: 404, why: "Codat ended its rules (/rules) in favour of webhook consumers" };
const GROUPS = { status: 404, why: "groups of companies are not in Codat's API 3.0.0 any more" };
const TOKEN = { status: 404, why: "Codat ended /connectionManagement/accessToken on 2026-10-12" };
const KEY_204 = { error: /Unexpected|JSON|empty|validation/i,
  why: "the client wants a JSON body with the 204 that Codat's document prescribes; the key is gone" };
const NEVER_SYNCED = { error: /lastSuccessfulSync/, why: "the client wants a date of the last sync of "
  + "every data type; Codat's document gives none to a type that was never synced" };

const FAILS_AT_CODAT_TOO = {
  "codat-platform-4 refreshData.get": NEVER_SYNCED,
  "@codat/platform settings.deleteApiKey": KEY_204,
  "codat-platform-4 settings.deleteApiKey": KEY_204,
  "@codat/platform pushData.getOperation": NEVER_WRITTEN,
  "codat-platform-4 pushData.getOperation": NEVER_WRITTEN,
  "@codat/common pushData.getOperation": NEVER_WRITTEN,
  "@codat/platform connectionManagement.get": TOKEN,
  "codat-platform-4 connectionManagement.getAccessToken": TOKEN,
  "codat-platform-4 webhooks.list": RULES,
  "codat-platform-4 webhooks.create": RULES,
  "codat-platform-4 webhooks.get": RULES,
  "@codat/common webhooks.list": RULES,
  "@codat/common webhooks.create": RULES,
  "@codat/common webhooks.get": RULES,
  "codat-platform-4 groups.addCompany": GROUPS,
  "codat-platform-4 groups.removeCompany": GROUPS,
  "codat-platform-4 groups.list": GROUPS,
  "codat-platform-4 groups.create": GROUPS,
  "@codat/commerce locations.get": NO_DATA,
  "@codat/commerce locations.list": NO_DATA,
  "@codat/commerce orders.get": NO_DATA,
  "@codat/commerce orders.list": NO_DATA,
  "@codat/commerce products.getCategory": NO_DATA,
  "@codat/commerce products.listCategories": NO_DATA,
  "@codat/lending sales.locations.get": NO_DATA,
  "@codat/lending sales.locations.list": NO_DATA,
  "@codat/lending sales.orders.get": NO_DATA,
  "@codat/lending sales.orders.list": NO_DATA,
  "@codat/lending sales.productCategories.get": NO_DATA,
  "@codat/lending sales.productCategories.list": NO_DATA,
};

// ------------------------------------------------------------------ the methods of a package

// Parts of every client's objects that are not operations.
const INTERNAL = /^(_|constructor$|sdkConfiguration$|client$|hooks\$?$|options|templateURLComponent$|resolve(Global)?Security$|matcher$|createRequest\$?$|do\$?$)/;

function namesOf(object) {
  const names = new Set();
  for (let at = object; at && at !== Object.prototype; at = Object.getPrototypeOf(at))
    Object.getOwnPropertyNames(at).forEach((name) => INTERNAL.test(name) || names.add(name));
  return [...names].sort();
}

function methodsOf(object, path = []) {
  return namesOf(object).flatMap((name) => {
    const member = object[name];
    if (typeof member === "function")
      return [[...path, name].join(".")];
    const isPart = member && typeof member === "object" && member.constructor !== Object
      && !Array.isArray(member) && !(member instanceof URL);
    return isPart ? methodsOf(member, [...path, name]) : [];
  });
}

// ------------------------------------------------------------------ the API without a client

async function call(method, path, body) {
  const response = await fetch(SERVER_URL + path, { method,
    headers: { Authorization: authHeader, "Content-Type": "application/json" },
    body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function newConnection(linked) {
  const company = await call("POST", "/companies", { name: "Every method" });
  const path = `/companies/${company.id}/connections`;
  const connection = await call("POST", path, { platformKey: "yzth" });
  if (linked)
    await call("PUT", `${path}/${connection.id}/authorization`, { secretKey: STRIPE_KEY });
  return { companyId: company.id, connectionId: connection.id };
}

const CUSTOM = { dataSource: "/v1/refunds", requiredData: { extra: "$.metadata" },
  keyBy: ["$.id"] };
const CUSTOM_PATH = "/integrations/yzth/dataTypes/custom/refunds";

// A company with a connection whose data has been read, and an id of everything in it.
async function prepare() {
  const ids = await newConnection(true);
  const path = `/companies/${ids.companyId}/connections/${ids.connectionId}/data`;
  await call("PUT", CUSTOM_PATH, CUSTOM);
  const pull = await call("POST", path + "/queue/custom/refunds");
  for (let i = 0; ; i++) {
    const status = await call("GET", `/companies/${ids.companyId}/dataStatus`);
    const left = Object.values(status).filter((each) =>
      !["Complete", "NotSupported"].includes(each.currentStatus));
    if (left.length === 0 && status["custom/refunds"])
      break;
    assert.ok(i < 600, JSON.stringify(left));
    await sleep(100);
  }
  const first = async (name) =>
    (await call("GET", `${path}/commerce-${name}?pageSize=1`)).results[0].id;
  return { ...ids, datasetId: pull.id, platformKey: "yzth", dataType: "commerce-payments",
    customDataIdentifier: "refunds", productIdentifier: "mine",
    pushOperationKey: "8a210b68-6988-11ed-a1eb-0242ac120002",
    ruleId: "8a210b68-6988-11ed-a1eb-0242ac120002", groupId: "8a210b68-6988-11ed-a1eb-0242ac120002",
    customerId: await first("customers"), disputeId: await first("disputes"),
    paymentId: await first("payments"), paymentMethodId: await first("paymentMethods"),
    productId: await first("products"), taxId: await first("taxComponents"),
    transactionId: await first("transactions"), locationId: "none", orderId: "none" };
}

// ------------------------------------------------------------------ what a method is called with

const SETTING = { dataType: "commerce-payments", fetchOnFirstLink: true, syncSchedule: 24,
  syncOrder: 0, syncFromUtc: "2022-10-23T00:00:00.000Z", syncFromWindow: 24, monthsToSync: 24,
  isLocked: false };

// One request for all: the clients take what they need of it, be it in the path or in the body.
const REQUEST = {
  page: 1, pageSize: 10, name: "Every method", description: "of a client", tags: "region=eu",
  url: "https://lender.example/hooks", eventTypes: ["read.completed"],
  redirectUrl: "https://lender.example/done", allowedOrigins: ["https://app.lender.example"],
  clientId: "8a210b68-6988-11ed-a1eb-0242ac120002", overridesDefaults: true, settings: [SETTING],
  type: "Data sync completed", notifiers: { emails: ["a@lender.example"] },
  companyRequestBody: { name: "Replaced" }, companyUpdateRequest: { description: "updated" },
  createCompany: { name: "Toys" }, companyUpdate: { name: "Updated" },
  updateConnectionStatus: { status: "Unlinked" }, customDataTypeConfiguration: CUSTOM,
  supplementalDataConfiguration: { supplementalDataConfig: { mine: { dataSource: "/charges",
    pullData: { Text: "description" } } } },
  reportDate: "29-09-2020", periodLength: 1, numberOfPeriods: 3, periodUnit: "Month",
  includeDisplayNames: true,
};

// Requests that cannot be told apart by their names, and those that take something away.
const linked = async () => newConnection(true);
const SPECIAL = {
  "companies.create": () => ({ tags: { region: "eu" } }),
  "companies.update": () => ({ companyRequestBody: { name: "Updated" } }),
  "companies.delete": async () => newConnection(false),
  "companies.setCompanySyncSettings": ({ companyId }) => ({ requestBody: { companyId,
    overridesDefaults: true, settings: [SETTING] } }),
  "companies.refreshProductData": () => ({ requestBody: undefined }),
  "connections.create": () => ({ requestBody: { platformKey: "yzth" } }),
  "connections.unlink": linked,
  "connections.updateAuthorization": async () => ({ ...await newConnection(false),
    requestBody: { secretKey: STRIPE_KEY } }),
  "connections.delete": async () => newConnection(false),
  "webhooks.deleteConsumer": async () => ({ webhookId: (await call("POST", "/webhooks",
    { url: "https://lender.example/gone" })).id }),
  "settings.deleteApiKey": async () => ({ apiKeyId: (await call("POST", "/apiKeys",
    { name: "gone" })).id }),
  "validateWebhook": ({ companyId }) => ({ request: { method: "POST",
    url: "https://lender.example/hooks", headers: {}, body: JSON.stringify({
      id: "743ec94a-8aa4-44bb-8bd4-e1855ee0e74b", eventType: "company.created",
      generatedDate: "2026-01-01T00:00:00Z", payload: { id: companyId, name: "Toys",
        redirect: "https://lender.example/" } }) } }),
};

// Methods that take away what others read come last.
const late = (method) => (/delete|remove|unlink/i.test(method) ? 1 : 0);

async function within(promise, what) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(what + ": no answer")), LONGEST);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

// The older clients give the status, the newer ones raise whatever is not success.
async function outcome(client, method, request) {
  const path = method.split(".");
  const part = path.slice(0, -1).reduce((object, name) => object[name], client);
  try {
    const result = await within(part[path.at(-1)](request), method);
    const status = result && typeof result.statusCode === "number" && result.rawResponse
      ? result.statusCode : 200;
    return { status, error: status >= 300 && JSON.stringify(result.errorMessage) };
  } catch (error) {
    return { status: error.statusCode ?? error.httpMeta?.response?.status ?? error.rawResponse?.status,
      error: String(error.message) + " " + (error.cause ?? "") };
  }
}

function judge(name, got) {
  const known = FAILS_AT_CODAT_TOO[name];
  if (!known)
    assert.ok(got.status < 300 && !got.error, `${name}: ${got.status} ${got.error}`);
  else if (known.status)
    assert.equal(got.status, known.status, `${name}: ${got.status} ${got.error}`);
  else
    assert.match(String(got.error), known.error, name);
  return known;
}

async function main() {
  const ids = await prepare();
  const left = new Set(Object.keys(FAILS_AT_CODAT_TOO));
  for (const [name, one] of Object.entries(PACKAGES)) {
    const client = new (require(name)[one.name])({ serverURL: SERVER_URL,
      retryConfig: { strategy: "none" }, ...one.options });
    const methods = methodsOf(client).filter((method) => !one.only || one.only.test(method))
      .sort((a, b) => late(a) - late(b));
    const failed = [];
    await call("PUT", `/companies/${ids.companyId}/products/mine`); // each package removes it
    for (const method of methods) {
      const request = { ...REQUEST, ...ids };
      Object.assign(request, await SPECIAL[method]?.(request));
      if (judge(`${name} ${method}`, await outcome(client, method, request)))
        failed.push(method);
      left.delete(`${name} ${method}`);
    }
    console.log(`ok ${name} ${one.version}: ${methods.length} methods, `
      + `${failed.length} fail as at Codat`);
  }
  assert.deepEqual([...left], [], "these methods are in no package");
}

main().then(() => console.log("ok all"), (error) => {
  console.log(error.stack || error, error.cause || "", error.rawValue || "");
  process.exitCode = 1;
});
