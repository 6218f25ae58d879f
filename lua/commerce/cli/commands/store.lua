-- `commerce store`: copies of a store, and what to do after a backup was restored.

local commerce = require "commerce"
local console = require "commerce.cli.kit.console"
local copy = require "commerce.store.copy"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local handle = require "commerce.store.handle"
local store = require "commerce.store"

local must = errors.must

-- ---------------------------------------------------------------- copy

local function copy_arguments(sub)
  sub:option("--from", "The store to copy (default: COMMERCE_STORE, then sqlite:commerce.db).")
    :argname "URL"
  sub:option("--to", "An empty or new database, as sqlite:PATH or postgres://...")
    :argname "URL"
end

local function check_copy(args)
  args.from = args.from or commerce.store_url()
  if not args.to then
    errors.throw("usage", "--to: name the database to copy to, such as --to sqlite:new.db")
  elseif args.from == args.to then
    errors.throw("usage", "--from and --to name the same store")
  end
  for _, url in ipairs { args.from, args.to } do
    must(store.check_shared(url, "it cannot be copied"))
  end
end

-- A URL without what may be secret in it.
local function name_of(url)
  return (url:gsub("//[^/?#]*@", "//"):gsub("%?.*$", ""))
end

local function with_both(args, work)
  local from = handle(must(store.open(args.from, { create = false })))
  return errors.finally(function()
    local to = handle(must(store.open(args.to, {})))
    return errors.finally(function()
      return work(from, to)
    end, function()
      to:close()
    end)
  end, function()
    from:close()
  end)
end

local function run_copy(_, args)
  local last
  local result = with_both(args, function(from, to)
    return copy.run(from, to, name_of(args.from), function(event)
      if not args.json and event.rows > 0 and event.part ~= last then
        console.note(("%s %s"):format(event.event == "copied" and "copies" or "compares",
          event.part))
      end
      last = event.part
    end)
  end)
  if args.json then
    console.json(result)
    return
  end
  console.line(("%s copied, %s compared: the copy is the same, row by row"):format(
    format.plural(result.copied, "row"), format.plural(result.rows, "row")))
  console.line "not copied: indexes that were added for the portal, and leases of workers"
end

-- ---------------------------------------------------------------- restored

-- The last event that each consumer of webhooks has been sent.
local function told(app)
  local list = {}
  if (app.store.lacking or {}).outbox then
    return list
  end
  for i, consumer in ipairs(app.store:webhook_consumers()) do
    local last = app.store:webhook_messages(consumer.id, { status = "delivered", limit = 1 })[1]
    local queue = app.store:webhook_queues()[consumer.id] or {}
    list[i] = { consumer = consumer.id, event = last and last.id, number = last and last.number,
      at = last and last.at, waiting = queue.waiting or 0 }
  end
  return list
end

local function run_restored(app, args)
  local first = must(app.store:skip_numbers())
  local list = told(app)
  if args.json then
    console.json { firstNumber = first, consumers = list }
    return
  end
  console.line(("numbers of changes and events go on at %.0f, above all that the lost store gave")
    :format(first))
  for _, entry in ipairs(list) do
    console.line(("consumer %s was told until %s; %s"):format(entry.consumer, entry.at
      and ("event %s of %s"):format(entry.event, entry.at) or "nothing",
      format.plural(entry.waiting, "webhook") .. " wait"))
  end
  console.line "what was told afterwards is told again under new ids: sync, and start the worker"
  console.line "lost: companies, connections, users and keys that were made after the backup"
  console.line(("not told again: what was created and deleted at Stripe since; a reader whose last "
    .. "number is below %.0f must remove what the store does not have"):format(first))
end

---@type commerce.cli.Command
return {
  name = "store", help = "Copy a store into another database; go on after a restored backup.",
  actions = {
    {
      name = "copy", help = "Copy everything from one store into another, empty one, and compare "
        .. "all rows. Stop all workers before. If it is killed, run it again.",
      json = "The result as a JSON object.", arguments = copy_arguments, check = check_copy,
      run = run_copy,
    },
    {
      name = "restored", help = "After a backup was put in the place of a lost store: leave out "
        .. "the numbers of changes and events that the lost store may have given, and say what "
        .. "consumers had been told.",
      json = "As a JSON object.", store = "existing", run = run_restored,
    },
  },
}
