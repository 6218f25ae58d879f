-- A path of a user's may be well formed and yet name nothing: that shows when many objects have
-- been read and none of them gave the field anything. Called by sync.

local tallying = {}

local ENOUGH = 20 -- objects; fewer may all lack a field that others have

local function each_tally(mappings, call)
  for _, mapping in ipairs(mappings) do
    local seen = {}
    for _, source in ipairs(mapping.by_user and mapping.sources or {}) do
      for _, tally in ipairs(source.tallies) do
        if not seen[tally] then -- sources share fields
          seen[tally] = true
          call(tally, mapping)
        end
      end
    end
  end
end

--- A run begins.
---@param mappings commerce.Mapping[]
function tallying.begin(mappings)
  each_tally(mappings, function(tally)
    tally.seen, tally.given = 0, 0
  end)
end

--- Note the fields that no object gave anything for.
---@param run commerce.Run
---@param mappings commerce.Mapping[]
function tallying.note(run, mappings)
  each_tally(mappings, function(tally, mapping)
    if tally.seen >= ENOUGH and tally.given == 0 then
      run.books:note(("%s: none of %d objects gave anything for %s (%s); is the path right?")
        :format(mapping.type.name, tally.seen, tally.name, tally.of))
    end
  end)
end

return tallying
