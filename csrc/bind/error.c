#include "bind/error.h"

#include "bind/class.h"

#include <stdio.h>

#define ERROR_CLASS "commerce.error"

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
  luaL_getmetatable(L, ERROR_CLASS);
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
** Pushes nil, message, details of kind "auth" for what proves not to be genuine and returns 3. The
** code is for programs.
*/
int cm_push_refusal(lua_State *L, const char *code, const char *message) {
  cm_failure f;
  cm_failure_init(&f);
  f.kind = CM_AUTH;
  snprintf(f.code, sizeof f.code, "%s", code);
  snprintf(f.message, sizeof f.message, "%s", message);
  return cm_push_failure(L, &f);
}

/* tostring(details) -> the message. */
static int error_tostring(lua_State *L) {
  lua_getfield(L, 1, "message");
  if (!lua_isstring(L, -1))
    lua_pushliteral(L, ERROR_CLASS);
  return 1;
}

/*
** Registers the metatable of details.
*/
void cm_open_error(lua_State *L) {
  static const luaL_Reg meta[] = {{"__tostring", error_tostring}, {NULL, NULL}};
  cm_class(L, ERROR_CLASS, meta, NULL);
}
