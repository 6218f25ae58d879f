#define _POSIX_C_SOURCE 200809L

#include "pq/pq.h"

#include "pq/server_failure.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define CANCEL_SECONDS 5.0 /* for the answer to a statement that was cancelled */

static const char CLOSED[] = "the connection is closed";

/* ---------------------------------------------------------------- waiting */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits until the socket has news or can take more. False when the deadline (0: none) is over. */
bool pq_wait_socket(PGconn *conn, bool also_write, double deadline) {
  struct pollfd p;
  p.fd = PQsocket(conn);
  p.events = (short)(POLLIN | (also_write ? POLLOUT : 0));
  for (;;) {
    double left = deadline > 0 ? deadline - now() : 1.0;
    int ready;
    if (left <= 0)
      return false;
    p.revents = 0;
    ready = poll(&p, 1, deadline > 0 && left < 1.0 ? (int)(left * 1000) + 1 : 1000);
    if (ready > 0 || (ready < 0 && errno != EINTR))
      return true; /* libpq finds out what an error means */
  }
}

/*
** Sends what is buffered and reads until an answer is complete. False if the connection is lost or
** the deadline is over (`late` then).
*/
static bool pump(pq_connection *c, double deadline) {
  c->late = false;
  for (;;) {
    int unsent = PQflush(c->conn);
    if (unsent < 0)
      return false;
    if (unsent == 0 && !PQisBusy(c->conn))
      return true;
    if (!pq_wait_socket(c->conn, unsent > 0, deadline)) {
      c->late = true;
      return false;
    }
    if (!PQconsumeInput(c->conn))
      return false;
  }
}

double pq_deadline(const pq_connection *c) {
  return c->timeout > 0 ? now() + c->timeout : 0;
}

void pq_drop(pq_connection *c) {
  PGconn *conn = c->conn;
  c->conn = NULL;
  c->queued = 0;
  c->streaming = c->copying = false;
  if (!conn)
    return;
  if (c->pid == getpid())
    PQfinish(conn);
  /* a child leaves its parent's connection alone: PQfinish would end the parent's session */
}

bool pq_cancel(pq_connection *c) {
  char reason[256];
  PGcancel *handle = c->conn ? PQgetCancel(c->conn) : NULL;
  bool sent = handle && PQcancel(handle, reason, sizeof reason);
  PQfreeCancel(handle);
  return sent;
}

/*
** Waits for the next result. An answer that does not come in time is cancelled at the server; a
** server that does not answer to that either has lost the connection.
*/
bool pq_await(pq_connection *c) {
  if (pump(c, pq_deadline(c)))
    return true;
  if (c->late && pq_cancel(c) && pump(c, now() + CANCEL_SECONDS))
    return true; /* the result says that it was cancelled */
  return false;
}

/* Pushes the failure of a connection that cannot be used any more, and closes it. */
int pq_push_lost(lua_State *L, pq_connection *c) {
  int n = c->late ? pq_push_failure(L, "the server did not answer in time", "", true)
                  : pq_push_failure(L,
                                    c->conn && PQerrorMessage(c->conn)[0]
                                        ? PQerrorMessage(c->conn)
                                        : "the connection to the server was lost",
                                    "", true);
  pq_drop(c);
  return n;
}

/* ---------------------------------------------------------------- the state */

pq_connection *pq_to_connection(lua_State *L) {
  return luaL_checkudata(L, 1, PQ_CONNECTION);
}

/* The reason why a connection cannot take a statement now, or NULL. */
const char *pq_obstacle(const pq_connection *c) {
  if (!c->conn)
    return CLOSED;
  if (c->pid != getpid())
    return "the connection was opened before this process was forked";
  if (c->streaming)
    return "the rows of a stream are still to be read";
  if (c->copying)
    return "a COPY is under way";
  return NULL;
}

int pq_push_obstacle(lua_State *L, const pq_connection *c) {
  return pq_push_failure(L, pq_obstacle(c), "", !c->conn || c->pid != getpid());
}

/* ---------------------------------------------------------------- answers */

bool pq_is_good(const PGresult *result) {
  switch (PQresultStatus(result)) {
  case PGRES_COMMAND_OK:
  case PGRES_TUPLES_OK:
  case PGRES_EMPTY_QUERY:
  case PGRES_SINGLE_TUPLE:
    return true;
  default:
    return false;
  }
}

/* Reads and frees all results that are left. False if the connection is lost. */
bool pq_read_to_end(pq_connection *c) {
  PGresult *result;
  do {
    if (!pq_await(c))
      return false;
    result = PQgetResult(c->conn);
    PQclear(result);
  } while (result);
  return true;
}

/* Pushes the failure of a result that the userdata owns. */
int pq_push_bad(lua_State *L, pq_connection *c, pq_result *r) {
  int n = pq_push_server_failure(L, c->conn, r->result);
  if (PQstatus(c->conn) != CONNECTION_OK)
    pq_drop(c);
  return n;
}
