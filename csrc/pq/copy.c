#include "pq/pq.h"

#include "pq/server_failure.h"

#include <stdlib.h>

/*
** connection:copy(sql) -> true | nil, message, failure
** Begins COPY … FROM STDIN; `put` sends its data, and `finish` ends it.
*/
int pq_connection_copy(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  pq_result *r;
  int pushed = pq_begin(L, c, &r);
  if (pushed)
    return pushed;
  if (PQresultStatus(r->result) != PGRES_COPY_IN) {
    if (pq_is_good(r->result)) {
      if (!pq_read_to_end(c))
        return pq_push_lost(L, c);
      return pq_push_failure(L, "copy: the statement is not COPY … FROM STDIN", "", false);
    }
    if (!pq_read_to_end(c))
      return pq_push_lost(L, c);
    return pq_push_bad(L, c, r);
  }
  c->copying = true;
  lua_pushboolean(L, 1);
  return 1;
}

/* Waits until libpq's buffer is empty. */
static bool drain(pq_connection *c) {
  double deadline = pq_deadline(c);
  for (;;) {
    int unsent = PQflush(c->conn);
    c->late = false;
    if (unsent <= 0)
      return unsent == 0;
    if (!pq_wait_socket(c->conn, true, deadline)) {
      c->late = true;
      return false;
    }
    if (!PQconsumeInput(c->conn))
      return false;
  }
}

/* connection:put(text) -> true | nil, message, failure: data of a COPY, in its text format */
int pq_connection_put(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  luaL_argcheck(L, c->copying, 1, "no COPY is under way");
  luaL_argcheck(L, len < 0x7fffffff, 2, "the text is too long");
  while (len > 0) {
    int part = len > 65536 ? 65536 : (int)len; /* so that the buffer stays small */
    int taken = PQputCopyData(c->conn, text, part);
    if (taken < 0 || !drain(c))
      return pq_push_lost(L, c);
    if (taken > 0) {
      text += part;
      len -= (size_t)part;
    }
  }
  lua_pushboolean(L, 1);
  return 1;
}

/*
** connection:finish([why]) -> rows | nil, message, failure
** Ends a COPY. With a text, the server is told to undo it for that reason.
*/
int pq_connection_finish(lua_State *L) {
  pq_connection *c = pq_to_connection(L);
  const char *why = luaL_optstring(L, 2, NULL);
  pq_result *r;
  luaL_argcheck(L, c->copying, 1, "no COPY is under way");
  r = pq_new_result(L);
  c->copying = false;
  if (PQputCopyEnd(c->conn, why) < 0 || !pq_await(c))
    return pq_push_lost(L, c);
  r->result = PQgetResult(c->conn);
  if (!pq_read_to_end(c) && pq_is_good(r->result))
    return pq_push_lost(L, c);
  if (!pq_is_good(r->result))
    return pq_push_bad(L, c, r);
  lua_pushinteger(L, (lua_Integer)atoll(PQcmdTuples(r->result)));
  return 1;
}
