-- Canonical JSON: same value, same bytes; what is written reads back.

local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local records = require "commerce.app.records"

-- The same object with its members put in another order.
local function shuffled(value)
  if type(value) ~= "table" or decimal.is_decimal(value) then
    return value
  end
  local names, result = {}, {}
  for name in pairs(value) do
    names[#names + 1] = name
  end
  for i = #names, 2, -1 do
    local j = math.random(i)
    names[i], names[j] = names[j], names[i]
  end
  for _, name in ipairs(names) do
    result[name] = shuffled(value[name])
  end
  return result
end

local function random_text()
  local out = {}
  for i = 1, math.random(0, 12) do
    out[i] = string.char(math.random(1, 127))
  end
  return table.concat(out)
end

local function random_value(depth)
  local pick = math.random(depth > 3 and 5 or 7)
  if pick == 1 then
    return random_text()
  elseif pick == 2 then
    return math.random(-1000000, 1000000)
  elseif pick == 3 then
    return (math.random() - 0.5) * 10 ^ math.random(-12, 12)
  elseif pick == 4 then
    return math.random(2) == 1
  elseif pick == 5 then
    return json.null
  end
  local result = {}
  for i = 1, math.random(1, 5) do
    result[pick == 6 and i or "k" .. random_text()] = random_value(depth + 1)
  end
  return result
end

describe("json.encode", function()
  it("writes names that are no texts as texts, in the order of their bytes", function()
    assert.equal('{"10":"c","2":"a","true":"b"}', json.encode { [2] = "a", [10] = "c",
      [true] = "b" })
    assert.has_error(function()
      json.encode { [{}] = 1 }
    end, "JSON has no name that is a table")
  end)

  it("writes objects of many members", function()
    local many, names = {}, {}
    for i = 1, 500 do
      names[i] = ("n%03d"):format(i)
      many[names[i]] = i
    end
    local last = 0
    for number in json.encode(many):gmatch '":(%d+)' do
      assert.equal(last + 1, tonumber(number))
      last = last + 1
    end
    assert.equal(500, last)
  end)

  it("sorts the members and writes no spaces", function()
    assert.equal('{"a":1,"b":{"c":[true,false],"d":"x"},"e":null}',
      json.encode { e = json.null, b = { d = "x", c = { true, false } }, a = 1 })
  end)

  it("writes an empty table as an object, unless it is marked as an array", function()
    assert.equal("{}", json.encode {})
    assert.equal('{"a":[],"b":[1]}',
      json.encode { a = json.array {}, b = json.array { 1 } })
    assert.equal('{"a":{}}', json.encode { a = {} })
  end)

  it("writes an array with nulls in it", function()
    assert.equal("[null,1,null]", json.encode { json.null, 1, json.null })
  end)

  it("writes a table without a first element as an object, whatever its keys", function()
    assert.equal('{"2":"x"}', json.encode { [2] = "x" })
  end)

  for _, case in ipairs {
    { 'say "hi"', [["say \"hi\""]] }, { "back\\slash", [["back\\slash"]] },
    { "\b\f\n\r\t", [["\b\f\n\r\t"]] }, { "\1\31", [["\u0001\u001f"]] },
    { "a/b", [["a/b"]] }, { "zł €", '"zł €"' }, { "", '""' },
  } do
    it("quotes " .. case[2], function()
      assert.equal(case[2], json.encode(case[1]))
      assert.equal(case[1], json.decode("[" .. case[2] .. "]")[1])
    end)
  end

  it("quotes the names of members too", function()
    assert.equal('{"a\\"b":1}', json.encode { ['a"b'] = 1 })
  end)

  it("quotes NUL, which is read as U+FFFD", function()
    assert.equal([["x\u0000y"]], json.encode "x\0y")
    assert.equal("x\239\191\189y", json.decode('["x\\u0000y"]')[1])
  end)

  it("gives every other byte back", function()
    for byte = 1, 255 do
      local text = "x" .. string.char(byte) .. "y"
      assert.equal(text, json.decode("[" .. json.encode(text) .. "]")[1])
    end
  end)

  for _, case in ipairs {
    { 1e21, "1000000000000000000000" }, { 1e-9, "0.000000001" }, { -0.0, "0" },
    { 1e15, "1000000000000000" }, { 123456789012, "123456789012" }, { 0.1, "0.1" },
  } do
    it("writes a number without exponent: " .. case[2], function()
      assert.equal(case[2], json.encode(case[1]))
    end)
  end

  it("keeps all digits of a decimal", function()
    local value = decimal.value("19.991234567890123456")
    assert.equal('{"price":19.991234567890123456}', json.encode { price = value })
  end)

  it("raises for what JSON cannot carry", function()
    for _, value in ipairs { math.huge, -math.huge, 0 / 0, print, coroutine.create(print) } do
      assert.has_error(function()
        json.encode(value)
      end)
      assert.has_error(function()
        json.encode { deep = { value } }
      end)
    end
  end)

  it("does not depend on the order of the members", function()
    for _ = 1, 200 do
      local value = random_value(0)
      assert.equal(json.encode(value), json.encode(shuffled(value)))
    end
  end)

  it("sorts the members of every object anew, however alike they are", function()
    local sets = { { "a", "b" }, { "a", "c" }, { "b", "c" }, { "a", "b", "c" }, { "a" }, {} }
    for _ = 1, 3 do -- what was written before does not matter
      for _, names in ipairs(sets) do
        for shift = 1, math.max(#names, 1) do
          local object, pieces = {}, {}
          for i = 1, #names do
            object[names[(i + shift) % #names + 1]] = true
            pieces[i] = ('"%s":true'):format(names[i])
          end
          assert.equal("{" .. table.concat(pieces, ",") .. "}", json.encode(object))
        end
      end
    end
    for i = 1, 3000 do -- more kinds of objects than are remembered
      assert.equal(('{"a%d":1,"b":2}'):format(i), json.encode { b = 2, ["a" .. i] = 1 })
    end
  end)

  it("reads back as the same value", function()
    for _ = 1, 300 do
      local value = random_value(0)
      local text = json.encode { value }
      local back = assert(json.decode(text))
      assert.same({ value }, back)
      assert.equal(text, json.encode(back))
    end
  end)
end)

describe("json.decode", function()
  it("gives a message, not an error, for what is no JSON", function()
    for _, text in ipairs { "", "{", "[1,", "{'a':1}", "[1]]", '"open', "undefined" } do
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.is_string(message)
    end
  end)

  it("reads half of a surrogate pair and NUL as U+FFFD", function()
    local read = json.decode [[{"a":"cut \ud83d","b":"\udc00 low","c":"x\u0000y","\ud83d":1,
      "d":"\ud83d\ude00","e":"\\ud83d"}]]
    assert.same({ a = "cut \239\191\189", b = "\239\191\189 low", c = "x\239\191\189y",
      ["\239\191\189"] = 1, d = "\240\159\152\128", e = "\\ud83d" }, read)
  end)

  it("reads null as json.null", function()
    assert.equal(json.null, json.decode('{"a":null}').a)
  end)
end)

describe("json.number", function()
  it("has no text for infinities and NaN", function()
    assert.is_nil(json.number(math.huge))
    assert.is_nil(json.number(0 / 0))
    assert.equal("19.99", json.number(19.99))
  end)
end)

describe("json.without_nulls", function()
  it("takes the nulls out, however deep", function()
    local value = json.decode '{"a":null,"b":{"c":null,"d":1},"e":[{"f":null}],"g":false}'
    assert.same({ b = { d = 1 }, e = { {} }, g = false }, json.without_nulls(value))
    assert.is_nil(json.without_nulls(json.null))
    assert.equal("text", json.without_nulls "text")
  end)
end)

describe("a stored JSON text", function()
  it("that is damaged is a failure, never the end of a list", function()
    assert.same({ a = 1.5 }, json.stored '{"a":1.5}')
    assert.equal(json.null, json.stored "null")
    local value, message, failure = errors.catch(json.stored, '{"a":1,5}')
    assert.is_nil(value)
    assert.equal("store", failure.kind)
    assert.matches("^a stored value is not JSON: ", message)
  end)

  it("ends a loop over records with an error that names the user's line", function()
    local store = require "commerce.store.memory"
    local db = assert(store.open())
    local broken = setmetatable({ records = function()
      local given = false
      return function()
        if not given then
          given = true
          return "id", '{"amount":12,5}'
        end
      end
    end }, { __index = db })
    local ok, raised = pcall(function()
      for _ in records.read(broken, "payments", {}) do
        error "a damaged record was given"
      end
    end)
    assert.is_false(ok)
    assert.matches("json_spec%.lua:%d+: a stored value is not JSON: ", tostring(raised))
  end)

  it("reads what it wrote digit by digit: long numbers become decimals", function()
    local text = '{"a":[12345678901234567.25,1.5,-0.12345678901234567891],'
      .. '"b":"\\"12345678901234567.25, \\\\","c":1e300,"decimal:":"decimal:1"}'
    local value = json.exact(text)
    assert.equal(text:gsub("1e300", "1" .. ("0"):rep(300)), json.encode(value))
    assert.is_true(decimal.is_decimal(value.a[1]))
    assert.equal(1.5, value.a[2])
    assert.equal(123456789012345.5, json.exact "123456789012345.5")
    assert.same({ a = "no number" }, json.exact '{"a":"no number"}')
  end)
end)
