-- Runs commands in a sandbox that must succeed, or must fail with a given reason. Their output is
-- kept, so that specs can search it for secrets.

local assert = require "luassert"
local cjson = require "cjson"
local sandbox = require "spec.support.sandbox"

local commands = {}

local methods = {}
local commands_mt = { __index = methods }

--- For a sandbox.
---@param box table see spec.support.sandbox
---@return table
function commands.new(box)
  return setmetatable({ box = box, printed = {} }, commands_mt)
end

--- Keep what was printed in another way.
---@param ... string
function methods:note(...)
  for _, text in ipairs { ... } do
    self.printed[#self.printed + 1] = text
  end
end

--- What was printed last: the errors of the last command.
---@return string
function methods:last()
  return self.printed[#self.printed]
end

--- Run `commerce`.
---@param arguments string words of the shell
---@param more table<string, string|false>? further variables
---@return integer status
---@return string output
---@return string errors
function methods:run(arguments, more)
  local status, output, errors = self.box:commerce(arguments, more)
  self:note(output, errors)
  return status, output, errors
end

--- Run `commerce`, which must go well.
---@param arguments string
---@param more table<string, string|false>?
---@return string output
---@return string errors
function methods:ok(arguments, more)
  local status, output, errors = self:run(arguments, more)
  assert.equal(0, status, arguments .. ": " .. errors .. output)
  return output, errors
end

--- What `commerce … --json` prints, one object.
---@param arguments string
---@param more table<string, string|false>?
---@return table
function methods:json(arguments, more)
  return cjson.decode((self:ok(arguments .. " --json", more)))
end

--- Run `commerce`, which must fail and say why.
---@param words string a part of what it says
---@param arguments string
---@param more table<string, string|false>?
---@return integer status
function methods:fails(words, arguments, more)
  local status, output, errors = self:run(arguments, more)
  assert.are_not.equal(0, status, output)
  assert.is_truthy(errors:find(words, 1, true), errors)
  return status
end

--- No secret may have been printed, nor be in a file of the sandbox.
---@param secrets string[]
function methods:assert_no_secrets(secrets)
  local all = table.concat(self.printed, "\n")
  for _, secret in ipairs(secrets) do
    assert.is_nil(sandbox.leak(all, secret))
    assert.equal("", self.box:files_with(secret))
  end
  -- of Stripe Connect: codes, refresh tokens
  assert.is_nil(all:find "ac_%w%w%w%w%w%w%w%w")
  assert.is_nil(all:find "rt_%w%w%w%w%w%w%w%w")
end

return commands
