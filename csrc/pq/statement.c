#include "pq/pq.h"

#include "pq/server_failure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_EXACT 9007199254740992.0 /* 2^53: the largest integers that a double holds */
#define NUMBER_ROOM 40                /* bytes that the text of a number needs at most */

static const char NUL_BYTE[] = "a text has a NUL byte, which PostgreSQL cannot store";

/* ---------------------------------------------------------------- parameters */

/* Writes a number as PostgreSQL reads it, in every locale. */
static void write_number(double n, char *out) {
  char *comma;
  int digits;
  if (isnan(n))
    strcpy(out, "NaN");
  else if (isinf(n))
    strcpy(out, n > 0 ? "Infinity" : "-Infinity");
  else if (n == floor(n) && fabs(n) <= MOST_EXACT)
    snprintf(out, NUMBER_ROOM, "%.0f", n);
  else
    for (digits = 15; digits <= 17; digits++) { /* 0.1 is not to become 0.10000000000000001 */
      snprintf(out, NUMBER_ROOM, "%.*g", digits, n);
      if (strtod(out, NULL) == n)
        break;
    }
  comma = strchr(out, ',');
  if (comma)
    *comma = '.';
}

/*
** Makes the parameters of a statement from the arguments after the SQL. The array is a userdata on
** the stack; the texts belong to the arguments. NULL if a text has a NUL byte.
*/
static const char **parameters(lua_State *L, int first, int *count) {
  int i, n = lua_gettop(L) - first + 1;
  const char **values;
  char *numbers;
  if (n < 0)
    n = 0;
  values = lua_newuserdata(L, ((size_t)n + 1) * (sizeof *values + NUMBER_ROOM));
  numbers = (char *)(values + n + 1);
  for (i = 0; i < n; i++) {
    size_t len;
    char *room = numbers + (size_t)i * NUMBER_ROOM;
    switch (lua_type(L, first + i)) {
    case LUA_TNIL:
      values[i] = NULL;
      break;
    case LUA_TBOOLEAN:
      values[i] = lua_toboolean(L, first + i) ? "t" : "f";
      break;
    case LUA_TNUMBER:
      write_number((double)lua_tonumber(L, first + i), room);
      values[i] = room;
      break;
    case LUA_TSTRING:
      values[i] = lua_tolstring(L, first + i, &len);
      if (strlen(values[i]) != len)
        return NULL;
      break;
    default:
      luaL_argerror(L, first + i, "nil, boolean, number or text expected");
    }
  }
  *count = n;
  return values;
}

/* ---------------------------------------------------------------- sending */

/* Sends a statement with the arguments after it. Returns 0, or the number of pushed values. */
int pq_send(lua_State *L, pq_connection *c) {
  const char *sql = luaL_checkstring(L, 2), **values;
  int count = 0;
  values = parameters(L, 3, &count);
  if (!values)
    return pq_push_failure(L, NUL_BYTE, "22021", false);
  if (!PQsendQueryParams(c->conn, sql, count, NULL, values, NULL, NULL, 0))
    return PQstatus(c->conn) == CONNECTION_OK ? pq_push_server_failure(L, c->conn, NULL)
                                              : pq_push_lost(L, c);
  return 0;
}

/* Sends the statement of a call, unless something stands in its way. Returns as pq_send does. */
int pq_send_alone(lua_State *L, pq_connection *c) {
  if (pq_obstacle(c))
    return pq_push_obstacle(L, c);
  luaL_argcheck(L, c->queued == 0, 1, "queued statements must be sent with flush first");
  return pq_send(L, c);
}

/*
** Sends the statement of a call and waits for its first result, which a new userdata on the stack
** owns. Returns 0, or how many values tell the failure.
*/
int pq_begin(lua_State *L, pq_connection *c, pq_result **r) {
  int pushed = pq_send_alone(L, c);
  if (pushed)
    return pushed;
  *r = pq_new_result(L);
  if (!pq_await(c))
    return pq_push_lost(L, c);
  (*r)->result = PQgetResult(c->conn);
  return 0;
}

/*
** connection:query(sql, ...) -> result | nil, message, failure
** Runs one statement. The parameters stand for $1, $2, … : nil, booleans, numbers and texts.
*/
int pq_connection_query(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  pq_result *r;
  int pushed = pq_begin(L, c, &r);
  if (pushed)
    return pushed;
  if (PQresultStatus(r->result) == PGRES_COPY_IN || PQresultStatus(r->result) == PGRES_COPY_OUT) {
    pq_drop(c);
    return pq_push_failure(L, "COPY must be sent with copy", "", true);
  }
  if (!pq_read_to_end(c) && pq_is_good(r->result))
    return pq_push_lost(L, c);
  return pq_is_good(r->result) ? 1 : pq_push_bad(L, c, r);
}
