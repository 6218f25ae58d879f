--- The API versions that are answered: those of Stripe's newest two majors, Dahlia and Endive. The
--- objects that are served here have the same shape in all of them.
--- Source: Stripe's changelog, https://docs.stripe.com/changelog.
local versions = {}

--- The newest version, which answers requests without the header.
versions.NEWEST = "2026-11-18.endive"

local KNOWN = {
  ["2026-03-25.dahlia"] = true, ["2026-04-22.dahlia"] = true, ["2026-05-27.dahlia"] = true,
  ["2026-06-24.dahlia"] = true, ["2026-07-29.dahlia"] = true, ["2026-08-26.dahlia"] = true,
  ["2026-09-30.endive"] = true, ["2026-10-28.endive"] = true, [versions.NEWEST] = true,
}

--- Whether a version is answered, which is: whether objects have today's shape in it.
---@param version string
---@return boolean
function versions.is_known(version)
  return KNOWN[version] == true
end

return versions
