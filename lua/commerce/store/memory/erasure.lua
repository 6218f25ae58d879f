-- Rewriting what is stored: fields that are not stored any more, and what is known of a person.

local ascii = require "commerce.base.ascii"
local changes = require "commerce.store.memory.log"
local json = require "commerce.base.json"
local records = require "commerce.store.memory.records"

local erasure = {}

-- Rewrite a batch of a table's rows, whose text is the field `name`.
local function rewrite(self, connection_id, rows, name, batch, edit, states, log)
  local done = { seen = 0, changed = 0, removed = 0 }
  for _, id in ipairs(rows:after(batch.after, batch.limit)) do
    local text = rows:get(id)[name]
    local new = edit(text, id)
    done.last, done.seen = id, done.seen + 1
    if new == false then
      rows:remove(id)
      done.removed = done.removed + 1
    elseif new and new ~= text then
      rows:change(id, { [name] = new })
      done.changed = done.changed + 1
    end
  end
  for key, state in pairs(states and states(done) or {}) do
    self.db:table("states", connection_id):put(key, json.encode(state))
  end
  if log then
    changes.append(self, connection_id, log(done))
  end
  return done
end

function erasure.rewrite_records(self, connection_id, data_type, after, limit, edit, states, log)
  return rewrite(self, connection_id, records.table_of(self, data_type, connection_id), "data",
    { after = after, limit = limit }, edit, states, log)
end

function erasure.rewrite_sources(self, connection_id, resource, after, limit, edit, states)
  return rewrite(self, connection_id, self.db:table("sources", connection_id, resource), "data",
    { after = after, limit = limit }, edit, states)
end

function erasure.rewrite_events(self, connection_id, after, limit, edit, states)
  return rewrite(self, connection_id, self.db:table("inbox", connection_id), "body",
    { after = after, limit = limit }, edit, states)
end

function erasure.kept_resources(self, connection_id)
  local names = {}
  for _, kept in ipairs(self.db:tables_of("sources", connection_id)) do
    names[#names + 1] = kept.size > 0 and kept.part or nil
  end
  ascii.sort(names)
  return names
end

-- ---------------------------------------------------------------- records and their changes

local function remove(rows, ids)
  local removed = 0
  for _, id in ipairs(ids) do
    removed = removed + (rows:remove(id) and 1 or 0)
  end
  return removed
end

function erasure.remove_records(self, connection_id, data_type, ids)
  return remove(records.table_of(self, data_type, connection_id), ids)
end

function erasure.remove_sources(self, connection_id, resource, ids)
  return remove(self.db:table("sources", connection_id, resource), ids)
end

function erasure.forget_gone(self, connection_id, after, upto, limit)
  local rows, done = self.db:table("changes", connection_id), { seen = 0, changed = 0 }
  local first, last = changes.kept(self, connection_id)
  after = math.max(after, first - 1)
  for number = after + 1, math.min(upto, last, after + limit) do
    local change = rows:get(number)
    local data_type = change.id ~= "" and records.find_type(self, change.type)
    done.last, done.seen = number, done.seen + 1
    if data_type and not records.table_of(self, data_type, connection_id):get(change.id) then
      rows:change(number, { id = "" })
      done.changed = done.changed + 1
    end
  end
  return done
end

-- ---------------------------------------------------------------- what is not to be stored again

function erasure.add_erased(self, connection_id, hashes, now)
  local erased = self.db:table("erased", connection_id)
  for _, hash in ipairs(hashes) do
    erased:put(hash, erased:get(hash) or { at = now })
  end
  return true
end

function erasure.erased(self, connection_id, hashes)
  local erased, found = self.db:table("erased", connection_id), {}
  for _, hash in ipairs(hashes) do
    found[hash] = erased:get(hash) and true or nil
  end
  return found
end

function erasure.has_erased(self, connection_id)
  return self.db:table("erased", connection_id).size > 0
end

function erasure.finish_erasure()
  return true
end

return erasure
