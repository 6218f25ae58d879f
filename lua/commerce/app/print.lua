-- Lua's `print` for scripts that also run in nginx, where `print` writes to the error log.

local ascii = require "commerce.base.ascii"

--- Print values, separated by TABs, with a line end. In a request of nginx (`content_by_lua_file`)
--- they become a part of its answer. Control characters in a merchant's text become spaces, because
--- a terminal would obey them.
---@param ... any
return function(...)
  local texts = {}
  for i = 1, select("#", ...) do
    texts[i] = tostring((select(i, ...)))
  end
  local line = ascii.printable(table.concat(texts, "\t"))
  if ngx and ngx.get_phase() == "content" then
    ngx.say(line)
  else
    print(line)
  end
end
