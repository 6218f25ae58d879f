#define _POSIX_C_SOURCE 200809L

#include "pq/pq.h"

#include "bind/class.h"
#include "pq/server_failure.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_SECONDS "10" /* for each host, if neither the URL nor PGCONNECT_TIMEOUT says it */

/* connection:cancel() -> boolean: asks the server to end what it does for this connection */
static int connection_cancel(lua_State *L) {
  lua_pushboolean(L, pq_cancel(pq_to_connection(L)));
  return 1;
}

/*
** connection:alive() -> boolean
** Whether the connection can be used, as far as is known without a round trip: a server that was
** stopped has said so.
*/
static int connection_alive(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
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
  pq_connection *c = pq_to_connection(L);
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
  pq_to_connection(L)->timeout = check_seconds(L, 2);
  return 0;
}

/*
** connection:info() -> { version, host, port, database, user, tls, backend }
** The server's version as a number (150018 is 15.18), whether the connection is encrypted, and the
** process id of the server's end.
*/
static int connection_info(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  if (!c->conn)
    return pq_push_obstacle(L, c);
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
  pq_drop(pq_to_connection(L));
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
    pq_drop(c);
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
                                     {"copy", pq_connection_copy},
                                     {"finish", pq_connection_finish},
                                     {"flush", pq_connection_flush},
                                     {"in_transaction", connection_in_transaction},
                                     {"info", connection_info},
                                     {"next", pq_connection_next},
                                     {"put", pq_connection_put},
                                     {"query", pq_connection_query},
                                     {"queue", pq_connection_queue},
                                     {"set_timeout", connection_set_timeout},
                                     {"stream", pq_connection_stream},
                                     {NULL, NULL}};
  cm_class(L, PQ_CONNECTION, meta, methods);
}
