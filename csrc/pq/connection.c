#define _POSIX_C_SOURCE 200809L

#include "pq/connection.h"

#include "bind/class.h"
#include "pq/server_failure.h"
#include "pq/result.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_SECONDS "10" /* for each host, if neither the URL nor PGCONNECT_TIMEOUT says it */
#define CANCEL_SECONDS 5.0   /* for the answer to a statement that was cancelled */
#define MOST_EXACT 9007199254740992.0 /* 2^53: the largest integers that a double holds */
#define NUMBER_ROOM 40                /* bytes that the text of a number needs at most */

static const char CLOSED[] = "the connection is closed";
static const char NUL_BYTE[] = "a text has a NUL byte, which PostgreSQL cannot store";

/* ---------------------------------------------------------------- waiting */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits until the socket has news or can take more. False when the deadline (0: none) is over. */
static bool wait_socket(PGconn *conn, bool also_write, double deadline) {
  struct pollfd p;
  p.fd = PQsocket(conn);
  p.events = (short)(POLLIN | (also_write ? POLLOUT : 0));
  for (;;) {
    double left = deadline > 0 ? deadline - now() : 1.0;
    int ready;
    if (left <= 0)
      return false;
    p.revents = 0;
    ready = poll(&p, 1, deadline > 0 && left < 1.0 ? (int)(left * 1000) + 1 : 1000);
    if (ready > 0 || (ready < 0 && errno != EINTR))
      return true; /* libpq finds out what an error means */
  }
}

/*
** Sends what is buffered and reads until an answer is complete. False if the connection is lost or
** the deadline is over (`late` then).
*/
static bool pump(pq_connection *c, double deadline) {
  c->late = false;
  for (;;) {
    int unsent = PQflush(c->conn);
    if (unsent < 0)
      return false;
    if (unsent == 0 && !PQisBusy(c->conn))
      return true;
    if (!wait_socket(c->conn, unsent > 0, deadline)) {
      c->late = true;
      return false;
    }
    if (!PQconsumeInput(c->conn))
      return false;
  }
}

static double deadline_of(const pq_connection *c) {
  return c->timeout > 0 ? now() + c->timeout : 0;
}

static void drop(pq_connection *c) {
  PGconn *conn = c->conn;
  c->conn = NULL;
  c->queued = 0;
  c->streaming = c->copying = false;
  if (!conn)
    return;
  if (c->pid == getpid())
    PQfinish(conn);
  /* a child leaves its parent's connection alone: PQfinish would end the parent's session */
}

static bool cancel(pq_connection *c) {
  char reason[256];
  PGcancel *handle = c->conn ? PQgetCancel(c->conn) : NULL;
  bool sent = handle && PQcancel(handle, reason, sizeof reason);
  PQfreeCancel(handle);
  return sent;
}

/*
** Waits for the next result. An answer that does not come in time is cancelled at the server; a
** server that does not answer to that either has lost the connection.
*/
static bool await(pq_connection *c) {
  if (pump(c, deadline_of(c)))
    return true;
  if (c->late && cancel(c) && pump(c, now() + CANCEL_SECONDS))
    return true; /* the result says that it was cancelled */
  return false;
}

/* Pushes the failure of a connection that cannot be used any more, and closes it. */
static int push_lost(lua_State *L, pq_connection *c) {
  int n = c->late ? pq_push_failure(L, "the server did not answer in time", "", true)
                  : pq_push_failure(L,
                                    c->conn && PQerrorMessage(c->conn)[0]
                                        ? PQerrorMessage(c->conn)
                                        : "the connection to the server was lost",
                                    "", true);
  drop(c);
  return n;
}

/* ---------------------------------------------------------------- the state */

static pq_connection *to_connection(lua_State *L) {
  return luaL_checkudata(L, 1, PQ_CONNECTION);
}

/* The reason why a connection cannot take a statement now, or NULL. */
static const char *obstacle(const pq_connection *c) {
  if (!c->conn)
    return CLOSED;
  if (c->pid != getpid())
    return "the connection was opened before this process was forked";
  if (c->streaming)
    return "the rows of a stream are still to be read";
  if (c->copying)
    return "a COPY is under way";
  return NULL;
}

static int push_obstacle(lua_State *L, const pq_connection *c) {
  return pq_push_failure(L, obstacle(c), "", !c->conn || c->pid != getpid());
}

/* ---------------------------------------------------------------- parameters */

/* Writes a number as PostgreSQL reads it, in every locale. */
static void write_number(double n, char *out) {
  char *comma;
  int digits;
  if (isnan(n))
    strcpy(out, "NaN");
  else if (isinf(n))
    strcpy(out, n > 0 ? "Infinity" : "-Infinity");
  else if (n == floor(n) && fabs(n) <= MOST_EXACT)
    snprintf(out, NUMBER_ROOM, "%.0f", n);
  else
    for (digits = 15; digits <= 17; digits++) { /* 0.1 is not to become 0.10000000000000001 */
      snprintf(out, NUMBER_ROOM, "%.*g", digits, n);
      if (strtod(out, NULL) == n)
        break;
    }
  comma = strchr(out, ',');
  if (comma)
    *comma = '.';
}

/*
** Makes the parameters of a statement from the arguments after the SQL. The array is a userdata on
** the stack; the texts belong to the arguments. NULL if a text has a NUL byte.
*/
static const char **parameters(lua_State *L, int first, int *count) {
  int i, n = lua_gettop(L) - first + 1;
  const char **values;
  char *numbers;
  if (n < 0)
    n = 0;
  values = lua_newuserdata(L, ((size_t)n + 1) * (sizeof *values + NUMBER_ROOM));
  numbers = (char *)(values + n + 1);
  for (i = 0; i < n; i++) {
    size_t len;
    char *room = numbers + (size_t)i * NUMBER_ROOM;
    switch (lua_type(L, first + i)) {
    case LUA_TNIL:
      values[i] = NULL;
      break;
    case LUA_TBOOLEAN:
      values[i] = lua_toboolean(L, first + i) ? "t" : "f";
      break;
    case LUA_TNUMBER:
      write_number((double)lua_tonumber(L, first + i), room);
      values[i] = room;
      break;
    case LUA_TSTRING:
      values[i] = lua_tolstring(L, first + i, &len);
      if (strlen(values[i]) != len)
        return NULL;
      break;
    default:
      luaL_argerror(L, first + i, "nil, boolean, number or text expected");
    }
  }
  *count = n;
  return values;
}

/* Sends a statement with the arguments after it. Returns 0, or the number of pushed values. */
static int send(lua_State *L, pq_connection *c) {
  const char *sql = luaL_checkstring(L, 2), **values;
  int count = 0;
  values = parameters(L, 3, &count);
  if (!values)
    return pq_push_failure(L, NUL_BYTE, "22021", false);
  if (!PQsendQueryParams(c->conn, sql, count, NULL, values, NULL, NULL, 0))
    return PQstatus(c->conn) == CONNECTION_OK ? pq_push_server_failure(L, c->conn, NULL)
                                              : push_lost(L, c);
  return 0;
}

/* ---------------------------------------------------------------- one statement */

static bool is_good(const PGresult *result) {
  switch (PQresultStatus(result)) {
  case PGRES_COMMAND_OK:
  case PGRES_TUPLES_OK:
  case PGRES_EMPTY_QUERY:
  case PGRES_SINGLE_TUPLE:
    return true;
  default:
    return false;
  }
}

/* Reads and frees all results that are left. False if the connection is lost. */
static bool read_to_end(pq_connection *c) {
  PGresult *result;
  do {
    if (!await(c))
      return false;
    result = PQgetResult(c->conn);
    PQclear(result);
  } while (result);
  return true;
}

/* Pushes the failure of a result that the userdata owns. */
static int push_bad(lua_State *L, pq_connection *c, pq_result *r) {
  int n = pq_push_server_failure(L, c->conn, r->result);
  if (PQstatus(c->conn) != CONNECTION_OK)
    drop(c);
  return n;
}

/*
** Sends the statement of a call and waits for its first result, which a new userdata on the stack
** owns. Returns 0, or how many values tell the failure.
*/
static int begin(lua_State *L, pq_connection *c, pq_result **r) {
  int pushed;
  if (obstacle(c))
    return push_obstacle(L, c);
  luaL_argcheck(L, c->queued == 0, 1, "queued statements must be sent with flush first");
  pushed = send(L, c);
  if (pushed)
    return pushed;
  *r = pq_new_result(L);
  if (!await(c))
    return push_lost(L, c);
  (*r)->result = PQgetResult(c->conn);
  return 0;
}

/*
** connection:query(sql, ...) -> result | nil, message, failure
** Runs one statement. The parameters stand for $1, $2, … : nil, booleans, numbers and texts.
*/
static int connection_query(lua_State *L) {
  pq_connection *c = to_connection(L);
  pq_result *r;
  int pushed = begin(L, c, &r);
  if (pushed)
    return pushed;
  if (PQresultStatus(r->result) == PGRES_COPY_IN || PQresultStatus(r->result) == PGRES_COPY_OUT) {
    drop(c);
    return pq_push_failure(L, "COPY must be sent with copy", "", true);
  }
  if (!read_to_end(c) && is_good(r->result))
    return push_lost(L, c);
  return is_good(r->result) ? 1 : push_bad(L, c, r);
}

/* ---------------------------------------------------------------- a pipeline */

/*
** connection:queue(sql, ...) -> true | nil, message, failure
** Adds a statement to the pipeline, which `flush` sends in one round trip.
*/
static int connection_queue(lua_State *L) {
  pq_connection *c = to_connection(L);
  int pushed;
  if (obstacle(c))
    return push_obstacle(L, c);
  if (c->queued == 0 && !PQenterPipelineMode(c->conn))
    return pq_push_server_failure(L, c->conn, NULL);
  pushed = send(L, c);
  if (pushed) {
    if (c->conn && c->queued == 0)
      PQexitPipelineMode(c->conn);
    return pushed;
  }
  c->queued++;
  lua_pushboolean(L, 1);
  return 1;
}

/*
** Reads the results of the pipeline into the table at `list`. Returns the place of the first
** statement that failed, its result on the top of the stack; 0 if none did; -1 if the connection is
** lost.
*/
static int read_pipeline(lua_State *L, pq_connection *c, int list, int count) {
  int i, failed = 0;
  for (i = 1; i <= count; i++) {
    pq_result *r = pq_new_result(L);
    if (!await(c))
      return -1;
    r->result = PQgetResult(c->conn);
    if (!r->result)
      return -1;
    if (PQresultStatus(r->result) == PGRES_COPY_IN || PQresultStatus(r->result) == PGRES_COPY_OUT)
      return -1;
    if (!failed && !is_good(r->result))
      failed = i;
    if (!read_to_end(c))
      return failed == i ? i : -1; /* the server's last words, such as those of a shutdown */
    lua_rawseti(L, list, i);
  }
  if (failed)
    lua_rawgeti(L, list, failed);
  return failed;
}

/* Reads the mark that ends a pipeline. */
static bool end_pipeline(pq_connection *c) {
  PGresult *result;
  bool ended;
  if (!await(c))
    return false;
  result = PQgetResult(c->conn);
  ended = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
  PQclear(result);
  return ended && PQexitPipelineMode(c->conn);
}

/*
** connection:flush() -> results | nil, message, failure
** Sends the queued statements and waits for all answers. If one fails, the server does not run
** those behind it; `statement` of the failure is its place in the pipeline.
*/
static int connection_flush(lua_State *L) {
  pq_connection *c = to_connection(L);
  int failed, count = c->queued, list, pushed;
  if (obstacle(c))
    return push_obstacle(L, c);
  luaL_checkstack(L, 8, "too many results");
  lua_settop(L, 1);
  lua_createtable(L, count, 0);
  list = lua_gettop(L);
  if (count == 0)
    return 1;
  c->queued = 0;
  if (!PQpipelineSync(c->conn))
    return push_lost(L, c);
  failed = read_pipeline(L, c, list, count);
  if (failed < 0)
    return push_lost(L, c);
  if (failed > 0) {
    pq_result *r = lua_touserdata(L, -1);
    if (PQstatus(c->conn) == CONNECTION_OK && !end_pipeline(c))
      c->late = true;
    pushed = PQstatus(c->conn) == CONNECTION_OK && c->late ? push_lost(L, c) : push_bad(L, c, r);
    lua_pushinteger(L, failed);
    lua_setfield(L, -2, "statement");
    return pushed;
  }
  if (!end_pipeline(c))
    return push_lost(L, c);
  lua_settop(L, list);
  return 1;
}

/* ---------------------------------------------------------------- a stream of rows */

/*
** connection:stream(sql, ...) -> true | nil, message, failure
** Runs a statement whose rows `next` gives one by one, so that memory stays flat.
*/
static int connection_stream(lua_State *L) {
  pq_connection *c = to_connection(L);
  int pushed;
  if (obstacle(c))
    return push_obstacle(L, c);
  luaL_argcheck(L, c->queued == 0, 1, "queued statements must be sent with flush first");
  pushed = send(L, c);
  if (pushed)
    return pushed;
  PQsetSingleRowMode(c->conn);
  c->streaming = true;
  lua_pushboolean(L, 1);
  return 1;
}

/*
** connection:next() -> row | false | nil, message, failure
** The next row of a stream by position, { value, … }; false when it has ended.
*/
static int connection_next(lua_State *L) {
  pq_connection *c = to_connection(L);
  pq_result *r;
  int column, columns;
  if (!c->conn)
    return pq_push_failure(L, CLOSED, "", true);
  if (!c->streaming) {
    lua_pushboolean(L, 0);
    return 1;
  }
  r = pq_new_result(L);
  if (!await(c))
    return push_lost(L, c);
  r->result = PQgetResult(c->conn);
  if (PQresultStatus(r->result) == PGRES_SINGLE_TUPLE) {
    columns = PQnfields(r->result);
    lua_createtable(L, columns, 0);
    for (column = 0; column < columns; column++) {
      pq_push_value(L, r->result, 0, column);
      lua_rawseti(L, -2, column + 1);
    }
    PQclear(r->result);
    r->result = NULL;
    return 1;
  }
  c->streaming = false;
  if (!read_to_end(c) && is_good(r->result))
    return push_lost(L, c);
  if (!is_good(r->result))
    return push_bad(L, c, r);
  lua_pushboolean(L, 0);
  return 1;
}

/* ---------------------------------------------------------------- COPY */

/*
** connection:copy(sql) -> true | nil, message, failure
** Begins COPY … FROM STDIN; `put` sends its data, and `finish` ends it.
*/
static int connection_copy(lua_State *L) {
  pq_connection *c = to_connection(L);
  pq_result *r;
  int pushed = begin(L, c, &r);
  if (pushed)
    return pushed;
  if (PQresultStatus(r->result) != PGRES_COPY_IN) {
    if (is_good(r->result)) {
      if (!read_to_end(c))
        return push_lost(L, c);
      return pq_push_failure(L, "copy: the statement is not COPY … FROM STDIN", "", false);
    }
    if (!read_to_end(c))
      return push_lost(L, c);
    return push_bad(L, c, r);
  }
  c->copying = true;
  lua_pushboolean(L, 1);
  return 1;
}

/* Waits until libpq's buffer is empty. */
static bool drain(pq_connection *c) {
  double deadline = deadline_of(c);
  for (;;) {
    int unsent = PQflush(c->conn);
    c->late = false;
    if (unsent <= 0)
      return unsent == 0;
    if (!wait_socket(c->conn, true, deadline)) {
      c->late = true;
      return false;
    }
    if (!PQconsumeInput(c->conn))
      return false;
  }
}

/* connection:put(text) -> true | nil, message, failure: data of a COPY, in its text format */
static int connection_put(lua_State *L) {
  pq_connection *c = to_connection(L);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  luaL_argcheck(L, c->copying, 1, "no COPY is under way");
  luaL_argcheck(L, len < 0x7fffffff, 2, "the text is too long");
  while (len > 0) {
    int part = len > 65536 ? 65536 : (int)len; /* so that the buffer stays small */
    int taken = PQputCopyData(c->conn, text, part);
    if (taken < 0 || !drain(c))
      return push_lost(L, c);
    if (taken > 0) {
      text += part;
      len -= (size_t)part;
    }
  }
  lua_pushboolean(L, 1);
  return 1;
}

/*
** connection:finish([why]) -> rows | nil, message, failure
** Ends a COPY. With a text, the server is told to undo it for that reason.
*/
static int connection_finish(lua_State *L) {
  pq_connection *c = to_connection(L);
  const char *why = luaL_optstring(L, 2, NULL);
  pq_result *r;
  luaL_argcheck(L, c->copying, 1, "no COPY is under way");
  r = pq_new_result(L);
  c->copying = false;
  if (PQputCopyEnd(c->conn, why) < 0 || !await(c))
    return push_lost(L, c);
  r->result = PQgetResult(c->conn);
  if (!read_to_end(c) && is_good(r->result))
    return push_lost(L, c);
  if (!is_good(r->result))
    return push_bad(L, c, r);
  lua_pushinteger(L, (lua_Integer)atoll(PQcmdTuples(r->result)));
  return 1;
}

/* ---------------------------------------------------------------- the rest */

/* connection:cancel() -> boolean: asks the server to end what it does for this connection */
static int connection_cancel(lua_State *L) {
  lua_pushboolean(L, cancel(to_connection(L)));
  return 1;
}

/*
** connection:alive() -> boolean
** Whether the connection can be used, as far as is known without a round trip: a server that was
** stopped has said so.
*/
static int connection_alive(lua_State *L) {
  pq_connection *c = to_connection(L);
  bool alive = c->conn && c->pid == getpid();
  if (alive && !c->streaming && !c->copying && c->queued == 0) {
    struct pollfd p;
    p.fd = PQsocket(c->conn);
    p.events = POLLIN;
    while (alive && p.fd >= 0 && poll(&p, 1, 0) > 0) /* the server's last words, then the end */
      alive = PQconsumeInput(c->conn) == 1;
  }
  lua_pushboolean(L, alive && PQstatus(c->conn) == CONNECTION_OK);
  return 1;
}

/* connection:in_transaction() -> boolean: whether a transaction is open, as the server last said */
static int connection_in_transaction(lua_State *L) {
  pq_connection *c = to_connection(L);
  PGTransactionStatusType status = c->conn ? PQtransactionStatus(c->conn) : PQTRANS_UNKNOWN;
  lua_pushboolean(L, status == PQTRANS_INTRANS || status == PQTRANS_INERROR);
  return 1;
}

static double check_seconds(lua_State *L, int index) {
  double seconds = luaL_checknumber(L, index);
  luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, index, "seconds out of range");
  return seconds;
}

/* connection:set_timeout(seconds): how long an answer may take; 0: without a bound */
static int connection_set_timeout(lua_State *L) {
  to_connection(L)->timeout = check_seconds(L, 2);
  return 0;
}

/*
** connection:info() -> { version, host, port, database, user, tls, backend }
** The server's version as a number (150018 is 15.18), whether the connection is encrypted, and the
** process id of the server's end.
*/
static int connection_info(lua_State *L) {
  pq_connection *c = to_connection(L);
  if (!c->conn)
    return pq_push_failure(L, CLOSED, "", true);
  lua_createtable(L, 0, 7);
  lua_pushinteger(L, PQserverVersion(c->conn));
  lua_setfield(L, -2, "version");
  lua_pushstring(L, PQhost(c->conn));
  lua_setfield(L, -2, "host");
  lua_pushstring(L, PQport(c->conn));
  lua_setfield(L, -2, "port");
  lua_pushstring(L, PQdb(c->conn));
  lua_setfield(L, -2, "database");
  lua_pushstring(L, PQuser(c->conn));
  lua_setfield(L, -2, "user");
  lua_pushboolean(L, PQsslInUse(c->conn));
  lua_setfield(L, -2, "tls");
  lua_pushinteger(L, PQbackendPID(c->conn));
  lua_setfield(L, -2, "backend");
  return 1;
}

/* connection:close() ends the session; also its finalizer. */
static int connection_close(lua_State *L) {
  drop(to_connection(L));
  return 0;
}

/* Notices ("relation exists already, skipping") must not appear on a user's terminal. */
static void ignore_notice(void *data, const PGresult *result) {
  (void)data;
  (void)result;
}

/*
** Pushes why a text is not a connection string. What the reason quotes is left out, since it may be
** the password or all of the URL, but for the name of an option.
*/
static int push_unreadable(lua_State *L, const char *reason) {
  static const char OPTION[] = " for connection option \"";
  const char *option = strstr(reason, OPTION);
  size_t name = option ? strspn(option + sizeof OPTION - 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
  lua_pushliteral(L, "libpq cannot read the URL: ");
  lua_pushlstring(L, reason, strcspn(reason, "\"\r\n"));
  lua_pushlstring(L, option ? option + 1 : "", option ? sizeof OPTION - 2 + name : 0);
  lua_pushstring(L, option ? "\"" : "");
  lua_concat(L, 4);
  return pq_push_failure(L, lua_tostring(L, -1), "", false);
}

/* Whether libpq can read the text; if not, pushes the failure. */
static int check_url(lua_State *L, const char *url) {
  char *reason = NULL;
  PQconninfoOption *options = PQconninfoParse(url, &reason);
  char copy[256];
  if (options) {
    PQconninfoFree(options);
    return 0;
  }
  snprintf(copy, sizeof copy, "%s", reason ? reason : "out of memory");
  PQfreemem(reason);
  return push_unreadable(L, copy);
}

/*
** pq.connect(url [, timeout]) -> connection | nil, message, failure
** url: "postgres://…" or libpq's "name=value …", with any of libpq's options; PG* variables count.
** timeout: seconds that an answer may take (0: no bound).
*/
int pq_connect(lua_State *L) {
  const char *url = luaL_checkstring(L, 1);
  double timeout = lua_isnoneornil(L, 2) ? 0 : check_seconds(L, 2);
  bool patient = getenv("PGCONNECT_TIMEOUT") != NULL;
  /* what stands before dbname gives way to the URL; what stands behind it does not */
  const char *names[] = {"fallback_application_name", "connect_timeout", "dbname",
                         "client_encoding", NULL};
  const char *values[] = {"commerce", patient ? NULL : CONNECT_SECONDS, url, "UTF8", NULL};
  int pushed = check_url(L, url);
  pq_connection *c;
  if (pushed)
    return pushed;
  c = cm_new(L, PQ_CONNECTION, sizeof *c);
  c->pid = getpid();
  c->timeout = timeout;
  c->conn = PQconnectdbParams(names, values, 1);
  if (!c->conn)
    return luaL_error(L, "out of memory");
  if (PQstatus(c->conn) != CONNECTION_OK) {
    const char *why = PQerrorMessage(c->conn);
    pushed = strncmp(why, "invalid ", 8) == 0 ? push_unreadable(L, why)
                                              : pq_push_failure(L, why, "08001", true);
    drop(c);
    return pushed;
  }
  PQsetNoticeReceiver(c->conn, ignore_notice, NULL);
  PQsetnonblocking(c->conn, 1);
  return 1;
}

/*
** Registers the class.
*/
void pq_open_connection(lua_State *L) {
  static const luaL_Reg meta[] = {
      {"__gc", connection_close}, {"__close", connection_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"alive", connection_alive},
                                     {"cancel", connection_cancel},
                                     {"close", connection_close},
                                     {"copy", connection_copy},
                                     {"finish", connection_finish},
                                     {"flush", connection_flush},
                                     {"in_transaction", connection_in_transaction},
                                     {"info", connection_info},
                                     {"next", connection_next},
                                     {"put", connection_put},
                                     {"query", connection_query},
                                     {"queue", connection_queue},
                                     {"set_timeout", connection_set_timeout},
                                     {"stream", connection_stream},
                                     {NULL, NULL}};
  cm_class(L, PQ_CONNECTION, meta, methods);
}
