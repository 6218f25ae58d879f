-- The command `commerce` when something is wrong: one clear line that names what to do, the right
-- status, no stack trace, no secret, and what was already stored stays.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local PLANTED = "Planted7Secret3Words9"
local KEY = "sk_live_" .. PLANTED .. "abcdef" -- known to the emulator
local UNKNOWN = "sk_live_" .. PLANTED .. "fedcba" -- not known to it

-- Fails writes with ENOSPC once so many bytes have been written to files: a full disk for one
-- process, which needs no rights to make.
local FULL_DISK = [[
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static long left = -1;
static int no_room(int fd, size_t n) {
  if (fd <= 2)
    return 0;
  if (left < 0)
    left = atol(getenv("DISK_BYTES"));
  if ((long)n > left) {
    left = 0;
    errno = ENOSPC;
    return 1;
  }
  left -= (long)n;
  return 0;
}
ssize_t write(int fd, const void *p, size_t n) {
  ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  return no_room(fd, n) ? -1 : next(fd, p, n);
}
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
  ssize_t (*next)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
  return no_room(fd, n) ? -1 : next(fd, p, n, at);
}
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) {
  ssize_t (*next)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
  return no_room(fd, n) ? -1 : next(fd, p, n, at);
}
]]

describe("commerce, when something is wrong,", function()
  local e, box, path, unreachable, locked, locked_path

  setup(function()
    e = emulator.start { charges = 150, compact = true }
    box = sandbox.new({}, { in_process = true })
    path = box:path "commerce.db"
    box.environment = { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = KEY,
      COMMERCE_STORE = "sqlite:" .. path }
    e:control("keys", { key = KEY })
    assert.equal(0, (box:commerce "sync"))
    -- these two take their time, which the other cases need not wait for
    unreachable = box:background("timeout 15 build/commerce sync --store sqlite:"
      .. box:path "unreachable.db", { STRIPE_API_BASE = "http://127.0.0.1:1" })
    locked_path = box:path "locked.db"
    assert.equal(0, (box:commerce("sync --store sqlite:" .. locked_path)))
    -- sqlite3 holds the lock for as long as its input is open
    local holder = box:write("locked.sh", ([[
      mkfifo %s
      sqlite3 %s <%s &
      exec 3>%s
      echo 'BEGIN EXCLUSIVE;' >&3
      sleep 0.3
      begun=$(date +%%s)
      timeout 30 build/commerce sync --store sqlite:%s 3>&-
      status=$?
      echo "after $(($(date +%%s) - begun)) seconds"
      exec 3>&-
      wait
      exit $status]]):format(box:path "fifo", locked_path, box:path "fifo", box:path "fifo",
      locked_path))
    -- a key that the resets before the cases do not take away in between
    locked = box:background("sh " .. holder, { STRIPE_SECRET_KEY = "sk_live_emulator" })
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 150, compact = true }
    e:control("keys", { key = KEY })
  end)

  local UNWANTED = { "stack traceback", "%.lua:%d", "internal error", "table: 0x", "userdata",
    "nil value", "\27" }

  -- What went wrong is said once, in one line of standard error, with every one of the words. After
  -- it there may only be what else could have been meant.
  local function assert_clear(errors, words)
    for _, pattern in ipairs(UNWANTED) do
      assert.is_nil(errors:find(pattern), errors)
    end
    local line, rest = ("\n" .. errors):match "\n(commerce: [^\n]*)\n(.*)$"
    assert.truthy(line, "no whole line: " .. errors)
    assert.truthy(rest == "" or rest:find "^Did you mean [^\n]+\n$", errors)
    for _, word in ipairs(words) do
      assert.matches(word, line, 1, true)
    end
  end

  local function fails(status, arguments, words, environment)
    local got, output, errors = box:commerce(arguments, environment)
    assert.equal(status, got, errors)
    assert_clear(errors, words)
    assert.equal("", output)
    return errors
  end

  -- ---------------------------------------------------------------- usage

  it("lists the commands, or the actions of a command, where none is named", function()
    local errors = fails(2, "", { "a command is required" })
    for _, name in ipairs { "sync", "show", "verify", "companies", "serve" } do
      assert.matches("\n   " .. name .. " +%u", errors)
    end
    errors = fails(2, "companies", { "a command is required" })
    assert.matches("\n   create +Create a company%.", errors)
    for line in errors:gmatch "[^\n]+" do
      assert.is_true(#line <= 80, line)
    end
  end)

  describe("with its arguments", function()
    for arguments, words in pairs {
      [""] = { "a command is required" },
      ["nosuch"] = { "unknown command 'nosuch'" },
      ["sync --nosuch"] = { "unknown option '--nosuch'" },
      ["sync now"] = { "too many arguments" },
      ["sync --key sk_live_" .. "1"] = { "unknown option '--key'" },
      ["sync --type"] = { "--type" },
      ["sync --type orders"] = { "unknown data type 'orders'", "payments, disputes" },
      ["sync --type payments,orders"] = { "unknown data type 'orders'" },
      ["sync --type ''"] = { "type" },
      ["sync --since yesterday"] = { "since", "YYYY-MM-DD", "'yesterday'" },
      ["sync --since 2026-02-30"] = { "since", "'2026-02-30'" },
      ["sync --store mysql:shop"] = { "mysql:…", "sqlite:PATH" },
      ["sync --store commerce.db"] = { "commerce.db", "sqlite:PATH" },
      ["sync --store sqlite:"] = { "sqlite:PATH" },
      ["show"] = { "type" },
      ["show orders"] = { "unknown data type 'orders'", "customers" },
      ["show payments customers"] = { "too many arguments" },
      ["show payments --limit many"] = { "--limit", "'many'" },
      ["show payments --limit=-1"] = { "--limit", "'-1'" },
      ["show payments --limit 1.5"] = { "--limit", "'1.5'" },
      ["show payments --format xml"] = { "--format", "table", "jsonl" },
      ["show payments --query 'amount>'"] = { "At character 1", "amount>" },
      ["show payments --query 'amount>1&&'"] = { "At character 11" },
      ["show payments --query 'status=Paid&& oops &&amount>1'"] = { "At character 14", "oops" },
      ["show payments --query '{amount>1'"] = { "character 1", "not closed" },
      ["show payments --query 'amount>1}'"] = { "At character 9", "'}'" },
      ["show payments --query 'colour=red'"] = { "property colour" },
      ["show payments --query 'amount>lots'"] = { "amount takes a number", "'lots'" },
      ["show payments --query 'status>Paid'"] = { "Operator > does not apply to status" },
      ["show payments --query 'createdDate>soon'"] = { "createdDate takes a date", "'soon'" },
      ["show payments --query ''"] = { "query" },
      ["show payments --order-by colour"] = { "property colour" },
      ["show payments --order-by 'amount;DROP TABLE payments'"] = { "DROP TABLE" },
      ["status now"] = { "too many arguments" },
      ["coverage --store sqlite:x.db"] = { "unknown option '--store'" },
    } do
      it(("refuses %s with status 2"):format(arguments == "" and "none at all" or arguments),
        function()
          fails(2, arguments, words)
        end)
    end

    it("shows the usage of the command that was meant", function()
      assert.matches("^Usage: commerce show ", fails(2, "show payments --limt 3",
        { "unknown option '--limt'" }))
      assert.matches("^Usage: commerce ", fails(2, "shw", { "unknown command 'shw'" }))
      fails(2, "settings retention -1", { "-1: a negative number is not expected here" })
    end)
  end)

  -- ---------------------------------------------------------------- keys and accounts

  describe("with the key", function()
    it("tells that there is none, and where to get one", function()
      for _, value in ipairs { false, "" } do
        fails(2, "sync", { "set STRIPE_SECRET_KEY", "dashboard" }, { STRIPE_SECRET_KEY = value })
      end
    end)

    it("tells a publishable one from a secret one", function()
      fails(1, "sync", { "publishable", "sk_" },
        { STRIPE_SECRET_KEY = "pk_live_" .. PLANTED .. "abcdef" })
    end)

    it("tells what is no Stripe key at all", function()
      fails(1, "sync", { "not a Stripe secret key", "sk_live_" },
        { STRIPE_SECRET_KEY = "whsec_" .. PLANTED .. "abcdef" })
    end)

    for name, wrong in pairs { ["a space"] = KEY .. " ", ["a line end"] = KEY .. "\n",
      ["a carriage return"] = KEY .. "\r", ["a space inside"] = KEY .. " x",
      ["a character outside ASCII"] = KEY .. "\195\169" } do
      it("tells one with " .. name, function()
        fails(1, "sync", { "STRIPE_SECRET_KEY" }, { STRIPE_SECRET_KEY = wrong })
      end)
    end

    it("tells a wrong one", function()
      fails(1, "sync", { "HTTP 401", "Invalid API Key", "set STRIPE_SECRET_KEY" },
        { STRIPE_SECRET_KEY = UNKNOWN })
    end)

    it("tells an expired one", function()
      e:control("keys", { key = KEY, revoked = true })
      fails(1, "sync", { "HTTP 401", "Expired API Key", "set STRIPE_SECRET_KEY" })
    end)

    it("does not repeat one that the server sends back", function()
      e:control("faults", { { match = { path = "/v1/account" }, action = { status = 401,
        body = '{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: '
          .. KEY .. '"}}' } } })
      fails(1, "sync", { "HTTP 401" })
    end)

    it("names the permission that a restricted one lacks, and stores the rest", function()
      e:control("keys", { key = "rk_live_" .. PLANTED .. "abcdef", permissions = { "account",
        "balance", "customers", "charges", "refunds", "products", "prices", "tax_rates" } })
      local store = box:path "restricted.db"
      local status, output, errors = box:commerce("sync --store sqlite:" .. store,
        { STRIPE_SECRET_KEY = "rk_live_" .. PLANTED .. "abcdef" })
      assert.equal(1, status)
      assert.matches("disputes +skipped", output)
      assert.matches("transactions +skipped", output)
      assert.matches("the key needs the permission 'Disputes' (read)", output, 1, true)
      assert.matches("the permission 'Balance transaction sources' (read)", output, 1, true)
      assert.matches("payments +complete", output)
      assert.is_nil((output .. errors):find "stack traceback")
      assert.equal("", rows.difference(rows.dump(path, { types = { "payments", "customers" } }),
        rows.dump(store, { types = { "payments", "customers" } })))
    end)
  end)

  describe("with STRIPE_ACCOUNT", function()
    for _, account in ipairs { "cus_123", "acct_", "acct_1 2", "acct_1\nX-Evil: 1" } do
      it(("refuses %q with status 2"):format(account), function()
        fails(2, "sync", { "STRIPE_ACCOUNT", "acct_" }, { STRIPE_ACCOUNT = account })
      end)
    end

    it("tells an account out of reach", function()
      fails(1, "sync", { "HTTP 403", "acct_1NotConnected" },
        { STRIPE_ACCOUNT = "acct_1NotConnected" })
    end)
  end)

  -- ---------------------------------------------------------------- the network

  describe("with STRIPE_API_BASE", function()
    for base, word in pairs { ["http://api.stripe.com"] = "https",
      ["http://127.0.0.1.example.com"] = "https", ["ftp://127.0.0.1"] = "https",
      ["not a url"] = "space", ["https://user:" .. PLANTED .. "@api.stripe.com"] = "password",
      ["https://api.stripe.com?x=1"] = "query" } do
      it(("refuses %s with status 2"):format(base:gsub(PLANTED, "…")), function()
        local errors = fails(2, "sync", { "STRIPE_API_BASE", word }, { STRIPE_API_BASE = base })
        assert.is_nil(errors:find(PLANTED, 1, true))
      end)
    end
  end)

  it("a server that fails says so in the report, in one line a type", function()
    e:control("faults", { { match = { path = "/v1/customers" },
      action = { type = "html500", status = 502,
        headers = { ["Stripe-Should-Retry"] = "false" } } } })
    local status, output, errors = box:commerce "sync"
    assert.equal(1, status)
    assert.matches("customers +failed", output)
    assert.matches("\n  GET /v1/customers: HTTP 502", output, 1, true)
    assert.is_nil(output:find("<html", 1, true))
    assert.is_nil((output .. errors):find "stack traceback")
  end)

  -- ---------------------------------------------------------------- the store

  describe("with the store", function()
    local function checksum(file)
      return (select(2, shell.run("cksum < " .. shell.quote(file))))
    end

    -- Neither sync nor show may touch it.
    local function refused(file, words)
      local before = checksum(file)
      for _, command in ipairs { "sync", "show payments", "status" } do
        fails(1, command .. " --store sqlite:" .. file, words)
      end
      assert.equal(before, checksum(file))
    end

    it("leaves another program's database alone", function()
      local file = box:path "foreign.db"
      rows.sql(file, "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')")
      refused(file, { file, "belongs to another program", "name another file" })
    end)

    it("leaves a file that is no database alone", function()
      local file = box:write("letter.txt", ("Dear Sir or Madam,\n"):rep(300))
      refused(file, { file, "not a SQLite database", "name another file" })
    end)

    it("leaves a newer version's database alone", function()
      local file = box:path "newer.db"
      rows.sql(path, "VACUUM INTO '" .. file .. "'")
      rows.sql(file, "PRAGMA user_version = 99")
      refused(file, { file, "version 99", "newer lua-commerce" })
    end)

    it("tells a damaged database", function()
      local file = box:path "damaged.db"
      rows.sql(path, "VACUUM INTO '" .. file .. "'")
      local size = rows.number(file, "PRAGMA page_count")
      -- everything but the first page, which holds the schema's beginning
      shell.run(("head -c %d /dev/zero | tr '\\0' x | dd of=%s bs=4096 seek=1 conv=notrunc")
        :format((size - 1) * 4096, file))
      fails(1, "sync --store sqlite:" .. file, { file, "damaged" })
      fails(1, "show payments --store sqlite:" .. file, { file, "damaged" })
    end)

    it("tells a folder that is not there, one in its place, one that takes no files", function()
      for _, place in ipairs { box:path "no/such/folder/x.db", box.folder, "/proc/x.db" } do
        fails(1, "sync --store sqlite:" .. place, { place, "folder" })
      end
    end)

    it("tells that there is none yet, and makes none by looking", function()
      local file = box:path "not_yet.db"
      for _, command in ipairs { "show payments", "status" } do
        fails(1, command .. " --store sqlite:" .. file, { file, "run `commerce sync` first" })
      end
      assert.is_nil((io.open(file)))
    end)
  end)

  describe("with a full disk", function()
    local library

    setup(function()
      library = box:path "full_disk.so"
      local source = box:write("full_disk.c", FULL_DISK)
      local status, _, errors = shell.run(("gcc -shared -fPIC -o %s %s -ldl"):format(library,
        source))
      assert.equal(0, status, errors)
    end)

    it("says so, keeps what was stored, and goes on when there is room", function()
      local stored_in_between = 0
      for i, bytes in ipairs { 20000, 1000000, 1200000, 1400000 } do
        local file = box:path(("full%d.db"):format(i))
        local status, output, errors = box:commerce("sync --store sqlite:" .. file,
          { LD_PRELOAD = library, DISK_BYTES = tostring(bytes) })
        assert.equal(1, status)
        assert.equal("", output)
        assert_clear(errors, { file, "disk is full", "make room", "already stored stays" })
        if bytes > 20000 then
          assert.equal("ok\n", rows.sql(file, "PRAGMA integrity_check"))
          for _, name in ipairs(rows.TYPES) do
            stored_in_between = stored_in_between
              + rows.number(file, "SELECT count(*) FROM " .. name)
          end
        end
        assert.equal(0, (box:commerce("sync --store sqlite:" .. file)))
        assert.equal("", rows.difference(rows.dump(path), rows.dump(file)))
      end
      assert.is_true(stored_in_between > 0, "never in the middle")
    end)

    it("stays in one piece when files may not grow", function()
      local file = box:path "limited.db"
      -- 512-byte blocks; without the trap the process would be killed, not told
      local status, output, errors = box:run(("sh -c \"trap '' XFSZ; ulimit -f 500; exec "
        .. 'build/commerce sync --store sqlite:%s"'):format(file))
      assert.equal(1, status)
      assert.equal("", output)
      assert_clear(errors, { file, "disk", "already stored stays" })
      assert.equal("ok\n", rows.sql(file, "PRAGMA integrity_check"))
      assert.equal(0, (box:commerce("sync --store sqlite:" .. file)))
      assert.equal("", rows.difference(rows.dump(path), rows.dump(file)))
    end)

    it("is told when it is the output that finds no room", function()
      local status, _, errors = box:run(
        "sh -c 'build/commerce show transactions --format csv >/dev/full'")
      assert.equal(1, status)
      assert_clear(errors, { "output" })
    end)
  end)

  -- The two that were started before all others.
  describe("in the background,", function()
    it("tells that another process has locked the store", function()
      local status, output, errors = locked()
      assert.equal(1, status, errors)
      assert_clear(errors, { locked_path, "locked by another process", "try again" })
      assert.is_true(tonumber(output:match "^after (%d+) seconds\n$") < 9, output)
      assert.equal("", rows.difference(rows.dump(path), rows.dump(locked_path)))
      assert.equal(0, (box:commerce("sync --store sqlite:" .. locked_path)))
    end)

    -- a first request that cannot even connect is no reason to be silent for a minute
    it("tells within seconds that nobody listens there", function()
      local status, output, errors = unreachable()
      assert.equal(1, status, errors)
      assert.equal("", output)
      assert_clear(errors, { "could not connect to 127.0.0.1", "check the network" })
    end)
  end)

  it("the key is in none of the files", function()
    assert.equal("", box:files_with(PLANTED))
  end)
end)
