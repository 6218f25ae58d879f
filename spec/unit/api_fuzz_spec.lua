-- Thousands of requests that nobody should send: each is answered with a documented status code, in
-- Codat's form, never with a 500, and never with what belongs to another company.

local client = require "spec.support.api_client"
local json = require "commerce.base.json"

local SEED, REQUESTS = tonumber(os.getenv "SPEC_SEED") or 20260801, 9000

local SECRET = "belongs-to-two" -- is in every record of the other company

-- One generator for both runtimes: math.random differs between them.
local state = SEED
local function random(n)
  state = (state * 1103515245 + 12345) % 2147483648
  return math.floor(state / 65536) % n + 1
end

local function pick(list)
  return list[random(#list)]
end

local ODD = { "", ".", "..", "%", "%zz", "%00", "%ff%fe", "%2F", "%2e%2e", "~", "null", "undefined",
  "0", "-1", "1e9", "99999999999999999999", "'", "\"", "'; DROP TABLE payments; --", "{", "}", "{}",
  "[]", "&&", "||", "=", "!=", "<", ">", "\0", "\1", "ü", "合", "\255", "%C3%BC", "a b", "+", "?",
  "#", ";", "*", "commerce-payments", "custom", ("x"):rep(300),
  "true", "false", "NaN", "../../etc" }

local IDS = { client.COMPANY, client.OTHER_COMPANY, client.CONNECTION, client.OTHER_CONNECTION,
  client.COMPANY:upper(), client.COMPANY:sub(1, -2), "cccccccc-0000-4000-8000-000000000009" }

local PIECES = { "amount", "id", "status", "createdDate", "metadata.isDeleted", "colour", "=", "!=",
  "~", ">", "<=", "&&", "||", "{", "}", "5", "Paid", "2026-01-01", "true", "null", "%26%26", "%7C",
  "%7B", "%3D", "%20", "'", "%00", "%ff", "dataConnections.status", "name", "progress", "-" }

local function query_text()
  local parts = {}
  for i = 1, random(8) do
    parts[i] = pick(PIECES)
  end
  return table.concat(parts)
end

local PARAMETERS = { "page", "pageSize", "query", "orderBy", "orderby", "connectionId", "tags", "x",
  "%70age", "page%00" }

local function query_string()
  local parts = {}
  for i = 1, random(4) - 1 do
    local kind = random(4)
    parts[i] = pick(PARAMETERS) .. "=" .. (kind == 1 and pick(ODD) or kind == 2 and query_text()
      or kind == 3 and pick(IDS) or tostring(random(50)))
  end
  return table.concat(parts, pick { "&", "&", "&&", ";" })
end

local function value(depth)
  local kind = random(depth > 3 and 5 or 7)
  if kind == 1 then
    return pick(ODD):gsub("[%c\128-\255]", "")
  elseif kind == 2 then
    return random(100) - 50
  elseif kind == 3 then
    return random(2) == 1
  elseif kind == 4 then
    return json.null
  elseif kind == 5 then
    return pick(IDS)
  end
  local result = {}
  for i = 1, random(4) do
    result[kind == 6 and i or pick { "name", "description", "tags", "url", "eventTypes", "status",
      "settings", "dataType", "platformKey", "secretKey", "redirectUrl", "companyTags", "x" }] =
      value(depth + 1)
  end
  return result
end

-- What the API takes, to be taken or spoilt.
local GOOD = {
  { name = "Shop", description = "d", tags = { a = "b" } }, { name = "Key" },
  { url = "https://example.com/hook", eventTypes = { "read.completed" } },
  { platformKey = "yzth" }, { status = "Unlinked" },
  { name = "Me", redirectUrl = "https://example.com/done" },
  { settings = { { dataType = "commerce-payments", fetchOnFirstLink = true, syncSchedule = 24,
    syncOrder = 1 } }, overridesDefaults = true },
}

local function body()
  local kind = random(8)
  if kind > 5 then
    local good = {}
    for name, member in pairs(pick(GOOD)) do
      good[name] = random(8) == 1 and value(2) or member
    end
    return json.encode(good)
  end
  if kind == 1 then
    return pick { "", "{", "null", "[", "\255\254", "[]", '"x"', "1", ("["):rep(2000), "{}" }
  elseif kind == 2 then
    return nil
  end
  return json.encode(value(0))
end

local METHODS = { "GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "FOO" }

-- Documented codes, and 405, which Codat's page on errors lists without naming operations.
local ALLOWED = { [200] = true, [201] = true, [204] = true, [400] = true, [401] = true,
  [403] = true, [404] = true, [405] = true, [409] = true, [429] = true }

describe("a fuzzed request", function()
  local api, routes, paths, document

  -- A path of the document with its parameters filled in, now and then spoilt.
  local function path()
    local text = pick(paths):gsub("{(%w+)}", function(name)
      local kind = random(10)
      if kind == 1 then
        return (pick(ODD):gsub("[%?#]", ""))
      elseif kind == 2 then
        return pick(IDS)
      end
      return name == "companyId" and client.COMPANY or name == "connectionId" and client.CONNECTION
        or name == "platformKey" and pick { "exgd", "yzth" }
        or pick { "mine", "commerce-payments", "theirs", client.COMPANY }
    end)
    if random(12) == 1 then
      text = text .. "/" .. pick(ODD):gsub("[%?#]", "")
    elseif random(20) == 1 then
      text = text:sub(1, random(#text))
    end
    return text
  end

  local function headers()
    if random(15) == 1 then
      return { authorization = pick { "", "Basic", "Basic \255", "Basic " .. ("A"):rep(600),
        "Bearer x", "Basic eA==" } }
    end
    return { authorization = api.authorization, host = random(10) == 1 and pick(ODD) or nil }
  end

  local function seed()
    for name, record in pairs { payments = { id = "mine", amount = 5, status = "Paid",
      createdDate = "2026-01-01T00:00:00Z" }, customers = { id = "mine", note = "n" } } do
      api:give(name, { record })
      local theirs = {}
      for field, content in pairs(record) do
        theirs[field] = content
      end
      theirs.id = "theirs"
      theirs.note = name == "customers" and SECRET or nil
      theirs.paymentProvider = name == "payments" and SECRET or nil
      api:give(name, { theirs }, client.OTHER_CONNECTION)
    end
    assert(api.store:save_company { id = client.OTHER_COMPANY, name = "Two",
      description = SECRET, created = client.CREATED })
  end

  -- Whoever asks for the other company by its own id may have it: there is one operator.
  local function may_see(request)
    local asked = (request.path .. (request.body or "")):lower()
    return asked:find(client.OTHER_COMPANY, 1, true) or request.path:find "^/companies/?$"
  end

  -- An export is streamed, and is not one JSON text.
  local function text_of(response)
    local parts = {}
    if type(response.body) ~= "function" then
      return response.body, true
    end
    for part in response.body do
      parts[#parts + 1] = part
    end
    return table.concat(parts), false
  end

  local function check(request)
    local response = api.api:handle(request)
    local text, is_json = text_of(response)
    local what = ("%s %s ? %s: %s -> %d %s"):format(request.method, request.path,
      request.query or "", tostring(request.body), response.status, text:sub(1, 300))
    assert.is_true(ALLOWED[response.status] or false, what)
    if is_json and text ~= "" then
      local decoded = json.decode(text)
      assert.is_table(decoded, what)
      if response.status >= 400 then
        assert.equal(response.status, decoded.statusCode, what)
        assert.is_string(decoded.error, what)
      end
    end
    if not may_see(request) then
      assert.is_nil(text:find(SECRET, 1, true), what)
    end
    return response.status
  end

  setup(function()
    api = client.new { daily_limit = 1000000 }
    seed()
    local _
    _, document = api:get "/openapi.json"
    paths, routes = {}, 0
    for each in pairs(document.paths) do
      paths[#paths + 1] = each
    end
    table.sort(paths)
    for _, item in pairs(document.paths) do
      for _ in pairs(item) do
        routes = routes + 1
      end
    end
  end)

  teardown(function()
    api:close()
  end)

  it("is answered as documented, whatever it is", function()
    local seen = {}
    for i = 1, REQUESTS do
      local method, target = pick(METHODS), path()
      if random(20) == 1 then -- so that it gets behind the checks often enough
        method, target = "POST", pick { "/apiKeys", "/webhooks", "/companies",
          "/companies/" .. client.COMPANY .. "/data/all" }
      end
      local status = check { method = method, path = target, query = query_string(),
        headers = headers(), body = body(), scheme = "http" }
      seen[status] = (seen[status] or 0) + 1
      if i % 500 == 0 then -- companies and connections were deleted
        api:close()
        api = client.new { daily_limit = 1000000 }
        seed()
      end
    end
    -- the fuzz reaches what it is meant to reach
    for _, status in ipairs { 200, 201, 204, 400, 401, 404, 405, 409 } do
      assert.is_truthy((seen[status] or 0) > 2, ("%d: %s"):format(status,
        tostring(seen[status])))
    end
  end)

  it("without its key is refused everywhere", function()
    for _, each in ipairs(paths) do
      for method in pairs(document.paths[each]) do
        local target = each:gsub("{companyId}", client.COMPANY)
          :gsub("{connectionId}", client.CONNECTION):gsub("{%w+}", "x")
        assert.equal(401, (api:call(method:upper(), target, nil, { authorization = false })))
      end
    end
  end)
end)
