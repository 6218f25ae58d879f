#include "bind/lua_failure.h"

#include <stdio.h>

#define FAILURE_CLASS "commerce.Failure"

/* tostring(failure) -> the message, after the place in the user's code if one is known. */
static int failure_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_getfield(L, 1, "place");
  lua_getfield(L, 1, "message");
  if (!lua_isstring(L, 3)) {
    lua_pushliteral(L, FAILURE_CLASS);
    return 1;
  }
  if (lua_isstring(L, 2)) {
    lua_pushliteral(L, ": ");
    lua_insert(L, 3);
    lua_concat(L, 3);
  }
  return 1;
}

/*
** Pushes the class of failures, the metatable that failures made in C and in Lua share. Unlike the
** classes of userdata it may be seen: it has no finalizer to call by mistake.
*/
void cm_push_failure_class(lua_State *L) {
  if (luaL_newmetatable(L, FAILURE_CLASS)) {
    lua_pushliteral(L, FAILURE_CLASS); /* 5.1 does not set it */
    lua_setfield(L, -2, "__name");
    lua_pushcfunction(L, failure_tostring);
    lua_setfield(L, -2, "__tostring");
  }
}

static void set_text(lua_State *L, const char *name, const char *text) {
  if (text[0]) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
  }
}

static void set_number(lua_State *L, const char *name, lua_Integer n) {
  if (n) {
    lua_pushinteger(L, n);
    lua_setfield(L, -2, name);
  }
}

/*
** Pushes nil, message, details for a failed request and returns 3. details: kind, message,
** retryable, attempts, and where known status, type, code, param, request_id, retry_after,
** limited_reason, curl.
*/
int cm_push_failure(lua_State *L, const cm_failure *f) {
  lua_pushnil(L);
  lua_pushstring(L, f->message);
  lua_createtable(L, 0, 12);
  set_text(L, "kind", cm_failure_kind(f));
  set_text(L, "message", f->message);
  set_text(L, "type", f->type);
  set_text(L, "code", f->code);
  set_text(L, "param", f->param);
  set_text(L, "request_id", f->request_id);
  set_text(L, "limited_reason", f->limited_reason);
  set_number(L, "status", f->status);
  set_number(L, "curl", f->curl);
  lua_pushinteger(L, f->attempts);
  lua_setfield(L, -2, "attempts");
  lua_pushboolean(L, f->retryable);
  lua_setfield(L, -2, "retryable");
  if (f->retry_after >= 0) {
    lua_pushnumber(L, f->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
  cm_push_failure_class(L);
  lua_setmetatable(L, -2);
  return 3;
}

/*
** Pushes nil, message, details for a failure outside any request and returns 3.
*/
int cm_push_fault(lua_State *L, cm_kind kind, const char *message) {
  cm_failure f;
  cm_failure_init(&f);
  f.kind = kind;
  snprintf(f.message, sizeof f.message, "%s", message);
  return cm_push_failure(L, &f);
}

/*
** Pushes nil, message, details of kind "auth" for something that is not genuine and returns 3.
** code: for programs.
*/
int cm_push_refusal(lua_State *L, const char *code, const char *message) {
  cm_failure f;
  cm_failure_init(&f);
  f.kind = CM_AUTH;
  snprintf(f.code, sizeof f.code, "%s", code);
  snprintf(f.message, sizeof f.message, "%s", message);
  return cm_push_failure(L, &f);
}
