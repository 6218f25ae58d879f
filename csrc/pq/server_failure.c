#include "pq/server_failure.h"

#include <string.h>

/*
** Whether the same call may succeed later, by SQLSTATE: the connection (08), a transaction that
** lost against another one (40), a full server (53), a server that is stopped or starting (57P).
*/
static bool passes(const char *code) {
  return strncmp(code, "08", 2) == 0 || strncmp(code, "40", 2) == 0 ||
         strncmp(code, "53", 2) == 0 || strncmp(code, "57P", 3) == 0 || strcmp(code, "55P03") == 0;
}

/* Pushes the first line of a text, without the spaces around it. */
static void push_line(lua_State *L, const char *text) {
  size_t n;
  text += strspn(text, " \t\r\n");
  n = strcspn(text, "\r\n");
  while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
    n--;
  lua_pushlstring(L, text, n);
}

/*
** Pushes nil, message, failure and returns 3. code: the SQLSTATE, or "" if there is none. lost:
** whether the connection cannot be used any more. The message's first line counts.
*/
int pq_push_failure(lua_State *L, const char *message, const char *code, bool lost) {
  lua_pushnil(L);
  push_line(L, message);
  lua_createtable(L, 0, 5);
  lua_pushliteral(L, "store");
  lua_setfield(L, -2, "kind");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "message");
  if (code[0]) {
    lua_pushstring(L, code);
    lua_setfield(L, -2, "code");
  }
  lua_pushboolean(L, lost || passes(code));
  lua_setfield(L, -2, "retryable");
  if (lost) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "lost");
  }
  luaL_getmetatable(L, "commerce.Failure"); /* commerce.core has made it */
  lua_setmetatable(L, -2);
  return 3;
}

/*
** The same for what the server, or libpq, said. result: NULL if there is none. The detail of a
** message is left out, since it repeats values of rows.
*/
int pq_push_server_failure(lua_State *L, PGconn *conn, const PGresult *result) {
  const char *code = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
  const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
  bool lost = !conn || PQstatus(conn) != CONNECTION_OK;
  if (!message && result)
    message = PQresultErrorMessage(result);
  if (!message || !message[0])
    message = conn ? PQerrorMessage(conn) : NULL;
  if (!message || !message[0])
    message = lost ? "the connection to the server was lost" : "the statement failed";
  return pq_push_failure(L, message, code ? code : "", lost);
}
