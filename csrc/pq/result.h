/*
** result.h: what the server answered to one statement, and its rows as Lua values.
*/
#ifndef PQ_RESULT_H
#define PQ_RESULT_H

#include "bind/compat.h"
#include "pq/libpq.h"

#include <stdbool.h>

#define PQ_RESULT "commerce.pq.result"

typedef struct pq_result {
  PGresult *result; /* NULL when it is closed */
} pq_result;

void pq_open_result(lua_State *L);
pq_result *pq_new_result(lua_State *L);
void pq_push_value(lua_State *L, const PGresult *result, int row, int column);

#endif
