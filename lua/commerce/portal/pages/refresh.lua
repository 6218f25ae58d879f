-- Reading a connection's data again: what runs now, what each data type's last read did, and the
-- history of reads.

local amounts = require "commerce.portal.amounts"
local errors = require "commerce.base.errors"
local fields = require "commerce.portal.fields"
local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local input = require "commerce.http.input"
local layout = require "commerce.portal.layout"
local refresh = require "commerce.app.refresh"
local response = require "commerce.http.response"
local sections = require "commerce.portal.sections"
local time = require "commerce.base.time"

local PATH = "/portal/{mode}/companies/{companyId}/connections/{connectionId}/refresh"
local SIZE = 25 -- reads of a page of the history
local LAST_PAGE = 1000000
local AGAIN = 3 -- seconds, in a browser without scripts

local BUSY = { Queued = true, Fetching = true }

local PILLS = { Complete = "good", Queued = "wait", Fetching = "wait", NotSupported = "off",
  Cancelled = "off" }

local function status_pill(pull)
  local class = PILLS[pull.status] or "bad"
  return h.span { class = "pill " .. class, (pull.status:gsub("(%l)(%u)", "%1 %2")) }
end

-- "1 m 5 s"
local function duration(pull)
  local from, to = time.parse(pull.requested), pull.completed and time.parse(pull.completed)
  local seconds = from and to and math.max(0, to - from)
  if not seconds then
    return "—"
  elseif seconds < 60 then
    return ("%d s"):format(seconds)
  elseif seconds < 3600 then
    return ("%d m %d s"):format(math.floor(seconds / 60), seconds % 60)
  end
  return ("%d h %d m"):format(math.floor(seconds / 3600), math.floor(seconds % 3600 / 60))
end

local function count(number)
  return amounts.count(("%.0f"):format(number or 0))
end

-- The place of the progress is there before and after it, so that nothing jumps.
local function progress_of(pull)
  if not pull then
    return h.span { class = "quiet", "never read" }
  elseif pull.status == "Fetching" then
    local share = math.floor(math.min(math.max(tonumber(pull.progress) or 0, 0), 99))
    return { h.progress { max = 100, value = share, ["aria-label"] = ("%d percent"):format(share) },
      h.span { class = "small quiet", ("%s read"):format(count(pull.read)) } }
  elseif pull.status == "Queued" then
    return h.span { class = "small quiet", "waits for a worker" }
  end
  return h.span { class = "small quiet", ("%s read, %s new, %s changed"):format(count(pull.read),
    count(pull.created), count(pull.changed)) }
end

local function ask_button(context, connection, name, label)
  if context.session.role ~= "admin" or connection.status ~= "Linked" then
    return nil
  end
  return layout.form(context, { action = context.path,
    h.input { type = "hidden", name = "type", value = name },
    h.button { class = "compact", id = "ask-" .. name, label, h.span { class = "visually-hidden",
      " " .. fields.title(name) } } })
end

-- The built-in data types, and those of scripts and of the API that have been read.
local function types_of(context, latest)
  local list = {}
  for _, data_type in ipairs(context.store:types()) do
    if not data_type.own or latest[data_type.name] then
      list[#list + 1] = data_type
    end
  end
  return list
end

local function type_row(context, connection, data_type, pull, good)
  local can_ask = not data_type.own and not (pull and BUSY[pull.status])
  return h.tr { h.th { scope = "row", h.a { fields.title(data_type.name),
      href = sections.connection(context, connection, "data/" .. data_type.name) } },
    h.td { pull and status_pill(pull) or h.span { class = "quiet", "—" } },
    h.td { class = "progress", progress_of(pull), pull and pull.error_message
      and h.p { class = "small field-error", errors.public(pull.error_message) } },
    h.td { layout.time(good and good.completed) },
    h.td { can_ask and ask_button(context, connection, data_type.name, "Refresh") or nil } }
end

local SOON = 600 -- seconds after linking in which a worker begins the first read

-- Whether a worker will read the connection for the first time without being asked.
local function is_first(connection, latest)
  local linked = next(latest) == nil and connection.status == "Linked" and connection.linked
  return linked and os.time() - time.parse(linked) < SOON
end

local function present(context, connection)
  local latest = context.store:latest_pulls(connection.id)
  local complete = context.store:latest_complete_pulls(connection.id)
  local rows, running, waiting = {}, 0, 0
  for i, data_type in ipairs(types_of(context, latest)) do
    local pull = latest[data_type.name]
    running = running + (pull and pull.status == "Fetching" and 1 or 0)
    waiting = waiting + (pull and pull.status == "Queued" and 1 or 0)
    rows[i] = type_row(context, connection, data_type, pull, complete[data_type.name])
  end
  local first = is_first(connection, latest)
  local busy = running + waiting > 0 or first
  local said = running > 0 and ("Reading %d data type%s now."):format(running,
    running == 1 and "" or "s") or waiting > 0 and ("%d data type%s for a worker."):format(waiting,
    waiting == 1 and " waits" or "s wait") or first and "The first read is about to begin."
    or "Nothing is being read."
  local worker = context.store:leases(os.time())[connection.id]
  return h.div { id = "live", class = "stack", ["data-live"] = busy and "busy" or "idle",
    h.p { role = "status", said, (waiting > 0 or first) and running == 0 and not worker
      and h.span { class = "quiet", " A worker takes it within a second or two; if none does, "
        .. "none is running: start `commerce worker`." } },
    h.div { class = "table", tabindex = "0", role = "region", ["aria-label"] = "Data types",
      h.table { h.thead { h.tr { h.th { scope = "col", "Data type" },
        h.th { scope = "col", "Last read" }, h.th { scope = "col", "What it did" },
        h.th { scope = "col", "Last complete" },
        h.th { scope = "col", h.span { class = "visually-hidden", "Action" } } } },
        h.tbody(rows) } } }, busy
end

-- ---------------------------------------------------------------- history

local function history_row(pull)
  return h.tr { h.td { layout.time(pull.requested) },
    h.td { class = "nowrap", fields.title(pull.data_type) },
    h.td { status_pill(pull) }, h.td { class = "number", duration(pull) },
    h.td { class = "number", count(pull.read) }, h.td { class = "number", count(pull.created) },
    h.td { class = "number", count(pull.changed) },
    h.td { class = "number", count(pull.unchanged) },
    h.td { pull.error_message and h.span { class = "small", errors.public(pull.error_message) }
      or "" } }
end

local HEADINGS = { "Requested", "Data type", "Result", "Took", "Read", "New", "Changed",
  "Unchanged", "Reason" }
local NUMBERS = { Took = true, Read = true, New = true, Changed = true, Unchanged = true }

local function history(context, connection)
  local page, store = input.whole(context.query, "page", 1, LAST_PAGE), context.store
  local total, rows, head = store:count_pulls({ connection.id }), {}, {}
  for i, pull in ipairs(store:pulls({ connection.id }, { limit = SIZE,
    offset = (page - 1) * SIZE })) do
    rows[i] = history_row(pull)
  end
  for i, heading in ipairs(HEADINGS) do
    head[i] = h.th { scope = "col", class = NUMBERS[heading] and "number" or nil, heading }
  end
  local last = math.max(1, math.ceil(total / SIZE))
  local function link(label, number)
    return number and h.a { class = "button compact", label,
      href = ("%s?page=%d#history"):format(context.path, number) }
      or h.span { class = "button compact", ["aria-disabled"] = "true", label }
  end
  return h.section { class = "stack", id = "history", h.h2 "History of reads",
    #rows == 0 and h.p { class = "quiet", "Nothing has been read yet." }
      or h.div { class = "table", tabindex = "0", role = "region",
        ["aria-label"] = "History of reads", h.table { h.thead { h.tr(head) }, h.tbody(rows) } },
    last > 1 and h.nav { class = "pages", ["aria-label"] = "Pages", h.div { class = "actions",
      link("First", page > 1 and 1), link("Previous", page > 1 and math.min(page - 1, last)),
      link("Next", page < last and page + 1), link("Last", page < last and last) },
      h.p { class = "quiet small", ("%s reads"):format(amounts.count(total)) } } }
end

-- ---------------------------------------------------------------- the page

local NOT_LINKED = "This connection is %s: nothing can be read until it is linked%s."

local function show(context)
  local connection, company = found.connection(context)
  local live, busy = present(context, connection)
  local is_linked = connection.status == "Linked"
  return sections.page(context, { company = company, connection = connection, title = "Refresh",
    active = "refresh", scripts = busy and { "live.js" } or nil,
    again = busy and { seconds = AGAIN, href = context.path } or nil,
    body = { h.h2 { class = "visually-hidden", "Refresh" },
      not is_linked and layout.notice("info", NOT_LINKED:format(connection.status,
        connection.status == "PendingAuth" and "" or " again")),
      is_linked and context.session.role == "admin" and layout.form(context, {
        action = context.path, class = "actions",
        h.input { type = "hidden", name = "type", value = "all" },
        h.button { class = "primary", "Refresh all" },
        h.span { class = "quiet small",
          "Reads what has changed at Stripe since the last read." } }),
      live, history(context, connection) } })
end

local function names_of(context, connection, wanted)
  if wanted == "all" then
    return refresh.types(context.store, connection.row)
  end
  local data_type = wanted and context.store:find_type(wanted)
  if not data_type or data_type.own then
    response.refuse(400, "This data type cannot be refreshed here.")
  end
  return { data_type.name }
end

local function ask(context)
  local connection, company = found.connection(context)
  if connection.status ~= "Linked" then
    response.refuse(409, NOT_LINKED:format(connection.status, " again"))
  end
  local wanted = {}
  for i, name in ipairs(names_of(context, connection, context.form.type)) do
    wanted[i] = { connection_id = connection.id, data_type = name }
  end
  refresh.queue(context.store, wanted)
  context.target, context.detail = company.name, context.form.type
  return layout.go(context.path)
end

---@type commerce.portal.Route[]
return {
  { method = "GET", path = PATH, run = show },
  { method = "POST", path = PATH, audit = "data.refresh", run = ask },
}
