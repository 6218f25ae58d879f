-- The old name of a module that users' scripts hold.

error("commerce.platform.stripe.orders has moved: require 'commerce.stripe.orders'", 0)
