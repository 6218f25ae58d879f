---@meta commerce.core
-- The interface of the C module commerce.core, for editors and readers; never loaded.
--
-- Times are seconds, fractions allowed. Wrong option names, types and ranges raise. Run-time failures
-- are nil, message, failure. Nothing waits except transport:run, and nothing yields: poll() gives a
-- value, false while it is still coming, nil at the end, or nil, message, failure.
-- luacheck: ignore 241

local core = {}

--- The library's version, such as "1.2.3".
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

--- Get the versions of the libraries that this process runs with.
---@return commerce.core.Versions
function core.versions() end

--- Read the monotonic clock, in seconds; only differences mean something.
---@return number
function core.now() end

--- Block for a while; a signal such as Ctrl-C ends it early. For scripts, not for OpenResty.
---@param seconds number 0 to 3600
function core.sleep(seconds) end

--- Note the first SIGINT or SIGTERM from now on instead of obeying it; a second one acts as before.
--- For programs that own their process. Holds count.
function core.hold_interrupts() end

--- End a hold. After the last one signals act as before.
function core.release_interrupts() end

--- Get the signal that was noted since the first hold.
---@return integer? number such as 2 for SIGINT
function core.interrupted() end

--- Get the number of the PID namespace that this process is in.
---@return string? number nil on a system without namespaces or without /proc
function core.pid_namespace() end

--- Whether the system has a process of this number, also one of another user. A zombie exists.
---@param pid integer
---@return boolean
function core.process_exists(pid) end

--- Get the device and inode of a file, by which it differs from a later file of the same name.
---@param path string
---@return string? id nil if there is no such file
function core.file_id(path) end

---@class commerce.core.LogCopy
local log_copy = {}

--- Get what became of the log. The first result is false while the thread works.
---@return integer|false|nil pages that the log has; nil after a failure
---@return integer|string|nil copied how many of them are in the file now; SQLite's reason
function log_copy:poll() end

--- Start to copy the log (WAL) of a SQLite database into its file, as far as no reader needs it, in
--- a thread of its own, which waits for the disk. Must be called while this process has the
--- database open.
---@param path string
---@param source_id string what `sqlite_source_id()` gives in the open database
---@return commerce.core.LogCopy? copy nil if no thread can be started, or if it could not use the
---  SQLite library that has the database open
---@return string? message
function core.copy_log(path, source_id) end

--- Start a program in a group of its own, with this process's environment and output. It gets
--- SIGTERM if this process dies (on Linux).
---@param words string[] the program and its arguments
---@param user string? whose rights it has; only root can name another user
---@return integer? pid nil on failure
---@return string? message
function core.spawn(words, user) end

--- Get a child's exit status, or 128 and the signal that ended it.
---@param pid integer from `core.spawn`
---@return integer? status nil while it runs
function core.child_status(pid) end

--- Send a signal to a child's group: the child, and what it has left behind.
---@param pid integer from `core.spawn`
---@param name "TERM"|"KILL"
---@return boolean sent false if none of them is there any more
function core.signal_group(pid, name) end

--- Get why nobody can listen on an address.
---@param address string a numeric one
---@param port string
---@return string? fault nil if that is possible
function core.port_fault(address, port) end

--- Make standard output and standard error this process's own, and never wait for their readers. For
--- programs that own their process; they must write with `core.log_line`.
function core.own_output() end

--- Write a line at once, or not at all if the reader is too far behind.
---@param descriptor integer 1 or 2
---@param text string without the line's end
---@return boolean written
function core.log_line(descriptor, text) end

--- How wide the terminal is that a descriptor is open on.
---@param descriptor integer 0 standard input, 1 standard output, 2 standard error
---@return integer? columns 0 if the terminal does not say; nil if the descriptor is not a terminal's
function core.terminal_columns(descriptor) end

--- Make a random UUID (version 4), in lower case.
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

--- Get the decimal separator of this thread's locale: "." or ",". A host program
--- may set a locale; Lua 5.4 and lua-cjson read and write numbers by it.
---@return string point
function core.decimal_point() end

--- Write a number as its shortest decimal text without an exponent, the same under every runtime and
--- in every locale.
---@param number number
---@return string? text nil for infinities and NaN
function core.decimal(number) end

--- Call a function in the C locale. For libraries that read numbers by the locale of the thread.
---@param call function must not yield
---@param ... any its arguments
---@return any ... its results
function core.in_c_locale(call, ...) end

--- Count the columns of a terminal that a UTF-8 text takes: two for CJK and emoji, none for
--- combining characters.
---@param text string
---@return integer? columns nil on a machine without the locale C.UTF-8
function core.text_width(text) end

--- Replace each escape of NUL and of half a surrogate pair in a JSON text by that of U+FFFD.
---@param text string
---@return string text the same one if there is none
function core.json_mend(text) end

--- Tell the encoder which tables are decimals, whose `text` is their JSON, and which are arrays.
---@param decimal metatable of decimals
---@param array metatable of arrays
function core.json_marks(decimal, array) end

--- Any value as canonical JSON. Raises for what JSON cannot carry.
---@param value any
---@return string
function core.json_encode(value) end

--- The JSON of a record's members, in the order of its shape and checked against it, without the
--- closing brace. Raises for what JSON cannot carry.
---@param shape commerce.Shape
---@param values table<string, any>
---@param skip string? a member that is left out
---@return string? body nil if a field does not take its value
---@return string? path of that field
---@return commerce.Field? field
---@return string? got the type of its value
function core.json_body(shape, values, skip) end

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
---@type table<string, function>
core.Failure = nil

-- ---------------------------------------------------------------- secrets

---@class commerce.core.Secret bytes that Lua can hold but not read; tostring() gives "commerce.secret(redacted)"
local secret = {}

--- Copy a key to memory that is wiped on close and collection. A key must have 1 to 4096 bytes of
--- printable ASCII without spaces.
---@param text string
---@return commerce.core.Secret?
---@return string? message never repeats any of the text
---@return commerce.Failure? details
function core.secret(text) end

--- Read an environment variable, or the file that the variable NAME_FILE names; the value never
--- becomes a Lua string. One final line end of a file is removed.
---@param name string
---@return commerce.core.Secret? secret nil, alone, if both variables are unset or empty
---@return string? message if the value cannot be a key, for example because of a line end, if the
---  file cannot be read, or if both variables are set
---@return commerce.Failure? details
function core.secret_from_env(name) end

--- Read a file, or standard input if the path is "-" (from a terminal one line, without echo). Its
--- content never becomes a Lua string. One final line end is removed. Standard input is read past
--- io.stdin: use one or the other.
---@param path string
---@return commerce.core.Secret?
---@return string? message
---@return commerce.Failure? details kind "cancelled" for Ctrl-C at a terminal
function core.secret_from_file(path) end

--- Check how the secret begins.
---@param text string such as "sk_test_"
---@return boolean
function secret:has_prefix(text) end

--- Get the key as it may be printed: "sk_test_…cdef"; without its last characters if it is shorter
--- than 20; only "…" if it does not have a form of Stripe's keys.
---@return string
function secret:mask() end

--- Wipe it. Sessions made with it have their own copy.
function secret:close() end

-- ---------------------------------------------------------------- sealing and signing

-- The master key of these functions is a secret that holds the base64 of 32 random bytes, as
-- `openssl rand -base64 32` makes it. For any other secret they fail with code "bad_master_key". The
-- master key itself encrypts nothing: each use has a key derived from it (HKDF-SHA256).

--- Seal a secret for storage: AES-256-GCM with a random nonce. The envelope is one
--- line of ASCII and names the master key by its id.
---@param master commerce.core.Secret
---@param plain commerce.core.Secret
---@param context string the owner, such as "connection:UUID"; 1 to 1024 bytes. Needed to open it
---@return string? envelope
---@return string? message
---@return commerce.Failure? details
function core.seal(master, plain, context) end

--- Open a sealed secret. On failure the code is "bad_envelope" (not an envelope of a known form),
--- "other_key" (sealed with another master key; the message names both by their ids) or
--- "not_authentic" (changed, or sealed for another context).
---@param master commerce.core.Secret
---@param envelope string
---@param context string as it was sealed
---@return commerce.core.Secret?
---@return string? message
---@return commerce.Failure? details
function core.unseal(master, envelope, context) end

--- Get the id of a master key, which does not reveal the key: 16 hexadecimal digits.
---@param master commerce.core.Secret
---@return string? id
---@return string? message
---@return commerce.Failure? details
function core.key_id(master) end

--- Sign a text: HMAC-SHA256, in base64url, with a key derived for the purpose.
---@param master commerce.core.Secret
---@param purpose string 1 to 64 bytes. A signature for one purpose is not valid for another
---@param text string
---@return string? mac 43 characters
---@return string? message
---@return commerce.Failure? details
function core.sign(master, purpose, text) end

--- Check that core.sign made a signature, in a time that does not depend on where they differ.
---@param master commerce.core.Secret
---@param purpose string
---@param text string
---@param mac string
---@return boolean? valid nil if the master key is not one
---@return string? message
---@return commerce.Failure? details
function core.verify(master, purpose, text, mac) end

--- Make a random token that cannot be guessed, in base64url. Raises if the system has no randomness.
---@param bytes integer 16 to 256
---@return string
function core.random_id(bytes) end

--- Hash a password that a person chose, by scrypt with N = 2^ln. It takes the time and the memory
--- (128 * r * N bytes) that the cost says. Raises if memory is short.
---@param password string 1024 bytes at most
---@param ln integer 10 to 20
---@param r integer 1 to 16
---@param p integer 1 to 16
---@return string hash "$scrypt$ln=15,r=8,p=3$SALT$HASH"
function core.hash_password(password, ln, r, p) end

--- Whether a password has a hash; false for a text that is not a hash. It costs what the hash did,
--- whether or not they match.
---@param password string 1024 bytes at most
---@param hash string
---@return boolean matches
function core.check_password(password, hash) end

--- Compute the SHA-256 of a text, in lower-case hexadecimal.
---@param text string|commerce.core.Secret
---@return string
function core.sha256(text) end

--- Make a text fit for printing: everything that looks like a Stripe key, a webhook secret, an OAuth
--- code or a refresh token is cut to its first characters and an ellipsis. Ends at the first '\0'.
---@param text string
---@return string
function core.scrub(text) end

-- ---------------------------------------------------------------- webhooks

---@class commerce.core.Webhook
---@field body string? as it came, byte for byte ("")
---@field header string? the Stripe-Signature header ("")
---@field secrets (commerce.core.Secret|string)[] every secret that may have signed ("whsec_…"), at least one: the endpoint's, a Connect endpoint's, old and new
---@field tolerance number? seconds that the time of signing may differ from now, either way (300); 0: no check
---@field now number? Unix seconds (the system's)

--- Check that Stripe signed the body of a webhook, and recently. If not, the failure's kind is "auth"
--- and its code "empty_body", "no_signature", "no_timestamp", "mismatch", "stale" or "future", checked
--- in this order: the signature of a stale webhook is valid. Only the first 16 signatures of scheme v1
--- count.
---@param webhook commerce.core.Webhook
---@return true?
---@return string? message
---@return commerce.Failure? details
function core.verify_signature(webhook) end

--- Sign an outgoing webhook as Codat signs its own: HMAC-SHA256 of "id.time.body".
---@param key commerce.core.Secret "whsec_" and the base64 of its key
---@param id string its header webhook-id
---@param time string its header webhook-timestamp: Unix seconds
---@param body string byte for byte
---@return string? signature "v1,<base64>", for the header webhook-signature
---@return string? message
---@return commerce.Failure? details code "bad_secret"
function core.sign_webhook(key, id, time, body) end

--- Make this process a private one, for programs and not for libraries: only the owner may read the
--- files that it and its children create (umask 077), and none of them dumps core.
function core.private_process() end

--- Create an empty file that only its owner may read and write, whatever the umask is.
---@param path string
---@return boolean created false if the file exists, or cannot be created
function core.private_file(path) end

--- Check that an IP address is public: not loopback, of a private network, link-local, multicast or
--- reserved (IANA's special-purpose registries).
---@param text string without brackets
---@return boolean? is_public nil if the text is not an address, for example a name
---@return boolean? forbidden link-local or a cloud's metadata service: connected to with no `reach`
function core.is_public_address(text) end

-- ---------------------------------------------------------------- limiter

---@class commerce.core.LimiterOptions
---@field rate number? requests a second over all endpoints (25); 0 or math.huge: no limit
---@field endpoint_rate number? requests a second for each endpoint (25); 0 or math.huge: no limit
---@field burst number? requests that may go at once after a pause (a fifth of a second's worth, at least 1)
---@field concurrency number? requests in flight (20); 0 or math.huge: no limit

---@class commerce.core.LimiterStats
---@field in_flight integer requests on the wire
---@field waiting integer requests that wait
---@field limited integer 429s seen
---@field rate number requests a second over all, as far as 429s have cut it
---@field concurrency number requests allowed in flight now
---@field room number as limiter:room()
---@field endpoints table<string, number> rate of each endpoint used lately

---@class commerce.core.Limiter keeps requests under Stripe's limits; may serve several sessions. A 429 halves the rate it names (Stripe-Rate-Limited-Reason) or the concurrency; rates come back by a tenth of their full value a second, concurrency by one a second.
local limiter = {}

--- Make a limiter.
---@param options commerce.core.LimiterOptions
---@return commerce.core.Limiter
function core.limiter(options) end

--- Get the limiter's present state.
---@return commerce.core.LimiterStats
function limiter:stats() end

--- Get how many more requests could go now, after those that wait: while there are any, more work
--- may be started. math.huge without a limit.
---@param endpoint string? such as "GET /v1/charges"; without one, over all endpoints
---@return number
function limiter:room(endpoint) end

--- Get how many more requests to an endpoint its own limit would allow now, after those that wait,
--- whatever the limit over all endpoints allows.
---@param endpoint string such as "GET /v1/charges"
---@return number room math.huge without a limit
function limiter:own_room(endpoint) end

--- Keep to other limits from now on; a share of them stays the share.
---@param options commerce.core.LimiterOptions as for `core.limiter`
function limiter:limit(options) end

--- Keep to a share of the limits from now on: several processes divide what a server allows.
---@param share number 0 to 1, of all rates and of requests in flight; with 0 next to nothing goes
function limiter:scale(share) end

-- ---------------------------------------------------------------- transport

---@class commerce.core.TransportOptions
---@field connect_timeout number? seconds to connect in, TLS included (10)
---@field max_connections integer? most requests on the wire at once, hence most connections (20)
---@field ca_file string? PEM file of certificates to trust instead of the system's; default: CURL_CA_BUNDLE, then SSL_CERT_FILE
---@field http2 boolean? use HTTP/2 over TLS where the server has it (true)

---@class commerce.core.Transport connections, and the only call that waits. Belongs to the process that made it: after a fork it gives nil, "transport used after fork".
local transport = {}

--- Make a transport. Opens no connection yet.
---@param options commerce.core.TransportOptions?
---@return commerce.core.Transport
function core.transport(options) end

--- Drive all I/O and start requests when limiter and backoff let them. Returns as soon as a request
--- ended, at the latest after `timeout` seconds. run(0) takes one step without waiting. Of several
--- answers that have come, each call takes one.
---@param timeout number seconds
---@return integer? unfinished requests not yet ended
---@return string? message
---@return commerce.Failure? details
function transport:run(timeout) end

---@class commerce.core.Oldest
---@field request string method and path
---@field seconds number since it was sent first
---@field attempts integer
---@field status integer? HTTP status of the last attempt that failed
---@field retry_after number? seconds that the server asked to wait, while it waits
---@field retry_in number? seconds until the next attempt, while it waits

--- Get the request that was sent first of all that have not ended. A request that has only waited
--- for a rate limit does not count.
---@return commerce.core.Oldest?
function transport:oldest() end

--- End all its requests with "transport closed" and closes the connections.
function transport:close() end

-- ---------------------------------------------------------------- session

---@class commerce.core.SessionOptions
---@field transport commerce.core.Transport required
---@field key commerce.core.Secret required unless foreign; copied
---@field base_url string? https, or http to a loopback host; no user, query or fragment (core.stripe_base_url)
---@field version string? Stripe-Version (core.stripe_version)
---@field account string? Stripe-Account: act on this connected account, "acct_…"
---@field context string? Stripe-Context, which takes the place of Stripe-Account and which an organisation's key needs: "acct_…"; not together with account
---@field limiter commerce.core.Limiter? the account's; none: no limits
---@field platform_limiter commerce.core.Limiter? one that all sessions of a platform's key share: a request needs both to let it, and takes nothing from one while it waits for the other. Slowed by a 429 only if that names a global limit, or if the session has no other limiter
---@field retries integer? attempts after the first (8)
---@field backoff number? seconds: the first wait lies between 0 and this, each later bound is twice as long (0.5)
---@field backoff_cap number? seconds: no bound grows beyond (32)
---@field timeout number? seconds one attempt may take in all (80)
---@field low_speed_time integer? seconds with less than one byte a second that end an attempt (off)
---@field max_body integer? bytes of an answer, uncompressed (32 MiB)
---@field user_agent string? ("lua-commerce/VERSION")
---@field foreign boolean? a server other than Stripe's: takes no key, sends JSON, paths may hold a query, and messages name only the host (false)
---@field json boolean? its POSTs have a JSON `body`, as Stripe's /v2 takes them, and no form (false; true of a foreign server)
---@field headers string[][]? of a foreign server: array of {name, value} that each request has besides, at most 6
---@field reach "anywhere"|"public"|"network"|nil of a foreign server: the addresses that may be connected to, checked when its name has been resolved. public: only public addresses; network: also this machine and private networks, these also over http, public ones over https only; link-local ones and metadata services with neither. With either no proxy is used and no connection is shared (anywhere)
---@field renewable boolean? its key can be replaced (`session:set_key`): a GET that is refused with 401 waits up to 120 seconds for a new one, and is sent again once (false)

---@class commerce.core.SessionStats
---@field requests integer attempts sent
---@field retries integer attempts after a failed one
---@field rate_limited integer requests rejected with 429
---@field bytes integer body bytes as they came over the wire, compressed or not
---@field waited number seconds that requests waited for limiter and backoff, in total

---@class commerce.core.Session a key, an account, a version and a server. GET requests are repeated after network trouble, 409, 424, 429, 500, 502, 503, 504 and 400 with code rate_limit, unless Stripe-Should-Retry says otherwise; Retry-After is kept, up to 60 seconds. Other requests are never repeated.
local session = {}

--- Make a session.
---@param options commerce.core.SessionOptions
---@return commerce.core.Session
function core.session(options) end

---@alias commerce.core.Pairs (string|integer|boolean)[][] array of {key, value}; order is kept, numbers must be whole

---@class commerce.core.RequestOptions
---@field path string such as "/v1/account"; required
---@field method "GET"|"POST"|"DELETE"|nil (GET)
---@field query commerce.core.Pairs?
---@field form commerce.core.Pairs? body of a POST; a value may be a `commerce.core.Secret`
---@field body string? of a POST in a session that sends JSON
---@field endpoint string? the limiter's name for it (method and path); give one if the path holds an id
---@field timeout number? seconds an attempt may take (the session's)
---@field projection commerce.core.Projection? only the members that it keeps of the answer, which must be JSON, become a Lua string; the rest is wiped
---@field secrets string[]? with a projection: members of the answer that become secrets, such as tokens

--- Queue one request. Nothing is sent before transport:run.
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

--- Start to read a list, newest first, one page ahead.
---@param options commerce.core.PagerOptions
---@return commerce.core.Pager
function session:pager(options) end

--- Get the totals of the session's requests.
---@return commerce.core.SessionStats
function session:stats() end

--- Make a session with the same key, account, server, limits and transport, and with counts of its
--- own, which this session's counts include.
---@return commerce.core.Session
function session:child() end

--- Whether a request of the session, or of a child, was refused with 401 and waits for a new key.
---@return boolean
function session:needs_key() end

--- Replace the key of a renewable session and its children. Requests on the wire are not disturbed;
--- those that wait for a key are sent with it. Without a key they are sent with the old one, for the
--- last time.
---@param key commerce.core.Secret? copied
function session:set_key(key) end

--- End the session. Running calls and pagers continue; the last of them wipes the key.
function session:close() end

-- ---------------------------------------------------------------- call

---@class commerce.core.Response of status 2xx
---@field status integer
---@field body string uncompressed
---@field request_id string?
---@field headers table<string, string> by lower-case name
---@field secrets table<string, commerce.core.Secret>? those that the request asked for

---@class commerce.core.Call
local call = {}

--- Get the response. Once the call has ended, every poll gives the same result.
---@return commerce.core.Response|false|nil
---@return string? message
---@return commerce.Failure? details
function call:poll() end

--- Cancel the request if it has not ended; a response that was polled stays.
function call:close() end

-- ---------------------------------------------------------------- projection

---@class commerce.core.Projection the members of a source object that are decoded

--- Choose members by dotted paths ("charge.id"): each is kept with its content. Inside an array
--- a path continues in every element. A value other than an object ends a path and is kept.
---@param paths string[]
---@return commerce.core.Projection
function core.projection(paths) end

-- ---------------------------------------------------------------- mapper

---@class commerce.core.Mapper makes records of the bytes of objects, by a program that `commerce.mapping.program` builds. Everything in a program has a number, which the method gives that adds it; a part that does not fit raises. csrc/text/program.h says what fits.
local mapper = {}

--- Begin a program. Scope 0, key 0 (its object) and the keys of "id", "livemode" and "updated" are there.
---@return commerce.core.Mapper
function core.mapper() end

--- Add a scope: what the elements of an array are read in.
---@param parent integer the scope around it
---@return integer scope
---@return integer key that stands for an element
function mapper:scope(parent) end

--- Add a member to read, or find it.
---@param parent integer the key of the object that it is in
---@param name string
---@return integer key
function mapper:key(parent, name) end

--- Add a constant text.
---@param text string
---@return integer text
function mapper:text(text) end

--- Add a set of words. The first set of a program has the decimals of currencies.
---@param words string[]
---@param ours string[]? what each stands for
---@return integer words
function mapper:words(words, ours) end

--- Add fields of an object.
---@param scope integer
---@param names string[] in the order of their bytes
---@param expressions integer[] one for each; -1: no value
---@return integer fields
function mapper:fields(scope, names, expressions) end

--- Add an expression.
---@param scope integer
---@param operation string
---@param arguments integer[] as the operation takes them (csrc/text/program.h, cm_op)
---@return integer expression
function mapper:expr(scope, operation, arguments) end

--- Add a shape: the members of a record, or of an object in it.
---@param members { name: string, kind: string, words: integer?, shape: integer?, required: boolean? }[]
---@return integer shape
function mapper:shape(members) end

--- Add a recipe: how the records of a data type are made.
---@param options { shape: integer, where: integer?, each: integer?, inner: integer?, suffix: integer?, inner_where: integer?, loose: boolean? } loose = true: a record may be without an id
---@param expressions integer[] one for each member of the shape; -1: no value
---@param inner integer[]? as well, of the records that are split off
---@return integer recipe
function mapper:recipe(options, expressions, inner) end

--- End the building.
---@param functions function[] that the program calls, by their numbers
---@param decode fun(text: string, computed: boolean): any reads JSON that a function gets; computed: it has numbers of more digits than a double has
---@param encode fun(value: table<string|integer, any>): string writes a table that a function gave
function mapper:finish(functions, decode, encode) end

--- Read an object of a page.
---@param page commerce.core.Page
---@param i integer
---@param livemode boolean the connection's mode
---@return string? id nil: another mode, no id, or what the core does not read; decode it
function mapper:read(page, i, livemode) end

--- Read an object from its JSON.
---@param text string
---@param livemode boolean
---@return string? id as `read`
function mapper:read_text(text, livemode) end

--- Read an object from its JSON, whatever its id and its mode.
---@param text string
---@return boolean ok false if it is not a JSON object
function mapper:load(text) end

--- Get a value of the object that was read.
---@param key integer of scope 0
---@return string|number|boolean|nil value nil for null, objects and arrays as well
function mapper:value(key) end

--- Make the records of one data type of the object that was read.
---@param recipe integer
---@param list commerce.Record[] records are appended to it
---@param dated string? the date of the object's last change; used if it is later than the record's
---@param seen table<string, boolean>? ids of which no more record is made; gets the new ones
---@return integer? count how many were appended; nil if one of them is not valid
---@return string? reason
---@return any raised what a function of the mapping raised, if one did
function mapper:make(recipe, list, dated, seen) end

---@class commerce.core.MapperPlan what `mapper:run` makes of each object
---@field [1] integer the recipe
---@field [2] commerce.Record[] receives the records
---@field [3] string[] receives the ids of objects without any

--- Make the records of several objects of a page.
---@param page commerce.core.Page
---@param first integer from 1
---@param last integer
---@param livemode boolean
---@param plans commerce.core.MapperPlan[]
---@param stops any[] { key, text, ... }: an object with one of these values ends the run; "true"
---  stands for true
---@param ids table<string, any>? an object with one of these ids ends the run
---@return integer next the object that ended the run; last + 1 if there was none
---@return integer? plan the first one that has not made the records of that object
function mapper:run(page, first, last, livemode, plans, stops, ids) end

--- Get the counts of the tallies since the last call.
---@return integer[] counts of each tally: objects that it was computed for, objects that gave a value
function mapper:tallies() end

-- ---------------------------------------------------------------- pager

---@class commerce.core.Pager one list. Pages get smaller (100, 50, 25), and stay so, after a 5xx or a timeout. If the object under the cursor was deleted, the pager goes back to the objects before it and, when the last page is used up, continues by `created`; no object comes twice or is missed. An empty page that says has_more is asked for again, then the pager continues by `created`. If the object of the option `cursor` was deleted or only such pages follow it, the failure has code "resource_missing" and param "starting_after"; where no page can be passed by `created`, it has code "empty_page".
local pager = {}

--- Get the next page, which is never empty; nil alone at the end.
---@return commerce.core.Page|false|nil
---@return string? message
---@return commerce.Failure? details
function pager:poll() end

--- Get the present page size, in objects.
---@return integer
function pager:limit() end

--- Leave the older part of the list to another pager, which must be opened with created_lt = second:
--- from now on this one gives no object created before `second`. Pages that are here or on their way
--- are cut, so that no object comes twice or is missed.
---@param second integer Unix seconds
---@return boolean split false, with nothing changed, if an object as old was polled already, if the list ends before, if `second` lies outside the rest of the list, or if the objects do not come newest first by `created`
function pager:split(second) end

--- Get the position: the rest of the list lies between the two results.
---@return integer? reached created of the last object polled; nil before the first
---@return integer? lower_bound lowest created it asks for; nil without a bound
function pager:position() end

--- Cancel a running request and drop the pages that were not polled.
function pager:close() end

-- ---------------------------------------------------------------- page

---@class commerce.core.Page elements as JSON text, counted from 1; #page is their number
---@operator len: integer
local page = {}

--- Get the number of elements. (LuaJIT and Lua 5.4 both know #page.)
---@return integer
function page:count() end

--- Check whether the server has older objects; false for a page that a split made the last one.
---@return boolean
function page:has_more() end

--- Get an element's JSON text, or the part of it that the projection keeps.
---@param i integer
---@param projection commerce.core.Projection?
---@return string? json nil if the element is not an object of valid JSON, nested 64 deep at most
---@return string? reason
function page:element(i, projection) end

--- Iterate: for i, json in page:elements() do … end
---@return fun(page: commerce.core.Page, i: integer): integer?, string?
---@return commerce.core.Page
---@return integer
function page:elements() end

--- Get an element's id.
---@param i integer
---@return string? id nil if the element has none
function page:id(i) end

--- Get the time at which an element was created.
---@param i integer
---@return integer? created Unix seconds; nil if the element has none
function page:created(i) end

--- Get the id of the first element.
---@return string?
function page:first_id() end

--- Get the id of the last element: the cursor after this page.
---@return string?
function page:last_id() end

--- Get Stripe's id of the request that brought the page.
---@return string?
function page:request_id() end

--- Get the size of the page's JSON text in bytes, uncompressed.
---@return integer
function page:bytes() end

--- Give the memory back early; the page has no elements then.
function page:close() end

return core
