-- Listings: the ids that the source listed under a name, for a comparison of the records with it.
-- A listing is kept on disk, so that memory stays flat, but for this process alone; it goes with
-- the store.

local json = require "commerce.base.json"

---@class commerce.sql.Store
local listings = {}

local function with_table(self)
  local db = self.db
  if not db.has_listings then
    for _, statement in ipairs(db.dialect.LISTINGS) do
      db:once(statement)
    end
    db.has_listings = true
  end
  return db
end

function listings:add_listed(listing, entries)
  local db = with_table(self)
  if #entries == 0 then
    return 0
  end
  local field, texts = db.dialect.json_field, {}
  for i, entry in ipairs(entries) do
    texts[i] = json.encode(entry)
  end
  return db:run(("INSERT INTO listed (listing, id, parent_id, data) SELECT ?, %s, %s, %s FROM %s "
    .. "WHERE true ON CONFLICT DO NOTHING"):format(field("value", "id"),
      field("value", "parent_id"), field("value", "data"), db.dialect.elements()),
    db:own_name(listing), db.dialect.list(texts))
end

function listings:drop_listing(listing)
  local db = with_table(self)
  db:run("DELETE FROM listed WHERE listing = ?", db:own_name(listing))
  return true
end

function listings:unlisted(data_type, connection_id, listing, after, limit)
  local db, ids = with_table(self), {}
  for i, row in ipairs(db:all(("SELECT id FROM %s AS record WHERE connection_id = ? AND id > ? "
    .. "AND NOT EXISTS (SELECT 1 FROM listed WHERE listing = ? AND listed.id = record.id) "
    .. "AND %s ORDER BY id LIMIT ?"):format(data_type.name,
      db.dialect.not_true "metadata_is_deleted"), connection_id, after, db:own_name(listing),
      limit)) do
    ids[i] = row.id
  end
  return ids
end

function listings:listed_families(listing, child_listing, after, limit)
  local db = with_table(self)
  local batch = db:all("SELECT id, data FROM listed WHERE listing = ? AND id > ? "
    .. "ORDER BY id LIMIT ?", db:own_name(listing), after, limit)
  for _, parent in ipairs(batch) do
    parent.children = {}
    for i, child in ipairs(db:all("SELECT data FROM listed WHERE listing = ? "
      .. "AND parent_id = ?", db:own_name(child_listing), parent.id)) do
      parent.children[i] = child.data
    end
  end
  return batch
end

return listings
