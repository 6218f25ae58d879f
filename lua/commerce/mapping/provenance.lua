-- Which paths of a source object a field of its records is made of. A field inside another one has
-- paths of its own as far as its value function tells them; else it has those of the field around
-- it.

local value = require "commerce.mapping.value"

local provenance = {}

local function add_all(to, list)
  for _, path in ipairs(list) do
    to[#to + 1] = path
  end
end

-- Whether a value is the source's value at one path, unchanged.
local function is_plain(from)
  return #from.paths == 1 and from.sign == from.paths[1]
end

local paths_at

-- Supplemental data { content = { stripe = { name = … } } }.
local function paths_in_supplemental(from, keys, at)
  local name = keys[at + 2]
  if keys[at] ~= "content" or keys[at + 1] and keys[at + 1] ~= "stripe" then
    return {}
  elseif not name then
    return from.paths
  end
  local found = from.named[name]
  return found ~= nil and paths_at(value.of(found), keys, at + 3) or {}
end

function paths_at(from, keys, at)
  local paths = {}
  if at > #keys then
    return from.paths
  elseif from.named then
    return paths_in_supplemental(from, keys, at)
  elseif from.items then
    for _, item in ipairs(from.items) do
      add_all(paths, paths_at(item, keys, at))
    end
    return paths
  elseif from.fields then
    for _, field in ipairs(from.fields) do
      if field.name == keys[at] then
        return paths_at(field, keys, at + 1)
      end
    end
    return {}
  elseif is_plain(from) and from.paths[1] ~= value.WHOLE then
    return { from.paths[1] .. "." .. table.concat(keys, ".", at) }
  end
  return from.paths
end

---@alias commerce.OuterPath fun(split: { each: any }, path: string): string? a path inside a split,
---  as seen from the whole object

--- The source paths that a field is made of.
---@param entry commerce.MappingEntry with `shared`
---@param keys string[] the field's path in the record
---@param outer_path commerce.OuterPath
---@return string[] paths `value.WHOLE` among them: any of the object
function provenance.of(entry, keys, outer_path)
  local name, paths = keys[1], {}
  local main = (entry.fields or {})[name]
  if main == nil then
    main = entry.shared[name]
  end
  if main ~= nil then
    add_all(paths, paths_at(value.of(main), keys, 2))
  end
  local split = entry.split
  local inner = split and split.fields[name]
  if inner ~= nil then
    for _, path in ipairs(paths_at(value.of(inner), keys, 2)) do
      paths[#paths + 1] = outer_path(split, path) or value.WHOLE
    end
  elseif split and entry.shared[name] ~= nil then
    add_all(paths, paths_at(value.of(entry.shared[name]), keys, 2))
  end
  return paths
end

--- The paths in the records of the fields that an entry gives, and of the members of supplemental
--- data.
---@param entry commerce.MappingEntry
---@return string[][] members
function provenance.members(entry)
  local members, seen = {}, {}
  local function add(keys)
    local path = table.concat(keys, ".")
    if not seen[path] then
      seen[path], members[#members + 1] = true, keys
    end
  end
  for _, group in ipairs { entry.shared or {}, entry.fields or {},
    entry.split and entry.split.fields or {} } do
    for name, candidate in pairs(group) do
      local named = value.of(candidate).named
      for inner in pairs(named or {}) do
        add { name, "content", "stripe", inner }
      end
      if not named then
        add { name }
      end
    end
  end
  return members
end

--- The source paths that decide which records an object gives and what their ids are.
---@param entry commerce.MappingEntry
---@param outer_path commerce.OuterPath
---@return string[] paths
function provenance.deciding(entry, outer_path)
  local paths = {}
  local function add(candidate, split)
    for _, path in ipairs(candidate ~= nil and value.of(candidate).paths or {}) do
      paths[#paths + 1] = not split and path or outer_path(split, path) or value.WHOLE
    end
  end
  add((entry.fields or {}).id or entry.shared.id)
  add(entry.where)
  if entry.split then
    add(entry.split.each)
    add(entry.split.suffix, entry.split)
    add(entry.split.where, entry.split)
  end
  return paths
end

return provenance
