-- A sync by the library, with smaller pages, fewer ranges and less patience than the command has.
-- Exits like the command: 0 if all is complete, 1 if not.
--   SOAK_OPTIONS='{"sync":{"page_size":10},"connect":{"retries":2}}' sync.lua

local cjson = require "cjson"
local commerce = require "commerce"

local options = cjson.decode(os.getenv "SOAK_OPTIONS")
options.connect.secret_key = os.getenv "STRIPE_SECRET_KEY"

local function run()
  local app, shop, report, message
  app, message = commerce.open {}
  if app then
    shop, message = app:connect(options.connect)
  end
  if shop then
    report, message = shop:sync(options.sync)
  end
  return report, message
end

local report, message = run()
if not report then
  io.stderr:write("commerce: ", message, "\n")
end
os.exit(report and report.complete and 0 or 1, true)
