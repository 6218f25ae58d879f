-- Runs busted in this interpreter. Its own launcher starts another one, which the sanitizers and
-- valgrind would not see.

require "busted.runner" { standalone = false }
