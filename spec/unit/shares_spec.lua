-- Runs that ask Stripe as one account, or by one platform's key, keep to its limits together.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local handle = require "commerce.store.handle"
local process = require "commerce.runtime.process"
local shares = require "commerce.account.shares"
local store = require "commerce.store"
local time_lapse = require "spec.support.time_lapse"

describe("runs that share a limit", function()
  local db

  before_each(function()
    db = handle(assert(store.open "memory:"))
  end)

  after_each(function()
    db:close()
  end)

  local function share(holder)
    local limiter = core.limiter { rate = 100, endpoint_rate = 50 }
    return shares.new(db, "account:test:acct_1", limiter, holder), function()
      return math.floor(limiter:stats().rate + 0.5)
    end
  end

  it("have the whole of it alone, and equal parts as soon as the others have asked again",
    function()
    time_lapse.during(function()
      local one, rate_of_one = share "one"
      assert.equal(100, rate_of_one())
      local two, rate_of_two = share "two"
      assert.same({ 100, 0 }, { rate_of_one(), rate_of_two() })
      core.sleep(1)
      one:renew() -- not yet
      two:renew()
      assert.same({ 100, 0 }, { rate_of_one(), rate_of_two() })
      core.sleep(1)
      one:renew()
      two:renew()
      assert.same({ 50, 50 }, { rate_of_one(), rate_of_two() })
      one:drop()
      core.sleep(2)
      two:renew()
      assert.equal(100, rate_of_two())
    end)
  end)

  it("take the share of a process that has ended", function()
    local gone = process.name():gsub("%d+:%d+$", "4194304:1")
    assert.equal(1, db:share("account:test:acct_1", gone, 8).share)
    local _, rate = share "one"
    assert.equal(100, rate())
  end)

  it("send next to nothing if they could not ask until the share was over", function()
    time_lapse.during(function()
      local one, rate = share "one"
      local kept = db.share
      db.share = function()
        return errors.fail("store", "database is locked", { retryable = true })
      end
      core.sleep(7)
      one:renew()
      assert.equal(100, rate())
      core.sleep(2)
      one:renew()
      assert.equal(0, rate())
      db.share = kept
      core.sleep(2)
      one:renew()
      assert.equal(100, rate())
    end)
  end)

  it("use one share of a platform's limit in one application, and one each of their accounts'",
    function()
    local app, platform = { store = db }, core.limiter { rate = 20 }
    local function join(account)
      return shares.join({ store = db, app = app, account = account, limiter = core.limiter {},
        integration = { mode = "test", name = "stripe-test" }, platform_limiter = platform },
        process.run_name())
    end
    local function others(name)
      local count = #db:share(name, "elsewhere", 8).others
      db:drop_share(name, "elsewhere")
      return count
    end
    local leave_one, leave_two = join "acct_1", join "acct_2"
    assert.same({ 1, 1, 1 }, { others "platform:stripe-test", others "account:test:acct_1",
      others "account:test:acct_2" })
    assert.equal(20, platform:stats().rate)
    leave_one()
    assert.same({ 1, 0, 1 }, { others "platform:stripe-test", others "account:test:acct_1",
      others "account:test:acct_2" })
    leave_two()
    assert.equal(0, others "platform:stripe-test")
  end)

  it("divide nothing if the store knows no other workers", function()
    local limiter = core.limiter { rate = 100 }
    local leave = shares.join({ store = { lacking = { workers = true } }, limiter = limiter }, "w")
    assert.equal(100, limiter:stats().rate)
    leave()
  end)
end)
