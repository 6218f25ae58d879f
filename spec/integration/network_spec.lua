-- Networks with a CA and a proxy of their own, which environment variables name.

local emulator = require "spec.support.emulator"
local nginx = require "spec.support.nginx"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local CERTIFICATES = [[
cd %s
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Shop-CA -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
echo subjectAltName=DNS:localhost >names
openssl x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names \
  -out server.pem]]

describe("a private CA", function()
  local e, box, server

  setup(function()
    e = emulator.start { charges = 5 }
    box = sandbox.new()
    local status, _, errors = shell.run(CERTIFICATES:format(shell.quote(box.folder)))
    assert.equal(0, status, errors)
    local port = emulator.free_port()
    server = nginx.start(box:write("nginx.conf", ([[
      pid nginx.pid;
      error_log stderr warn;
      events {}
      http {
        access_log off;
        server { listen 127.0.0.1:8080; location / { return 200 "here"; } }
        server {
          listen 127.0.0.1:%d ssl;
          ssl_certificate %s;
          ssl_certificate_key %s;
          location / { proxy_pass %s; proxy_set_header Host $http_host; }
        }
      }]]):format(port, box:path "server.pem", box:path "server.key", e.base)))
    box.environment = { STRIPE_API_BASE = "https://localhost:" .. port,
      STRIPE_SECRET_KEY = "sk_test_emulator", COMMERCE_STORE = "sqlite:" .. box:path "shop.db" }
  end)

  teardown(function()
    server:stop()
    e:stop()
    box:close()
  end)

  it("is not trusted until its certificate is named", function()
    local status, output, errors = box:commerce "sync --type customers"
    assert.same({ 1, "" }, { status, output })
    assert.matches("certificate of localhost not accepted: ", errors, 1, true)
    assert.matches("name its PEM file in SSL_CERT_FILE\n$", errors)
  end)

  for _, name in ipairs { "SSL_CERT_FILE", "CURL_CA_BUNDLE" } do
    it("is trusted where " .. name .. " names it", function()
      local status, output, errors = box:commerce("sync --type customers",
        { [name] = box:path "ca.pem" })
      assert.equal(0, status, errors)
      assert.matches("customers +complete", output)
    end)
  end

  it("whose file cannot be read is an error without the file's path", function()
    local status, _, errors = box:commerce("sync --type customers",
      { SSL_CERT_FILE = box:path "none.pem" })
    assert.equal(1, status)
    assert.matches("CA certificates could not be read: check the option ca_file, CURL_CA_BUNDLE "
      .. "and SSL_CERT_FILE", errors, 1, true)
    assert.is_nil(errors:find("none.pem", 1, true))
  end)
end)

describe("a proxy", function()
  local SCRIPT = [[
    local commerce = require "commerce"
    local app = assert(commerce.open { store = "sqlite::memory:" })
    print(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY", retries = 0 })]]

  it("is used where HTTPS_PROXY names it, and its password is not told", function()
    local box = sandbox.new { STRIPE_SECRET_KEY = "sk_test_emulator" }
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(10)
    local _, port = listener:getsockname()
    local wait = box:background(box:script(box:write("shop.lua", SCRIPT),
      { HTTPS_PROXY = ("http://shop:Proxy7Word@127.0.0.1:%d"):format(port) }))
    local client = assert(listener:accept())
    client:settimeout(10)
    assert.equal("CONNECT api.stripe.com:443 HTTP/1.1", (client:receive "*l"))
    repeat
      local line = assert(client:receive "*l")
    until line == ""
    client:send "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    client:close()
    listener:close()
    local status, output, errors = wait()
    assert.same({ 0, "" }, { status, errors })
    assert.matches("^nil\t.*403", output)
    assert.is_nil(output:find("Proxy7Word", 1, true))
    box:close()
  end)
end)
