---@meta commerce.pq
-- The types of commerce.pq, a thin binding of libpq (csrc/pq), for editors. Only stores at
-- postgres://… need the module; the rock lua-commerce-pq has it.
--
-- Parameters and results are texts at the wire, statements have no names, and nothing is set for a
-- session: so a connection works behind a pooler in transaction mode. A call waits for the server;
-- it never calls Lua. A failure has the kind "store" and, in `code`, the SQLSTATE; `retryable` where
-- the same call may succeed later; `lost` where the connection cannot be used any more.

---@class commerce.pq
local pq = {}

---@class commerce.pq.Failure: commerce.Failure
---@field lost boolean? the connection cannot be used any more
---@field statement integer? the place of the failed statement in its pipeline

--- Connect to a server.
---@param url string "postgres://…", or libpq's "name=value …": with every option of libpq; its PG*
---  variables count, too. `sslmode=verify-full` demands TLS and the server's name in its certificate.
---@param timeout number? seconds that an answer may take before the statement is cancelled; 0 (the
---  default): without a bound
---@return commerce.pq.Connection? connection nil on failure
---@return string? message without the password
---@return commerce.pq.Failure? failure
function pq.connect(url, timeout) end

--- Make a collector of rows: it writes one array literal for each column, for a statement with
--- unnest(), and reads the columns' values out of the records' JSON.
---@param columns { [1]: string, [2]: "text"|"number"|"boolean"|"date"|"json" }[] each the dotted
---  path of a value and its kind: a date is YYYY-MM-DDTHH:MM:SSZ, "json" a scalar of any kind. A value
---  of another kind counts as NULL.
---@return commerce.pq.Rows
function pq.rows(columns) end

---@return { libpq: integer } versions 150018 is 15.18
function pq.versions() end

---@class commerce.pq.Connection
local connection = {}

--- Run a statement.
---@param sql string with $1, $2, … for its parameters
---@param ... nil|boolean|number|string parameters; a text must not have a NUL byte
---@return commerce.pq.Result? result nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:query(sql, ...) end

--- Add a statement to the pipeline.
---@param sql string
---@param ... nil|boolean|number|string
---@return true? queued nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:queue(sql, ...) end

--- Send the pipeline in one round trip and wait for all answers. If a statement fails, the server
--- does not run those behind it.
---@return commerce.pq.Result[]? results nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:flush() end

--- Run a statement whose rows `next` gives.
---@param sql string
---@param ... nil|boolean|number|string
---@return true? sent nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:stream(sql, ...) end

--- The next row of a stream. Until it has ended, the connection takes no other statement.
---@return any[]|false|nil row by position; false at the end, nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:next() end

--- Begin COPY … FROM STDIN.
---@param sql string
---@return true? begun nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:copy(sql) end

--- Send data of a COPY, in its text format.
---@param text string
---@return true? sent nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:put(text) end

--- End a COPY.
---@param why string? makes the server undo it, for this reason
---@return integer? rows nil on failure
---@return string? message
---@return commerce.pq.Failure? failure
function connection:finish(why) end

--- Ask the server, over a connection of its own, to end the statement that runs here.
---@return boolean sent
function connection:cancel() end

--- Whether the connection can be used, as far as is known without a round trip.
---@return boolean
function connection:alive() end

--- Whether a transaction is open.
---@return boolean
function connection:in_transaction() end

--- Set how long an answer may take before the statement is cancelled.
---@param seconds number 0: without a bound
function connection:set_timeout(seconds) end

--- The two ends: version (150018 is 15.18), host, port, database, user, tls, backend (the process id
--- of the server's end).
---@return { version: integer, host: string, port: string, database: string, user: string,
---  tls: boolean, backend: integer }
function connection:info() end

--- End the session; a second close does nothing.
function connection:close() end

---@class commerce.pq.Result
local result = {}

--- How many rows the statement inserted, changed or deleted.
---@return integer
function result:affected() end

--- The rows by column name, without NULLs. Integers, floats and booleans are such in Lua; an integer
--- beyond 2^53, a numeric and everything else is a text.
---@return table<string, any>[]
function result:all() end

--- The rows by position, nil for NULL.
---@return any[][]
function result:rows() end

--- Free the rows before they are collected.
function result:close() end

---@class commerce.pq.Rows
local rows = {}

--- Add a record.
---@param id string
---@param data string its JSON
---@return boolean added false if the data is not a JSON object
function rows:add(id, data) end

--- Give and forget what was added: the number of rows, then the array literals of their ids, of
--- their data, and of each column's values.
---@return integer count
---@return string ids
---@return string data
---@return string ... values
function rows:take() end

--- Free the memory before it is collected.
function rows:close() end

return pq
