-- What this process's own memory holds. A text to find is given backwards, so that the search does
-- not find its own argument. Needs Linux: /proc/self.

local memory = {}

local CHUNK = 2 ^ 20 -- bytes

local function writable_regions()
  local regions = {}
  for line in io.lines "/proc/self/maps" do
    local from, to, name = line:match "^(%x+)%-(%x+) rw.. %S+ %S+ %S+ *(.*)$"
    from, to = tonumber(from or "0", 16), tonumber(to or "0", 16)
    -- what is larger is a sanitizer's shadow
    if to > from and to - from < 2 ^ 28 then
      regions[#regions + 1] = { from = from, to = to, name = name }
    end
  end
  return regions
end

--- How often a text stands in writable memory.
---@param backwards string the text, reversed
---@return integer
function memory.count(backwards)
  local file, count = assert(io.open("/proc/self/mem", "rb")), 0
  file:setvbuf "no"
  for _, region in ipairs(writable_regions()) do
    local at = region.from
    while at < region.to do
      file:seek("set", at)
      local bytes = file:read(math.min(CHUNK, region.to - at)) or ""
      local start = bytes:reverse():find(backwards, 1, true)
      while start do
        count = count + 1
        start = bytes:reverse():find(backwards, start + 1, true)
      end
      at = at + CHUNK
    end
  end
  file:close()
  return count
end

--- Kilobytes of this process's memory that core dumps leave out: those that hold secrets.
---@return integer
function memory.undumped()
  local size, sum = 0, 0
  for line in io.lines "/proc/self/smaps" do
    size = tonumber(line:match "^Size:%s+(%d+)") or size
    if line:find "^VmFlags:.* dd" then
      sum = sum + size
    end
  end
  return sum
end

return memory
