--- What changes did: which objects they made, changed and deleted, and the events they wrote.
local record = {}

--- An empty record.
function record.new()
  return { events = { is_array = true }, ids = {}, done = {} }
end

--- Note that something was done to an object.
---@param rec table
---@param done string "created", "updated" or "deleted"
---@param resource string
---@param id string
function record.note(rec, done, resource, id)
  local before = rec.done[id]
  if not before then table.insert(rec.ids, { resource = resource, id = id }) end
  if before ~= "created" or done == "deleted" then rec.done[id] = done end
end

--- The ids by what was done in the end and by resource: { created = { charges = {…} }, … }. What
--- was made and changed counts as made, what was made and deleted as deleted.
function record.summary(rec)
  local out = { created = {}, updated = {}, deleted = {} }
  for _, one in ipairs(rec.ids) do
    local group = out[rec.done[one.id]]
    group[one.resource] = group[one.resource] or { is_array = true }
    table.insert(group[one.resource], one.id)
  end
  return out
end

return record
