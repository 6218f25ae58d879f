-- Sums over many records, by period: counts, exact sums, customers. The database adds; a sum
-- of a million payments reads a million records, but never makes Lua values of them.

local arithmetic = require "commerce.base.arithmetic"
local columns = require "commerce.store.sql.columns"
local condition = require "commerce.store.sql.condition"
local decimal = require "commerce.base.decimal"
local model = require "commerce.model"
local select = require "commerce.store.sql.select"
local statements = require "commerce.store.sql.statements"

local new_total = decimal.sum

---@class commerce.sql.Store
local figures = {}

local MOST_KEPT = 10000 -- rows of a result that is kept until the next write

-- A date of the model has 20 characters, so a span is its two dates in one text.
local LENGTH = #"YYYY-MM-DDTHH:MM:SSZ"
local FROM, TO = ("substr(period.span, 1, %d)"):format(LENGTH),
  ("substr(period.span, %d, %d)"):format(LENGTH + 1, LENGTH)

local function spans_of(periods)
  local spans, numbers = {}, {}
  for i = 1, #periods - 1 do
    spans[i] = periods[i] .. periods[i + 1]
    numbers[spans[i]] = i
  end
  return spans, numbers
end

-- The SQL of a field or fact of the table `record`.
local function column(data_type, name)
  assert(model.place(data_type, name), name)
  return "record." .. columns.name(name)
end

-- The rows of a statement, from the cache if nothing was written since. The first column is a
-- count; no column is null.
local function rows_of(self, connection_id, sql, values, count)
  local known = select.cache(self, sql, values, #values, connection_id)
  if known.rows then
    return known.rows
  end
  local rows = self.db:list(sql, values, count)
  known.rows = #rows <= MOST_KEPT and rows or nil
  return rows
end

local function text_or_nil(text)
  return text ~= "" and text or nil
end

-- The FROM and WHERE of a connection's records of some periods; appends the bound values.
local function records_in(self, data_type, connection_id, asked, values, more)
  local dialect = self.db.dialect
  local date = column(data_type, asked.date or "createdDate")
  values[#values + 1] = dialect.list((spans_of(asked.periods)))
  values[#values + 1] = connection_id
  local where = {
    "record.connection_id = ?", dialect.not_true "record.metadata_is_deleted",
    ("%s >= %s"):format(date, dialect.date(FROM)), ("%s < %s"):format(date, dialect.date(TO)),
    more,
  }
  if asked.query then
    where[#where + 1] = condition.compile(dialect, asked.query, function(field)
      return column(data_type, field)
    end, values)
  end
  -- CROSS: the periods are few, and each is a part of the index of dates
  return ("FROM (SELECT value AS span FROM %s) AS period CROSS JOIN %s AS record%s WHERE %s")
    :format(dialect.elements(), data_type.name, asked.join or "", table.concat(where, " AND "))
end

-- "g1, g2" and "coalesce(record.currency, '') AS g1, …"
local function groups(dialect, data_type, by)
  local names, terms = {}, {}
  for i, field in ipairs(by or {}) do
    names[i] = ", g" .. i
    local _, kind = model.place(data_type, field)
    terms[i] = (", %s AS g%d"):format(dialect.label(column(data_type, field), kind), i)
  end
  return table.concat(names), table.concat(terms)
end

local function add_groups(row, values, first, by)
  for i, field in ipairs(by or {}) do
    row[field] = text_or_nil(values[first + i])
  end
  return row
end

-- ---------------------------------------------------------------- sums

-- The statement that adds up the column `amount`, a text, of the rows of another statement. The
-- limits keep SQLite from making one statement of the three, which would read the JSON of a record
-- once for each use of a column.
local function adding(dialect, inner, kept)
  return ("(SELECT %s, amount, %s FROM (%s LIMIT ?) AS found LIMIT ?) AS split"):format(kept,
    dialect.summands "amount", inner)
end

local function limit(values, dialect, times)
  for _ = 1, times do
    values[#values + 1] = dialect.NO_LIMIT
  end
end

function figures:sums(data_type, connection_id, asked)
  local dialect, values = self.db.dialect, {}
  local names, terms = groups(dialect, data_type, asked.by)
  local inner = ("SELECT period.span AS span%s, %s AS amount %s"):format(terms,
    asked.sum and dialect.number_text("record.data", model.place(data_type, asked.sum)) or "NULL",
    records_in(self, data_type, connection_id, asked, values))
  limit(values, dialect, 2)
  local negative = asked.signs and dialect.is_negative "amount" or "''"
  local sql = ("SELECT %s, span, %s, %s, %s AS negative%s FROM %s "
    .. "GROUP BY span, negative%s"):format(statements.text "count(*)",
    statements.text "count(amount)", dialect.exact_sum(), negative, names,
    adding(dialect, inner, "span" .. names), names)
  local result, _, numbers = {}, spans_of(asked.periods)
  for i, row in ipairs(rows_of(self, connection_id, sql, values, 5 + #(asked.by or {}))) do
    local sum = { period = numbers[row[2]], count = tonumber(row[1]), amounts = tonumber(row[3]),
      sum = dialect.sum_text(row[4]) }
    if row[5] ~= "" then
      sum.negative = row[5] == "1"
    end
    result[i] = add_groups(sum, row, 5, asked.by)
  end
  return result
end

-- ---------------------------------------------------------------- customers

function figures:customers(data_type, connection_id, asked)
  local dialect, values = self.db.dialect, {}
  local names, terms = groups(dialect, data_type, asked.by)
  local customer = column(data_type, asked.customer)
  local date = column(data_type, asked.date or "createdDate")
  local sql = ("SELECT %s, span, %s, %s%s FROM (SELECT period.span AS span%s, count(*) AS records, "
    .. "%s - %s AS seconds %s GROUP BY period.span%s, %s) AS each GROUP BY span%s"):format(
    statements.text "count(*)", dialect.text_of_sum "records",
    dialect.text_of_sum "seconds", names, terms,
    dialect.seconds("max(" .. date .. ")"), dialect.seconds("min(" .. date .. ")"),
    records_in(self, data_type, connection_id, asked, values, customer .. " IS NOT NULL"), names,
    customer, names)
  local result, _, numbers = {}, spans_of(asked.periods)
  for i, row in ipairs(rows_of(self, connection_id, sql, values, 4 + #(asked.by or {}))) do
    result[i] = add_groups({ period = numbers[row[2]], customers = tonumber(row[1]),
      records = tonumber(row[3]), seconds = tonumber(row[4]) }, row, 4, asked.by)
  end
  return result
end

-- By days and not by periods: to compare each customer with each period would take long.
function figures:new_customers(data_type, connection_id, asked)
  local dialect, values = self.db.dialect, {}
  local all = { periods = { "", asked.periods[#asked.periods] }, query = asked.query }
  all.periods[1] = "0001-01-01T00:00:00Z"
  local customer = column(data_type, asked.customer)
  local sql = ("SELECT %s, day FROM (SELECT %s AS day %s GROUP BY %s) AS first GROUP BY day")
    :format(statements.text "count(*)",
    dialect.day(("min(%s)"):format(column(data_type, "createdDate"))),
    records_in(self, data_type, connection_id, all, values, customer .. " IS NOT NULL"), customer)
  local counts = {}
  for i = 1, #asked.periods - 1 do
    counts[i] = 0
  end
  for _, row in ipairs(rows_of(self, connection_id, sql, values, 2)) do
    for i = 1, #counts do
      if row[2] >= asked.periods[i]:sub(1, 10) and row[2] < asked.periods[i + 1]:sub(1, 10) then
        counts[i] = counts[i] + tonumber(row[1])
      end
    end
  end
  return counts
end

-- A refund names no customer: it counts for the one of its charge.
local OF_CHARGE = " LEFT JOIN payments AS paid ON paid.connection_id = record.connection_id "
  .. "AND paid.id = record.charge"

function figures:top_customers(connection_id, asked)
  local dialect, values = self.db.dialect, {}
  local data_type = model.find "payments"
  local customer = "coalesce(record.customer, paid.customer)"
  local inner = ("SELECT %s AS customer, %s AS amount %s"):format(customer,
    dialect.number_text("record.data", "amount"), records_in(self, data_type, connection_id,
    { periods = asked.periods, join = OF_CHARGE, query = asked.query }, values,
    customer .. " IS NOT NULL"))
  limit(values, dialect, 2)
  values[#values + 1] = asked.limit
  local sql = ("SELECT %s, customer, %s FROM %s GROUP BY customer ORDER BY %s, customer LIMIT ?")
    :format(statements.text "count(*)", dialect.exact_sum(), adding(dialect, inner, "customer"),
    dialect.largest_sum())
  local result = {}
  for i, row in ipairs(rows_of(self, connection_id, sql, values, 3)) do
    result[i] = { customer = row[2], count = tonumber(row[1]), sum = dialect.sum_text(row[3]) }
  end
  return result
end

-- ---------------------------------------------------------------- lines of orders

-- Lines of equal quantity and price are counted by the database and multiplied here: there are few
-- prices, and SQLite has no exact product.
function figures:line_sums(data_type, connection_id, asked)
  local dialect, values = self.db.dialect, {}
  local line = dialect.members("record.data", "orderLineItems")
  local function number(name)
    return ("coalesce(%s, '')"):format(dialect.number_text("line.value", name))
  end
  local inner = records_in(self, data_type, connection_id, { periods = asked.periods,
    query = asked.query, join = (" CROSS JOIN %s AS line"):format(line) }, values)
  local sql = ("SELECT %s, span, currency, quantity, price, total "
    .. "FROM (SELECT period.span AS span, coalesce(record.currency, '') AS currency, "
    .. "%s AS quantity, %s AS price, %s AS total %s) "
    .. "AS each GROUP BY span, currency, quantity, price, total"):format(statements.text "count(*)",
    number "quantity", number "unitPrice", number "totalAmount", inner)
  local result, found, _, numbers = {}, {}, spans_of(asked.periods)
  for _, row in ipairs(rows_of(self, connection_id, sql, values, 6)) do
    local key = row[2] .. row[3]
    if not found[key] then
      found[key] = { period = numbers[row[2]], currency = text_or_nil(row[3]), count = 0,
        total = new_total() }
      result[#result + 1] = found[key]
    end
    local each = found[key]
    each.count = each.count + tonumber(row[1])
    each.total:add(arithmetic.product(row[1], figures.line_value(row[4], row[5], row[6])))
  end
  for _, each in ipairs(result) do
    each.sum, each.total = tostring(each.total), nil
  end
  return result
end

--- What an order's line adds to the revenue.
---@param quantity string a decimal number, or ""
---@param price string of one unit; "" if the line has none: its total counts then
---@param total string
---@return string value
function figures.line_value(quantity, price, total)
  if quantity ~= "" and price ~= "" then
    return arithmetic.product(quantity, price)
  end
  return total ~= "" and total or "0"
end

return figures
