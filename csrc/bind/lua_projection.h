/*
** lua_projection.h: binds projection.c to Lua.
*/
#ifndef CM_LUA_PROJECTION_H
#define CM_LUA_PROJECTION_H

#include "bind/compat.h"

#include <stdbool.h>

#define CM_PROJECTION_CLASS "commerce.projection"

void cm_open_projection(lua_State *L);
int cm_projection_make(lua_State *L);
bool cm_push_kept(lua_State *L, int index, const char *text, size_t len);
void cm_push_projected(lua_State *L, int index, const char *text, size_t len);

#endif
