-- The builder of the portal's HTML escapes all that it is given.

local h = require "commerce.portal.html"

describe("the portal's HTML", function()
  it("has elements with attributes and children", function()
    assert.equal('<div class="card"><h2>Title</h2>text</div>',
      h.render(h.div { class = "card", h.h2 "Title", "text" }))
    assert.equal("<p>3</p>", tostring(h.p(3)))
    assert.equal("<p></p>", tostring(h.p {}))
    assert.equal("<ul><li>1</li><li>2</li></ul>", h.render(h.ul { { h.li "1", { h.li "2" } } }))
  end)

  it("escapes texts and attributes", function()
    local evil = [[<script>'"&]]
    local safe = "&lt;script&gt;&#39;&quot;&amp;"
    assert.equal(("<p title=\"%s\">%s</p>"):format(safe, safe),
      h.render(h.p { title = evil, evil }))
    assert.equal(safe, h.render(evil))
    assert.equal(safe, h.render { evil })
  end)

  it("leaves out what is false or nil, also in the middle", function()
    local missing = nil
    assert.equal("<p>ab</p>", h.render(h.p { "a", missing, false, "b", class = false, id = nil }))
    assert.equal("<p>b</p>", h.render(h.p { missing, missing, missing, missing, "b" }))
  end)

  it("has attributes without a value, and elements without an end", function()
    assert.equal('<input name="a" required>', h.render(h.input { name = "a", required = true }))
    assert.equal("<br>", h.render(h.br {}))
  end)

  it("leaves out addresses that would run a script", function()
    for _, address in ipairs { "javascript:alert(1)", " JavaScript:alert(1)", "java\tscript:x",
      "\1javascript:x", "data:text/html,x", "vbscript:x" } do
      assert.equal("<a>x</a>", h.render(h.a { href = address, "x" }), address)
    end
    for _, address in ipairs { "/a?b=c:d", "https://example.com", "mailto:a@b", "#x", "?a=:" } do
      assert.equal(('<a href="%s">x</a>'):format(address), h.render(h.a { href = address, "x" }))
    end
  end)

  it("takes trusted markup as it is", function()
    assert.equal("<p><b>x</b></p>", h.render(h.p { h.raw "<b>x</b>" }))
  end)

  it("refuses what cannot be escaped, and what is not text", function()
    assert.has_error(function() h.script "alert(1)" end)
    assert.has_error(function() h.style { "p{}" } end)
    assert.has_error(function() h.render(h.p { print }) end)
    assert.has_error(function() h.render(h.p { true }) end)
  end)
end)
