-- `commerce erase`: removes one person's data and keeps it from being stored again.

local console = require "commerce.cli.kit.console"
local deletion = require "commerce.cli.kit.deletion"
local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local lookup = require "commerce.cli.kit.lookup"
local model = require "commerce.model"

local must = errors.must

-- Whether the customer is stored, or has been erased: an erasure that was killed is run again.
local function is_known(store, connection_id, id)
  local hash = erasures.hash(connection_id, id)
  return must(store:find(model.find "customers", connection_id, { id }, true))[id] ~= nil
    or must(store:erased(connection_id, { hash }))[hash] == true
end

-- The connections that know the customer.
local function with_record(app, id)
  local list = {}
  for _, shop in ipairs(lookup.connections(app)) do
    list[#list + 1] = is_known(app.store, shop.id, id) and shop or nil
  end
  if #list == 0 then
    errors.throw("usage", ("no connection has a customer %s; --connection ID erases what else is "
      .. "stored of it there, and keeps it from being stored"):format(id))
  end
  return list
end

local function print_done(shop, id, done, as_json)
  if as_json then
    console.json { connection = shop.id, customer = id, removed = done.removed,
      reduced = done.reduced, objects = done.objects, events = done.events,
      changes = done.changes }
    return
  end
  console.line(("connection %s: customer %s is erased: %s removed, %s reduced to amounts and "
    .. "dates, %s and %s emptied, %s of the log forgotten"):format(shop.id, id,
    format.plural(done.removed, "record"), format.plural(done.reduced, "record"),
    format.plural(done.objects, "kept object"), format.plural(done.events, "waiting event"),
    format.plural(done.changes, "change")))
end

local function erase(app, args)
  local id = args.customer
  if not id:find "^[%w_]+$" then
    errors.throw("usage", ("'%s': a customer's id expected, such as cus_123"):format(id))
  end
  local list = args.connection and { lookup.connection(app, args.connection) }
    or with_record(app, id)
  deletion.confirm(args, ("Erase what is stored of customer %s in %s?"):format(id,
    format.plural(#list, "connection")))
  for _, shop in ipairs(list) do
    print_done(shop, id, must(shop:erase_customer(id)), args.json)
  end
end

---@type commerce.cli.Command
return {
  name = "erase",
  help = "Erase one person's data. Stripe keeps its own.",
  actions = {
    { name = "customer",
      help = "Erase a customer: the record, kept objects and the facts about the person in "
        .. "payments, disputes and transactions. It is not stored again.",
      arguments = function(sub)
        sub:argument("customer", "Stripe's id of the customer: cus_...")
        sub:option("--connection", "In this connection (default: where it is stored).")
          :argname "ID"
        deletion.yes_option(sub)
      end,
      json = "One JSON object per connection.", store = "existing", audit = "data.erase",
      run = erase },
  },
}
