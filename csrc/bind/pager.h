/*
** pager.h: binds walk.c to Lua: the method session:pager.
*/
#ifndef CM_PAGER_H
#define CM_PAGER_H

#include "bind/compat.h"

void cm_open_pager(lua_State *L);

#endif
