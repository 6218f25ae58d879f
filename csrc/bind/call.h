/*
** call.h: a single request for Lua.
*/
#ifndef CM_CALL_H
#define CM_CALL_H

#include "bind/compat.h"

void cm_open_call(lua_State *L);
int cm_call_new(lua_State *L);

#endif
