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
  },
  install = {
    bin = { commerce = "lua/commerce/cli/main.lua" },
  },
}
test_dependencies = { "busted >= 2.0" }
test = { type = "busted" }
