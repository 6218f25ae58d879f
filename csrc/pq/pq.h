/*
** pq.h: one connection to a PostgreSQL server, over libpq: wire.c, statement.c, pipeline.c,
** stream.c, copy.c and connection.c. They know each other's state, so they have this one header.
** They know Lua as the owner of their memory and for arguments and answers; none calls back into
** it.
**
** Who owns whom:
**
** Connection (pq_connection): the userdata that Lua holds. Owns the PGconn, until it is closed,
**   found lost or collected; whatever closes it goes through pq_drop. Belongs to the process that
**   opened it: a child that was forked leaves the PGconn and its socket alone.
**
** Result (pq_result, result.h): a userdata of its own. Owns its PGresult, and outlives the
**   connection that it came from.
**
** Parameters: an array of pointers in a userdata on the stack, for one call. The texts belong to
**   the call's arguments.
**
** A statement's life: statement.c reads the arguments and sends; wire.c waits, with a bound, by
** poll(2); the answer's first PGresult goes at once to a pq_result on the stack, so that an error
** of Lua cannot lose it. A connection does one thing at a time: a statement, a pipeline that is
** queued (`queued`), a stream of rows (`streaming`) or a COPY (`copying`); pq_obstacle tells which
** of them stands in the way.
*/
#ifndef PQ_PQ_H
#define PQ_PQ_H

#include "bind/compat.h"
#include "pq/libpq.h"
#include "pq/result.h"

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

/* wire.c: waiting for the server, the end of a connection, and what an answer says */
double pq_deadline(const pq_connection *c);
bool pq_wait_socket(PGconn *conn, bool also_write, double deadline);
bool pq_await(pq_connection *c);
bool pq_cancel(pq_connection *c);
void pq_drop(pq_connection *c);
int pq_push_lost(lua_State *L, pq_connection *c);
pq_connection *pq_to_connection(lua_State *L);
const char *pq_obstacle(const pq_connection *c);
int pq_push_obstacle(lua_State *L, const pq_connection *c);
bool pq_is_good(const PGresult *result);
bool pq_read_to_end(pq_connection *c);
int pq_push_bad(lua_State *L, pq_connection *c, pq_result *r);

/* statement.c: a statement with its parameters */
int pq_send(lua_State *L, pq_connection *c);
int pq_send_alone(lua_State *L, pq_connection *c);
int pq_begin(lua_State *L, pq_connection *c, pq_result **r);
int pq_connection_query(lua_State *L);

/* pipeline.c: several statements in one round trip */
int pq_connection_queue(lua_State *L);
int pq_connection_flush(lua_State *L);

/* stream.c: rows one by one */
int pq_connection_stream(lua_State *L);
int pq_connection_next(lua_State *L);

/* copy.c: COPY … FROM STDIN */
int pq_connection_copy(lua_State *L);
int pq_connection_put(lua_State *L);
int pq_connection_finish(lua_State *L);

/* connection.c: connecting, and the class */
void pq_open_connection(lua_State *L);
int pq_connect(lua_State *L);

#endif
