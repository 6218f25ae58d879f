/*
** password.h: binds the hashing of passwords to Lua.
*/
#ifndef CM_BIND_PASSWORD_H
#define CM_BIND_PASSWORD_H

#include "bind/compat.h"

int cm_password_lua_hash(lua_State *L);
int cm_password_lua_check(lua_State *L);

#endif
