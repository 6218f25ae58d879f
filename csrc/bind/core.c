#define _POSIX_C_SOURCE 200809L

/*
** core.c: the module commerce.core.
*/
#include "bind/call.h"
#include "bind/compat.h"
#include "bind/locale.h"
#include "bind/log_copy.h"
#include "bind/lua_failure.h"
#include "bind/lua_json.h"
#include "bind/lua_limiter.h"
#include "bind/lua_mapper.h"
#include "bind/lua_page.h"
#include "bind/lua_projection.h"
#include "bind/pager.h"
#include "bind/password.h"
#include "bind/process.h"
#include "bind/seal.h"
#include "bind/secret.h"
#include "bind/session.h"
#include "bind/text.h"
#include "bind/transport.h"
#include "bind/version.h"
#include "bind/webhook.h"
#include "crypto/private.h"
#include "net/address.h"
#include "net/interrupt.h"

#include <openssl/crypto.h>
#include <time.h>

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
** core.sleep(seconds)
** Waits; a signal ends it early. For scripts: an OpenResty worker has ngx.sleep.
*/
static int core_sleep(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 1, "0 to 3600 seconds expected");
  struct timespec span = {.tv_sec = (time_t)seconds};
  span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
  nanosleep(&span, NULL);
  return 0;
}

/*
** core.hold_interrupts()
** From now on the first SIGINT or SIGTERM is only noted; a second one acts as it would have. For
** programs that are in charge of their process alone.
*/
static int core_hold_interrupts(lua_State *L) {
  (void)L;
  cm_interrupt_hold();
  return 0;
}

/*
** core.release_interrupts()
** Ends a hold; holds count. What was noted stays so until the next first hold.
*/
static int core_release_interrupts(lua_State *L) {
  (void)L;
  cm_interrupt_release();
  return 0;
}

/*
** core.interrupted() -> integer or nil
** The number of the signal that was noted.
*/
static int core_interrupted(lua_State *L) {
  int number = cm_interrupt_pending();
  if (number == 0)
    return 0;
  lua_pushinteger(L, number);
  return 1;
}

/*
** core.now() -> number
** Monotonic time in seconds; only differences mean something.
*/
static int core_now(lua_State *L) {
  lua_pushnumber(L, cm_now());
  return 1;
}

/*
** core.private_process()
** For programs: only the owner may read the files that this process and its children create, and
** none of them dumps core.
*/
static int core_private_process(lua_State *L) {
  (void)L;
  cm_private_process();
  return 0;
}

/*
** core.private_file(path) -> boolean
** Creates an empty file that only its owner may read and write. False if it exists or cannot be
** created.
*/
static int core_private_file(lua_State *L) {
  lua_pushboolean(L, cm_private_file(luaL_checkstring(L, 1)));
  return 1;
}

/*
** core.is_public_address(text) -> boolean or nil, boolean
** Whether an IP address is public, and whether no webhook is ever sent there
** (cm_address_forbidden);
** nil for a text that is not an address.
*/
static int core_is_public_address(lua_State *L) {
  bool is_public, forbidden;
  if (!cm_address_read(luaL_checkstring(L, 1), &is_public, &forbidden))
    return 0;
  lua_pushboolean(L, is_public);
  lua_pushboolean(L, forbidden);
  return 2;
}

EXPORT int luaopen_commerce_core(lua_State *L);

/*
** require "commerce.core". Opens no handle, file or socket, so that it may happen before a fork.
*/
EXPORT int luaopen_commerce_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"base64_decode", cm_text_base64_decode},
                                       {"decimal", cm_mapper_decimal},
                                       {"decimal_point", cm_locale_point},
                                       {"child_status", cm_process_child_status},
                                       {"copy_log", cm_log_copy_start},
                                       {"file_id", cm_process_file_id},
                                       {"log_line", cm_process_log_line},
                                       {"own_output", cm_process_own_output},
                                       {"port_fault", cm_process_port_fault},
                                       {"signal_group", cm_process_signal_group},
                                       {"spawn", cm_process_spawn},
                                       {"terminal_columns", cm_process_terminal_columns},
                                       {"check_password", cm_password_lua_check},
                                       {"hash_password", cm_password_lua_hash},
                                       {"hold_interrupts", core_hold_interrupts},
                                       {"in_c_locale", cm_locale_call},
                                       {"interrupted", core_interrupted},
                                       {"is_public_address", core_is_public_address},
                                       {"is_utf8", cm_text_is_utf8},
                                       {"json_body", cm_json_body},
                                       {"json_encode", cm_json_encode},
                                       {"json_marks", cm_json_marks},
                                       {"json_mend", cm_text_json_mend},
                                       {"key_id", cm_seal_key_id},
                                       {"limiter", cm_limiter_make},
                                       {"mapper", cm_mapper_new},
                                       {"now", core_now},
                                       {"pid_namespace", cm_process_pid_namespace},
                                       {"process_exists", cm_process_exists},
                                       {"percent_decode", cm_text_percent_decode},
                                       {"percent_encode", cm_text_percent_encode},
                                       {"private_file", core_private_file},
                                       {"private_process", core_private_process},
                                       {"projection", cm_projection_make},
                                       {"random_id", cm_seal_random_id},
                                       {"release_interrupts", core_release_interrupts},
                                       {"scrub", cm_text_scrub},
                                       {"seal", cm_seal_seal},
                                       {"secret", cm_secret_new},
                                       {"secret_from_env", cm_secret_from_env},
                                       {"secret_from_file", cm_secret_from_file},
                                       {"session", cm_session_new},
                                       {"sha256", cm_seal_sha256},
                                       {"sign", cm_seal_sign},
                                       {"sign_webhook", cm_webhook_sign},
                                       {"text_width", cm_locale_width},
                                       {"transport", cm_transport_new},
                                       {"unseal", cm_seal_unseal},
                                       {"sleep", core_sleep},
                                       {"uuid", cm_text_uuid},
                                       {"verify", cm_seal_verify},
                                       {"verify_signature", cm_webhook_verify},
                                       {"versions", core_versions},
                                       {NULL, NULL}};
  cm_open_secret(L);
  cm_open_limiter(L);
  cm_open_transport(L);
  cm_open_session(L);
  cm_open_call(L);
  cm_open_pager(L);
  cm_open_page(L);
  cm_open_log_copy(L);
  cm_open_projection(L);
  cm_open_mapper(L);
  cm_open_json(L);
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  lua_pushliteral(L, CM_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushliteral(L, CM_STRIPE_BASE_URL);
  lua_setfield(L, -2, "stripe_base_url");
  lua_pushliteral(L, CM_STRIPE_VERSION);
  lua_setfield(L, -2, "stripe_version");
  cm_push_failure_class(L);
  lua_setfield(L, -2, "Failure");
  return 1;
}
