#include "bind/call.h"

#include "bind/args.h"
#include "bind/class.h"
#include "bind/lua_failure.h"
#include "bind/lua_projection.h"
#include "bind/secret.h"
#include "bind/session.h"
#include "net/net.h"
#include "net/url.h"

#include <string.h>

#define CALL_CLASS "commerce.call"

typedef struct cm_call {
  cm_request request;
  bool projected; /* only what the projection keeps of the body reaches Lua */
  bool taken;     /* the response is a Lua table now, kept by this userdata */
} cm_call;

static const char *check_method(lua_State *L) {
  static const char *const methods[] = {"GET", "POST", "DELETE", NULL};
  const char *name = cm_opt_string(L, 2, "method", "GET", NULL);
  const char *const *method = methods;
  while (*method && strcmp(*method, name) != 0)
    method++;
  if (!*method)
    cm_opt_error(L, "method", "GET, POST or DELETE expected");
  return *method;
}

/* Checks the option `secrets`, an array of names. */
static void check_secrets(lua_State *L, bool projected) {
  int i, n;
  lua_getfield(L, 2, "secrets");
  if (!lua_isnil(L, -1)) {
    if (!projected || lua_type(L, -1) != LUA_TTABLE)
      cm_opt_error(L, "secrets", projected ? "array of names expected" : "needs a projection");
    n = (int)lua_rawlen(L, -1);
    for (i = 1; i <= n; i++) {
      lua_rawgeti(L, -1, i);
      if (lua_type(L, -1) != LUA_TSTRING)
        cm_opt_error(L, "secrets", "array of names expected");
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

/*
** session:request{path, method, query, form, body, endpoint, timeout, projection, secrets} -> call
** Queues one request; core.d.lua has the options. Nothing is sent before transport:run.
*/
static int call_new(lua_State *L) {
  static const char *const names[] = {"path",     "method",  "query",      "form",    "body",
                                      "endpoint", "timeout", "projection", "secrets", NULL};
  cm_client *c = cm_check_session(L, 1);
  const char *method, *path, *endpoint, *body, *wrong;
  double timeout;
  size_t n, length;
  bool projected;
  cm_call *call;
  lua_settop(L, 2);
  cm_opt_table(L, 2, names);
  projected = cm_opt_object(L, 2, "projection", CM_PROJECTION_CLASS, false) != NULL;
  check_secrets(L, projected);
  method = check_method(L);
  path = cm_opt_string(L, 2, "path", "", &n);
  wrong = c->foreign ? cm_url_target_fault(path, n) : cm_url_path_fault(path, n);
  if (wrong)
    cm_opt_error(L, "path", wrong);
  endpoint = cm_opt_text(L, 2, "endpoint", NULL, CM_ENDPOINT_MAX);
  timeout = cm_opt_number(L, 2, "timeout", c->timeout, 0.001, 86400);
  body = cm_opt_string(L, 2, "body", NULL, &length);
  if (body && (!c->json || strcmp(method, "POST") != 0))
    cm_opt_error(L, "body", "only for POST in a session that sends JSON");
  call = cm_new(L, CALL_CLASS, sizeof *call);
  if (!cm_request_init(&call->request, c, method, path, endpoint))
    return luaL_error(L, "out of memory");
  call->request.timeout = timeout;
  cm_opt_pairs(L, 2, "query", &call->request.query, NULL);
  cm_opt_pairs(L, 2, "form", &call->request.form, NULL);
  if (call->request.form.len && strcmp(method, "POST") != 0)
    cm_opt_error(L, "form", "only for POST");
  if (call->request.form.len && c->json && !c->foreign)
    cm_opt_error(L, "form", "a session that sends JSON takes a body");
  if (body && !cm_buf_add(&call->request.form, body, length))
    return luaL_error(L, "out of memory");
  cm_keep(L, 3, 1);
  if (projected) {
    lua_getuservalue(L, 3);
    lua_getfield(L, 2, "projection");
    lua_rawseti(L, -2, 2);
    lua_getfield(L, 2, "secrets");
    lua_rawseti(L, -2, 3);
    lua_settop(L, 3);
    call->projected = true;
    call->request.body.secret = true; /* the members that are left out may hold a token */
  }
  cm_request_send(&call->request);
  return 1;
}

/* Pushes the body, or what the projection keeps of it; false if that is no JSON. */
static bool push_body(lua_State *L, const cm_call *call) {
  const cm_buf *body = &call->request.body;
  bool ok = true;
  if (call->projected) {
    lua_getuservalue(L, 1);
    lua_rawgeti(L, -1, 2);
    ok = cm_push_kept(L, lua_gettop(L), cm_buf_str(body), body->len);
  } else {
    lua_pushlstring(L, cm_buf_str(body), body->len);
  }
  return ok;
}

/* Pushes the response around the body at the top of the stack. */
static void push_response(lua_State *L, const cm_request *r) {
  const char *name = NULL, *value = NULL;
  lua_createtable(L, 0, 4);
  lua_insert(L, -2);
  lua_setfield(L, -2, "body");
  lua_pushinteger(L, r->status);
  lua_setfield(L, -2, "status");
  lua_newtable(L);
  while ((name = cm_header_next(&r->header, name, &value)) != NULL) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
  }
  lua_getfield(L, -1, "request-id");
  lua_setfield(L, -3, "request_id");
  lua_setfield(L, -2, "headers");
}

/* Adds the secrets that were asked for to the response at the top of the stack. Returns the name of
   one that the body does not have, or NULL. */
static const char *add_secrets(lua_State *L, const cm_call *call) {
  const cm_buf *body = &call->request.body;
  const char *missing = NULL;
  int response = lua_gettop(L), i, n;
  if (!call->projected)
    return NULL;
  lua_getuservalue(L, 1);
  lua_rawgeti(L, -1, 3);
  n = lua_isnil(L, -1) ? 0 : (int)lua_rawlen(L, -1);
  lua_newtable(L);
  for (i = 1; i <= n && !missing; i++) {
    lua_rawgeti(L, response + 2, i);
    if (cm_push_member_secret(L, cm_buf_str(body), body->len, lua_tostring(L, -1)))
      lua_rawset(L, response + 3);
    else
      missing = lua_tostring(L, -1); /* the option's table keeps it */
  }
  if (n > 0 && !missing)
    lua_setfield(L, response, "secrets");
  lua_settop(L, response);
  return missing;
}

/*
** call:poll() -> response | false (still coming) | nil, message, details
** response: {status, body, request_id, headers} of a 2xx answer, headers by lower-case name; with
** a projection, body is what that keeps, and secrets has those that the request asked for.
*/
static int call_poll(lua_State *L) {
  cm_call *call = luaL_checkudata(L, 1, CALL_CLASS);
  cm_request *r = &call->request;
  const char *fault;
  lua_settop(L, 1);
  if (call->taken) {
    lua_getuservalue(L, 1);
    lua_rawgeti(L, -1, 1);
    return 1;
  }
  if (r->state == CM_DONE && !push_body(L, call))
    cm_request_fail(r, CM_DECODE, "the answer is not JSON");
  if (r->state == CM_DONE) {
    const char *missing;
    push_response(L, r);
    missing = add_secrets(L, call);
    if (missing)
      cm_request_fail(r, CM_DECODE, lua_pushfstring(L, "the answer has no '%s'", missing));
  }
  if (r->state == CM_DONE) {
    lua_insert(L, 2);
    lua_settop(L, 2);
    cm_keep(L, 1, 2);
    call->taken = true; /* from here on the same table, even after a close */
    cm_request_free(r);
    return 1;
  }
  if (r->state != CM_FAILED) {
    fault = cm_queue_fault(r->client->queue);
    if (!fault) {
      lua_pushboolean(L, 0);
      return 1;
    }
    cm_queue_remove(r->client->queue, r);
    cm_request_fail(r, CM_CANCELLED, fault);
  }
  return cm_push_failure(L, &r->failure);
}

/*
** call:close() cancels the request if it has not ended. A response that was polled stays.
*/
static int call_close(lua_State *L) {
  cm_call *call = luaL_checkudata(L, 1, CALL_CLASS);
  cm_request *r = &call->request;
  if (r->client && r->state != CM_FAILED) {
    cm_queue_remove(r->client->queue, r);
    cm_request_fail(r, CM_CANCELLED, "cancelled");
  }
  cm_request_free(r);
  return 0;
}

static int call_gc(lua_State *L) {
  cm_call *call = luaL_checkudata(L, 1, CALL_CLASS);
  cm_request_free(&call->request);
  return 0;
}

/*
** Registers the class, and session:request. The class of sessions must be registered already.
*/
void cm_open_call(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", call_gc}, {"__close", call_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"poll", call_poll}, {"close", call_close}, {NULL, NULL}};
  static const luaL_Reg makers[] = {{"request", call_new}, {NULL, NULL}};
  cm_class(L, CALL_CLASS, meta, methods);
  cm_class_methods(L, CM_SESSION_CLASS, makers);
}
