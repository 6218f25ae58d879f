-- Runs busted in this interpreter. Its own launcher starts another one, which the sanitizers and
-- valgrind would not see, and which `timeout` would not end.

require "busted.runner" { standalone = false }
