-- Library code is the subset that Lua 5.4 and LuaJIT share: "min" flags what only one of them has.
std = "min"
self = false
max_line_length = 100
cache = false
files["lua/commerce/runtime/wait.lua"] = { read_globals = { "ngx" } }
files["lua/commerce/app/print.lua"] = { read_globals = { "ngx" } }
files["lua/commerce/base/files.lua"] = { globals = { "jit" } }
files["lua/commerce/runtime/compiler.lua"] = { globals = { "jit" } }
files["lua/commerce/store.d.lua"] = { ignore = { "211", "212", "631" } }
files["lua/commerce/core.d.lua"] = { ignore = { "111", "112", "113", "211", "212", "431", "631" } }
files["lua/commerce/pq.d.lua"] = { ignore = { "211", "212", "241", "631" } }
files["lua/commerce/serve"] = { read_globals = { "ngx" } }
files["lua/commerce/serve/adapter.lua"] = { globals = { "ngx" } }
files["spec/bench/wrk.lua"] = { globals = { "delay", "done", "init", "request", "setup", "wrk" },
  read_globals = { "offset" } }
files["spec/emulator/lua"] = { std = "ngx_lua" }
files["spec/**/*_spec.lua"] = { std = "+busted" }
exclude_files = { "build", "rockspec" }
