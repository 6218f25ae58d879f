-- The former place of the shared cases for stores.

error("commerce.store.contract.cases has moved: require \"commerce.testing.store\"", 0)
