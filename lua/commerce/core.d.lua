---@meta commerce.core
-- What the C module commerce.core offers, for editors and readers; never loaded.
--
-- Times are seconds, fractions allowed. Wrong option names, types and ranges raise. What fails at run
-- time gives nil, message, details. Nothing waits except transport:run, and nothing yields: poll()
-- gives a value, false while it is still coming, nil at the end, or nil, message, details.
-- luacheck: ignore 241

local core = {}

--- The library's version, such as "0.1.0".
---@type string
core.version = nil

--- The base URL of Stripe's API, which sessions use unless another one is given.
---@type string
core.stripe_base_url = nil

--- The version of Stripe's API that the library is written for: Stripe-Version, unless another one is
--- given.
---@type string
core.stripe_version = nil

---@class commerce.core.Versions
---@field commerce string as core.version
---@field curl string of libcurl at run time
---@field tls string libcurl's TLS library
---@field openssl string the OpenSSL linked for wiping, random numbers and signatures
---@field http2 boolean whether libcurl has HTTP/2

--- What this process runs with.
---@return commerce.core.Versions
function core.versions() end

--- Seconds of a clock that never goes back; only differences mean something.
---@return number
function core.now() end

--- Waits; a signal such as Ctrl-C ends it early. For scripts alone: it blocks.
---@param seconds number 0 to 3600
function core.sleep(seconds) end

--- From now on the first SIGINT or SIGTERM is only noted; a second one acts as it would have. For
--- programs that are in charge of their process alone. Holds count.
function core.hold_interrupts() end

--- Ends a hold. After the last one signals act as before.
function core.release_interrupts() end

--- The signal that was noted since the first hold.
---@return integer? number such as 2 for SIGINT
function core.interrupted() end

--- A random UUID (version 4), in lower case.
---@return string
function core.uuid() end

--- Decode base64, in either alphabet of RFC 4648, with padding or without.
---@param text string
---@return string? bytes nil for anything else
function core.base64_decode(text) end

--- Check that a text is UTF-8 (RFC 3629: no overlong forms, no surrogates).
---@param text string
---@return boolean
function core.is_utf8(text) end

--- Encode a text for a query, a form or a path segment: every byte but letters, digits, "-", ".",
--- "_" and "~" becomes %XX.
---@param text string
---@return string
function core.percent_encode(text) end

--- Decode every %XX of a text. A "+" stays one.
---@param text string
---@return string? text nil if a "%" is not followed by two hexadecimal digits
function core.percent_decode(text) end

-- ---------------------------------------------------------------- failures

-- The fields that base/errors.lua does not list, of failed requests.
---@class commerce.Failure
---@field attempts integer? requests sent
---@field type string? Stripe's error type
---@field limited_reason string? Stripe-Rate-Limited-Reason of a 429
---@field retry_after number? seconds the server asked to wait
---@field curl integer? libcurl's error number

--- The class of every failure, whether C or Lua made it: its metatable. tostring() gives the
--- message, after `place` if that is set. In failures of the core `kind` is one of "transport", "tls",
--- "http", "auth" (HTTP 401 and 403, a text that cannot be a secret, a webhook not signed by Stripe),
--- "decode" (the answer was not a list) and "cancelled"; `retryable` is always set, and `status` also
--- for an answer that was too large or did not end in time, in a session with a `reach`.
---@type table
core.Failure = nil

-- ---------------------------------------------------------------- secrets

---@class commerce.core.Secret bytes that Lua can hold but not read; tostring() gives "commerce.secret(redacted)"
local secret = {}

--- Copies a key to memory that is wiped on close and collection. Refused: nothing, more than 4096
--- bytes, spaces, control characters, anything outside ASCII.
---@param text string
---@return commerce.core.Secret?
---@return string? message never holds any of the text
---@return commerce.Failure? details
function core.secret(text) end

--- Reads an environment variable; its value never becomes a Lua string.
---@param name string
---@return commerce.core.Secret? secret nil, alone, if the variable is unset or empty
---@return string? message if it holds what cannot be a key, such as a line end
---@return commerce.Failure? details
function core.secret_from_env(name) end

--- Reads a file, or standard input if the path is "-" (of a terminal, a line that it does not show);
--- what it holds never becomes a Lua string. One line end is left out. Standard input is read past
--- io.stdin: use one or the other.
---@param path string
---@return commerce.core.Secret?
---@return string? message
---@return commerce.Failure? details kind "cancelled" for Ctrl-C at a terminal
function core.secret_from_file(path) end

---@param text string such as "sk_test_"
---@return boolean
function secret:has_prefix(text) end

--- The key as it may be printed: "sk_test_…cdef"; without its last characters if it is shorter than
--- 20; only "…" if it is none of Stripe's forms.
---@return string
function secret:mask() end

--- Wipes it. Sessions made with it have their own copy.
function secret:close() end

-- ---------------------------------------------------------------- sealing and signing

-- The master key of all these is a secret that holds the base64 of 32 random bytes, as
-- `openssl rand -base64 32` makes it. Anything else is refused with details.code "bad_master_key".
-- It is never used itself: each use has a key derived from it (HKDF-SHA256).

--- Seals a secret, so that it may be stored: AES-256-GCM with a random nonce. The envelope is one
--- line of ASCII and names the master key by its id.
---@param master commerce.core.Secret
---@param plain commerce.core.Secret
---@param context string whose it is, such as "connection:UUID"; 1 to 1024 bytes. It opens for no other
---@return string? envelope
---@return string? message
---@return commerce.Failure? details
function core.seal(master, plain, context) end

--- Opens what was sealed. If it does not, details.code is "bad_envelope" (no envelope of a known
--- form), "other_key" (another master key; the message names both by their ids) or "not_authentic"
--- (changed, or sealed for another context).
---@param master commerce.core.Secret
---@param envelope string
---@param context string as it was sealed
---@return commerce.core.Secret?
---@return string? message
---@return commerce.Failure? details
function core.unseal(master, envelope, context) end

--- Names a master key without telling of it: 16 hexadecimal digits.
---@param master commerce.core.Secret
---@return string? id
---@return string? message
---@return commerce.Failure? details
function core.key_id(master) end

--- Signs a text: HMAC-SHA256, in base64url, by a key derived for the purpose.
---@param master commerce.core.Secret
---@param purpose string what the signature is for; 1 to 64 bytes. One purpose's is none of another's
---@param text string
---@return string? mac 43 characters
---@return string? message
---@return commerce.Failure? details
function core.sign(master, purpose, text) end

--- Whether core.sign gave this, compared in a time that does not tell where it differs.
---@param master commerce.core.Secret
---@param purpose string
---@param text string
---@param mac string
---@return boolean? valid nil if the master key is none
---@return string? message
---@return commerce.Failure? details
function core.verify(master, purpose, text, mac) end

--- A random token that nobody guesses, in base64url. Raises if the system gives no randomness.
---@param bytes integer 16 to 256
---@return string
function core.random_id(bytes) end

--- SHA-256 in lower-case hexadecimal.
---@param text string|commerce.core.Secret
---@return string
function core.sha256(text) end

--- A text fit for printing: what looks like one of Stripe's keys, a webhook secret, an OAuth code or
--- a refresh token is cut to its first characters and an ellipsis. Ends at the first '\0'.
---@param text string
---@return string
function core.scrub(text) end

-- ---------------------------------------------------------------- webhooks

---@class commerce.core.Webhook
---@field body string? as it came, byte for byte; none is empty
---@field header string? the Stripe-Signature header; none is empty
---@field secrets (commerce.core.Secret|string)[] every secret that may have signed ("whsec_…"), at least one: the endpoint's, a Connect endpoint's, old and new
---@field tolerance number? seconds that the time of signing may differ from now, either way (300); 0: any time will do
---@field now number? Unix seconds (the system's)

--- Is this the body of a webhook that Stripe sent, and lately? If not, details.kind is "auth" and
--- details.code "empty_body", "no_signature", "no_timestamp", "mismatch", "stale" or "future", in this
--- order: a stale one was signed by Stripe. Only scheme v1 counts, and of it the first 16 signatures.
---@param webhook commerce.core.Webhook
---@return true?
---@return string? message
---@return commerce.Failure? details
function core.verify_signature(webhook) end

--- Sign a webhook that is to be sent, as Codat's are signed: HMAC-SHA256 of "id.time.body".
---@param key commerce.core.Secret "whsec_" and the base64 of its key
---@param id string its header webhook-id
---@param time string its header webhook-timestamp: Unix seconds
---@param body string byte for byte
---@return string? signature "v1,<base64>", for the header webhook-signature
---@return string? message
---@return commerce.Failure? details code "bad_secret"
function core.sign_webhook(key, id, time, body) end

--- Whether an IP address can be a public host's: not this machine's, a private network's,
--- link-local, multicast or reserved (IANA's special-purpose registries).
---@param text string without brackets
---@return boolean? is_public nil if the text is no address, but a name, say
function core.is_public_address(text) end

-- ---------------------------------------------------------------- limiter

---@class commerce.core.LimiterOptions
---@field rate number? requests a second over all endpoints (25); 0 or math.huge: no limit
---@field endpoint_rate number? requests a second for each endpoint (25); 0 or math.huge: no limit
---@field burst number? requests that may go at once after a pause (a fifth of a second's worth, at least 1)
---@field concurrency number? requests in flight (20); 0 or math.huge: no limit

---@class commerce.core.LimiterStats
---@field in_flight integer requests on the wire
---@field waiting integer requests standing in line
---@field limited integer 429s seen
---@field rate number requests a second over all, as far as 429s have cut it
---@field concurrency number requests allowed in flight now
---@field room number as limiter:room()
---@field endpoints table<string, number> rate of each endpoint used lately

---@class commerce.core.Limiter keeps requests under Stripe's limits; may serve several sessions. A 429 halves the rate it names (Stripe-Rate-Limited-Reason) or the concurrency; rates come back by a tenth of their full value a second, concurrency by one a second.
local limiter = {}

---@param options commerce.core.LimiterOptions
---@return commerce.core.Limiter
function core.limiter(options) end

---@return commerce.core.LimiterStats
function limiter:stats() end

--- How many more requests could go at this moment, after those that stand in line: while there are
--- any, something more may be started. math.huge without a limit.
---@param endpoint string? such as "GET /v1/charges"; without one, over all endpoints
---@return number
function limiter:room(endpoint) end

-- ---------------------------------------------------------------- transport

---@class commerce.core.TransportOptions
---@field connect_timeout number? seconds to connect in, TLS included (10)
---@field max_connections integer? most requests on the wire at once, hence most connections (20)
---@field ca_file string? PEM file of certificates to trust instead of the system's
---@field http2 boolean? use HTTP/2 over TLS where the server has it (true)

---@class commerce.core.Transport connections, and the only call that waits. Belongs to the process that made it: after a fork it gives nil, "transport used after fork".
local transport = {}

---@param options commerce.core.TransportOptions?
---@return commerce.core.Transport
function core.transport(options) end

--- Drives all I/O, starts requests when limiter and backoff let them, and returns as soon as a request
--- ended, at the latest after `timeout` seconds. run(0) takes one step without waiting.
---@param timeout number seconds
---@return integer? unfinished requests not yet ended
---@return string? message
---@return commerce.Failure? details
function transport:run(timeout) end

--- Ends all its requests with "transport closed" and closes the connections.
function transport:close() end

-- ---------------------------------------------------------------- session

---@class commerce.core.SessionOptions
---@field transport commerce.core.Transport required
---@field key commerce.core.Secret required unless foreign; copied
---@field base_url string? https, or http to a loopback host; no user, query or fragment (core.stripe_base_url)
---@field version string? Stripe-Version (core.stripe_version)
---@field account string? Stripe-Account: act on this connected account, "acct_…"
---@field limiter commerce.core.Limiter? the account's; none: no limits
---@field platform_limiter commerce.core.Limiter? one that all sessions of a platform's key share: a request needs both to let it, and takes nothing from one while it waits for the other. Slowed by a 429 only if that names a global limit, or if the session has no other limiter
---@field retries integer? attempts after the first (8)
---@field backoff number? seconds: the first wait lies between 0 and this, each later bound is twice as long (0.5)
---@field backoff_cap number? seconds: no bound grows beyond (32)
---@field timeout number? seconds one attempt may take in all (80)
---@field low_speed_time integer? seconds with less than one byte a second that end an attempt (off)
---@field max_body integer? bytes of an answer, uncompressed (32 MiB)
---@field user_agent string? ("lua-commerce/VERSION")
---@field foreign boolean? not Stripe but somebody else's server: no key is given or sent, bodies are JSON, paths may hold a query, and messages name the host alone
---@field headers string[][]? of a foreign server: array of {name, value} that each request has besides, at most 6
---@field reach "anywhere"|"public"|"network"|nil of a foreign server: which addresses may be connected to, whatever its name stands for at that moment. public: none of this machine or of a private network; network: those, too, and them over http as well, but public ones over https only. With either no proxy is used and no connection is shared (anywhere)

---@class commerce.core.SessionStats
---@field requests integer attempts sent
---@field retries integer attempts after a failed one
---@field rate_limited integer answers that said "too fast"
---@field bytes integer body bytes as they came over the wire, compressed or not
---@field waited number seconds requests stood in line for limiter and backoff, summed up

---@class commerce.core.Session a key, an account, a version and a server. GET requests are repeated after network trouble, 409, 424, 429, 500, 502, 503, 504 and 400 with code rate_limit, unless Stripe-Should-Retry says otherwise; Retry-After is kept, up to 60 seconds. Nothing else is ever repeated.
local session = {}

---@param options commerce.core.SessionOptions
---@return commerce.core.Session
function core.session(options) end

---@alias commerce.core.Pairs (string|integer|boolean)[][] array of {key, value}; order is kept, numbers must be whole

---@class commerce.core.RequestOptions
---@field path string such as "/v1/account"; required
---@field method "GET"|"POST"|"DELETE"|nil (GET)
---@field query commerce.core.Pairs?
---@field form commerce.core.Pairs? body of a POST
---@field body string? of a POST to a foreign server: JSON
---@field endpoint string? the limiter's name for it (method and path); give one if the path holds an id
---@field timeout number? seconds an attempt may take (the session's)
---@field projection commerce.core.Projection? only what it keeps of the answer, which must be JSON, becomes a Lua string; the rest is wiped

--- Queues one request. Nothing is sent before transport:run.
---@param options commerce.core.RequestOptions
---@return commerce.core.Call
function session:request(options) end

---@class commerce.core.PagerOptions
---@field path string of a list, such as "/v1/charges"; required
---@field query commerce.core.Pairs? without limit, created and cursor parameters
---@field limit integer? objects a page, 1 to 100 (100)
---@field created_gte integer? Unix seconds: created at or after
---@field created_gt integer? Unix seconds: created after
---@field created_lt integer? Unix seconds: created before
---@field created_lte integer? Unix seconds: created at or before
---@field cursor string? go on after the object with this id
---@field endpoint string? the limiter's name for it (method and path)
---@field timeout number? seconds an attempt may take (the session's)

--- Starts to read a list, newest first, one page ahead.
---@param options commerce.core.PagerOptions
---@return commerce.core.Pager
function session:pager(options) end

---@return commerce.core.SessionStats
function session:stats() end

--- A session with the same key, account, server, limits and transport, and counts of its own; whatever
--- it counts, this one counts, too.
---@return commerce.core.Session
function session:child() end

--- Ends its use. Calls and pagers under way go on; the last of them wipes the key.
function session:close() end

-- ---------------------------------------------------------------- call

---@class commerce.core.Response of status 2xx
---@field status integer
---@field body string uncompressed
---@field request_id string?
---@field headers table<string, string> by lower-case name

---@class commerce.core.Call
local call = {}

--- The same end again and again once there is one.
---@return commerce.core.Response|false|nil
---@return string? message
---@return commerce.Failure? details
function call:poll() end

--- Cancels what is not over yet; a response that was polled stays.
function call:close() end

-- ---------------------------------------------------------------- projection

---@class commerce.core.Projection what of a source object is to be decoded

--- Choose members by dotted paths ("charge.id"): each is kept with all that is in it. Inside an array
--- a path goes on in every element; where it meets what is no object, that is kept.
---@param paths string[]
---@return commerce.core.Projection
function core.projection(paths) end

-- ---------------------------------------------------------------- pager

---@class commerce.core.Pager one list. Pages get smaller (100, 50, 25), for good, after a 5xx or a timeout. If the object under the cursor is deleted, it goes back to the ones before it and, when the last page is used up, reads on by `created`; no object comes twice, none is missed. A cursor given by the caller that is gone gives details.code "resource_missing", details.param "starting_after".
local pager = {}

--- The next page, which is never empty; nil alone at the end.
---@return commerce.core.Page|false|nil
---@return string? message
---@return commerce.Failure? details
function pager:poll() end

--- Objects asked for a page now.
---@return integer
function pager:limit() end

--- Leaves the older part of the list to another pager, to be opened with created_lt = second: from now
--- on this one gives nothing created before `second`. Pages that are here or on their way are cut, so
--- that no object comes twice and none is missed.
---@param second integer Unix seconds
---@return boolean split false, and nothing changed, if an object as old was polled already, if nothing is left to ask for, if `second` lies outside what is left, or if the objects do not come newest first by `created`
function pager:split(second) end

--- Where the pager stands: what is left to it lies between the two.
---@return integer? reached created of the last object polled; nil before the first
---@return integer? lower_bound lowest created it asks for; nil without a bound
function pager:position() end

--- Cancels what is not over yet and drops pages not polled.
function pager:close() end

-- ---------------------------------------------------------------- page

---@class commerce.core.Page elements as JSON text, counted from 1; #page is their number
---@operator len: integer
local page = {}

--- Number of elements. (LuaJIT and Lua 5.4 both know #page.)
---@return integer
function page:count() end

--- Whether the server has older objects; false on the page a split made the last.
---@return boolean
function page:has_more() end

--- An element's JSON text, or of it what the projection keeps.
---@param i integer
---@param projection commerce.core.Projection?
---@return string json
function page:element(i, projection) end

--- for i, json in page:elements() do … end
---@return fun(page: commerce.core.Page, i: integer): integer?, string?
---@return commerce.core.Page
---@return integer
function page:elements() end

---@param i integer
---@return string? id nil if the element has none
function page:id(i) end

---@param i integer
---@return integer? created Unix seconds; nil if the element has none
function page:created(i) end

---@return string?
function page:first_id() end

--- The cursor after this page.
---@return string?
function page:last_id() end

--- Stripe's id of the request that brought it.
---@return string?
function page:request_id() end

--- Size of its JSON text, uncompressed.
---@return integer
function page:bytes() end

--- Gives its memory back early; it has no elements then.
function page:close() end

return core
