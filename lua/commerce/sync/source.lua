-- Reading source objects: the one way to read a list, one object of a list, or a resource that is
-- one object, from Stripe or from the objects that were kept. The caller gets decoded objects of
-- the connection's mode, with their nested lists read to their end. Failures are raised.
--
-- A run that reads from Stripe has a `transport` and a `livemode`, and its tasks have a session; a
-- run that reads kept objects has a `store`, a `livemode` and the `id` of its connection.

local backfill = require "commerce.sync.backfill"
local conversion = require "commerce.sync.conversion"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local gap = require "commerce.sync.gap"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local nested_lists = require "commerce.sync.nested_lists"
local objects = require "commerce.stripe.object"
local plan = require "commerce.sync.plan"
local stripe = require "commerce.stripe"

local source = {}

local PAGE = 100
local GONE = 404

---@alias commerce.sync.Read fun(i: integer): commerce.StripeObject?, string?, string? the object
---  and its JSON; nil, the reason and the id, if it is known; nil if it is left out

--- A page of source objects. Each is decoded when its turn comes, so that one decoded object is in
--- memory and not a page of them. A page can be read once.
---@class commerce.SourcePage
---@field _count integer
---@field _read commerce.sync.Read
---@field _close function?
---@field _listed commerce.core.Page? the core's page that it is made of
local page_methods = {}
local page_mt = { __name = "commerce.SourcePage", __index = page_methods }

local function new_page(count, read, close, listed)
  return setmetatable({ _count = count, _read = read, _close = close, _listed = listed }, page_mt)
end

--- Iterate over the objects of the page. An object that cannot be read does not stop the others.
---@param failed fun(message: string, id: string?) is told of such an object: which one, and why;
---  and its id, if it is known
---@param take (fun(listed: commerce.core.Page, i: integer, read: commerce.sync.Read): integer)?
---  is asked first, for a page of the core's: for how many objects from there on it has done all
---  there is to do
---@return fun(): commerce.StripeObject?, string? next the object, with what the task reads of it;
---  its JSON, whole if the task keeps objects
function page_methods:each(failed, take)
  local i, count, read = 0, self._count, self._read
  take = self._listed and take or nil
  return function()
    while i < count do
      local taken = take and take(self._listed, i + 1, read) or 0
      i = i + math.max(taken, 1)
      if taken == 0 then
        local object, text, id = read(i)
        if object then
          return object, text
        elseif text then
          failed(text, id)
        end
      end
    end
    self:close()
  end
end

--- Give the page's memory back early.
function page_methods:close()
  if self._close then
    self._close()
    self._close = nil
  end
end

-- Unless the task needs whole objects, only what it reads of them is decoded.
local function projection_of(task)
  if not task.whole and not task.projection then
    task.projection = core.projection(task.paths)
  end
  return not task.whole and task.projection or nil
end

-- Why an object cannot be read, which names it.
local function unreadable(name, id, reason)
  return ("%s: %s cannot be read: %s"):format(name, id or "an object without an id", reason)
end

-- An object that was read and its text as they are; of another one, a reason that names it, and its
-- id.
local function named(name, id, object, text)
  return object, not object and text and unreadable(name, id, text) or text, id
end

-- An object of the connection's mode; nil and the reason for any other text.
local function decode(run, text)
  jobs.breathe() -- nothing of this page is written yet
  return objects.decode(text, run.livemode)
end

-- A failure to read an object's nested lists: it is the object's own, unless it concerns all
-- requests.
local function is_of_object(failure)
  local status = failure.status
  return failure.kind == "decode" or status and status >= 400 and status < 500 and status ~= 401
    and status ~= 403 and status ~= 408 and status ~= 429
end

-- Read an object from its JSON, with its nested lists; `whole`: JSON of all of it, if the task
-- keeps objects. Gives the object and its text; nil and the reason if it cannot be read; nil alone
-- if it is gone.
local function read_object(run, task, text, whole)
  local object, wrong = decode(run, text)
  if not object then
    return nil, wrong
  elseif #task.complete == 0 then
    return object, whole or text
  end
  local changed, message, failure = errors.catch(nested_lists.complete, task, object,
    function(pager)
      return jobs.await(run.transport, pager)
    end)
  if not message and changed and task.keep then
    local ok, completed = errors.try(json.encode, object)
    return ok and object or nil, completed
  elseif not message then
    return object, whole or text
  elseif failure.status == GONE then
    return nil
  elseif is_of_object(failure) then
    return nil, message
  end
  errors.rethrow(failure)
end

-- ---------------------------------------------------------------- lists

local function listed_page(run, task, listed)
  local projection = projection_of(task)
  local both = task.keep and projection
  return new_page(#listed, function(i)
    local object
    local text, fault = listed:element(i, projection)
    if text then
      object, text = read_object(run, task, text, both and listed:element(i))
    else
      text = fault
    end
    if object then -- the id is asked for only if it is needed
      return object, text
    end
    return named(task.name, listed:id(i), nil, text)
  end, function()
    listed:close() -- now: the collector sees the handle of a page, not how many bytes it holds
  end, listed)
end

--- A part of a task's list, for `source.pages`.
---@param task commerce.Task
---@param query commerce.core.Pairs that narrow the list
---@return commerce.core.Pager pager
function source.part(task, query)
  local all = plan.list_query(task.resource, task.expand)
  for _, pair in ipairs(query) do
    all[#all + 1] = pair
  end
  return task.session:pager { path = task.resource.path, query = all, limit = PAGE }
end

--- Iterate over the pages of a list.
---@param run commerce.sync.Run|commerce.VerifyRun
---@param task commerce.Task
---@param list commerce.sync.Backfill|commerce.core.Pager|nil what is read: a list, or a part; the
---  whole list if left out
---@return fun(): commerce.SourcePage? next
function source.pages(run, task, list)
  local whole = not list and backfill.start(task, nil, { page_size = PAGE })
  list = list or whole
  local page
  return function()
    if page then
      page:close()
    end
    local listed, message, failure = jobs.await(run.transport, list)
    if not listed then
      list:close()
      errors.must(nil, message, failure)
      if whole and whole.has_gap then
        errors.throw("decode", gap.note(task.name))
      end
      return nil
    end
    page = listed_page(run, task, listed)
    return page
  end
end

-- ---------------------------------------------------------------- objects

--- Fetch one object of a list as it is now.
---@param run commerce.sync.Run|commerce.VerifyRun
---@param task commerce.Task
---@param id string one that `stripe.object.has_path`
---@return commerce.StripeObject? object nil if Stripe does not have it; of a deleted object, Stripe
---  may still give
---  an object that is `deleted`
---@return string? text; the reason if there is no object, but Stripe has one that cannot be read
function source.object(run, task, id)
  local response, message, failure = jobs.await(run.transport, task.session:request {
    path = task.resource.path .. "/" .. id, query = plan.expansions(task.expand, true),
    endpoint = objects.endpoint(task.resource.path) })
  if not response and failure and failure.status == GONE then
    return nil
  end
  errors.must(response, message, failure)
  return named(task.name, id, read_object(run, task, response.body))
end

--- Fetch the id of the charge that an object names.
---@param run commerce.sync.Run|commerce.VerifyRun
---@param task commerce.Task of charges
---@param through commerce.StripeObjectId the object
---@return string? id nil if the object is gone, names no charge or may not be read; a full read, or
---  the feed of events, tells of the charge then
function source.charge_of(run, task, through)
  local path = stripe.resources[through.resource].path
  local response, message, failure = jobs.await(run.transport, task.session:request {
    path = path .. "/" .. through.id, endpoint = objects.endpoint(path) })
  if not response and (failure.status == GONE or stripe.lacks_permission(failure)) then
    return nil
  end
  local object = json.decode(errors.must(response, message, failure).body, true)
  local charge = type(object) == "table" and object.charge
  return type(charge) == "string" and charge or nil
end

--- Read an object from the JSON that an event has of it.
---@param run commerce.sync.Run|commerce.VerifyRun
---@param task commerce.Task
---@param id string
---@param text string
---@return commerce.StripeObject? object
---@return string? text; the reason if it cannot be read
function source.snapshot(run, task, id, text)
  return named(task.name, id, read_object(run, task, text))
end

--- Fetch a resource that is one object. Stripe may not show an app the account's object
--- (stripe/stripe-apps, issue 1027): of that, only the id is given, which is known all the same.
---@param run commerce.sync.Run|commerce.VerifyRun app_account: the account's id, if the connection
---  is by a Stripe App
---@param task commerce.Task
---@return commerce.StripeObject object
---@return string text
---@return commerce.Failure? refusal why only the id is given
function source.single(run, task)
  local response, message, failure = jobs.await(run.transport,
    task.session:request { path = task.resource.path })
  if not response and run.app_account and task.name == "account"
    and stripe.lacks_permission(failure) then
    local bare = { id = run.app_account, object = "account" }
    return bare, json.encode(bare), failure
  end
  response = errors.must(response, message, failure)
  local object, wrong = objects.decode(response.body, run.livemode)
  if not object then
    errors.throw("mapping", ("%s cannot be read: %s"):format(task.name, wrong))
  end
  return object, response.body
end

-- ---------------------------------------------------------------- kept objects

-- Pages of what a query gives that goes on after an id; empty ones are left out.
local function kept_pages(query, object_of)
  local after, at_end = "", false
  return function()
    local kept = at_end and {} or query(after)
    if #kept == 0 then
      return nil
    end
    after, at_end = kept[#kept].id, #kept < PAGE
    return new_page(#kept, function(i)
      local object, wrong = object_of(kept[i])
      return object, object and kept[i].data or wrong
    end)
  end
end

--- Iterate over the pages of a list's kept objects, as `source.pages` does over the list.
---@param run commerce.sync.Run|commerce.VerifyRun
---@param task commerce.Task
---@return fun(): commerce.SourcePage? next
function source.kept(run, task)
  return kept_pages(function(after)
    return run.store:kept_sources(run.id, task.name, after, PAGE)
  end, function(kept)
    return named(task.name, kept.id, decode(run, kept.data))
  end)
end

--- Iterate over the pages of kept objects with their kept children in them, newest first.
---@param run commerce.sync.Run|commerce.VerifyRun
---@param consumer commerce.sync.Consumer with a join
---@return fun(): commerce.SourcePage? next
function source.joined(run, consumer)
  local name, join = consumer.source.resource, consumer.source.join
  return kept_pages(function(after)
    return run.store:joined_sources(run.id, name, join.resource, after, PAGE)
  end, function(parent)
    jobs.breathe() -- nothing of this page is written yet
    local object, wrong = conversion.joined(parent.data, parent.children, join.key)
    return object, not object and unreadable(name, parent.id, wrong) or nil
  end)
end

--- Read the kept object of a resource that is one object.
---@param run commerce.sync.Run|commerce.VerifyRun
---@param name string
---@return commerce.StripeObject? object nil if it is not kept
function source.kept_single(run, name)
  local kept = run.store:kept_sources(run.id, name, "", 1)[1]
  return kept and (decode(run, kept.data))
end

-- ---------------------------------------------------------------- singles in an object

--- Put into an object those that it is mapped `with`.
---@param consumers commerce.sync.Consumer[]
---@param object commerce.StripeObject
---@param read fun(name: string): commerce.StripeObject? gives a resource that is one object
---@return boolean complete whether all of them were there
function source.join_singles(consumers, object, read)
  local whole = true
  for _, consumer in ipairs(consumers) do
    for key, name in pairs(consumer.source.with) do
      object[key] = read(name)
      whole = whole and object[key] ~= nil
    end
  end
  return whole
end

return source
