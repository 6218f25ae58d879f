-- Settings: which data is read and when, fields that are never stored, API keys, webhook consumers
-- with their deliveries, and the profile that merchants see.

local auth = require "commerce.http.auth"
local consumers = require "commerce.webhooks.consumers"
local errors = require "commerce.base.errors"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"
local origins = require "commerce.http.origins"
local profile = require "commerce.account.profile"
local response = require "commerce.http.response"
local retention = require "commerce.account.retention"
local schedules = require "commerce.portal.schedules"
local settings = require "commerce.portal.settings"
local sync_settings = require "commerce.account.settings"
local time = require "commerce.base.time"

local must = errors.must

-- The words of a text, one a line or with commas or blanks between them.
local function words(text)
  local list = {}
  for word in (text or ""):gmatch "[^%s,]+" do
    list[#list + 1] = word
  end
  return list
end

local function text_of(context, name)
  local text = (context.form[name] or ""):gsub("^%s+", ""):gsub("%s+$", "")
  return text ~= "" and text or nil
end

-- Does what a form asks, and shows the same page again.
local function saving(page, change, done)
  return function(context)
    local shown
    return settings.try(function()
      shown = change(context)
    end, function(wrong)
      return page(context, { wrong = wrong })
    end, function()
      return page(context, { done = done, shown = shown })
    end)
  end
end

-- ---------------------------------------------------------------- data

local function fields_card(context, off)
  local lists = must(context.app:fields())
  local function remembered(list, what)
    local items = {}
    for i, name in ipairs(list) do
      items[i] = h.li { h.code(name), not off and settings.button(context,
        settings.address(context, "data/fields"), "✕", { name = "store " .. name .. " again",
          fields = { keep = name } }) }
    end
    return { h.h3(what), #items > 0 and h.ul { class = "chips", items }
      or h.p { class = "quiet", "none" } }
  end
  return h.div { class = "card", h.h2 "Fields that are not stored",
    h.p { class = "quiet", "A field that is left out is never stored; of a hashed one, only a hash "
      .. "is, by which equal values can be found. The next sync of each connection also takes them "
      .. "out of what is stored." },
    remembered(lists.leave_out, "Left out"), remembered(lists.hash, "Hashed"),
    not off and layout.form(context, { class = "row",
      action = settings.address(context, "data/fields"),
      settings.field { name = "fields", label = "Fields", class = "grow", required = true,
        placeholder = "customers.phone, customers.emailAddress" },
      h.button { name = "how", value = "leave_out", "Leave out" },
      h.button { name = "how", value = "hash", "Hash" } }) }
end

-- What is kept of the log of changes, and how far each of its consumers has come.
local function change_log_card(context)
  local state, rows = retention.change_log(context.store), {}
  for i, consumer in ipairs(state.consumers) do
    rows[i] = { layout.name(consumer.name), ("%d"):format(consumer.connections),
      consumer.unread == 0 and "all" or ("all but %d"):format(consumer.unread) }
  end
  return h.div { class = "card", h.h2 "Log of changes", h.dl { class = "facts",
    h.dt "Changes are kept", h.dd(state.days and ("%d days, and until all consumers have read them")
      :format(state.days) or "for ever"),
    h.dt "Oldest change", h.dd { state.oldest and layout.time(state.oldest) or "none" },
    h.dt "Older ones last removed", h.dd { state.pruned and layout.time(state.pruned)
      or "never" } },
    #rows > 0 and settings.table("Consumers of the log of changes", { "Consumer", "Connections",
      "Has read" }, rows),
    h.p { class = "quiet", "Set by ", h.code "commerce settings change-log", "." } }
end

local function data_page(context, given)
  local off = not settings.may_change(context)
  local days = retention.get(context.store)
  return settings.page(context, { tab = "data", title = "Data", wrong = given.wrong,
    done = given.done, body = {
      layout.form(context, { class = "stack", action = settings.address(context, "data"),
        h.h2 "What is read, and when",
        h.p { class = "quiet", "For all companies. A company may have schedules of its own, on its "
          .. "page; an integration, too, by ", h.code "commerce settings set", "." },
        schedules.table(sync_settings.get(context.store, {}), off),
        not off and h.div { class = "actions", h.button { class = "primary", "Save" } } }),
      fields_card(context, off),
      h.div { class = "card", h.h2 "Records that Stripe deleted",
        layout.form(context, { class = "row", action = settings.address(context, "data/retention"),
          settings.field { name = "days", label = "Are kept for so many days", type = "number",
            min = "1", class = "grow", value = days and ("%d"):format(days) or nil,
            placeholder = "for ever", disabled = off or nil },
          not off and h.button "Save" }) }, change_log_card(context) } })
end

local save_data = saving(data_page, function(context)
  context.target = "all companies"
  schedules.save(context, {})
end, "Saved.")

local save_fields = saving(data_page, function(context)
  local form = context.form
  local names = words(form.fields)
  context.target = form.keep or table.concat(names, " ")
  context.detail = form.keep and "keep" or form.how
  must(context.app:protect { keep = form.keep and { form.keep } or nil,
    leave_out = form.how == "leave_out" and names or nil,
    hash = form.how == "hash" and names or nil })
end, "Saved. The next sync of each connection makes what is stored agree.")

local save_retention = saving(data_page, function(context)
  local text = text_of(context, "days")
  context.target = text or "for ever"
  retention.set(context.store, text and (tonumber(text:match "^%d+$" or "") or text))
end, "Saved.")

-- ---------------------------------------------------------------- API keys

local function key_rows(context)
  local rows = {}
  for i, row in ipairs(context.store:api_keys()) do
    rows[i] = { layout.name(row.name or ""), row.read_only and "reads" or "reads and changes",
      layout.time(row.created), row.expires and layout.time(row.expires) or "never",
      settings.may_change(context) and settings.button(context,
        settings.address(context, "keys/remove"), "Delete", { class = "danger",
          name = row.name or row.id, fields = { id = row.id } }) }
  end
  return rows
end

local function keys_page(context, given)
  local rows = key_rows(context)
  return settings.page(context, { tab = "keys", title = "API keys", wrong = given.wrong,
    done = given.done, body = {
      given.shown and settings.shown_once("new-key", "The new key", given.shown),
      #rows > 0 and settings.table("API keys", { "Name", "May", "Created", "Expires", "" }, rows)
        or layout.empty("No API keys", "Programs sign in to the API with a key."),
      settings.may_change(context) and h.div { class = "card", h.h2 "Make a key",
        layout.form(context, { class = "stack", action = settings.address(context, "keys"),
          h.div { class = "row", settings.field { name = "name", label = "Name", class = "grow",
            required = true }, settings.field { name = "expires", label = "Expires",
            type = "date", class = "grow", hint = "Empty: never." } },
          settings.box("read_only", "It may only read"),
          h.div { class = "actions", h.button { class = "primary", "Make the key" } } }) } } })
end

local add_key = saving(keys_page, function(context)
  local expires, wrong
  if text_of(context, "expires") then
    expires, wrong = time.parse(context.form.expires)
    if not expires or expires <= os.time() then
      errors.throw("usage", wrong or "the day on which a key expires must be in the future")
    end
  end
  local row = auth.create(context.store, { name = (text_of(context, "name") or "key"):sub(1, 50),
    expires = time.format(expires), read_only = context.form.read_only == "yes" })
  context.target = row.name
  return row.key
end)

local remove_key = saving(keys_page, function(context)
  local outcome = context.store:delete_api_key(context.form.id or "", time.now())
  context.target = context.form.id
  if outcome == "last" then
    errors.throw("conflict", "the last valid key cannot be deleted; make another key first")
  elseif outcome == "missing" then
    errors.throw("usage", "this key has been deleted already")
  end
end, "Deleted. The key is refused from now on.")

-- ---------------------------------------------------------------- webhook consumers

local function consumer_state(row)
  return row.disabled and h.span { class = "pill off", "disabled" }
    or row.failing_since and h.span { class = "pill bad", "failing" }
    or h.span { class = "pill good", "enabled" }
end

local function webhooks_page(context, given)
  local queues, rows = context.store:webhook_queues(), {}
  for i, row in ipairs(context.store:webhook_consumers()) do
    local queue = queues[row.id] or {}
    rows[i] = { h.a { class = "name", href = settings.address(context, "webhooks/" .. row.id),
      row.url }, #row.event_types > 0 and table.concat(row.event_types, ", ") or "all",
      consumer_state(row), ("%d"):format(queue.waiting or 0), ("%d"):format(queue.failed or 0) }
  end
  return settings.page(context, { tab = "webhooks", title = "Webhooks", wrong = given.wrong,
    done = given.done, body = {
      given.shown and settings.shown_once("new-secret", "The signing secret", given.shown),
      #rows > 0 and settings.table("Webhook consumers", { "Address", "Events", "State", "Waiting",
        "Failed" }, rows) or layout.empty("No webhook consumers",
        "A consumer is an address that is told what happens: that data was read, for example."),
      settings.may_change(context) and h.div { class = "card", h.h2 "Add a consumer",
        layout.form(context, { class = "stack", action = settings.address(context, "webhooks"),
          settings.field { name = "url", label = "Address", required = true, type = "url",
            placeholder = "https://example.com/webhooks", value = context.form.url },
          settings.field { name = "events", label = "Events", placeholder = "all",
            value = context.form.events, hint = "Such as read.completed; empty for all." },
          settings.field { name = "tags", label = "Companies with the tags", placeholder = "all",
            value = context.form.tags, hint = "name:value; empty for all companies." },
          h.div { class = "actions", h.button { class = "primary", "Add" } } }) } } })
end

local add_consumer = saving(webhooks_page, function(context)
  local row, secret = consumers.add(context.store, { url = text_of(context, "url") or "",
    event_types = words(context.form.events), company_tags = words(context.form.tags) })
  context.target, context.form = row.url, {}
  return secret
end)

local function consumer_of(context)
  return consumers.find(context.store, context:uuid "consumerId")
    or response.refuse(404, "There is no such webhook consumer.")
end

local TONES = { delivered = "good", failed = "bad", waiting = "wait" }
local DELIVERIES = 100 -- of a page

local function delivery_rows(context, consumer)
  local rows = {}
  for i, row in ipairs(context.store:webhook_messages(consumer.id, { limit = DELIVERIES })) do
    rows[i] = { h.code(row.type), layout.time(row.at), h.span { class = "pill "
      .. (TONES[row.status] or "off"), row.status }, ("%d"):format(row.attempts),
      { row.http_status and h.code(("%d "):format(row.http_status)),
        row.error and layout.name(row.error) },
      settings.may_change(context) and settings.button(context, settings.address(context,
        "webhooks/" .. consumer.id .. "/replay"), "Send again", { name = row.type,
          fields = { event = row.id } }) }
  end
  return rows
end

local function consumer_page(context, given)
  local consumer, may = consumer_of(context), settings.may_change(context)
  local address = settings.address(context, "webhooks/" .. consumer.id)
  local rows = delivery_rows(context, consumer)
  return settings.page(context, { tab = "webhooks", title = consumer.url, wrong = given.wrong,
    done = given.done, body = {
      given.shown and settings.shown_once("new-secret", "The new signing secret", given.shown),
      h.div { class = "card", h.h2(layout.name(consumer.url)), h.dl { class = "facts",
        h.dt "State", h.dd { consumer_state(consumer) },
        consumer.failing_since and { h.dt "Cannot be reached since", h.dd { layout.time(
          time.format(consumer.failing_since)) } },
        h.dt "Events", h.dd(#consumer.event_types > 0 and table.concat(consumer.event_types, ", ")
          or "all"),
        h.dt "Companies", h.dd(#consumer.company_tags > 0 and table.concat(consumer.company_tags,
          ", ") or "all"), h.dt "Id", h.dd { h.code(consumer.id) } },
        may and h.div { class = "actions",
          settings.button(context, address .. "/state", consumer.disabled and "Enable"
            or "Disable", { fields = { disabled = consumer.disabled and "no" or "yes" } }),
          settings.button(context, address .. "/secret", "New secret"),
          settings.button(context, address .. "/remove", "Delete", { class = "danger" }) } },
      h.div { class = "card-head", h.h2 "Recent deliveries",
        may and settings.button(context, address .. "/replay", "Send again what failed or was "
          .. "missed in 30 days") },
      #rows > 0 and settings.table("Deliveries", { "Event", "Happened", "State", "Attempts",
        "Answer", "" }, rows) or layout.empty("Nothing was sent yet", "The next event that the "
        .. "consumer asks for stands here.") } })
end

local MISSED = 30 * 86400 -- seconds; an older event is sent again one by one

local replay = saving(consumer_page, function(context)
  local consumer, event = consumer_of(context), context.form.event
  context.target, context.detail = consumer.url, event
  local count = context.store:replay_webhooks(consumer.id, event and { id = event }
    or { since = time.format(os.time() - MISSED) }, os.time())
  if event and count == 0 then
    errors.throw("usage", "this event no longer exists; "
      .. retention.of_webhooks_in_words(context.store))
  end
end, "Queued. What waits is sent by the worker.")

local set_state = saving(consumer_page, function(context)
  local consumer = consumer_of(context)
  context.target, context.detail = consumer.url, context.form.disabled == "yes" and "disabled"
    or "enabled"
  context.store:disable_webhook_consumer(consumer.id, context.form.disabled == "yes")
end, "Saved.")

local renew = saving(consumer_page, function(context)
  local consumer = consumer_of(context)
  context.target = consumer.url
  return consumers.renew_secret(context.store, consumer.id)
end, "The old secret still signs for a day.")

local function remove_consumer(context)
  local consumer = consumer_of(context)
  context.target = consumer.url
  consumers.remove(context.store, consumer.id)
  return layout.go(settings.address(context, "webhooks"))
end

-- ---------------------------------------------------------------- profile

local PROFILE = {
  { "name", "Your name", "As merchants know it.", required = true },
  { "logoUrl", "Logo", "The address of a picture (https), above every Link page." },
  { "privacyUrl", "Privacy notice", "Its address, below every Link page." },
  { "redirectUrl", "Redirect address", "Where merchants go after linking. May have placeholders "
    .. "such as {companyId}. Empty: a page of this server." },
}
local LONGEST = 2000 -- bytes of an address

local function profile_page(context, given)
  local value, off, fields = profile.read(context.store), not settings.may_change(context), {}
  for i, field in ipairs(PROFILE) do
    fields[i] = settings.field { name = field[1], label = field[2], hint = field[3],
      required = field.required, disabled = off or nil, value = given.wrong
        and context.form[field[1]] or value[field[1]] }
  end
  return settings.page(context, { tab = "profile", title = "Profile", wrong = given.wrong,
    done = given.done, body = h.div { class = "card", h.h2 "What merchants see of you",
      layout.form(context, { class = "stack", action = settings.address(context, "profile"),
        fields, settings.box("oneTimeLinks", "A company's Link pages need an address that works "
          .. "once", value.oneTimeLinks, off),
        settings.field { name = "whiteListUrls", label = "Hosts of redirect addresses", rows = "2",
          value = table.concat(value.whiteListUrls or {}, "\n"), disabled = off or nil,
          hint = "One a line; needed if the host has a placeholder." },
        settings.field { name = "origins", label = "Sites that may show the Link frame",
          rows = "2", value = table.concat(origins.list(context.store), "\n"),
          disabled = off or nil, hint = "One a line, such as https://app.example.com." },
        not off and h.div { class = "actions", h.button { class = "primary", "Save" } } }) } })
end

local save_profile = saving(profile_page, function(context)
  local value, sites = profile.read(context.store), {}
  for _, field in ipairs(PROFILE) do
    local text = text_of(context, field[1]) or ""
    if #text > LONGEST or field.required and text == "" then
      errors.throw("usage", ("%s: 1 to %d characters expected"):format(field[2], LONGEST))
    end
    value[field[1]] = text
  end
  value.oneTimeLinks = context.form.oneTimeLinks == "yes"
  value.whiteListUrls = words(context.form.whiteListUrls)
  for i, text in ipairs(words(context.form.origins)) do
    sites[i] = origins.normal(text) or errors.throw("usage", "a site is a scheme and a host, such "
      .. "as https://app.example.com, without a path")
  end
  context.target = value.name
  profile.save(context.store, value)
  origins.save(context.store, sites)
end, "Saved.")

-- ---------------------------------------------------------------- routes

local function showing(page)
  return function(context)
    return page(context, {})
  end
end

local SETTINGS = "/portal/settings/"
local CONSUMER = SETTINGS .. "webhooks/{consumerId}"

---@type commerce.portal.Route[]
return {
  { method = "GET", path = SETTINGS .. "data", run = showing(data_page) },
  { method = "POST", path = SETTINGS .. "data", audit = "data.schedule", run = save_data },
  { method = "POST", path = SETTINGS .. "data/fields", audit = "data.fields", run = save_fields },
  { method = "POST", path = SETTINGS .. "data/retention", audit = "data.retention",
    run = save_retention },
  { method = "GET", path = SETTINGS .. "keys", run = showing(keys_page) },
  { method = "POST", path = SETTINGS .. "keys", audit = "key.create", run = add_key },
  { method = "POST", path = SETTINGS .. "keys/remove", audit = "key.delete", run = remove_key },
  { method = "GET", path = SETTINGS .. "webhooks", run = showing(webhooks_page) },
  { method = "POST", path = SETTINGS .. "webhooks", audit = "webhook.create", run = add_consumer },
  { method = "GET", path = CONSUMER, run = showing(consumer_page) },
  { method = "POST", path = CONSUMER .. "/replay", audit = "webhook.replay", run = replay },
  { method = "POST", path = CONSUMER .. "/state", audit = "webhook.change", run = set_state },
  { method = "POST", path = CONSUMER .. "/secret", audit = "webhook.secret", run = renew },
  { method = "POST", path = CONSUMER .. "/remove", audit = "webhook.delete",
    run = remove_consumer },
  { method = "GET", path = SETTINGS .. "profile", run = showing(profile_page) },
  { method = "POST", path = SETTINGS .. "profile", audit = "profile.change", run = save_profile },
}
