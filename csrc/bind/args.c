#include "bind/args.h"

#include "bind/secret.h"

#include "net/url.h"

#include <stdio.h>
#include <string.h>

/*
** Raises "bad option 'NAME': WRONG" at the caller's line.
*/
int cm_opt_error(lua_State *L, const char *name, const char *wrong) {
  return luaL_error(L, "bad option '%s': %s", name, wrong);
}

static int type_error(lua_State *L, const char *name, const char *wanted) {
  return luaL_error(L, "bad option '%s': %s expected, got %s", name, wanted, luaL_typename(L, -1));
}

/* lua_Number to integer, without the differences between Lua versions. */
static bool whole(double n, long long *value) {
  if (!(n >= -CM_INT_MAX && n <= CM_INT_MAX))
    return false;
  *value = (long long)n;
  return (double)*value == n;
}

/*
** Returns the number at an argument position, within [min, max].
*/
double cm_checknumber(lua_State *L, int index, double min, double max) {
  double n = luaL_checknumber(L, index);
  luaL_argcheck(L, n >= min && n <= max, index, "number out of range");
  return n;
}

/*
** Returns the whole number at an argument position, within [min, max].
*/
long long cm_checkint(lua_State *L, int index, long long min, long long max) {
  long long value = 0;
  double n = luaL_checknumber(L, index);
  luaL_argcheck(L, whole(n, &value), index, "whole number expected");
  luaL_argcheck(L, value >= min && value <= max, index, "number out of range");
  return value;
}

/*
** Checks that the value at `index` is a table and holds no option but those in `names`, a list
** ended by NULL.
*/
void cm_opt_table(lua_State *L, int index, const char *const *names) {
  luaL_checktype(L, index, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    const char *const *name = names;
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "bad option: names are strings, got a %s", luaL_typename(L, -2));
    while (*name && strcmp(*name, lua_tostring(L, -2)) != 0)
      name++;
    if (!*name)
      luaL_error(L, "bad option '%s': unknown", lua_tostring(L, -2));
    lua_pop(L, 1);
  }
}

/*
** Returns option `name` as a number within [min, max], or `def` if absent.
*/
double cm_opt_number(lua_State *L, int index, const char *name, double def, double min,
                     double max) {
  double n = def;
  lua_getfield(L, index, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER)
      type_error(L, name, "number");
    n = lua_tonumber(L, -1);
    if (!(n >= min && n <= max)) {
      char wrong[96];
      snprintf(wrong, sizeof wrong, "number from %.14g to %.14g expected, got %.14g", min, max, n);
      cm_opt_error(L, name, wrong);
    }
  }
  lua_pop(L, 1);
  return n;
}

/*
** Reads option `name`, a whole number within [min, max]. Returns false, with *value untouched, if
** it is absent.
*/
bool cm_opt_int(lua_State *L, int index, const char *name, long long *value, long long min,
                long long max) {
  bool found;
  lua_getfield(L, index, name);
  found = !lua_isnil(L, -1);
  if (found) {
    long long n = 0;
    if (lua_type(L, -1) != LUA_TNUMBER)
      type_error(L, name, "whole number");
    if (!whole(lua_tonumber(L, -1), &n))
      cm_opt_error(L, name, "whole number expected");
    if (n < min || n > max) {
      char wrong[96];
      snprintf(wrong, sizeof wrong, "whole number from %lld to %lld expected, got %lld", min, max,
               n);
      cm_opt_error(L, name, wrong);
    }
    *value = n;
  }
  lua_pop(L, 1);
  return found;
}

/*
** Returns option `name` as a boolean, or `def` if absent.
*/
bool cm_opt_bool(lua_State *L, int index, const char *name, bool def) {
  bool value = def;
  lua_getfield(L, index, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TBOOLEAN)
      type_error(L, name, "boolean");
    value = lua_toboolean(L, -1);
  }
  lua_pop(L, 1);
  return value;
}

/*
** Returns option `name` as a string, or `def` (which may be NULL) if absent. Valid as long as the
** table holds it. len may be NULL.
*/
const char *cm_opt_string(lua_State *L, int index, const char *name, const char *def, size_t *len) {
  const char *text = def;
  size_t n = def ? strlen(def) : 0;
  lua_getfield(L, index, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TSTRING)
      type_error(L, name, "string");
    text = lua_tolstring(L, -1, &n);
  }
  lua_pop(L, 1);
  if (len)
    *len = n;
  return text;
}

/*
** Returns option `name` as a line of printable ASCII of 1 to `max` bytes, fit for a header or a
** name; or `def` if absent.
*/
const char *cm_opt_text(lua_State *L, int index, const char *name, const char *def, size_t max) {
  size_t n, i;
  const char *text = cm_opt_string(L, index, name, def, &n);
  if (text == def)
    return text;
  if (n == 0 || n > max)
    cm_opt_error(L, name, n ? "too long" : "empty");
  for (i = 0; i < n; i++)
    if (text[i] < ' ' || text[i] > '~')
      cm_opt_error(L, name, "control character or character outside ASCII");
  return text;
}

/*
** Returns option `name` as a userdata of a class. Returns NULL if it is absent and not required.
*/
void *cm_opt_object(lua_State *L, int index, const char *name, const char *class_name,
                    bool required) {
  void *object = NULL;
  lua_getfield(L, index, name);
  if (required || !lua_isnil(L, -1)) {
    object = luaL_testudata(L, -1, class_name);
    if (!object)
      type_error(L, name, class_name);
  }
  lua_pop(L, 1);
  return object;
}

/* The value at the top of the stack as Stripe wants it written. secret: it may be one. */
static const char *scalar(lua_State *L, const char *name, int pair, char *room, size_t size,
                          size_t *len, bool secret) {
  const cm_secret *hidden = secret ? luaL_testudata(L, -1, CM_SECRET_CLASS) : NULL;
  long long n = 0;
  if (hidden && hidden->bytes.len) {
    *len = hidden->bytes.len;
    return hidden->bytes.data;
  }
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    return lua_tolstring(L, -1, len);
  case LUA_TBOOLEAN:
    *len = lua_toboolean(L, -1) ? 4 : 5;
    return lua_toboolean(L, -1) ? "true" : "false";
  case LUA_TNUMBER:
    if (!whole(lua_tonumber(L, -1), &n))
      luaL_error(L, "bad option '%s': pair %d: whole number expected", name, pair);
    *len = (size_t)snprintf(room, size, "%lld", n);
    return room;
  default:
    luaL_error(L, "bad option '%s': pair %d: string, whole number or boolean expected, got %s",
               name, pair, luaL_typename(L, -1));
    return NULL;
  }
}

/*
** Appends option `name`, an array of {key, value} pairs, encoded in order, to `out`, which a
** userdata must own; a value may be a secret if `out` is wiped. refuse (or NULL) says why a key is
** not allowed here. Absent is empty.
*/
void cm_opt_pairs(lua_State *L, int index, const char *name, cm_buf *out,
                  const char *(*refuse)(const char *key)) {
  int i, n, count;
  lua_getfield(L, index, name);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  if (lua_type(L, -1) != LUA_TTABLE)
    type_error(L, name, "array of pairs");
  n = (int)lua_rawlen(L, -1);
  count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    count++;
  if (count != n) /* a {key = value} table has no order, and would look empty */
    cm_opt_error(L, name, "array of {key, value} pairs expected");
  for (i = 1; i <= n; i++) {
    const char *key, *value, *wrong;
    size_t nkey, nvalue = 0;
    char room[32];
    lua_rawgeti(L, -1, i);
    if (lua_type(L, -1) != LUA_TTABLE || lua_rawlen(L, -1) != 2)
      luaL_error(L, "bad option '%s': pair %d: {key, value} expected", name, i);
    lua_rawgeti(L, -1, 1);
    if (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) == 0)
      luaL_error(L, "bad option '%s': pair %d: key: string expected", name, i);
    key = lua_tolstring(L, -1, &nkey);
    wrong = refuse ? refuse(key) : NULL;
    if (wrong)
      luaL_error(L, "bad option '%s': pair %d: %s", name, i, wrong);
    lua_rawgeti(L, -2, 2);
    value = scalar(L, name, i, room, sizeof room, &nvalue, out->secret);
    if (!cm_url_pair(out, key, nkey, value, nvalue))
      luaL_error(L, "out of memory");
    lua_pop(L, 3);
  }
  lua_pop(L, 1);
}
