-- Runs busted in this very interpreter (its own launcher starts another one, which the sanitizers
-- and valgrind would not see).

require "busted.runner" { standalone = false }
