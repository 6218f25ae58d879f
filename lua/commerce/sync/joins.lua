-- Records of joined types: parents with their children, from the kept objects. Called by sync.

local convert = require "commerce.sync.convert"
local storing = require "commerce.sync.storing"
local sweep = require "commerce.sync.sweep"

local joins = {}

local JOIN_BATCH = 100 -- parents built and written in one transaction

local function build_join(run, consumer)
  local source, after = consumer.source, ""
  repeat
    local batch, message, details = run.store:joined_sources(run.connection.id, source.resource,
      source.join.resource, after, JOIN_BATCH)
    if not batch then
      return nil, message, details
    end
    local records, gone = {}, {}
    for _, parent in ipairs(batch) do
      storing.take(run, { consumer }, convert.joined(parent.data,
        parent.children, source.join.key), records, gone)
      after = parent.id
    end
    local ok, reason, why = storing.write(run, { resource = source.resource, records = records,
      deleted = gone, sweep = sweep.of_join(run, consumer) })
    if not ok then
      return nil, reason, why
    end
    run.books:tell(source.resource)
  until #batch < JOIN_BATCH
  return true
end

--- Build the records of joined types from the kept objects, once both resources have been read.
---@param run commerce.Run
---@param consumers table[] those with a join
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function joins.build(run, consumers)
  for _, consumer in ipairs(consumers) do
    local source = consumer.source
    if run.finished[source.resource] and run.finished[source.join.resource] then
      local ok, message, details = build_join(run, consumer)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

return joins
