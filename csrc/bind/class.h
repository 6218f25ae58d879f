/*
** class.h: makes userdata classes, all in one way.
*/
#ifndef CM_CLASS_H
#define CM_CLASS_H

#include "bind/compat.h"

#include <stddef.h>

void cm_class(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods);
void cm_class_methods(lua_State *L, const char *name, const luaL_Reg *methods);
void *cm_new(lua_State *L, const char *name, size_t size);
void cm_keep(lua_State *L, int object, int value);

#endif
