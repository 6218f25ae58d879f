-- Long reads in nginx's threads: others are served meanwhile.
-- Runs under one runtime: the subject runs in nginx.

local client = require "spec.support.api_client"
local json = require "commerce.base.json"
local nginx = require "spec.support.nginx"
local rows = require "spec.support.rows"
local shell = require "spec.support.shell"
local socket = require "socket"

describe("a read of many records in nginx", function()
  local MANY = 100000
  local folder, made, server

  local WATCHED = [[
location = /watch {
  content_by_lua_block { ngx.say(package.loaded.reading and "under way" or "over") }
}
location /codat/ {
  log_by_lua_block { package.loaded.reading = nil }]]

  setup(function()
    folder = shell.temporary_folder()
    made = client.new({}, "sqlite:" .. folder .. "/commerce.db")
    made:give("payments", { { id = "one", amount = 1, currency = "EUR" } })
    rows.sql(folder .. "/commerce.db", ("INSERT INTO payments (connection_id, id, data) "
      .. "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
      .. "SELECT '%s', i, json_object('id', '' || i, 'amount', i) FROM n"):format(MANY,
      client.CONNECTION))
  end)

  local function stop()
    if server then
      server:stop()
      server = nil
    end
  end

  after_each(stop)

  teardown(function()
    made:close()
    shell.remove_folder(folder)
  end)

  local function start(change)
    server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = made.app.url }, function(text)
      return "worker_processes 1;\n" .. change(text)
    end)
  end

  local function url_of(query)
    return ("/codat%s/commerce-payments?%s"):format(client.DATA, query)
  end

  for what, query in pairs { ["a query"] = "query=amount%3E99998", order = "orderBy=amount",
    ["a late page"] = "pageSize=10&page=9000", count = "pageSize=1" } do
    it("lets others be answered: " .. what, function()
      start(function(text)
        return (text:gsub("location /codat/ {", WATCHED, 1)
          :gsub('require%("commerce.openresty"%).handle', "package.loaded.reading = true\n%0", 1))
      end)
      -- it may be over before it is looked for: then once more, of a database that has changed
      local deadline, seen, number = os.time() + 20, false, 0
      repeat
        number = number + 1
        rows.sql(folder .. "/commerce.db", ("INSERT INTO settings (name, value) VALUES ('x', '%d') "
          .. "ON CONFLICT (name) DO UPDATE SET value = excluded.value"):format(number))
        local answer = io.popen(("curl -s -m 60 -H 'Authorization: %s' '%s%s'"):format(
          made.authorization, server.base, url_of(query)))
        for _ = 1, 100 do
          local _, text = server:request("GET", "/watch")
          seen = seen or text == "under way\n"
        end
        local body = json.decode(answer:read "*a")
        answer:close()
        assert.equal(what == "a query" and 2 or MANY, body.totalResults)
      until seen or os.time() > deadline
      assert.is_true(seen)
    end)
  end

  it("waits for its turn where there are many", function()
    start(function(text)
      return text
    end)
    local _, output = shell.run(("seq 30 | xargs -P 30 -I @ curl -s -m 60 -o %s/@.json "
      .. "-w '%%{http_code} ' -H 'Authorization: %s' '%s%s'"):format(folder, made.authorization,
      server.base, url_of "query=amount%3E9999@"))
    assert.equal(("200 "):rep(30), output)
    local _, databases = shell.run(("ls -l /proc/%s/fd | grep -c 'commerce.db$'"):format(
      server:workers():match "%d+"))
    assert.is_true(tonumber(databases) <= 5, databases) -- its own, and a few threads'
  end)

  it("gives what it gives without threads", function()
    local texts = {}
    for i, option in ipairs { "%0", "" } do
      start(function(text)
        return (text:gsub(', thread_pool = "commerce"', option))
      end)
      local _, text = server:request("GET", url_of "query=amount%3E500&orderBy=-amount&pageSize=7",
        { authorization = made.authorization })
      texts[i] = text
      stop()
    end
    assert.is_truthy(texts[1]:find('"totalResults":99500', 1, true))
    assert.equal(texts[1], texts[2])
  end)

  it("is answered also if nginx is reloaded meanwhile", function()
    local sign = folder .. "/go on"
    start(function(text)
      return (text:gsub("location /codat/ {", ([[
location = /slow {
  content_by_lua_block {
    package.loaded.reading = true
    require("commerce.serve.threads").run("commerce", "os", "execute",
      "while [ ! -e '%s' ]; do sleep 0.05; done")
    ngx.say "answered"
  }
}
]]):format(sign) .. WATCHED, 1))
    end)
    local before = server:workers():match "%d+"
    local answer = io.popen("curl -s -m 60 " .. server.base .. "/slow")
    local deadline = os.time() + 20
    local function wait(check)
      while not check() do
        assert.is_true(os.time() < deadline, server:log())
        socket.sleep(0.02)
      end
    end
    wait(function()
      return select(2, server:request("GET", "/watch")) == "under way\n"
    end)
    server:reload()
    wait(function()
      local title = shell.read("/proc/" .. before .. "/cmdline")
      return title == "" or title:find "shutting down"
    end)
    socket.sleep(0.2) -- it would have ended by then
    assert(io.open(sign, "w")):close()
    assert.equal("answered\n", (answer:read "*a"))
    answer:close()
  end)

  it("says what nginx.conf lacks", function()
    start(function(text)
      return (text:gsub("thread_pool commerce", "thread_pool other"))
    end)
    assert.equal(503, (server:request("GET", url_of "query=amount%3E1",
      { authorization = made.authorization })))
    local deadline, words = os.time() + 10, "nginx.conf lacks `thread_pool commerce threads=4;`"
    while not server:log():find(words, 1, true) do -- written a moment after the answer
      assert.is_true(os.time() < deadline, server:log())
    end
  end)
end)
