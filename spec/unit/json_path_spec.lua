-- JSONPath in the configurations of data types.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local json_path = require "commerce.mapping.json_path"

local OBJECT = json.decode [[{"id":"ch_1","amount":5,"gone":null,
  "metadata":{"order.id":"7","a":"b"},
  "lines":{"data":[{"price":1},{"price":2,"tax":{"rate":3}}]},"empty":[]}]]

describe("a JSONPath", function()
  for path, found in pairs {
    ["$.id"] = "ch_1", ["id"] = "ch_1", ["$[*].id"] = "ch_1", ["$['id']"] = "ch_1",
    [' $["id"] '] = "ch_1", ["$[*]['id']"] = "ch_1", ["$.amount"] = 5,
    ["$.metadata['order.id']"] = "7", ['metadata["order.id"]'] = "7", ["metadata.a"] = "b",
    ["$.lines.data[1].price"] = 2, ["$.lines.data[ 0 ].price"] = 1,
    ["$.lines.data[*].price"] = { 1, 2 }, ["$.lines.data[*].tax.rate"] = { 3 },
    ["$.lines.data.*.price"] = { 1, 2 }, ["$.metadata.*"] = { "b", "7" }, ["$.empty[*]"] = {},
  } do
    it(path .. " leads to its value", function()
      assert.same(found, json_path.get(OBJECT, json_path.parse(path)))
    end)
  end

  for _, path in ipairs { "$.gone", "$.no", "$.no.such", "$.id.x", "$.lines.data[2].price",
    "$.gone[*]", "$.lines.data[0]['x']" } do
    it(path .. " leads to nothing", function()
      assert.is_nil(json_path.get(OBJECT, json_path.parse(path)))
    end)
  end

  it("$ leads to the object", function()
    assert.equal(OBJECT, json_path.get(OBJECT, json_path.parse "$"))
    assert.equal(OBJECT, json_path.get(OBJECT, json_path.parse "$[*]"))
  end)

  it("of names alone is one of the mapping language", function()
    for path, plain in pairs { ["$.id"] = "id", ["$[*].a.b"] = "a.b", ["$['a']['b.c']"] =
      'a["b.c"]', ["a.b"] = "a.b" } do
      assert.equal(plain, json_path.plain(json_path.parse(path)))
    end
    for _, path in ipairs { "$", "$.a[0]", "$.a[*]", "$['a.b']", "$.a['\"']" } do
      assert.is_nil(json_path.plain(json_path.parse(path)))
    end
  end)

  for _, path in ipairs { "$..id", "$.a[?(@.b)]", "$.a[0:2]", "a b", "$.a[", "$.a['b]",
    "$.a..b", "]", "$.a]", "$.a[-1]" } do
    it(("%q is refused"):format(path), function()
      local ok, failure = errors.try(json_path.parse, path)
      assert.is_false(ok)
      assert.equal("mapping", failure.kind)
    end)
  end
end)
