-- Source objects: decoding one from its JSON, and the name of one in requests.

local json = require "commerce.base.json"

---@class commerce.StripeObject: table<string, any> an object as Stripe gives it

local object = {}

local MODES = { [true] = "live", [false] = "test" }

--- What a source object is called in messages: "charge ch_1".
---@param source commerce.StripeObject
---@return string
function object.title(source)
  return ("%s %s"):format(type(source.object) == "string" and source.object or "object",
    type(source.id) == "string" and source.id or "without an id")
end

--- Decode a source object. Fails for an object of the other mode: test and live data must not mix.
---@param text string JSON
---@param livemode boolean the connection's mode
---@return commerce.StripeObject? object nil on failure
---@return string? message
function object.decode(text, livemode)
  local decoded, message = json.decode(text, true)
  if type(decoded) ~= "table" then
    return nil, message or "object expected"
  end
  if type(decoded.livemode) == "boolean" and decoded.livemode ~= livemode then
    return nil, ("%s is a %s mode object, this connection is in %s mode"):format(
      object.title(decoded), MODES[decoded.livemode], MODES[livemode])
  end
  return decoded
end

--- Whether an id can be part of a request's path. Merchants choose the ids of products, so some
--- cannot.
---@param id string
---@return boolean
function object.has_path(id)
  return #id > 0 and #id <= 255 and not id:find("[^%w_%-%.~]") and not id:find("^%.%.?$")
end

--- The rate limiter's name for requests for single objects of a list; they share one rate limit.
---@param list_path string such as "/v1/charges"
---@return string endpoint
function object.endpoint(list_path)
  return "GET " .. list_path .. "/:id"
end

return object
