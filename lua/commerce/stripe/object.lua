-- Source objects: reading one from its JSON, and how a request names one.

local json = require "commerce.base.json"

local object = {}

local MODES = { [true] = "live", [false] = "test" }

--- Read a source object. An object of the other mode is refused: test and live data never mix.
---@param text string JSON
---@param livemode boolean the connection's mode
---@return table? object nil on failure
---@return string? message
function object.decode(text, livemode)
  local decoded, message = json.decode(text)
  if type(decoded) ~= "table" then
    return nil, "not a JSON object: " .. tostring(message)
  end
  if type(decoded.livemode) == "boolean" and decoded.livemode ~= livemode then
    return nil, ("%s %s is a %s mode object, this connection is in %s mode"):format(
      tostring(decoded.object), tostring(decoded.id), MODES[decoded.livemode], MODES[livemode])
  end
  return decoded
end

--- Whether an id can stand in a request's path. A merchant chooses the ids of products, and may
--- choose one that cannot.
---@param id string
---@return boolean
function object.has_path(id)
  return #id > 0 and #id <= 255 and not id:find("[^%w_%-%.~]") and not id:find("^%.%.?$")
end

--- The rate limiter's name of all requests for single objects of a list, which share one rate.
---@param list_path string such as "/v1/charges"
---@return string endpoint
function object.endpoint(list_path)
  return "GET " .. list_path .. "/:id"
end

return object
