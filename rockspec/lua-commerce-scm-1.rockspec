rockspec_format = "3.0"
package = "lua-commerce"
version = "scm-1"
source = {
  url = "git+https://github.com/lua-commerce/lua-commerce.git",
  branch = "main",
}
description = {
  summary = "A Stripe account's commerce data in your own database, in Codat's Commerce model",
  detailed = [[
    Reads company info, customers, payments, disputes, products and transactions of a Stripe account
    and keeps them in SQLite in Codat's standard Commerce model. A C core does HTTP, authentication
    and pagination; Lua declares the mappings.
  ]],
  license = "MIT",
  labels = { "stripe", "codat", "commerce", "sync", "openresty" },
}
dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
  "argparse >= 0.7",
  "luadbi >= 0.7",
  "luadbi-sqlite3 >= 0.7",
}
-- Only the libraries are named: where the headers are differs between systems, the compiler knows.
external_dependencies = {
  CURL = { library = "curl" },
  CRYPTO = { library = "crypto" },
}
build = {
  type = "builtin",
  modules = {
    ["commerce.core"] = {
      sources = {
        "csrc/args.c", "csrc/base64.c", "csrc/base_url.c", "csrc/buf.c", "csrc/call.c",
        "csrc/class.c", "csrc/client.c", "csrc/core.c", "csrc/crypto.c", "csrc/envelope.c",
        "csrc/error.c", "csrc/failure.c", "csrc/header.c", "csrc/input.c", "csrc/json.c",
        "csrc/limiter.c", "csrc/lua_limiter.c", "csrc/lua_page.c", "csrc/lua_projection.c",
        "csrc/master.c", "csrc/multi.c", "csrc/page.c", "csrc/pager.c", "csrc/pass.c",
        "csrc/projection.c", "csrc/request.c", "csrc/retry.c", "csrc/seal.c", "csrc/secret.c",
        "csrc/session.c", "csrc/signature.c", "csrc/trail.c", "csrc/transport.c", "csrc/url.c",
        "csrc/uuid.c", "csrc/walk.c", "csrc/webhook.c",
      },
      libraries = { "curl", "crypto" },
      incdirs = { "$(CURL_INCDIR)", "$(CRYPTO_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)", "$(CRYPTO_LIBDIR)" },
    },
    ["commerce.cli.common"] = "lua/commerce/cli/common.lua",
    ["commerce.cli.connect"] = "lua/commerce/cli/connect.lua",
    ["commerce.cli.coverage"] = "lua/commerce/cli/coverage.lua",
    ["commerce.cli.explain"] = "lua/commerce/cli/explain.lua",
    ["commerce.cli.format"] = "lua/commerce/cli/format.lua",
    ["commerce.cli"] = "lua/commerce/cli/init.lua",
    ["commerce.cli.output"] = "lua/commerce/cli/output.lua",
    ["commerce.cli.progress"] = "lua/commerce/cli/progress.lua",
    ["commerce.cli.show"] = "lua/commerce/cli/show.lua",
    ["commerce.cli.status"] = "lua/commerce/cli/status.lua",
    ["commerce.cli.sync"] = "lua/commerce/cli/sync.lua",
    ["commerce.cli.terminal"] = "lua/commerce/cli/terminal.lua",
    ["commerce.cli.verify"] = "lua/commerce/cli/verify.lua",
    ["commerce.connection"] = "lua/commerce/connection.lua",
    ["commerce.decimal"] = "lua/commerce/decimal.lua",
    ["commerce.errors"] = "lua/commerce/errors.lua",
    ["commerce"] = "lua/commerce/init.lua",
    ["commerce.json"] = "lua/commerce/json.lua",
    ["commerce.mapping"] = "lua/commerce/mapping.lua",
    ["commerce.mapping.values"] = "lua/commerce/mapping/values.lua",
    ["commerce.model"] = "lua/commerce/model.lua",
    ["commerce.model.shape"] = "lua/commerce/model/shape.lua",
    ["commerce.platform.stripe.changes"] = "lua/commerce/platform/stripe/changes.lua",
    ["commerce.platform.stripe.company_info"] = "lua/commerce/platform/stripe/company_info.lua",
    ["commerce.platform.stripe.customers"] = "lua/commerce/platform/stripe/customers.lua",
    ["commerce.platform.stripe.disputes"] = "lua/commerce/platform/stripe/disputes.lua",
    ["commerce.platform.stripe"] = "lua/commerce/platform/stripe/init.lua",
    ["commerce.platform.stripe.payment_method_names"] = "lua/commerce/platform/stripe/payment_method_names.lua",
    ["commerce.platform.stripe.payment_methods"] = "lua/commerce/platform/stripe/payment_methods.lua",
    ["commerce.platform.stripe.payments"] = "lua/commerce/platform/stripe/payments.lua",
    ["commerce.platform.stripe.products"] = "lua/commerce/platform/stripe/products.lua",
    ["commerce.platform.stripe.tax_components"] = "lua/commerce/platform/stripe/tax_components.lua",
    ["commerce.platform.stripe.transactions"] = "lua/commerce/platform/stripe/transactions.lua",
    ["commerce.query"] = "lua/commerce/query.lua",
    ["commerce.report"] = "lua/commerce/report.lua",
    ["commerce.runtime"] = "lua/commerce/runtime.lua",
    ["commerce.store.api_keys"] = "lua/commerce/store/api_keys.lua",
    ["commerce.store.connection"] = "lua/commerce/store/connection.lua",
    ["commerce.store.connections"] = "lua/commerce/store/connections.lua",
    ["commerce.store"] = "lua/commerce/store/init.lua",
    ["commerce.store.listings"] = "lua/commerce/store/listings.lua",
    ["commerce.store.pages"] = "lua/commerce/store/pages.lua",
    ["commerce.store.pulls"] = "lua/commerce/store/pulls.lua",
    ["commerce.store.queue"] = "lua/commerce/store/queue.lua",
    ["commerce.store.records"] = "lua/commerce/store/records.lua",
    ["commerce.store.schema"] = "lua/commerce/store/schema.lua",
    ["commerce.store.selection"] = "lua/commerce/store/selection.lua",
    ["commerce.store.sources"] = "lua/commerce/store/sources.lua",
    ["commerce.store.sqlite"] = "lua/commerce/store/sqlite.lua",
    ["commerce.sync.backfill"] = "lua/commerce/sync/backfill.lua",
    ["commerce.sync.books"] = "lua/commerce/sync/books.lua",
    ["commerce.sync.changed"] = "lua/commerce/sync/changed.lua",
    ["commerce.sync.convert"] = "lua/commerce/sync/convert.lua",
    ["commerce.sync.incremental"] = "lua/commerce/sync/incremental.lua",
    ["commerce.sync"] = "lua/commerce/sync/init.lua",
    ["commerce.sync.joins"] = "lua/commerce/sync/joins.lua",
    ["commerce.sync.plan"] = "lua/commerce/sync/plan.lua",
    ["commerce.sync.probe"] = "lua/commerce/sync/probe.lua",
    ["commerce.sync.reading"] = "lua/commerce/sync/reading.lua",
    ["commerce.sync.storing"] = "lua/commerce/sync/storing.lua",
    ["commerce.time"] = "lua/commerce/time.lua",
    ["commerce.verify.balance"] = "lua/commerce/verify/balance.lua",
    ["commerce.verify.compare"] = "lua/commerce/verify/compare.lua",
    ["commerce.verify.findings"] = "lua/commerce/verify/findings.lua",
    ["commerce.verify"] = "lua/commerce/verify/init.lua",
    ["commerce.verify.payouts"] = "lua/commerce/verify/payouts.lua",
    ["commerce.verify.pool"] = "lua/commerce/verify/pool.lua",
    ["commerce.verify.recheck"] = "lua/commerce/verify/recheck.lua",
    ["commerce.verify.records"] = "lua/commerce/verify/records.lua",
    ["commerce.verify.report"] = "lua/commerce/verify/report.lua",
  },
  install = {
    bin = { commerce = "lua/commerce/cli/main.lua" },
  },
}
test_dependencies = { "busted >= 2.0" }
test = { type = "busted" }
