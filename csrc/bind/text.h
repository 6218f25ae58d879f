/*
** text.h: binds base64.c, utf8.c, uuid.c, percent-encoding and scrubbing to Lua.
*/
#ifndef CM_TEXT_H
#define CM_TEXT_H

#include "bind/compat.h"

int cm_text_base64_decode(lua_State *L);
int cm_text_json_mend(lua_State *L);
int cm_text_is_utf8(lua_State *L);
int cm_text_percent_decode(lua_State *L);
int cm_text_percent_encode(lua_State *L);
int cm_text_scrub(lua_State *L);
int cm_text_uuid(lua_State *L);

#endif
