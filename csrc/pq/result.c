#include "pq/result.h"

#include "bind/class.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_EXACT 9007199254740992 /* 2^53: the largest integers a LuaJIT number holds */

/* The types whose values are not texts in Lua, by the numbers that pg_type has for them. */
enum { BOOL = 16, INT8 = 20, INT2 = 21, INT4 = 23, OID = 26, FLOAT4 = 700, FLOAT8 = 701 };

/*
** Pushes an integer. One that a Lua number cannot hold stays a text: LuaJIT's numbers are doubles,
** and the same program must see the same value under every Lua.
*/
static void push_integer(lua_State *L, const char *text) {
  long long n;
  errno = 0;
  n = strtoll(text, NULL, 10);
  if (errno == 0 && n <= MOST_EXACT && n >= -MOST_EXACT)
    lua_pushinteger(L, (lua_Integer)n);
  else
    lua_pushstring(L, text);
}

/* Pushes a number from the server, which has a decimal point in every locale. */
static void push_number(lua_State *L, const char *text) {
  lua_pushstring(L, text);
  if (lua_isnumber(L, -1)) {
    lua_pushnumber(L, lua_tonumber(L, -1));
    lua_remove(L, -2);
  } /* NaN and Infinity stay texts */
}

/*
** Pushes a value of a row: nil, a boolean, a number, or a text. A numeric is a text, since a number
** would round it.
*/
void pq_push_value(lua_State *L, const PGresult *result, int row, int column) {
  const char *text;
  if (PQgetisnull(result, row, column)) {
    lua_pushnil(L);
    return;
  }
  text = PQgetvalue(result, row, column);
  switch (PQftype(result, column)) {
  case BOOL:
    lua_pushboolean(L, text[0] == 't');
    break;
  case INT2:
  case INT4:
  case INT8:
  case OID:
    push_integer(L, text);
    break;
  case FLOAT4:
  case FLOAT8:
    push_number(L, text);
    break;
  default:
    lua_pushlstring(L, text, (size_t)PQgetlength(result, row, column));
  }
}

static PGresult *check_result(lua_State *L) {
  pq_result *r = luaL_checkudata(L, 1, PQ_RESULT);
  luaL_argcheck(L, r->result, 1, "the result is closed");
  return r->result;
}

/*
** Pushes an empty result, its finalizer armed.
*/
pq_result *pq_new_result(lua_State *L) {
  return cm_new(L, PQ_RESULT, sizeof(pq_result));
}

/* result:affected() -> integer: how many rows the statement inserted, changed or deleted */
static int result_affected(lua_State *L) {
  push_integer(L, PQcmdTuples(check_result(L)));
  if (lua_type(L, -1) != LUA_TNUMBER) /* a statement that counts nothing gives "" */
    lua_pushinteger(L, 0);
  return 1;
}

/* result:rows() -> rows by position, each { value, … } with nil for NULL */
static int result_rows(lua_State *L) {
  const PGresult *result = check_result(L);
  int row, column, rows = PQntuples(result), columns = PQnfields(result);
  lua_createtable(L, rows, 0);
  for (row = 0; row < rows; row++) {
    lua_createtable(L, columns, 0);
    for (column = 0; column < columns; column++) {
      pq_push_value(L, result, row, column);
      lua_rawseti(L, -2, column + 1);
    }
    lua_rawseti(L, -2, row + 1);
  }
  return 1;
}

/* result:all() -> rows by column name; a NULL is left out */
static int result_all(lua_State *L) {
  const PGresult *result = check_result(L);
  int row, column, rows = PQntuples(result), columns = PQnfields(result), names;
  lua_createtable(L, columns, 0);
  names = lua_gettop(L);
  for (column = 0; column < columns; column++) {
    lua_pushstring(L, PQfname(result, column));
    lua_rawseti(L, names, column + 1);
  }
  lua_createtable(L, rows, 0);
  for (row = 0; row < rows; row++) {
    lua_createtable(L, 0, columns);
    for (column = 0; column < columns; column++) {
      lua_rawgeti(L, names, column + 1);
      pq_push_value(L, result, row, column);
      lua_rawset(L, -3);
    }
    lua_rawseti(L, -2, row + 1);
  }
  return 1;
}

/* result:close() frees it; also its finalizer. */
static int result_close(lua_State *L) {
  pq_result *r = luaL_checkudata(L, 1, PQ_RESULT);
  PGresult *result = r->result;
  r->result = NULL;
  PQclear(result); /* takes NULL */
  return 0;
}

/*
** Registers the class.
*/
void pq_open_result(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", result_close}, {"__close", result_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"affected", result_affected},
                                     {"all", result_all},
                                     {"close", result_close},
                                     {"rows", result_rows},
                                     {NULL, NULL}};
  cm_class(L, PQ_RESULT, meta, methods);
}
