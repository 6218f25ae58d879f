/*
** compat.h: the only place that knows which Lua this is: 5.4, or 5.1 as LuaJIT has it.
** A userdata's companion value is always a table here, since 5.1 takes nothing else.
*/
#ifndef CM_COMPAT_H
#define CM_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#define lua_setuservalue lua_setfenv
#define lua_getuservalue lua_getfenv
#endif

#endif
