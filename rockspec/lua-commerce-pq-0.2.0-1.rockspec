rockspec_format = "3.0"
package = "lua-commerce-pq"
version = "0.2.0-1"
source = {
  url = "git+https://github.com/lua-commerce/lua-commerce.git",
  tag = "v0.2.0",
}
description = {
  summary = "The PostgreSQL driver of lua-commerce, a thin binding of libpq",
  detailed = [[
    The module commerce.pq, which lua-commerce needs for a store at postgres://… . Where libpq-fe.h
    is in a folder of its own, name it: PQ_INCDIR=$(pg_config --includedir).
  ]],
  homepage = "https://github.com/lua-commerce/lua-commerce",
  issues_url = "https://github.com/lua-commerce/lua-commerce/issues",
  maintainer = "the lua-commerce maintainers",
  license = "MIT",
  labels = { "postgresql", "stripe", "codat" },
}
dependencies = {
  "lua >= 5.1, < 5.6",
  "lua-commerce",
}
external_dependencies = {
  PQ = { library = "pq" },
  OPENSSL = { library = "crypto" },
}
build = {
  type = "builtin",
  modules = {
    ["commerce.pq"] = {
      sources = {
        "csrc/bind/class.c", "csrc/pq/connection.c", "csrc/pq/copy.c", "csrc/pq/pipeline.c",
        "csrc/pq/pq.c", "csrc/pq/result.c", "csrc/pq/rows.c", "csrc/pq/server_failure.c",
        "csrc/pq/statement.c", "csrc/pq/stream.c", "csrc/pq/wire.c", "csrc/text/buf.c",
        "csrc/text/guarded.c", "csrc/text/json.c", "csrc/text/utf8.c",
      },
      libraries = { "pq", "crypto" },
      incdirs = { "csrc", "$(PQ_INCDIR)", "$(OPENSSL_INCDIR)" },
      libdirs = { "$(PQ_LIBDIR)", "$(OPENSSL_LIBDIR)" },
    },
  },
}
