-- Link inside a page of the operator's: what its frame shows. The frame offers the choices and
-- opens a window for the rest, since Stripe's pages cannot be framed and a frame has no cookies.

local admission = require "commerce.link.admission"
local answer = require "commerce.link.answer"
local choices = require "commerce.link.choices"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local manage = require "commerce.link.manage"
local origins = require "commerce.http.origins"
local redirect = require "commerce.link.redirect"
local view = require "commerce.link.view"

local frame = {}

-- The parameters that a form sends again, or that the address has at first.
local function asked_of(context)
  local from = context.request.method == "POST" and context.form
    or input.parameters(context.request.query)
  return { origin = from.origin, close = from.close == "1" and "1" or nil,
    sandbox = from[choices.SANDBOX] }
end

local function linked(context, company)
  return context.store:connections { company_id = company.id, status = "Linked" }
end

local function refused(context, asked)
  local page = view.used()
  page.facts, page.parent = { parent = asked.origin, refused = page.title }, asked.origin
  return answer.show(context, page)
end

--- The frame of a company.
---@param context commerce.link.Context
---@return commerce.http.Response
function frame.show(context)
  local company, asked = choices.company(context), asked_of(context)
  if not company or not origins.is_allowed(context.store, asked.origin) then
    return answer.show(context, view.not_found())
  end
  local admitted = admission.of(context, company, true)
  if admitted.refused then
    return refused(context, asked)
  end
  local ids = json.array {}
  for i, row in ipairs(linked(context, company)) do
    ids[i] = row.id
  end
  context.carried = { [answer.EMBEDDED] = "1" }
  local page = view.frame(company.name, { choices = choices.list(context, company, asked.sandbox),
    fields = { origin = asked.origin, close = asked.close, [choices.SANDBOX] = asked.sandbox,
      ticket = admitted.ticket },
    shops = admitted.ticket and manage.list(context, company) or nil,
    again = context.path, connected = context.form.said == "connected", close = asked.close,
    action = context.prefix .. "/link/company/" .. company.id .. answer.query(context) })
  page.facts = { parent = asked.origin, linked = ids, state = context.path .. "/state"
    .. redirect.query { ticket = admitted.ticket } }
  page.parent = asked.origin
  return answer.show(context, page)
end

--- Which connections of the company are linked, for the script of the frame.
---@param context commerce.link.Context
---@return commerce.http.Response
function frame.state(context)
  local company = choices.company(context)
  company = company and not admission.of(context, company).refused and company or nil
  local list = json.array {}
  for i, row in ipairs(company and linked(context, company) or {}) do
    list[i] = answer.facts(row)
  end
  return { status = company and 200 or 404, body = json.encode { connections = list },
    headers = { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store",
      ["X-Content-Type-Options"] = "nosniff" } }
end

return frame
