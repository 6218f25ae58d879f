#define _POSIX_C_SOURCE 200809L

#include "bind/locale.h"

#include <locale.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/*
** core.decimal_point() -> string
** What separates the decimals of a number in the locale of this thread.
*/
int cm_locale_point(lua_State *L) {
  lua_pushstring(L, localeconv()->decimal_point);
  return 1;
}

/*
** core.in_c_locale(f, ...) -> what f returns
** Calls f in the C locale. For libraries that read numbers by the locale of the thread: an SQLite
** that was built file by file, as Debian's, reads the numbers of a JSON text with strtod. f must
** not yield.
*/
int cm_locale_call(lua_State *L) {
  locale_t plain, before;
  int status, n = lua_gettop(L) - 1;
  luaL_checkany(L, 1);
  if (strcmp(localeconv()->decimal_point, ".") == 0) {
    lua_call(L, n, LUA_MULTRET);
    return lua_gettop(L);
  }
  plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!plain)
    return luaL_error(L, "there is no C locale");
  before = uselocale(plain);
  status = lua_pcall(L, n, LUA_MULTRET, 0);
  uselocale(before);
  freelocale(plain);
  return status == 0 ? lua_gettop(L) : lua_error(L);
}
