#include "pq/pq.h"

#include "pq/server_failure.h"

/*
** connection:queue(sql, ...) -> true | nil, message, failure
** Adds a statement to the pipeline, which `flush` sends in one round trip.
*/
int pq_connection_queue(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  int pushed;
  if (pq_obstacle(c))
    return pq_push_obstacle(L, c);
  if (c->queued == 0 && !PQenterPipelineMode(c->conn))
    return pq_push_server_failure(L, c->conn, NULL);
  pushed = pq_send(L, c);
  if (pushed) {
    if (c->conn && c->queued == 0)
      PQexitPipelineMode(c->conn);
    return pushed;
  }
  c->queued++;
  lua_pushboolean(L, 1);
  return 1;
}

/*
** Reads the results of the pipeline into the table at `list`. Returns the place of the first
** statement that failed, its result on the top of the stack; 0 if none did; -1 if the connection is
** lost.
*/
static int read_pipeline(lua_State *L, pq_connection *c, int list, int count) {
  int i, failed = 0;
  for (i = 1; i <= count; i++) {
    pq_result *r = pq_new_result(L);
    if (!pq_await(c))
      return -1;
    r->result = PQgetResult(c->conn);
    if (!r->result)
      return -1;
    if (PQresultStatus(r->result) == PGRES_COPY_IN || PQresultStatus(r->result) == PGRES_COPY_OUT)
      return -1;
    if (!failed && !pq_is_good(r->result))
      failed = i;
    if (!pq_read_to_end(c))
      return failed == i ? i : -1; /* the server's last words, such as those of a shutdown */
    lua_rawseti(L, list, i);
  }
  if (failed)
    lua_rawgeti(L, list, failed);
  return failed;
}

/* Reads the mark that ends a pipeline. */
static bool end_pipeline(pq_connection *c) {
  PGresult *result;
  bool ended;
  if (!pq_await(c))
    return false;
  result = PQgetResult(c->conn);
  ended = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
  PQclear(result);
  return ended && PQexitPipelineMode(c->conn);
}

/*
** connection:flush() -> results | nil, message, failure
** Sends the queued statements and waits for all answers. If one fails, the server does not run
** those behind it; `statement` of the failure is its place in the pipeline.
*/
int pq_connection_flush(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  int failed, count = c->queued, list, pushed;
  if (pq_obstacle(c))
    return pq_push_obstacle(L, c);
  luaL_checkstack(L, 8, "too many results");
  lua_settop(L, 1);
  lua_createtable(L, count, 0);
  list = lua_gettop(L);
  if (count == 0)
    return 1;
  c->queued = 0;
  if (!PQpipelineSync(c->conn))
    return pq_push_lost(L, c);
  failed = read_pipeline(L, c, list, count);
  if (failed < 0)
    return pq_push_lost(L, c);
  if (failed > 0) {
    pq_result *r = lua_touserdata(L, -1);
    if (PQstatus(c->conn) == CONNECTION_OK && !end_pipeline(c))
      c->late = true;
    pushed =
        PQstatus(c->conn) == CONNECTION_OK && c->late ? pq_push_lost(L, c) : pq_push_bad(L, c, r);
    lua_pushinteger(L, failed);
    lua_setfield(L, -2, "statement");
    return pushed;
  }
  if (!end_pipeline(c))
    return pq_push_lost(L, c);
  lua_settop(L, list);
  return 1;
}
