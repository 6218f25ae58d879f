-- Records written to files: whole or not at all, in CSV and JSON Lines.

local commerce = require "commerce"
local cjson = require "cjson"
local sandbox = require "spec.support.sandbox"

describe("a file of records", function()
  local box

  before_each(function()
    box = sandbox.new()
  end)

  after_each(function()
    box:close()
  end)

  local function exists(name)
    local file = io.open(box:path(name))
    if file then file:close() end
    return file ~= nil
  end

  it("is CSV with the columns that were named", function()
    local out = assert(commerce.csv(box:path "x.csv", { "id", "paymentMethodRef.name", "amount",
      "supplementalData", "isGiftCard" }))
    assert.is_true(out:write { id = 'a "quoted", b', paymentMethodRef = { name = "Card" },
      amount = 12.5, supplementalData = { a = 1 }, isGiftCard = false, more = "x" })
    assert.is_true(out:write { id = "two\nlines" })
    assert.is_false(exists "x.csv")
    assert.equal(2, out.count)
    assert.is_true(out:close())
    assert.is_true(out:close())
    assert.equal('id,paymentMethodRef.name,amount,supplementalData,isGiftCard\r\n'
      .. '"a ""quoted"", b",Card,12.5,"{""a"":1}",false\r\n"two\nlines",,,,\r\n', box:read "x.csv")
    assert.is_false(exists "x.csv.part")
  end)

  it("is JSON Lines, anew or after what is there", function()
    local out = assert(commerce.jsonl(box:path "x.jsonl"))
    out:write { id = "a", list = { 1, 2 } }
    assert(out:close())
    local more = assert(commerce.jsonl(box:path "x.jsonl", { append = true }))
    more:write { id = "b" }
    -- what was appended is there, whatever becomes of the process
    assert.equal('{"id":"a","list":[1,2]}\n{"id":"b"}\n', box:read "x.jsonl")
    assert(more:close())
    for line in box:read("x.jsonl"):gmatch "[^\n]+" do
      assert.is_string(cjson.decode(line).id)
    end
  end)

  it("leaves what was there when it cannot be written", function()
    box:write("kept.csv", "before")
    local out = assert(commerce.csv(box:path "kept.csv", { "id" }))
    out:write { id = "x" }
    assert.equal("before", box:read "kept.csv")
    local message, details
    out, message, details = commerce.csv("/no/such/folder/x.csv", { "id" })
    assert.is_nil(out)
    assert.equal("/no/such/folder/x.csv: No such file or directory", message)
    assert.equal("output", details.kind)
    out = assert(commerce.jsonl("/dev/full", { append = true }))
    local written
    written, message = out:write { id = "x" }
    assert.is_nil(written)
    assert.equal("/dev/full: No space left on device", message)
    assert.equal(0, out.count)
    written, message = out:close()
    assert.is_nil(written)
    assert.equal("/dev/full: No space left on device", message)
  end)

  it("refuses what cannot be written, at the line that asked", function()
    local out = assert(commerce.jsonl(box:path "x.jsonl"))
    for words, call in pairs {
      ["a list of columns expected"] = function() commerce.csv(box:path "y.csv") end,
      ["such as { \"id\", \"amount\" }"] = function() commerce.csv(box:path "y.csv", {}) end,
      ["unknown option 'apend' (did you mean 'append'?)"] = function()
        commerce.jsonl(box:path "y", { apend = true })
      end,
      ["a file's name expected, got nil"] = function() commerce.jsonl() end,
      ["a record expected, got string"] = function() out:write "x" end,
    } do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.matches(words, message, 1, true)
      assert.matches("files_spec.lua:%d+: ", message)
    end
    assert(out:close())
    assert.matches("is closed", select(2, pcall(out.write, out, {})), 1, true)
  end)
end)
