/*
** pq.c: the module commerce.pq, a thin binding of libpq. Only users of PostgreSQL build it.
** lua/commerce/pq.d.lua documents what Lua sees.
*/
#include "pq/pq.h"
#include "pq/rows.h"
#include "pq/result.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_commerce_pq(lua_State *L);

/* pq.versions() -> { libpq }: the version of libpq as a number, 150018 is 15.18 */
static int pq_versions(lua_State *L) {
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, PQlibVersion());
  lua_setfield(L, -2, "libpq");
  return 1;
}

int luaopen_commerce_pq(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"connect", pq_connect}, {"rows", pq_rows}, {"versions", pq_versions}, {NULL, NULL}};
  lua_getglobal(L, "require"); /* the class of failures is the core's */
  lua_pushliteral(L, "commerce.core");
  lua_call(L, 1, 0);
  pq_open_connection(L);
  pq_open_result(L);
  pq_open_rows(L);
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  return 1;
}
