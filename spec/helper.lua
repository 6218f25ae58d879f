-- Loaded by busted before the specs: random values are the same in every run.

math.randomseed(20260729)
