#include "bind/password.h"

#include "bind/args.h"
#include "crypto/password.h"

#define LONGEST 1024 /* bytes of a password */

static cm_part check_password(lua_State *L) {
  cm_part password;
  luaL_checktype(L, 1, LUA_TSTRING);
  password.bytes = lua_tolstring(L, 1, &password.n);
  luaL_argcheck(L, password.n <= LONGEST, 1, "too long");
  return password;
}

/*
** core.hash_password(password, ln, r, p) -> string
** Hashes a password by scrypt with N = 2^ln. Takes the time and the memory (128 * r * N bytes) that
** the cost says. Raises if memory is short.
*/
int cm_password_lua_hash(lua_State *L) {
  const cm_part password = check_password(L);
  const cm_cost cost = {(unsigned int)cm_checkint(L, 2, 10, 20),
                        (unsigned int)cm_checkint(L, 3, 1, 16),
                        (unsigned int)cm_checkint(L, 4, 1, 16)};
  char out[CM_PASSWORD_SIZE];
  luaL_argcheck(L, cm_password_cost_ok(&cost), 2, "needs too much memory");
  if (!cm_password_hash(password, &cost, out))
    return luaL_error(L, "OpenSSL gives no scrypt, or out of memory");
  lua_pushstring(L, out);
  return 1;
}

/*
** core.check_password(password, hash) -> boolean
** Whether a password has a hash; false for a text that is not a hash. Costs as much as the
** hash did.
*/
int cm_password_lua_check(lua_State *L) {
  const cm_part password = check_password(L);
  size_t n;
  const char *hash = luaL_checklstring(L, 2, &n);
  bool matches;
  if (!cm_password_check(password, hash, n, &matches))
    return luaL_error(L, "OpenSSL gives no scrypt, or out of memory");
  lua_pushboolean(L, matches);
  return 1;
}
