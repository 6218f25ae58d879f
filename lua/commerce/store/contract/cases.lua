-- The old name of a module that authors of stores hold.

error("commerce.store.contract.cases has moved: require 'commerce.testing.store'", 0)
