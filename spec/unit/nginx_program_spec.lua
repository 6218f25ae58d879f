-- Which nginx `commerce serve` and `commerce doctor` take, and what it must load to know Lua.

local errors = require "commerce.base.errors"
local nginx_program = require "commerce.serve.nginx_program"
local shell = require "spec.support.shell"

describe("the nginx to start", function()
  local folder, getenv

  -- A program that answers `-V` with these configure arguments, as nginx does on standard error.
  local function program(name, arguments)
    local path = folder .. "/" .. name
    local file = assert(io.open(path, "w"))
    file:write(("#!/bin/sh\necho 'configure arguments: %s' >&2\n"):format(arguments))
    file:close()
    shell.run("chmod 755 " .. path)
    return path
  end

  local function named(value)
    os.getenv = function(variable) -- luacheck: ignore
      if variable == "COMMERCE_NGINX" then
        return value
      end
      return getenv(variable)
    end
  end

  before_each(function()
    getenv, folder = os.getenv, shell.temporary_folder()
  end)

  after_each(function()
    os.getenv = getenv -- luacheck: ignore
    shell.remove_folder(folder)
  end)

  it("is the one that COMMERCE_NGINX names", function()
    local path = program("nginx", "")
    named(path)
    assert.equal(path, nginx_program.path())
  end)

  it("is a failure that names the variable if there is no such program", function()
    named(folder .. "/none")
    local _, message, details = errors.catch(nginx_program.path)
    assert.equal("COMMERCE_NGINX: there is no program '" .. folder .. "/none'", message)
    assert.matches("unset it", details.hint)
  end)

  it("loads the modules from its own folder", function()
    local path = program("nginx", "--prefix=/usr --modules-path=" .. folder .. "/modules --with-x")
    assert.equal("", nginx_program.modules(path))
    shell.run(("mkdir %s/modules; touch %s/modules/ndk_http_module.so "
      .. "%s/modules/ngx_http_lua_module.so"):format(folder, folder, folder))
    assert.equal(("load_module %s/modules/ndk_http_module.so;\n"
      .. "load_module %s/modules/ngx_http_lua_module.so;"):format(folder, folder),
      nginx_program.modules(path))
  end)

  it("loads none if they are compiled in, as in OpenResty", function()
    assert.equal("", nginx_program.modules(program("openresty",
      "--prefix=/usr/local/openresty/nginx --add-module=../ngx_devel_kit-0.3.3 "
      .. "--add-module=../ngx_lua-0.10.28 --modules-path=" .. folder)))
  end)
end)
