-- Dates: the header Date of Stripe's answers, by which its clock is known.

local time = require "commerce.base.time"

describe("the date of an HTTP answer", function()
  it("is read", function()
    assert.equal(784111777, time.parse_http "Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal(1709164800, time.parse_http "Thu, 29 Feb 2024 00:00:00 GMT")
  end)

  it("is not known for any other text", function()
    for _, text in ipairs { "", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT",
      "Sun, 31 Feb 2024 08:49:37 GMT", "1994-11-06T08:49:37Z", "Sunday, 06-Nov-94 08:49:37 GMT" } do
      assert.is_nil(time.parse_http(text), text)
    end
    assert.is_nil(time.parse_http(nil))
  end)
end)
