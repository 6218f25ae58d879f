#define _XOPEN_SOURCE 700 /* wcwidth */

#include "bind/locale.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/*
** core.decimal_point() -> string
** Gives the decimal separator of this thread's locale.
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

#define VARIATION_16 0xFE0F /* the character before it is shown as an emoji, two columns wide */

static lua_Integer width_of(const char *text, size_t n) {
  mbstate_t state;
  lua_Integer all = 0, last = 0;
  memset(&state, 0, sizeof state);
  while (n > 0) {
    wchar_t c = 0;
    size_t used = mbrtowc(&c, text, n, &state);
    int columns = 1; /* a byte that is not UTF-8 is shown as one sign */
    if (used == (size_t)-1 || used == (size_t)-2) {
      memset(&state, 0, sizeof state);
      used = 1;
    } else if (c == VARIATION_16)
      columns = last == 1 ? 1 : 0;
    else
      columns = wcwidth(c);
    if (used == 0)
      used = 1; /* NUL */
    last = columns > 0 ? columns : 0;
    all += last;
    text += used;
    n -= used;
  }
  return all;
}

/*
** core.text_width(text) -> integer or nil
** How many columns of a terminal a UTF-8 text takes: two for CJK and emoji, none for combining
** characters; nil on a machine without the locale C.UTF-8.
*/
int cm_locale_width(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before;
  if (!utf8)
    return 0;
  before = uselocale(utf8);
  lua_pushinteger(L, width_of(text, n));
  uselocale(before);
  freelocale(utf8);
  return 1;
}
