/*
** webhook.h: binds signature.c and svix.c to Lua.
*/
#ifndef CM_WEBHOOK_H
#define CM_WEBHOOK_H

#include "bind/compat.h"

int cm_webhook_verify(lua_State *L);
int cm_webhook_sign(lua_State *L);

#endif
