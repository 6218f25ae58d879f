-- The data types that a store holds: those of the model, and those that users defined. Each has a
-- table, and a definition that is kept with it; where the two versions of a definition differ, the
-- table's columns are changed. So a type or field that the model has gained reaches an existing
-- database as a user's does.

local columns = require "commerce.store.sql.columns"
local json = require "commerce.base.json"
local model = require "commerce.model"
local statements = require "commerce.store.sql.statements"
local tables = require "commerce.store.sql.tables"

---@class commerce.sql.Store
local types = {}

-- Another process may define a type at any time, so what is cached is compared by its text.
local function defined(self)
  self.defined = self.defined or {}
  local list = {}
  for i, row in ipairs(self.db:all("SELECT name, definition FROM data_types WHERE built_in = ? "
    .. "ORDER BY " .. self.db.dialect.INSERTED, statements.boolean(false))) do
    local known = self.defined[row.name]
    if not known or known.text ~= row.definition then
      known = { text = row.definition, type = model.restore(json.stored(row.definition)) }
      self.defined[row.name] = known
    end
    list[i] = known.type
  end
  return list
end

function types:types()
  return model.types(defined(self))
end

function types:find_type(name)
  local data_type = model.find(name)
  if data_type then
    return data_type
  end
  return model.find(name, defined(self))
end

function types:type_problem(data_type)
  local name = data_type.name
  if columns.is_word(name) then
    return ("this is a word of SQL and would be the name of a table; choose another name, such as "
      .. "'shop_%s'"):format(name)
  elseif model.find(name) then
    return "the model has a data type with this name"
  elseif self.schema.is_reserved(name) then
    return "the store has a table with this name; choose another name"
  end
  return columns.problem(data_type)
end

local function definition_of(db, name)
  local row = db:all("SELECT definition FROM data_types WHERE name = ?", name)[1]
  return row and row.definition
end

-- Give a type its table or its columns, in a transaction.
local function keep(db, data_type, text, built_in)
  local name, dialect = data_type.name, db.dialect
  local before = definition_of(db, name)
  if before == text then
    return
  elseif not before and db:all(dialect.NAMED, name)[1] then
    db:fail(("the database has a table '%s' of its own; choose another name for the data type")
      :format(name))
  end
  local changes = before
    and tables.change(dialect, model.restore(json.stored(before)), data_type)
    or tables.add(dialect, data_type)
  for _, statement in ipairs(changes) do
    db:once(statement)
  end
  if before and #changes > 0 then
    db:fill_columns(data_type)
  end
  db:run(dialect.upsert("data_types", { "name", "definition", "built_in" }, { "name" }), name, text,
    statements.boolean(built_in))
end

function types:define_type(data_type)
  local db, text = self.db, json.encode(model.describe(data_type))
  if definition_of(db, data_type.name) == text then
    return true
  end
  local problem = types.type_problem(self, data_type)
  if problem then
    db:fail(("data type '%s': %s"):format(data_type.name, problem))
  end
  db:transaction(function()
    db:lock_schema()
    keep(db, data_type, text, false)
  end)
  return true
end

local definitions, fingerprint -- of the model, which does not change while a process lives

-- The fingerprint is the definitions' text and not its hash: a hash would load OpenSSL (2.6 ms and
-- 2 MB) whenever a database is opened.
local function describe_model()
  if not definitions then
    definitions = {}
    for i, data_type in ipairs(model.types()) do
      definitions[i] = json.encode(model.describe(data_type))
    end
    fingerprint = table.concat(definitions, "\n")
  end
  return definitions, fingerprint
end

local function is_current(db, present)
  local row = db:all "SELECT fingerprint FROM model_version"[1]
  return row ~= nil and row.fingerprint == present
end

--- Give the model's data types their tables and columns; called when a database is opened.
---@param db commerce.sql.Database
function types.reconcile(db)
  local texts, present = describe_model()
  if is_current(db, present) then
    return
  end
  db:transaction(function()
    db:lock_schema()
    if is_current(db, present) then -- again, now that no other process can write
      return
    end
    for i, data_type in ipairs(model.types()) do
      keep(db, data_type, texts[i], true)
    end
    db:run "DELETE FROM model_version"
    db:run("INSERT INTO model_version (fingerprint) VALUES (?)", present)
  end)
end

return types
