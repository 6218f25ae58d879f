-- Codat's views of stored rows, with what the store adds to each row.

local company = require "commerce.codat.company"
local connection = require "commerce.codat.connection"
local errors = require "commerce.base.errors"
local profile = require "commerce.account.profile"
local ticket = require "commerce.account.link.ticket"

local views = {}

--- A connection with its errors.
---@param context commerce.http.Context
---@param row commerce.ConnectionRow
---@return commerce.codat.View view Codat's Connection
function views.connection(context, row)
  return connection.view(row, context.store:connection_errors(row.id), context.links)
end

-- The password in a company's Link address, if the operator's profile wants addresses that work
-- once; as at Codat, each answer has another one. A read-only key grants nothing, and without a
-- master key there are no passwords.
local function password(context, company_id)
  if context.one_time_links == nil then
    context.one_time_links = not (context.caller or {}).read_only
      and profile.read(context.store).oneTimeLinks == true
  end
  return context.one_time_links and errors.catch(ticket.make, "otp", company_id) or nil
end

--- A company with its connections.
---@param context commerce.http.Context
---@param row commerce.CompanyRow
---@return commerce.codat.View view Codat's Company
function views.company(context, row)
  local rows, list = context.store:connections { company_id = row.id }, {}
  for i, one in ipairs(rows) do
    list[i] = views.connection(context, one)
  end
  return company.view(row, rows, list, context.links, password(context, row.id))
end

return views
