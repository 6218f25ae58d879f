-- Charts of the portal: scales, drawings, the tables behind them; and numbers for people.

local amounts = require "commerce.portal.amounts"
local charts = require "commerce.portal.charts"
local h = require "commerce.portal.html"

local SPACE, MINUS = "\226\128\175", "\226\136\146"

describe("an amount", function()
  it("has the decimals of its currency, whatever its size", function()
    assert.equal("1,234.50" .. SPACE .. "USD", amounts.money("1234.5", "USD"))
    assert.equal("1,234" .. SPACE .. "JPY", amounts.money(1234, "JPY"))
    assert.equal("0.050" .. SPACE .. "KWD", amounts.money("0.05", "KWD"))
    assert.equal(MINUS .. "12.00" .. SPACE .. "EUR", amounts.money(-12, "EUR"))
    assert.equal("90,071,992,547,409,931.25" .. SPACE .. "USD",
      amounts.money("90071992547409931.25", "USD"))
    assert.equal("0.123456" .. SPACE .. "USD", amounts.money("0.123456", "USD"))
    assert.equal("5", amounts.money(5, "XXX"))
    assert.equal("—", amounts.money("abc", "USD"))
  end)

  it("is short on an axis", function()
    local texts = {}
    for i, value in ipairs { 0, 0.5, 12, 999, 1000, 1300, 2500000, -3e9, 4e12 } do
      texts[i] = amounts.short(value)
    end
    assert.same({ "0", "0.5", "12", "999", "1k", "1.3k", "2.5M", MINUS .. "3B", "4T" }, texts)
  end)

  it("has its companions: counts and percentages", function()
    assert.equal("1,000,000", amounts.count(1000000))
    assert.equal("—", amounts.count(nil))
    assert.equal("5.25%", amounts.percent("5.25"))
    assert.equal("41.0%", amounts.percent("0.41", 100))
    assert.equal(MINUS .. "0.10%", amounts.percent("-0.1"))
    assert.equal("—", amounts.percent(nil))
  end)
end)

describe("a chart", function()
  local function chart(fields)
    local all = { id = "c", title = "Revenue", description = "By month.",
      labels = { "Jan", "Feb", "Mar" }, format = function(value)
        return amounts.money(value, "USD")
      end, series = { { name = "Revenue", points = { "10", "20.5", "0" } } } }
    for name, value in pairs(fields or {}) do
      all[name] = value
    end
    return h.render(charts.draw(all))
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  it("has steps that people can read", function()
    assert.equal(5, charts.step(20, 4))
    assert.equal(2.5, charts.step(9, 4))
    assert.equal(50, charts.step(160, 4))
    assert.is_true(math.abs(0.002 - charts.step(0.006, 4)) < 1e-9)
  end)

  it("has a scale with 0 in it that holds all values", function()
    assert.same({ low = 0, high = 30, step = 10 }, charts.scale { { points = { "10", "20.5" } } })
    assert.same({ low = -10, high = 20, step = 10 }, charts.scale { { points = { -10, 20 } } })
    assert.equal(0, charts.scale { { points = { 0, false } } }.low)
    local below = charts.scale { { points = { -7, -3 } } }
    assert.is_true(below.low <= -7 and below.high == 0)
  end)

  it("is named and described for screen readers, with a table behind it", function()
    local text = chart()
    assert.matches('<svg aria%-labelledby="c%-title c%-desc" class="chart" role="img"', text)
    assert.matches('<title id="c-title">Revenue</title><desc id="c-desc">By month.</desc>', text, 1,
      true)
    assert.equal(3, count(text, "<rect "))
    assert.matches("<title>Feb, Revenue: 20.50" .. SPACE .. "USD</title>", text, 1, true)
    assert.matches('<th scope="row">Mar</th><td class="number">0.00' .. SPACE .. "USD</td>", text,
      1, true)
  end)

  it("has no colour or style of its own", function()
    local text = chart { series = { { name = "A", points = { 1, 2, 3 }, kind = "line" },
      { name = "B", points = { 3, 2, 1 } } } }
    assert.is_nil(text:find('style="', 1, true))
    assert.is_nil(text:find('fill="', 1, true))
    assert.is_nil(text:find "#%x%x%x")
    assert.matches("series%-1.*series%-2", text)
    assert.matches('<ul class="legend">', text, 1, true)
  end)

  it("leaves gaps where there is no value", function()
    local text = chart { series = { { name = "A", points = { 1, false, 3 }, kind = "line" } } }
    assert.equal(2, count(text, "<circle "))
    assert.matches('d="M[%d%.]+ [%d%.]+ M', text)
    assert.matches('<td class="number">—</td>', text, 1, true)
    assert.equal(2, count(chart { series = { { name = "A", points = { 1, false, 3 } } } },
      "<rect "))
  end)

  it("labels few of many periods, the newest among them", function()
    local labels, points = {}, {}
    for i = 1, 30 do
      labels[i], points[i] = "day " .. i, i
    end
    local text = chart { labels = labels, series = { { name = "A", points = points } } }
    local drawn = text:match "<svg.*</svg>"
    assert.equal(6, count(drawn, ">day %d+</text>"))
    assert.matches(">day 30</text>", drawn, 1, true)
  end)

  it("shows texts of others as texts", function()
    local text = chart { title = "<script>", labels = { '"><x', "b", "c" },
      series = { { name = "&'", points = { 1, 2, 3 } } } }
    assert.is_nil(text:find("<script>", 1, true))
    assert.is_nil(text:find('"><x', 1, true))
  end)

  it("draws a share within its bounds", function()
    assert.matches('class="part" height="8" width="25"', h.render(charts.share(0.25)), 1, true)
    assert.matches('class="part" height="8" width="100"', h.render(charts.share(7)), 1, true)
  end)
end)
