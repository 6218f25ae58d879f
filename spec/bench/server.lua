-- What the benchmarks of the server share: an nginx with one worker, and wrk.

local nginx = require "spec.support.nginx"
local shell = require "spec.support.shell"

local server = {}

--- Start nginx with one worker: the API, and beside it the location /trivial that does nothing.
---@param environment table<string, string>
---@param options table sync: whether init_worker syncs; threads: whether there is a thread pool
---@return table server see `spec.support.nginx`
function server.start(environment, options)
  return nginx.start("examples/nginx.conf", environment, function(text)
    return "worker_processes 1;\n" .. text:gsub("env COMMERCE_STORE;", "env STRIPE_API_BASE;\n%0")
      :gsub("init_worker%(%)", ("init_worker { sync = %s }"):format(tostring(options.sync == true)))
      :gsub(', thread_pool = "commerce"', options.threads and "%0" or "")
      :gsub('prefix = "/codat"', '%0, daily_limit = 1e9', 1)
      :gsub("location / {", "location = /trivial {\n content_by_lua_block { ngx.say 'ok' }\n}\n%0")
  end)
end

---@class bench.Answered
---@field rate number answers a second
---@field median number milliseconds
---@field high number milliseconds: the 99th percentile
---@field longest number milliseconds
---@field errors integer

--- Ask by wrk.
---@param url string may end with words for the shell
---@param seconds integer
---@param connections integer
---@param words string[] arguments of spec/bench/wrk.lua
---@return bench.Answered
function server.ask(url, seconds, connections, words)
  local quoted = {}
  for i, word in ipairs(words) do
    quoted[i] = shell.quote(word)
  end
  local _, output = shell.run(("wrk -t1 -c%d -d%ds --timeout 30s -s spec/bench/wrk.lua %s -- %s")
    :format(connections, seconds, url, table.concat(quoted, " ")))
  local rate, median, high, longest, errors = output:match "(%d+) (%d+) (%d+) (%d+) (%d+)%s*$"
  assert(rate, output)
  return { rate = tonumber(rate), median = median / 1000, high = high / 1000,
    longest = longest / 1000, errors = tonumber(errors) }
end

--- The load of the machine: other work here distorts every measurement.
---@return string
function server.load()
  return (io.open("/proc/loadavg"):read "*l":match "^%S+")
end

return server
