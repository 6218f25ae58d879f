/*
** lua_limiter.h: binds limiter.c to Lua.
*/
#ifndef CM_LUA_LIMITER_H
#define CM_LUA_LIMITER_H

#include "bind/compat.h"
#include "net/limiter.h"

#define CM_LIMITER_CLASS "commerce.limiter"

typedef struct cm_limiter_box {
  cm_limiter *limiter;
} cm_limiter_box;

void cm_open_limiter(lua_State *L);
int cm_limiter_make(lua_State *L);

#endif
