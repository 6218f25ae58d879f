-- `commerce remap`: maps the stored Stripe objects again, without the network.

local errors = require "commerce.base.errors"
local lookup = require "commerce.cli.kit.lookup"
local options = require "commerce.cli.kit.options"
local progress = require "commerce.cli.kit.progress"

local must = errors.must

local function arguments(sub)
  sub:option("--connection", "Only this connection."):argname "ID"
  options.types(sub, "all that were synced")
end

local function connections_of(app, args)
  if args.connection then
    return { lookup.connection(app, args.connection) }
  end
  local list = lookup.connections(app, { status = "Linked" })
  if #list == 0 then
    errors.throw("usage", "nothing is stored: run `commerce sync --keep-source` first")
  end
  return list
end

local function run(app, args)
  local list, status = connections_of(app, args), 0
  for _, shop in ipairs(list) do
    local report, message, details = shop:remap { types = options.names(args.type),
      progress = progress.choose(args.json) }
    if not report and #list > 1 then
      message = ("connection %s: %s"):format(shop.id, message)
    end
    progress.report(must(report, message, details), args.json)
    status = report.complete and status or 1
  end
  return status
end

---@type commerce.cli.Command
return {
  name = "remap",
  help = "Make the records again from the Stripe objects that `commerce sync --keep-source` "
    .. "stored, without the network: after an update of lua-commerce, for example.",
  arguments = arguments, json = "One JSON object per line: events, then the report.",
  store = "existing", run = run,
}
