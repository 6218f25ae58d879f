-- The man page of `commerce`, written from what the parser knows: the help of each command.

local manual = {}

-- A text as roff shows it unchanged: no line may begin a request, and a hyphen is one that can be
-- copied.
local function roff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("%f[^\n%z]([%.'])", "\\&%1"))
end

local function section(lines, kind, title, text)
  lines[#lines + 1] = (".%s %s\n.nf\n%s\n.fi"):format(kind, roff(title), roff(text))
end

-- argparse has no public way to walk through commands.
local function add_commands(lines, parser, name)
  for _, command in ipairs(parser._commands) do
    local full = name .. " " .. command._name
    section(lines, "SS", full, command:get_help())
    add_commands(lines, command, full)
  end
end

--- Write the man page.
---@param parser commerce.cli.Parser the argparse parser with all commands
---@param version string
---@return string page in roff's man macros
function manual.page(parser, version)
  local help = parser:get_help()
  local lines = { (".TH COMMERCE 1 \"\" \"lua\\-commerce %s\""):format(roff(version)),
    ".SH NAME\ncommerce \\- a Stripe account's commerce data in your own database" }
  section(lines, "SH", "SYNOPSIS", help)
  lines[#lines + 1] = ".SH COMMANDS"
  add_commands(lines, parser, "commerce")
  lines[#lines + 1] = ".SH FILES\n.TP\ncommerce.db\nthe database, unless COMMERCE_STORE names "
    .. "another one"
  return table.concat(lines, "\n") .. "\n"
end

return manual
