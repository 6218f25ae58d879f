-- `commerce erase`: removes one person's data and keeps it from being stored again.

local console = require "commerce.cli.kit.console"
local deletion = require "commerce.cli.kit.deletion"
local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local lookup = require "commerce.cli.kit.lookup"
local model = require "commerce.model"

local must = errors.must

-- The kinds of what can be erased: the word in messages and JSON, the pattern of an id, and the
-- method of a connection.
local CUSTOMER = { word = "customer", type = "customers", id = "^[%w_]+$", example = "cus_123",
  method = "erase_customer" }
local PAYMENT = { word = "payment", type = "payments", id = "^[cp][hy]_%w+$", example = "ch_123",
  method = "erase_payment" }

-- Whether it is stored, or has been erased: an erasure that was killed is run again.
local function is_known(store, connection_id, kind, id)
  local hash = erasures.hash(connection_id, id)
  return must(store:find(model.find(kind.type), connection_id, { id }, true))[id] ~= nil
    or must(store:erased(connection_id, { hash }))[hash] == true
end

-- The connections that know it.
local function with_record(app, kind, id)
  local list = {}
  for _, shop in ipairs(lookup.connections(app)) do
    list[#list + 1] = is_known(app.store, shop.id, kind, id) and shop or nil
  end
  if #list == 0 then
    errors.throw("usage", ("no connection has a %s %s; with --connection ID, everything else "
      .. "that is stored of it is erased and not stored again"):format(kind.word, id))
  end
  return list
end

local function print_done(shop, kind, id, done, as_json)
  if as_json then
    console.json { connection = shop.id, [kind.word] = id, removed = done.removed,
      reduced = done.reduced, objects = done.objects, events = done.events,
      changes = done.changes }
    return
  end
  console.line(("connection %s: %s %s is erased: %s removed, %s reduced to amounts and "
    .. "dates, %s and %s emptied, %s of the log forgotten"):format(shop.id, kind.word, id,
    format.plural(done.removed, "record"), format.plural(done.reduced, "record"),
    format.plural(done.objects, "kept object"), format.plural(done.events, "waiting event"),
    format.plural(done.changes, "change")))
end

local function eraser(kind)
  return function(app, args)
    local id = args[kind.word]
    if not id:find(kind.id) then
      errors.throw("usage", ("'%s': a %s's id expected, such as %s"):format(id, kind.word,
        kind.example))
    end
    local list = args.connection and { lookup.connection(app, args.connection) }
      or with_record(app, kind, id)
    deletion.confirm(args, ("Erase what is stored of %s %s in %s?"):format(kind.word, id,
      format.plural(#list, "connection")))
    for _, shop in ipairs(list) do
      print_done(shop, kind, id, must(shop[kind.method](shop, id)), args.json)
    end
  end
end

local function arguments(kind, about)
  return function(sub)
    sub:argument(kind.word, about)
    sub:option("--connection", "In this connection (default: where it is stored)."):argname "ID"
    deletion.yes_option(sub)
  end
end

local JSON = "One JSON object per connection."

---@type commerce.cli.Command
return {
  name = "erase",
  help = "Erase one person's data. Stripe keeps its own.",
  actions = {
    { name = "customer",
      help = "Erase a customer: the record, kept objects and the facts about the person in "
        .. "payments, disputes and transactions. It is not stored again.",
      arguments = arguments(CUSTOMER, "Stripe's id of the customer: cus_..."),
      json = JSON, store = "existing", audit = "data.erase", run = eraser(CUSTOMER) },
    { name = "payment",
      help = "Erase the facts about the person in one payment, its refunds and disputes: for a "
        .. "guest, who is not a customer. They are not stored again.",
      arguments = arguments(PAYMENT, "Stripe's id of the charge: ch_... or py_..."),
      json = JSON, store = "existing", audit = "data.erase", run = eraser(PAYMENT) },
  },
}
