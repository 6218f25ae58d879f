-- A company's own schedules: which of its data is read, and when.

local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"
local schedules = require "commerce.portal.schedules"
local sections = require "commerce.portal.sections"
local settings = require "commerce.portal.settings"
local sync_settings = require "commerce.account.settings"

local function show(context, company, given)
  given = given or {}
  local off = not settings.may_change(context)
  local own = next(context.store:sync_settings("company:" .. company.id)) ~= nil
  local address = sections.company(context, company.id, "schedules")
  return sections.page(context, { company = company, title = "Schedules",
    status = given.wrong and 400 or nil, crumbs = { { "Schedules" } }, body = {
      given.wrong and layout.notice("bad", given.wrong),
      given.done and layout.notice("good", given.done),
      layout.form(context, { class = "stack", action = address,
        h.h2 "What is read, and when",
        h.p { class = "quiet", own and "This company has schedules of its own."
          or "This company follows the schedules of all companies, in the ", not own and h.a {
          href = settings.address(context, "data"), "settings" }, not own and ". What you change "
          .. "here is for this company alone." },
        schedules.table(sync_settings.get(context.store, { company = company.id }), off),
        not off and h.div { class = "actions", h.button { class = "primary", "Save" } } }),
      own and not off and layout.form(context, { action = address .. "/reset",
        h.button { class = "compact", "Follow the schedules of all companies again" } }) } })
end

local function changing(change, done)
  return function(context)
    local company = found.company(context)
    context.target = company.name
    return settings.try(function()
      change(context, company)
    end, function(wrong)
      return show(context, company, { wrong = wrong })
    end, function()
      return show(context, company, { done = done })
    end)
  end
end

local save = changing(function(context, company)
  schedules.save(context, { company = company.id })
end, "Saved.")

local reset = changing(function(context, company)
  sync_settings.reset(context.store, { company = company.id })
end, "The schedules of all companies apply.")

local PATH = "/portal/{mode}/companies/{companyId}/schedules"

---@type commerce.portal.Route[]
return {
  { method = "GET", path = PATH, run = function(context)
    return show(context, found.company(context))
  end },
  { method = "POST", path = PATH, audit = "data.schedule", run = save },
  { method = "POST", path = PATH .. "/reset", audit = "data.schedule", run = reset },
}
