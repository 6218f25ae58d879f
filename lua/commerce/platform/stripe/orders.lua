-- The old name of a module that users' scripts hold.

error("the module commerce.platform.stripe.orders is called commerce.stripe.orders now", 0)
