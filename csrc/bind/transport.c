#include "bind/transport.h"

#include "bind/args.h"
#include "bind/class.h"
#include "bind/lua_failure.h"

#include <math.h>
#include <stdlib.h>

/* The CA certificates that the environment names, as for curl and other programs; NULL if none. */
static const char *ca_of_environment(void) {
  static const char *const names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names; i++) {
    const char *path = getenv(names[i]);
    if (path && *path)
      return path;
  }
  return NULL;
}

/*
** core.transport{connect_timeout, max_connections, ca_file, http2} -> transport
** connect_timeout: seconds (10); max_connections: most requests on the wire at once (20); ca_file:
** certificates to trust instead of the system's (CURL_CA_BUNDLE, SSL_CERT_FILE); http2: use it
** where the server does (true). Opens nothing yet, but belongs to the process that made it.
*/
int cm_transport_new(lua_State *L) {
  static const char *const names[] = {"connect_timeout", "max_connections", "ca_file", "http2",
                                      NULL};
  long long max_connections = 20;
  double connect_timeout;
  const char *ca_file;
  bool http2;
  cm_transport *t;
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  cm_opt_table(L, 1, names);
  connect_timeout = cm_opt_number(L, 1, "connect_timeout", 10, 0.001, 3600);
  cm_opt_int(L, 1, "max_connections", &max_connections, 1, 1000);
  ca_file = cm_opt_string(L, 1, "ca_file", ca_of_environment(), NULL);
  http2 = cm_opt_bool(L, 1, "http2", true);
  t = cm_new(L, CM_TRANSPORT_CLASS, sizeof *t);
  t->queue = cm_queue_new((int)max_connections);
  if (!t->queue)
    return luaL_error(L, "out of memory");
  t->queue->connect_timeout = connect_timeout;
  t->queue->http2 = http2;
  if (ca_file && !cm_buf_adds(&t->queue->ca_file, ca_file))
    return luaL_error(L, "out of memory");
  return 1;
}

/*
** transport:run(timeout) -> requests not yet ended | nil, message, details
** Drives all I/O, starts requests when their limiter and backoff let them, and returns as soon as
** one ended, after `timeout` seconds at the latest. 0 takes one step without waiting.
*/
static int transport_run(lua_State *L) {
  cm_transport *t = luaL_checkudata(L, 1, CM_TRANSPORT_CLASS);
  double timeout = cm_checknumber(L, 2, 0, INFINITY);
  const char *fault = cm_queue_fault(t->queue);
  if (fault)
    return cm_push_fault(L, CM_CANCELLED, fault);
  lua_pushinteger(L, cm_queue_run(t->queue, timeout));
  return 1;
}

/*
** transport:oldest() -> nil | {request, seconds, attempts, status, retry_after, retry_in}
** The unfinished request that was sent first, and what became of its last attempt.
*/
static int transport_oldest(lua_State *L) {
  const cm_transport *t = luaL_checkudata(L, 1, CM_TRANSPORT_CLASS);
  const cm_request *r = t->queue ? cm_queue_oldest(t->queue) : NULL;
  double now = cm_now();
  if (!r)
    return 0;
  lua_createtable(L, 0, 6);
  lua_pushfstring(L, "%s %s", r->method, cm_request_name(r));
  lua_setfield(L, -2, "request");
  lua_pushnumber(L, now - r->sent_at);
  lua_setfield(L, -2, "seconds");
  lua_pushinteger(L, r->attempts);
  lua_setfield(L, -2, "attempts");
  if (r->failure.status > 0) {
    lua_pushinteger(L, r->failure.status);
    lua_setfield(L, -2, "status");
  }
  if (r->state == CM_WAITING && r->failure.retry_after >= 0) {
    lua_pushnumber(L, r->failure.retry_after);
    lua_setfield(L, -2, "retry_after");
  }
  if (r->state == CM_WAITING && r->not_before > now) {
    lua_pushnumber(L, r->not_before - now);
    lua_setfield(L, -2, "retry_in");
  }
  return 1;
}

/*
** transport:close() ends all its requests with "transport closed" and closes the connections.
*/
static int transport_close(lua_State *L) {
  cm_transport *t = luaL_checkudata(L, 1, CM_TRANSPORT_CLASS);
  if (t->queue)
    cm_queue_close(t->queue);
  return 0;
}

/* Finalizer: requests that outlive it find the queue closed, not gone. */
static int transport_gc(lua_State *L) {
  cm_transport *t = luaL_checkudata(L, 1, CM_TRANSPORT_CLASS);
  if (t->queue)
    cm_queue_close(t->queue);
  cm_queue_release(t->queue);
  t->queue = NULL;
  return 0;
}

/*
** Registers the class.
*/
void cm_open_transport(lua_State *L) {
  static const luaL_Reg meta[] = {
      {"__gc", transport_gc}, {"__close", transport_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"run", transport_run},
                                     {"oldest", transport_oldest},
                                     {"close", transport_close},
                                     {NULL, NULL}};
  cm_class(L, CM_TRANSPORT_CLASS, meta, methods);
}
