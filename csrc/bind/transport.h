/*
** transport.h: binds queue.c to Lua: the connections of one process, and the only call that waits.
*/
#ifndef CM_TRANSPORT_H
#define CM_TRANSPORT_H

#include "bind/compat.h"
#include "net/net.h"

#define CM_TRANSPORT_CLASS "commerce.transport"

typedef struct cm_transport {
  cm_queue *queue; /* stays until collection, closed or not */
} cm_transport;

void cm_open_transport(lua_State *L);
int cm_transport_new(lua_State *L);

#endif
