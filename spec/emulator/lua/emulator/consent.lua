--- The page on which a merchant lets a platform in, or does not.
local consent = {}

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

local function escape(text) return (tostring(text):gsub("[&<>\"']", ESCAPES)) end

local PAGE = [[<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Connect your account (Stripe emulator)</title>
<style>body{font:16px sans-serif;max-width:32em;margin:3em auto;padding:0 1em}
label{display:block;margin:.5em 0}button{font:inherit;padding:.4em 1em;margin-right:.5em}</style>
</head>
<body>
<h1>%s wants to %s</h1>
<p>%s mode. This is an emulator, not Stripe.</p>
<form method="post">
<fieldset><legend>Select the account you'd like to connect to</legend>
%s</fieldset>
<p><button name="decision" value="allow">Connect</button>
<button name="decision" value="deny">Cancel</button>%s</p>
</form>
</body>
</html>
]]
local CHOICE = '<label><input type="radio" name="account" value="%s"%s> %s <small>%s</small>'
  .. '</label>\n'
local SKIP = '\n<button name="decision" value="skip">Skip this form</button>'
local WANTS = { read_only = "read your account's data", read_write = "read and change your account",
  express = "open an account for you", stripe_apps = "be installed and read your account's data" }

--- The page.
---@param request table see `oauth`: app, scope
---@param accounts table[] { id, name } to choose from
---@return string html
function consent.page(request, accounts)
  local choices = {}
  for k, account in ipairs(accounts) do
    choices[k] = CHOICE:format(escape(account.id), k == 1 and " checked" or "",
      escape(account.name), escape(account.id))
  end
  return PAGE:format(escape(request.app.platform.name), WANTS[request.scope],
    request.app.livemode and "Live" or "Test", table.concat(choices),
    request.app.livemode and "" or SKIP)
end

return consent
