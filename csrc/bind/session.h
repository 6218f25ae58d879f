/*
** session.h: binds client.c to Lua: a key, an account, a version and a server.
*/
#ifndef CM_SESSION_H
#define CM_SESSION_H

#include "bind/compat.h"
#include "net/net.h"

#define CM_SESSION_CLASS "commerce.session"

typedef struct cm_session {
  cm_client *client; /* NULL once closed */
} cm_session;

void cm_open_session(lua_State *L);
int cm_session_new(lua_State *L);
cm_client *cm_check_session(lua_State *L, int index);

#endif
