-- QR codes of addresses (ISO/IEC 18004): bytes, error correction level M, versions 1 to 10, which
-- hold 213 bytes. As an SVG path, so that a page needs no script for it.

local h = require "commerce.portal.html"

local qr = {}

-- By version: bytes of error correction in a block, and the blocks' bytes of data (table 9).
local BLOCKS = {
  { 10, 16 }, { 16, 28 }, { 26, 44 }, { 18, 32, 32 }, { 24, 43, 43 }, { 16, 27, 27, 27, 27 },
  { 18, 31, 31, 31, 31 }, { 22, 38, 38, 39, 39 }, { 22, 36, 36, 36, 37, 37 },
  { 26, 43, 43, 43, 43, 44 },
}

-- By version: the rows and columns of the centres of alignment patterns (annex E).
local ALIGNMENT = { {}, { 6, 18 }, { 6, 22 }, { 6, 26 }, { 6, 30 }, { 6, 34 }, { 6, 22, 38 },
  { 6, 24, 42 }, { 6, 26, 46 }, { 6, 28, 50 } }

-- ---------------------------------------------------------------- numbers

-- Lua 5.4 and LuaJIT have different operators for bits.
local function xor(a, b)
  local result, place = 0, 1
  while a > 0 or b > 0 do
    local x, y = a % 2, b % 2
    if x ~= y then
      result = result + place
    end
    a, b, place = (a - x) / 2, (b - y) / 2, place * 2
  end
  return result
end

-- The field of 256 elements, by the polynomial x^8 + x^4 + x^3 + x^2 + 1.
local EXP, LOG = {}, {}
do
  local value = 1
  for i = 0, 254 do
    EXP[i], LOG[value] = value, i
    value = value * 2
    value = value >= 256 and xor(value, 285) or value
  end
end

local function times(a, b)
  return a > 0 and b > 0 and EXP[(LOG[a] + LOG[b]) % 255] or 0
end

-- The polynomial whose remainder corrects errors; the leading 1 is left out.
local function generator(degree)
  local poly = { 1 }
  for i = 0, degree - 1 do
    local longer = {}
    for j = 1, #poly + 1 do
      longer[j] = xor(poly[j] or 0, times(poly[j - 1] or 0, EXP[i]))
    end
    poly = longer
  end
  table.remove(poly, 1)
  return poly
end

local function remainder(bytes, poly)
  local rest = {}
  for i = 1, #poly do
    rest[i] = 0
  end
  for _, byte in ipairs(bytes) do
    local factor = xor(byte, table.remove(rest, 1))
    rest[#poly] = 0
    for i = 1, #poly do
      rest[i] = xor(rest[i], times(poly[i], factor))
    end
  end
  return rest
end

-- A number with its BCH code after it: `width` more bits by a generator (annexes C and D).
local function with_code(number, width, poly)
  local rest = number * 2 ^ width
  local top = 2 ^ width
  for shift = 6, 0, -1 do
    if rest >= top * 2 ^ shift then
      rest = xor(rest, poly * 2 ^ shift)
    end
  end
  return number * 2 ^ width + rest
end

local function bit_of(number, place)
  return math.floor(number / 2 ^ place) % 2 == 1
end

-- ---------------------------------------------------------------- bytes

local function version_of(text)
  for version, blocks in ipairs(BLOCKS) do
    local room = 0
    for i = 2, #blocks do
      room = room + blocks[i]
    end
    if #text + (version < 10 and 2 or 3) <= room then
      return version, room
    end
  end
end

-- The text with its mode (0100), its length and its padding.
local function data_of(text, version, room)
  local bits = {}
  local function put(number, width)
    for place = width - 1, 0, -1 do
      bits[#bits + 1] = bit_of(number, place) and 1 or 0
    end
  end
  put(4, 4)
  put(#text, version < 10 and 8 or 16)
  for i = 1, #text do
    put(text:byte(i), 8)
  end
  put(0, 4)
  local bytes = {}
  for i = 1, #bits, 8 do
    local byte = 0
    for j = 0, 7 do
      byte = byte * 2 + (bits[i + j] or 0)
    end
    bytes[#bytes + 1] = byte
  end
  for i = #bytes + 1, room do
    bytes[i] = (i - #bytes) % 2 == 1 and 236 or 17
  end
  return bytes
end

-- Data and error correction, the blocks' bytes in turn.
local function codewords(text, version, room)
  local blocks, data, at = BLOCKS[version], data_of(text, version, room), 1
  local poly, parts, checks, all = generator(blocks[1]), {}, {}, {}
  for i = 2, #blocks do
    local part = {}
    for j = 1, blocks[i] do
      part[j] = data[at]
      at = at + 1
    end
    parts[i - 1], checks[i - 1] = part, remainder(part, poly)
  end
  for _, list in ipairs { parts, checks } do
    for j = 1, #list[#list] do
      for _, part in ipairs(list) do
        all[#all + 1] = part[j]
      end
    end
  end
  return all
end

-- ---------------------------------------------------------------- the square

-- The modules that are the same for every text; rows and columns are counted from 0.
local function frame(version)
  local size, square = 17 + 4 * version, {}
  for row = 0, size - 1 do
    square[row] = {}
  end
  local function finder(top, left)
    for row = -1, 7 do
      for column = -1, 7 do
        if square[top + row] and left + column >= 0 and left + column < size then
          local far = math.max(math.abs(row - 3), math.abs(column - 3))
          square[top + row][left + column] = far ~= 2 and far < 4
        end
      end
    end
  end
  finder(0, 0)
  finder(0, size - 7)
  finder(size - 7, 0)
  for i = 8, size - 9 do
    square[6][i], square[i][6] = i % 2 == 0, i % 2 == 0
  end
  for _, top in ipairs(ALIGNMENT[version]) do
    for _, left in ipairs(ALIGNMENT[version]) do
      local at_finder = top == 6 and (left == 6 or left == size - 7) or left == 6
        and top == size - 7
      for row = -2, at_finder and -3 or 2 do
        for column = -2, 2 do
          square[top + row][left + column] = math.max(math.abs(row), math.abs(column)) ~= 1
        end
      end
    end
  end
  return square, size
end

local function put_version(square, size, version)
  local code = with_code(version, 12, 7973)
  for i = 0, version >= 7 and 17 or -1 do
    local one, other = math.floor(i / 3), size - 11 + i % 3
    square[one][other], square[other][one] = bit_of(code, i), bit_of(code, i)
  end
end

-- The level M is 00. The places of both copies are those of figure 25.
local function put_format(square, size, mask)
  local code = xor(with_code(mask, 10, 1335), 21522)
  for i = 0, 14 do
    local on = bit_of(code, i)
    if i < 6 then
      square[i][8] = on
    elseif i < 8 then
      square[i + 1][8] = on
    else
      square[size - 15 + i][8] = on
    end
    if i < 8 then
      square[8][size - 1 - i] = on
    elseif i < 9 then
      square[8][7] = on
    else
      square[8][14 - i] = on
    end
  end
  square[size - 8][8] = true
end

local MASKS = {
  [0] = function(i, j) return (i + j) % 2 == 0 end,
  function(i) return i % 2 == 0 end,
  function(_, j) return j % 3 == 0 end,
  function(i, j) return (i + j) % 3 == 0 end,
  function(i, j) return (math.floor(i / 2) + math.floor(j / 3)) % 2 == 0 end,
  function(i, j) return i * j % 2 + i * j % 3 == 0 end,
  function(i, j) return (i * j % 2 + i * j % 3) % 2 == 0 end,
  function(i, j) return ((i + j) % 2 + i * j % 3) % 2 == 0 end,
}

-- The free modules in the order in which they are filled: two columns at a time, up and down.
local function free_places(square, size)
  local places, up = {}, true
  for pair = size - 1, 1, -2 do
    local right = pair <= 6 and pair - 1 or pair -- column 6 has the timing pattern
    for step = 0, size - 1 do
      local row = up and size - 1 - step or step
      for column = right, right - 1, -1 do
        if square[row][column] == nil then
          places[#places + 1] = { row, column }
        end
      end
    end
    up = not up
  end
  return places
end

-- ---------------------------------------------------------------- the choice of the mask

local LIKE_FINDER = { "10111010000", "00001011101" }

local function line_penalty(line)
  local penalty = 0
  for run in line:gsub("01", "0 1"):gsub("10", "1 0"):gmatch "%d+" do
    penalty = penalty + (#run >= 5 and #run - 2 or 0)
  end
  for _, pattern in ipairs(LIKE_FINDER) do
    local at = line:find(pattern, 1, true)
    while at do
      penalty, at = penalty + 40, line:find(pattern, at + 1, true)
    end
  end
  return penalty
end

-- How hard a square is to read (section 7.8.3).
local function penalty_of(square, size)
  local penalty, dark = 0, 0
  for i = 0, size - 1 do
    local row, column = {}, {}
    for j = 0, size - 1 do
      row[j + 1], column[j + 1] = square[i][j] and "1" or "0", square[j][i] and "1" or "0"
      dark = dark + (square[i][j] and 1 or 0)
      if i > 0 and j > 0 and square[i][j] == square[i - 1][j] and square[i][j] == square[i][j - 1]
        and square[i][j] == square[i - 1][j - 1] then
        penalty = penalty + 3
      end
    end
    penalty = penalty + line_penalty(table.concat(row)) + line_penalty(table.concat(column))
  end
  return penalty + 10 * math.floor(math.abs(dark * 20 / (size * size) - 10))
end

local function filled(bytes, version, mask)
  local square, size = frame(version)
  put_version(square, size, version)
  put_format(square, size, mask)
  for i, place in ipairs(free_places(square, size)) do
    local byte = bytes[math.floor((i - 1) / 8) + 1] or 0
    local on = bit_of(byte, 7 - (i - 1) % 8)
    if MASKS[mask](place[1], place[2]) then
      on = not on
    end
    square[place[1]][place[2]] = on
  end
  return square, size
end

--- The code of a text.
---@param text string 213 bytes at most
---@return table<integer, table<integer, boolean>>? square whether each module is dark, by row and
---  column from 0; nil for a longer text
---@return integer? size of its side
function qr.square(text)
  local version, room = version_of(text)
  if not version then
    return nil
  end
  local bytes, best, least, side = codewords(text, version, room), nil, math.huge, nil
  for mask = 0, 7 do
    local square, size = filled(bytes, version, mask)
    local penalty = penalty_of(square, size)
    if penalty < least then
      best, least, side = square, penalty, size
    end
  end
  return best, side
end

local QUIET = 4 -- modules of white around the code

--- The code of a text as an SVG.
---@param text string
---@param label string what it is, for readers who do not see it
---@return commerce.portal.Node? node nil for a text that is too long
function qr.svg(text, label)
  local square, size = qr.square(text)
  if not square then
    return nil
  end
  local path = {}
  for row = 0, size - 1 do
    for column = 0, size - 1 do
      path[#path + 1] = square[row][column]
        and ("M%d %dh1v1h-1z"):format(column + QUIET, row + QUIET) or nil
    end
  end
  local side = size + 2 * QUIET
  return h.svg { class = "qr", role = "img", ["aria-label"] = label,
    viewBox = ("0 0 %d %d"):format(side, side), ["shape-rendering"] = "crispEdges",
    h.rect { width = side, height = side, fill = "#fff" },
    h.path { d = table.concat(path), fill = "#000" } }
end

return qr
