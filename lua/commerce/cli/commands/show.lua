-- `commerce show TYPE`: read records from the store.

local common = require "commerce.cli.kit.common"
local csv = require "commerce.base.csv"
local find = require "commerce.cli.kit.find"
local format = require "commerce.cli.kit.format"
local model = require "commerce.model"
local errors = require "commerce.base.errors"
local names = require "commerce.store.sql.columns"
local output = require "commerce.cli.kit.output"
local terminal = require "commerce.cli.kit.terminal"

local command = {}

local STDERR = 2
local TABLE_LIMIT = 20 -- records in a table if nothing else is asked for: a screenful

-- The columns of a table, most telling first, as { heading, field }; the other formats have them
-- all.
local CREATED = { "created", "createdDate" }
local TABLE_COLUMNS = {
  company_info = { { "account", "commercePlatformRef" }, { "name", "companyName" },
    { "legal name", "companyLegalName" }, { "currency", "baseCurrency" }, CREATED },
  customers = { { "id", "id" }, CREATED, { "name", "customerName" }, { "email", "emailAddress" },
    { "cur", "defaultCurrency" } },
  payments = { { "id", "id" }, CREATED, { "amount", "amount" }, { "cur", "currency" },
    { "status", "status" }, { "method", "paymentMethodRef.name" } },
  disputes = { { "id", "id" }, CREATED, { "amount", "totalAmount" }, { "cur", "currency" },
    { "status", "status" }, { "reason", "reason" }, { "due", "dueDate" } },
  products = { { "id", "id" }, CREATED, { "name", "name" }, { "status", "status" },
    { "description", "description" } },
  orders = { { "id", "id" }, CREATED, { "number", "orderNumber" }, { "amount", "totalAmount" },
    { "cur", "currency" }, { "refunded", "totalRefund" }, { "customer", "customerRef.name" },
    { "country", "country" } },
  transactions = { { "id", "id" }, CREATED, { "amount", "totalAmount" }, { "cur", "currency" },
    { "type", "type" }, { "sub-type", "subType" }, { "source", "transactionSourceRef.id" } },
}

-- The columns of a type that has no list of its own: everything but what is empty anyway.
local function table_columns(data_type)
  local columns = TABLE_COLUMNS[data_type.name]
  if not columns then
    columns = {}
    for _, column in ipairs(names.of(data_type)) do
      if column.field ~= "metadata.isDeleted" then
        columns[#columns + 1] = { column.name, column.field }
      end
    end
  end
  return columns
end

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local types = {}
  for i, data_type in ipairs(model.types()) do
    types[i] = data_type.name
  end
  local show = parser:command("show", "Show stored records, newest first.")
  show:argument("type", "Data type: " .. table.concat(types, ", ")
    .. ", or one that a script defined.")
  show:option("--query", "Codat's query language, such as 'status=Paid&&amount>100'."):argname "Q"
  show:option("--order-by", "A field; '-field' for descending."):argname "F"
  show:option("--limit", "At most so many records (default: 20 in a table, else all).")
    :argname "N"
  show:option("--format", "How: table, json, jsonl or csv."):default "table"
    :choices { "table", "json", "jsonl", "csv" }
  show:option("--connection", "Only this connection's records."):argname "ID"
  common.store_options(show)
end

local function columns_of(data_type)
  local paths = {}
  for i, column in ipairs(names.of(data_type)) do
    paths[i] = column.field
  end
  return paths
end

local writers = {}

function writers.table(data_type, next_record, limit, mode)
  local columns, headings, rows = table_columns(data_type), {}, {}
  for i, column in ipairs(columns) do
    headings[i] = column[1]
  end
  for record in next_record do
    local row = {}
    for i, column in ipairs(columns) do
      row[i] = format.minutes(csv.at(record, column[2]))
    end
    rows[#rows + 1] = row
  end
  if #rows == 0 then
    output.line(("no %s in %s mode"):format(data_type.name, mode))
    return
  end
  output.line(format.table(headings, rows, terminal.width()))
  output.line(#rows == limit and ("(%s mode; the first %d, --limit shows more)"):format(mode, limit)
    or ("(%s mode)"):format(mode))
end

function writers.json(_, next_text)
  local first = true
  output.write("[")
  for text in next_text do
    output.write(first and "\n" or ",\n", text)
    first = false
  end
  output.write(first and "]\n" or "\n]\n")
end

function writers.jsonl(_, next_text)
  for text in next_text do
    output.write(text, "\n")
  end
end

function writers.csv(data_type, next_record)
  local paths, headings = columns_of(data_type), {}
  for i, column in ipairs(names.of(data_type)) do
    headings[i] = column.name
  end
  output.write(csv.line(headings, #headings))
  for record in next_record do
    local values = {}
    for i, path in ipairs(paths) do
      values[i] = csv.at(record, path)
    end
    output.write(csv.line(values, #paths))
  end
end

local RAW = { json = true, jsonl = true } -- what is stored is shown as it is, digit by digit

local function show(app, args)
  local data_type, connection
  local mode, message, details = app:mode()
  if mode then
    data_type, message, details = app.store:find_type(args.type)
  end
  if not data_type then
    return nil, message, details or select(3, errors.fail("usage", message))
  elseif args.connection then
    connection, message, details = find.connection(app, args.connection)
    if not connection then
      return nil, message, details
    end
  end
  local next_record = app:records(data_type.name, { query = args.query, orderBy = args.order_by,
    limit = args.limit, connection_id = connection and connection.id, raw = RAW[args.format] })
  if args.format ~= "table" and terminal.is_terminal(STDERR) then
    -- the records are the output and nothing else; who reads along is told the mode beside it
    io.stderr:write("commerce: ", mode, " mode\n")
  end
  writers[args.format](data_type, next_record, args.limit, mode)
  return 0
end

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  local ok, wrong, why = common.check_limit(args)
  if not ok then
    return nil, wrong, why
  end
  args.limit = args.limit or args.format == "table" and TABLE_LIMIT or nil
  return common.with_app(show)(args)
end

return command
