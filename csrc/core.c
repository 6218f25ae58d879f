/*
** core.c: the module commerce.core.
*/
#include "call.h"
#include "compat.h"
#include "error.h"
#include "lua_limiter.h"
#include "lua_page.h"
#include "lua_projection.h"
#include "pager.h"
#include "secret.h"
#include "session.h"
#include "transport.h"
#include "uuid.h"
#include "version.h"
#include "webhook.h"

#include <openssl/crypto.h>

#define EXPORT __attribute__((visibility("default")))

/*
** core.versions() -> {commerce, curl, tls, openssl, http2}
** What this process runs with: libcurl's version and TLS library, the OpenSSL linked for wiping
** and signatures, whether HTTP/2 is built in.
*/
static int core_versions(lua_State *L) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  lua_createtable(L, 0, 5);
  lua_pushliteral(L, CM_VERSION);
  lua_setfield(L, -2, "commerce");
  lua_pushstring(L, info->version);
  lua_setfield(L, -2, "curl");
  lua_pushstring(L, info->ssl_version ? info->ssl_version : "none");
  lua_setfield(L, -2, "tls");
  lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
  lua_setfield(L, -2, "openssl");
  lua_pushboolean(L, (info->features & CURL_VERSION_HTTP2) != 0);
  lua_setfield(L, -2, "http2");
  return 1;
}

/*
** core.uuid() -> string
** A random UUID (version 4). Raises if the system gives no randomness.
*/
static int core_uuid(lua_State *L) {
  char text[CM_UUID_SIZE];
  if (!cm_uuid(text))
    return luaL_error(L, "the system gives no random numbers");
  lua_pushstring(L, text);
  return 1;
}

/*
** core.now() -> number
** Seconds of a clock that never goes back; only differences mean something.
*/
static int core_now(lua_State *L) {
  lua_pushnumber(L, cm_now());
  return 1;
}

EXPORT int luaopen_commerce_core(lua_State *L);

/*
** require "commerce.core". Opens no handle, file or socket, so that it may happen before a fork.
*/
EXPORT int luaopen_commerce_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"limiter", cm_limiter_make},
                                       {"projection", cm_projection_make},
                                       {"secret", cm_secret_new},
                                       {"secret_from_env", cm_secret_from_env},
                                       {"session", cm_session_new},
                                       {"transport", cm_transport_new},
                                       {"versions", core_versions},
                                       {"now", core_now},
                                       {"uuid", core_uuid},
                                       {"verify_signature", cm_webhook_verify},
                                       {NULL, NULL}};
  cm_open_error(L);
  cm_open_secret(L);
  cm_open_limiter(L);
  cm_open_transport(L);
  cm_open_session(L);
  cm_open_call(L);
  cm_open_pager(L);
  cm_open_page(L);
  cm_open_projection(L);
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  lua_pushliteral(L, CM_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}
