-- `commerce backup`: a copy of a SQLite database in one file, while others write.

local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"

local function arguments(sub)
  sub:argument("file", "A new file.")
end

local function run(app, args)
  errors.must(app.store:backup(args.file))
  console.line(("backed up to %s"):format(args.file))
  console.line(("to restore: stop all processes, put the file in the place of the database without "
    .. "its -wal and -shm files, run `commerce store restored`, start them again"))
end

---@type commerce.cli.Command
return {
  name = "backup",
  help = "Write the whole store, as it is at this moment, into a new file. Workers and servers may "
    .. "go on meanwhile. For SQLite; of PostgreSQL, use pg_dump.",
  arguments = arguments, store = "existing", run = run,
}
