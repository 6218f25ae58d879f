--- Stripe's error envelopes: each function returns what `respond.error` sends.
local errors = {}

local function invalid(status, message, code, param, headers)
  return { status = status, type = "invalid_request_error", message = message, code = code,
    param = param, headers = headers }
end

local CHALLENGE = { ["WWW-Authenticate"] = 'Basic realm="Stripe"' }

local function unauthorized(message, code)
  return invalid(401, message, code, nil, CHALLENGE)
end

--- 400 with a parameter's name.
function errors.param(message, param, code)
  return invalid(400, message, code, param)
end

--- 400: an empty value.
function errors.empty_param(name)
  local message = [[You passed an empty string for '%s'. We assume empty values are an attempt ]]
    .. [[to unset a parameter; however '%s' cannot be unset. You should remove '%s' from your ]]
    .. [[request or supply a non-empty value.]]
  return invalid(400, message:format(name, name, name), "parameter_invalid_empty", name)
end

--- 400: parameters the endpoint does not have.
function errors.unknown_params(names)
  local message = "Received unknown parameter" .. (#names > 1 and "s: " or ": ")
  return invalid(400, message .. table.concat(names, ", "), "parameter_unknown", names[1])
end

--- 404, or 400 for a cursor: no such object.
function errors.missing(object, id, param, status)
  local what = object:gsub("_", " ")
  local message = ("No such %s: '%s'"):format(what, id)
  return invalid(status or 404, message, "resource_missing", param or "id")
end

--- 404: no such endpoint.
function errors.unknown_url(method, path)
  local message = [[Unrecognized request URL (%s: %s). If you are trying to list objects, remove ]]
    .. [[the trailing slash. If you are trying to retrieve an object, make sure you passed a ]]
    .. [[valid (non-empty) identifier in your code. Please see https://stripe.com/docs or we ]]
    .. [[can help at https://support.stripe.com/.]]
  return invalid(404, message:format(method, path))
end

--- A key as Stripe shows it: the prefix, stars, the last four characters.
function errors.mask(key)
  local prefix = key:match "^%a+_%a+_" or ""
  local rest = #key - #prefix
  if rest <= 4 then return prefix .. ("*"):rep(rest) end
  return prefix .. ("*"):rep(rest - 4) .. key:sub(-4)
end

--- 401: no Authorization header.
function errors.no_key()
  return unauthorized([[You did not provide an API key. You need to provide your API key in the ]]
    .. [[Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). ]]
    .. [[See https://stripe.com/docs/api#authentication for details, or we can help at ]]
    .. [[https://support.stripe.com/.]])
end

--- 401: an Authorization header that holds no key.
function errors.malformed_key()
  return unauthorized "Invalid Authorization header. Use Bearer or Basic authentication."
end

--- 401: a key nobody has.
function errors.unknown_key(key)
  return unauthorized("Invalid API Key provided: " .. errors.mask(key))
end

--- 401: a key that was revoked.
function errors.expired_key(key)
  return unauthorized("Expired API Key provided: " .. errors.mask(key), "api_key_expired")
end

--- 401: a pk_ key.
function errors.publishable_key()
  return unauthorized([[This API call cannot be made with a publishable API key. Please use a ]]
    .. [[secret API key. You can find a list of your API keys at ]]
    .. [[https://dashboard.stripe.com/account/apikeys.]], "secret_key_required")
end

--- 403: a restricted key without the permission.
function errors.no_permission(key, account, permission)
  local message = [[The provided key '%s' does not have the required permissions for this ]]
    .. [[endpoint on account '%s'. Having the '%s' permission would allow this request to ]]
    .. [[continue.]]
  return invalid(403, message:format(errors.mask(key), account, permission),
    "more_permissions_required")
end

--- 403: an app that the merchant has not granted the permission. It names a scope, not the
--- permission (stripe/stripe-apps, issues 458, 612 and 1027).
function errors.no_app_permission(account)
  local message = [[This application does not have the required permissions for this endpoint on ]]
    .. [[account '%s'. Having the 'read_only' scope would allow this request to continue.]]
  return invalid(403, message:format(account), "more_permissions_required_for_application")
end

--- 403: an account that is not connected or does not exist; which of them is not told.
function errors.no_account(key, account)
  local message = [[The provided key '%s' does not have access to account '%s' (or that account ]]
    .. [[does not exist). Application access may have been revoked.]]
  return invalid(403, message:format(errors.mask(key), account), "account_invalid")
end

--- 400: an organisation's key without the account that it is to act on.
function errors.no_context()
  return invalid(400, [[Please include the Stripe-Context header with your target account when ]]
    .. [[using an Organization API key.]])
end

--- 400: an organisation's key without a version: it has no default of its own.
function errors.no_version()
  return invalid(400, [[Please include the Stripe-Version header when using an Organization API ]]
    .. [[key.]])
end

--- 400: a version that is not answered.
function errors.bad_version(version)
  return invalid(400, "Invalid Stripe API version: " .. version)
end

--- 429 with the limit that was hit.
function errors.rate_limit(reason, retry_after)
  local message = [[Request rate limit exceeded. Learn more about rate limits: ]]
    .. [[https://stripe.com/docs/rate-limits.]]
  return invalid(429, message, "rate_limit", nil,
    { ["Stripe-Rate-Limited-Reason"] = reason, ["Retry-After"] = retry_after })
end

--- 429 for a locked object: no reason header.
function errors.lock_timeout()
  return invalid(429, [[This object cannot be accessed right now because another API request or ]]
    .. [[Stripe process is currently accessing it. If you see this error intermittently, retry ]]
    .. [[the request.]], "lock_timeout")
end

--- 500.
function errors.server()
  return { status = 500, type = "api_error", message = "An unknown error occurred" }
end

return errors
