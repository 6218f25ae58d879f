-- The answers of `commerce serve` where nginx itself refuses a request: JSON, as the API's.

local REFUSALS = {
  { 400, "The request is malformed, or its headers are too long." },
  { 404, "There is nothing at this path." },
  { 405, "The method is not allowed here." },
  { 408, "The request did not arrive in time." },
  { 411, "A request with a query must tell the length of its body." },
  { 413, "The request body is longer than 1048576 bytes." },
  { 414, "The address is too long." },
  { 500, "An unexpected error occurred." },
  { 501, "The transfer encoding is not known." },
  { 505, "The version of HTTP is not known." },
}

local ALIASES = { [400] = "494 ", [500] = "502 503 504 " } -- nginx's own numbers, answered alike

local REFUSAL = [[
    error_page %d %s=%d /commerce/refused/%d;
    location = /commerce/refused/%d {
      internal;
      add_header Cache-Control no-store always;
      return %d '%s';
    }]]

--- The answers to what nginx itself refuses: bodies by status, and their locations.
---@return table<integer, string> bodies
---@return string locations of an nginx.conf
return function()
  local bodies, locations = {}, {}
  for i, refusal in ipairs(REFUSALS) do
    local status, message = refusal[1], refusal[2]
    bodies[status] = ('{"statusCode":%d,"service":"PublicApi","error":"%s",'
      .. '"correlationId":"$request_id","canBeRetried":"%s","detailedErrorCode":0}'):format(status,
      message, status == 500 and "True" or "Unknown")
    locations[i] = REFUSAL:format(status, ALIASES[status] or "", status, status, status, status,
      bodies[status])
  end
  return bodies, table.concat(locations, "\n")
end
