-- The public name of the OpenResty embedding: nginx.conf files hold `require "commerce.openresty"`.

return require "commerce.serve.openresty"
