/*
** webhook.h: signature.c for Lua.
*/
#ifndef CM_WEBHOOK_H
#define CM_WEBHOOK_H

#include "compat.h"

int cm_webhook_verify(lua_State *L);

#endif
