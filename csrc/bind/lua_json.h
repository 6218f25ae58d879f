/*
** lua_json.h: writes Lua values as canonical JSON, and tables as the bodies of records.
*/
#ifndef CM_LUA_JSON_H
#define CM_LUA_JSON_H

#include "bind/compat.h"

void cm_open_json(lua_State *L);
int cm_json_marks(lua_State *L);
int cm_json_encode(lua_State *L);
int cm_json_body(lua_State *L);

#endif
