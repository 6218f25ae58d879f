-- The old name of a module that authors of stores hold.

error("the module commerce.store.contract.cases is called commerce.testing.store now", 0)
