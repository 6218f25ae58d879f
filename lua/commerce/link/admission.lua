-- Who may see a company's connections: a browser that came with a one-time address. Others may
-- choose what to connect, unless the operator allows one-time addresses only.

local input = require "commerce.http.input"
local profile = require "commerce.account.profile"
local ticket = require "commerce.account.link.ticket"

local admission = {}

---@class commerce.link.Admission
---@field ticket string? with which the browser's next forms are admitted; nil for a guest
---@field confirm string? the one-time password of an address that has only been opened: programs
---  that check links open addresses, too, so it is used with the form that follows
---@field refused boolean? if the browser is not admitted

local function by_password(context, company_id, otp)
  if ticket.spend(context.store, "otp", company_id, otp) then
    return { ticket = (ticket.make("page", company_id)) }
  end
  return { refused = true }
end

--- Who a request is from.
---@param context commerce.link.Context
---@param company commerce.CompanyRow the company's row
---@param at_once boolean? whether a password in the address is used at once
---@return commerce.link.Admission
function admission.of(context, company, at_once)
  local query, form = input.parameters(context.request.query), context.form
  local otp, pass = query["link.otp"] or query.otp, form.ticket or query.ticket
  if pass then
    return ticket.check("page", company.id, pass) and { ticket = pass } or { refused = true }
  elseif form.otp or otp and at_once then
    return by_password(context, company.id, form.otp or otp)
  elseif otp then
    return ticket.check("otp", company.id, otp) and { confirm = otp } or { refused = true }
  end
  return { refused = profile.read(context.store).oneTimeLinks == true }
end

return admission
