-- Events that nobody asks for do not fill the database.

local files = require "spec.support.sqlite_files"

describe("events that nobody is told", function()
  before_each(files.make_folder)
  after_each(files.remove_folder)

  it("are forgotten after a month, while new ones come", function()
    local db = files.open "events.db"
    local path = files.path_of "events.db"
    for i = 1, 12 do
      assert(db:save_company { id = "old" .. i, name = "x", created = "2026-01-01T00:00:00Z" })
    end
    assert(db:add_webhook_consumer({ id = "w", url = "https://example.com", disabled = false,
      event_types = {}, company_tags = {}, created = "2026-01-01T00:00:00Z" }, 50))
    assert(db:save_company { id = "told", name = "x", created = "2026-01-01T00:00:00Z" })
    files.sql_on(path, "UPDATE webhook_events SET at = '2020-01-01T00:00:00Z'")
    assert(db:save_company { id = "new1", name = "x", created = "2026-01-01T00:00:00Z" })
    assert.same({ { 4 } }, files.sql_on(path, "SELECT count(*) FROM webhook_events"))
    assert(db:save_company { id = "new2", name = "x", created = "2026-01-01T00:00:00Z" })
    assert.same({ { 3 } }, files.sql_on(path, "SELECT count(*) FROM webhook_events"))
    assert.equal(3, #db:webhook_messages "w") -- what waits stays
    db:close()
  end)
end)
