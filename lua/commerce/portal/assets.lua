-- The portal's style and scripts: files beside this module, read once. A page names an asset with
-- the hash of its content, so that browsers keep it for a year and see a new one at once.

local core = require "commerce.core"

local assets = {}

local KINDS = { css = "text/css; charset=utf-8", js = "text/javascript; charset=utf-8",
  svg = "image/svg+xml" }

--- The names of the files.
assets.NAMES = { "portal.css", "portal.js", "search.js", "live.js", "later.js", "icon.svg" }

local HASH_DIGITS = 16 -- of the hash in an address: 64 bits

local FOLDER = debug.getinfo(1, "S").source:match "^@(.*)assets%.lua$" .. "assets/"

local function read(name)
  local file = assert(io.open(FOLDER .. name, "rb"))
  local text = assert(file:read "*a")
  file:close()
  return text
end

local loaded = {} -- name -> { text, kind, hash }

for _, name in ipairs(assets.NAMES) do
  local text = read(name)
  loaded[name] = { text = text, kind = KINDS[name:match "%.(%w+)$"],
    hash = core.sha256(text):sub(1, HASH_DIGITS) }
end

--- The address of an asset.
---@param prefix string the server's
---@param name string one of `assets.NAMES`
---@return string path with the content's hash
function assets.address(prefix, name)
  local asset = loaded[name] or error("BUG: there is no asset " .. name)
  return ("%s/portal/assets/%s?v=%s"):format(prefix, name, asset.hash)
end

--- Answer with an asset; 304 if the browser has it already.
---@param name string
---@param hash string? of the address
---@param seen string? the request's If-None-Match
---@return commerce.http.Response? response nil if there is no such asset
function assets.response(name, hash, seen)
  local asset = loaded[name]
  if not asset then
    return nil
  end
  local tag = ('"%s"'):format(asset.hash)
  local headers = { ETag = tag, ["X-Content-Type-Options"] = "nosniff",
    ["Cache-Control"] = hash == asset.hash and "public, max-age=31536000, immutable"
      or "public, no-cache" }
  if seen and seen:find(tag, 1, true) then
    return { status = 304, headers = headers, body = "" }
  end
  headers["Content-Type"] = asset.kind
  return { status = 200, headers = headers, body = asset.text }
end

return assets
