-- Between nginx and a server that is a function: the request as a table, and the response sent.

local ascii = require "commerce.base.ascii"

local adapter = {}

-- All of them: a proxy writes its own after the client's, and a client with many must not hide
-- them. nginx bounds their bytes.
local ALL_HEADERS = 0

-- The lines of a repeated header are one list (RFC 9110, 5.3); a Cookie's, too (RFC 9113, 8.2.3).
local function headers_of_request()
  local headers = {}
  for sent, value in pairs(ngx.req.get_headers(ALL_HEADERS)) do
    local name = ascii.lower(sent)
    headers[name] = type(value) == "table"
      and table.concat(value, name == "cookie" and "; " or ", ") or value
  end
  return headers
end

-- One byte more than the longest body that any server accepts, so that longer ones are refused.
local MOST_OF_BODY = 1024 * 1024 + 1

-- A body that is larger than client_body_buffer_size is in a file.
local function body_of_request()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if path then
    local file = assert(io.open(path, "rb"))
    body = file:read(MOST_OF_BODY)
    file:close()
  end
  return body
end

--- The path and the query as they were sent. nginx's own $uri is decoded already.
---@param prefix string the path that all is served under, or ""
---@return string path without the prefix
---@return string query
function adapter.target(prefix)
  local path, query = ngx.var.request_uri:match "^([^?]*)%??(.*)$"
  path = path:gsub("^%a+://[^/]*", "") -- a proxy may send the whole address
  if path:sub(1, #prefix) == prefix then
    path = path:sub(#prefix + 1)
  end
  return path == "" and "/" or path, query
end

--- The request that nginx is working on.
---@param path string as `target` gives it
---@param query string
---@return commerce.http.Request
function adapter.request(path, query)
  return { method = ngx.req.get_method(), path = path, query = query,
    headers = headers_of_request(), body = body_of_request(), scheme = ngx.var.scheme,
    address = ngx.var.remote_addr }
end

-- Flushes every part, so that a long stream takes no more memory than one part.
local function send_parts(parts)
  for part in parts do
    ngx.print(part)
    ngx.flush(true)
  end
end

--- Send a response. A body that is an iterator is sent part by part, without Content-Length.
---@param response commerce.http.Response
function adapter.send(response)
  local body, is_head = response.body, ngx.req.get_method() == "HEAD"
  ngx.status = response.status
  for name, value in pairs(response.headers) do
    ngx.header[name] = value
  end
  if is_head then
    ngx.print ""
  elseif type(body) == "function" then
    send_parts(body)
  else
    ngx.header["Content-Length"] = #body
    ngx.print(body)
  end
  return ngx.exit(ngx.HTTP_OK)
end

-- Without the query, which may hold a search or a merchant's code, and without the id in a link's
-- path, since knowing it is enough to link.
local function loggable_path()
  return (ngx.var.request_uri or ""):match("^[^?]*"):gsub("(/link/%a+/)[^/]+", "%1...")
    :gsub("[^\32-\126]", function(char)
      return ("%%%02X"):format(char:byte())
    end)
end

--- The request for the access log, without secrets.
---@return table<string, any> fields
function adapter.log_entry()
  local var = ngx.var
  return { time = var.time_iso8601, event = "request", method = var.request_method,
    path = loggable_path(), status = ngx.status, bytes = tonumber(var.body_bytes_sent),
    seconds = tonumber(var.request_time), correlation_id = ngx.header["X-Correlation-Id"] }
end

return adapter
