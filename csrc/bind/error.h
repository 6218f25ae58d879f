/*
** error.h: failures as Lua sees them: nil, message, details.
*/
#ifndef CM_ERROR_H
#define CM_ERROR_H

#include "bind/compat.h"
#include "net/failure.h"

int cm_push_failure(lua_State *L, const cm_failure *f);
int cm_push_fault(lua_State *L, cm_kind kind, const char *message);
int cm_push_refusal(lua_State *L, const char *code, const char *message);
void cm_open_error(lua_State *L);

#endif
