/*
** lua_failure.h: binds failure.c to Lua: nil, message, details.
*/
#ifndef CM_LUA_FAILURE_H
#define CM_LUA_FAILURE_H

#include "bind/compat.h"
#include "net/failure.h"

int cm_push_failure(lua_State *L, const cm_failure *f);
int cm_push_fault(lua_State *L, cm_kind kind, const char *message);
int cm_push_refusal(lua_State *L, const char *code, const char *message);
void cm_push_failure_class(lua_State *L);

#endif
