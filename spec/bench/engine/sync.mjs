// Syncs charges by npm's @supabase/stripe-sync-engine: sync.mjs BASE DATABASE_URL
// Prints objects, seconds, CPU seconds of this process.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.ENGINE_FOLDER + "/"));
const { StripeSync } = require("@supabase/stripe-sync-engine");
const Stripe = require("stripe");

const [base, databaseUrl] = process.argv.slice(2);
const { hostname, port } = new URL(base);
const sync = new StripeSync({
  poolConfig: { connectionString: databaseUrl, max: 10 },
  stripeSecretKey: "sk_test_emulator",
  stripeWebhookSecret: "whsec_none",
  backfillRelatedEntities: false,
});
sync.stripe = new (Stripe.default ?? Stripe)("sk_test_emulator", {
  apiVersion: "2026-11-18.endive", host: hostname, port, protocol: "http",
});
const started = performance.now();
const before = process.cpuUsage();
const { synced } = await sync.syncCharges();
const used = process.cpuUsage(before);
console.log(synced, (performance.now() - started) / 1000, (used.user + used.system) / 1e6);
process.exit(0);
