-- Sums over many records, by period: counts, exact sums, customers.

local arithmetic = require "commerce.base.arithmetic"
local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local model = require "commerce.model"
local paths = require "commerce.base.path"
local query = require "commerce.query"
local record = require "commerce.model.record"
local time = require "commerce.base.time"

local figures = {}

local function value_at(data_type, values, name)
  local path = assert(model.place(data_type, name), name)
  return paths.at(values, path)
end

-- The number of the period that a date lies in; nil if it lies in none.
local function period_of(periods, date)
  for i = #periods - 1, 1, -1 do
    if date and date >= periods[i] and date < periods[i + 1] then
      return i
    end
  end
end

-- A number of a record as text, digit by digit as it is stored: a double would round long ones.
local function number_at(data, name)
  local text = record.member(data, name)
  return text ~= "null" and text or nil
end

-- The end of the JSON string that begins at a quote.
local function string_end(text, at)
  repeat
    at = text:find('["\\]', at + 1)
    local escaped = text:sub(at, at) == "\\"
    at = escaped and at + 1 or at
  until not escaped
  return at
end

-- A JSON text whose numbers are texts.
local function with_quoted_numbers(text)
  local out, at = {}, 1
  repeat
    local from = text:find('["%-%d]', at) or #text + 1
    out[#out + 1] = text:sub(at, from - 1)
    local number = text:match("^%-?%d[%d%.]*", from)
    local to = number and from + #number - 1 or from <= #text and string_end(text, from) or from
    out[#out + 1] = number and '"' .. number .. '"' or text:sub(from, to)
    at = to + 1
  until at > #text
  return table.concat(out)
end

-- Calls `visit(values, period, data)` for every record of the periods.
local function each_in(self, data_type, connection_id, asked, visit)
  for _, row in pairs(self.db:table("records", connection_id, data_type.name).rows) do
    if not row.deleted then
      local values = json.stored(row.data)
      local period = period_of(asked.periods,
        value_at(data_type, values, asked.date or "createdDate"))
      if period and (not asked.query or query.matches(asked.query, function(field)
        return value_at(data_type, values, field)
      end)) then
        visit(values, period, row.data)
      end
    end
  end
end

-- The entry of a period and a group; `new` makes its further fields.
local function entry_of(found, data_type, values, period, by, new, negative)
  local words, row = { tostring(period), tostring(negative) },
    { period = period, negative = negative }
  for i, field in ipairs(by or {}) do
    row[field] = value_at(data_type, values, field)
    words[i + 2] = tostring(row[field] or "")
  end
  local key = table.concat(words, "\0")
  if not found.by_key[key] then
    for name, value in pairs(new()) do
      row[name] = value
    end
    found.by_key[key] = row
    found.list[#found.list + 1] = row
  end
  return found.by_key[key]
end

function figures.sums(self, data_type, connection_id, asked)
  local found = { list = {}, by_key = {} }
  each_in(self, data_type, connection_id, asked, function(values, period, data)
    local amount, negative = asked.sum and number_at(data, asked.sum), nil
    if amount and asked.signs then
      negative = amount:sub(1, 1) == "-"
    end
    local row = entry_of(found, data_type, values, period, asked.by, function()
      return { count = 0, amounts = 0, total = decimal.sum() }
    end, negative)
    row.count = row.count + 1
    if amount then
      row.amounts = row.amounts + 1
      row.total:add(amount)
    end
  end)
  for _, row in ipairs(found.list) do
    row.sum, row.total = row.amounts > 0 and tostring(row.total) or nil, nil
  end
  return found.list
end

function figures.customers(self, data_type, connection_id, asked)
  local found = { list = {}, by_key = {} }
  each_in(self, data_type, connection_id, asked, function(values, period)
    local customer = value_at(data_type, values, asked.customer)
    if not customer then
      return
    end
    local row = entry_of(found, data_type, values, period, asked.by, function()
      return { customers = 0, records = 0, seconds = 0, spans = {} }
    end)
    local at = time.parse(value_at(data_type, values, asked.date or "createdDate"))
    local span = row.spans[customer]
    if not span then
      span = { at, at }
      row.spans[customer], row.customers = span, row.customers + 1
    end
    span[1], span[2] = math.min(span[1], at), math.max(span[2], at)
    row.records = row.records + 1
  end)
  for _, row in ipairs(found.list) do
    for _, span in pairs(row.spans) do
      row.seconds = row.seconds + span[2] - span[1]
    end
    row.spans = nil
  end
  return found.list
end

function figures.new_customers(self, data_type, connection_id, asked)
  local firsts, counts = {}, {}
  local all = { periods = { "", asked.periods[#asked.periods] }, query = asked.query }
  each_in(self, data_type, connection_id, all, function(values)
    local customer = value_at(data_type, values, asked.customer)
    local date = value_at(data_type, values, "createdDate")
    if customer and (not firsts[customer] or date < firsts[customer]) then
      firsts[customer] = date
    end
  end)
  for i = 1, #asked.periods - 1 do
    counts[i] = 0
  end
  for _, date in pairs(firsts) do
    local period = period_of(asked.periods, date)
    if period then
      counts[period] = counts[period] + 1
    end
  end
  return counts
end

-- A refund names no customer: it counts for the one of its charge.
local function customer_of(self, connection_id, data_type, values)
  local charge = value_at(data_type, values, "charge")
  local row = charge and self.db:table("records", connection_id, "payments"):get(charge)
  return value_at(data_type, values, "customer")
    or row and value_at(data_type, json.stored(row.data), "customer") or nil
end

function figures.top_customers(self, connection_id, asked)
  local found, list, data_type = {}, {}, model.find "payments"
  each_in(self, data_type, connection_id, { periods = asked.periods, query = asked.query },
    function(values, _, data)
      local customer = customer_of(self, connection_id, data_type, values)
      local amount = customer and number_at(data, "amount")
      if amount then
        local row = found[customer]
        if not row then
          row = { customer = customer, count = 0, total = decimal.sum() }
          found[customer], list[#list + 1] = row, row
        end
        row.count = row.count + 1
        row.total:add(amount)
      end
    end)
  for _, row in ipairs(list) do
    row.sum, row.total = tostring(row.total), nil
  end
  table.sort(list, function(a, b)
    local first, second = tonumber(a.sum), tonumber(b.sum)
    if first ~= second then
      return first > second
    end
    return ascii.before(a.customer, b.customer)
  end)
  for i = #list, asked.limit + 1, -1 do
    list[i] = nil
  end
  return list
end

function figures.line_sums(self, data_type, connection_id, asked)
  local found = { list = {}, by_key = {} }
  each_in(self, data_type, connection_id, asked, function(values, period, data)
    local lines = with_quoted_numbers(record.member(data, "orderLineItems") or "[]")
    for _, line in ipairs(json.stored(lines)) do
      local row = entry_of(found, data_type, values, period, { "currency" }, function()
        return { count = 0, total = decimal.sum() }
      end)
      row.count = row.count + 1
      if line.quantity and line.unitPrice then
        row.total:add(arithmetic.product(line.quantity, line.unitPrice))
      elseif line.totalAmount then
        row.total:add(line.totalAmount)
      end
    end
  end)
  for _, row in ipairs(found.list) do
    row.sum, row.total = tostring(row.total), nil
  end
  return found.list
end

return figures
