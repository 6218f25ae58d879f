/*
** seal.h: binds sealing, signing, hashing and random tokens to Lua.
*/
#ifndef CM_SEAL_H
#define CM_SEAL_H

#include "bind/compat.h"

int cm_seal_seal(lua_State *L);
int cm_seal_unseal(lua_State *L);
int cm_seal_key_id(lua_State *L);
int cm_seal_sign(lua_State *L);
int cm_seal_verify(lua_State *L);
int cm_seal_random_id(lua_State *L);
int cm_seal_sha256(lua_State *L);

#endif
