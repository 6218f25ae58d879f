-- The log on standard output: one JSON object a line. Work never waits for its reader: lines that a
-- reader is too slow for are counted, and told of when it reads again.

local core = require "commerce.core"
local json = require "commerce.base.json"

local log = {}

local STDOUT = 1
local lost = 0

--- Write a line.
---@param fields table<string, any> without secrets
function log.write(fields)
  if lost > 0 and core.log_line(STDOUT, json.encode { event = "log_lost", lines = lost }) then
    lost = 0
  end
  if lost > 0 or not core.log_line(STDOUT, json.encode(fields)) then
    lost = lost + 1
  end
end

return log
