/*
** lua_page.h: binds page.c to Lua.
*/
#ifndef CM_LUA_PAGE_H
#define CM_LUA_PAGE_H

#include "bind/compat.h"
#include "text/page.h"

void cm_open_page(lua_State *L);
cm_page *cm_push_page(lua_State *L);
const char *cm_page_text(lua_State *L, int page, int element, size_t *len);

#endif
