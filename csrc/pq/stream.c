#include "pq/pq.h"

#include "pq/server_failure.h"

/*
** connection:stream(sql, ...) -> true | nil, message, failure
** Runs a statement whose rows `next` gives one by one, so that memory stays flat.
*/
int pq_connection_stream(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  int pushed = pq_send_alone(L, c);
  if (pushed)
    return pushed;
  PQsetSingleRowMode(c->conn);
  c->streaming = true;
  lua_pushboolean(L, 1);
  return 1;
}

/*
** connection:next() -> row | false | nil, message, failure
** The next row of a stream by position, { value, … }; false when it has ended.
*/
int pq_connection_next(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  pq_result *r;
  int column, columns;
  if (!c->conn)
    return pq_push_obstacle(L, c);
  if (!c->streaming) {
    lua_pushboolean(L, 0);
    return 1;
  }
  r = pq_new_result(L);
  if (!pq_await(c))
    return pq_push_lost(L, c);
  r->result = PQgetResult(c->conn);
  if (PQresultStatus(r->result) == PGRES_SINGLE_TUPLE) {
    columns = PQnfields(r->result);
    lua_createtable(L, columns, 0);
    for (column = 0; column < columns; column++) {
      pq_push_value(L, r->result, 0, column);
      lua_rawseti(L, -2, column + 1);
    }
    PQclear(r->result);
    r->result = NULL;
    return 1;
  }
  c->streaming = false;
  if (!pq_read_to_end(c) && pq_is_good(r->result))
    return pq_push_lost(L, c);
  if (!pq_is_good(r->result))
    return pq_push_bad(L, c, r);
  lua_pushboolean(L, 0);
  return 1;
}
