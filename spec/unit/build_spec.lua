-- What the build tells and takes where a machine is not as Debian is.

local shell = require "spec.support.shell"

describe("the build", function()
  local folder

  before_each(function()
    folder = shell.temporary_folder()
  end)

  after_each(function()
    shell.remove_folder(folder)
  end)

  it("stops with an OpenSSL that is too old, and names the cure", function()
    shell.run(("mkdir -p %s/openssl && echo '#define OPENSSL_VERSION_NUMBER 0x1010117fL' "
      .. ">%s/openssl/opensslv.h"):format(folder, folder))
    local status, _, errors = shell.run(("gcc -E -I%s -Icsrc csrc/crypto/crypto.c"):format(folder))
    assert.are_not.equal(0, status)
    assert.truthy(errors:find("needs OpenSSL 3 or later", 1, true), errors)
    assert.truthy(errors:find("OPENSSL_DIR", 1, true), errors)
  end)

  it("takes libcurl and OpenSSL from the folders that CURL_DIR and OPENSSL_DIR name", function()
    local status, output, errors = shell.run("env -u MAKEFLAGS -u MAKELEVEL make -n -B "
      .. "CURL_DIR=/opt/a/curl OPENSSL_DIR=/opt/an/openssl build/obj/crypto/crypto.o "
      .. "build/lua5.4/commerce/core.so | tr -d '@'")
    assert.equal(0, status, errors)
    local compile, link = output:match "[^\n]* %-c %-o build/obj/crypto/crypto%.o [^\n]*",
      output:match "[^\n]* %-o build/lua5%.4/commerce/core%.so [^\n]*"
    for _, prefix in ipairs { "/opt/a/curl", "/opt/an/openssl" } do
      assert.truthy(compile:find("-I" .. prefix .. "/include ", 1, true), compile)
      assert.truthy(link:find("-L" .. prefix .. "/lib ", 1, true), link)
      assert.truthy(link:find("-Wl,-rpath," .. prefix .. "/lib ", 1, true), link)
    end
  end)
end)
