/*
** call.h: binds a single request to Lua: the method session:request.
*/
#ifndef CM_CALL_H
#define CM_CALL_H

#include "bind/compat.h"

void cm_open_call(lua_State *L);

#endif
