-- Which nginx runs, and what its configuration must load so that it knows Lua.

local errors = require "commerce.base.errors"
local shell = require "commerce.serve.shell"

local nginx_program = {}

local quote, output_of = shell.quote, shell.output_of

local VARIABLE = "COMMERCE_NGINX"

local function is_executable(path)
  return path ~= "" and shell.succeeds("test -x " .. quote(path))
end

--- The path of the nginx to start: what the environment variable COMMERCE_NGINX names, else
--- OpenResty's or nginx's in PATH or where Debian has it. Raises if there is none.
---@return string path
function nginx_program.path()
  local named = os.getenv(VARIABLE) or ""
  if named ~= "" then
    local path = output_of("command -v " .. quote(named))
    if not is_executable(path) then
      errors.throw("usage", ("%s: there is no program '%s'"):format(VARIABLE, named),
        { hint = "set it to the path of an nginx with the Lua module, or unset it" })
    end
    return path
  end
  local path = output_of "command -v openresty || command -v nginx || echo /usr/sbin/nginx"
  if not is_executable(path) then
    errors.throw("usage", "nginx is not installed: install nginx and libnginx-mod-http-lua "
      .. "(Debian), or OpenResty")
  end
  return path
end

--- The lines that load nginx's Lua module. There are none if it is compiled in, as in OpenResty.
---@param path string of the nginx
---@return string lines for the top level of nginx.conf
function nginx_program.modules(path)
  local built = output_of(quote(path) .. " -V 2>&1")
  if built:find "%-%-add%-module=%S*lua" then
    return ""
  end
  local folder, lines = built:match "%-%-modules%-path=([^%s']+)" or "/usr/lib/nginx/modules", {}
  for _, name in ipairs { "ndk_http_module", "ngx_http_lua_module" } do
    local module = ("%s/%s.so"):format(folder, name)
    if shell.succeeds("test -e " .. quote(module)) then
      lines[#lines + 1] = ("load_module %s;"):format(module)
    end
  end
  return table.concat(lines, "\n")
end

return nginx_program
