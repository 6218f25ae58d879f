-- Turns: the order in which companies' connections are given to workers, however much each of them
-- has asked for.
--
-- A connection that asks for work gets a turn, a number: one higher than that of its company's
-- connection before it, but not below the highest turn that was taken. So the connections of a
-- company with many have turns one after the other, those of companies that ask later come in
-- between, and the queue's first rows by turn are those whose turn it is (start-time fair queueing,
-- with a cost of one for each connection).

---@class commerce.sql.Turns
local turns = {}

-- What decides a connection's turn: of its waiting pulls, of its company's last one, and the
-- highest that was taken.
local KNOWN = "SELECT c.company_id, %s, %s, %s FROM connections AS c "
  .. "LEFT JOIN company_turns AS t ON t.company_id = c.company_id WHERE c.id = ?"
local WAITING = "(SELECT min(p.turn) FROM pulls AS p WHERE p.connection_id = c.id "
  .. "AND p.status = 'Queued')"
local TAKEN = "(SELECT max(taken) FROM company_turns)"

local GIVE = "INSERT INTO company_turns (company_id, at, given) VALUES (?, 0, ?) "
  .. "ON CONFLICT (company_id) DO UPDATE SET given = excluded.given"

--- The turn of a pull that is about to be queued, in its transaction. All pulls of a connection
--- that wait have the same one.
---@param db commerce.sql.Database
---@param connection_id string
---@return integer turn
function turns.give(db, connection_id)
  local whole = db.dialect.whole
  local known = db:all(KNOWN:format(whole("t.given", "given"), whole(WAITING, "waiting"),
    whole(TAKEN, "taken")), connection_id)[1]
  if not known or known.waiting then
    return known and known.waiting or 0
  end
  local turn = math.max(known.taken or 0, known.given and known.given + 1 or 0)
  db:later(GIVE, known.company_id, turn)
  return turn
end

local TAKE = "INSERT INTO company_turns (company_id, at, taken) VALUES (?, %s, ?) "
  .. "ON CONFLICT (company_id) DO UPDATE SET at = excluded.at, taken = CASE "
  .. "WHEN excluded.taken > company_turns.taken THEN excluded.taken ELSE company_turns.taken END"

--- Note that a worker has taken a company's connection.
---@param db commerce.sql.Database in the transaction that takes it
---@param company_id string
---@param turn integer of its pulls
---@param clock string SQL of the time now, with one bound value
---@param now number? that value
function turns.take(db, company_id, turn, clock, now)
  db:run(TAKE:format(clock), company_id, now, turn)
end

return turns
