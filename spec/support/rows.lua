-- Reads a store's rows with the sqlite3 command and the emulator's lists page by page over HTTP,
-- both without the library, so that specs can compare them.

local cjson = require "cjson"
local programs = require "programs"
local shell = require "spec.support.shell"

local rows = {}

--- The data types by the names of their tables.
rows.TYPES = { "company_info", "customers", "payments", "disputes", "products", "transactions",
  "payment_methods", "tax_components", "payouts" }

local OLD = "2020-01-01T00:00:00Z"

-- ---------------------------------------------------------------- the database

-- One sqlite3 command for all statements of the spec: starting one takes longer than they do.
local sqlite

local function started()
  local folder = shell.temporary_folder()
  programs.make_pipe(folder .. "/rows")
  local program = shell.start({ "sqlite3", "-batch", "-bail" }, "socket")
  program.folder, program.rows = folder, folder .. "/rows"
  program.guard = shell.at_exit(function() shell.remove_folder(folder) end)
  return program
end

--- Run SQL with the sqlite3 command.
---@param path string
---@param sql string
---@return string output one row a line, "|" between columns
function rows.sql(path, sql)
  sqlite = sqlite or started()
  -- Patient with who is at work there at the moment. The pipe ends when its writer closes it or,
  -- after a first error (-bail), ends itself.
  programs.send(sqlite.socket, ([[
.output %s
.open '%s'
.timeout 10000
%s;
.open :memory:
.output
]]):format(sqlite.rows, path, sql))
  local output = programs.read_pipe(sqlite.rows)
  local errors = shell.read(sqlite.errors)
  if errors ~= "" then
    programs.close(sqlite.socket)
    shell.await(sqlite)
    shell.remove_folder(sqlite.folder)
    sqlite = nil
    error(errors .. output, 2)
  end
  return output
end

--- Let another program hold the write lock of a database, once it has come up.
---@param path string
---@return fun() release of the lock; it may be called again
function rows.lock(path)
  local pipe = assert(io.popen(("sqlite3 %s >/dev/null"):format(shell.quote(path)), "w"))
  pipe:write ".timeout 5000\nBEGIN IMMEDIATE;\n"
  pipe:flush()
  return function()
    if io.type(pipe) == "file" then
      pipe:close() -- its end rolls back
    end
  end
end

--- The bytes of a database, its log included.
---@param path string
---@return string
function rows.bytes(path)
  return shell.read(path) .. shell.read(path .. "-wal")
end

--- The SQL of a column of no one kind as a single value.
---@param name string
---@return string
function rows.any(name)
  return name
end

--- The columns of a table, by name: "TEXT", "INTEGER", … or "" for one of no one kind.
---@param path string
---@param name string the table's
---@return table<string, string>
function rows.columns(path, name)
  local columns = {}
  for column, kind in rows.sql(path, ("SELECT name, type FROM pragma_table_xinfo('%s')"):format(
    name)):gmatch "([^|\n]*)|([^\n]*)" do
    columns[column] = kind:gsub("%s*GENERATED ALWAYS", "")
  end
  return columns
end

--- A single number.
---@param path string
---@param sql string
---@return number
function rows.number(path, sql)
  return assert(tonumber(rows.sql(path, sql)), sql)
end

--- Every stored record as text, without what differs between two runs: connection ids, and the
--- dates of the last change unless they are asked for.
---@param path string
---@param options table? dates = true; connection = id; types = list of names
---@return string
function rows.dump(path, options)
  options = options or {}
  local parts = {}
  for i, name in ipairs(options.types or rows.TYPES) do
    parts[i] = ("SELECT '%s', id, data FROM %s%s ORDER BY id;"):format(name, name,
      options.connection and " WHERE connection_id = '" .. options.connection .. "'" or "")
  end
  local text = rows.sql(path, table.concat(parts, " "))
  if not options.dates then
    text = text:gsub(',"modifiedDate":"[%d%-T:]+Z"}\n', "}\n")
  end
  return text
end

--- Every record that is not deleted, as text, without the dates of change, which a whole reading
--- cannot know: the same for two databases that say the same of the source.
---@param path string
---@param types string[]? all if left out
---@return string
function rows.contents(path, types)
  local parts = {}
  for i, name in ipairs(types or rows.TYPES) do
    parts[i] = ([[
      SELECT '%s', id, json_remove(data, '$.modifiedDate', '$.sourceModifiedDate') FROM %s
      WHERE metadata_is_deleted IS NOT 1 ORDER BY id;]]):format(name, name)
  end
  return rows.sql(path, table.concat(parts))
end

--- Records by id: the JSON text and what it decodes to.
---@param path string
---@param type_name string
---@param connection string?
---@return table<string, table> records
---@return table<string, string> texts
---@return integer count
function rows.records(path, type_name, connection)
  local records, texts, count = {}, {}, 0
  local output = rows.sql(path, ("SELECT id, data FROM %s%s ORDER BY rowid"):format(type_name,
    connection and " WHERE connection_id = '" .. connection .. "'" or ""))
  for id, data in output:gmatch "(.-)|({[^\n]*})\n" do
    records[id], texts[id], count = cjson.decode(data), data, count + 1
  end
  return records, texts, count
end

--- Set every date of change back, so that the next change shows.
---@param path string
function rows.age(path)
  local parts = {}
  for i, name in ipairs(rows.TYPES) do
    -- the date is the last member of every record
    parts[i] = ("UPDATE %s SET data = substr(data, 1, length(data) - %d) || '%s\"}';"):format(name,
      #OLD + 2, OLD)
  end
  rows.sql(path, "BEGIN;" .. table.concat(parts) .. "COMMIT;")
  assert(rows.number(path, "SELECT count(*) FROM customers WHERE modified_date <> '" .. OLD .. "'")
    == 0)
end

--- The lines of a dump that another one has not.
---@param before string
---@param after string
---@return string[]
function rows.news(before, after)
  local known, news = {}, {}
  for line in before:gmatch "[^\n]+" do
    known[line] = true
  end
  for line in after:gmatch "[^\n]+" do
    if not known[line] then
      news[#news + 1] = line
    end
  end
  return news
end

-- Where two rows differ: what comes before it, and what each of them has there.
local function where(expected, actual)
  local at = 1
  while at <= #expected and expected:byte(at) == actual:byte(at) do
    at = at + 1
  end
  local from = math.max(1, at - 80)
  return ("they differ from byte %d on\nactual:   %s\nexpected: %s"):format(at,
    actual:sub(from, at + 400), expected:sub(from, at + 400))
end

-- The row of a list that is of the same record.
local function same_record(list, row)
  local id = row:match "^[^|]*|[^|]*|" or row:match "^%S+"
  for _, other in ipairs(list) do
    if other:sub(1, #id) == id then
      return other
    end
  end
end

--- "" if two dumps are equal, else their first difference: short, where a whole dump fills screens.
---@param expected string
---@param actual string
---@return string
function rows.difference(expected, actual)
  if expected == actual then
    return ""
  end
  local more, less = rows.news(expected, actual), rows.news(actual, expected)
  local text = ("%d rows differ or are too many, the first: %s\n%d are missing, the first: %s")
    :format(#more, tostring(more[1]):sub(1, 400), #less, tostring(less[1]):sub(1, 400))
  local other = more[1] and same_record(less, more[1])
  return other and text .. "\n" .. where(other, more[1]) or text
end

--- A table of id -> value or list of values as sorted lines, for `difference`.
---@param map table<string, any>
---@return string
function rows.text(map)
  local lines = {}
  for id, value in pairs(map) do
    local parts = {}
    for i, part in ipairs(type(value) == "table" and value or { value }) do
      -- the two runtimes write whole numbers differently
      parts[i] = type(part) == "number" and ("%.6f"):format(part) or tostring(part)
    end
    lines[#lines + 1] = id .. " " .. table.concat(parts, " | ") .. "\n"
  end
  table.sort(lines)
  return table.concat(lines)
end

-- ---------------------------------------------------------------- the source

--- All objects of a list, newest first.
---@param e table from spec.support.emulator
---@param resource string
---@param options table? key, headers, query such as "expand[]=data.charge"
---@return table[]
function rows.fetch(e, resource, options)
  options = options or {}
  local objects, after = {}, nil
  repeat
    local page = e:json(("/v1/%s?limit=100%s%s"):format(resource,
      options.query and "&" .. options.query or "", after and "&starting_after=" .. after or ""),
      options.key, options.headers)
    for _, object in ipairs(page.data) do
      objects[#objects + 1] = object
    end
    after = #page.data > 0 and page.data[#page.data].id
  until not page.has_more
  return objects
end

local DECIMALS = {}
for code in ("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"):gmatch "%a+" do
  DECIMALS[code] = 0
end
for code in ("BHD JOD KWD OMR TND"):gmatch "%a+" do
  DECIMALS[code] = 3
end

--- A decimal's text as whole minor units, digit by digit. Raises where that is not possible.
---@param text string such as "-12.3"
---@param currency string
---@return number
function rows.minor(text, currency)
  local decimals = DECIMALS[currency] or 2
  local sign, whole, fraction = text:match "^(%-?)(%d+)%.?(%d*)$"
  assert(sign and #fraction <= decimals, "no amount in " .. currency .. ": " .. text)
  return tonumber(sign .. whole .. fraction .. ("0"):rep(decimals - #fraction)) + 0
end

--- The minor units of a member of a JSON record, read from its text.
---@param text string the record
---@param name string the member
---@return number
function rows.amount(text, name)
  local digits = assert(text:match('"' .. name .. '":(%-?[%d%.]+)[,}]'), text)
  return rows.minor(digits, (assert(text:match '"currency":"(%u%u%u)"', text)))
end

return rows
