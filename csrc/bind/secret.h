/*
** secret.h: keys that Lua can hold but not read.
*/
#ifndef CM_SECRET_H
#define CM_SECRET_H

#include "bind/compat.h"
#include "text/buf.h"

#define CM_SECRET_CLASS "commerce.secret"
#define CM_SECRET_MAX 4096 /* longest secret accepted, in bytes */

typedef struct cm_secret {
  cm_buf bytes; /* empty once closed */
} cm_secret;

void cm_open_secret(lua_State *L);
int cm_secret_new(lua_State *L);
int cm_secret_from_env(lua_State *L);
int cm_secret_from_file(lua_State *L);
cm_secret *cm_new_secret(lua_State *L);
bool cm_push_member_secret(lua_State *L, const char *text, size_t len, const char *name);
cm_secret *cm_check_secret(lua_State *L, int index);

#endif
