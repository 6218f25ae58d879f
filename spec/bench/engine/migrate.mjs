// Makes the tables of @supabase/stripe-sync-engine: migrate.mjs DATABASE_URL
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.ENGINE_FOLDER + "/"));
await require("@supabase/stripe-sync-engine").runMigrations({
  databaseUrl: process.argv[2],
  schema: "stripe",
});
