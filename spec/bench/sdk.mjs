// What Stripe's own SDK for Node costs an object: charges and refunds, listed to their end by its
// automatic pagination and stored nowhere.
//   SDK_FOLDER=… BENCH_BASE=… node sdk.mjs      prints as the others: objects, objects/s, us, MB

import { createRequire } from "node:module";
import { join } from "node:path";

const sdk = createRequire(join(process.env.SDK_FOLDER, "package.json"))("stripe");
const Stripe = sdk.default ?? sdk;
const base = new URL(process.env.BENCH_BASE);
const stripe = new Stripe("sk_test_emulator", { host: base.hostname, port: base.port,
  protocol: "http", maxNetworkRetries: 0, telemetry: false });

const cpu = process.cpuUsage(), started = process.hrtime.bigint();
let objects = 0, sum = 0;
for await (const charge of stripe.charges.list({ limit: 100 })) {
  objects++;
  sum += charge.amount; // so that each object is used
}
for await (const refund of stripe.refunds.list({ limit: 100,
  expand: ["data.charge", "data.balance_transaction"] })) {
  objects++;
  sum += refund.amount;
}
const used = process.cpuUsage(cpu), seconds = Number(process.hrtime.bigint() - started) / 1e9;
if (!(sum > 0)) {
  throw new Error("the objects have no amounts");
}
console.log(objects, (objects / seconds).toFixed(0), ((used.user + used.system) / objects).toFixed(1),
  (process.resourceUsage().maxRSS / 1024).toFixed(1));
