/*
** compat.h: the only place that knows which Lua this is: 5.4 or later, or 5.1 as LuaJIT has it.
** A userdata's companion value is always a table here, since 5.1 takes nothing else.
*/
#ifndef CM_COMPAT_H
#define CM_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

/* A rockspec cannot tell Lua 5.1 from LuaJIT. Lua 5.1 cannot yield across pcall, as waiting does;
** 5.2 and 5.3 are not tested. */
#if LUA_VERSION_NUM < 504
#if defined(__has_include) && __has_include(<luajit.h>)
#include <luajit.h>
#endif
#ifndef LUAJIT_VERSION
#error "lua-commerce needs Lua 5.4 or LuaJIT, not Lua 5.1 to 5.3: luarocks --lua-version=5.4 make"
#endif
#endif

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#define lua_isinteger(L, index) ((void)(L), (void)(index), 0) /* all numbers are doubles */
#define lua_setuservalue lua_setfenv
#define lua_getuservalue lua_getfenv
#endif

#endif
