/*
** connection.h: one connection to a PostgreSQL server, over libpq. It waits by poll(2) with a bound
** and never calls Lua. The unit knows Lua only as the owner of its memory.
*/
#ifndef PQ_CONNECTION_H
#define PQ_CONNECTION_H

#include "bind/compat.h"
#include "pq/libpq.h"

#include <stdbool.h>
#include <sys/types.h>

#define PQ_CONNECTION "commerce.pq.connection"

typedef struct pq_connection {
  PGconn *conn;   /* NULL when it is closed */
  pid_t pid;      /* the process that opened it: a child must not use its socket */
  double timeout; /* seconds that an answer may take; 0: no bound */
  int queued;     /* statements of the pipeline that were not sent with `flush` yet */
  bool streaming; /* rows of a `stream` are still to come */
  bool copying;   /* a COPY is under way */
  bool late;      /* the last wait ended without an answer */
} pq_connection;

void pq_open_connection(lua_State *L);
int pq_connect(lua_State *L);

#endif
