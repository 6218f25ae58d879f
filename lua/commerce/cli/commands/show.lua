-- `commerce show TYPE`: prints stored records.

local console = require "commerce.cli.kit.console"
local csv = require "commerce.base.csv"
local errors = require "commerce.base.errors"
local export = require "commerce.app.export"
local format = require "commerce.cli.kit.format"
local lookup = require "commerce.cli.kit.lookup"
local model = require "commerce.model"
local options = require "commerce.cli.kit.options"
local stored = require "commerce.store.sql.columns"

local must = errors.must

local TABLE_LIMIT = 20 -- records in a table without --limit: a screenful

-- The columns of a table, most important first, as { heading, field }; the other formats have all
-- columns.
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
    { "type", "type" }, { "sub-type", "subType" }, { "source", "transactionSourceRef.id" },
    { "payout", "payout" } },
  payouts = { { "id", "id" }, { "arrives", "arrivalDate" }, { "amount", "amount" },
    { "cur", "currency" }, { "status", "status" }, { "fees", "fees" } },
}

-- The columns of a type without a list of its own: all but the deletion mark.
local function table_columns(data_type)
  local columns = TABLE_COLUMNS[data_type.name]
  if not columns then
    columns = {}
    for _, column in ipairs(stored.of(data_type)) do
      if column.field ~= "metadata.isDeleted" then
        columns[#columns + 1] = { column.name, column.field }
      end
    end
  end
  return columns
end

-- By format. Each prints the records that an iterator gives.
local writers = {}

--- Print a table for people.
---@param data_type commerce.DataType
---@param next_record fun(): commerce.RecordFields?
---@param args commerce.cli.Arguments parsed arguments
---@param mode string "test" or "live"
---@param whose string "acct_1", or "2 accounts"
function writers.table(data_type, next_record, args, mode, whose)
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
    console.line(args.limit > 0 and ("no %s%s in %s mode"):format(data_type.name,
      args.query and " match the query" or "", mode) or "--limit 0 shows no records")
    return
  end
  format.print(headings, rows)
  console.line(#rows == args.limit
    and ("(%s mode, %s; first %d, see --limit)"):format(mode, whose, args.limit)
    or ("(%s mode, %s)"):format(mode, whose))
end

--- Print one JSON array.
---@param _ commerce.DataType
---@param next_text fun(): string? the stored JSON of each record
function writers.json(_, next_text)
  local first = true
  console.write("[")
  for text in next_text do
    console.json_text((first and "\n" or ",\n") .. text)
    first = false
  end
  console.write(first and "]\n" or "\n]\n")
end

--- Print one JSON object a line.
---@param _ commerce.DataType
---@param next_text fun(): string? the stored JSON of each record
function writers.jsonl(_, next_text)
  for text in next_text do
    console.json_text(text .. "\n")
  end
end

--- Print CSV with a line of headings.
---@param data_type commerce.DataType
---@param next_record fun(): commerce.RecordFields?
---@param args commerce.cli.Arguments parsed arguments
function writers.csv(data_type, next_record, args)
  local headings, paths = export.columns(data_type)
  console.write(csv.line(headings, #headings))
  for record in next_record do
    console.write(export.line(record, paths, args.raw))
  end
end

local RAW = { json = true, jsonl = true } -- the stored bytes are printed, digit by digit

local function type_named(store, name)
  local data_type, message = must(store:find_type(name))
  return data_type or errors.throw("usage", message)
end

local function run(app, args)
  local mode, data_type = must(app:mode()), type_named(app.store, args.type)
  local connection = args.connection and lookup.connection(app, args.connection) or nil
  local whose = lookup.whose(app, connection)
  local next_record = app:records(data_type.name, { query = args.query, orderBy = args.order_by,
    limit = args.limit, raw = RAW[args.format],
    connection_id = connection and connection.id })
  if args.format ~= "table" and console.is_terminal(console.STDERR) then
    -- standard output contains records only; a person sees the mode beside them
    console.note(("commerce: %s mode, %s"):format(mode, whose))
  end
  writers[args.format](data_type, next_record, args, mode, whose)
end

local function arguments(sub)
  local names = {}
  for i, data_type in ipairs(model.types()) do
    names[i] = data_type.name
  end
  sub:argument("type", "Data type: " .. table.concat(names, ", ")
    .. ", or a type that a script defined.")
  sub:option("--query", "Codat's query language, such as 'status=Paid&&amount>100'."):argname "Q"
  sub:option("--order-by", "A field; '-field' for descending."):argname "F"
  sub:option("--limit", "The maximum number of records (default: 20 in a table, else all).")
    :argname "N"
  sub:option("--format", "table, json, jsonl or csv."):default "table"
    :choices { "table", "json", "jsonl", "csv" }
  sub:flag("--raw", "CSV for programs: texts as they are. Without it, a text that a spreadsheet "
    .. "would take for a formula begins with an apostrophe, and control characters are left out.")
  sub:option("--connection", "Only this connection's records."):argname "ID"
end

local function check(args)
  options.check_limit(args)
  if args.raw and args.format ~= "csv" then
    errors.throw("usage", "--raw is for --format csv: the other formats need no change of texts")
  elseif args.raw and console.is_terminal(console.STDOUT) then
    errors.throw("usage", "--raw is for files and programs: a text may contain commands to the "
      .. "terminal; redirect the output")
  end
  args.limit = args.limit or args.format == "table" and TABLE_LIMIT or nil
end

---@type commerce.cli.Command
return {
  name = "show", help = "Show stored records, newest first.",
  arguments = arguments, store = "existing", check = check, run = run,
}
