-- A server whose certificate is checked (sslmode=verify-full), by an authority of this spec's own.

local emulator = require "spec.support.emulator"
local postgres = require "spec.support.postgres"
local shell = require "spec.support.shell"
local store = require "commerce.store"

describe("a PostgreSQL server with TLS", function()
  local server, folder, port

  local function must(command, ...)
    local status, output, errors = shell.run(command:format(...))
    assert(status == 0, output .. errors)
  end

  local function authority(name)
    must("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
      .. "-keyout %s/%s.key -out %s/%s.crt -subj /CN=%s", folder, name, folder, name, name)
  end

  setup(function()
    folder, port = shell.temporary_folder(), emulator.free_port()
    authority "ours"
    authority "theirs"
    must("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
      .. "-keyout %s/server.key -out %s/server.csr -subj /CN=db.example", folder, folder)
    must("printf 'subjectAltName=DNS:db.example' >%s/names && openssl x509 -req -days 2 "
      .. "-in %s/server.csr -CA %s/ours.crt -CAkey %s/ours.key -CAcreateserial "
      .. "-extfile %s/names -out %s/server.crt", folder, folder, folder, folder, folder, folder)
    server = postgres.start { listen_addresses = "127.0.0.1", port = tostring(port) }
    server:new_database()
  end)

  teardown(function()
    server:stop()
    shell.remove_folder(folder)
  end)

  local function url(host, trusted)
    return ("postgres://commerce@/d1?host=%s&hostaddr=127.0.0.1&port=%d&sslmode=verify-full"
      .. "&sslrootcert=%s/%s.crt"):format(host, port, folder, trusted or "ours")
  end

  it("is refused while it has no certificate", function()
    local s, message = store.open(url "db.example")
    assert.is_nil(s)
    assert.matches("server does not support SSL, but SSL was required", message, 1, true)
  end)

  describe("and a certificate of a known authority", function()
    setup(function()
      server:write("server.key", shell.read(folder .. "/server.key"))
      server:write("server.crt", shell.read(folder .. "/server.crt"))
      server:sql(("ALTER SYSTEM SET ssl_key_file = '%s/server.key'"):format(server.dir))
      server:sql(("ALTER SYSTEM SET ssl_cert_file = '%s/server.crt'"):format(server.dir))
      server:sql "ALTER SYSTEM SET ssl = on"
      server:restart()
    end)

    it("is spoken to in secret", function()
      local s = assert(store.open(url "db.example"))
      assert.is_true(s.db.connection:info().tls)
      assert(s:save_setting("a", "1"))
      assert.equal("1", s:setting "a")
      s:close()
    end)

    it("is refused under another name", function()
      local s, message, failure = store.open(url "other.example")
      assert.is_nil(s)
      assert.matches('certificate for "db.example" does not match host name "other.example"',
        message, 1, true)
      assert.is_falsy(failure.retryable)
    end)

    it("is refused if another authority is trusted", function()
      local s, message, failure = store.open(url("db.example", "theirs"))
      assert.is_nil(s)
      assert.matches("certificate verify failed", message, 1, true)
      assert.matches("sslrootcert", message, 1, true)
      assert.is_falsy(failure.retryable)
    end)

    it("is refused if the authority's file is not there", function()
      local s, message = store.open(url("db.example", "none"))
      assert.is_nil(s)
      assert.matches('root certificate file ".*none.crt" does not exist', message)
    end)
  end)
end)
