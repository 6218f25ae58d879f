/*
** server_failure.h: a failure of PostgreSQL as the library's failures are: nil, message, failure.
*/
#ifndef PQ_SERVER_FAILURE_H
#define PQ_SERVER_FAILURE_H

#include "bind/compat.h"
#include "pq/libpq.h"

#include <stdbool.h>

int pq_push_failure(lua_State *L, const char *message, const char *code, bool lost);
int pq_push_server_failure(lua_State *L, PGconn *conn, const PGresult *result);

#endif
