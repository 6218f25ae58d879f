-- `commerce profile`: what merchants see of the operator, and which sites may show Link.

local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local origins = require "commerce.http.origins"
local profile = require "commerce.account.profile"

local LONGEST_NAME, LONGEST_URL = 200, 2000

-- Options with a text: the field of the profile, and what the option is.
local TEXTS = {
  { "name", "name", "Your name, as merchants know it." },
  { "logo", "logoUrl", "The address of your logo (https); '' for none." },
  { "privacy", "privacyUrl", "The address of your privacy notice; '' for none." },
  { "redirect", "redirectUrl", "Where merchants go after linking; may have placeholders such as "
    .. "{companyId}; '' for a page of the server." },
}

local function print_profile(app, args)
  local value, sites = profile.read(app.store), origins.list(app.store)
  if args.json then
    value.allowedOrigins = json.array(sites)
    return console.json(value)
  end
  for _, option in ipairs(TEXTS) do
    console.line(("%-15s %s"):format(option[1], value[option[2]] or ""))
  end
  console.line(("%-15s %s"):format("allowed hosts", table.concat(value.whiteListUrls or {}, " ")))
  console.line(("%-15s %s"):format("origins", table.concat(sites, " ")))
  console.line(("%-15s %s"):format("one-time links", value.oneTimeLinks and "yes" or "no"))
end

-- A list that replaces the one before; "none" empties it.
local function list_of(given)
  return #given == 1 and given[1] == "none" and {} or given
end

local function sites_of(args)
  local sites = {}
  for i, text in ipairs(list_of(args.origin)) do
    sites[i] = origins.normal(text) or errors.throw("usage", "--origin: expected the scheme and "
      .. "the host of a site, such as https://app.example.com, without a path")
  end
  return sites
end

local function check(args)
  local given = args.one_time_links ~= nil
  for _, option in ipairs(TEXTS) do
    local text = args[option[1]]
    local most = option[1] == "name" and LONGEST_NAME or LONGEST_URL
    given = given or text ~= nil
    if text and #text > most then
      errors.throw("usage", ("--%s: at most %d bytes"):format(option[1], most))
    end
  end
  if args.name == "" then
    errors.throw("usage", "--name: a name is needed")
  elseif not given and #args.allow == 0 and #args.origin == 0 then
    errors.throw("usage", "nothing to set: give --name, --logo, --privacy, --redirect, --allow, "
      .. "--origin or --one-time-links")
  end
  sites_of(args)
end

local function set(app, args)
  local value = profile.read(app.store)
  for _, option in ipairs(TEXTS) do
    value[option[2]] = args[option[1]] or value[option[2]]
  end
  if #args.allow > 0 then
    value.whiteListUrls = list_of(args.allow)
  end
  if args.one_time_links then
    value.oneTimeLinks = args.one_time_links == "yes"
  end
  profile.save(app.store, value)
  if #args.origin > 0 then
    origins.save(app.store, sites_of(args))
  end
  print_profile(app, args)
end

local function arguments(sub)
  for _, option in ipairs(TEXTS) do
    sub:option("--" .. option[1], option[3]):argname(option[1] == "name" and "NAME" or "URL")
  end
  sub:option("--allow", "A host that --redirect with a placeholder in its host may lead to, such "
    .. "as https://shop.example.com; repeat it; none for none."):argname "URL":count "*"
  sub:option("--origin", "A site whose pages may show Link and use companies' access tokens; "
    .. "repeat it; none for none."):argname "ORIGIN":count "*"
  sub:option("--one-time-links", "Whether a company's Link pages need an address that works once: "
    .. "yes or no."):choices { "yes", "no" }
end

---@type commerce.cli.Command
return {
  name = "profile",
  help = "Show or set what merchants see of you on the Link pages, and which sites may show "
    .. "Link.",
  actions = {
    { name = "show", help = "Show the profile.", json = "As a JSON object.", store = "create",
      run = print_profile },
    { name = "set", help = "Change the profile; options left out stay as they are.",
      arguments = arguments, json = "As a JSON object.", store = "create", check = check,
      audit = "profile.change", run = set },
  },
}
