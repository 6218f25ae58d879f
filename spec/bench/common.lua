-- What the benchmarks share.

local common = {}

--- The process's peak resident memory.
---@return number megabytes
function common.peak_memory()
  for line in io.lines("/proc/self/status") do
    local kilobytes = line:match("^VmHWM:%s*(%d+)")
    if kilobytes then
      return tonumber(kilobytes) / 1024
    end
  end
end

--- Print one row of figures for spec/bench/run: objects, objects/s, CPU us/object, peak MB.
---@param objects integer
---@param seconds number wall clock
---@param cpu number seconds
function common.print(objects, seconds, cpu)
  print(("%d %.0f %.1f %.1f"):format(objects, objects / seconds, cpu / objects * 1e6,
    common.peak_memory()))
end

return common
