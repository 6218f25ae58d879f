---@meta commerce.store

-- The contract of a store, as types that an editor completes: which methods a store has, what they
-- take and give. commerce.store.contract lists the same methods by part, and commerce.testing.store
-- tests what they do.
--
-- A method that fails returns nil, a message and a failure, and has changed nothing. Dates are
-- YYYY-MM-DDTHH:MM:SSZ. A value that is absent from a row is nil.

---@class commerce.Store
local Store = {}

-- ---------------------------------------------------------------- what the methods take and give

---@class commerce.Record a record to be written
---@field id string
---@field body string the record's JSON without modifiedDate, from `model.record`

---@class commerce.SourceRow a source object that is kept, or the entry of a listing
---@field id string
---@field parent_id string? of an object that belongs to another one
---@field data string? JSON

---@class commerce.Family: commerce.SourceRow
---@field children string[] JSON of the objects that belong to it

---@class commerce.PayoutTotals what the transactions of a payout add up to, in major units
---@field transaction_count integer
---@field gross_amount string digits, before fees; the payout's amount is it without the fees
---@field fees string

---@class commerce.PayoutLinks a page of the transactions that an automatic payout consists of
---@field payout string its id
---@field transactions string[] Stripe's ids
---@field anew boolean? the first page: the payout's earlier links and totals go
---@field totals commerce.PayoutTotals? with the last page

---@class commerce.PaidTransaction
---@field id string Stripe's
---@field records string[] JSON of its stored rows that are not deleted, those of its fees included

---@class commerce.Page what one page gave; every field may be left out
---@field records table<string, commerce.Record[]>? by data type name
---@field resource string? of the sources, and of the dropped ones
---@field sources commerce.SourceRow[]? kept for joins
---@field dropped string[]? ids of sources that are gone
---@field deleted table<string, string[]>? by data type name: ids of records that the source
---  deleted; the records stay, marked
---@field seen table<string, string[]>? by data type name, or '' for sources: ids that a full read
---  saw
---@field sweep integer? the id of the full read, from `begin_sweep`
---@field states table<string, commerce.Checkpoint>? by resource
---@field payout_links commerce.PayoutLinks?
---@field remade boolean? the records were made of kept sources: those marked as deleted stay
---  marked, and the counts tell how many (`marked`)

---@class commerce.Rewritten what the rewriting of a batch of rows did
---@field last string|integer|nil the id or number of the last row of the batch; nil if it was empty
---@field seen integer rows of the batch
---@field changed integer
---@field removed integer?

---@class commerce.Counts
---@field created integer
---@field changed integer
---@field unchanged integer
---@field deleted integer
---@field marked integer?

---@class commerce.PageChange
---@field type string data type name
---@field kind "created"|"changed"|"deleted"
---@field ids string[]

---@class commerce.Change
---@field number integer one higher than that of the connection's change before; changes of erased
---  records are left out, and leave gaps
---@field type string data type name
---@field kind "created"|"changed"|"deleted"
---@field id string
---@field at string
---@field data string? the record's JSON as it is now

---@class commerce.RecordOptions
---@field connection_id string?
---@field integrations string[]? only records of their connections
---@field query commerce.Query?
---@field order_by commerce.Order?
---@field limit integer?
---@field offset integer?
---@field deleted boolean? also those that the source deleted; so does a query about
---  metadata.isDeleted

---@class commerce.FiguresAsked which records, in which periods; deleted ones never count
---@field periods string[] the bounds of the periods, each at midnight UTC, in their order: a period
---  begins at one and ends before the next
---@field date string? the field of the date (default createdDate)
---@field query commerce.Query? its fields may be facts of the data type
---@field by string[]? the fields and facts, of texts, by which the records are grouped
---@field sum string? the field that is added up
---@field signs boolean? whether records with a negative value of this field are groups of their own
---@field customer string? the field or fact that names the customer
---@field limit integer? of the largest

---@class commerce.Sum a period's records of one group; the group's values by the names of `by`
---@field period integer
---@field count integer records
---@field negative boolean? only with `signs`; nil if the records do not have the field
---@field amounts integer how many of them have the field that is added up
---@field sum string? exact, as a decimal number of at most 12 decimals; nil if none has the field

---@class commerce.CustomerCount a period's customers of one group; the group's values by the names
---  of `by`
---@field period integer
---@field customers integer
---@field records integer of customers
---@field seconds integer from each customer's first record of the period to the last, added up

---@class commerce.CustomerSum
---@field customer string
---@field count integer records
---@field sum string exact

---@class commerce.LineSum the lines of a period's orders of one currency
---@field period integer
---@field currency string?
---@field count integer lines
---@field sum string exact

---@class commerce.CompanyRow
---@field id string
---@field name string
---@field description string?
---@field tags string? a JSON object of texts
---@field products string|false|nil a JSON list of the company's products; of a row that is saved: nil
---  keeps what is stored, false removes it
---@field created string

---@class commerce.CompanySearch: commerce.ListRequest which companies; the query and the order are
---  parsed with `datasets.companies`
---@field tags commerce.Query? parsed with `datasets.tags`
---@field integrations string[]? names: only companies with a connection of one of these, and those
---  without any connection

---@class commerce.CompanyFilter which companies
---@field id string?
---@field name string?
---@field limit integer?
---@field offset integer?

---@class commerce.ConnectionRow
---@field id string
---@field company_id string
---@field integration string "stripe" or "stripe-test"
---@field account string?
---@field name string?
---@field status string
---@field auth string? how the account is reached
---@field scope string?
---@field sync_on_link string?
---@field link_id string?
---@field created string
---@field linked string?
---@field last_sync string?
---@field first_read string? when all that is read at first had been read

---@class commerce.ConnectionFilter which connections
---@field id string?
---@field company_id string?
---@field status string?
---@field integration string?
---@field account string?
---@field auth string?
---@field link_id string?
---@field limit integer?
---@field offset integer?

---@class commerce.ConnectionChanges what is nil stays as it is; false: none any more
---@field account string|false|nil
---@field name string|false|nil
---@field status string?
---@field auth string|false|nil
---@field scope string|false|nil
---@field sync_on_link string|false|nil
---@field linked string|false|nil
---@field last_sync string|false|nil
---@field at string? when; needed with a status
---@field reason string? for the history

---@class commerce.StatusRow
---@field at string
---@field status string
---@field reason string?

---@class commerce.ErrorRow
---@field at string
---@field status_code string
---@field status_text string
---@field message string
---@field resolved string? when the connection worked again

---@class commerce.PullRow a run of one data type
---@field id string
---@field connection_id string
---@field data_type string
---@field status string
---@field requested string
---@field completed string?
---@field read integer
---@field created integer
---@field changed integer
---@field unchanged integer
---@field progress integer percent
---@field error_message string?

---@class commerce.WantedPull
---@field id string of a new pull
---@field connection_id string
---@field data_type string
---@field unless_since string? a date: not if there was a request since then. Its outcome does not
---  matter, and one that is dated more than an hour after now does not count, since a clock that was
---  ahead has dated it

---@class commerce.ReadRow
---@field data_type string
---@field status string
---@field modified boolean whether records were created, changed or deleted
---@field message string?
---@field pull commerce.PullRow? to be kept

---@class commerce.InboxRow
---@field connection_id string?
---@field id string
---@field at integer unix seconds, when it happened
---@field body string JSON

---@class commerce.IntegrationRow
---@field name string
---@field client_id string?
---@field scope string
---@field sync_on_link string
---@field redirect_uri string?
---@field enabled boolean
---@field restricted_keys boolean
---@field has_secret_key boolean? given, not taken

---@class commerce.AppRow
---@field integration string
---@field client_id string?
---@field app_id string? "app_…"
---@field install_link string?
---@field redirect_uri string?
---@field enabled boolean
---@field has_secret_key boolean? given, not taken

---@class commerce.AppGrantRow
---@field integration string
---@field account string
---@field number integer of the token
---@field expires integer Unix seconds: the access token

---@class commerce.SyncSettingRow a field that is not set is nil
---@field fetch_on_first_link boolean?
---@field sync_schedule integer? hours
---@field sync_order integer?
---@field sync_from_utc string?
---@field sync_from_window integer? months
---@field is_locked boolean?

---@class commerce.SecretRow
---@field owner string "connection:UUID"
---@field envelope string sealed
---@field key_id string the master key's
---@field modified string

---@class commerce.ApiKeyRow
---@field id string
---@field name string?
---@field hash string
---@field created string
---@field expires string?
---@field read_only boolean? whether it may only read

---@class commerce.AccessTokenRow what may manage one company's connections, until it expires
---@field hash string the token's
---@field company_id string
---@field expires integer Unix seconds

---@class commerce.UserRow who signs in to the portal
---@field id string
---@field login string the name without case, by which the user signs in
---@field name string
---@field role "admin"|"viewer"
---@field password string? a hash that names its parameters; nil while the user is invited
---@field invite string? the hash of the token with which the user sets a password
---@field invite_expires integer? Unix seconds
---@field created string
---@field seen string? when the user signed in last

---@class commerce.UserChanges what is nil stays as it is; false: none any more
---@field name string?
---@field role "admin"|"viewer"|nil
---@field password string|false|nil
---@field invite string|false|nil
---@field invite_expires integer|false|nil
---@field seen string?

---@class commerce.SessionRow a browser that is signed in
---@field hash string of the token in its cookie
---@field id string tells a user's sessions apart
---@field user_id string
---@field mode "test"|"live" that of the last page
---@field created integer Unix seconds
---@field seen integer Unix seconds
---@field expires integer Unix seconds
---@field address string? the IP address that it began at
---@field agent string? the browser's name for itself

---@class commerce.AuditRow an entry of the log of what was done
---@field number integer? given by the store; a later entry has a higher one
---@field at string
---@field actor string who: a user's name, or the name of an API key or program
---@field action string what: "company.delete"
---@field target string? to what, such as a company's name
---@field mode string? test or live, where it matters
---@field address string? the client's IP address
---@field detail string?

---@class commerce.ConsumerRow
---@field id string
---@field url string
---@field disabled boolean
---@field event_types string[] an empty list asks for all
---@field company_tags string[] an empty list asks for all
---@field created string
---@field failing_since number? unix seconds, since when no delivery has succeeded

---@class commerce.QueueRow
---@field waiting integer
---@field failed integer
---@field oldest string? the date of the oldest event that waits

---@class commerce.CompanyFacts a company, as an event tells of it
---@field id string
---@field name string? nil if the company is gone
---@field description string?
---@field created string?
---@field tags table<string, string>?
---@field last_sync string? only of an event about the company itself

---@class commerce.ClientFacts the client as a whole, as an event tells of it
---@field daily_quota integer requests
---@field remaining integer requests
---@field expires string YYYY-MM-DDTHH:MM:SSZ

---@class commerce.EventFacts what an event tells of
---@field company commerce.CompanyFacts? nil if it is about the client
---@field connection commerce.ConnectionRow? of an event about a connection
---@field errors commerce.ErrorRow[]? the connection's, as far as they are not resolved
---@field reads commerce.ReadRow[]? the data types that were read
---@field since string? when all that was read had been read before
---@field reason string?
---@field client commerce.ClientFacts?

---@class commerce.NewEvent an event to be kept: about a company, a connection or the client
---@field id string? the event's (default: a new one)
---@field company commerce.CompanyRow?
---@field connection commerce.ConnectionRow?
---@field client commerce.ClientFacts?
---@field reason string?
---@field reads commerce.ReadRow[]?
---@field since string? when all that was read had been read before
---@field errors commerce.ErrorRow[]? default: those that the store has

---@class commerce.DeliveryRow
---@field event integer the event's number
---@field consumer_id string
---@field url string
---@field attempts integer so far
---@field id string the event's
---@field type string
---@field at string
---@field facts commerce.EventFacts

---@class commerce.DeliveryOutcome
---@field status "delivered"|"waiting"|"failed" failed: for good
---@field due number? unix seconds, until which it waits
---@field now number unix seconds
---@field at string the same as a date
---@field http_status integer?
---@field error string? without secrets
---@field patience number a consumer that fails for so many seconds is disabled

---@class commerce.MessageRow
---@field number integer
---@field id string
---@field type string
---@field at string
---@field status "waiting"|"delivered"|"failed"
---@field attempts integer
---@field due number unix seconds
---@field attempted string?
---@field http_status integer?
---@field error string?

-- ---------------------------------------------------------------- pages

--- Write what one page gave, and the checkpoint after it, in one transaction. The connection must
--- be "Linked"; otherwise the failure's code is "not_linked".
---@param connection_id string
---@param page commerce.Page
---@param now string the modifiedDate of what changes, YYYY-MM-DDTHH:MM:SSZ
---@return table<string, commerce.Counts>? counts by data type; nil on failure
---@return commerce.PageChange[]|string done what `changes` will tell; or a message
---@return commerce.Failure? failure
function Store:write_page(connection_id, page, now) end

-- ---------------------------------------------------------------- records

--- Iterate over stored records, newest first by default. They may be written
--- meanwhile; one whose createdDate changes may then come twice, or not at all.
---@param data_type commerce.DataType
---@param options commerce.RecordOptions
---@return (fun(): string?, string?, string?)? next gives id, data and connection id; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:records(data_type, options) end

--- How many records of a type are stored.
---@param data_type commerce.DataType
---@param connection_id string
---@param tree commerce.Query? without one, all but the deleted ones
---@return integer? count nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:count(data_type, connection_id, tree) end

--- The stored records of some ids, without the deleted ones.
---@param data_type commerce.DataType
---@param connection_id string
---@param ids string[]
---@param deleted boolean? true: with the deleted ones
---@return table<string, string>? data JSON by id; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:find(data_type, connection_id, ids, deleted) end

-- ---------------------------------------------------------------- browsing

---@class commerce.Place a place in an ordered list
---@field id string of the record there
---@field value string|number|nil what the list is ordered by, of this record

---@class commerce.PageAsked
---@field connection_id string
---@field order commerce.Order by "id", or a scalar field or a fact of the data type
---@field limit integer the most records of the page
---@field from commerce.Place? the record that the page comes after; without one it is the first
---@field backward boolean? whether the page ends before `from`, or is the last one without it
---@field query commerce.Query? a query about deleted records gets them, and the order must be "id"
---@field look integer? with a query, how many records are looked at, at most

---@class commerce.RecordPage
---@field rows { id: string, data: string, place: commerce.Place }[] in the list's order
---@field looked integer how many records were looked at
---@field more commerce.Place? where to go on in the same direction; nil at the end of the list

--- A page of a connection's records at a place of an order. It costs the same everywhere in the
--- list if `record_orders` has the order; else the whole list is sorted.
---@param data_type commerce.DataType
---@param asked commerce.PageAsked
---@return commerce.RecordPage? page nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:record_page(data_type, asked) end

--- How many records of a type are stored, without the deleted ones, as far as they are counted: a
--- million takes a tenth of a second.
---@param data_type commerce.DataType
---@param connection_id string
---@param most integer
---@return integer? count at most `most`; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:count_upto(data_type, connection_id, most) end

--- The fields and facts by which `record_page` orders without sorting.
---@param data_type commerce.DataType
---@return string[]? fields nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:record_orders(data_type) end

--- Make an order one of `record_orders`. That takes some seconds for a million records, in which
--- no other process can write, and makes writing a record slower from then on.
---@param type_name string the data type's
---@param field string a scalar field or a fact
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:index_order(type_name, field) end

--- What the log of changes says of one record, newest first.
---@param data_type commerce.DataType
---@param connection_id string
---@param id string
---@param limit integer
---@return { at: string, kind: "created"|"changed"|"deleted", number: integer }[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:changes_of(data_type, connection_id, id, limit) end

-- ---------------------------------------------------------------- payouts

--- The payouts that transactions were paid out in, as far as it is known.
---@param connection_id string
---@param transaction_ids string[] Stripe's
---@return table<string, string>? payouts by transaction; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:payouts_of(connection_id, transaction_ids) end

--- What the transactions of payouts add up to, of those whose transactions are all linked.
---@param connection_id string
---@param payout_ids string[]
---@return table<string, commerce.PayoutTotals>? totals by payout; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:payout_totals(connection_id, payout_ids) end

--- A batch of the automatic payouts that are reconciled and not deleted and have no totals.
---@param connection_id string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@param all boolean? also those with totals
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:linkable_payouts(connection_id, after, limit, all) end

--- A batch of the transactions that are linked to a payout, in the order of their ids.
---@param connection_id string
---@param payout_id string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return commerce.PaidTransaction[]? batch nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:paid_transactions(connection_id, payout_id, after, limit) end

-- ---------------------------------------------------------------- figures

--- How many records there are in each period, and what a field adds up to. A group without records
--- is left out.
---@param data_type commerce.DataType
---@param connection_id string
---@param asked commerce.FiguresAsked
---@return commerce.Sum[]? list in no order; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:sums(data_type, connection_id, asked) end

--- How many customers the records of each period name.
---@param data_type commerce.DataType
---@param connection_id string
---@param asked commerce.FiguresAsked with `customer`
---@return commerce.CustomerCount[]? list in no order; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:customers(data_type, connection_id, asked) end

--- How many customers have their first record of all in each period.
---@param data_type commerce.DataType
---@param connection_id string
---@param asked commerce.FiguresAsked with `customer`; without `by` and `date`
---@return integer[]? counts one a period; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:new_customers(data_type, connection_id, asked) end

--- The customers whose payments add up to most, largest first. A refund counts for the customer of
--- its charge.
---@param connection_id string
---@param asked commerce.FiguresAsked periods: one; query, which must name one currency; limit: how
---  many customers
---@return commerce.CustomerSum[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:top_customers(connection_id, asked) end

--- What the lines of orders add up to: quantity times unitPrice, or totalAmount if one is missing.
---@param data_type commerce.DataType with the field orderLineItems
---@param connection_id string
---@param asked commerce.FiguresAsked
---@return commerce.LineSum[]? list in no order; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:line_sums(data_type, connection_id, asked) end

-- ---------------------------------------------------------------- types

--- The data types of the store: those of the model, then those that users defined.
---@return commerce.DataType[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:types() end

--- A data type by its name or key.
---@param name string
---@return commerce.DataType? data_type nil if there is none, and on failure
---@return string? message names the ones there are
---@return commerce.Failure? details
function Store:find_type(name) end

--- Keep a data type that a user defined, or its new fields. Records stay as they are.
---@param data_type commerce.DataType from `model.new`
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:define_type(data_type) end

--- Why the store cannot hold a data type.
---@param data_type commerce.DataType
---@return string? problem nil if it can
function Store:type_problem(data_type) end

-- ---------------------------------------------------------------- sources

--- The checkpoint of a resource.
---@param connection_id string
---@param resource string
---@return commerce.Checkpoint? state nil if there is none
---@return string? message
---@return commerce.Failure? failure
function Store:state(connection_id, resource) end

--- All checkpoints of a connection.
---@param connection_id string
---@return table<string, commerce.Checkpoint>? states by resource; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:states(connection_id) end

--- A batch of kept source objects with their children, in the order of their ids.
---@param connection_id string
---@param resource string of the parents
---@param child_resource string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return commerce.Family[]? batch nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:joined_sources(connection_id, resource, child_resource, after, limit) end

--- A batch of kept source objects, in the order of their ids.
---@param connection_id string
---@param resource string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return commerce.SourceRow[]? batch nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:kept_sources(connection_id, resource, after, limit) end

--- A kept source object.
---@param connection_id string
---@param resource string
---@param id string
---@return string? data JSON; nil if it is not kept, and on failure
---@return string? message
---@return commerce.Failure? failure
function Store:find_source(connection_id, resource, id) end

--- Forget the kept source objects of a connection. They may be many: a failure leaves some.
---@param connection_id string
---@param except string[] resources whose objects stay
---@param limit integer? delete about so many at most, in one transaction; nil: all
---@return boolean|integer? ok nil on failure. With a limit: how many were deleted; exactly the limit
---  says that more may be left
---@return string? message
---@return commerce.Failure? failure
function Store:drop_sources(connection_id, except, limit) end

-- ---------------------------------------------------------------- erasure

-- Rewriting what is stored, so that no trace is left of what was there. A batch of rows and the
-- checkpoints that `states` gives are one transaction, whatever the connection's status is.
-- `edit(text, id)` gives the new text, nil for no change, or false to remove the row. It is called
-- again for the same rows if the transaction begins anew.

--- Rewrite a batch of records, those marked as deleted included. The log of changes gets what `log`
--- gives, and else stays as it is.
---@param connection_id string
---@param data_type commerce.DataType
---@param after string the id after which to start, "" for the first
---@param limit integer
---@param edit fun(data: string, id: string): string|false|nil
---@param states (fun(done: commerce.Rewritten): table<string, commerce.Checkpoint>)?
---@param log (fun(done: commerce.Rewritten): commerce.PageChange[], string)? gives entries for the
---  log of changes, written in the same transaction, and the time
---@return commerce.Rewritten? done nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:rewrite_records(connection_id, data_type, after, limit, edit, states, log) end

--- Rewrite a batch of kept source objects.
---@param connection_id string
---@param resource string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@param edit fun(data: string, id: string): string|false|nil
---@param states (fun(done: commerce.Rewritten): table<string, commerce.Checkpoint>)?
---@return commerce.Rewritten? done nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:rewrite_sources(connection_id, resource, after, limit, edit, states) end

--- Rewrite a batch of the events that wait to be applied.
---@param connection_id string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@param edit fun(body: string, id: string): string|false|nil
---@param states (fun(done: commerce.Rewritten): table<string, commerce.Checkpoint>)?
---@return commerce.Rewritten? done nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:rewrite_events(connection_id, after, limit, edit, states) end

--- The resources of which source objects are kept, by name.
---@param connection_id string
---@return string[]? names nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:kept_resources(connection_id) end

--- Remove records, their marks and columns, without a trace. The log of changes stays as it is.
---@param connection_id string
---@param data_type commerce.DataType
---@param ids string[]
---@return integer? count of removed records; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:remove_records(connection_id, data_type, ids) end

--- Remove kept source objects, without a trace.
---@param connection_id string
---@param resource string
---@param ids string[]
---@return integer? count of removed objects; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:remove_sources(connection_id, resource, ids) end

--- Forget the ids of records that are not there any more, in a batch of the log of changes. Their
--- changes are not given any more; the numbers of the others stay.
---@param connection_id string
---@param after integer the number after which to start
---@param upto integer the last number
---@param limit integer rows of the log
---@return commerce.Rewritten? done changed: how many ids; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:forget_gone(connection_id, after, upto, limit) end

--- Keep hashes of what is not to be stored again.
---@param connection_id string
---@param hashes string[]
---@param now string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_erased(connection_id, hashes, now) end

--- Those of some hashes that `add_erased` has kept.
---@param connection_id string
---@param hashes string[]
---@return table<string, true>? found nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:erased(connection_id, hashes) end

--- Whether `add_erased` has kept anything of a connection.
---@param connection_id string
---@return boolean? has nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:has_erased(connection_id) end

--- Remove the traces that a file's log still has of what was rewritten.
---@param compact boolean? also those in the unused space of the file, by writing all of it anew,
---  which takes seconds for each gigabyte
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:finish_erasure(compact) end

-- ---------------------------------------------------------------- sweeps

--- Begin a full read of a list: forget what an earlier one saw, and replace the list's checkpoint,
--- both or neither.
---@param connection_id string
---@param key string under which the list's checkpoint is kept
---@param state commerce.Checkpoint of the list; state.sweep, a table, gets the `id`
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:begin_sweep(connection_id, key, state) end

--- End a full read: forget what it saw.
---@param connection_id string
---@param key string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:end_sweep(connection_id, key) end

--- A batch of the stored records, without deleted ones, that no full read has seen though they are
--- old enough to have been listed.
---@param data_type commerce.DataType
---@param connection_id string
---@param full_reads integer[] ids from `begin_sweep`: of the lists that the type is made of
---@param visible integer unix seconds: what was created from then on may not have been listed yet
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:unseen(data_type, connection_id, full_reads, visible, after, limit) end

--- The same for kept source objects.
---@param connection_id string
---@param resource string
---@param full_read integer its id
---@param visible integer unix seconds
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:unseen_sources(connection_id, resource, full_read, visible, after, limit) end

-- ---------------------------------------------------------------- changes

--- The changes after one, in order. Fails with kind "state" and code "changes_pruned" if some of them
--- were pruned.
---@param connection_id string
---@param after integer a change's number, 0 for the first
---@param limit integer at most so many
---@return commerce.Change[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:changes(connection_id, after, limit) end

--- The number of the last change, or of the last one before a day; 0 if there is none, or if it was
--- pruned with later ones.
---@param connection_id string
---@param before string? YYYY-MM-DDTHH:MM:SSZ
---@return integer? number nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:last_change(connection_id, before) end

--- The place in the log of changes up to which a consumer has come.
---@param connection_id string
---@param name string the consumer's
---@return integer? number of the last change that it acknowledged; nil if it is not known, and on
---  failure
---@return string? message
---@return commerce.Failure? failure
function Store:consumer(connection_id, name) end

--- Note that a consumer has dealt with all changes up to one. Fails if the consumer is not at
--- `from`, because another process reads under the same name.
---@param connection_id string
---@param name string the consumer's
---@param from integer? where it was; nil for a new one
---@param to integer
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:acknowledge(connection_id, name, from, to) end

--- Remove a batch of old changes that every consumer of the connection's log has acknowledged. The
--- numbers of the others stay; who asks for the removed ones is told that they are gone.
---@param connection_id string
---@param date string YYYY-MM-DDTHH:MM:SSZ; changes from then on stay
---@return { removed: integer, more: boolean }? done how many changes, and whether to call again; nil
---  on failure
---@return string? message
---@return commerce.Failure? failure
function Store:prune_changes(connection_id, date) end

---@class commerce.ChangeConsumer
---@field name string
---@field connections integer how many connections' logs it has read
---@field behind integer of how many of them it has not acknowledged all changes
---@field unread integer how many changes it has not acknowledged

--- The consumers of the logs of changes, by name.
---@return commerce.ChangeConsumer[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:change_consumers() end

--- When the oldest change happened that is kept in the log of any connection.
---@return string? at nil if none is kept; or on failure
---@return string? message
---@return commerce.Failure? failure
function Store:oldest_change() end

--- Forget how far a consumer has come, in the logs of all connections.
---@param name string
---@return integer? count of connections; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:drop_change_consumer(name) end

-- ---------------------------------------------------------------- checkpoints

--- The value that a script keeps under a name.
---@param name string
---@return any? value nil if there is nothing, and on failure
---@return string? message
---@return commerce.Failure? failure
function Store:checkpoint(name) end

--- Keep a value under a name; nil forgets it.
---@param name string
---@param value any what JSON can carry
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_checkpoint(name, value) end

-- ---------------------------------------------------------------- companies

--- Companies, oldest first.
---@param given commerce.CompanyFilter?
---@return commerce.CompanyRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:companies(given) end

--- Keep a company, or its changes. A new one makes an event, "company.created".
---@param row commerce.CompanyRow
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_company(row) end

--- Remove a company with its settings, its connections and everything stored of them: all or
--- nothing. The company and each connection make an event.
---@param id string
---@return boolean? removed false if there was none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:remove_company(id) end

-- ---------------------------------------------------------------- connections

--- Connections, oldest first.
---@param given commerce.ConnectionFilter?
---@return commerce.ConnectionRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:connections(given) end

--- Add a connection, and the company it belongs to if that is new as well: both or neither. Both
--- make events.
---@param row commerce.ConnectionRow
---@param options { company: commerce.CompanyRow?, new_account: boolean? }? new_account = true: only
---  if no connection of any company has this account in its integration yet
---@return boolean? added false, and nothing was added: the company has the account in this
---  integration already, or, where it had to be new, another one has; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_connection(row, options) end

--- Change a connection, unless another process was faster. A change of its status, or one that has
--- a reason, goes into its history, and if it is not "Linked" any more, the pulls that wait or are
--- under way are closed as "Cancelled", or as "AuthError" if it became "Deauthorized". A change of status makes an event.
---@param id string
---@param changes commerce.ConnectionChanges
---@param from string? the status that it must have for this
---@return boolean? changed false: there is no such connection with that status; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:change_connection(id, changes, from) end

--- Remove a connection with everything stored of it, its settings (`contract.OF_CONNECTION`) too:
--- all or nothing. It makes an event.
---@param id string
---@return boolean? removed false if there was none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:remove_connection(id) end

--- Delete the remains of removed connections, which are invisible but take room. A removal leaves
--- some if its process is killed or the disk is full.
---@return integer? connections how many had remains; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:finish_removals() end

--- Make the event that a merchant could not be linked. Changes nothing else.
---@param id string
---@param row commerce.ErrorRow
---@return boolean? told false if there is no such connection; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:tell_failed_link(id, row) end

--- The statuses that a connection has had, oldest first.
---@param id string
---@return commerce.StatusRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:connection_history(id) end

--- The errors of a connection as a whole, oldest first.
---@param id string
---@return commerce.ErrorRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:connection_errors(id) end

--- Note an error of a connection. One that is there and unresolved is not noted again.
---@param id string
---@param row commerce.ErrorRow
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_connection_error(id, row) end

--- Mark the errors of a connection as resolved: it works again.
---@param id string
---@param at string when
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:resolve_connection_errors(id, at) end

-- ---------------------------------------------------------------- pulls

--- Keep a pull, or its changes. A pull that has ended stays ended: a later write without `completed`
--- changes nothing.
---@param pull commerce.PullRow
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_pull(pull) end

--- End a connection's pulls that a killed process left under way, and date pulls from the future,
--- which a clock that was ahead has dated, as of now. The caller must have the connection's lease,
--- and must not have begun its own pulls.
---@param connection_id string
---@param now string the date of their end
---@return integer? ended how many; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:end_killed_pulls(connection_id, now) end

--- The latest pull of each data type of a connection.
---@param connection_id string
---@return table<string, commerce.PullRow>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:latest_pulls(connection_id) end

--- The latest pull of each data type of a connection that read all of it.
---@param connection_id string
---@return table<string, commerce.PullRow>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:latest_complete_pulls(connection_id) end

--- Whether a type's data was read completely at least once.
---@param connection_id string
---@param type_name string
---@return boolean? complete nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:is_complete(connection_id, type_name) end

--- The pulls of some connections, newest first by default.
---@param connection_ids string[]
---@param options commerce.ListRequest both parsed with `datasets.pulls`
---@return commerce.PullRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:pulls(connection_ids, options) end

--- How many pulls of some connections there are.
---@param connection_ids string[]
---@param tree commerce.Query?
---@return integer? count nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:count_pulls(connection_ids, tree) end

--- A pull by its id.
---@param id string
---@return commerce.PullRow? pull nil if there is none
---@return string? message
---@return commerce.Failure? failure
function Store:pull(id) end

-- ---------------------------------------------------------------- reads

--- End the read of a connection: keep its pulls as they are now, and make the event
--- "read.completed", and "read.completed.initial" the first time: all or nothing.
---@param connection_id string
---@param list commerce.ReadRow[]
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:end_reads(connection_id, list) end

-- ---------------------------------------------------------------- queue

--- Ask for pulls.
---@param wanted commerce.WantedPull[]
---@param now string the date of the request
---@return (commerce.PullRow|false)[]? pulls one for each, in the same order: new, or waiting
---  already; false for one that is not needed; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:queue_pulls(wanted, now) end

--- The pulls of a connection that wait.
---@param connection_id string
---@return table<string, commerce.PullRow>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:waiting_pulls(connection_id) end

--- Lease a connection with its waiting pulls, and those that a dead worker left. A lease is over
--- when its time has come, and also if its end is further away than twice its length: a clock that
--- was ahead wrote it. A connection that was never read completely comes first; then one of a
--- company that fewer workers are busy with, or whose turn was longer ago; then the one with the
--- pull that has waited longest.
---@param worker string
---@param now number? unix seconds; nil: by the store's clock, which all hosts share
---@param seconds number how long the lease is
---@return { connection_id: string, pulls: commerce.PullRow[] }? work nil if there is nothing to do
---@return string? message
---@return commerce.Failure? failure
function Store:take_pulls(worker, now, seconds) end

--- Keep a lease on a connection, or take one without looking for work.
---@param connection_id string
---@param worker string
---@param now number? unix seconds; nil: by the store's clock
---@param seconds number from now
---@return boolean? held false if another worker has it; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:lease(connection_id, worker, now, seconds) end

--- Give a connection back.
---@param connection_id string
---@param worker string
---@return boolean? released false if another worker has it; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:release(connection_id, worker) end

--- End the lease of a worker that is known to be dead, so that its work is taken over now.
---@param connection_id string
---@param worker string
---@return boolean? ended false if another worker has it; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:expire_lease(connection_id, worker) end

--- The workers that have a lease.
---@param now number? unix seconds; nil: by the store's clock
---@return table<string, string>? workers by connection id, without expired leases
---@return string? message
---@return commerce.Failure? failure
function Store:leases(now) end

-- ---------------------------------------------------------------- copies

---@class commerce.CopyState how far a copy into this store has come
---@field from string the name of the store that is copied
---@field part string? the part that is being copied
---@field after any[]? the place of the last row of it that was copied

--- The parts of which the content of a store consists, in the order in which they can be written:
--- tables of the store's own, and the records of each data type.
---@return string[]? names nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:copied_parts() end

--- Rows of a part, in an order that is the same in all stores. Values are texts, numbers and
--- booleans; secrets stay sealed.
---@param name string the part's
---@param after any[]? the place of the row to go on after; nil: from the first
---@param limit integer
---@return { rows: table<string, any>[], last: any[]? }? page `last` is the place of its last row
---@return string? message
---@return commerce.Failure? failure
function Store:read_part(name, after, limit) end

--- Write rows of a part, and how far the copy is, together.
---@param name string the part's
---@param rows table<string, any>[] as from `read_part`
---@param state commerce.CopyState
---@return integer? written nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:write_part(name, rows, state) end

--- How far a copy into this store has come.
---@return commerce.CopyState? state nil if none is under way, or on failure
---@return string? message
---@return commerce.Failure? failure
function Store:copy_state() end

--- Begin a copy into this store, or, without a state, end it.
---@param state commerce.CopyState?
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_copy_state(state) end

--- Whether there is anything in the store that a copy would bring.
---@return boolean? has nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:has_copied_rows() end

--- Write the whole store into a new file, as it is at one moment; others may write meanwhile. Only
--- of databases that are a file.
---@param path string
---@return boolean? ok nil on failure: then there is no such file
---@return string? message
---@return commerce.Failure? failure
function Store:backup(path) end

--- Begin a new epoch of the numbers of changes and events, above all that were given before. After a
--- backup was restored, the store that is lost may have given the next ones: readers that remember a
--- number would take other changes for those that they know.
---@param now number? unix seconds; nil: now. Epochs that begin at different seconds do not overlap
---@return integer? first the first number of the new epoch, of changes of all connections and of
---  events; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:skip_numbers(now) end

-- ---------------------------------------------------------------- workers

---@class commerce.HeldLease
---@field connection_id string the lease is on
---@field worker string the name of the run that holds it; no other run has this name

---@class commerce.LeaseRow
---@field connection_id string
---@field company_id string
---@field worker string
---@field held number? seconds since it was taken; nil if an older version took it
---@field remaining number seconds until it is over; negative if it is

---@class commerce.QueueState
---@field pulls integer that wait
---@field connections integer of these pulls
---@field first_links integer those of the connections that were never read completely
---@field oldest string? when the pull that has waited longest was requested
---@field leases commerce.LeaseRow[] also those that are over, longest held first

--- Renew a lease that this worker has. Unlike `lease`, it never takes one: if the lease is gone,
--- another worker may have had the connection in the meantime, and what this one knows is old.
---@param connection_id string
---@param worker string
---@param now number? unix seconds; nil: by the store's clock
---@param seconds number? from now; nil: as long as it was
---@return boolean? held false if the worker does not have it any more; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:renew_lease(connection_id, worker, now, seconds) end

--- Do a writing method in a transaction that renews a lease, by the store's clock: all of it, or,
--- if the lease is not held any more (code "taken_over"), nothing. So a worker that stood still while
--- another one took its connection cannot write.
---@param lease commerce.HeldLease
---@param method "write_page"|"save_pull"|"end_killed_pulls"|"end_reads"|"begin_sweep"|"end_sweep"|"drop_events"|"drop_sources"|"add_erased"|"forget_gone"|"remove_records"|"remove_sources"|"rewrite_events"|"rewrite_records"|"rewrite_sources"
---@param ... any the method's arguments
---@return any ... the method's results
function Store:under_lease(lease, method, ...) end

--- What waits, and who works.
---@param now number? unix seconds; nil: by the store's clock
---@return commerce.QueueState? state nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:queue_state(now) end

--- Ask for a share of a limit that several runs share, or renew it. Holders get equal parts, but
--- never more than what the others leave until they ask again: the shares are at most 1 together.
---@param name string the limit
---@param holder string
---@param seconds number how long the share lasts
---@param now number? unix seconds; nil: by the store's clock
---@return { share: number, others: string[] }? share 0 to 1, and the other holders; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:share(name, holder, seconds, now) end

--- Give a share back.
---@param name string the limit
---@param holder string
---@return boolean? dropped false if there was none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:drop_share(name, holder) end

--- How many pulls there are of each status, among those of some statuses.
---@param statuses string[]
---@return table<string, integer>? counts nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:pull_counts(statuses) end

--- Add to counters that all processes keep together.
---@param counts table<string, number>
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_counts(counts) end

--- The counters.
---@return table<string, number>? counts nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:counts() end

-- ---------------------------------------------------------------- Stripe's read allocation

---@class commerce.StripeReads the requests that were sent to Stripe on one day
---@field connection_id string
---@field day string YYYY-MM-DD, UTC
---@field reads integer
---@field transactions integer? the account's transactions of the 30 days before; nil: not counted

---@class commerce.StripeReadsSum
---@field reads integer
---@field transactions integer? as they were counted last
---@field counted string? the day of that count

--- Add requests to those of a day.
---@param row commerce.StripeReads
---@param oldest string YYYY-MM-DD: the connection's earlier days are dropped
---@return boolean? added false if the connection has been deleted; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_stripe_reads(row, oldest) end

--- The sums of the days from a day on.
---@param since string YYYY-MM-DD
---@param connection_id string? of this connection only
---@return table<string, commerce.StripeReadsSum>? sums by connection id, of those that have any; nil
---  on failure
---@return string? message
---@return commerce.Failure? failure
function Store:stripe_reads(since, connection_id) end

-- ---------------------------------------------------------------- inbox

--- Keep events. One that is there already is not kept twice.
---@param events commerce.InboxRow[]
---@return integer? added how many were not there; nil on failure: then none is kept
---@return string? message
---@return commerce.Failure? failure
function Store:keep_events(events) end

--- A connection's events, in the order in which they were kept.
---@param connection_id string
---@param limit integer
---@return commerce.InboxRow[]? events without connection_id; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:waiting_events(connection_id, limit) end

--- Drop events that have been applied.
---@param connection_id string
---@param ids string[]
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:drop_events(connection_id, ids) end

--- How many events wait.
---@return table<string, integer>? counts by connection id; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:waiting_counts() end

-- ---------------------------------------------------------------- settings

--- A setting.
---@param name string
---@return string? value nil if it is not set
---@return string? message
---@return commerce.Failure? failure
function Store:setting(name) end

--- Keep a setting.
---@param name string
---@param value string
---@param before string|false|nil the value that is replaced, false for none; if the setting has
---  another value by then, it keeps that. Nil: any value
---@return boolean? saved false: it has another value than `before`; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_setting(name, value, before) end

--- The integrations that were ever set.
---@return table<string, commerce.IntegrationRow>? rows by name; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:integrations() end

--- Keep an integration's row and with it, if it is given, its secret key: both or none.
---@param row commerce.IntegrationRow
---@param secret commerce.SecretRow?
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_integration(row, secret) end

-- ---------------------------------------------------------------- apps

--- The Stripe Apps that were ever set.
---@return table<string, commerce.AppRow>? rows by integration; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:apps() end

--- Keep an app's row and with it, if it is given, its secret key (owner "app:INTEGRATION"): both or
--- none.
---@param row commerce.AppRow
---@param secret commerce.SecretRow?
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_app(row, secret) end

--- What an account has granted to the app of an integration.
---@param integration string
---@param account string
---@return commerce.AppGrantRow? row nil if there is none, or on failure
---@return string? message
---@return commerce.Failure? failure
function Store:app_grant(integration, account) end

--- Keep what an account has granted, in the place of what it had, with its tokens: all or nothing.
--- Ends the lease of the process that renews it.
---@param row commerce.AppGrantRow
---@param access commerce.SecretRow
---@param refresh commerce.SecretRow
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_app_grant(row, access, refresh) end

--- Take the lease to renew a grant, or renew the lease.
---@param integration string
---@param account string
---@param holder string
---@param now integer Unix seconds
---@param seconds integer how long it lasts
---@return boolean? taken false if another has it, or there is no grant; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:lease_app_grant(integration, account, holder, now, seconds) end

--- End a lease.
---@param integration string
---@param account string
---@param holder string
---@return boolean? released false if the holder did not have it; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:release_app_grant(integration, account, holder) end

--- The grants by which no "Linked" connection reads.
---@param before integer Unix seconds: those whose access token has expired before
---@return commerce.AppGrantRow[]? rows in the order of their accounts; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:unused_app_grants(before) end

--- Delete a grant and its secrets.
---@param integration string
---@param account string
---@param owners string[] of the secrets
---@param number integer? only if the grant still has this number
---@return boolean? dropped false if there was none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:drop_app_grant(integration, account, owners, number) end

-- ---------------------------------------------------------------- secrets

--- The sealed secret of an owner.
---@param owner string such as "connection:UUID"
---@return commerce.SecretRow? row nil if there is none
---@return string? message
---@return commerce.Failure? failure
function Store:secret(owner) end

--- The sealed secrets whose owners begin with a prefix.
---@param prefix string such as "webhook:stripe-test:"
---@return commerce.SecretRow[]? rows ordered by owner; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:secrets_of(prefix) end

--- Keep a sealed secret in the place of its owner's last one.
---@param row commerce.SecretRow
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_secret(row) end

--- Delete the sealed secret of an owner.
---@param owner string
---@return boolean? dropped false if there was none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:drop_secret(owner) end

--- Exchange envelopes in one transaction: if it fails or is killed, no envelope is exchanged.
---@param seal fun(row: commerce.SecretRow): commerce.SecretRow|false|nil, string?, commerce.Failure?
---  gives the new row, false to leave this one alone, or nil, message, failure to end it all
---@return integer? changed how many; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:reseal(seal) end

-- ---------------------------------------------------------------- listings
-- A listing is the ids that the source listed under a name. The store keeps it for this process
-- alone, with flat memory, until it is dropped.

--- Add to a listing, and make it if it is new; entries that are in it already stay as they are.
---@param listing string a name that no other run uses
---@param entries commerce.SourceRow[] each without data if the ids are enough
---@return integer? added how many were not in it; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_listed(listing, entries) end

--- Drop a listing.
---@param listing string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:drop_listing(listing) end

--- A batch of stored ids, without deleted records, that a listing does not have.
---@param data_type commerce.DataType
---@param connection_id string
---@param listing string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:unlisted(data_type, connection_id, listing, after, limit) end

--- A batch of a listing's entries with their children in another one, in the order of their ids.
---@param listing string
---@param child_listing string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return commerce.Family[]? batch nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:listed_families(listing, child_listing, after, limit) end

-- ---------------------------------------------------------------- sync_settings

--- The settings of an owner.
---@param owner string "all", "integration:NAME" or "company:UUID"
---@return table<string, commerce.SyncSettingRow>? settings by data type name; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:sync_settings(owner) end

--- Keep settings of an owner, in the place of what it has for these data types: all or nothing.
---@param owner string
---@param settings table<string, commerce.SyncSettingRow|false> false removes a data type's
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:save_sync_settings(owner, settings) end

-- ---------------------------------------------------------------- link_states

--- Keep a link that was begun; drop the expired ones, and the oldest ones of its connection if it
--- has too many.
---@param row { id: string, connection_id: string, expires: integer } its nonce as id; unix seconds
---@param now integer Unix seconds
---@param most integer the greatest number of links of one connection
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_link_state(row, now, most) end

--- Whether a link waits to be finished.
---@param id string its nonce
---@return boolean? waits nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:has_link_state(id) end

--- Take a link. Of any number of processes one gets it, once.
---@param id string its nonce
---@return boolean? taken false if there was none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:take_link_state(id) end

--- Note that an OAuth code is about to be sent, and drop the expired notes. Of any number of
--- processes one may send it, once. A note outlives the removal of every connection.
---@param hash string the code's
---@param expires integer Unix seconds
---@param now integer Unix seconds
---@return boolean? new false if the code has been noted before; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:spend_code(hash, expires, now) end

-- ---------------------------------------------------------------- api_keys

--- Keep a new key, unless there are too many.
---@param key commerce.ApiKeyRow
---@param most integer how many there may be, this one included
---@return boolean? kept false if there were too many; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_api_key(key, most) end

--- All keys, oldest first.
---@return commerce.ApiKeyRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:api_keys() end

--- The key with a hash.
---@param hash string
---@return commerce.ApiKeyRow? row nil if there is none
---@return string? message
---@return commerce.Failure? failure
function Store:api_key_of(hash) end

--- Delete a key, unless it is the last one that works.
---@param id string
---@param now string the present, YYYY-MM-DDTHH:MM:SSZ
---@return string? outcome "deleted", "last" or "missing"; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:delete_api_key(id, now) end

-- ---------------------------------------------------------------- access_tokens

--- Keep a company's access token, and drop the expired ones.
---@param row commerce.AccessTokenRow
---@param now integer Unix seconds
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_access_token(row, now) end

--- The token with a hash, expired or not. A removed company's tokens are gone.
---@param hash string
---@return commerce.AccessTokenRow? row nil if there is none
---@return string? message
---@return commerce.Failure? failure
function Store:access_token_of(hash) end

-- ---------------------------------------------------------------- users

--- Users, oldest first.
---@param given { id: string?, login: string?, invite: string? }? only those
---@return commerce.UserRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:users(given) end

--- Keep a new user, unless another one has the login.
---@param row commerce.UserRow
---@param only_first boolean? whether there must be no other user at all
---@return boolean? kept false if there is another one; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_user(row, only_first) end

--- Change what is named of a user. The last administrator with a password keeps both.
---@param id string
---@param changes commerce.UserChanges
---@return "changed"|"missing"|"last"|nil outcome nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:change_user(id, changes) end

--- Remove a user with the user's sessions and saved filters (the setting `contract.OF_USER` .. id), unless this is the last administrator with a password.
---@param id string
---@return "removed"|"missing"|"last"|nil outcome nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:remove_user(id) end

--- Keep a session of a user, and drop the expired ones.
---@param row commerce.SessionRow
---@param now integer Unix seconds
---@return boolean? ok nil on failure, also if there is no such user
---@return string? message
---@return commerce.Failure? failure
function Store:add_session(row, now) end

--- The session with a hash, expired or not.
---@param hash string
---@return commerce.SessionRow? row nil if there is none
---@return string? message
---@return commerce.Failure? failure
function Store:session_of(hash) end

--- The sessions of a user, the latest used first.
---@param user_id string
---@return commerce.SessionRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:sessions(user_id) end

--- Change what is named of a session.
---@param hash string
---@param changes { mode: string?, seen: integer?, expires: integer? }
---@return boolean? changed false if there is no such session; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:change_session(hash, changes) end

--- End sessions of a user.
---@param user_id string
---@param given { id: string?, except: string? }? id: only this one; except: all but the one with
---  this hash; all, if left out
---@return integer? ended how many; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:end_sessions(user_id, given) end

-- ---------------------------------------------------------------- audit

--- Add an entry to the log of what was done, and forget the old ones.
---@param row commerce.AuditRow
---@param oldest string entries before this date are forgotten
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_audit(row, oldest) end

--- Entries of the log, newest first.
---@param given { limit: integer, before: integer? } before: only those with lower numbers
---@return commerce.AuditRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:audit(given) end

-- ---------------------------------------------------------------- directory

--- Companies, newest first by default, and how many there are in all.
---@param options commerce.CompanySearch
---@return { rows: commerce.CompanyRow[], total: integer }? page nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:find_companies(options) end

-- ---------------------------------------------------------------- webhook_consumers

--- Keep a consumer, unless there are too many.
---@param consumer commerce.ConsumerRow
---@param most integer how many there may be, this one included
---@return boolean? kept false if there were too many; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:add_webhook_consumer(consumer, most) end

--- All consumers, oldest first.
---@return commerce.ConsumerRow[]? consumers nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:webhook_consumers() end

--- Enable or disable a consumer. Deliveries that wait are kept and sent when it is enabled; events
--- that happen while it is disabled make no deliveries (see `replay_webhooks`).
---@param id string
---@param disabled boolean
---@return boolean? changed false if there is none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:disable_webhook_consumer(id, disabled) end

--- Delete a consumer and its deliveries.
---@param id string
---@return boolean? deleted false if there was none; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:delete_webhook_consumer(id) end

-- ---------------------------------------------------------------- outbox

--- Take the next delivery, for a consumer that no worker serves. The one that has waited longest
--- comes first, and a consumer's in their order. Times that lie too far in the future, written by a
--- clock that was ahead, count as over: a worker's beyond twice `seconds`, a delivery's beyond a day.
---@param worker string
---@param now number unix seconds
---@param seconds number how long the consumer is this worker's
---@return commerce.DeliveryRow? delivery nil if there is nothing to send now
---@return string? message
---@return commerce.Failure? failure
function Store:take_delivery(worker, now, seconds) end

--- Keep the outcome of an attempt, and let other workers serve the consumer again.
---@param worker string the one that took it
---@param delivery commerce.DeliveryRow
---@param outcome commerce.DeliveryOutcome
---@return boolean? disabled whether the consumer is disabled from now on; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:settle_delivery(worker, delivery, outcome) end

--- Let other workers serve the consumers that a worker has.
---@param worker string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:release_consumers(worker) end

--- The workers that serve consumers now.
---@param now number unix seconds
---@return string[]? workers nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:webhook_senders(now) end

--- The length of each consumer's queue.
---@return table<string, commerce.QueueRow>? queues by consumer id; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:webhook_queues() end

--- Keep an event about the client as a whole, for every consumer that wants it and has no tags.
---@param id string the event's, a UUID
---@param type_name string "client.rateLimit.reached" or "client.rateLimit.reset"
---@param facts commerce.ClientFacts
---@return boolean? kept false if there is such an event already; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:tell_client(id, type_name, facts) end

--- The deliveries of a consumer, newest first.
---@param consumer_id string
---@param options { status: string?, limit: integer? }? only those of the status; limit (100)
---@return commerce.MessageRow[]? messages nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:webhook_messages(consumer_id, options) end

--- Queue again, from the first attempt on, the events that a consumer wants and has not received:
--- deliveries that were given up, and events from before it was there or while it was disabled.
---@param consumer_id string
---@param given { id: string?, since: string?, all: boolean? } id: of one event, which is queued in any
---  case; or since: a date; all = true: also the events that it received
---@param now number unix seconds
---@return integer|false|nil count how many wait now for this; false if there is no such consumer;
---  nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:replay_webhooks(consumer_id, given, now) end

--- Delete the events from before a date that no enabled consumer waits for. (Events without any
--- delivery go by themselves.)
---@param date string
---@return integer? forgotten nil on failure
---@return string? message
---@return commerce.Failure? failure
function Store:forget_webhooks(date) end

--- Close the store; a second close does nothing.
function Store:close() end

return Store
