-- What happens at the source while it is read: a shop's changes of every kind, things that change
-- to and fro, many in one second, visible late; objects that go while a list is read, and, in
-- rounds that allow for it, what happens without any event.

local cjson = require "cjson"
local socket_url = require "socket.url"

local source = {}

-- Objects that change to and fro, so that an old state looks like the newest one.
local FLIPPED = {
  customers = function(n) return { name = "Name " .. n } end,
  products = function(n) return { name = "Product " .. n, active = n > 1 } end,
  prices = function(n) return { nickname = "Price " .. n, active = n > 1 } end,
  tax_rates = function(n) return { description = "Rate " .. n, active = n > 1 } end,
  charges = function(n) return { description = "Charge " .. n } end,
}
local FLIPPED_NAMES = { "charges", "customers", "prices", "products", "tax_rates" }

-- Lists whose objects a merchant can delete, with an event; and those that only lose some when all
-- of the test data is deleted, without one.
local DELETABLE = { customers = true, products = true, prices = true }
local VANISHING = { charges = true, refunds = true, disputes = true, tax_rates = true }

local LAGS = { { 6, 0 }, { 1, 5 }, { 1, 60 }, { 1, 300 }, { 1, 550 } } -- seconds
local OLD_VERSION = "2019-02-11"

local function mutate(soak, op)
  op.key = soak.KEY
  local ok, message = pcall(soak.e.control, soak.e, "mutate", op)
  if ok then
    soak:count(op.op .. " of one object")
  elseif not tostring(message):find "already deleted" then
    error(message, 0)
  end
end

-- A mixture of everything.
local function churn(soak, random)
  local silent = soak.silent and random:chance(0.2)
  soak.e:control("settings", { tick = random:chance(0.3) and 1 or 0 })
  local changes = random:between(1, 15)
  soak.e:control("churn", { seed = random:between(1, 1000000), changes = changes, key = soak.KEY,
    lag = random:weighted(LAGS), events = not silent,
    api_version = random:chance(0.3) and OLD_VERSION or nil })
  soak:count("changes at the source", changes)
  soak:count("of these without an event", silent and changes or 0)
end

local function flip(soak, random)
  local name = random:pick(FLIPPED_NAMES)
  local id = random:pick(soak.flipped[name])
  for _ = 1, random:between(1, 3) do
    mutate(soak, { op = "update", id = id, fields = FLIPPED[name](random:between(1, 3)),
      lag = random:weighted(LAGS), api_version = random:chance(0.2) and OLD_VERSION or nil })
  end
end

-- The last request for a list that is read at the moment.
local function last_request(e)
  local lines = e:control("stats?lines=1").lines
  for i = #lines, math.max(1, #lines - 30), -1 do
    local path = lines[i]:match "^GET (/v1/[%l_]+%?%S*limit=%S*) 200$"
    if path and not path:find "limit=1%f[%D]" then
      return path
    end
  end
end

-- The page that will be asked for next starts after an object that is gone by then.
local function delete_cursor(soak)
  local path = last_request(soak.e)
  local name = path and path:match "^/v1/([%l_]+)"
  local silent = VANISHING[name] or false
  if not (DELETABLE[name] or silent and soak.silent) then
    return
  end
  local cursor = path:match "starting_after=([^&]+)"
  if cursor then
    mutate(soak, { op = "delete", id = socket_url.unescape(cursor), events = not silent })
  end
  local _, body = soak.e:get(path, soak.KEY) -- a fault may hit this, too
  local whole, answer = pcall(cjson.decode, body)
  local last = whole and type(answer.data) == "table" and answer.data[#answer.data]
  if last then
    mutate(soak, { op = "delete", id = last.id, events = not silent })
    soak:count "cursors deleted"
  end
end

--- Look up what is going to change to and fro: the newest of each list and the oldest.
---@param soak table
function source.prepare(soak)
  soak.flipped = {}
  for _, name in ipairs(FLIPPED_NAMES) do
    local list, ids = soak.e:read_all("/v1/" .. name .. "?limit=100", soak.KEY), {}
    for i = 1, math.min(3, #list) do
      ids[#ids + 1], ids[#ids + 2] = list[i].id, list[#list + 1 - i].id
    end
    soak.flipped[name] = ids
  end
end

--- What is done, and every how many seconds.
source.ACTORS = {
  { name = "churn", every = 0.5, act = churn },
  { name = "flip", every = 0.6, act = flip },
  { name = "cursors", every = 0.4, act = delete_cursor },
}

return source
