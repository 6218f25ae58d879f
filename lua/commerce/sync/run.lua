-- The state of a run, which the stages share, and the lease that it runs under. Called by sync.

local books = require "commerce.sync.books"
local errors = require "commerce.base.errors"
local lease = require "commerce.sync.lease"

local run = {}

--- What every stage of a run needs.
---@param connection commerce.Connection an opened one
---@param mappings commerce.Mapping[] of the data types of this run
---@param options table progress, and what the stages look at
---@param hooks commerce.Hooking?
---@return commerce.Run
function run.new(connection, mappings, options, hooks)
  local types = {}
  for _, mapping in ipairs(mappings) do
    types[mapping.type.name] = mapping.type
  end
  return {
    type = function(_, name)
      return types[name]
    end,
    connection = connection, session = connection.session, transport = connection.transport,
    limiter = connection.limiter,
    store = connection.store, livemode = connection.integration.livemode,
    books = books.new(connection, mappings, options.progress, hooks), started = os.time(),
    options = options, hooks = hooks, failures = {},
    finished = {}, states = {}, unfollowed = {}, reread = {}, dated = {}, applied = {}, joins = {},
  }
end

--- Do a run's work while no other run works on its connection.
---@param connection commerce.Connection
---@param worker string? who does it, and keeps the lease afterwards; if left out this process,
---  which gives it back
---@param work fun(held: table): any gets the lease, for `run.lease`
---@return any? result of the work; nil on failure, also if another run is under way (details.code
---  "busy")
---@return string? message
---@return commerce.Details? details
function run.alone(connection, worker, work)
  local held, message, details = lease.take(connection.store, connection.id, worker)
  if not held then
    return nil, message, details
  end
  local ran, result, reason, why = pcall(work, held)
  if not worker then
    errors.catch(held.release, held) -- if this fails, the lease runs out
  end
  if not ran then
    error(result, 0)
  end
  if result == nil then
    return nil, reason, why
  end
  return result -- alone, so that it can be printed and passed on
end

return run
