/*
** lua_mapper.h: binds program.c and mapper.c to Lua.
*/
#ifndef CM_LUA_MAPPER_H
#define CM_LUA_MAPPER_H

#include "bind/compat.h"

void cm_open_mapper(lua_State *L);
int cm_mapper_new(lua_State *L);
int cm_mapper_decimal(lua_State *L);

#endif
