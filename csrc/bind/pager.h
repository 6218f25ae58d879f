/*
** pager.h: walk.c for Lua.
*/
#ifndef CM_PAGER_H
#define CM_PAGER_H

#include "bind/compat.h"

void cm_open_pager(lua_State *L);
int cm_pager_new(lua_State *L);

#endif
