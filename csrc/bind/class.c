#include "bind/class.h"

#include <string.h>

/*
** Registers a class: metamethods in `meta`, methods (or NULL) behind __index. Class names are
** registry keys, so that loading the module twice is harmless.
*/
void cm_class(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  lua_pushstring(L, name); /* 5.1 does not set it */
  lua_setfield(L, -2, "__name");
  luaL_setfuncs(L, meta, 0);
  if (methods) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  lua_pushboolean(L, 0); /* getmetatable gives nothing to call a finalizer with */
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

/*
** Adds methods to a registered class, in a unit that knows what the class itself does not.
*/
void cm_class_methods(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_getmetatable(L, name);
  lua_getfield(L, -1, "__index");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 2);
}

/*
** Pushes a zeroed userdata of the class, its finalizer armed. What it will own is taken only after
** this call, so that no error in between can lose anything.
*/
void *cm_new(lua_State *L, const char *name, size_t size) {
  void *object = lua_newuserdata(L, size);
  memset(object, 0, size);
  luaL_getmetatable(L, name);
  lua_setmetatable(L, -2);
  return object;
}

/*
** Makes the userdata at index `object` keep the value at index `value` alive (absolute indices).
** Replaces what it kept before.
*/
void cm_keep(lua_State *L, int object, int value) {
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, value);
  lua_rawseti(L, -2, 1);
  lua_setuservalue(L, object);
}
