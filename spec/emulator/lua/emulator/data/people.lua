--- People and where they live: the same index always gives the same person.
local random = require "emulator.random"
local json = require "emulator.json"
local template = require "emulator.template"
local words = require "emulator.data.words"

local people = {}

local quote = json.quote

people.address = template.new
  [[{"city":$city,"country":$country,"line1":$line1,"line2":$line2,"postal_code":$postal_code,
    "state":$state}]]

local NONE = { tpl = people.address, city = "null", country = "null", line1 = "null",
  line2 = "null", postal_code = "null", state = "null" }

-- Address nodes are few: made once per country, place and second line.
local addresses = {}

--- An address node in a country (an address of nulls when `country` is nil).
---@param country string?
---@param h number
function people.at(country, h)
  if not country then return NONE end
  local places = words.places[country]
  local n = places and h % #places + 1 or 0
  local flat = h % 5 == 0
  local key = country .. n .. (flat and "+" or "")
  local a = addresses[key]
  if not a then
    local p = places and places[n] or {}
    a = { tpl = people.address, city = json.text(p[2]), country = quote(country),
      line1 = json.text(p[1]), line2 = flat and '"Apt 4"' or "null", postal_code = json.text(p[4]),
      state = json.text(p[3]) }
    addresses[key] = a
  end
  return a
end

local ASCII = {}

local function ascii(name, fallback)
  local a = ASCII[name]
  if not a then
    a = name:gsub("[^%a]", ""):lower()
    if #a < 2 then a = fallback end
    ASCII[name] = a
  end
  return a
end

--- A person: ready JSON texts for name, email and phone, and the country.
---@param seed number
---@param i number
function people.person(seed, i)
  local h = random.hash(seed, i, 41)
  local country = random.pick(words.countries, h)
  if h % 23 == 0 then
    return { name = quote(random.pick(words.whole, math.floor(h / 23))),
      email = '"customer+' .. i .. '@example.com"', phone = "null", country = country, hash = h }
  end
  local first = random.pick(words.first, math.floor(h / 16))
  local last = random.pick(words.last, math.floor(h / 512))
  return {
    name = quote(first .. " " .. last),
    email = '"' .. ascii(first, "a") .. "." .. ascii(last, "b") .. (h % 997) .. '@example.com"',
    phone = h % 3 == 0 and '"+1555' .. ("%07d"):format(h % 10000000) .. '"' or "null",
    country = country, hash = h,
  }
end

return people
