-- The part of a form that says which data types are read, and when.

local errors = require "commerce.base.errors"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"
local settings = require "commerce.portal.settings"
local sync_settings = require "commerce.account.settings"

local schedules = {}

local SCHEDULES = { { "0", "never again" }, { "1", "every hour" }, { "6", "every 6 hours" },
  { "12", "every 12 hours" }, { "24", "every day" }, { "168", "every week" },
  { "720", "every 30 days" } }

local function schedules_of(hours)
  local list, known = {}, false
  for i, choice in ipairs(SCHEDULES) do
    list[i], known = choice, known or choice[1] == tostring(hours)
  end
  if not known then
    list[#list + 1] = { ("%d"):format(hours), ("every %d hours"):format(hours) }
  end
  return list
end

local function months_of(setting)
  return setting.sync_from_window and ("%d"):format(setting.sync_from_window) or nil
end

local function row_of(setting, off)
  local name = setting.type
  local label = function(text)
    return { h.span { class = "visually-hidden", name, ": " }, text }
  end
  local select = { name = name .. ".schedule", disabled = off or nil,
    ["aria-label"] = name .. ": is read" }
  for _, choice in ipairs(schedules_of(setting.sync_schedule)) do
    select[#select + 1] = h.option { value = choice[1],
      selected = choice[1] == ("%d"):format(setting.sync_schedule) or nil, choice[2] }
  end
  return { h.code(name), settings.box(name .. ".first", label "at first link",
    setting.fetch_on_first_link, off), h.select(select),
    setting.sync_from_utc and { "from ", layout.time(setting.sync_from_utc) }
      or h.input { type = "number", name = name .. ".months", min = "0", max = "1200",
        value = months_of(setting), disabled = off or nil, placeholder = "all",
        ["aria-label"] = name .. ": months before the connection" } }
end

--- The data types with their fields.
---@param list commerce.SyncSetting[]
---@param off boolean whether they can only be looked at
---@return commerce.portal.Node node
function schedules.table(list, off)
  local rows = {}
  for i, setting in ipairs(list) do
    rows[i] = row_of(setting, off)
  end
  return settings.table("Data types", { "Data type", "First read", "Is read",
    "Months before the connection" }, rows)
end

local function asked(form, setting)
  local name = setting.type
  local schedule, months = form[name .. ".schedule"] or "", form[name .. ".months"]
  local fields = { fetch_on_first_link = form[name .. ".first"] == "yes",
    sync_schedule = tonumber(schedule:match "^%d+$") or setting.sync_schedule }
  if months then
    fields.sync_from_window = months == "" and 0 or tonumber(months:match "^%d+$")
      or errors.throw("usage", name .. ": whole months expected")
  end
  return fields
end

-- Whether a form asks for something else than what applies.
local function differs(fields, setting)
  return fields.fetch_on_first_link ~= setting.fetch_on_first_link
    or fields.sync_schedule ~= setting.sync_schedule
    or fields.sync_from_window ~= nil and fields.sync_from_window ~= (setting.sync_from_window or 0)
end

--- Save what a form asks for. Only data types that it changes get settings of this owner.
---@param context commerce.portal.Context
---@param whose { company: string? } all companies if left out
function schedules.save(context, whose)
  for _, setting in ipairs(sync_settings.get(context.store, whose)) do
    local fields = asked(context.form, setting)
    if differs(fields, setting) then
      sync_settings.set(context.store, whose, { setting.type }, fields)
    end
  end
end

return schedules
